// SPDX-License-Identifier: Apache-2.0
/*
 * A guest that nobody talks to: runs one program by itself and powers off. What it prints goes to a serial line of its
 * own, its exit status to the kernel's log.
 *
 * Command line: lab.script=/path/of/program lab.output=/dev/ttyS1
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "guest.h"

static int open_output(void)
{
	const char *path = parameter("lab.output", "/dev/console");
	int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	struct termios settings;

	if (fd < 0)
		die("cannot open %s", path);
	if (!tcgetattr(fd, &settings)) {
		cfmakeraw(&settings);
		tcsetattr(fd, TCSANOW, &settings);
	}
	return fd;
}

static void start_program(const char *path, int output)
{
	static char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", NULL };
	char *const argv[] = { (char *)path, NULL };

	setsid();
	if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
		_exit(126);
	execve(path, argv, environment);
	_exit(127);
}

void run_script(const char *path)
{
	int output = open_output();
	pid_t program = fork();
	int status;
	pid_t ended;

	if (program < 0)
		die("cannot start %s", path);
	if (!program)
		start_program(path, output);
	do {
		ended = waitpid(-1, &status, 0);
	} while (ended != program && (ended >= 0 || errno == EINTR));
	tcdrain(output);
	report(0, "%s ended with status %d", path,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	reboot(RB_POWER_OFF);
	die("cannot power off");
}

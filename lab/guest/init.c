// SPDX-License-Identifier: Apache-2.0
/*
 * PID 1 of a lab guest: mounts, network, agent, sshd; then reaps. Takes the place of systemd, whose boot costs twenty
 * seconds under TCG. What differs from lab to lab (host keys, authorized_keys, hosts) comes as files below /overlay in
 * a second cpio archive and is copied over the root.
 *
 * Command line, beside network.c's and script.c's: lab.root=/dev/vda (or "initrd") lab.hostname=guest
 * Another name for it, `init agent FD`, serves the agent's protocol on an open descriptor, for tests on the host.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define SSHD "/usr/sbin/sshd"
#define IN_ARCHIVE "initrd"	/* lab.root: the whole root came as /root of a cpio archive */

enum { DEVICE_TIMEOUT_MS = 10000 };

static void mount_at(const char *source, const char *target, const char *type, unsigned long flags, const char *options)
{
	mkdir(target, 0755);
	if (mount(source, target, type, flags, options))
		die("cannot mount %s on %s", source, target);
}

/* Helpful where the kernel has it (debugfs, tracefs), no loss where not. */
static void mount_if_possible(const char *type, const char *target)
{
	mkdir(target, 0755);
	if (mount(type, target, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) && errno != ENODEV && errno != ENOENT)
		report(errno, "cannot mount %s on %s", type, target);
}

/* The distribution's kernel has what it takes to mount the root as modules; /modules.list names them in order. */
static void load_modules(void)
{
	FILE *list = fopen("/modules.list", "re");
	char path[512];

	if (!list)
		return;
	while (fgets(path, sizeof(path), list)) {
		int fd;

		path[strcspn(path, "\n")] = '\0';
		if (!path[0])
			continue;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			die("cannot open module %s", path);
		if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
			die("cannot load module %s", path);
		close(fd);
	}
	fclose(list);
}

static void wait_for_device(const char *path)
{
	struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };

	for (int waited = 0; access(path, F_OK); waited += 5) {
		if (waited > DEVICE_TIMEOUT_MS)
			die("root device %s did not appear", path);
		nanosleep(&pause, NULL);
	}
}

static void mount_device(const char *device)
{
	wait_for_device(device);
	mount_at(device, "/lower", "squashfs", MS_RDONLY, NULL);
	mount_at("tmpfs", "/scratch", "tmpfs", 0, "mode=0755");
	mkdir("/scratch/upper", 0755);
	mkdir("/scratch/work", 0755);
	mount_at("overlay", "/root", "overlay", 0,
		 "lowerdir=/lower,upperdir=/scratch/upper,workdir=/scratch/work");
}

static bool root_is_in_archive(void)
{
	return !strcmp(parameter("lab.root", ""), IN_ARCHIVE);
}

static void mount_root(void)
{
	int error;

	if (root_is_in_archive())
		mount_at("/root", "/root", NULL, MS_BIND, NULL);
	else
		mount_device(parameter("lab.root", "/dev/vda"));
	error = copy_tree("/overlay", "/root");
	if (error && error != -ENOENT) {
		errno = -error;
		die("cannot copy the overlay");
	}
}

static void switch_root(void)
{
	static const char * const moved[] = { "/dev", "/proc", "/sys" };
	int old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char target[32];

	for (size_t i = 0; i < sizeof(moved) / sizeof(*moved); i++) {
		snprintf(target, sizeof(target), "/root%s", moved[i]);
		mkdir(target, 0755);
		if (mount(moved[i], target, NULL, MS_MOVE, NULL))
			die("cannot move %s", moved[i]);
	}
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		die("cannot switch root");
	if (old >= 0 && !root_is_in_archive())
		remove_tree(old);	/* The archive's memory is better spent on tests. */
}

static void mount_the_rest(void)
{
	mount_at("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
	mount_at("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666,gid=5");
	mount_at("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_if_possible("debugfs", "/sys/kernel/debug");
	mount_if_possible("tracefs", "/sys/kernel/tracing");
	mkdir("/run/sshd", 0755);
	mkdir("/run/lock", 01777);
	/* Nothing in user space may write to the console: it is the kernel's alone. */
	for (int fd = 0; fd < 3; fd++) {
		int null = open("/dev/null", O_RDWR);

		if (null >= 0 && null != fd) {
			dup2(null, fd);
			close(null);
		}
	}
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

static void set_sysctls(void)
{
	static const struct { const char *path, *value; } table[] = {
		/* Addresses are usable at once; no router answers in the lab. */
		{ "/proc/sys/net/ipv6/conf/all/accept_dad", "0" },
		{ "/proc/sys/net/ipv6/conf/default/accept_dad", "0" },
		{ "/proc/sys/net/ipv6/conf/eth0/accept_dad", "0" },
		{ "/proc/sys/net/ipv6/conf/all/accept_ra", "0" },
		{ "/proc/sys/net/ipv6/conf/default/accept_ra", "0" },
		{ "/proc/sys/net/ipv6/conf/eth0/accept_ra", "0" },
		/* A burst of clients must meet the device under test, not the accept queue's default. */
		{ "/proc/sys/net/core/somaxconn", "4096" },
		{ "/proc/sys/net/ipv4/tcp_max_syn_backlog", "4096" },
		/* Crash texts must reach the console whole; parts of a stack dump are KERN_INFO. */
		{ "/proc/sys/kernel/printk", "7 4 1 7" },
		{ "/proc/sys/kernel/printk_ratelimit", "0" },
		{ "/proc/sys/kernel/kptr_restrict", "0" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		int error = write_text(table[i].path, table[i].value);

		if (error && error != -ENOENT)
			report(-error, "sysctl %s", table[i].path);
	}
}

/*
 * Receive packet steering to every CPU: a single-queue virtio card would otherwise keep all softirq work on the CPU
 * that takes its interrupt.
 */
static void steer_packets(void)
{
	const char *device = parameter("lab.device", "eth0");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char path[320], mask[20];
	struct dirent *entry;
	DIR *queues;

	if (cpus < 1 || cpus > 32)
		cpus = cpus < 1 ? 1 : 32;
	snprintf(mask, sizeof(mask), "%llx", (1ULL << cpus) - 1);
	snprintf(path, sizeof(path), "/sys/class/net/%s/queues", device);
	queues = opendir(path);
	if (!queues)
		return;
	while ((entry = readdir(queues))) {
		int error;

		if (strncmp(entry->d_name, "rx-", 3))
			continue;
		snprintf(path, sizeof(path), "/sys/class/net/%s/queues/%s/rps_cpus", device, entry->d_name);
		error = write_text(path, mask);
		if (error)
			report(-error, "receive packet steering of %s", entry->d_name);
	}
	closedir(queues);
}

static pid_t start_agent(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(agent_serve(-1));
	if (pid < 0)
		report(errno, "cannot start the agent");
	return pid;
}

static void start_sshd(void)
{
	static char *const argv[] = { SSHD, "-D", "-E", "/var/log/sshd.log", NULL };
	static char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", NULL };

	if (access(SSHD, X_OK))
		return;
	if (!fork()) {
		setsid();
		execve(SSHD, argv, environment);
		_exit(127);
	}
}

static void reap(pid_t agent)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, 0);

		if (pid >= 0 && pid == agent) {
			report(0, "the agent ended with status %#x; starting it again", (unsigned int)status);
			agent = start_agent();
		} else if (pid < 0 && errno == ECHILD) {
			pause();
		}
	}
}

int main(int argc, char **argv)
{
	const char *hostname, *script;
	pid_t agent;

	if (argc == 3 && !strcmp(argv[1], "agent"))
		return agent_serve(atoi(argv[2]));
	if (getpid() != 1) {
		fprintf(stderr, "usage: %s agent FD\n", argv[0]);
		return 2;
	}
	mount_at("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
	mount_at("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_at("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	load_modules();
	mount_root();
	switch_root();
	mount_the_rest();
	hostname = parameter("lab.hostname", "guest");
	if (sethostname(hostname, strlen(hostname)))
		report(errno, "cannot set the host name");
	set_sysctls();
	configure_network();
	steer_packets();
	script = parameter("lab.script", NULL);
	if (script)
		run_script(script);
	agent = start_agent();
	start_sshd();
	reap(agent);
}

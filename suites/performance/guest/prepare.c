// SPDX-License-Identifier: Apache-2.0
/*
 * load prepare: moves off CPU 0 what may be moved, so that only the device under test works there: every task that
 * exists, interrupts, and work queues that are not bound to a CPU. What is bound to CPU 0 stays; it is told apart by
 * what it is.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

static void each_number(const char *folder, void (*visit)(unsigned long number))
{
	DIR *open = opendir(folder);
	struct dirent *entry;

	if (!open)
		usage("cannot list %s: %s", folder, strerror(errno));
	while ((entry = readdir(open)))
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			visit(strtoul(entry->d_name, NULL, 10));
	closedir(open);
}

static void move_task(unsigned long pid)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(CPU, &set);
	sched_setaffinity((pid_t)pid, sizeof(set), &set);	/* refused for a thread that is bound to its CPU */
}

static void move_interrupt(unsigned long interrupt)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/irq/%lu/smp_affinity_list", interrupt);
	write_text(path, "1");	/* refused for the few that are per CPU */
}

void prepare(int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		usage("load prepare takes nothing");
	each_number("/proc", move_task);
	each_number("/proc/irq", move_interrupt);
	write_text("/proc/irq/default_smp_affinity", "2");
	write_text("/sys/devices/virtual/workqueue/cpumask", "2");
}

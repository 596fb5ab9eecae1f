// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

/*
 * What the lab's QEMU plugin looks for: a no-op with a displacement that no compiler emits, whose low byte is the
 * marker's number.
 */
#define MARK(id) __asm__ volatile(".byte 0x0f, 0x1f, 0x80\n\t.long 0x57454900 + %c0" : : "i"(id) : "memory")

void marker(unsigned int id)
{
	switch (id) {
	case 1: MARK(1); break;
	case 2: MARK(2); break;
	case 3: MARK(3); break;
	case 4: MARK(4); break;
	case 5: MARK(5); break;
	case 6: MARK(6); break;
	case 7: MARK(7); break;
	case 8: MARK(8); break;
	case 9: MARK(9); break;
	default: usage("no marker %u", id);
	}
}

void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		usage("cannot go to CPU %u: %s", cpu, strerror(errno));
}

void run_course(const struct course *course, void (*step)(void *), void *data)
{
	for (unsigned long i = 0; i < course->warm_up; i++)
		step(data);
	usleep(PAUSE_US);
	marker(1);
	for (unsigned int part = 0; part < course->parts; part++) {
		for (unsigned long i = 0; i < course->count; i++)
			step(data);
		usleep(PAUSE_US);
		marker(part + 2);
	}
}

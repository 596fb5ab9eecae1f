// SPDX-License-Identifier: GPL-2.0-only
/* What the tests of kmod/clients.c set and read. */

#include "shim.h"
#include "stats.h"

u64 shim_clock;
bool shim_no_memory;
int shim_objects;
static struct weir_stats shim_stats;

struct weir_stats *shim_counters(void)
{
	return &shim_stats;
}

u64 shim_stat(int stat)
{
	return shim_stats.counters[stat];
}

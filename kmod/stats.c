// SPDX-License-Identifier: GPL-2.0-only
/* Statistics: summing and naming them. */

#include <linux/array_size.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "net.h"
#include "stats.h"

static const char * const weir_stats_names[WEIR_STAT_COUNT] = {
#define WEIR_STAT_NAME(name) [WEIR_STAT_##name] = #name,
	WEIR_STATS(WEIR_STAT_NAME, WEIR_STAT_NAME)
#undef WEIR_STAT_NAME
};

const char *weir_stats_name(unsigned int stat)
{
	return stat < ARRAY_SIZE(weir_stats_names) ? weir_stats_names[stat] : NULL;
}

/* A sum is not a snapshot: other CPUs go on counting meanwhile. */
void weir_stats_sum(struct net *net, u64 *sums)
{
	struct weir_net *wn = weir_net(net);
	unsigned int stat;
	int cpu;

	memset(sums, 0, WEIR_STAT_COUNT * sizeof(*sums));
	for_each_possible_cpu(cpu) {
		const struct weir_stats *part = per_cpu_ptr(wn->stats, cpu);

		for (stat = 0; stat < WEIR_STAT_COUNT; stat++)
			sums[stat] += READ_ONCE(part->counters[stat]);
	}
}

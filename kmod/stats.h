/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Statistics of one network namespace, counted per CPU and summed on demand.
 */
#ifndef _WEIR_STATS_H
#define _WEIR_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

struct net;

/*
 * The counters, in the order of the enumeration and of the netlink spec.
 * COUNTER only grows; GAUGE goes up and down (a per-CPU part may be negative,
 * the sum is not).
 */
#define WEIR_STATS(COUNTER, GAUGE)						\
	COUNTER(connections_accepted)	/* client connections */		\
	GAUGE(connections_active)						\
	COUNTER(requests)		/* whole request heads */		\
	COUNTER(requests_softirq)	/* of these, handled in a softirq */	\
	COUNTER(requests_other)		/* and in any other context */		\
	COUNTER(responses)		/* final replies sent, whoever made them */ \
	COUNTER(responses_1xx)							\
	COUNTER(responses_2xx)							\
	COUNTER(responses_3xx)							\
	COUNTER(responses_4xx)							\
	COUNTER(responses_5xx)							\
	COUNTER(bytes_client_in)						\
	COUNTER(bytes_client_out)						\
	COUNTER(bytes_upstream_in)						\
	COUNTER(bytes_upstream_out)						\
	COUNTER(rejected_bad_request)	/* 400, 413, 414, 431, 501, 505 */	\
	COUNTER(rejected_rate)							\
	COUNTER(rejected_burst)							\
	COUNTER(timeouts_client)	/* head, body or reading too slow */	\
	COUNTER(upstream_connects)						\
	COUNTER(upstream_failures)	/* refused, reset, timed out, garbage */ \
	GAUGE(upstream_active)		/* connections established */		\
	COUNTER(errors_502)							\
	COUNTER(errors_503)							\
	COUNTER(errors_504)							\
	COUNTER(allocation_failures)						\
	GAUGE(memory_bytes)		/* held for connections and messages */

enum weir_stat {
#define WEIR_STAT_ENUM(name) WEIR_STAT_##name,
	WEIR_STATS(WEIR_STAT_ENUM, WEIR_STAT_ENUM)
#undef WEIR_STAT_ENUM
	WEIR_STAT_COUNT,
};

/* One CPU's part. */
struct weir_stats {
	u64 counters[WEIR_STAT_COUNT];
};

/* Sums of all CPUs into @sums[WEIR_STAT_COUNT].  Process context. */
void weir_stats_sum(struct net *net, u64 *sums);
/* "requests" and so on; NULL when @stat is out of range. */
const char *weir_stats_name(unsigned int stat);

/* Add @by, which may be negative for a gauge.  Any context. */
static inline void weir_stats_add(struct weir_stats __percpu *stats, enum weir_stat stat, s64 by)
{
	this_cpu_add(stats->counters[stat], by);
}

#endif /* _WEIR_STATS_H */

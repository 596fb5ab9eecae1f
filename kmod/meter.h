/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Meters: what one scope (a listener, a virtual host, an upstream group, one of
 * its servers) has done, counted per CPU and summed on demand.
 *
 * A meter belongs to a name, not to an object: whoever asks for the meter of a
 * name that has one gets that, so counts survive reconfiguration for as long
 * as anybody (a configuration, a connection) holds a reference.
 */
#ifndef _WEIR_METER_H
#define _WEIR_METER_H

#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "config.h"
#include "surge.h"

/* Of what a meter is; the ABI's scope-kind. */
enum weir_meter_kind {
	WEIR_METER_LISTENER,
	WEIR_METER_VHOST,
	WEIR_METER_UPSTREAM,
	WEIR_METER_SERVER,
};

/*
 * What is counted.  Of listeners and virtual hosts it is the client's side that
 * is meant, a request being one that a client made; of upstreams and servers the
 * server's side, a request being one that was given to a connection.
 */
enum weir_meter_counter {
	WEIR_METER_requests,		/* that are over, whatever their end */
	WEIR_METER_responses_1xx,	/* whole final replies, by class */
	WEIR_METER_responses_2xx,
	WEIR_METER_responses_3xx,
	WEIR_METER_responses_4xx,
	WEIR_METER_responses_5xx,
	WEIR_METER_failures,		/* no server's reply, or not all of it */
	WEIR_METER_aborted,		/* the client left, or was too slow */
	/* Of listeners and virtual hosts: */
	WEIR_METER_unserved,		/* refused, given a puzzle, or ended in a 5xx */
	WEIR_METER_solved,		/* puzzles */
	WEIR_METER_under_attack,	/* gauge: 1 while it is, attack.h */
	WEIR_METER_retries,		/* requests given to another connection */
	WEIR_METER_bytes_in,		/* received */
	WEIR_METER_bytes_out,		/* sent */
	WEIR_METER_connects,		/* connections that came up */
	WEIR_METER_connections,		/* gauge: of these, still there */
	WEIR_METER_latency_us,		/* sum of what the buckets count */
	WEIR_METER_COUNT,
};

/*
 * Latencies are counted in buckets, four to an octave of microseconds: the
 * first holds what took less than 16 us, the last what took 2^26 us (67 s) or
 * more, and every other one is at most a quarter as wide as its lower bound.
 */
enum {
	WEIR_METER_OCTAVE_FIRST	= 4,
	WEIR_METER_OCTAVE_END	= 26,
	WEIR_METER_BUCKETS	= 4 * (WEIR_METER_OCTAVE_END - WEIR_METER_OCTAVE_FIRST) + 2,
};

/* One CPU's part, or the sum of all. */
struct weir_meter_counts {
	u64 counters[WEIR_METER_COUNT];
	u64 buckets[WEIR_METER_BUCKETS];
};

/**
 * struct weir_meters - the meters of a namespace
 * @refs: one of the namespace, one of each meter: some outlive it a little
 * @lock: protects @list, and a meter's end; softirqs off; a leaf
 * @list: struct weir_meter, oldest first
 * @count: how many
 */
struct weir_meters {
	refcount_t		refs;
	spinlock_t		lock; /* protects the rest */
	struct list_head	list;
	unsigned int		count;
};

/**
 * struct weir_meter - the counts of one scope
 * @refs: one of each that says so
 * @node: in the namespace's meters
 * @meters: these, with a reference
 * @kind: what it is of
 * @name: of the virtual host or upstream, or of the server's upstream; else ""
 * @address: the listener's or server's, else zeros
 * @counts: written in softirqs, or by this_cpu operations
 * @attacked: it is under attack; written by attack.c's work item
 * @surge: why; that work item's own
 */
struct weir_meter {
	refcount_t				refs;
	struct list_head			node;
	struct weir_meters			*meters;
	enum weir_meter_kind			kind;
	char					name[WEIR_NAME_MAX];
	union weir_address			address;
	struct weir_meter_counts __percpu	*counts;
	bool					attacked;
	struct surge				surge;
};

/* Empty, with one reference; NULL without memory.  Process context. */
struct weir_meters *weir_meters_alloc(void);
/* Any context. */
void weir_meters_put(struct weir_meters *meters);

/*
 * The meter of a name, made if there is none, with a reference for the caller;
 * NULL without memory.  @address may be NULL.  Process context, under the
 * namespace's lock; sleeps.
 */
struct weir_meter *weir_meter_get(struct weir_meters *meters, enum weir_meter_kind kind,
				  const char *name, const union weir_address *address);
/* Any context.  NULL is nobody's meter. */
void weir_meter_put(struct weir_meter *meter);
static inline struct weir_meter *weir_meter_hold(struct weir_meter *meter)
{
	refcount_inc(&meter->refs);
	return meter;
}

/*
 * Count a request that had a whole reply of this class, 1 to 5, which took @us.
 * Softirq.
 */
void weir_meter_reply(struct weir_meter *meter, unsigned int class, u64 bytes_in, u64 bytes_out,
		      u64 us);
/* Count one that had none: @end says why, failures or aborted.  Any context. */
void weir_meter_loss(struct weir_meter *meter, enum weir_meter_counter end, u64 bytes_in,
		     u64 bytes_out);
/* Any context. */
static inline void weir_meter_add(struct weir_meter *meter, enum weir_meter_counter counter, s64 by)
{
	this_cpu_add(meter->counts->counters[counter], by);
}

/* The bucket of a latency. */
static inline unsigned int weir_meter_bucket(u64 us)
{
	unsigned int octave;

	if (us < 1 << WEIR_METER_OCTAVE_FIRST)
		return 0;
	if (us >= 1 << WEIR_METER_OCTAVE_END)
		return WEIR_METER_BUCKETS - 1;
	octave = __fls(us);
	return 4 * (octave - WEIR_METER_OCTAVE_FIRST) + ((us >> (octave - 2)) & 3) + 1;
}

/* All latencies in a bucket are below this, us; 0: the last one, which has no bound. */
u64 weir_meter_bound(unsigned int bucket);

/* "requests" and so on. */
const char *weir_meter_name(enum weir_meter_counter counter);
bool weir_meter_is_gauge(enum weir_meter_counter counter);
/* All CPUs' counts of one counter.  Not a snapshot. */
u64 weir_meter_total(const struct weir_meter *meter, enum weir_meter_counter counter);
/* All CPUs' counts into @sum.  Not a snapshot: others go on counting. */
void weir_meter_sum(const struct weir_meter *meter, struct weir_meter_counts *sum);
/*
 * All meters of the namespace, each with a reference, in an array to be kvfree'd;
 * NULL without memory.  Process context, sleeps.
 */
struct weir_meter **weir_meters_list(struct weir_meters *meters, unsigned int *count);

#endif /* _WEIR_METER_H */

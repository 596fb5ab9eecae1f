// SPDX-License-Identifier: GPL-2.0-only
/*
 * Request rates of client addresses.
 *
 * One table for all CPUs, so counts are exact; its size is fixed; its hash is
 * keyed, so nobody can aim at a bucket.  A bucket is a few entries under one
 * lock.  An entry whose windows are over may be taken for another client; if
 * none is, the client is counted together with all others that found this
 * bucket full.  So a flood of addresses can make a client share its limit, but
 * nobody gains requests by pushing an entry out.
 *
 * A window starts with a client's first request after the last window's end.
 * Within it at most the limit passes; what is refused is not counted.
 */

#include <linux/cache.h>
#include <linux/ipv6.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <net/ipv6.h>

#include "config.h"
#include "limit.h"

enum {
	WEIR_LIMIT_BUCKETS	= 4096,		/* a power of two */
	WEIR_LIMIT_WAYS		= 8,
};

#define WEIR_LIMIT_RATE_NS	NSEC_PER_SEC
#define WEIR_LIMIT_BURST_NS	(125 * NSEC_PER_MSEC)

/**
 * struct weir_limit_window - requests since a moment
 * @start: the moment, ns of the monotonic clock; 0: never
 * @count: how many passed
 */
struct weir_limit_window {
	u64 start;
	u32 count;
};

/**
 * struct weir_limit_entry - one client
 * @address: whose
 * @rate: its second
 * @burst: its 125 ms
 */
struct weir_limit_entry {
	struct in6_addr			address;
	struct weir_limit_window	rate;
	struct weir_limit_window	burst;
};

/**
 * struct weir_limit_bucket - clients with one hash
 * @lock: protects the entries; softirqs off; a leaf
 * @entries: clients of their own
 * @shared: all others
 */
struct weir_limit_bucket {
	spinlock_t			lock; /* protects the entries */
	struct weir_limit_entry		entries[WEIR_LIMIT_WAYS];
	struct weir_limit_entry		shared;
} ____cacheline_aligned;

struct weir_limiter {
	siphash_key_t			key;
	struct weir_limit_bucket	buckets[WEIR_LIMIT_BUCKETS];
};

struct weir_limiter *weir_limiter_alloc(void)
{
	struct weir_limiter *limiter = kvzalloc(sizeof(*limiter), GFP_KERNEL);
	unsigned int i;

	if (!limiter)
		return NULL;
	get_random_bytes(&limiter->key, sizeof(limiter->key));
	for (i = 0; i < WEIR_LIMIT_BUCKETS; i++)
		spin_lock_init(&limiter->buckets[i].lock);
	return limiter;
}

void weir_limiter_free(struct weir_limiter *limiter)
{
	kvfree(limiter);
}

size_t weir_limiter_size(void)
{
	return sizeof(struct weir_limiter);
}

static bool weir_limit_over(const struct weir_limit_window *window, u64 now, u64 length)
{
	return !window->start || now - window->start >= length;
}

static struct weir_limit_entry *weir_limit_find(struct weir_limit_bucket *bucket,
						const struct in6_addr *address, u64 now)
{
	struct weir_limit_entry *entry, *free = NULL;
	unsigned int i;

	for (i = 0; i < WEIR_LIMIT_WAYS; i++) {
		entry = &bucket->entries[i];
		if (entry->rate.start && ipv6_addr_equal(&entry->address, address))
			return entry;
		if (!free && weir_limit_over(&entry->rate, now, WEIR_LIMIT_RATE_NS) &&
		    weir_limit_over(&entry->burst, now, WEIR_LIMIT_BURST_NS))
			free = entry;
	}
	if (!free)
		return &bucket->shared;
	free->address = *address;
	free->rate.start = 0;
	free->burst.start = 0;
	return free;
}

/* Whether one more fits; starts a new window if the last is over. */
static bool weir_limit_fits(struct weir_limit_window *window, u32 limit, u64 now, u64 length)
{
	if (weir_limit_over(window, now, length)) {
		window->start = now;
		window->count = 0;
	}
	return !limit || window->count < limit;
}

enum weir_limit_verdict weir_limit_check(struct weir_limiter *limiter,
					 const struct weir_limits *limits,
					 const struct in6_addr *client)
{
	u64 hash = siphash(client, sizeof(*client), &limiter->key), now;
	struct weir_limit_bucket *bucket = &limiter->buckets[hash % WEIR_LIMIT_BUCKETS];
	enum weir_limit_verdict verdict = WEIR_LIMIT_PASS;
	struct weir_limit_entry *entry;

	spin_lock_bh(&bucket->lock);
	/* Read under the lock, so that it never precedes the start of a window. */
	now = ktime_get_ns();
	entry = weir_limit_find(bucket, client, now);
	if (!weir_limit_fits(&entry->burst, limits->request_burst, now, WEIR_LIMIT_BURST_NS))
		verdict = WEIR_LIMIT_BURST;
	if (!weir_limit_fits(&entry->rate, limits->request_rate, now, WEIR_LIMIT_RATE_NS) &&
	    verdict == WEIR_LIMIT_PASS)
		verdict = WEIR_LIMIT_RATE;
	if (verdict == WEIR_LIMIT_PASS) {
		entry->burst.count++;
		entry->rate.count++;
	}
	spin_unlock_bh(&bucket->lock);
	return verdict;
}

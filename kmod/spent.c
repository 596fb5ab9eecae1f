// SPDX-License-Identifier: GPL-2.0-only
/* Puzzles that were solved and may not be used again. */

#include <linux/cache.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>

#include "spent.h"
#include "stats.h"

/**
 * struct weir_spent_bucket - nonces of one hash
 * @lock: protects the rest
 * @until: when each is over, in seconds that wrap around; a slot is free after that
 * @hashes: what they are known by; 0: a slot that was never used
 */
struct weir_spent_bucket {
	spinlock_t	lock; /* protects the rest */
	u32		until[WEIR_SPENT_SLOTS];
	u64		hashes[WEIR_SPENT_SLOTS];
} ____cacheline_aligned;

/**
 * struct weir_spent - the table
 * @key: of the hash
 * @stats: where its memory is counted
 * @buckets: the buckets
 */
struct weir_spent {
	siphash_key_t			key;
	struct weir_stats __percpu	*stats;
	struct weir_spent_bucket	buckets[WEIR_SPENT_BUCKETS];
};

struct weir_spent *weir_spent_alloc(struct weir_stats __percpu *stats)
{
	struct weir_spent *spent = kvzalloc(sizeof(*spent), GFP_KERNEL);
	unsigned int i;

	if (!spent)
		return NULL;
	get_random_bytes(&spent->key, sizeof(spent->key));
	spent->stats = stats;
	for (i = 0; i < WEIR_SPENT_BUCKETS; i++)
		spin_lock_init(&spent->buckets[i].lock);
	weir_stats_add(stats, WEIR_STAT_memory_bytes, sizeof(*spent));
	return spent;
}

void weir_spent_free(struct weir_spent *spent)
{
	if (spent)
		weir_stats_add(spent->stats, WEIR_STAT_memory_bytes, -(s64)sizeof(*spent));
	kvfree(spent);
}

/* Bucket's lock held. */
static enum weir_spending weir_spend_in(struct weir_spent_bucket *bucket, u64 hash, u32 now,
					u32 until)
{
	int free = -1;
	unsigned int i;

	for (i = 0; i < WEIR_SPENT_SLOTS; i++) {
		if (!bucket->hashes[i] || (s32)(bucket->until[i] - now) < 0)
			free = i;
		else if (bucket->hashes[i] == hash)
			return WEIR_SPENT_BEFORE;
	}
	if (free < 0)
		return WEIR_SPENT_NO_ROOM;
	bucket->hashes[free] = hash;
	bucket->until[free] = until;
	return WEIR_SPENT_NOW;
}

enum weir_spending weir_spend(struct weir_spent *spent, const void *nonce, size_t len, u64 now,
			      u64 until)
{
	u64 hash = siphash(nonce, len, &spent->key);
	struct weir_spent_bucket *bucket = &spent->buckets[hash % WEIR_SPENT_BUCKETS];
	enum weir_spending spending;

	spin_lock(&bucket->lock);
	/* 0 is nobody's. */
	spending = weir_spend_in(bucket, hash ?: 1, now, until);
	spin_unlock(&bucket->lock);
	return spending;
}

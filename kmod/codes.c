// SPDX-License-Identifier: GPL-2.0-only
/* Replies with certain codes that clients got lately. */

#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <net/ipv6.h>

#include "codes.h"
#include "stats.h"
#include "window.h"

enum {
	WEIR_CODES_WAYS = 8,
};

/**
 * struct weir_code_entry - a client's replies
 * @key: the client's
 * @slot_ns: how long a slot of @window is; 0: it is nobody's
 * @scope: the virtual host's
 * @window: when they were sent
 */
struct weir_code_entry {
	struct in6_addr		key;
	u64			slot_ns;
	u32			scope;
	struct weir_window	window;
};

/**
 * struct weir_code_bucket - entries of one hash
 * @lock: protects @entries
 * @entries: the entries
 */
struct weir_code_bucket {
	spinlock_t		lock; /* protects @entries */
	struct weir_code_entry	entries[WEIR_CODES_WAYS];
};

/**
 * struct weir_codes - a namespace's table
 * @secret: of the hash
 * @stats: where the memory is counted
 * @mask: buckets less one
 * @buckets: the buckets
 */
struct weir_codes {
	siphash_key_t			secret;
	struct weir_stats __percpu	*stats;
	u32				mask;
	struct weir_code_bucket		buckets[];
};

static size_t weir_codes_size(const struct weir_codes *codes)
{
	return struct_size(codes, buckets, codes->mask + 1);
}

struct weir_codes *weir_codes_alloc(unsigned int clients, struct weir_stats __percpu *stats)
{
	u32 i, count = roundup_pow_of_two(DIV_ROUND_UP(clients, WEIR_CODES_WAYS));
	struct weir_codes *codes;

	codes = kvzalloc(struct_size(codes, buckets, count), GFP_KERNEL_ACCOUNT);
	if (!codes)
		return NULL;
	get_random_bytes(&codes->secret, sizeof(codes->secret));
	codes->stats = stats;
	codes->mask = count - 1;
	for (i = 0; i < count; i++)
		spin_lock_init(&codes->buckets[i].lock);
	weir_stats_add(stats, WEIR_STAT_memory_bytes, weir_codes_size(codes));
	return codes;
}

void weir_codes_free(struct weir_codes *codes)
{
	if (!codes)
		return;
	weir_stats_add(codes->stats, WEIR_STAT_memory_bytes, -(s64)weir_codes_size(codes));
	kvfree(codes);
}

static struct weir_code_bucket *weir_codes_bucket(struct weir_codes *codes,
						  const struct in6_addr *key)
{
	return &codes->buckets[siphash(key, sizeof(*key), &codes->secret) & codes->mask];
}

static u64 weir_code_entry_count(struct weir_code_entry *entry, u64 now)
{
	if (!entry->slot_ns)
		return 0;
	return weir_window_count(&entry->window, div64_u64(now, entry->slot_ns));
}

/* The client's entry, or else that which has the least; @count: what that has. */
static struct weir_code_entry *weir_codes_find(struct weir_code_bucket *bucket,
					       const struct in6_addr *key, u32 scope, u64 *count)
{
	/* A tick is little to a window of this kind. */
	u64 now = ktime_get_coarse_ns();
	struct weir_code_entry *least = NULL;
	unsigned int i;

	lockdep_assert_held(&bucket->lock);
	*count = U64_MAX;
	for (i = 0; i < WEIR_CODES_WAYS; i++) {
		struct weir_code_entry *entry = &bucket->entries[i];
		u64 of = weir_code_entry_count(entry, now);

		if (entry->slot_ns && entry->scope == scope && ipv6_addr_equal(&entry->key, key)) {
			*count = of;
			return entry;
		}
		if (of < *count) {
			least = entry;
			*count = of;
		}
	}
	return least;
}

u64 weir_codes_count(struct weir_codes *codes, const struct in6_addr *key, u32 scope)
{
	struct weir_code_bucket *bucket = weir_codes_bucket(codes, key);
	u64 count;

	spin_lock_bh(&bucket->lock);
	weir_codes_find(bucket, key, scope, &count);
	spin_unlock_bh(&bucket->lock);
	return count;
}

void weir_codes_add(struct weir_codes *codes, const struct in6_addr *key, u32 scope, u64 us)
{
	struct weir_code_bucket *bucket = weir_codes_bucket(codes, key);
	u64 slot_ns = max_t(u64, us * NSEC_PER_USEC / WEIR_WINDOW_SLOTS, 1);
	struct weir_code_entry *entry;
	u64 count;

	spin_lock_bh(&bucket->lock);
	entry = weir_codes_find(bucket, key, scope, &count);
	/* What was counted for another time, or is given up: as if it was all just now. */
	if (entry->slot_ns != slot_ns) {
		memset(&entry->window, 0, sizeof(entry->window));
		entry->slot_ns = slot_ns;
		weir_window_count(&entry->window, div64_u64(ktime_get_coarse_ns(), slot_ns));
		entry->window.counts[0] = min_t(u64, count, U32_MAX - 1);
	}
	entry->key = *key;
	entry->scope = scope;
	weir_window_add(&entry->window);
	spin_unlock_bh(&bucket->lock);
}

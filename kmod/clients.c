// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounts of clients.
 *
 * A bucket's lock protects its chain, how many connections its accounts have
 * open, and all windows of accounts without any.  While connections are open,
 * the account's own lock protects its windows of requests: an account that is
 * pinned is neither moved nor freed.
 */

#include <linux/cache.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <net/ipv6.h>

#include "clients.h"
#include "stats.h"
#include "window.h"

/* A slot of the shortest window, 125 ms / WEIR_WINDOW_SLOTS. */
#define WEIR_ACCOUNTS_TICK_NS (125 * NSEC_PER_MSEC / WEIR_WINDOW_SLOTS)

/**
 * struct weir_limit_row - how a limit is measured
 * @event: what is counted
 * @shift: a slot of its window is so many doublings of a tick; unused for what
 *	is counted at the moment
 */
struct weir_limit_row {
	enum weir_limit_event	event;
	u8			shift;
};

static const struct weir_limit_row weir_limit_rows[WEIR_LIMIT_COUNT] = {
	[WEIR_LIMIT_REQUEST_BURST] = { WEIR_LIMIT_REQUEST, 0 },
	[WEIR_LIMIT_REQUEST_RATE] = { WEIR_LIMIT_REQUEST, 3 },
	[WEIR_LIMIT_CONNECTION_BURST] = { WEIR_LIMIT_CONNECTION, 0 },
	[WEIR_LIMIT_CONNECTION_RATE] = { WEIR_LIMIT_CONNECTION, 3 },
	/* A minute, near enough. */
	[WEIR_LIMIT_CHALLENGE_MISSES] = { WEIR_LIMIT_MISS, 9 },
	[WEIR_LIMIT_TLS_HANDSHAKE_BURST] = { WEIR_LIMIT_HANDSHAKE, 0 },
	[WEIR_LIMIT_TLS_HANDSHAKE_RATE] = { WEIR_LIMIT_HANDSHAKE, 3 },
	[WEIR_LIMIT_TLS_INCOMPLETE_RATE] = { WEIR_LIMIT_INCOMPLETE, 3 },
	[WEIR_LIMIT_CONCURRENT_CONNECTIONS] = { WEIR_LIMIT_CONNECTION },
	[WEIR_LIMIT_MIN_BODY_RATE] = { WEIR_LIMIT_TRANSFER },
	[WEIR_LIMIT_MIN_SEND_RATE] = { WEIR_LIMIT_TRANSFER },
	[WEIR_LIMIT_HEADER_CHUNKS] = { WEIR_LIMIT_TRANSFER },
	[WEIR_LIMIT_BODY_CHUNKS] = { WEIR_LIMIT_TRANSFER },
	[WEIR_LIMIT_TLS_FINGERPRINT_DENY] = { WEIR_LIMIT_TRANSFER },
};

/**
 * struct weir_account - what one client has done
 * @key: whose it is
 * @bucket: index of its bucket, for good
 * @next: in the bucket.  This and @open: bucket's lock
 * @open: connections that hold it
 * @lock: protects windows of requests while @open; inside the bucket's; a leaf
 * @windows: by enum weir_limit
 */
struct weir_account {
	struct in6_addr		key;
	struct weir_account	*next;
	u32			bucket;
	u32			open;
	spinlock_t		lock; /* see above */
	struct weir_window	windows[WEIR_LIMIT_WINDOWS];
};

/**
 * struct weir_accounts_bucket - accounts with one hash
 * @lock: see above; softirqs off
 * @idle: accounts without open connections
 * @first: the accounts
 * @floor: what a client without an account may have done at most
 */
struct weir_accounts_bucket {
	spinlock_t		lock; /* see above */
	u32			idle;
	struct weir_account	*first;
	struct weir_window	floor[WEIR_LIMIT_WINDOWS];
} ____cacheline_aligned;

/**
 * struct weir_accounts - the table
 * @key: of the hash
 * @stats: where memory and accounts are counted
 * @mask: one less than there are buckets, a power of two
 * @buckets: the buckets
 */
struct weir_accounts {
	siphash_key_t			key;
	struct weir_stats __percpu	*stats;
	u32				mask;
	struct weir_accounts_bucket	buckets[];
};

static struct kmem_cache *weir_accounts_cache;

unsigned int weir_clients_max = WEIR_ACCOUNTS_DEFAULT;
module_param_named(clients, weir_clients_max, uint, 0444);
MODULE_PARM_DESC(clients, "clients that are remembered without a connection, 8 to 4194304");

enum weir_limit_event weir_limit_event(enum weir_limit limit)
{
	return weir_limit_rows[limit].event;
}

static size_t weir_accounts_size(u32 buckets)
{
	return sizeof(struct weir_accounts) + buckets * sizeof(struct weir_accounts_bucket);
}

struct weir_accounts *weir_accounts_alloc(unsigned int clients, struct weir_stats __percpu *stats)
{
	u32 buckets = roundup_pow_of_two(clamp_t(u32, clients / WEIR_ACCOUNTS_IDLE, 1,
						 WEIR_ACCOUNTS_MAX / WEIR_ACCOUNTS_IDLE));
	struct weir_accounts *accounts = kvzalloc(weir_accounts_size(buckets), GFP_KERNEL);
	u32 i;

	if (!accounts)
		return NULL;
	get_random_bytes(&accounts->key, sizeof(accounts->key));
	accounts->stats = stats;
	accounts->mask = buckets - 1;
	for (i = 0; i < buckets; i++)
		spin_lock_init(&accounts->buckets[i].lock);
	weir_stats_add(stats, WEIR_STAT_memory_bytes, weir_accounts_size(buckets));
	return accounts;
}

/* Give the memory of an account back that is in no chain. */
static void weir_account_free(struct weir_accounts *accounts, struct weir_account *account)
{
	kmem_cache_free(weir_accounts_cache, account);
	weir_stats_add(accounts->stats, WEIR_STAT_clients_tracked, -1);
	weir_stats_add(accounts->stats, WEIR_STAT_memory_bytes, -WEIR_ACCOUNT_SIZE);
}

void weir_accounts_free(struct weir_accounts *accounts)
{
	struct weir_account *account, *next;
	u32 i;

	if (!accounts)
		return;
	for (i = 0; i <= accounts->mask; i++) {
		for (account = accounts->buckets[i].first; account; account = next) {
			next = account->next;
			weir_account_free(accounts, account);
		}
	}
	weir_stats_add(accounts->stats, WEIR_STAT_memory_bytes,
		       -(s64)weir_accounts_size(accounts->mask + 1));
	kvfree(accounts);
}

/*
 * The time in ticks.  Read under the lock of what it is for, so that clocks
 * and counts run in one order.
 */
static u64 weir_accounts_now(void)
{
	return div_u64(ktime_get_ns(), WEIR_ACCOUNTS_TICK_NS);
}

static u32 weir_limit_slot(unsigned int limit, u64 now)
{
	return now >> weir_limit_rows[limit].shift;
}

/*
 * The limit that one more @event, which is a constant, would pass: of the rows only
 * those that count it are left for the compiler.
 */
static __always_inline enum weir_limit
weir_account_over(struct weir_window *windows, u32 open, enum weir_limit_event event,
		  const u32 *most, u64 now)
{
	unsigned int i;
	u64 count;

#pragma GCC unroll 16
	for (i = 0; i < WEIR_LIMIT_CHECKS; i++) {
		if (!most[i] || weir_limit_rows[i].event != event)
			continue;
		count = i < WEIR_LIMIT_WINDOWS ?
			weir_window_count(&windows[i], weir_limit_slot(i, now)) : open;
		if (count >= most[i])
			return i;
	}
	return WEIR_LIMIT_NONE;
}

/* After weir_account_over() has looked at the same limits. */
static void weir_account_count(struct weir_account *account, enum weir_limit_event event,
			       const u32 *most)
{
	unsigned int i;

	for (i = 0; i < WEIR_LIMIT_WINDOWS; i++)
		if (most[i] && weir_limit_rows[i].event == event)
			weir_window_add(&account->windows[i]);
}

/* How near an idle account is to a limit; 0: it has done nothing, and can be forgotten. */
static u64 weir_account_fullness(struct weir_account *account, const u32 *most, u64 now)
{
	u64 count, fullness = 0;
	unsigned int i;

	for (i = 0; i < WEIR_LIMIT_WINDOWS; i++) {
		if (!most[i])
			continue;
		count = weir_window_count(&account->windows[i], weir_limit_slot(i, now));
		fullness = max(fullness, DIV_ROUND_UP_ULL(count << 10, most[i]));
	}
	return fullness;
}

static struct weir_accounts_bucket *weir_accounts_bucket(struct weir_accounts *accounts,
							 const struct in6_addr *key)
{
	u64 words[2];

	/* In words it takes half as long, which a flood of new connections is grateful for. */
	memcpy(words, key, sizeof(words));
	return &accounts->buckets[siphash_2u64(words[0], words[1], &accounts->key) &
				  accounts->mask];
}

/* Bucket's lock held, as for all below. */
static struct weir_account *weir_accounts_find(const struct weir_accounts_bucket *bucket,
					       const struct in6_addr *key)
{
	struct weir_account *account;

	for (account = bucket->first; account; account = account->next)
		if (ipv6_addr_equal(&account->key, key))
			return account;
	return NULL;
}

/* The idle account that is least near to a limit, the oldest of such, out of its chain; or NULL. */
static struct weir_account *weir_accounts_take(struct weir_accounts_bucket *bucket,
					       const u32 *most, u64 now, u64 *fullness)
{
	struct weir_account **link, **least = NULL, *account;
	u64 full;

	if (!bucket->idle)
		return NULL;
	for (link = &bucket->first; *link; link = &(*link)->next) {
		if ((*link)->open)
			continue;
		full = weir_account_fullness(*link, most, now);
		if (least && full > *fullness)
			continue;
		least = link;
		*fullness = full;
		if (!full)
			break;
	}
	account = *least;
	*least = account->next;
	bucket->idle--;
	return account;
}

static void weir_accounts_put_back(struct weir_accounts_bucket *bucket,
				   struct weir_account *account)
{
	account->next = bucket->first;
	bucket->first = account;
	bucket->idle++;
}

/* Remember what the client of an account did that is going to be lost. */
static void weir_accounts_merge(struct weir_accounts_bucket *bucket, struct weir_account *account,
				u64 now)
{
	unsigned int i;

	for (i = 0; i < WEIR_LIMIT_WINDOWS; i++)
		weir_window_raise(&bucket->floor[i], &account->windows[i],
				  weir_limit_slot(i, now));
}

/* An account of nobody's: one that has nothing to remember, a new one, or the least important. */
static struct weir_account *weir_accounts_obtain(struct weir_accounts *accounts,
						 struct weir_accounts_bucket *bucket,
						 const u32 *most, u64 now)
{
	struct weir_account *account, *taken;
	u64 fullness = 0;

	taken = weir_accounts_take(bucket, most, now, &fullness);
	if (taken && !fullness)
		return taken;
	if (bucket->idle + !!taken < WEIR_ACCOUNTS_IDLE) {
		account = kmem_cache_alloc(weir_accounts_cache, GFP_ATOMIC | __GFP_NOWARN);
		if (account) {
			weir_stats_add(accounts->stats, WEIR_STAT_clients_tracked, 1);
			weir_stats_add(accounts->stats, WEIR_STAT_memory_bytes, WEIR_ACCOUNT_SIZE);
			if (taken)
				weir_accounts_put_back(bucket, taken);
			return account;
		}
	}
	if (taken)
		weir_accounts_merge(bucket, taken, now);
	else
		weir_stats_add(accounts->stats, WEIR_STAT_allocation_failures, 1);
	return taken;
}

/* An account, idle, for a client that has none; NULL: no memory. */
static struct weir_account *weir_accounts_add(struct weir_accounts *accounts,
					      struct weir_accounts_bucket *bucket,
					      const struct in6_addr *key, const u32 *most, u64 now)
{
	struct weir_account *account = weir_accounts_obtain(accounts, bucket, most, now);

	if (!account)
		return NULL;
	account->key = *key;
	account->bucket = bucket - accounts->buckets;
	account->open = 0;
	spin_lock_init(&account->lock);
	memcpy(account->windows, bucket->floor, sizeof(account->windows));
	weir_accounts_put_back(bucket, account);
	return account;
}

enum weir_limit weir_accounts_probe(struct weir_accounts *accounts, const struct in6_addr *key,
				    const u32 *most)
{
	struct weir_accounts_bucket *bucket = weir_accounts_bucket(accounts, key);
	struct weir_account *account;
	enum weir_limit over;
	u64 now;

	spin_lock_bh(&bucket->lock);
	now = weir_accounts_now();
	account = weir_accounts_find(bucket, key);
	over = weir_account_over(account ? account->windows : bucket->floor,
				 account ? account->open : 0, WEIR_LIMIT_CONNECTION, most, now);
	spin_unlock_bh(&bucket->lock);
	return over;
}

bool weir_accounts_connect(struct weir_accounts *accounts, const struct in6_addr *key,
			   const u32 *most, enum weir_limit *over)
{
	struct weir_accounts_bucket *bucket = weir_accounts_bucket(accounts, key);
	struct weir_account *account;
	u64 now;

	spin_lock_bh(&bucket->lock);
	now = weir_accounts_now();
	account = weir_accounts_find(bucket, key);
	if (!account)
		account = weir_accounts_add(accounts, bucket, key, most, now);
	if (account) {
		*over = weir_account_over(account->windows, account->open, WEIR_LIMIT_CONNECTION,
					  most, now);
		if (*over == WEIR_LIMIT_NONE)
			weir_account_count(account, WEIR_LIMIT_CONNECTION, most);
	}
	spin_unlock_bh(&bucket->lock);
	return account;
}

struct weir_account *weir_accounts_open(struct weir_accounts *accounts, const struct in6_addr *key,
					const u32 *most, bool bounded, enum weir_limit *over)
{
	struct weir_accounts_bucket *bucket = weir_accounts_bucket(accounts, key);
	u32 bound = bounded ? most[WEIR_LIMIT_CONCURRENT_CONNECTIONS] : 0;
	struct weir_account *account;

	*over = WEIR_LIMIT_NONE;
	spin_lock_bh(&bucket->lock);
	account = weir_accounts_find(bucket, key);
	/* The clock costs as much as the rest: only who has none needs the time. */
	if (!account)
		account = weir_accounts_add(accounts, bucket, key, most, weir_accounts_now());
	if (account && bound && account->open >= bound) {
		*over = WEIR_LIMIT_CONCURRENT_CONNECTIONS;
		account = NULL;
	} else if (account && !account->open++) {
		bucket->idle--;
	}
	spin_unlock_bh(&bucket->lock);
	return account;
}

void weir_accounts_close(struct weir_accounts *accounts, struct weir_account *account,
			 const u32 *most)
{
	struct weir_accounts_bucket *bucket = &accounts->buckets[account->bucket];
	struct weir_account *taken = NULL;
	u64 now, fullness = 0;

	spin_lock_bh(&bucket->lock);
	if (!--account->open && ++bucket->idle > WEIR_ACCOUNTS_IDLE) {
		now = weir_accounts_now();
		taken = weir_accounts_take(bucket, most, now, &fullness);
		weir_accounts_merge(bucket, taken, now);
	}
	spin_unlock_bh(&bucket->lock);
	if (taken)
		weir_account_free(accounts, taken);
}

enum weir_limit weir_account_request(struct weir_account *account, const u32 *most)
{
	enum weir_limit over;

	spin_lock(&account->lock);
	over = weir_account_over(account->windows, 0, WEIR_LIMIT_REQUEST, most,
				 weir_accounts_now());
	if (over == WEIR_LIMIT_NONE)
		weir_account_count(account, WEIR_LIMIT_REQUEST, most);
	spin_unlock(&account->lock);
	return over;
}

enum weir_limit weir_account_handshake(struct weir_account *account, const u32 *most)
{
	u64 now = weir_accounts_now();
	enum weir_limit over;

	spin_lock(&account->lock);
	over = weir_account_over(account->windows, 0, WEIR_LIMIT_INCOMPLETE, most, now);
	if (over == WEIR_LIMIT_NONE)
		over = weir_account_over(account->windows, 0, WEIR_LIMIT_HANDSHAKE, most, now);
	if (over == WEIR_LIMIT_NONE)
		weir_account_count(account, WEIR_LIMIT_HANDSHAKE, most);
	spin_unlock(&account->lock);
	return over;
}

void weir_account_incomplete(struct weir_account *account, const u32 *most)
{
	spin_lock(&account->lock);
	/* That moves the window on; what it says is for the next one. */
	weir_account_over(account->windows, 0, WEIR_LIMIT_INCOMPLETE, most, weir_accounts_now());
	weir_account_count(account, WEIR_LIMIT_INCOMPLETE, most);
	spin_unlock(&account->lock);
}

enum weir_limit weir_account_miss(struct weir_account *account, const u32 *most)
{
	enum weir_limit over;

	spin_lock(&account->lock);
	over = weir_account_over(account->windows, 0, WEIR_LIMIT_MISS, most, weir_accounts_now());
	if (over == WEIR_LIMIT_NONE)
		weir_account_count(account, WEIR_LIMIT_MISS, most);
	spin_unlock(&account->lock);
	return over;
}

void weir_account_forgive(struct weir_account *account)
{
	struct weir_window *window = &account->windows[WEIR_LIMIT_CHALLENGE_MISSES];

	spin_lock(&account->lock);
	memset(window->counts, 0, sizeof(window->counts));
	spin_unlock(&account->lock);
}

int weir_accounts_init(void)
{
	/* SLAB_HWCACHE_ALIGN makes it as large as that. */
	static_assert(sizeof(struct weir_account) <= WEIR_ACCOUNT_SIZE ||
		      sizeof(spinlock_t) != sizeof(u32));
	weir_accounts_cache = KMEM_CACHE(weir_account, SLAB_HWCACHE_ALIGN);
	return weir_accounts_cache ? 0 : -ENOMEM;
}

void weir_accounts_exit(void)
{
	kmem_cache_destroy(weir_accounts_cache);
}

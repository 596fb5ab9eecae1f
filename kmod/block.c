// SPDX-License-Identifier: GPL-2.0-only
/*
 * The block table.
 *
 * One hash table holds prefixes of every length, by a keyed hash of address and
 * length, so nobody can aim at a chain.  A packet's source is cut to each length
 * that is in use and looked up, without a lock.  Entries come one by one, from
 * limits in softirqs or from the administrator, and pay for the order: one lock
 * for all that write.
 *
 * An entry is over when its time is: the hook looks at the clock itself.  What
 * is left of it is taken out by a work item, which goes through the whole table
 * when the first entry may have expired, but no sooner than a second, and one
 * for each 65,536 entries, after the last time.
 */

#include <linux/jiffies.h>
#include <linux/overflow.h>
#include <linux/random.h>
#include <linux/rhashtable.h>
#include <linux/sched.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "block.h"
#include "config.h"
#include "evict.h"
#include "firewall.h"
#include "hook.h"
#include "net.h"

enum {
	/* Entries looked at without a chance for anybody else. */
	WEIR_BLOCK_ROW		= 1024,
	/* Walks to empty the table, to which others may be adding. */
	WEIR_BLOCK_FLUSHES	= 4,
	/* For each of so many, expired entries may stay another second. */
	WEIR_BLOCK_PER_SECOND	= 65536,
};

/* Tables of namespaces differ by seeds of their own. */
static hsiphash_key_t weir_block_key __read_mostly;

static u32 weir_block_hash(const void *data, u32 len, u32 seed)
{
	const struct weir_prefix *prefix = data;

	if (weir_prefix_is_v4(prefix))
		return hsiphash_3u32((__force u32)prefix->address.s6_addr32[3], prefix->len, seed,
				     &weir_block_key);
	return hsiphash(prefix, sizeof(*prefix), &weir_block_key) ^ seed;
}

static int weir_block_differs(struct rhashtable_compare_arg *arg, const void *object)
{
	const struct weir_block *block = object;
	const struct weir_prefix *prefix = arg->key;

	return !ipv6_addr_equal(&block->prefix.address, &prefix->address) ||
	       block->prefix.len != prefix->len;
}

static const struct rhashtable_params weir_block_params = {
	.key_len = sizeof(struct weir_prefix),
	.key_offset = offsetof(struct weir_block, prefix),
	.head_offset = offsetof(struct weir_block, node),
	.hashfn = weir_block_hash,
	.obj_cmpfn = weir_block_differs,
	.automatic_shrinking = true,
};

static u64 weir_block_now(void)
{
	return ktime_get_coarse_ns();
}

bool weir_block_match(const struct weir_blocks *blocks, const struct in6_addr *address, bool v4)
{
	const unsigned long *used = v4 ? blocks->v4.used : blocks->v6.used;
	const struct weir_block *block;
	struct weir_prefix prefix;
	unsigned int word, bit;
	unsigned long lengths;

	for (word = BITS_TO_LONGS(WEIR_PREFIX_MAX + 1); word--;) {
		for (lengths = READ_ONCE(used[word]); lengths; lengths &= ~BIT(bit)) {
			bit = __fls(lengths);
			weir_prefix_set(&prefix, address, word * BITS_PER_LONG + bit);
			block = rhashtable_lookup((struct rhashtable *)&blocks->table, &prefix,
						  weir_block_params);
			if (block && READ_ONCE(block->expires) > weir_block_now())
				return true;
		}
	}
	return false;
}

static struct weir_lengths *weir_block_lengths(struct weir_blocks *blocks,
					       const struct weir_prefix *prefix)
{
	return weir_prefix_is_v4(prefix) ? &blocks->v4 : &blocks->v6;
}

/* Look for expired entries when there may be one, and it is not too soon after the last time. */
static void weir_block_plan(struct weir_blocks *blocks, u64 soonest)
{
	u64 pause = NSEC_PER_SEC * (1 + READ_ONCE(blocks->count) / WEIR_BLOCK_PER_SECOND);
	u64 now = weir_block_now();
	u64 wait = soonest > now ? soonest - now : 0;

	if (soonest == WEIR_BLOCK_FOREVER)
		return;
	wait = clamp_t(u64, wait, pause, 3600ULL * NSEC_PER_SEC);
	mod_delayed_work(system_unbound_wq, &blocks->sweeping, nsecs_to_jiffies(wait));
}

/* A new entry, under the lock. */
static int weir_block_insert(struct weir_net *wn, const struct weir_prefix *prefix, u64 expires)
{
	struct weir_blocks *blocks = &wn->blocks;
	struct weir_lengths *lengths = weir_block_lengths(blocks, prefix);
	struct weir_block *block;
	int err;

	block = kmalloc(sizeof(*block), GFP_ATOMIC | __GFP_ACCOUNT | __GFP_NOWARN);
	if (!block)
		return -ENOMEM;
	block->prefix = *prefix;
	block->expires = expires;
	err = rhashtable_insert_fast(&blocks->table, &block->node, weir_block_params);
	if (err) {
		kfree(block);
		return -ENOMEM;
	}
	if (!lengths->counts[prefix->len]++)
		set_bit(prefix->len, lengths->used);
	WRITE_ONCE(blocks->count, blocks->count + 1);
	weir_count(wn, WEIR_STAT_blocks_active, 1);
	return 0;
}

/* Take an entry out, unless it is out already; under the lock. */
static void weir_block_delete(struct weir_net *wn, struct weir_block *block)
{
	struct weir_blocks *blocks = &wn->blocks;
	struct weir_lengths *lengths = weir_block_lengths(blocks, &block->prefix);

	if (rhashtable_remove_fast(&blocks->table, &block->node, weir_block_params))
		return;
	if (!--lengths->counts[block->prefix.len])
		clear_bit(block->prefix.len, lengths->used);
	WRITE_ONCE(blocks->count, blocks->count - 1);
	weir_count(wn, WEIR_STAT_blocks_active, -1);
	kfree_rcu(block, rcu);
}

/* Under the RCU read lock. */
static int weir_block_put(struct weir_net *wn, const struct weir_prefix *prefix, u64 expires,
			  u32 max)
{
	struct weir_blocks *blocks = &wn->blocks;
	struct weir_block *block;
	bool sooner = false, first, blocked;
	int err = 0;

	spin_lock_bh(&blocks->lock);
	first = !blocks->count;
	block = rhashtable_lookup(&blocks->table, prefix, weir_block_params);
	blocked = block && block->expires > weir_block_now();
	if (block)
		WRITE_ONCE(block->expires, max(block->expires, expires));
	else if (blocks->count >= max)
		err = -ENOSPC;
	else
		err = weir_block_insert(wn, prefix, expires);
	if (!err && expires < blocks->soonest) {
		blocks->soonest = expires;
		sooner = true;
	}
	spin_unlock_bh(&blocks->lock);
	if (!err && first)
		mod_delayed_work(system_unbound_wq, &blocks->hooking, 0);
	if (!err && !blocked)
		weir_evict_blocked(wn);
	if (sooner)
		weir_block_plan(blocks, expires);
	return err;
}

int weir_block_add(struct weir_net *wn, const struct in6_addr *address, u8 prefix_len,
		   u64 duration)
{
	u64 expires = WEIR_BLOCK_FOREVER;
	const struct weir_firewall *firewall;
	struct weir_prefix prefix;
	int err;

	if (prefix_len > WEIR_PREFIX_MAX)
		return -EINVAL;
	weir_prefix_set(&prefix, address, prefix_len);
	if (duration && check_add_overflow(weir_block_now(), duration, &expires))
		expires = WEIR_BLOCK_FOREVER;
	rcu_read_lock();
	firewall = &rcu_dereference(wn->config)->firewall;
	if (weir_firewall_allows(firewall, &prefix))
		err = -EACCES;
	else
		err = weir_block_put(wn, &prefix, expires, firewall->block_max);
	rcu_read_unlock();
	if (err && err != -EACCES)
		weir_count(wn, WEIR_STAT_blocks_refused, 1);
	return err;
}

int weir_block_remove(struct weir_net *wn, const struct weir_prefix *prefix)
{
	struct weir_blocks *blocks = &wn->blocks;
	struct weir_block *block;
	int err = -ESRCH;

	rcu_read_lock();
	spin_lock_bh(&blocks->lock);
	block = rhashtable_lookup(&blocks->table, prefix, weir_block_params);
	if (block) {
		if (block->expires > weir_block_now())
			err = 0;
		weir_block_delete(wn, block);
	}
	spin_unlock_bh(&blocks->lock);
	rcu_read_unlock();
	return err;
}

/* Take an entry out if it expires at @until or before.  RCU read lock. */
static bool weir_block_delete_expired(struct weir_net *wn, struct weir_block *block, u64 until)
{
	bool expired;

	if (READ_ONCE(block->expires) > until)
		return false;
	spin_lock_bh(&wn->blocks.lock);
	expired = block->expires <= until;
	if (expired)
		weir_block_delete(wn, block);
	spin_unlock_bh(&wn->blocks.lock);
	return expired;
}

/*
 * Take out all entries that expire at @until or before.  The table may grow or
 * shrink meanwhile: then the walk begins anew.  The moment before which no
 * other entry expires.
 */
static u64 weir_block_sweep(struct weir_net *wn, u64 until)
{
	struct weir_blocks *blocks = &wn->blocks;
	u64 soonest = WEIR_BLOCK_FOREVER;
	struct rhashtable_iter walk;
	struct weir_block *block;
	unsigned int row = 0;

	rhashtable_walk_enter(&blocks->table, &walk);
	rhashtable_walk_start(&walk);
	while ((block = rhashtable_walk_next(&walk))) {
		if (++row % WEIR_BLOCK_ROW == 0) {
			/* Before it is taken out: the walk goes on from there, if it can. */
			rhashtable_walk_stop(&walk);
			cond_resched();
			rhashtable_walk_start(&walk);
			block = rhashtable_walk_peek(&walk);
			if (!block)
				break;
		}
		if (!IS_ERR(block) && !weir_block_delete_expired(wn, block, until))
			soonest = min(soonest, READ_ONCE(block->expires));
	}
	rhashtable_walk_stop(&walk);
	rhashtable_walk_exit(&walk);
	return soonest;
}

void weir_block_flush(struct weir_net *wn)
{
	unsigned int round;

	/* Who takes out what a walk stands on may make it miss a neighbour. */
	for (round = 0; round < WEIR_BLOCK_FLUSHES && weir_block_any(&wn->blocks); round++)
		weir_block_sweep(wn, WEIR_BLOCK_FOREVER);
}

int weir_block_settle(struct weir_net *wn)
{
	const struct weir_config *config;
	int err;

	mutex_lock(&wn->lock);
	config = rcu_dereference_protected(wn->config, lockdep_is_held(&wn->lock));
	err = weir_hook_in(wn, config);
	if (!err)
		weir_hook_out(wn);
	mutex_unlock(&wn->lock);
	return err;
}

static void weir_block_hooking(struct work_struct *work)
{
	struct weir_net *wn = container_of(to_delayed_work(work), struct weir_net, blocks.hooking);

	if (weir_block_settle(wn))
		queue_delayed_work(system_unbound_wq, &wn->blocks.hooking, HZ);
}

static void weir_block_sweeping(struct work_struct *work)
{
	struct weir_net *wn = container_of(to_delayed_work(work), struct weir_net, blocks.sweeping);
	struct weir_blocks *blocks = &wn->blocks;
	u64 now = weir_block_now(), soonest;

	spin_lock_bh(&blocks->lock);
	soonest = blocks->soonest;
	if (soonest <= now)
		blocks->soonest = WEIR_BLOCK_FOREVER;
	spin_unlock_bh(&blocks->lock);
	if (soonest <= now) {
		soonest = weir_block_sweep(wn, now);
		spin_lock_bh(&blocks->lock);
		/* What came meanwhile may have been behind the walk. */
		soonest = min(soonest, blocks->soonest);
		blocks->soonest = soonest;
		spin_unlock_bh(&blocks->lock);
		weir_block_settle(wn);
	}
	weir_block_plan(blocks, soonest);
}

int weir_block_begin(struct weir_net *wn)
{
	struct weir_blocks *blocks = &wn->blocks;

	get_random_once(&weir_block_key, sizeof(weir_block_key));
	spin_lock_init(&blocks->lock);
	blocks->soonest = WEIR_BLOCK_FOREVER;
	INIT_DELAYED_WORK(&blocks->hooking, weir_block_hooking);
	INIT_DELAYED_WORK(&blocks->sweeping, weir_block_sweeping);
	return rhashtable_init(&blocks->table, &weir_block_params);
}

static void weir_block_free(void *block, void *unused)
{
	kfree(block);
}

void weir_block_stop(struct weir_net *wn)
{
	cancel_delayed_work_sync(&wn->blocks.hooking);
	cancel_delayed_work_sync(&wn->blocks.sweeping);
	weir_hook_end(wn);
}

void weir_block_end(struct weir_net *wn)
{
	rhashtable_free_and_destroy(&wn->blocks.table, weir_block_free, NULL);
}

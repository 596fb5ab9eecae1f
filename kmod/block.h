/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The block table of a network namespace: address prefixes whose packets are
 * dropped, each until a moment or until it is unblocked.  It belongs to the
 * namespace, not to a configuration, and survives all changes of these.
 */
#ifndef _WEIR_BLOCK_H
#define _WEIR_BLOCK_H

#include <linux/bitmap.h>
#include <linux/rhashtable-types.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "prefix.h"

struct weir_net;

/* Instead of the moment when a block ends: it does not. */
#define WEIR_BLOCK_FOREVER U64_MAX

/**
 * struct weir_block - one entry
 * @node: in the table; RCU
 * @prefix: whose packets
 * @expires: until when, ns of the monotonic clock; grows only; the table's lock
 * @rcu: frees it
 */
struct weir_block {
	struct rhash_head	node;
	struct weir_prefix	prefix;
	u64			expires;
	struct rcu_head		rcu;
};

/**
 * struct weir_lengths - the prefix lengths that entries of one family have
 * @used: those of which @counts is not 0; written under the table's lock
 * @counts: how many entries have which; the table's lock
 */
struct weir_lengths {
	DECLARE_BITMAP(used, WEIR_PREFIX_MAX + 1);
	u32	counts[WEIR_PREFIX_MAX + 1];
};

/**
 * struct weir_blocks - a block table
 * @table: struct weir_block by prefix; readers hold the RCU read lock, writers @lock
 * @lock: one writer at a time; softirqs off; outside the table's own locks
 * @count: entries, expired ones included; written under @lock
 * @soonest: no entry expires before, or WEIR_BLOCK_FOREVER; @lock
 * @v4: of IPv4 entries, counted from the mapped address's first bit
 * @v6: of the others
 * @hooking: hooks into netfilter, or out of it; process context
 * @sweeping: takes expired entries out; process context
 */
struct weir_blocks {
	struct rhashtable	table;
	spinlock_t		lock; /* protects the rest */
	u32			count;
	u64			soonest;
	struct weir_lengths	v4;
	struct weir_lengths	v6;
	struct delayed_work	hooking;
	struct delayed_work	sweeping;
};

/* 0 or a negative errno.  Process context. */
int weir_block_begin(struct weir_net *wn);
/* Hook out for good: nobody adds any more.  Process context, sleeps. */
void weir_block_stop(struct weir_net *wn);
/* After weir_block_stop() and a grace period, so that no reader is left.  Process context. */
void weir_block_end(struct weir_net *wn);

/*
 * Block a prefix (IPv4: of the mapped address, so 128 is one address) for
 * @duration ns, or with 0 until it is unblocked.  One that is blocked already
 * stays so at least as long as before.  In force at once while anything else
 * is blocked, or the configuration has a limit that blocks, else as soon as a
 * work item has hooked into netfilter, or weir_block_settle() has.  Another work
 * item then closes his connections.
 *
 * 0; -EINVAL: more than 128 bits; -EACCES: all of it is in the allow-list;
 * -ENOSPC: the table is full; -ENOMEM.  After the last two, which are counted,
 * the client is not blocked: whoever asked refuses what he has of it, and asks
 * again with the next.  Any context but hard interrupts; never sleeps.
 */
int weir_block_add(struct weir_net *wn, const struct in6_addr *address, u8 prefix_len,
		   u64 duration);
/* Unblock what was blocked under exactly this prefix; -ESRCH: nothing was.  Never sleeps. */
int weir_block_remove(struct weir_net *wn, const struct weir_prefix *prefix);
/* Unblock all.  Process context, sleeps. */
void weir_block_flush(struct weir_net *wn);
/* Hook into netfilter, or out of it, as the table's content wants.  Process context, sleeps. */
int weir_block_settle(struct weir_net *wn);

/*
 * Whether any prefix that is blocked contains an address.  One look into the
 * table for each prefix length in use, the longest first.  RCU read lock.
 */
bool weir_block_match(const struct weir_blocks *blocks, const struct in6_addr *address, bool v4);

static inline bool weir_block_any(const struct weir_blocks *blocks)
{
	return READ_ONCE(blocks->count);
}

#endif /* _WEIR_BLOCK_H */

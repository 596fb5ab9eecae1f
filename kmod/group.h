/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Upstream groups: the servers that a request may go to.  A group lives on,
 * with its servers and their connections, in every configuration that has one
 * of its name.
 */
#ifndef _WEIR_GROUP_H
#define _WEIR_GROUP_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>

#include "config.h"

struct weir_meter;
struct weir_net;
struct weir_server;

/**
 * struct weir_member - a server's part in a group
 * @server: with a reference
 * @weight: its share of requests
 * @backup: used only while no other can be
 */
struct weir_member {
	struct weir_server	*server;
	u32			weight;
	bool			backup;
};

/**
 * struct weir_servers - what a group was last configured to be; not changed once in use
 * @rcu: frees it
 * @settings: how requests are treated
 * @count: used entries of @member
 * @member: its servers
 */
struct weir_servers {
	struct rcu_head			rcu;
	struct weir_group_settings	settings;
	unsigned int			count;
	struct weir_member		member[] __counted_by(count);
};

/**
 * struct weir_group - one upstream group
 * @refs: one of the namespace's list, one of each configuration that names it,
 *	one of each server.  Who finds it through a configuration, or through
 *	an exchange that waits or is served, in one RCU section needs none
 * @wn: the namespace
 * @name: its name
 * @meter: its counts, with a reference
 * @node: in the namespace's groups; the namespace's lock
 * @servers: RCU, written under the namespace's lock; NULL: none yet, or it is
 *	over, which @lock protects, too: nobody waits then, and nobody begins to
 * @turn_lock: protects the turns of its servers; softirqs off; inside @lock,
 *	outside the pools'
 * @lock: protects @waiters and its servers'; softirqs off; inside socket locks,
 *	outside the pools' and exchanges'
 * @waiters: struct weir_exchange that any server may serve, each with the
 *	upstream side's reference
 * @waiting: how many wait, for any server or for a certain one
 * @ticket: how many have ever waited; @lock
 * @removed: no configuration has it any more; it lives on for the requests that it
 *	has.  Written under the namespace's lock
 * @kicked: maintenance has something to do: connections are missing, or, of a group
 *	that was removed, nobody waits any more or a connection is gone
 * @due: when it has in any case, jiffies, if @timed; maintenance only
 * @timed: @due counts; maintenance only
 * @rcu: frees it
 */
struct weir_group {
	refcount_t			refs;
	struct weir_net			*wn;
	char				name[WEIR_NAME_MAX];
	struct weir_meter		*meter;
	struct list_head		node;
	struct weir_servers __rcu	*servers;
	spinlock_t			turn_lock; /* protects the servers' turns */
	spinlock_t			lock; /* protects waiters */
	struct list_head		waiters;
	atomic_t			waiting;
	u32				ticket;
	bool				removed;
	bool				kicked;
	bool				timed;
	unsigned long			due;
	struct rcu_head			rcu;
};

void weir_groups_setup(struct weir_net *wn);
/*
 * Applying a configuration, under the namespace's lock, in three steps.  Only
 * the first can fail, with nothing changed but in @config, which is then of
 * no more use; the last is for when @config is published, and waits until
 * nobody sees the one before.  All sleep.
 */
int weir_groups_prepare(struct weir_net *wn, struct weir_config *config);
void weir_groups_commit(struct weir_net *wn, struct weir_config *config);
void weir_groups_retire(struct weir_net *wn, const struct weir_config *config);
/* The namespace is dying: forget the groups, fail who waits.  Sleeps. */
void weir_groups_shutdown(struct weir_net *wn);

static inline void weir_group_get(struct weir_group *group)
{
	refcount_inc(&group->refs);
}

/* Any context. */
void weir_group_put(struct weir_group *group);
void weir_servers_put(struct weir_servers *servers);

/* Have connections opened that are missing.  Any context. */
void weir_group_kick(struct weir_group *group);
/* How long a request may wait for a connection, microseconds.  Under RCU. */
u64 weir_group_queue_timeout(const struct weir_group *group);
/* How often a request that may be repeated is sent again.  Under RCU. */
u32 weir_group_retries(const struct weir_group *group);

#endif /* _WEIR_GROUP_H */

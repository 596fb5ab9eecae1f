/* SPDX-License-Identifier: GPL-2.0-only */
/* What Weir keeps for each network namespace. */
#ifndef _WEIR_NET_H
#define _WEIR_NET_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include "attack.h"
#include "block.h"
#include "config.h"
#include "meter.h"
#include "stats.h"

struct weir_accounts;
struct weir_codes;
struct weir_secrets;
struct weir_spent;
struct weir_tickets;
struct weir_events;
struct weir_memory;

/**
 * struct weir_net - one namespace
 * @net: the namespace; outlives this
 * @lock: one configuration at a time; process context, outermost
 * @config: what is applied, never NULL; RCU, written under @lock
 * @accounts: what clients have done, once any configuration has limited that;
 *	set before such a one is published, and there until the end
 * @codes: replies with certain codes that clients got; as @accounts
 * @secrets: of challenges' tokens, likewise once any configuration has challenges
 * @spent: puzzles that were solved, likewise
 * @tickets: keys of TLS sessions, likewise once any configuration has certificates
 * @stats: counters
 * @events: how many each CPU has told lately
 * @meters: counters of listeners, upstreams and so on
 * @listeners: struct weir_listener; @lock
 * @clients_lock: protects @clients and @client_count; softirqs off; leaf
 * @clients: struct weir_client, all that have a socket
 * @client_count: how many these are
 * @evict_lock: one at a time goes through @clients; process context
 * @evicting: closes connections of clients that were blocked
 * @evict_after: and rests until then, jiffies
 * @measuring: bounds the memory that is held for @clients
 * @memory: what it needs, or NULL: no configuration has bounded it yet.  Written
 *	before it is first queued
 * @key: of what is hashed for servers to be chosen by
 * @groups: struct weir_group, those of @config, and what is left of removed ones; @lock
 * @upstream_work: opens their connections; process context
 * @connections_lock: protects @connections and @checks; softirqs off; leaf
 * @connections: struct weir_connection, all that have a socket
 * @checks: struct weir_check, likewise
 * @legs: one of the namespace itself and one of each leg not freed yet
 * @legs_gone: @legs came to nothing
 * @attack: watches for attacks
 * @blocks: whose packets are dropped
 * @hooks: where they are, see hook.c; @lock
 * @dying: the namespace or the module goes away; no new legs
 */
struct weir_net {
	struct net			*net;
	struct mutex			lock; /* one configuration at a time */
	struct weir_config __rcu	*config;
	struct weir_accounts		*accounts;
	struct weir_codes		*codes;
	struct weir_secrets		*secrets;
	struct weir_spent		*spent;
	struct weir_tickets		*tickets;
	struct weir_stats __percpu	*stats;
	struct weir_events __percpu	*events;
	struct weir_meters		*meters;
	struct list_head		listeners;
	spinlock_t			clients_lock; /* protects the next two */
	struct list_head		clients;
	u32				client_count;
	struct mutex			evict_lock; /* see above */
	struct delayed_work		evicting;
	unsigned long			evict_after;
	struct delayed_work		measuring;
	struct weir_memory		*memory;
	siphash_key_t			key;
	struct list_head		groups;
	struct delayed_work		upstream_work;
	spinlock_t			connections_lock; /* protects the next two */
	struct list_head		connections;
	struct list_head		checks;
	atomic_t			legs;
	struct completion		legs_gone;
	struct weir_attack		attack;
	struct weir_blocks		blocks;
	unsigned long			hooks;
	bool				dying;
};

int weir_net_init(void);
void weir_net_exit(void);

struct weir_net *weir_net(const struct net *net);

/* Count a leg in, false if none may be added any more; and out.  Any context. */
bool weir_net_get(struct weir_net *wn);
void weir_net_put(struct weir_net *wn);

static inline void weir_count(struct weir_net *wn, enum weir_stat stat, s64 by)
{
	weir_stats_add(wn->stats, stat, by);
}

#endif /* _WEIR_NET_H */

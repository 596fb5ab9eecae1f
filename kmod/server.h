/* SPDX-License-Identifier: GPL-2.0-only */
/* One server of an upstream group, and the idle connections to it, one list a CPU. */
#ifndef _WEIR_SERVER_H
#define _WEIR_SERVER_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>

#include "config.h"

struct weir_group;

/**
 * struct weir_pool - one CPU's idle connections to one server
 * @lock: protects @idle and their node; softirqs off; a leaf
 * @idle: struct weir_connection, used last first; each with a reference
 */
struct weir_pool {
	spinlock_t		lock; /* protects idle */
	struct list_head	idle;
};

/**
 * struct weir_server - one server
 * @refs: one of the table it is in, one of each connection
 * @group: whose it is, with a reference
 * @address: where it listens
 * @connections: how many to hold open; written under the namespace's lock
 * @removed: no longer configured: connections close when idle
 * @established: connections that are up, idle or busy
 * @total: connections that are not closed, those being opened included
 * @failures: attempts that failed since one succeeded
 * @tried: when the last attempt began, jiffies; maintenance only
 * @pools: one a CPU
 * @rcu: frees it
 */
struct weir_server {
	refcount_t			refs;
	struct weir_group		*group;
	union weir_address		address;
	u32				connections;
	bool				removed;
	atomic_t			established;
	atomic_t			total;
	atomic_t			failures;
	unsigned long			tried;
	struct weir_pool __percpu	*pools;
	struct rcu_head			rcu;
};

/* One with the caller's reference, or NULL.  Process context. */
struct weir_server *weir_server_alloc(struct weir_group *group,
				      const struct weir_server_config *config);
/* Any context. */
void weir_server_put(struct weir_server *server);

/* Whether a connection to this server should close when idle. */
bool weir_server_excess(const struct weir_server *server);
/* Tell all idle connections to close that are too many now.  Any context. */
void weir_server_trim(struct weir_server *server);
/*
 * Open what is missing, under the namespace's lock.  Returns how long to wait
 * before trying again, jiffies; 0: need not.  Sleeps.
 */
unsigned long weir_server_maintain(struct weir_server *server, u64 timeout_us);

#endif /* _WEIR_SERVER_H */

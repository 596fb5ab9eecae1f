/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The servers of the upstream group, the idle connections to them, one list a
 * CPU, and the exchanges that wait for one.
 */
#ifndef _WEIR_POOL_H
#define _WEIR_POOL_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "config.h"
#include "exchange.h"

struct weir_net;
struct weir_connection;

enum {
	/* Exchanges of a namespace that may wait; more are answered with 503. */
	WEIR_WAITERS_MAX = 8192,
};

/**
 * struct weir_pool - one CPU's idle connections to one server
 * @lock: protects @idle and their node; softirqs off; a leaf
 * @idle: struct weir_connection, used longest ago first; each with a reference
 */
struct weir_pool {
	spinlock_t		lock; /* protects idle */
	struct list_head	idle;
};

/**
 * struct weir_server - one server
 * @refs: one of the table it is in, one of each connection
 * @wn: the namespace
 * @address: where it listens
 * @connections: how many to hold open; written under the namespace's lock
 * @removed: no longer configured: connections close when idle
 * @established: connections that are up, idle or busy
 * @total: connections that are not closed, those being opened included
 * @failures: attempts that failed since one succeeded
 * @tried: when the last attempt began, jiffies; maintenance only
 * @next_cpu: whose pool gets the next connection; maintenance only
 * @pools: one a CPU
 * @rcu: frees it
 */
struct weir_server {
	refcount_t			refs;
	struct weir_net			*wn;
	union weir_address		address;
	u32				connections;
	bool				removed;
	atomic_t			established;
	atomic_t			total;
	atomic_t			failures;
	unsigned long			tried;
	int				next_cpu;
	struct weir_pool __percpu	*pools;
	struct rcu_head			rcu;
};

/**
 * struct weir_servers - the servers that requests go to
 * @rcu: frees it
 * @count: used entries of @server
 * @server: each with a reference
 */
struct weir_servers {
	struct rcu_head		rcu;
	unsigned int		count;
	struct weir_server	*server[] __counted_by(count);
};

/**
 * struct weir_upstream - the upstream group of a namespace
 * @servers: RCU, written under the namespace's lock; NULL: none
 * @turn: round-robin counter
 * @lock: protects @waiters and @connections; softirqs off; inside socket
 *	locks, outside the pools' and exchanges'
 * @waiters: struct weir_exchange, each with the upstream side's reference
 * @waiting: how many
 * @connections: struct weir_connection, all that have a socket
 * @work: opens connections, process context
 */
struct weir_upstream {
	struct weir_servers __rcu	*servers;
	atomic_t			turn;
	spinlock_t			lock; /* protects waiters and connections */
	struct list_head		waiters;
	atomic_t			waiting;
	struct list_head		connections;
	struct delayed_work		work;
};

void weir_pool_setup(struct weir_net *wn);
/*
 * Make the servers those of @config, keeping connections to servers that stay.
 * Under the namespace's lock; sleeps.
 */
int weir_pool_configure(struct weir_net *wn, const struct weir_config *config);
/* The namespace is dying: forget the servers, reset their connections, fail who waits. */
void weir_pool_shutdown(struct weir_net *wn);

/*
 * Have the request sent: by an idle connection, or by the next that becomes
 * idle.  Takes over the upstream side's reference.  Softirq.
 */
void weir_pool_submit(struct weir_exchange *x);
/* The client does not wait any more: if the exchange still waits, take it out.  Returns whether. */
bool weir_pool_cancel(struct weir_exchange *x);
/* How to fail an exchange that has waited too long. */
enum weir_failure weir_pool_verdict(struct weir_net *wn);

/* Whether a connection to this server should close when idle. */
bool weir_server_excess(const struct weir_server *server);
/* A connection is idle: into the pool of this CPU, or to work again.  Under its socket lock. */
void weir_pool_release(struct weir_connection *connection);
/* Take a connection out of its pool; false if someone else did, who will assign it.  Ditto. */
bool weir_pool_remove(struct weir_connection *connection);
/* A connection came up.  Ditto. */
void weir_pool_opened(struct weir_server *server);
/*
 * One is gone.  @was_up: it was established, else @failure says why not;
 * @useful: it has served a request.  Ditto.
 */
void weir_pool_closed(struct weir_server *server, bool was_up, bool useful,
		      enum weir_failure failure);

void weir_server_put(struct weir_server *server);

#endif /* _WEIR_POOL_H */

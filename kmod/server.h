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
struct weir_meter;

/**
 * struct weir_pool - one CPU's idle connections to one server
 * @lock: protects @idle and their node; softirqs off; a leaf
 * @idle: struct weir_connection, used last first; each with a reference
 * @count: how many
 */
struct weir_pool {
	spinlock_t		lock; /* protects idle */
	struct list_head	idle;
	unsigned int		count;
};

/**
 * struct weir_server - one server
 * @refs: one of the table it is in, one of each connection
 * @group: whose it is, with a reference
 * @address: where it listens
 * @id: a keyed hash of @address: opaque, and the same as long as the namespace lives
 * @connections: how many to hold open; written under the namespace's lock
 * @connections_max: how many there may be when requests wait; ditto
 * @removed: no longer configured: connections close when idle
 * @established: connections that are up, idle or busy
 * @total: connections that are not closed, those being opened included
 * @failures: attempts that failed since one succeeded
 * @tried: when the last attempt began, jiffies; maintenance only
 * @wanted: a request would have been sent on one more connection
 * @turn: what it has gained in its group's turns and not spent; the group's turn lock
 * @waiters: struct weir_exchange that only this server may serve, each with the
 *	upstream side's reference; the group's lock
 * @waiting: how many; ditto
 * @faults: requests that it has failed since it served one
 * @out: it is left out for those until @out_until, jiffies; then one request tries
 * @trying: that request is on its way
 * @sick: it has failed its checks
 * @ramping: it came back at @back, jiffies, and has not its full weight yet
 * @checking: a check is on its way
 * @check_due: when the next one is, jiffies; maintenance only
 * @passed: checks passed in a row; by the check on its way, as the next
 * @missed: checks missed in a row
 * @meter: its counts, with a reference
 * @pools: one a CPU
 * @rcu: frees it
 */
struct weir_server {
	refcount_t			refs;
	struct weir_group		*group;
	union weir_address		address;
	u64				id;
	u32				connections;
	u32				connections_max;
	bool				removed;
	bool				wanted;
	atomic_t			established;
	atomic_t			total;
	atomic_t			failures;
	unsigned long			tried;
	int				turn;
	struct list_head		waiters;
	unsigned int			waiting;
	atomic_t			faults;
	bool				out;
	bool				trying;
	bool				sick;
	bool				ramping;
	bool				checking;
	unsigned long			out_until;
	unsigned long			back;
	unsigned long			check_due;
	u32				passed;
	u32				missed;
	struct weir_meter		*meter;
	struct weir_pool __percpu	*pools;
	struct rcu_head			rcu;
};

/* One with the caller's reference, or NULL.  Process context. */
struct weir_server *weir_server_alloc(struct weir_group *group,
				      const struct weir_server_config *config);
/* Any context. */
void weir_server_put(struct weir_server *server);

/* Take over what is new in a configuration, under the namespace's lock. */
void weir_server_configure(struct weir_server *server, const struct weir_server_config *config);

/* Whether a request may go to it: it has connections, or nothing is known against it. */
static inline bool weir_server_usable(const struct weir_server *server)
{
	return !READ_ONCE(server->removed) && !READ_ONCE(server->sick) &&
	       (atomic_read(&server->established) || !atomic_read(&server->failures));
}

/* Whether a connection to it has to close as soon as it is idle. */
bool weir_server_excess(const struct weir_server *server);
/* Whether one may close that has been idle for long. */
bool weir_server_surplus(const struct weir_server *server);
/* Connections that are in use: those that are not idle. */
unsigned int weir_server_busy(const struct weir_server *server);

static inline int weir_server_opening(const struct weir_server *server)
{
	return atomic_read(&server->total) - atomic_read(&server->established);
}

/* Whether one more connection may be opened to it at once, because requests wait. */
bool weir_server_can_grow(const struct weir_server *server);
/* One more connection would be of use.  Any context. */
void weir_server_want(struct weir_server *server);
/* Tell all idle connections to close that may.  Any context. */
void weir_server_trim(struct weir_server *server);
/*
 * Open what is missing, under the namespace's lock.  Returns how long to wait
 * before trying again, jiffies; 0: need not.  Sleeps.
 */
unsigned long weir_server_maintain(struct weir_server *server, u64 timeout_us);

#endif /* _WEIR_SERVER_H */

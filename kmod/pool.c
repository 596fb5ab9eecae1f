// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bringing exchanges and connections together.
 *
 * Whoever takes a connection out of a pool owns it until it has assigned an
 * exchange to it.  The connection may die at the same time: it then finds
 * itself in no pool, and hands the exchange back when the assignment arrives.
 *
 * That no exchange waits while a connection idles is ensured as follows: who
 * submits counts itself as waiting and then looks for an idle connection, who
 * releases puts the connection into its pool and then looks at the count, with
 * a full barrier between the two on both sides.
 */

#include "group.h"
#include "leg.h"
#include "net.h"
#include "pool.h"
#include "server.h"
#include "upstream.h"

/* Idle connections, and the pools they are in. */

static struct weir_connection *weir_pool_take_from(struct weir_pool *pool)
{
	struct weir_connection *connection;

	if (list_empty(&pool->idle))
		return NULL;
	spin_lock_bh(&pool->lock);
	connection = list_first_entry_or_null(&pool->idle, struct weir_connection, idle_node);
	if (connection)
		list_del_init(&connection->idle_node);
	spin_unlock_bh(&pool->lock);
	return connection;
}

/* An idle connection to the server whose turn it is, or to one after it.  With its reference. */
static struct weir_connection *weir_pool_take(struct weir_group *group)
{
	struct weir_connection *connection = NULL;
	const struct weir_servers *servers;
	unsigned int turn, i;
	int cpu;

	rcu_read_lock();
	servers = rcu_dereference(group->servers);
	if (!servers)
		goto unlock;
	turn = atomic_read(&group->turn);
	for (i = 0; i < servers->count && !connection; i++) {
		const struct weir_server *server = servers->server[(turn + i) % servers->count];

		if (!atomic_read(&server->established))
			continue;
		connection = weir_pool_take_from(this_cpu_ptr(server->pools));
		if (connection)
			break;
		for_each_possible_cpu(cpu) {
			connection = weir_pool_take_from(per_cpu_ptr(server->pools, cpu));
			if (connection)
				break;
		}
	}
	if (connection)
		atomic_inc(&group->turn);
unlock:
	rcu_read_unlock();
	return connection;
}

static void weir_pool_assign(struct weir_connection *connection, struct weir_exchange *x)
{
	spin_lock_bh(&x->lock);
	x->upstream = &connection->leg;
	x->tries++;
	spin_unlock_bh(&x->lock);
	WARN_ON_ONCE(xchg(&connection->assigned, x));
	weir_leg_kick(&connection->leg, WEIR_EVENT_ASSIGN);
	weir_leg_put(&connection->leg);
}

/* Give a connection to who waits longest; there is one.  Under the group's lock. */
static void weir_pool_serve(struct weir_group *group, struct weir_connection *connection)
{
	struct weir_exchange *x;

	x = list_first_entry(&group->waiters, struct weir_exchange, wait_node);
	list_del_init(&x->wait_node);
	x->waiting = false;
	atomic_dec(&group->waiting);
	weir_pool_assign(connection, x);
	/* What the client leg waits for is another thing now, with another deadline. */
	weir_exchange_tell_client(x);
}

/* Pair those that wait with idle connections. */
static void weir_pool_dispatch(struct weir_group *group)
{
	spin_lock_bh(&group->lock);
	while (!list_empty(&group->waiters)) {
		struct weir_connection *connection = weir_pool_take(group);

		if (!connection)
			break;
		weir_pool_serve(group, connection);
	}
	spin_unlock_bh(&group->lock);
}

/* The same for a connection that became idle. */
static void weir_pool_offer(struct weir_group *group, struct weir_connection *connection)
{
	bool mine;

	spin_lock_bh(&group->lock);
	if (!list_empty(&group->waiters)) {
		spin_lock(&connection->pool->lock);
		mine = !list_empty(&connection->idle_node);
		list_del_init(&connection->idle_node);
		spin_unlock(&connection->pool->lock);
		if (mine)
			weir_pool_serve(group, connection);
	}
	spin_unlock_bh(&group->lock);
}

/**
 * struct weir_census - what there is to hope for
 * @up: connections of all servers that are established
 * @total: those that are being opened as well
 * @untried: servers that nobody has tried to connect to, or not in vain
 */
struct weir_census {
	int up;
	int total;
	int untried;
};

static void weir_census_add(struct weir_census *census, const struct weir_servers *servers)
{
	unsigned int i;

	for (i = 0; servers && i < servers->count; i++) {
		const struct weir_server *server = servers->server[i];

		census->up += atomic_read(&server->established);
		census->total += atomic_read(&server->total);
		census->untried += !atomic_read(&server->failures);
	}
}

static struct weir_census weir_pool_census(const struct weir_group *group)
{
	struct weir_census census = {};

	rcu_read_lock();
	weir_census_add(&census, rcu_dereference(group->servers));
	rcu_read_unlock();
	return census;
}

/* Among those that wait; false if it may not. */
static bool weir_pool_wait(struct weir_group *group, struct weir_exchange *x)
{
	const struct weir_servers *servers;
	bool waits = false;

	spin_lock_bh(&group->lock);
	rcu_read_lock();
	servers = rcu_dereference(group->servers);
	if (servers && !group->removed &&
	    atomic_read(&group->waiting) < servers->settings.queue) {
		list_add_tail(&x->wait_node, &group->waiters);
		x->waiting = true;
		atomic_inc(&group->waiting);
		waits = true;
	}
	rcu_read_unlock();
	spin_unlock_bh(&group->lock);
	return waits;
}

void weir_pool_submit(struct weir_exchange *x)
{
	struct weir_group *group = x->group;
	struct weir_connection *connection;

	if (!group) {
		weir_exchange_fail(x, WEIR_FAILURE_BUSY);
		return;
	}
	if (!atomic_read(&group->waiting)) {
		connection = weir_pool_take(group);
		if (connection) {
			weir_pool_assign(connection, x);
			return;
		}
	}
	if (!weir_pool_wait(group, x)) {
		weir_exchange_fail(x, WEIR_FAILURE_BUSY);
		return;
	}
	/* Pairs with that in weir_pool_release(). */
	smp_mb();
	weir_pool_dispatch(group);
	if (!weir_pool_census(group).up)
		weir_group_kick(group);
}

bool weir_pool_cancel(struct weir_exchange *x)
{
	struct weir_group *group = x->group;
	bool waiting;

	/* Set and cleared by others under the lock, but never set again behind our back. */
	if (!READ_ONCE(x->waiting))
		return false;
	spin_lock_bh(&group->lock);
	waiting = x->waiting;
	if (waiting) {
		list_del_init(&x->wait_node);
		x->waiting = false;
		atomic_dec(&group->waiting);
	}
	spin_unlock_bh(&group->lock);
	if (waiting)
		weir_exchange_put(x);
	return waiting;
}

enum weir_failure weir_pool_verdict(const struct weir_group *group)
{
	struct weir_census census = weir_pool_census(group);

	return census.up || READ_ONCE(group->removed) ? WEIR_FAILURE_BUSY :
	       census.total ? WEIR_FAILURE_TIMEOUT : WEIR_FAILURE_GATEWAY;
}

static void weir_pool_fail_waiters(struct weir_group *group, enum weir_failure failure)
{
	struct weir_exchange *x, *next;
	LIST_HEAD(failed);

	spin_lock_bh(&group->lock);
	list_for_each_entry(x, &group->waiters, wait_node) {
		x->waiting = false;
		atomic_dec(&group->waiting);
	}
	list_splice_init(&group->waiters, &failed);
	spin_unlock_bh(&group->lock);
	list_for_each_entry_safe(x, next, &failed, wait_node) {
		list_del_init(&x->wait_node);
		weir_exchange_fail(x, failure);
	}
}

void weir_pool_settle(struct weir_group *group, const struct weir_servers *servers)
{
	struct weir_census census = {};

	/* Who closes the last connection sees the group removed, or we see no connection. */
	smp_mb();
	weir_census_add(&census, servers);
	if (!census.up || READ_ONCE(group->wn->dying))
		weir_pool_fail_waiters(group, WEIR_FAILURE_BUSY);
}

void weir_pool_release(struct weir_connection *connection)
{
	struct weir_server *server = connection->server;
	struct weir_pool *pool = this_cpu_ptr(server->pools);

	weir_leg_hold(&connection->leg);
	connection->pool = pool;
	spin_lock_bh(&pool->lock);
	list_add(&connection->idle_node, &pool->idle);
	spin_unlock_bh(&pool->lock);
	/* Pairs with that in weir_pool_submit(). */
	smp_mb();
	if (atomic_read(&server->group->waiting))
		weir_pool_offer(server->group, connection);
	/* It may have become too many before it was in the pool to be told. */
	if (weir_server_excess(server))
		weir_leg_kick(&connection->leg, WEIR_EVENT_RETIRE);
}

bool weir_pool_remove(struct weir_connection *connection)
{
	bool removed;

	spin_lock_bh(&connection->pool->lock);
	removed = !list_empty(&connection->idle_node);
	list_del_init(&connection->idle_node);
	spin_unlock_bh(&connection->pool->lock);
	if (removed)
		weir_leg_put(&connection->leg);
	return removed;
}

void weir_pool_opened(struct weir_server *server)
{
	struct weir_group *group = server->group;

	weir_count(group->wn, WEIR_STAT_upstream_connects, 1);
	weir_count(group->wn, WEIR_STAT_upstream_active, 1);
	atomic_inc(&server->established);
	if (atomic_xchg(&server->failures, 0))
		weir_group_kick(group);
}

void weir_pool_closed(struct weir_server *server, bool was_up, bool useful,
		      enum weir_failure failure)
{
	struct weir_group *group = server->group;
	struct weir_census census;

	if (was_up) {
		weir_count(group->wn, WEIR_STAT_upstream_active, -1);
		atomic_dec(&server->established);
	} else {
		weir_count(group->wn, WEIR_STAT_upstream_failures, 1);
	}
	/* Some accept and close at once: do not hurry to connect to them again. */
	if (!useful)
		atomic_inc(&server->failures);
	atomic_dec(&server->total);
	if (READ_ONCE(group->wn->dying))
		return;
	/* Pairs with that in weir_pool_settle(). */
	smp_mb__after_atomic();
	if (READ_ONCE(group->removed)) {
		if (!was_up || atomic_read(&group->waiting))
			weir_pool_fail_waiters(group, WEIR_FAILURE_BUSY);
		return;
	}
	if (!was_up && !READ_ONCE(server->removed)) {
		census = weir_pool_census(group);
		if (!census.total && !census.untried)
			weir_pool_fail_waiters(group, failure);
	}
	weir_group_kick(group);
}

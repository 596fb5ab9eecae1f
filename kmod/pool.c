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

#include "choose.h"
#include "group.h"
#include "health.h"
#include "leg.h"
#include "net.h"
#include "pool.h"
#include "server.h"
#include "timer.h"
#include "upstream.h"

enum {
	/* How many that wait are looked at for one that an idle connection may serve. */
	WEIR_POOL_LOOKS	= 16,
};

/* How long a connection idles that is there only because many were needed, microseconds. */
#define WEIR_POOL_IDLE_US (5 * (u64)USEC_PER_SEC)

/* Idle connections, and the pools they are in. */

/* Under the pool's lock. */
static void weir_pool_unlink(struct weir_pool *pool, struct weir_connection *connection)
{
	list_del_init(&connection->idle_node);
	WRITE_ONCE(pool->count, pool->count - 1);
}

static struct weir_connection *weir_pool_take_from(struct weir_pool *pool)
{
	struct weir_connection *connection;

	if (list_empty(&pool->idle))
		return NULL;
	spin_lock_bh(&pool->lock);
	connection = list_first_entry_or_null(&pool->idle, struct weir_connection, idle_node);
	if (connection)
		weir_pool_unlink(pool, connection);
	spin_unlock_bh(&pool->lock);
	return connection;
}

struct weir_connection *weir_pool_take(struct weir_server *server)
{
	struct weir_connection *connection;
	int cpu;

	if (!atomic_read(&server->established))
		return NULL;
	connection = weir_pool_take_from(this_cpu_ptr(server->pools));
	if (connection)
		return connection;
	for_each_possible_cpu(cpu) {
		connection = weir_pool_take_from(per_cpu_ptr(server->pools, cpu));
		if (connection)
			return connection;
	}
	return NULL;
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

/* The waiting room of a group: all under its lock. */

static void weir_pool_enqueue(struct weir_group *group, struct weir_exchange *x)
{
	x->ticket = group->ticket++;
	if (x->bound) {
		list_add_tail(&x->wait_node, &x->bound->waiters);
		WRITE_ONCE(x->bound->waiting, x->bound->waiting + 1);
	} else {
		list_add_tail(&x->wait_node, &group->waiters);
	}
	WRITE_ONCE(x->waiting, true);
	atomic_inc(&group->waiting);
}

static void weir_pool_dequeue(struct weir_group *group, struct weir_exchange *x)
{
	list_del_init(&x->wait_node);
	if (x->bound)
		WRITE_ONCE(x->bound->waiting, x->bound->waiting - 1);
	x->bound = NULL;
	WRITE_ONCE(x->waiting, false);
	if (!atomic_dec_return(&group->waiting) && READ_ONCE(group->removed))
		weir_group_kick(group);
}

/* Who waits longest of those that @server may serve. */
static struct weir_exchange *weir_pool_next(struct weir_group *group, struct weir_server *server)
{
	struct weir_exchange *own, *any = NULL, *x;
	unsigned int looked = 0;

	/* Those that would not be sent there by choice wait for others. */
	list_for_each_entry(x, &group->waiters, wait_node) {
		if (weir_choose_suits(group, x, server)) {
			any = x;
			break;
		}
		if (++looked == WEIR_POOL_LOOKS)
			break;
	}
	own = list_first_entry_or_null(&server->waiters, struct weir_exchange, wait_node);
	return any && (!own || (s32)(any->ticket - own->ticket) < 0) ? any : own;
}

static void weir_pool_serve(struct weir_group *group, struct weir_exchange *x,
			    struct weir_connection *connection)
{
	weir_pool_dequeue(group, x);
	weir_pool_assign(connection, x);
	/* What the client leg waits for is another thing now, with another deadline. */
	weir_exchange_tell_client(x);
}

/* @x has begun to wait: what became idle before anybody could know. */
static void weir_pool_recheck(struct weir_group *group, struct weir_exchange *x)
{
	struct weir_connection *connection;
	struct weir_server *bound;

	spin_lock_bh(&group->lock);
	if (x->waiting) {
		bound = x->bound;
		connection = bound ? weir_pool_take(bound) : weir_choose(group, x);
		/* It waits where it does, even if it would not do so now. */
		x->bound = bound;
		if (connection)
			weir_pool_serve(group, x, connection);
	}
	spin_unlock_bh(&group->lock);
}

/* A connection has become idle. */
static void weir_pool_offer(struct weir_group *group, struct weir_connection *connection)
{
	struct weir_exchange *x;
	bool mine;

	spin_lock_bh(&group->lock);
	x = weir_pool_next(group, connection->server);
	if (x) {
		spin_lock(&connection->pool->lock);
		mine = !list_empty(&connection->idle_node);
		if (mine)
			weir_pool_unlink(connection->pool, connection);
		spin_unlock(&connection->pool->lock);
		if (mine)
			weir_pool_serve(group, x, connection);
	}
	spin_unlock_bh(&group->lock);
}

/**
 * struct weir_census - what there is to hope for
 * @up: connections of all servers that are established
 * @total: those that are being opened as well
 * @untried: servers that nobody has tried to connect to, or not in vain
 * @well: servers that have not failed their checks
 * @growing: servers to which more connections may be opened at once
 */
struct weir_census {
	int up;
	int total;
	int untried;
	int well;
	int growing;
};

static void weir_census_add(struct weir_census *census, const struct weir_servers *servers)
{
	unsigned int i;

	for (i = 0; servers && i < servers->count; i++) {
		const struct weir_server *server = servers->member[i].server;

		if (READ_ONCE(server->sick))
			continue;
		census->well++;
		census->up += atomic_read(&server->established);
		census->total += atomic_read(&server->total);
		census->untried += !atomic_read(&server->failures);
		census->growing += weir_server_can_grow(server);
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

/* How the request goes on: on its way, waiting, or not at all. */
enum weir_admission {
	WEIR_ADMISSION_SENT,
	WEIR_ADMISSION_WAITS,
	WEIR_ADMISSION_REFUSED,
};

/* @x is on its way with a connection, or waits, or may not. */
static enum weir_admission weir_pool_admit(struct weir_group *group, struct weir_exchange *x)
{
	enum weir_admission admission = WEIR_ADMISSION_REFUSED;
	struct weir_connection *connection;
	const struct weir_servers *servers;

	spin_lock_bh(&group->lock);
	rcu_read_lock();
	/* Anew, since servers may have changed; and so that who removes them finds @x. */
	connection = weir_choose(group, x);
	servers = rcu_dereference(group->servers);
	if (connection) {
		weir_pool_assign(connection, x);
		admission = WEIR_ADMISSION_SENT;
	} else if (servers && weir_pool_census(group).well &&
		   atomic_read(&group->waiting) < servers->settings.queue) {
		weir_pool_enqueue(group, x);
		admission = WEIR_ADMISSION_WAITS;
	}
	rcu_read_unlock();
	spin_unlock_bh(&group->lock);
	return admission;
}

void weir_pool_submit(struct weir_exchange *x)
{
	struct weir_group *group = x->group;
	struct weir_connection *connection;
	struct weir_census census;

	if (!group) {
		weir_exchange_fail(x, WEIR_FAILURE_BUSY);
		return;
	}
	if (!atomic_read(&group->waiting)) {
		connection = weir_choose(group, x);
		if (connection) {
			weir_pool_assign(connection, x);
			return;
		}
	}
	switch (weir_pool_admit(group, x)) {
	case WEIR_ADMISSION_SENT:
		break;
	case WEIR_ADMISSION_WAITS:
		/* Pairs with that in weir_pool_release(). */
		smp_mb();
		weir_pool_recheck(group, x);
		census = weir_pool_census(group);
		if (census.growing || !census.up)
			weir_group_kick(group);
		break;
	case WEIR_ADMISSION_REFUSED:
		weir_meter_loss(group->meter, WEIR_METER_failures, 0, 0);
		weir_exchange_fail(x, WEIR_FAILURE_BUSY);
		break;
	}
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
	if (waiting)
		weir_pool_dequeue(group, x);
	spin_unlock_bh(&group->lock);
	if (waiting)
		weir_exchange_put(x);
	return waiting;
}

enum weir_failure weir_pool_verdict(const struct weir_group *group)
{
	struct weir_census census = weir_pool_census(group);

	return census.up || !census.well ? WEIR_FAILURE_BUSY :
	       census.total ? WEIR_FAILURE_TIMEOUT : WEIR_FAILURE_GATEWAY;
}

void weir_pool_dismiss(struct weir_group *group, enum weir_failure failure)
{
	struct weir_exchange *x, *next;
	LIST_HEAD(failed);

	spin_lock_bh(&group->lock);
	list_for_each_entry_safe(x, next, &group->waiters, wait_node) {
		weir_pool_dequeue(group, x);
		list_add_tail(&x->wait_node, &failed);
	}
	spin_unlock_bh(&group->lock);
	list_for_each_entry_safe(x, next, &failed, wait_node) {
		list_del_init(&x->wait_node);
		weir_meter_loss(group->meter, WEIR_METER_failures, 0, 0);
		weir_exchange_fail(x, failure);
	}
}

void weir_pool_scatter(struct weir_server *server)
{
	struct weir_group *group = server->group;
	struct weir_exchange *x, *next;
	LIST_HEAD(scattered);

	local_bh_disable();
	spin_lock(&group->lock);
	list_for_each_entry_safe(x, next, &server->waiters, wait_node) {
		weir_pool_dequeue(group, x);
		list_add_tail(&x->wait_node, &scattered);
	}
	spin_unlock(&group->lock);
	list_for_each_entry_safe(x, next, &scattered, wait_node) {
		list_del_init(&x->wait_node);
		refcount_inc(&x->refs);
		weir_pool_submit(x);
		weir_exchange_tell_client(x);
		weir_exchange_put(x);
	}
	local_bh_enable();
}

void weir_pool_sickened(struct weir_server *server)
{
	weir_pool_scatter(server);
	/* Nobody is left who could serve those that wait. */
	if (!weir_pool_census(server->group).well)
		weir_pool_dismiss(server->group, WEIR_FAILURE_BUSY);
}

void weir_pool_rouse(struct weir_group *group)
{
	struct weir_connection *connection;
	struct weir_exchange *x;

	local_bh_disable();
	spin_lock(&group->lock);
	for (;;) {
		x = list_first_entry_or_null(&group->waiters, struct weir_exchange, wait_node);
		connection = x ? weir_choose(group, x) : NULL;
		/* It waits for any server, whatever was found. */
		if (x)
			x->bound = NULL;
		if (!connection)
			break;
		weir_pool_serve(group, x, connection);
	}
	spin_unlock(&group->lock);
	local_bh_enable();
}

void weir_pool_release(struct weir_connection *connection)
{
	struct weir_server *server = connection->server;
	struct weir_pool *pool = this_cpu_ptr(server->pools);

	if (weir_server_surplus(server))
		weir_timer_set(&connection->leg, WEIR_POOL_IDLE_US);
	weir_leg_hold(&connection->leg);
	connection->pool = pool;
	spin_lock_bh(&pool->lock);
	list_add(&connection->idle_node, &pool->idle);
	WRITE_ONCE(pool->count, pool->count + 1);
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
	if (removed)
		weir_pool_unlink(connection->pool, connection);
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
	weir_meter_add(server->meter, WEIR_METER_connects, 1);
	weir_meter_add(server->meter, WEIR_METER_connections, 1);
	weir_meter_add(group->meter, WEIR_METER_connects, 1);
	weir_meter_add(group->meter, WEIR_METER_connections, 1);
	if (atomic_inc_return(&server->established) == 1 && atomic_read(&server->failures))
		weir_health_back(server);
	if (atomic_xchg(&server->failures, 0) || atomic_read(&group->waiting))
		weir_group_kick(group);
}

void weir_pool_closed(struct weir_server *server, bool was_up, bool useful,
		      enum weir_failure failure)
{
	struct weir_group *group = server->group;
	struct weir_census census;

	if (was_up) {
		weir_count(group->wn, WEIR_STAT_upstream_active, -1);
		weir_meter_add(server->meter, WEIR_METER_connections, -1);
		weir_meter_add(group->meter, WEIR_METER_connections, -1);
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
	if (READ_ONCE(server->waiting) && !weir_server_usable(server))
		weir_pool_scatter(server);
	/* With this one gone it may be another's turn: a backup's, or one's that is left out. */
	if (atomic_read(&group->waiting))
		weir_pool_rouse(group);
	if (!was_up && !READ_ONCE(server->removed)) {
		census = weir_pool_census(group);
		if (!census.total && !census.untried)
			weir_pool_dismiss(group, failure);
	}
	weir_group_kick(group);
}

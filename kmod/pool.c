// SPDX-License-Identifier: GPL-2.0-only
/*
 * The upstream group: its servers, the idle connections to them, and the
 * exchanges that wait for one.
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

#include <linux/slab.h>

#include "leg.h"
#include "net.h"
#include "pool.h"
#include "upstream.h"

enum {
	/* Pause after the first failed attempt, and the longest, ms; and if a request waits. */
	WEIR_RETRY_FIRST_MS	= 20,
	WEIR_RETRY_LAST_MS	= 1000,
	WEIR_RETRY_WANTED_MS	= 10,
};

static void weir_server_free(struct rcu_head *rcu)
{
	struct weir_server *server = container_of(rcu, struct weir_server, rcu);

	free_percpu(server->pools);
	kfree(server);
}

void weir_server_put(struct weir_server *server)
{
	if (refcount_dec_and_test(&server->refs))
		call_rcu(&server->rcu, weir_server_free);
}

bool weir_server_excess(const struct weir_server *server)
{
	return READ_ONCE(server->removed) ||
	       atomic_read(&server->total) > READ_ONCE(server->connections);
}

static struct weir_server *weir_server_alloc(struct weir_net *wn,
					     const struct weir_server_config *config)
{
	struct weir_server *server = kzalloc(sizeof(*server), GFP_KERNEL);
	int cpu;

	if (!server)
		return NULL;
	server->pools = alloc_percpu(struct weir_pool);
	if (!server->pools) {
		kfree(server);
		return NULL;
	}
	for_each_possible_cpu(cpu) {
		struct weir_pool *pool = per_cpu_ptr(server->pools, cpu);

		spin_lock_init(&pool->lock);
		INIT_LIST_HEAD(&pool->idle);
	}
	refcount_set(&server->refs, 1);
	server->wn = wn;
	server->address = config->address;
	server->connections = config->connections;
	server->tried = jiffies;
	return server;
}

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
static struct weir_connection *weir_pool_take(struct weir_net *wn)
{
	struct weir_connection *connection = NULL;
	const struct weir_servers *servers;
	unsigned int turn, i;
	int cpu;

	rcu_read_lock();
	servers = rcu_dereference(wn->upstream.servers);
	if (!servers)
		goto unlock;
	turn = atomic_read(&wn->upstream.turn);
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
		atomic_inc(&wn->upstream.turn);
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

/* Pair those that wait with idle connections. */
static void weir_pool_dispatch(struct weir_net *wn)
{
	struct weir_upstream *upstream = &wn->upstream;

	spin_lock_bh(&upstream->lock);
	while (!list_empty(&upstream->waiters)) {
		struct weir_connection *connection = weir_pool_take(wn);
		struct weir_exchange *x;

		if (!connection)
			break;
		x = list_first_entry(&upstream->waiters, struct weir_exchange, wait_node);
		list_del_init(&x->wait_node);
		x->waiting = false;
		atomic_dec(&upstream->waiting);
		weir_pool_assign(connection, x);
		/* What the client leg waits for is another thing now, with another deadline. */
		weir_exchange_tell_client(x);
	}
	spin_unlock_bh(&upstream->lock);
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

static struct weir_census weir_pool_census(struct weir_net *wn)
{
	const struct weir_servers *servers;
	struct weir_census census = {};
	unsigned int i;

	rcu_read_lock();
	servers = rcu_dereference(wn->upstream.servers);
	for (i = 0; servers && i < servers->count; i++) {
		const struct weir_server *server = servers->server[i];

		census.up += atomic_read(&server->established);
		census.total += atomic_read(&server->total);
		census.untried += !atomic_read(&server->failures);
	}
	rcu_read_unlock();
	return census;
}

void weir_pool_submit(struct weir_exchange *x)
{
	struct weir_net *wn = x->wn;
	struct weir_upstream *upstream = &wn->upstream;
	struct weir_connection *connection;
	bool full;

	if (!atomic_read(&upstream->waiting)) {
		connection = weir_pool_take(wn);
		if (connection) {
			weir_pool_assign(connection, x);
			return;
		}
	}
	spin_lock_bh(&upstream->lock);
	full = atomic_read(&upstream->waiting) >= WEIR_WAITERS_MAX ||
	       !rcu_access_pointer(upstream->servers);
	if (!full) {
		list_add_tail(&x->wait_node, &upstream->waiters);
		x->waiting = true;
		atomic_inc(&upstream->waiting);
	}
	spin_unlock_bh(&upstream->lock);
	if (full) {
		weir_exchange_fail(x, WEIR_FAILURE_BUSY);
		return;
	}
	/* Pairs with that in weir_pool_release(). */
	smp_mb();
	weir_pool_dispatch(wn);
	if (!weir_pool_census(wn).up)
		mod_delayed_work(system_wq, &upstream->work, 0);
}

bool weir_pool_cancel(struct weir_exchange *x)
{
	struct weir_upstream *upstream = &x->wn->upstream;
	bool waiting;

	/* Set and cleared by others under the lock, but never set again behind our back. */
	if (!READ_ONCE(x->waiting))
		return false;
	spin_lock_bh(&upstream->lock);
	waiting = x->waiting;
	if (waiting) {
		list_del_init(&x->wait_node);
		x->waiting = false;
		atomic_dec(&upstream->waiting);
	}
	spin_unlock_bh(&upstream->lock);
	if (waiting)
		weir_exchange_put(x);
	return waiting;
}

enum weir_failure weir_pool_verdict(struct weir_net *wn)
{
	struct weir_census census = weir_pool_census(wn);

	return census.up ? WEIR_FAILURE_BUSY :
	       census.total ? WEIR_FAILURE_TIMEOUT : WEIR_FAILURE_GATEWAY;
}

static void weir_pool_fail_waiters(struct weir_net *wn, enum weir_failure failure)
{
	struct weir_upstream *upstream = &wn->upstream;
	struct weir_exchange *x, *next;
	LIST_HEAD(failed);

	spin_lock_bh(&upstream->lock);
	list_for_each_entry(x, &upstream->waiters, wait_node) {
		x->waiting = false;
		atomic_dec(&upstream->waiting);
	}
	list_splice_init(&upstream->waiters, &failed);
	spin_unlock_bh(&upstream->lock);
	list_for_each_entry_safe(x, next, &failed, wait_node) {
		list_del_init(&x->wait_node);
		weir_exchange_fail(x, failure);
	}
}

void weir_pool_release(struct weir_connection *connection)
{
	struct weir_server *server = connection->server;
	struct weir_pool *pool = this_cpu_ptr(server->pools);

	weir_leg_hold(&connection->leg);
	connection->pool = pool;
	spin_lock_bh(&pool->lock);
	list_add_tail(&connection->idle_node, &pool->idle);
	spin_unlock_bh(&pool->lock);
	/* Pairs with that in weir_pool_submit(). */
	smp_mb();
	if (atomic_read(&server->wn->upstream.waiting))
		weir_pool_dispatch(server->wn);
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
	weir_count(server->wn, WEIR_STAT_upstream_connects, 1);
	weir_count(server->wn, WEIR_STAT_upstream_active, 1);
	atomic_inc(&server->established);
	if (atomic_xchg(&server->failures, 0))
		mod_delayed_work(system_wq, &server->wn->upstream.work, 0);
}

void weir_pool_closed(struct weir_server *server, bool was_up, bool useful,
		      enum weir_failure failure)
{
	struct weir_net *wn = server->wn;
	struct weir_census census;

	if (was_up) {
		weir_count(wn, WEIR_STAT_upstream_active, -1);
		atomic_dec(&server->established);
	} else {
		weir_count(wn, WEIR_STAT_upstream_failures, 1);
	}
	/* Some accept and close at once: do not hurry to connect to them again. */
	if (!useful)
		atomic_inc(&server->failures);
	atomic_dec(&server->total);
	if (READ_ONCE(wn->dying))
		return;
	if (!was_up && !READ_ONCE(server->removed)) {
		census = weir_pool_census(wn);
		if (!census.total && !census.untried)
			weir_pool_fail_waiters(wn, failure);
	}
	mod_delayed_work(system_wq, &wn->upstream.work, 0);
}

/* Opening connections. */

/* How long to leave a server alone that fails, jiffies. */
static unsigned long weir_server_pause(struct weir_server *server)
{
	unsigned int failures = atomic_read(&server->failures);

	if (!failures)
		return 0;
	if (atomic_read(&server->wn->upstream.waiting))
		return msecs_to_jiffies(WEIR_RETRY_WANTED_MS);
	return msecs_to_jiffies(min(WEIR_RETRY_FIRST_MS << min(failures - 1, 10U),
				    WEIR_RETRY_LAST_MS));
}

/* Open what is missing.  Returns how long to wait before trying again, jiffies; 0: need not. */
static unsigned long weir_server_maintain(struct weir_server *server, u64 timeout_us)
{
	while (atomic_read(&server->total) < server->connections) {
		unsigned long due = server->tried + weir_server_pause(server);

		if (atomic_read(&server->failures)) {
			/* One that fails is tried by one connection at a time. */
			if (atomic_read(&server->total) > atomic_read(&server->established))
				return 0;
			if (time_before(jiffies, due))
				return due - jiffies;
		}
		server->tried = jiffies;
		if (weir_connection_open(server, timeout_us)) {
			atomic_inc(&server->failures);
			return msecs_to_jiffies(WEIR_RETRY_LAST_MS);
		}
	}
	return 0;
}

static void weir_pool_work(struct work_struct *work)
{
	struct weir_net *wn = container_of(to_delayed_work(work), struct weir_net, upstream.work);
	unsigned long again = 0, after;
	struct weir_servers *servers;
	u64 timeout_us;
	unsigned int i;

	mutex_lock(&wn->lock);
	if (wn->dying)
		goto unlock;
	timeout_us = rcu_dereference_protected(wn->config, lockdep_is_held(&wn->lock))->
		     timeouts.upstream_connect;
	servers = rcu_dereference_protected(wn->upstream.servers, lockdep_is_held(&wn->lock));
	for (i = 0; servers && i < servers->count; i++) {
		after = weir_server_maintain(servers->server[i], timeout_us);
		if (after && (!again || after < again))
			again = after;
	}
	if (again)
		queue_delayed_work(system_wq, &wn->upstream.work, again);
unlock:
	mutex_unlock(&wn->lock);
}

/* Configuration. */

void weir_pool_setup(struct weir_net *wn)
{
	struct weir_upstream *upstream = &wn->upstream;

	RCU_INIT_POINTER(upstream->servers, NULL);
	atomic_set(&upstream->turn, 0);
	spin_lock_init(&upstream->lock);
	INIT_LIST_HEAD(&upstream->waiters);
	INIT_LIST_HEAD(&upstream->connections);
	atomic_set(&upstream->waiting, 0);
	INIT_DELAYED_WORK(&upstream->work, weir_pool_work);
}

static bool weir_server_is(const struct weir_server *server, const union weir_address *address)
{
	return !memcmp(&server->address, address, sizeof(*address));
}

/* Tell all idle connections to close that are too many now. */
static void weir_server_trim(struct weir_server *server)
{
	struct weir_connection *connection;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct weir_pool *pool = per_cpu_ptr(server->pools, cpu);

		spin_lock_bh(&pool->lock);
		list_for_each_entry(connection, &pool->idle, idle_node)
			weir_leg_kick(&connection->leg, WEIR_EVENT_RETIRE);
		spin_unlock_bh(&pool->lock);
	}
}

static struct weir_server *weir_servers_find(const struct weir_servers *servers,
					     const union weir_address *address)
{
	unsigned int i;

	for (i = 0; servers && i < servers->count; i++)
		if (weir_server_is(servers->server[i], address))
			return servers->server[i];
	return NULL;
}

static void weir_servers_put(struct weir_servers *servers)
{
	unsigned int i;

	for (i = 0; i < servers->count; i++)
		weir_server_put(servers->server[i]);
	kfree_rcu(servers, rcu);
}

int weir_pool_configure(struct weir_net *wn, const struct weir_config *config)
{
	struct weir_upstream *upstream = &wn->upstream;
	struct weir_servers *old, *new = NULL;
	unsigned int i;

	old = rcu_dereference_protected(upstream->servers, lockdep_is_held(&wn->lock));
	if (config->server_count) {
		new = kzalloc(struct_size(new, server, config->server_count), GFP_KERNEL);
		if (!new)
			return -ENOMEM;
	}
	for (i = 0; i < config->server_count; i++) {
		struct weir_server *server = weir_servers_find(old, &config->servers[i].address);

		if (server)
			refcount_inc(&server->refs);
		else
			server = weir_server_alloc(wn, &config->servers[i]);
		if (!server) {
			weir_servers_put(new);
			return -ENOMEM;
		}
		new->count = i + 1;
		new->server[i] = server;
	}
	/* No failure from here on. */
	for (i = 0; i < config->server_count; i++)
		WRITE_ONCE(new->server[i]->connections, config->servers[i].connections);
	rcu_assign_pointer(upstream->servers, new);
	for (i = 0; old && i < old->count; i++) {
		if (!weir_servers_find(new, &old->server[i]->address))
			WRITE_ONCE(old->server[i]->removed, true);
		/* Who releases a connection sees either the mark, or its connection told. */
		smp_mb();
		weir_server_trim(old->server[i]);
	}
	if (old)
		weir_servers_put(old);
	if (!new)
		weir_pool_fail_waiters(wn, WEIR_FAILURE_BUSY);
	mod_delayed_work(system_wq, &upstream->work, 0);
	return 0;
}

void weir_pool_shutdown(struct weir_net *wn)
{
	struct weir_upstream *upstream = &wn->upstream;
	struct weir_connection *connection;
	struct weir_servers *servers;

	cancel_delayed_work_sync(&upstream->work);
	mutex_lock(&wn->lock);
	servers = rcu_replace_pointer(upstream->servers, NULL, lockdep_is_held(&wn->lock));
	if (servers)
		weir_servers_put(servers);
	mutex_unlock(&wn->lock);
	spin_lock_bh(&upstream->lock);
	list_for_each_entry(connection, &upstream->connections, node)
		weir_leg_kick(&connection->leg, WEIR_EVENT_ABORT);
	spin_unlock_bh(&upstream->lock);
	weir_pool_fail_waiters(wn, WEIR_FAILURE_BUSY);
}

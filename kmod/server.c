// SPDX-License-Identifier: GPL-2.0-only
/* Servers: their life, and opening the connections that are missing. */

#include <linux/siphash.h>
#include <linux/slab.h>

#include "group.h"
#include "leg.h"
#include "net.h"
#include "server.h"
#include "upstream.h"

enum {
	/* Pause after the first failed attempt, and the longest, ms; and if a request waits. */
	WEIR_RETRY_FIRST_MS	= 20,
	WEIR_RETRY_LAST_MS	= 1000,
	WEIR_RETRY_WANTED_MS	= 10,
	/* Connections to one server that are being opened at a time because requests wait. */
	WEIR_OPENING_MAX	= 32,
};

struct weir_server *weir_server_alloc(struct weir_group *group,
				      const struct weir_server_config *config)
{
	struct weir_server *server = kzalloc(sizeof(*server), GFP_KERNEL);
	int cpu;

	if (!server)
		return NULL;
	server->pools = alloc_percpu(struct weir_pool);
	server->meter = weir_meter_get(group->wn->meters, WEIR_METER_SERVER, group->name,
				       &config->address);
	if (!server->pools || !server->meter) {
		weir_meter_put(server->meter);
		free_percpu(server->pools);
		kfree(server);
		return NULL;
	}
	for_each_possible_cpu(cpu) {
		struct weir_pool *pool = per_cpu_ptr(server->pools, cpu);

		spin_lock_init(&pool->lock);
		INIT_LIST_HEAD(&pool->idle);
	}
	refcount_set(&server->refs, 1);
	weir_group_get(group);
	server->group = group;
	server->address = config->address;
	/* 0 is nobody's. */
	server->id = siphash(&config->address, sizeof(config->address), &group->wn->key) ?: 1;
	server->connections = config->connections;
	server->connections_max = config->connections_max;
	server->tried = jiffies;
	server->check_due = jiffies;
	INIT_LIST_HEAD(&server->waiters);
	return server;
}

static void weir_server_free(struct rcu_head *rcu)
{
	struct weir_server *server = container_of(rcu, struct weir_server, rcu);

	weir_group_put(server->group);
	weir_meter_put(server->meter);
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
	if (READ_ONCE(server->removed))
		return true;
	/* Of a group that was removed, those are kept that are waited for. */
	if (READ_ONCE(server->group->removed) && !atomic_read(&server->group->waiting))
		return true;
	return atomic_read(&server->total) > READ_ONCE(server->connections_max);
}

bool weir_server_surplus(const struct weir_server *server)
{
	return atomic_read(&server->total) > READ_ONCE(server->connections) ||
	       weir_server_excess(server);
}

unsigned int weir_server_busy(const struct weir_server *server)
{
	int busy = atomic_read(&server->established);
	int cpu;

	for_each_possible_cpu(cpu)
		busy -= READ_ONCE(per_cpu_ptr(server->pools, cpu)->count);
	return max(busy, 0);
}

bool weir_server_can_grow(const struct weir_server *server)
{
	return !atomic_read(&server->failures) && weir_server_opening(server) < WEIR_OPENING_MAX &&
	       atomic_read(&server->total) < READ_ONCE(server->connections_max);
}

void weir_server_want(struct weir_server *server)
{
	if (!weir_server_can_grow(server))
		return;
	WRITE_ONCE(server->wanted, true);
	weir_group_kick(server->group);
}

void weir_server_configure(struct weir_server *server, const struct weir_server_config *config)
{
	bool fewer = config->connections < server->connections ||
		     config->connections_max < server->connections_max;

	WRITE_ONCE(server->connections, config->connections);
	WRITE_ONCE(server->connections_max, config->connections_max);
	if (fewer)
		weir_server_trim(server);
}

void weir_server_trim(struct weir_server *server)
{
	struct weir_connection *connection;
	int cpu;

	/* Who releases a connection sees what has changed, or we see his connection. */
	smp_mb();
	for_each_possible_cpu(cpu) {
		struct weir_pool *pool = per_cpu_ptr(server->pools, cpu);

		spin_lock_bh(&pool->lock);
		list_for_each_entry(connection, &pool->idle, idle_node)
			weir_leg_kick(&connection->leg, WEIR_EVENT_RETIRE);
		spin_unlock_bh(&pool->lock);
	}
}

/* How long to leave a server alone that fails, jiffies. */
static unsigned long weir_server_pause(struct weir_server *server)
{
	unsigned int failures = atomic_read(&server->failures);

	if (!failures)
		return 0;
	if (atomic_read(&server->group->waiting))
		return msecs_to_jiffies(WEIR_RETRY_WANTED_MS);
	return msecs_to_jiffies(min(WEIR_RETRY_FIRST_MS << min(failures - 1, 10U),
				    WEIR_RETRY_LAST_MS));
}

/* How many connections to hold open.  Of a group that was removed, one to try with if any waits. */
static unsigned int weir_server_held(const struct weir_server *server)
{
	if (!READ_ONCE(server->group->removed))
		return server->connections;
	return atomic_read(&server->group->waiting) ? 1 : 0;
}

/* Whether one more connection is missing: to hold open, or for requests. */
static bool weir_server_lacks(struct weir_server *server, unsigned int wanted)
{
	if (atomic_read(&server->total) < weir_server_held(server))
		return true;
	return (int)wanted > weir_server_opening(server) && weir_server_can_grow(server);
}

unsigned long weir_server_maintain(struct weir_server *server, u64 timeout_us)
{
	unsigned int wanted = READ_ONCE(server->waiting) + xchg(&server->wanted, false);

	while (weir_server_lacks(server, wanted)) {
		unsigned long due = server->tried + weir_server_pause(server);

		if (atomic_read(&server->failures)) {
			/* One that fails is tried by one connection at a time. */
			if (weir_server_opening(server) > 0)
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

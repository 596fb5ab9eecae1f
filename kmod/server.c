// SPDX-License-Identifier: GPL-2.0-only
/* Servers: their life, and opening the connections that are missing. */

#include <linux/slab.h>

#include "group.h"
#include "leg.h"
#include "server.h"
#include "upstream.h"

enum {
	/* Pause after the first failed attempt, and the longest, ms; and if a request waits. */
	WEIR_RETRY_FIRST_MS	= 20,
	WEIR_RETRY_LAST_MS	= 1000,
	WEIR_RETRY_WANTED_MS	= 10,
};

struct weir_server *weir_server_alloc(struct weir_group *group,
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
	weir_group_get(group);
	server->group = group;
	server->address = config->address;
	server->connections = config->connections;
	server->tried = jiffies;
	return server;
}

static void weir_server_free(struct rcu_head *rcu)
{
	struct weir_server *server = container_of(rcu, struct weir_server, rcu);

	weir_group_put(server->group);
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
	/* Those that wait for a group that is gone have nobody else to serve them. */
	if (READ_ONCE(server->removed))
		return !READ_ONCE(server->group->removed) || !atomic_read(&server->group->waiting);
	return atomic_read(&server->total) > READ_ONCE(server->connections);
}

void weir_server_trim(struct weir_server *server)
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

unsigned long weir_server_maintain(struct weir_server *server, u64 timeout_us)
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

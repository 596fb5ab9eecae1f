// SPDX-License-Identifier: GPL-2.0-only
/* Health of servers: who is left out, who is tried again, who comes back. */

#include "check.h"
#include "group.h"
#include "health.h"
#include "pool.h"
#include "upstream.h"

static unsigned long weir_health_jiffies(u64 us)
{
	return nsecs_to_jiffies64(us * NSEC_PER_USEC) + 1;
}

void weir_health_back(struct weir_server *server)
{
	server->back = jiffies;
	WRITE_ONCE(server->ramping, true);
	weir_pool_rouse(server->group);
}

void weir_health_try(struct weir_connection *connection)
{
	struct weir_server *server = connection->server;

	if (!READ_ONCE(server->out) || time_before(jiffies, READ_ONCE(server->out_until)))
		return;
	if (!xchg(&server->trying, true))
		connection->trial = true;
}

void weir_health_untold(struct weir_connection *connection)
{
	if (!connection->trial)
		return;
	connection->trial = false;
	WRITE_ONCE(connection->server->trying, false);
}

void weir_health_failed(struct weir_connection *connection)
{
	struct weir_server *server = connection->server;
	const struct weir_servers *servers = rcu_dereference(server->group->servers);
	u32 limit = servers ? servers->settings.fail_count : 0;

	if (limit && atomic_inc_return(&server->faults) >= limit) {
		WRITE_ONCE(server->out_until,
			   jiffies + weir_health_jiffies(servers->settings.fail_time));
		WRITE_ONCE(server->out, true);
		weir_pool_rouse(server->group);
	}
	weir_health_untold(connection);
}

void weir_health_recovered(struct weir_connection *connection)
{
	struct weir_server *server = connection->server;

	atomic_set(&server->faults, 0);
	if (xchg(&server->out, false))
		weir_health_back(server);
	weir_health_untold(connection);
}

/* What a check has shown.  Softirq; one at a time. */
void weir_health_checked(struct weir_server *server, bool well)
{
	const struct weir_health_settings *settings;
	const struct weir_servers *servers;

	rcu_read_lock();
	servers = rcu_dereference(server->group->servers);
	settings = servers ? &servers->settings.health : NULL;
	if (settings && settings->period && !READ_ONCE(server->removed)) {
		server->passed = well ? server->passed + 1 : 0;
		server->missed = well ? 0 : server->missed + 1;
		if (READ_ONCE(server->sick) && server->passed >= settings->rise) {
			WRITE_ONCE(server->sick, false);
			weir_health_back(server);
		} else if (!READ_ONCE(server->sick) && server->missed >= settings->fall) {
			WRITE_ONCE(server->sick, true);
			weir_pool_sickened(server);
		}
	}
	rcu_read_unlock();
	WRITE_ONCE(server->checking, false);
	weir_group_kick(server->group);
}

unsigned long weir_health_maintain(struct weir_server *server,
				   const struct weir_health_settings *settings)
{
	if (!settings->period) {
		server->passed = 0;
		server->missed = 0;
		if (xchg(&server->sick, false))
			weir_health_back(server);
		return 0;
	}
	/* The end of the check kicks the group. */
	if (READ_ONCE(server->checking))
		return 0;
	if (time_before(jiffies, server->check_due))
		return server->check_due - jiffies;
	server->check_due = jiffies + weir_health_jiffies(settings->period);
	WRITE_ONCE(server->checking, true);
	if (!weir_check_open(server, settings))
		return 0;
	WRITE_ONCE(server->checking, false);
	return server->check_due - jiffies;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Upstream groups: their life, configuring them, and having their connections opened. */

#include <linux/slab.h>

#include "choose.h"
#include "group.h"
#include "health.h"
#include "net.h"
#include "pool.h"
#include "server.h"
#include "upstream.h"

static void weir_group_free(struct rcu_head *rcu)
{
	struct weir_group *group = container_of(rcu, struct weir_group, rcu);

	weir_meter_put(group->meter);
	kfree(group);
}

void weir_group_put(struct weir_group *group)
{
	if (refcount_dec_and_test(&group->refs))
		call_rcu(&group->rcu, weir_group_free);
}

void weir_servers_put(struct weir_servers *servers)
{
	unsigned int i;

	for (i = 0; i < servers->count; i++)
		weir_server_put(servers->member[i].server);
	kfree_rcu(servers, rcu);
}

u64 weir_group_queue_timeout(const struct weir_group *group)
{
	const struct weir_servers *servers = rcu_dereference(group->servers);

	/* Over: nobody can wait there. */
	return servers ? servers->settings.queue_timeout : WEIR_TIMEOUT_MIN_US;
}

u32 weir_group_retries(const struct weir_group *group)
{
	const struct weir_servers *servers = rcu_dereference(group->servers);

	return servers ? servers->settings.retries : 0;
}

/* Opening connections. */

void weir_group_kick(struct weir_group *group)
{
	/* Cleared before maintenance looks: what was true by now is seen. */
	if (!xchg(&group->kicked, true))
		mod_delayed_work(system_wq, &group->wn->upstream_work, 0);
}

/* For those that wait for any server, beyond the connections that are being opened. */
static void weir_group_grow(struct weir_group *group, const struct weir_servers *servers,
			    u64 timeout_us)
{
	int missing = atomic_read(&group->waiting);
	struct weir_server *server;
	unsigned int i;

	for (i = 0; i < servers->count; i++) {
		server = servers->member[i].server;
		missing -= weir_server_opening(server) + READ_ONCE(server->waiting);
	}
	while (missing-- > 0) {
		server = weir_choose_growing(servers);
		if (!server || weir_connection_open(server, timeout_us))
			break;
	}
}

/* The sooner of two times to wait, 0 meaning for ever. */
static unsigned long weir_sooner(unsigned long a, unsigned long b)
{
	return a && b ? min(a, b) : a + b;
}

static void weir_group_maintain(struct weir_group *group, u64 timeout_us)
{
	struct weir_servers *servers;
	unsigned long again = 0;
	unsigned int i;

	servers = rcu_dereference_protected(group->servers, lockdep_is_held(&group->wn->lock));
	for (i = 0; servers && i < servers->count; i++) {
		again = weir_sooner(again, weir_server_maintain(servers->member[i].server,
								timeout_us));
		/* Who waits in a group that was removed takes its servers as they were last. */
		if (!group->removed)
			again = weir_sooner(again,
					    weir_health_maintain(servers->member[i].server,
								 &servers->settings.health));
	}
	if (servers)
		weir_group_grow(group, servers, timeout_us);
	group->timed = again;
	group->due = jiffies + again;
}

/* Take a group, whose servers are gone, out of the namespace's list.  It may be freed. */
static void weir_group_unlist(struct weir_group *group)
{
	list_del_init(&group->node);
	weir_group_put(group);
}

/*
 * A group that was removed is over when nobody waits and no connection is left,
 * which might hand a request back to be sent again.
 */
static void weir_group_wind_up(struct weir_group *group)
{
	struct weir_servers *servers;
	bool over = true;
	unsigned int i;

	servers = rcu_dereference_protected(group->servers, lockdep_is_held(&group->wn->lock));
	spin_lock_bh(&group->lock);
	for (i = 0; i < servers->count; i++)
		over = over && !atomic_read(&servers->member[i].server->total);
	over = over && !atomic_read(&group->waiting);
	/* Under the lock: who begins to wait sees it. */
	if (over)
		RCU_INIT_POINTER(group->servers, NULL);
	spin_unlock_bh(&group->lock);
	if (over) {
		weir_servers_put(servers);
		weir_group_unlist(group);
		return;
	}
	for (i = 0; i < servers->count; i++)
		weir_server_trim(servers->member[i].server);
}

static void weir_groups_work(struct work_struct *work)
{
	struct weir_net *wn = container_of(to_delayed_work(work), struct weir_net, upstream_work);
	struct weir_group *group, *next;
	unsigned long now, again = 0;
	u64 timeout_us;

	mutex_lock(&wn->lock);
	if (wn->dying)
		goto unlock;
	timeout_us = rcu_dereference_protected(wn->config, lockdep_is_held(&wn->lock))->
		     timeouts.upstream_connect;
	list_for_each_entry_safe(group, next, &wn->groups, node) {
		if (!xchg(&group->kicked, false) &&
		    !(group->timed && time_after_eq(jiffies, group->due)))
			continue;
		weir_group_maintain(group, timeout_us);
		if (group->removed)
			weir_group_wind_up(group);
	}
	now = jiffies;
	list_for_each_entry(group, &wn->groups, node) {
		if (group->timed)
			again = weir_sooner(again, time_after(group->due, now) ?
					    group->due - now : 1);
	}
	/* Whoever kicks meanwhile comes earlier. */
	if (again)
		queue_delayed_work(system_wq, &wn->upstream_work, again);
unlock:
	mutex_unlock(&wn->lock);
}

/* Configuration. */

void weir_groups_setup(struct weir_net *wn)
{
	INIT_LIST_HEAD(&wn->groups);
	INIT_DELAYED_WORK(&wn->upstream_work, weir_groups_work);
}

static struct weir_group *weir_groups_find(struct weir_net *wn, const char *name)
{
	struct weir_group *group;

	list_for_each_entry(group, &wn->groups, node)
		if (!group->removed && !strcmp(group->name, name))
			return group;
	return NULL;
}

static struct weir_group *weir_group_alloc(struct weir_net *wn, const char *name)
{
	struct weir_group *group = kzalloc(sizeof(*group), GFP_KERNEL);

	if (!group)
		return NULL;
	group->meter = weir_meter_get(wn->meters, WEIR_METER_UPSTREAM, name, NULL);
	if (!group->meter) {
		kfree(group);
		return NULL;
	}
	refcount_set(&group->refs, 1);
	group->wn = wn;
	strscpy(group->name, name);
	INIT_LIST_HEAD(&group->node);
	spin_lock_init(&group->turn_lock);
	spin_lock_init(&group->lock);
	INIT_LIST_HEAD(&group->waiters);
	return group;
}

static struct weir_server *weir_servers_find(const struct weir_servers *servers,
					     const union weir_address *address)
{
	unsigned int i;

	for (i = 0; servers && i < servers->count; i++)
		if (!memcmp(&servers->member[i].server->address, address, sizeof(*address)))
			return servers->member[i].server;
	return NULL;
}

/* The servers of @upstream, those that @group has already being the same ones. */
static struct weir_servers *weir_servers_make(struct weir_group *group,
					      const struct weir_upstream_config *upstream)
{
	struct weir_servers *old, *new;
	unsigned int i;

	old = rcu_dereference_protected(group->servers, lockdep_is_held(&group->wn->lock));
	new = kzalloc(struct_size(new, member, upstream->server_count), GFP_KERNEL);
	if (!new)
		return NULL;
	new->settings = upstream->settings;
	for (i = 0; i < upstream->server_count; i++) {
		const struct weir_server_config *config = &upstream->servers[i];
		struct weir_server *server = weir_servers_find(old, &config->address);

		if (server)
			refcount_inc(&server->refs);
		else
			server = weir_server_alloc(group, config);
		if (!server) {
			weir_servers_put(new);
			return NULL;
		}
		new->count = i + 1;
		new->member[i].server = server;
		new->member[i].weight = config->weight;
		new->member[i].backup = config->backup;
	}
	return new;
}

static int weir_group_prepare(struct weir_net *wn, struct weir_upstream_config *upstream)
{
	struct weir_group *group = weir_groups_find(wn, upstream->name);

	if (group)
		weir_group_get(group);
	else
		group = weir_group_alloc(wn, upstream->name);
	if (!group)
		return -ENOMEM;
	upstream->group = group;
	upstream->made = weir_servers_make(group, upstream);
	return upstream->made ? 0 : -ENOMEM;
}

int weir_groups_prepare(struct weir_net *wn, struct weir_config *config)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < config->upstream_count && !err; i++)
		err = weir_group_prepare(wn, &config->upstreams[i]);
	if (!err)
		return 0;
	for (i = 0; i < config->upstream_count; i++) {
		struct weir_upstream_config *upstream = &config->upstreams[i];

		if (upstream->made)
			weir_servers_put(upstream->made);
		upstream->made = NULL;
		if (upstream->group)
			weir_group_put(upstream->group);
		upstream->group = NULL;
	}
	return err;
}

/* Servers that are not in @new any more go. */
static void weir_group_leave(struct weir_servers *old, const struct weir_servers *new)
{
	unsigned int i;

	for (i = 0; i < old->count; i++) {
		struct weir_server *server = old->member[i].server;

		if (weir_servers_find(new, &server->address))
			continue;
		WRITE_ONCE(server->removed, true);
		weir_server_trim(server);
		weir_pool_scatter(server);
	}
	weir_servers_put(old);
}

static void weir_group_commit(struct weir_net *wn, struct weir_upstream_config *upstream)
{
	struct weir_servers *old, *new = upstream->made;
	struct weir_group *group = upstream->group;
	unsigned int i;

	upstream->made = NULL;
	if (list_empty(&group->node)) {
		weir_group_get(group);
		list_add_tail(&group->node, &wn->groups);
	}
	old = rcu_replace_pointer(group->servers, new, lockdep_is_held(&wn->lock));
	if (old)
		weir_group_leave(old, new);
	for (i = 0; i < new->count; i++)
		weir_server_configure(new->member[i].server, &upstream->servers[i]);
	weir_group_kick(group);
}

void weir_groups_commit(struct weir_net *wn, struct weir_config *config)
{
	unsigned int i;

	for (i = 0; i < config->upstream_count; i++)
		weir_group_commit(wn, &config->upstreams[i]);
}

/* Nobody submits to it any more but exchanges that it has had already, which it goes on serving. */
static void weir_group_remove(struct weir_group *group)
{
	WRITE_ONCE(group->removed, true);
	/* Who stops to wait sees that, or we see that nobody waits. */
	smp_mb();
	weir_group_wind_up(group);
}

/* Its connections are about to be reset: nobody is served any more. */
static void weir_group_dissolve(struct weir_group *group)
{
	struct weir_servers *servers;
	unsigned int i;

	WRITE_ONCE(group->removed, true);
	servers = rcu_dereference_protected(group->servers, lockdep_is_held(&group->wn->lock));
	spin_lock_bh(&group->lock);
	RCU_INIT_POINTER(group->servers, NULL);
	spin_unlock_bh(&group->lock);
	/* Sent to look for another server, they find none. */
	for (i = 0; i < servers->count; i++)
		weir_pool_scatter(servers->member[i].server);
	weir_pool_dismiss(group, WEIR_FAILURE_BUSY);
	weir_servers_put(servers);
	weir_group_unlist(group);
}

static bool weir_config_has_group(const struct weir_config *config, const struct weir_group *group)
{
	unsigned int i;

	for (i = 0; i < config->upstream_count; i++)
		if (config->upstreams[i].group == group)
			return true;
	return false;
}

void weir_groups_retire(struct weir_net *wn, const struct weir_config *config)
{
	struct weir_group *group, *next;
	bool waited = false;

	list_for_each_entry_safe(group, next, &wn->groups, node) {
		if (group->removed || weir_config_has_group(config, group))
			continue;
		if (!waited)
			synchronize_rcu();
		waited = true;
		weir_group_remove(group);
	}
}

void weir_groups_shutdown(struct weir_net *wn)
{
	struct weir_group *group, *next;

	cancel_delayed_work_sync(&wn->upstream_work);
	mutex_lock(&wn->lock);
	list_for_each_entry_safe(group, next, &wn->groups, node)
		weir_group_dissolve(group);
	mutex_unlock(&wn->lock);
}

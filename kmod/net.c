// SPDX-License-Identifier: GPL-2.0-only
/* Network namespaces: what Weir keeps for each, from its first to its last day. */

#include <linux/random.h>
#include <linux/slab.h>
#include <net/netns/generic.h>

#include "attack.h"
#include "block.h"
#include "check.h"
#include "client.h"
#include "clients.h"
#include "codes.h"
#include "events.h"
#include "evict.h"
#include "group.h"
#include "listener.h"
#include "memory.h"
#include "net.h"
#include "secrets.h"
#include "spent.h"
#include "tickets.h"
#include "upstream.h"

static unsigned int weir_net_id __read_mostly;

struct weir_net *weir_net(const struct net *net)
{
	return net_generic(net, weir_net_id);
}

bool weir_net_get(struct weir_net *wn)
{
	if (READ_ONCE(wn->dying))
		return false;
	return atomic_inc_not_zero(&wn->legs);
}

void weir_net_put(struct weir_net *wn)
{
	if (atomic_dec_and_test(&wn->legs))
		complete(&wn->legs_gone);
}

static int __net_init weir_net_begin(struct net *net)
{
	struct weir_net *wn = weir_net(net);
	struct weir_config *config;

	wn->net = net;
	wn->stats = alloc_percpu(struct weir_stats);
	wn->events = alloc_percpu(struct weir_events);
	wn->meters = weir_meters_alloc();
	config = weir_config_alloc();
	if (!wn->stats || !wn->events || !wn->meters || !config || weir_block_begin(wn)) {
		free_percpu(wn->stats);
		free_percpu(wn->events);
		if (wn->meters)
			weir_meters_put(wn->meters);
		if (config)
			weir_config_put(config);
		return -ENOMEM;
	}
	mutex_init(&wn->lock);
	RCU_INIT_POINTER(wn->config, config);
	INIT_LIST_HEAD(&wn->listeners);
	spin_lock_init(&wn->clients_lock);
	INIT_LIST_HEAD(&wn->clients);
	weir_evict_begin(wn);
	weir_memory_begin(wn);
	spin_lock_init(&wn->connections_lock);
	INIT_LIST_HEAD(&wn->connections);
	INIT_LIST_HEAD(&wn->checks);
	get_random_bytes(&wn->key, sizeof(wn->key));
	weir_groups_setup(wn);
	weir_attack_setup(wn);
	atomic_set(&wn->legs, 1);
	init_completion(&wn->legs_gone);
	return 0;
}

/*
 * Children of a listener that nobody has accepted are destroyed when it is
 * closed, and TCP destroys those whose handshake ends later; none has a leg.
 * The grace period then waits for softirqs that are still in a listener's
 * callback or accept, after which every child that has a leg is in the list.
 */
static void __net_exit weir_net_end(struct net *net)
{
	struct weir_net *wn = weir_net(net);
	struct weir_listener *listener, *next;

	mutex_lock(&wn->lock);
	WRITE_ONCE(wn->dying, true);
	list_for_each_entry_safe(listener, next, &wn->listeners, node) {
		list_del(&listener->node);
		weir_listener_close(listener);
	}
	mutex_unlock(&wn->lock);
	weir_attack_stop(wn);
	synchronize_net();
	weir_groups_shutdown(wn);
	weir_connection_abort_all(wn);
	weir_check_abort_all(wn);
	weir_client_abort_all(wn);
	weir_net_put(wn);
	wait_for_completion(&wn->legs_gone);

	/* Its last callers were legs. */
	cancel_delayed_work_sync(&wn->upstream_work);
	weir_block_stop(wn);
	weir_evict_end(wn);
	weir_memory_end(wn);
	weir_config_put(rcu_dereference_protected(wn->config, true));
	synchronize_rcu();
	weir_block_end(wn);
	weir_accounts_free(wn->accounts);
	weir_codes_free(wn->codes);
	weir_secrets_free(wn->secrets);
	weir_spent_free(wn->spent);
	weir_tickets_free(wn->tickets);
	weir_meters_put(wn->meters);
	free_percpu(wn->events);
	free_percpu(wn->stats);
}

static struct pernet_operations weir_net_ops = {
	.init = weir_net_begin,
	.exit = weir_net_end,
	.id = &weir_net_id,
	.size = sizeof(struct weir_net),
};

int weir_net_init(void)
{
	return register_pernet_subsys(&weir_net_ops);
}

void weir_net_exit(void)
{
	unregister_pernet_subsys(&weir_net_ops);
}

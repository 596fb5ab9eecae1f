// SPDX-License-Identifier: GPL-2.0-only
/*
 * Going through all connections, and closing those of blocked clients.
 *
 * An entry is in the block table before the worker is asked to look, and a
 * connection is in the list before it is asked whether it is blocked, so one of
 * both sees the other.
 */

#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <net/ipv6.h>

#include "block.h"
#include "client.h"
#include "client_leg.h"
#include "evict.h"
#include "firewall.h"
#include "net.h"

enum {
	/* Connections that are taken out of the list under one hold of its lock. */
	WEIR_EVICT_BATCH	= 32,
	/* So much longer than it looks, a worker rests. */
	WEIR_EVICT_REST		= 15,
};

/*
 * Each is moved to the list's end, so that it need not be found again; as many
 * as there were at first are looked at.  What comes meanwhile is at the end, too.
 */
void weir_evict_each(struct weir_net *wn, void (*look)(struct weir_client *client, void *data),
		     void *data)
{
	struct weir_client *batch[WEIR_EVICT_BATCH];
	unsigned int count, i;
	u32 left;

	mutex_lock(&wn->evict_lock);
	left = READ_ONCE(wn->client_count);
	do {
		spin_lock_bh(&wn->clients_lock);
		for (count = 0; count < min_t(u32, left, WEIR_EVICT_BATCH); count++) {
			if (list_empty(&wn->clients))
				break;
			batch[count] = list_first_entry(&wn->clients, struct weir_client, node);
			list_move_tail(&batch[count]->node, &wn->clients);
			/* In the list it has its socket's reference. */
			weir_leg_hold(&batch[count]->leg);
		}
		spin_unlock_bh(&wn->clients_lock);
		for (i = 0; i < count; i++) {
			look(batch[i], data);
			weir_leg_put(&batch[i]->leg);
		}
		left -= count;
		cond_resched();
	} while (count && left);
	mutex_unlock(&wn->evict_lock);
}

unsigned long weir_evict_rest(u64 ns)
{
	return 1 + nsecs_to_jiffies(WEIR_EVICT_REST * ns);
}

bool weir_evict_is_blocked(const struct weir_client *client)
{
	const struct weir_net *wn = client->leg.wn;
	const struct weir_firewall *firewall = &rcu_dereference(wn->config)->firewall;
	const struct sock *sk = client->leg.sk;
	struct in6_addr address;
	struct weir_prefix whole;

	/* Rules decide then, or nobody: see hook.c. */
	if (firewall->block_mask ||
	    READ_ONCE(sk->sk_rx_dst_ifindex) == wn->net->loopback_dev->ifindex)
		return false;
	address = weir_client_address(sk);
	if (!weir_block_match(&wn->blocks, &address, ipv6_addr_v4mapped(&address)))
		return false;
	/*
	 * What the packets are marked with that come next is not known: as the last
	 * one.  Of those of the handshake the marks are not, but they did come.
	 */
	if (firewall->allow_mask &&
	    (!READ_ONCE(client->head_came) ||
	     (READ_ONCE(client->mark) & firewall->allow_mask) == firewall->allow_mark))
		return false;
	weir_prefix_set(&whole, &address, WEIR_PREFIX_MAX);
	return !firewall->sorted_count || !weir_firewall_allows(firewall, &whole);
}

static void weir_evict_look(struct weir_client *client, void *unused)
{
	rcu_read_lock();
	if (weir_evict_is_blocked(client))
		weir_leg_kick(&client->leg, WEIR_EVENT_BLOCKED);
	rcu_read_unlock();
}

static void weir_evict_work(struct work_struct *work)
{
	struct weir_net *wn = container_of(to_delayed_work(work), struct weir_net, evicting);
	u64 began = ktime_get_ns();

	weir_evict_each(wn, weir_evict_look, NULL);
	WRITE_ONCE(wn->evict_after, jiffies + weir_evict_rest(ktime_get_ns() - began));
}

void weir_evict_blocked(struct weir_net *wn)
{
	unsigned long after = READ_ONCE(wn->evict_after), now = jiffies;

	/* If it waits already it looks late enough. */
	queue_delayed_work(system_unbound_wq, &wn->evicting,
			   time_after(after, now) ? after - now : 0);
}

void weir_evict_begin(struct weir_net *wn)
{
	mutex_init(&wn->evict_lock);
	wn->evict_after = jiffies;
	INIT_DELAYED_WORK(&wn->evicting, weir_evict_work);
}

void weir_evict_end(struct weir_net *wn)
{
	cancel_delayed_work_sync(&wn->evicting);
}

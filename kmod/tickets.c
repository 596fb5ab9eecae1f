// SPDX-License-Identifier: GPL-2.0-only
/* Keys of TLS sessions, and their rotation. */

#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "tickets.h"
#include "tls_ticket.h"

enum {
	/* Without memory for new keys it is tried again so soon. */
	WEIR_TICKETS_AGAIN_S	= 1,
	/* The one that seals, and the one before. */
	WEIR_TICKETS_GOOD	= 2,
};

static_assert((int)WEIR_TICKETS_GOOD <= (int)TLS_TICKET_KEYS);

/**
 * struct weir_ticket_set - keys that are good at once; not changed once published
 * @rcu: frees them
 * @keys: they
 */
struct weir_ticket_set {
	struct rcu_head		rcu;
	struct tls_ticket_keys	keys;
};

/**
 * struct weir_tickets - keys of a namespace
 * @set: those that are good; RCU; written by @rotation alone
 * @rotation: replaces the older one; process context
 */
struct weir_tickets {
	struct weir_ticket_set __rcu	*set;
	struct delayed_work		rotation;
};

static void weir_ticket_set_free(struct rcu_head *rcu)
{
	kfree_sensitive(container_of(rcu, struct weir_ticket_set, rcu));
}

static struct weir_ticket_set *weir_ticket_set_make(const struct weir_ticket_set *old)
{
	struct weir_ticket_set *set = kzalloc(sizeof(*set), GFP_KERNEL);

	if (!set)
		return NULL;
	set->keys.lifetime = TLS_TICKET_LIFETIME;
	set->keys.count = 1;
	set->keys.n_keys = 1;
	get_random_bytes(&set->keys.keys[0], sizeof(set->keys.keys[0]));
	if (old) {
		set->keys.n_keys = WEIR_TICKETS_GOOD;
		set->keys.keys[1] = old->keys.keys[0];
	}
	return set;
}

static void weir_tickets_rotate(struct work_struct *work)
{
	struct weir_tickets *tickets = container_of(to_delayed_work(work), struct weir_tickets,
						    rotation);
	struct weir_ticket_set *old = rcu_dereference_protected(tickets->set, true);
	struct weir_ticket_set *set = weir_ticket_set_make(old);

	if (!set) {
		schedule_delayed_work(&tickets->rotation, WEIR_TICKETS_AGAIN_S * HZ);
		return;
	}
	rcu_assign_pointer(tickets->set, set);
	call_rcu(&old->rcu, weir_ticket_set_free);
	schedule_delayed_work(&tickets->rotation, TLS_TICKET_LIFETIME * HZ);
}

struct weir_tickets *weir_tickets_alloc(void)
{
	struct weir_tickets *tickets = kzalloc(sizeof(*tickets), GFP_KERNEL);
	struct weir_ticket_set *set = weir_ticket_set_make(NULL);

	if (!tickets || !set) {
		kfree(tickets);
		kfree(set);
		return NULL;
	}
	RCU_INIT_POINTER(tickets->set, set);
	INIT_DELAYED_WORK(&tickets->rotation, weir_tickets_rotate);
	schedule_delayed_work(&tickets->rotation, TLS_TICKET_LIFETIME * HZ);
	return tickets;
}

void weir_tickets_free(struct weir_tickets *tickets)
{
	if (!tickets)
		return;
	cancel_delayed_work_sync(&tickets->rotation);
	kfree_sensitive(rcu_dereference_protected(tickets->set, true));
	kfree(tickets);
}

const struct tls_ticket_keys *weir_tickets_get(const struct weir_tickets *tickets)
{
	return &rcu_dereference(tickets->set)->keys;
}

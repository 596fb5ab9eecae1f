// SPDX-License-Identifier: GPL-2.0-only
/* Secrets of tokens, and their rotation. */

#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "secrets.h"

enum {
	/* Without memory for new secrets it is tried again so soon. */
	WEIR_SECRETS_AGAIN_S	= 1,
};

/**
 * struct weir_secret_pair - two secrets that are good at once; not changed once published
 * @rcu: frees it
 * @generation: how many there were before
 * @secrets: these
 */
struct weir_secret_pair {
	struct rcu_head		rcu;
	u64			generation;
	struct http_secrets	secrets;
};

/**
 * struct weir_secrets - secrets of a namespace
 * @pair: those that are good; RCU; written by @rotation alone
 * @rotation: replaces the older one; process context
 * @period: how often, jiffies
 * @made: when the younger one was made, jiffies; written by @rotation alone
 */
struct weir_secrets {
	struct weir_secret_pair __rcu	*pair;
	struct delayed_work		rotation;
	unsigned long			period;
	unsigned long			made;
};

static void weir_secret_make(struct http_secret *secret, u8 id)
{
	u8 bytes[HTTP_SECRET_SIZE];

	get_random_bytes(bytes, sizeof(bytes));
	http_secret_set(secret, id, bytes);
	memzero_explicit(bytes, sizeof(bytes));
}

static void weir_secret_pair_free(struct rcu_head *rcu)
{
	kfree_sensitive(container_of(rcu, struct weir_secret_pair, rcu));
}

static void weir_secrets_work(struct work_struct *work)
{
	struct weir_secrets *secrets = container_of(to_delayed_work(work), struct weir_secrets,
						    rotation);
	struct weir_secret_pair *old = rcu_dereference_protected(secrets->pair, true);
	unsigned long period = READ_ONCE(secrets->period), age = jiffies - secrets->made;
	struct weir_secret_pair *pair;

	/* It was asked for while it ran. */
	if (age < period) {
		schedule_delayed_work(&secrets->rotation, period - age);
		return;
	}
	pair = kmalloc(sizeof(*pair), GFP_KERNEL);
	if (!pair) {
		schedule_delayed_work(&secrets->rotation, WEIR_SECRETS_AGAIN_S * HZ);
		return;
	}
	pair->generation = old->generation + 1;
	pair->secrets.older = old->secrets.newer;
	weir_secret_make(&pair->secrets.newer, old->secrets.newer.id + 1);
	rcu_assign_pointer(secrets->pair, pair);
	call_rcu(&old->rcu, weir_secret_pair_free);
	WRITE_ONCE(secrets->made, jiffies);
	schedule_delayed_work(&secrets->rotation, period);
}

struct weir_secrets *weir_secrets_alloc(void)
{
	struct weir_secrets *secrets = kzalloc(sizeof(*secrets), GFP_KERNEL);
	struct weir_secret_pair *pair = kmalloc(sizeof(*pair), GFP_KERNEL);

	if (!secrets || !pair) {
		kfree(secrets);
		kfree(pair);
		return NULL;
	}
	pair->generation = 0;
	weir_secret_make(&pair->secrets.older, 0);
	weir_secret_make(&pair->secrets.newer, 1);
	RCU_INIT_POINTER(secrets->pair, pair);
	INIT_DELAYED_WORK(&secrets->rotation, weir_secrets_work);
	secrets->made = jiffies;
	return secrets;
}

void weir_secrets_free(struct weir_secrets *secrets)
{
	if (!secrets)
		return;
	cancel_delayed_work_sync(&secrets->rotation);
	kfree_sensitive(rcu_dereference_protected(secrets->pair, true));
	kfree(secrets);
}

void weir_secrets_rotate(struct weir_secrets *secrets, u64 period)
{
	unsigned long wait = nsecs_to_jiffies(period * NSEC_PER_USEC);
	unsigned long age = jiffies - READ_ONCE(secrets->made);

	WRITE_ONCE(secrets->period, wait);
	mod_delayed_work(system_wq, &secrets->rotation, age < wait ? wait - age : 0);
}

const struct http_secrets *weir_secrets_get(const struct weir_secrets *secrets)
{
	return &rcu_dereference(secrets->pair)->secrets;
}

u64 weir_secrets_generation(const struct weir_secrets *secrets)
{
	return rcu_dereference(secrets->pair)->generation;
}

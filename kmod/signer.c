// SPDX-License-Identifier: GPL-2.0-only
/* Signatures made in process context. */

#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "identities.h"
#include "leg.h"
#include "signer.h"

/**
 * struct weir_signer - one CPU's worker
 * @lock: protects @signings and @waiting; softirqs off; a leaf
 * @signings: struct weir_signing, in the order in which they came
 * @waiting: so many
 * @work: makes them; process context
 * @scratch: for them, @work's alone
 */
struct weir_signer {
	spinlock_t		lock; /* see above */
	struct list_head	signings;
	unsigned int		waiting;
	struct work_struct	work;
	struct rsa_scratch	scratch;
};

/* Protects that all of it is got once. */
static DEFINE_MUTEX(weir_signer_lock);
static DEFINE_PER_CPU(struct weir_signer *, weir_signers);
/* Not NULL: all of it is there. */
static struct workqueue_struct *weir_signer_wq;

void weir_signing_put(struct weir_signing *signing)
{
	if (!refcount_dec_and_test(&signing->refs))
		return;
	weir_identities_put(signing->identities);
	kfree_sensitive(signing);
}

static struct weir_signing *weir_signer_next(struct weir_signer *signer)
{
	struct weir_signing *signing;

	spin_lock_bh(&signer->lock);
	signing = list_first_entry_or_null(&signer->signings, struct weir_signing, node);
	if (signing) {
		list_del(&signing->node);
		signer->waiting--;
	}
	spin_unlock_bh(&signer->lock);
	return signing;
}

static void weir_signer_work(struct work_struct *work)
{
	struct weir_signer *signer = container_of(work, struct weir_signer, work);
	struct weir_signing *signing;
	struct weir_leg *leg;

	while ((signing = weir_signer_next(signer))) {
		/* Nobody waits for it any more. */
		if (refcount_read(&signing->refs) > 1)
			tls_server_sign(&signing->job, &signer->scratch);
		leg = signing->leg;
		/* Pairs with weir_signing_result(): who sees it sees the signature. */
		smp_store_release(&signing->done, true);
		weir_signing_put(signing);
		weir_leg_kick(leg, WEIR_EVENT_READ);
		weir_leg_put(leg);
		cond_resched();
	}
}

struct weir_signing *weir_signer_ask(struct weir_leg *leg, struct weir_identities *identities,
				     const struct tls_sign_job *job)
{
	struct weir_signer *signer = this_cpu_read(weir_signers);
	struct weir_signing *signing;
	bool full;

	signing = kmalloc(sizeof(*signing), GFP_ATOMIC | __GFP_NOWARN);
	if (!signing)
		return NULL;
	refcount_set(&signing->refs, 2);
	signing->leg = leg;
	signing->identities = weir_identities_get(identities);
	signing->job = *job;
	signing->done = false;
	spin_lock(&signer->lock);
	full = signer->waiting == WEIR_SIGNER_WAITING;
	if (!full) {
		weir_leg_hold(leg);
		list_add_tail(&signing->node, &signer->signings);
		signer->waiting++;
	}
	spin_unlock(&signer->lock);
	if (full) {
		weir_identities_put(identities);
		kfree(signing);
		return NULL;
	}
	queue_work(weir_signer_wq, &signer->work);
	return signing;
}

static void weir_signer_drop(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct weir_signer **signer = per_cpu_ptr(&weir_signers, cpu);

		kfree_sensitive(*signer);
		*signer = NULL;
	}
}

static int weir_signer_make(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct weir_signer *signer = kzalloc_node(sizeof(*signer), GFP_KERNEL,
							  cpu_to_node(cpu));

		if (!signer)
			return -ENOMEM;
		spin_lock_init(&signer->lock);
		INIT_LIST_HEAD(&signer->signings);
		INIT_WORK(&signer->work, weir_signer_work);
		*per_cpu_ptr(&weir_signers, cpu) = signer;
	}
	/* On the CPU that asked; others of its work are not to wait for milliseconds. */
	weir_signer_wq = alloc_workqueue("weir_sign", WQ_CPU_INTENSIVE, 0);
	return weir_signer_wq ? 0 : -ENOMEM;
}

int weir_signer_get(void)
{
	int err = 0;

	mutex_lock(&weir_signer_lock);
	if (!weir_signer_wq) {
		err = weir_signer_make();
		if (err)
			weir_signer_drop();
	}
	mutex_unlock(&weir_signer_lock);
	return err;
}

void weir_signer_exit(void)
{
	if (!weir_signer_wq)
		return;
	destroy_workqueue(weir_signer_wq);
	weir_signer_wq = NULL;
	weir_signer_drop();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs a function once in a softirq of this CPU, after the one that is running:
 * by the receive softirq's own list where the kernel has our patch, else by a
 * BH workqueue, which does the same for more instructions.
 */
#ifndef _WEIR_DRAIN_H
#define _WEIR_DRAIN_H

#ifdef WEIR_RX_DEFER /* Kbuild has seen <net/rx_defer.h> */

#include <linux/sched.h>
#include <linux/rcupdate.h>
#include <net/rx_defer.h>

struct weir_drain {
	struct net_rx_deferred deferred;
};

#define weir_drain_of(entry) container_of(entry, struct weir_drain, deferred)
#define weir_drain_entry net_rx_deferred

static inline int weir_drain_init(void)
{
	return 0;
}

static inline void weir_drain_exit(void)
{
}

static inline void weir_drain_setup(struct weir_drain *drain,
				    void (*run)(struct weir_drain_entry *entry))
{
	drain->deferred.func = run;
}

/* Softirqs off, on the CPU that alone uses @drain. */
static inline void weir_drain_schedule(struct weir_drain *drain)
{
	net_rx_defer(&drain->deferred);
}

/* Wait until @drain, which nobody schedules any more, has run.  Process context, sleeps. */
static inline void weir_drain_flush(struct weir_drain *drain)
{
	while (READ_ONCE(drain->deferred.queued))
		schedule_timeout_uninterruptible(1);
	/* What took it off its list may still be running it, inside a softirq. */
	synchronize_rcu();
}

#else /* a stock kernel */

#include <linux/workqueue.h>

struct weir_drain {
	struct work_struct work;
};

static struct workqueue_struct *weir_drain_queue;

#define weir_drain_of(entry) container_of(entry, struct weir_drain, work)
#define weir_drain_entry work_struct

static inline int weir_drain_init(void)
{
	weir_drain_queue = alloc_workqueue("weir_bh", WQ_BH, 0);
	return weir_drain_queue ? 0 : -ENOMEM;
}

static inline void weir_drain_exit(void)
{
	destroy_workqueue(weir_drain_queue);
}

static inline void weir_drain_setup(struct weir_drain *drain,
				    void (*run)(struct weir_drain_entry *entry))
{
	INIT_WORK(&drain->work, run);
}

/* Softirqs off, on the CPU that alone uses @drain. */
static inline void weir_drain_schedule(struct weir_drain *drain)
{
	queue_work(weir_drain_queue, &drain->work);
}

/* Wait until @drain, which nobody schedules any more, has run.  Process context, sleeps. */
static inline void weir_drain_flush(struct weir_drain *drain)
{
	flush_work(&drain->work);
}

#endif

#endif /* _WEIR_DRAIN_H */

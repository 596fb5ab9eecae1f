/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs a function once in the receive softirq of this CPU, which may be running:
 * from a list of its own where the kernel has our patch, else as a device would,
 * by NAPI, which does the same for more instructions.
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

#include <linux/netdevice.h>

struct weir_drain {
	struct napi_struct napi;
	void (*run)(struct napi_struct *entry);
};

/* Of no interface: NAPI wants one. */
static struct net_device *weir_drain_device;

#define weir_drain_of(entry) container_of(entry, struct weir_drain, napi)
#define weir_drain_entry napi_struct

static inline int weir_drain_init(void)
{
	weir_drain_device = alloc_netdev_dummy(0);
	return weir_drain_device ? 0 : -ENOMEM;
}

static inline void weir_drain_exit(void)
{
	free_netdev(weir_drain_device);
}

/* The drain bounds its work itself, and schedules itself again for what is left. */
static int weir_drain_poll(struct napi_struct *napi, int budget)
{
	struct weir_drain *drain = container_of(napi, struct weir_drain, napi);

	if (!budget)
		return 0;
	napi_complete_done(napi, 0);
	drain->run(napi);
	return 1;
}

static inline void weir_drain_setup(struct weir_drain *drain,
				    void (*run)(struct weir_drain_entry *entry))
{
	drain->run = run;
	/* Nobody polls for it but the softirq. */
	netif_napi_add_tx(weir_drain_device, &drain->napi, weir_drain_poll);
	napi_enable(&drain->napi);
}

/* Softirqs off, one at a time. */
static inline void weir_drain_schedule(struct weir_drain *drain)
{
	napi_schedule(&drain->napi);
}

/* Wait until @drain, which nobody schedules any more, has run.  Process context, sleeps. */
static inline void weir_drain_flush(struct weir_drain *drain)
{
	napi_disable(&drain->napi);
	netif_napi_del(&drain->napi);
}

#endif

#endif /* _WEIR_DRAIN_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs a function once in the receive softirq of this CPU, which may be running,
 * as a device would: by NAPI (docs/decisions/0002).
 */
#ifndef _WEIR_DRAIN_H
#define _WEIR_DRAIN_H

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

#endif /* _WEIR_DRAIN_H */

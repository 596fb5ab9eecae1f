/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections that are closed though they have done nothing just now: those of
 * clients that were blocked, at once rather than by their timeouts.  A worker
 * goes through all connections; legs are told by message, as ever.
 */
#ifndef _WEIR_EVICT_H
#define _WEIR_EVICT_H

#include <linux/types.h>

struct weir_client;
struct weir_net;

void weir_evict_begin(struct weir_net *wn);
/* Nobody blocks any more.  Process context, sleeps. */
void weir_evict_end(struct weir_net *wn);

/* Somebody was blocked: look for his connections soon.  Any context but hard interrupts. */
void weir_evict_blocked(struct weir_net *wn);

/*
 * Whether packets of a connection's other end are dropped, so that it is of no
 * use any more.  RCU read lock held.
 */
bool weir_evict_is_blocked(const struct weir_client *client);

/*
 * Call @look, with @data, for each connection that there is and goes on to be,
 * once.  It may sleep, and holds no lock; the connection may have been closed
 * meanwhile.  Process context, sleeps, one at a time in a namespace.
 */
void weir_evict_each(struct weir_net *wn, void (*look)(struct weir_client *client, void *data),
		     void *data);

/*
 * How long to wait, in jiffies, after looking at all connections took @ns:
 * long enough for that to be a small part of a CPU's time, however many there are.
 */
unsigned long weir_evict_rest(u64 ns);

#endif /* _WEIR_EVICT_H */

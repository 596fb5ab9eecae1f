/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An upstream connection's leg, for the files that make it up: upstream.c (its
 * life, and what it sends) and upstream_reply.c (what it reads).  All of it is
 * called from the leg's run(): softirq, its socket's lock and the RCU read lock
 * held.
 */
#ifndef _WEIR_UPSTREAM_LEG_H
#define _WEIR_UPSTREAM_LEG_H

#include "exchange.h"
#include "net.h"
#include "upstream.h"

/* The configuration's. */
static inline const struct weir_timeouts *weir_connection_timeouts(const struct weir_connection *c)
{
	return &rcu_dereference(c->leg.wn->config)->timeouts;
}

/* The connection is of no use; what that means for the exchange depends on how far it had come. */
void weir_connection_fail(struct weir_connection *c, enum weir_failure failure);
/* Read what has come of the reply, as far as there is room for it; it may turn out to be none. */
void weir_connection_read(struct weir_connection *c);

#endif /* _WEIR_UPSTREAM_LEG_H */

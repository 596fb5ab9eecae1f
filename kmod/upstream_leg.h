/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An upstream connection's leg, for the files that make it up: upstream.c (its
 * life, and what it sends), upstream_reply.c (what it reads) and
 * upstream_tunnel.c (what it does after a 101).  All of it is called from the
 * leg's run(): softirq, its socket's lock and the RCU read lock held.
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

/* upstream.c: send what there is of the request. */
void weir_connection_send(struct weir_connection *c);
/* Whether the peer has said all it will ever say. */
bool weir_connection_ended(const struct weir_connection *c);
/* Part with the exchange, whose reply is all in the pipe or broken. */
void weir_connection_leave(struct weir_connection *c, bool broken);
/* Close, with a FIN after what is queued. */
void weir_connection_close(struct weir_connection *c);
/* Nobody waits for the reply any more. */
void weir_connection_forsaken(struct weir_connection *c);
/* The connection is of no use; what that means for the exchange depends on how far it had come. */
void weir_connection_fail(struct weir_connection *c, enum weir_failure failure);

/* upstream_reply.c: read what has come of the reply, if it is one, as far as there is room. */
void weir_connection_read(struct weir_connection *c);

/* upstream_tunnel.c: the head of a 101 reply is put. */
void weir_connection_switch(struct weir_connection *c);
/* What there was to send and to read of a tunnel is; its ends are to be passed on. */
void weir_connection_tunnel(struct weir_connection *c);
/*
 * The client's leg has left: having ended its direction, of which the rest is to
 * be sent, or amid it.
 */
void weir_connection_orphaned(struct weir_connection *c, bool expired);

#endif /* _WEIR_UPSTREAM_LEG_H */

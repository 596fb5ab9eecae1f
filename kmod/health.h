/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Health of servers: what their replies tell (passive), what they answer when
 * asked (active), and how one that came back gets its share again.
 */
#ifndef _WEIR_HEALTH_H
#define _WEIR_HEALTH_H

#include "server.h"

struct weir_connection;

/*
 * What became of the request that a connection served: answered, failed by the
 * server, or neither, since its client left or it was never sent.  Under the
 * connection's socket lock and RCU.
 */
void weir_health_failed(struct weir_connection *connection);
void weir_health_recovered(struct weir_connection *connection);
void weir_health_untold(struct weir_connection *connection);

/* Whether a server is left out for the requests that it failed. */
static inline bool weir_health_is_out(const struct weir_server *server)
{
	return READ_ONCE(server->out) &&
	       (READ_ONCE(server->trying) ||
		time_before(jiffies, READ_ONCE(server->out_until)));
}

/* A connection was taken for a request: the one that tries, if its server was left out. */
void weir_health_try(struct weir_connection *connection);
/* A server came back that could not be used.  Any context. */
void weir_health_back(struct weir_server *server);

/*
 * Check the server, if that is due.  Returns when to come again, jiffies from
 * now; 0: never.  Under the namespace's lock, sleeps.
 */
unsigned long weir_health_maintain(struct weir_server *server,
				   const struct weir_health_settings *settings);

#endif /* _WEIR_HEALTH_H */

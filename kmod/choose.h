/* SPDX-License-Identifier: GPL-2.0-only */
/* Choosing the server that a request goes to. */
#ifndef _WEIR_CHOOSE_H
#define _WEIR_CHOOSE_H

#include <linux/types.h>

struct http_head;
struct in6_addr;
struct weir_connection;
struct weir_exchange;
struct weir_group;
struct weir_server;
struct weir_servers;

/* Note in the exchange what its group looks at of a request, if it does.  Under RCU. */
void weir_choose_key(struct weir_exchange *x, const struct http_head *head, const u8 *bytes,
		     const struct in6_addr *client);
/*
 * An idle connection, of which the caller has the reference then, for a
 * request to @group; NULL if there is none.  Where only one server may serve
 * the request, that is noted in it.  Any context but hard interrupts.
 */
struct weir_connection *weir_choose(struct weir_group *group, struct weir_exchange *x);
/* Whether a request that any server may serve can be sent to this one.  Ditto. */
bool weir_choose_suits(struct weir_group *group, const struct weir_exchange *x,
		       const struct weir_server *server);
/*
 * Whose pool should grow next for requests that any server may serve: one of
 * those that would be chosen, or NULL.  Under the namespace's lock.
 */
struct weir_server *weir_choose_growing(const struct weir_servers *servers);

#endif /* _WEIR_CHOOSE_H */

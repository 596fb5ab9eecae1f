/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bringing exchanges and connections together: an upstream group's idle
 * connections, and the exchanges that wait for one.
 */
#ifndef _WEIR_POOL_H
#define _WEIR_POOL_H

#include "exchange.h"

struct weir_connection;
struct weir_group;
struct weir_server;

/*
 * Have the request sent to the exchange's group: by an idle connection, or by
 * the next that becomes idle.  Takes over the upstream side's reference; the
 * caller has one of his own.  Softirq.
 */
void weir_pool_submit(struct weir_exchange *x);
/* The client does not wait any more: if the exchange still waits, take it out.  Returns whether. */
bool weir_pool_cancel(struct weir_exchange *x);
/* How to fail an exchange that has waited too long.  Under RCU. */
enum weir_failure weir_pool_verdict(const struct weir_group *group);
/* Fail who waits for any server of the group.  Any context but hard interrupts. */
void weir_pool_dismiss(struct weir_group *group, enum weir_failure failure);

/* Requests that only @server may serve choose again.  Any context but hard interrupts. */
void weir_pool_scatter(struct weir_server *server);

/* @server has failed its checks: who waits for it chooses again.  Ditto. */
void weir_pool_sickened(struct weir_server *server);
/* A server of @group can be used again: who waits looks for a connection.  Ditto. */
void weir_pool_rouse(struct weir_group *group);

/* An idle connection of @server, of which the caller has the reference then, or NULL. */
struct weir_connection *weir_pool_take(struct weir_server *server);
/* A connection is idle: into the pool of this CPU, or to work again.  Under its socket lock. */
void weir_pool_release(struct weir_connection *connection);
/* Take a connection out of its pool; false if someone else did, who will assign it.  Ditto. */
bool weir_pool_remove(struct weir_connection *connection);
/* A connection came up.  Ditto. */
void weir_pool_opened(struct weir_server *server);
/*
 * One is gone.  @was_up: it was established, else @failure says why not;
 * @useful: it has served a request.  Ditto.
 */
void weir_pool_closed(struct weir_server *server, bool was_up, bool useful,
		      enum weir_failure failure);

#endif /* _WEIR_POOL_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/* Upstream legs: connections to the servers of upstream groups. */
#ifndef _WEIR_UPSTREAM_H
#define _WEIR_UPSTREAM_H

#include "leg.h"
#include "relay.h"

struct socket;
struct weir_exchange;
struct weir_gather;
struct weir_net;
struct weir_pool;
struct weir_server;

enum weir_connection_state {
	WEIR_CONNECTION_OPENING,
	WEIR_CONNECTION_IDLE,
	WEIR_CONNECTION_BUSY,
};

/**
 * struct weir_connection - one connection to a server
 * @leg: its socket
 * @socket: the same
 * @server: whose it is, with a reference
 * @node: in the namespace's connections; their lock
 * @pool: whose @idle it is in, or was last; written under the socket lock
 *	while in none
 * @idle_node: in @pool, or empty; @pool's lock
 * @assigned: an exchange with the upstream side's reference, given by whoever
 *	took the connection out of its pool; exchanged atomically
 *
 * Socket lock:
 * @x: the exchange being served, with the upstream side's reference
 * @gather: the reply head being read
 * @relay: the reply body being read
 * @state: what it is doing
 * @trial: it serves the request that tries a server which was left out; whoever
 *	takes the connection out of its pool sets it
 * @used: it has served a request
 * @sent: some of the request was sent
 * @request_done: all of the request was sent, or no more of it is wanted
 * @send_failed: it can be read but not written any more
 * @in_body: the reply's head is done
 * @replied: some of the reply was put
 * @keepalive: the server lets the connection live on
 * @tunnel: it carries a tunnel, and is none of its server's pool any more
 * @bytes_in: received of this reply
 * @bytes_out: sent of this request
 * @sent_at: when its first byte was sent, by TCP's clock (see weir_client_clock())
 * @replied_at: when the reply's first byte had come, ditto; 0: it has not
 */
struct weir_connection {
	struct weir_leg			leg;
	struct socket			*socket;
	struct weir_server		*server;
	struct list_head		node;
	struct weir_pool		*pool;
	struct list_head		idle_node;
	struct weir_exchange		*assigned;
	struct weir_exchange		*x;
	struct weir_gather		*gather;
	struct weir_relay		relay;
	enum weir_connection_state	state;
	bool				trial;
	bool				used;
	bool				sent;
	bool				request_done;
	bool				send_failed;
	bool				in_body;
	bool				replied;
	bool				keepalive;
	bool				tunnel;
	u64				bytes_in;
	u64				bytes_out;
	u64				sent_at;
	u64				replied_at;
};

/* Start to connect; process context.  The outcome is told by weir_pool_opened() or _closed(). */
int weir_connection_open(struct weir_server *server, u64 timeout_us);

/* Reset all connections of a namespace that takes no new ones. */
void weir_connection_abort_all(struct weir_net *wn);

#endif /* _WEIR_UPSTREAM_H */

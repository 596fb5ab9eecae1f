/* SPDX-License-Identifier: GPL-2.0-only */
/* Listening sockets. */
#ifndef _WEIR_LISTENER_H
#define _WEIR_LISTENER_H

#include <linux/list.h>

#include "config.h"
#include "gate.h"
#include "leg.h"

struct netlink_ext_ack;
struct socket;
struct weir_meter;

/**
 * struct weir_listener - a listening socket
 * @leg: its socket
 * @socket: the same
 * @node: in the namespace's listeners; that namespace's lock
 * @address: where it listens
 * @meter: its counts, with a reference
 * @gate: what it has for handshakes
 */
struct weir_listener {
	struct weir_leg		leg;
	struct socket		*socket;
	struct list_head	node;
	union weir_address	address;
	struct weir_meter	*meter;
	struct weir_gate	gate;
};

/* Process context, under the namespace's lock.  An error pointer, and a message in @extack. */
struct weir_listener *weir_listener_open(struct weir_net *wn, const union weir_address *address,
					 struct netlink_ext_ack *extack);
/* Connections not accepted yet are reset; those accepted live on. */
void weir_listener_close(struct weir_listener *listener);

#endif /* _WEIR_LISTENER_H */

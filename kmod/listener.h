/* SPDX-License-Identifier: GPL-2.0-only */
/* Listening sockets. */
#ifndef _WEIR_LISTENER_H
#define _WEIR_LISTENER_H

#include <linux/list.h>

#include <asm/barrier.h>

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
 * @tls: clients speak https; with a new configuration it may change
 * @meter: its counts, with a reference
 * @gate: what it has for handshakes
 */
struct weir_listener {
	struct weir_leg		leg;
	struct socket		*socket;
	struct list_head	node;
	union weir_address	address;
	bool			tls;
	struct weir_meter	*meter;
	struct weir_gate	gate;
};

/* Process context, under the namespace's lock.  An error pointer, and a message in @extack. */
struct weir_listener *weir_listener_open(struct weir_net *wn,
					 const struct weir_listener_config *config,
					 struct netlink_ext_ack *extack);
/* Connections not accepted yet are reset; those accepted live on. */
void weir_listener_close(struct weir_listener *listener);

/*
 * Whether a connection accepted now speaks TLS.  Asked for before the configuration is looked at:
 * that then has certificates, unless one without any came meanwhile, whose listener speaks http.
 */
static inline bool weir_listener_tls(const struct weir_listener *listener)
{
	/* Pairs with weir_config_apply_locked(). */
	return smp_load_acquire(&listener->tls);
}

#endif /* _WEIR_LISTENER_H */

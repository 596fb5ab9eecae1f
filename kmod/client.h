/* SPDX-License-Identifier: GPL-2.0-only */
/* Client legs: connections that clients have opened. */
#ifndef _WEIR_CLIENT_H
#define _WEIR_CLIENT_H

struct sock;
struct weir_listener;
struct weir_net;

int weir_client_init(void);
/* When no client is left, nor an RCU callback of one. */
void weir_client_exit(void);

/*
 * Serve a connection just accepted by @listener, whose reference is taken over.
 * Softirq, no socket lock held.
 */
void weir_client_accept(const struct weir_listener *listener, struct sock *sk);
/* Reset all client connections of a namespace that is dying. */
void weir_client_abort_all(struct weir_net *wn);

#endif /* _WEIR_CLIENT_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections that are refused before they are: limits of connections are looked
 * at when a SYN comes, which can be forged, so that it counts for nothing, and
 * again, now counted, when the last packet of a handshake comes, before TCP
 * makes a socket for it.
 */
#ifndef _WEIR_GATE_H
#define _WEIR_GATE_H

#include <net/inet_connection_sock.h>

/**
 * struct weir_gate - a listener's
 * @ops: what its socket has for the handshake, ours in place of TCP's
 * @tcp: TCP's own
 */
struct weir_gate {
	struct inet_connection_sock_af_ops		ops;
	const struct inet_connection_sock_af_ops	*tcp;
};

/*
 * Put @gate before a listener's socket that has its leg and does not listen yet.
 * It stays there, and in memory, until an RCU grace period after the socket's end.
 */
void weir_gate_attach(struct weir_gate *gate, struct sock *sk);

#endif /* _WEIR_GATE_H */

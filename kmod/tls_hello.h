/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads a ClientHello. Pure functions: any context, no lock. */
#ifndef WEIR_TLS_HELLO_H
#define WEIR_TLS_HELLO_H

#include "tls_suite.h"
#include "tls_wire.h"

/* More is refused: no client has as many, and to find one twice means to look at all. */
enum { TLS_EXTENSIONS_MAX = 64 };

enum tls_group { TLS_GROUP_X25519, TLS_GROUP_P256, TLS_GROUPS };

/**
 * struct tls_hello - what a client offers, as far as the engine knows it
 * @random: 32 bytes of the message
 * @session: its session identifier, to be sent back
 * @suites: a bit for each place in tls_suites[]
 * @groups: a bit for each enum tls_group
 * @shares: its public key in each, NULL if it sent none
 * @n_shares: how many it sent, of whatever group
 * @name: the host's it asks for; none if empty
 * @protocols: a bit for each enum tls_protocol that it can speak; 0 with @alpn: none of them
 * @alpn: it said what it can speak
 * @ecdsa_p256: it can verify ecdsa_secp256r1_sha256
 * @early_data: data follows that nobody will read
 */
struct tls_hello {
	const u8 *random;
	struct http_text session;
	u8 suites;
	u8 groups;
	const u8 *shares[TLS_GROUPS];
	u16 n_shares;
	struct http_text name;
	u8 protocols;
	bool alpn;
	bool ecdsa_p256;
	bool early_data;
};

enum tls_protocol { TLS_HTTP_1_1 };

/*
 * Reads a message without its header. TLS_FINE if it is well formed and an offer of TLS 1.3, else
 * the alert that is due. What @hello points to is in the message.
 */
u8 tls_hello_read(struct tls_hello *hello, const u8 *message, size_t len);

#endif /* WEIR_TLS_HELLO_H */

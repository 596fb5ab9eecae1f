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
 * @tls_1_3: that is the best version it can speak; else it is TLS 1.2
 * @suites: a bit for each place in tls_suites[]
 * @old_suites: a bit for each place in tls12_suites[]
 * @groups: a bit for each enum tls_group
 * @shares: its public key in each, NULL if it sent none
 * @n_shares: how many it sent, of whatever group
 * @name: the host's it asks for; none if empty
 * @protocols: a bit for each enum tls_protocol that it can speak; 0 with @alpn: none of them
 * @alpn: it said what it can speak
 * @ecdsa_p256: it can verify ecdsa_secp256r1_sha256
 * @rsa_pss: it can verify rsa_pss_rsae_sha256
 * @rsa_pkcs1: it can verify rsa_pkcs1_sha256
 * @schemes: it said which signatures it can verify
 * @status: it wants to know a certificate's status, by OCSP
 * @cookie: that it was given by a HelloRetryRequest
 * @early_data: data follows that nobody will read
 * @psk_dhe: it would resume a session with a new exchange of keys (psk_dhe_ke)
 * @identities: tickets of such sessions, each with an age; empty: it offers none
 * @binders: a proof for each that it has its key
 * @fallback: it knows a better version, and has tried it in vain
 * @renegotiation: it knows secure renegotiation
 * @point_formats: it said which it can read
 * @takes_ticket: of TLS 1.2
 * @ticket: that it was given; empty: none
 * @extended_master: it can make an extended master secret
 * @record_limit: bytes that records for it may carry at most, and in TLS 1.3 the type; 0: any
 * @partial: bytes of the message, without its header, that these are made over; without any, all
 */
struct tls_hello {
	const u8 *random;
	struct http_text session;
	bool tls_1_3;
	u8 suites;
	u8 old_suites;
	u8 groups;
	const u8 *shares[TLS_GROUPS];
	u16 n_shares;
	struct http_text name;
	u8 protocols;
	bool alpn;
	bool ecdsa_p256;
	bool rsa_pss;
	bool rsa_pkcs1;
	bool schemes;
	bool status;
	struct http_text cookie;
	bool early_data;
	bool psk_dhe;
	struct tls_in identities;
	struct tls_in binders;
	bool fallback;
	bool renegotiation;
	bool point_formats;
	bool takes_ticket;
	struct http_text ticket;
	bool extended_master;
	u16 record_limit;
	size_t partial;
};

enum tls_protocol { TLS_HTTP_1_1 };

/*
 * Reads a message without its header. TLS_FINE if it is well formed and an offer of TLS 1.3 or 1.2,
 * else the alert that is due. What @hello points to is in the message.
 */
u8 tls_hello_read(struct tls_hello *hello, const u8 *message, size_t len);

#endif /* WEIR_TLS_HELLO_H */

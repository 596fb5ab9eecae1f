/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tickets: a session, encrypted with a key of the server's and kept by the
 * client. Nothing is kept here. Pure functions but for random numbers: any
 * context, no lock.
 */
#ifndef WEIR_TLS_TICKET_H
#define WEIR_TLS_TICKET_H

#include "tls_crypto.h"

enum {
	TLS_TICKET_KEYS = 3,
	TLS_TICKET_KEY_NAME = 16,
	TLS_TICKET_KEY = 32,
	/* Version, what it is bound to, since, issued, name, secret. */
	TLS_TICKET_CONTENT = 2 + 1 + 8 + 8 + 32 + TLS_HASH_MAX,
	TLS_TICKET_BYTES = TLS_TICKET_KEY_NAME + TLS_NONCE + TLS_TICKET_CONTENT + TLS_TAG,
	/* Seconds. RFC 8446, section 4.6.1: at most seven days. */
	TLS_TICKET_LIFETIME = 7200,
	TLS_TICKET_LIFETIME_MAX = 7 * 24 * 3600,
	/* A ticket may be from the future by as much: clocks of machines that share keys differ. */
	TLS_TICKET_SKEW = 10,
	TLS_TICKETS_MAX = 4,
};

/**
 * struct tls_ticket_key - what tickets are encrypted with
 * @name: that tickets say which key is theirs
 * @key: of AES-256-GCM. Nonces are random: no key for more than 2^32 tickets
 */
struct tls_ticket_key {
	u8 name[TLS_TICKET_KEY_NAME];
	u8 key[TLS_TICKET_KEY];
};

/**
 * struct tls_ticket_keys - how sessions are resumed
 * @keys: the first encrypts, all decrypt: of several machines one may have changed them already
 * @n_keys: how many there are; 0: no session is resumed
 * @lifetime: a ticket's in seconds; 0: TLS_TICKET_LIFETIME; never above TLS_TICKET_LIFETIME_MAX
 * @count: how many a client gets, up to TLS_TICKETS_MAX
 */
struct tls_ticket_keys {
	struct tls_ticket_key keys[TLS_TICKET_KEYS];
	u8 n_keys;
	u32 lifetime;
	u8 count;
};

/**
 * struct tls_ticket - a session
 * @version: TLS_1_3 or TLS_1_2: the secret may be used with no other
 * @bound: nor with another hash, or in TLS 1.2 another suite, which is told by its place
 * @since: when the certificate was last shown, in seconds since the epoch
 * @issued: when the ticket was made
 * @name: SHA-256 of the server's name that the client asked for
 * @secret: the pre-shared key; in TLS 1.2 the master secret
 */
struct tls_ticket {
	u16 version;
	u8 bound;
	u64 since;
	u64 issued;
	u8 name[32];
	u8 secret[TLS_HASH_MAX];
};

/* For how many seconds a ticket issued at @now may be used. 0: no more. */
u32 tls_ticket_lifetime(const struct tls_ticket_keys *keys, const struct tls_ticket *ticket,
			u64 now);

/* Writes TLS_TICKET_BYTES. False without memory, or without a key. */
bool tls_ticket_seal(const struct tls_ticket_keys *keys, const struct tls_ticket *ticket, u8 *out);

/* False, and nothing in @ticket, if it is not one of ours, or none any more. */
bool tls_ticket_open(const struct tls_ticket_keys *keys, const u8 *sealed, size_t len, u64 now,
		     struct tls_ticket *ticket);

#endif /* WEIR_TLS_TICKET_H */

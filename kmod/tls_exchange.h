/* SPDX-License-Identifier: GPL-2.0-only */
/* An exchange of keys, in one of the groups. For the handshake only. */
#ifndef WEIR_TLS_EXCHANGE_H
#define WEIR_TLS_EXCHANGE_H

#include "tls_hello.h"
#include "tls_p256.h"

enum {
	/* X25519 and P-256 have secrets of the same length, shared ones too. */
	TLS_EXCHANGE_SECRET = P256_BYTES,
	TLS_EXCHANGE_PUBLIC_MAX = P256_PUBLIC,
};

/* A new secret and its public key: that one's length, 0 if there is none to be had. */
size_t tls_exchange_new(struct p256_scratch *scratch, u8 group, u8 *secret, u8 *public);

/* A peer's public key has the right length, or it is none. False if it is none. */
bool tls_exchange_shared(struct p256_scratch *scratch, u8 group, u8 *shared, const u8 *secret,
			 const u8 *peer, size_t peer_len);

/*
 * Both at once, where the peer's key is known, which is cheaper: a public key and the shared
 * secret. @public_len is 0 if there is no new secret to be had, else false is the peer's fault.
 */
bool tls_exchange_both(struct p256_scratch *scratch, u8 group, u8 *public, u8 *public_len,
		       u8 *shared, const u8 *peer);

/* RFC 8446, section 4.2.7. */
u16 tls_exchange_code(u8 group);

#endif /* WEIR_TLS_EXCHANGE_H */

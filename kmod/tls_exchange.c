// SPDX-License-Identifier: GPL-2.0-only
#include "tls_exchange.h"
#include "tls_x25519.h"

u16 tls_exchange_code(u8 group)
{
	return group == TLS_GROUP_P256 ? TLS_P256 : TLS_X25519;
}

size_t tls_exchange_new(struct p256_scratch *scratch, u8 group, u8 *secret, u8 *public)
{
	if (group == TLS_GROUP_X25519) {
		tls_random(secret, X25519_BYTES);
		x25519_public(public, secret);
		return X25519_BYTES;
	}
	/* A random number that one in 2^32 is not: eight in a row are no accident. */
	for (int tries = 0; tries < 8; tries++) {
		tls_random(secret, P256_BYTES);
		if (p256_public(scratch, public, secret))
			return P256_PUBLIC;
	}
	return 0;
}

bool tls_exchange_shared(struct p256_scratch *scratch, u8 group, u8 *shared, const u8 *secret,
			 const u8 *peer, size_t peer_len)
{
	if (group == TLS_GROUP_X25519)
		return peer_len == X25519_BYTES && x25519_shared(shared, secret, peer);
	return peer_len == P256_PUBLIC && p256_shared(scratch, shared, secret, peer);
}

bool tls_exchange_both(struct p256_scratch *scratch, u8 group, u8 *public, u8 *public_len,
		       u8 *shared, const u8 *peer)
{
	u8 secret[TLS_EXCHANGE_SECRET];
	bool done;

	if (group == TLS_GROUP_X25519) {
		tls_random(secret, sizeof(secret));
		*public_len = X25519_BYTES;
		done = x25519_exchange(public, shared, secret, peer);
	} else {
		*public_len = tls_exchange_new(scratch, group, secret, public);
		done = *public_len && p256_shared(scratch, shared, secret, peer);
	}
	memzero_explicit(secret, sizeof(secret));
	return done;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* HMAC, RFC 2104. Pure functions: any context, no lock. */
#ifndef WEIR_TLS_HMAC_H
#define WEIR_TLS_HMAC_H

#include "tls_crypto.h"

/**
 * struct tls_hmac - an HMAC on its way
 * @inner: the hash of the message, behind the key
 * @outer: that of the result, so far of the key
 */
struct tls_hmac {
	struct tls_hash inner;
	struct tls_hash outer;
};

/*
 * A key is at most a block of the hash long, as all of TLS 1.3 are. A copy of the state is one of
 * its own: who has several messages for a key hashes that but once.
 */
void tls_hmac_init(struct tls_hmac *hmac, enum tls_hash_id id, const u8 *key, size_t len);
void tls_hmac_update(struct tls_hmac *hmac, const void *data, size_t len);
/* Writes tls_hash_size() bytes and wipes the state. */
void tls_hmac_final(struct tls_hmac *hmac, u8 *mac);

#endif /* WEIR_TLS_HMAC_H */

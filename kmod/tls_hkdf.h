/* SPDX-License-Identifier: GPL-2.0-only */
/* HKDF (RFC 5869) as TLS 1.3 uses it (RFC 8446, section 7.1). Pure functions: any context. */
#ifndef WEIR_TLS_HKDF_H
#define WEIR_TLS_HKDF_H

#include "tls_hmac.h"

/**
 * struct tls_traffic - the traffic secret of one direction
 * @secret: it
 * @key: it, ready for use: a Finished and the keys of records are made of it
 */
struct tls_traffic {
	u8 secret[TLS_HASH_MAX];
	struct tls_hmac key;
};

/* NULL for salt or secret: zeros. The salt has the hash's length, the secret `len`. */
void tls_hkdf_extract(enum tls_hash_id id, u8 *out, const u8 *salt, const u8 *secret, size_t len);

/* Of a label; all are RFC 8446's. */
enum { TLS_LABEL_MAX = 12 };

/*
 * HKDF-Expand-Label, of a secret that tls_hmac_init() was given. The label is without "tls13 ";
 * `len` and `context_len` are at most the hash's.
 */
void tls_hkdf_expand(const struct tls_hmac *secret, u8 *out, size_t len, const char *label,
		     const void *context, size_t context_len);
/* The same; the context, of the hash's length, may be NULL for an empty one. */
void tls_hkdf_label(const struct tls_hmac *secret, u8 *out, size_t len, const char *label,
		    const u8 *context);

/* With a context as above. `traffic` may be what the secret is of. */
void tls_hkdf_traffic(const struct tls_hmac *secret, struct tls_traffic *traffic,
		      const char *label, const u8 *context);

/* Derive-Secret(secret, label, "") */
void tls_hkdf_derive_empty(const struct tls_hmac *secret, u8 *out, const char *label);

#endif /* WEIR_TLS_HKDF_H */

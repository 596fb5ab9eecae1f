/* SPDX-License-Identifier: GPL-2.0-only */
/* HKDF (RFC 5869) as TLS 1.3 uses it (RFC 8446, section 7.1). Pure functions: any context. */
#ifndef WEIR_TLS_HKDF_H
#define WEIR_TLS_HKDF_H

#include "tls_hmac.h"

/* NULL for salt or secret: zeros. The salt has the hash's length, the secret `len`. */
void tls_hkdf_extract(enum tls_hash_id id, u8 *out, const u8 *salt, const u8 *secret, size_t len);

/*
 * HKDF-Expand-Label. The label is without "tls13 "; the context, of the hash's length, may be NULL
 * for an empty one. `len` is at most the hash's.
 */
void tls_hkdf_label(enum tls_hash_id id, u8 *out, size_t len, const u8 *secret, const char *label,
		    const u8 *context);

/* Derive-Secret(secret, label, "") */
void tls_hkdf_derive_empty(enum tls_hash_id id, u8 *out, const u8 *secret, const char *label);

#endif /* WEIR_TLS_HKDF_H */

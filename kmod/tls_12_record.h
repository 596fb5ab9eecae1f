/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records of TLS 1.2: RFC 5246, section 6.2.3.3, with the nonces of RFC 5288 and
 * RFC 7905. For tls_record.c and the handshake only, which say the rest.
 */
#ifndef WEIR_TLS_12_RECORD_H
#define WEIR_TLS_12_RECORD_H

#include "tls_record.h"

enum {
	/* The part of a nonce that is in the record, where there is one. */
	TLS12_NONCE = 8,
	TLS12_SUITES = 6,
};

/* The best first, as far as there is a certificate for it. */
extern const struct tls_suite tls12_suites[TLS12_SUITES];

/* Bytes between a record's header and what is encrypted. */
static inline size_t tls12_lead(const struct tls_suite *suite)
{
	return suite->aead == TLS_CHACHA20_POLY1305 ? 0 : TLS12_NONCE;
}

/* Bytes of a nonce that are secret. */
static inline size_t tls12_iv_size(const struct tls_suite *suite)
{
	return TLS_NONCE - tls12_lead(suite);
}

/* Goes over to keys: the client's or the server's of a schedule's. False without memory. */
bool tls12_half_set(struct tls_half *half, const struct tls_suite *suite, const u8 *keys,
		    bool client);

/* As tls_record_finish(), but that a failure leaves what was written. */
bool tls12_record_seal(struct tls_half *half, struct tls_out *out, size_t start, u8 type);
/* As tls_record_open(). */
u8 tls12_record_open(struct tls_half *half, const u8 *header, u8 *data, size_t len,
		     struct http_text *content);

#endif /* WEIR_TLS_12_RECORD_H */

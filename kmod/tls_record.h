/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records of TLS 1.3 in one direction: its keys, and encryption in place. The
 * caller serializes a direction; nothing sleeps.
 */
#ifndef WEIR_TLS_RECORD_H
#define WEIR_TLS_RECORD_H

#include "tls_hkdf.h"
#include "tls_suite.h"
#include "tls_wire.h"

/**
 * struct tls_half - one direction of a connection
 * @suite: NULL: nothing is encrypted yet
 * @aead: the cipher
 * @iv: what nonces are made of
 * @most: bytes that a record may carry once it is encrypted, 0: TLS_PLAIN_MAX; the peer's limit,
 *	which outlives keys
 * @sequence: the next record's number
 * @secret: the traffic secret, of which the next is made; of TLS 1.2 there is none
 */
struct tls_half {
	const struct tls_suite *suite;
	struct tls_aead aead;
	u8 iv[TLS_NONCE];
	u16 most;
	u64 sequence;
	u8 secret[TLS_HASH_MAX];
};

/* Goes over to a traffic secret. False without memory: the direction is of no use any more. */
bool tls_half_set(struct tls_half *half, const struct tls_suite *suite,
		  const struct tls_traffic *traffic);
/* Goes over to the next one, as a KeyUpdate says. */
bool tls_half_update(struct tls_half *half);
/* What a record that is written may carry. */
static inline size_t tls_half_most(const struct tls_half *half)
{
	return half->suite && half->most ? half->most : TLS_PLAIN_MAX;
}

/* Wipes it. */
void tls_half_end(struct tls_half *half);

/*
 * Of TLS 1.3, and of TLS 1.2 where a direction has keys of that (tls_12_record.h).
 *
 * A record is begun, filled by writing, and finished: then header, padding and tag are there. With
 * no keys it is in the clear. What is more than tls_half_most() becomes several records of its
 * type. False if it did not fit, is too long, or the cipher failed: then nothing of it is left.
 */
size_t tls_record_begin(const struct tls_half *half, struct tls_out *out);
bool tls_record_finish(struct tls_half *half, struct tls_out *out, size_t start, u8 type);

/*
 * Opens one in place, `len` bytes behind its header of five. TLS_FINE, then the content and its
 * type are there; or the alert that is due.
 */
u8 tls_record_open(struct tls_half *half, const u8 *header, u8 *data, size_t len, u8 *type,
		   struct http_text *content);

#endif /* WEIR_TLS_RECORD_H */

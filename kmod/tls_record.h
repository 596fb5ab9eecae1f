/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records of TLS 1.3 in one direction: its keys, and encryption in place. The
 * caller serializes a direction; nothing sleeps.
 */
#ifndef WEIR_TLS_RECORD_H
#define WEIR_TLS_RECORD_H

#include "tls_suite.h"
#include "tls_wire.h"

/**
 * struct tls_half - one direction of a connection
 * @suite: NULL: nothing is encrypted yet
 * @aead: the cipher
 * @iv: what nonces are made of
 * @sequence: the next record's number
 * @secret: the traffic secret, of which the next is made
 */
struct tls_half {
	const struct tls_suite *suite;
	struct tls_aead aead;
	u8 iv[TLS_NONCE];
	u64 sequence;
	u8 secret[TLS_HASH_MAX];
};

/* Goes over to a traffic secret. False without memory: the direction is of no use any more. */
bool tls_half_set(struct tls_half *half, const struct tls_suite *suite, const u8 *secret);
/* Goes over to the next one, as a KeyUpdate says. */
bool tls_half_update(struct tls_half *half);
/* Wipes it. */
void tls_half_end(struct tls_half *half);

/*
 * A record is begun, filled by writing, and finished: then header, padding and tag are there. With
 * no keys it is in the clear. False if it did not fit, is too long, or the cipher failed: then
 * nothing of it is left.
 */
size_t tls_record_begin(struct tls_out *out);
bool tls_record_finish(struct tls_half *half, struct tls_out *out, size_t start, u8 type);

/*
 * Opens one in place, `len` bytes behind its header of five. TLS_FINE, then the content's type
 * and length are there; or the alert that is due.
 */
u8 tls_record_open(struct tls_half *half, const u8 *header, u8 *data, size_t len, u8 *type,
		   size_t *content);

#endif /* WEIR_TLS_RECORD_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Diffie-Hellman and ECDSA signatures with P-256, in constant time: no branch
 * and no address depends on a secret. Numbers are 32 bytes, the highest first;
 * points are uncompressed, 0x04 and the two coordinates.
 *
 * The scratch memory is left wiped. Any context, no lock; no two at a time may
 * use the same scratch.
 */
#ifndef WEIR_TLS_P256_H
#define WEIR_TLS_P256_H

#include "tls_p256_point.h"

enum {
	P256_BYTES = 32,
	P256_PUBLIC = 1 + 2 * P256_BYTES,
	P256_SIGNATURE_MAX = 72,
};

/* The public key of a secret one. False if that is not from 1 to n - 1. */
bool p256_public(struct p256_scratch *scratch, u8 *public, const u8 *secret);

/*
 * The shared x. False if the secret is none, or if the peer's is no point of the curve, which
 * then is the peer's fault.
 */
bool p256_shared(struct p256_scratch *scratch, u8 *shared, const u8 *secret, const u8 *peer);

/*
 * ECDSA of a SHA-256 hash in DER: its length, 0 if the secret is none. The nonce is that of
 * RFC 6979 with 32 bytes more in its seed (section 3.6): bad ones do no harm, and with good ones
 * no two signatures of a hash have a nonce in common, which is what faults and side channels
 * want. NULL: the RFC's own.
 */
size_t p256_sign(struct p256_scratch *scratch, u8 *signature, const u8 *secret, const u8 *hash,
		 const u8 *random);

#endif /* WEIR_TLS_P256_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * X25519 (RFC 7748), in constant time: no branch and no address depends on a
 * secret.
 *
 * Pure functions: any context, no lock.
 */
#ifndef WEIR_TLS_X25519_H
#define WEIR_TLS_X25519_H

#include "tls_x25519_field.h"

enum {
	X25519_BYTES = 32,
	/* A secret is 64 signed digits of four bits, from -8 to 8. */
	X25519_DIGIT = 4,
	X25519_DIGITS = 64,
	X25519_MULTIPLES = 1 << (X25519_DIGIT - 1),
};

/**
 * struct x25519_multiple - a point of edwards25519, as it is added to others
 * @sum: y + x
 * @difference: y - x
 * @product: 2 d x y
 */
struct x25519_multiple {
	u64 sum[X25519_LIMBS];
	u64 difference[X25519_LIMBS];
	u64 product[X25519_LIMBS];
};

/* Table of the base point: (j + 1) * 2^(8 i) times it. */
extern const struct x25519_multiple
x25519_base_multiples[X25519_DIGITS / 2][X25519_MULTIPLES];

/* The public key of any 32 bytes. */
void x25519_public(u8 *public, const u8 *secret);
/* False if the shared secret is 0: the peer's public key is none that an honest one has. */
bool x25519_shared(u8 *shared, const u8 *secret, const u8 *peer);
/* Both, which is cheaper. False as above: then there is no public key either. */
bool x25519_exchange(u8 *public, u8 *shared, const u8 *secret, const u8 *peer);

#endif /* WEIR_TLS_X25519_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/* Inverses modulo an odd number, in constant time. */
#ifndef WEIR_TLS_INVERSE_H
#define WEIR_TLS_INVERSE_H

#include "tls_types.h"

enum {
	/* A number here is signed, in limbs of so many bits but for the last one. */
	TLS_INVERSE_BITS = 62,
	TLS_INVERSE_LIMBS = 5,
};

/**
 * struct tls_modulus - what is divided by
 * @limbs: it; odd, below 2^256
 * @inverse: 1 by it, modulo 2^62
 * @factor: of results: below it, and not negative
 */
struct tls_modulus {
	s64 limbs[TLS_INVERSE_LIMBS];
	u64 inverse;
	s64 factor[TLS_INVERSE_LIMBS];
};

/*
 * factor / a, for a below the modulus, both of four 64-bit limbs; 0 for 0. Numbers in Montgomery's
 * form have 2^512 for a factor.
 */
void tls_inverse(u64 *r, const u64 *a, const struct tls_modulus *modulus);

#endif /* WEIR_TLS_INVERSE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Integers modulo an odd number of 1024 to 4096 bits, in constant time: 64-bit
 * limbs, the least first, in Montgomery's form, where R is 2^64 to the power of
 * the number of limbs. They are below R, not always below the modulus: that
 * spares each product a comparison.
 *
 * A result may be an operand. Pure functions: any context, no lock.
 */
#ifndef WEIR_TLS_RSA_MONTGOMERY_H
#define WEIR_TLS_RSA_MONTGOMERY_H

#include "tls_carry.h"
#include "tls_types.h"

enum {
	/* Numbers are made of whole blocks. */
	RSA_BLOCK = 8,
	RSA_LIMBS_MAX = 64,
	RSA_PRIME_LIMBS_MAX = RSA_LIMBS_MAX / 2,
	RSA_WINDOW = 5,
	RSA_POWERS = 1 << RSA_WINDOW,
};

/**
 * struct rsa_modulus - a modulus, whose highest bit is set
 * @limbs: how many it has: a multiple of RSA_BLOCK, at least two of them
 * @adx: the processor has BMI2 and ADX
 * @inverse: -1/modulus modulo 2^64
 * @value: itself
 * @square: R^2, which brings others to Montgomery's form
 */
struct rsa_modulus {
	u32 limbs;
	bool adx;
	u64 inverse;
	u64 value[RSA_LIMBS_MAX];
	u64 square[RSA_LIMBS_MAX];
};

/* Sets @inverse and @square by the rest. @product: room for twice the limbs, as below. */
void rsa_modulus_set(struct rsa_modulus *modulus, u64 *product);

/* a * b / R, and a * a / R. */
void rsa_mul(u64 *r, const u64 *a, const u64 *b, const struct rsa_modulus *modulus, u64 *product);
void rsa_sqr(u64 *r, const u64 *a, const struct rsa_modulus *modulus, u64 *product);

/* product / R, of twice the limbs. */
void rsa_reduce(u64 *r, const struct rsa_modulus *modulus, u64 *product);

/* The whole product of two numbers of so many limbs. */
void rsa_product(u64 *product, const u64 *a, const u64 *b, const struct rsa_modulus *modulus);

/* a, less the modulus if it is not below it. */
void rsa_below(u64 *r, const u64 *a, const struct rsa_modulus *modulus);

/* r = one of RSA_POWERS numbers of so many limbs, one behind the other. */
void rsa_select(u64 *r, const u64 *numbers, u64 which, const struct rsa_modulus *modulus);

#endif /* WEIR_TLS_RSA_MONTGOMERY_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Integers modulo the prime of P-256, p = 2^256 - 2^224 + 2^192 + 2^96 - 1, in
 * constant time. Four 64-bit limbs, the least first, always below p, and but
 * for the two ends in Montgomery's form: a stands for a * 2^-256.
 *
 * A result may be an operand. Pure functions: any context, no lock.
 */
#ifndef WEIR_TLS_P256_FIELD_H
#define WEIR_TLS_P256_FIELD_H

#include "tls_carry.h"
#include "tls_types.h"

enum { P256_LIMBS = 4 };

extern const u64 p256_one[P256_LIMBS];

/* False if the number, 32 bytes with the highest first, is not below p. */
bool p256_from_bytes(u64 *r, const u8 *bytes);
void p256_to_bytes(u8 *bytes, const u64 *a);

void p256_add(u64 *r, const u64 *a, const u64 *b);
void p256_sub(u64 *r, const u64 *a, const u64 *b);
void p256_mul(u64 *r, const u64 *a, const u64 *b);
void p256_sqr(u64 *r, const u64 *a);

/* a^(p-2): the inverse, and 0 for 0. */
void p256_inv(u64 *r, const u64 *a);

/* r = a where the mask is all ones, r where it is 0. */
void p256_choose(u64 *r, const u64 *a, u64 mask);

/* All ones if a is 0. */
u64 p256_is_zero(const u64 *a);

/* a * b + sum + carry; carry becomes its upper half. */
static inline u64 p256_mul_carry(u64 a, u64 b, u64 sum, u64 *carry)
{
	unsigned __int128 product = (unsigned __int128)a * b + sum + *carry;

	*carry = (u64)(product >> 64);
	return (u64)product;
}

/* Four limbs minus four: the borrow. */
static inline u64 p256_sub_limbs(u64 *r, const u64 *a, const u64 *b)
{
	u64 borrow = 0;

	r[0] = tls_sub_borrow(a[0], b[0], &borrow);
	r[1] = tls_sub_borrow(a[1], b[1], &borrow);
	r[2] = tls_sub_borrow(a[2], b[2], &borrow);
	r[3] = tls_sub_borrow(a[3], b[3], &borrow);
	return borrow;
}

/* Four limbs and four: the carry. */
static inline u64 p256_add_limbs(u64 *r, const u64 *a, const u64 *b)
{
	u64 carry = 0;

	r[0] = tls_add_carry(a[0], b[0], &carry);
	r[1] = tls_add_carry(a[1], b[1], &carry);
	r[2] = tls_add_carry(a[2], b[2], &carry);
	r[3] = tls_add_carry(a[3], b[3], &carry);
	return carry;
}

#endif /* WEIR_TLS_P256_FIELD_H */

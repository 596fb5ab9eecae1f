// SPDX-License-Identifier: GPL-2.0-only
#include "tls_inverse.h"
#include "tls_product.h"
#include "tls_x25519_field.h"

static const struct tls_modulus modulus = {
	.limbs = {
		0x3fffffffffffffed, 0x3fffffffffffffff, 0x3fffffffffffffff,
		0x3fffffffffffffff, 0x000000000000007f,
	},
	.inverse = 0x39435e50d79435e5,
	.factor = { 1 },
};

/* (carry, r) = a * 38 + r + carry */
static inline void fold_limb(u64 *r, u64 a, u64 *carry)
{
	u64 product = X25519_FOLD, upper;

	asm("mulq %[a]\n\t"
	    "addq %[carry], %[product]\n\t"
	    "adcq $0, %[upper]\n\t"
	    "addq %[product], %[r]\n\t"
	    "adcq $0, %[upper]"
	    : [product] "+&a" (product), [upper] "=&d" (upper), [r] "+&r" (*r)
	    : [a] "rm" (a), [carry] "r" (*carry)
	    : "cc");
	*carry = upper;
}

/* r = t, of eight limbs. */
static inline void reduce(u64 *r, const u64 *t)
{
	u64 r0 = t[0], r1 = t[1], r2 = t[2], r3 = t[3];
	u64 carry = 0;

	fold_limb(&r0, t[4], &carry);
	fold_limb(&r1, t[5], &carry);
	fold_limb(&r2, t[6], &carry);
	fold_limb(&r3, t[7], &carry);
	x25519_fold(r, r0, r1, r2, r3, carry);
}

void x25519_mul_plain(u64 *r, const u64 *a, const u64 *b)
{
	u64 t[2 * X25519_LIMBS];

	tls_multiply(t, a, b);
	reduce(r, t);
}

void x25519_sqr_plain(u64 *r, const u64 *a)
{
	u64 t[2 * X25519_LIMBS];

	tls_square(t, a);
	reduce(r, t);
}

void x25519_finish(u64 *r, const u64 *a)
{
	u64 t[X25519_LIMBS];
	u64 carry, mask;

	/* Once for the highest bit, and once if it is still not below. */
	memcpy(t, a, sizeof(t));
	for (int i = 0; i < 2; i++) {
		carry = (t[3] >> 63) * 19;
		t[3] &= ~(1ULL << 63);
		for (int j = 0; j < X25519_LIMBS; j++) {
			t[j] += carry;
			carry = t[j] < carry;
		}
	}
	carry = 19;
	for (int j = 0; j < X25519_LIMBS; j++) {
		r[j] = t[j] + carry;
		carry = r[j] < carry;
	}
	/* 2^255 is reached: what is above it. */
	mask = tls_mask(r[3] >> 63);
	r[3] &= ~(1ULL << 63);
	for (int j = 0; j < X25519_LIMBS; j++)
		r[j] = (r[j] & mask) | (t[j] & ~mask);
	memzero_explicit(t, sizeof(t));
}

void x25519_inverse(u64 *r, const u64 *a)
{
	x25519_finish(r, a);
	tls_inverse(r, r, &modulus);
}

void x25519_from_bytes(u64 *r, const u8 *bytes)
{
	for (int i = 0; i < X25519_LIMBS; i++)
		r[i] = __builtin_bswap64(tls_get64(bytes + 8 * i));
}

void x25519_to_bytes(u8 *bytes, const u64 *a)
{
	for (int i = 0; i < X25519_LIMBS; i++)
		tls_put64(bytes + 8 * i, __builtin_bswap64(a[i]));
}

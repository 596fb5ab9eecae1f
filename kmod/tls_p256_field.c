// SPDX-License-Identifier: GPL-2.0-only
/*
 * Montgomery, "Modular multiplication without trial division" (1985). Since
 * -1/p is 1 modulo 2^64, what a step of the reduction adds is its lowest limb
 * times p, and of that only one limb needs a multiplication.
 */
#include "tls_p256_field.h"

enum { PRODUCT = 2 * P256_LIMBS };

static const u64 prime[P256_LIMBS] = {
	0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001,
};

/* 2^256 mod p. */
const u64 p256_one[P256_LIMBS] = {
	0x0000000000000001, 0xffffffff00000000, 0xffffffffffffffff, 0x00000000fffffffe,
};

/* 2^512 mod p. */
static const u64 to_montgomery[P256_LIMBS] = {
	0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd,
};

/* r = a + high * 2^256, less p if it is not below p; it is below 2p. */
static inline void subtract_once(u64 *r, const u64 *a, u64 high)
{
	u64 less[P256_LIMBS];
	u64 borrow = p256_sub_limbs(less, a, prime);
	u64 keep = tls_mask(borrow & (high ^ 1));

	r[0] = less[0] ^ ((less[0] ^ a[0]) & keep);
	r[1] = less[1] ^ ((less[1] ^ a[1]) & keep);
	r[2] = less[2] ^ ((less[2] ^ a[2]) & keep);
	r[3] = less[3] ^ ((less[3] ^ a[3]) & keep);
}

void p256_add(u64 *r, const u64 *a, const u64 *b)
{
	u64 sum[P256_LIMBS];
	u64 carry = p256_add_limbs(sum, a, b);

	subtract_once(r, sum, carry);
}

void p256_sub(u64 *r, const u64 *a, const u64 *b)
{
	u64 difference[P256_LIMBS];
	u64 mask = tls_mask(p256_sub_limbs(difference, a, b));
	u64 carry = 0;

	r[0] = p256_add_carry(difference[0], prime[0] & mask, &carry);
	r[1] = p256_add_carry(difference[1], prime[1] & mask, &carry);
	r[2] = p256_add_carry(difference[2], prime[2] & mask, &carry);
	r[3] = p256_add_carry(difference[3], prime[3] & mask, &carry);
}

/* t += t[0] * p, which makes t[0] 0. `high` is the carry into t[4], and then that out of it. */
static inline void reduce_limb(u64 *t, u64 *high)
{
	u64 m = t[0], upper = 0, carry = 0;
	u64 lower = p256_mul_carry(m, prime[3], 0, &upper);

	t[1] = p256_add_carry(t[1], m << 32, &carry);
	t[2] = p256_add_carry(t[2], m >> 32, &carry);
	t[3] = p256_add_carry(t[3], lower, &carry);
	/* upper is not all ones: there is room for the carry. */
	upper += carry;
	t[4] = p256_add_carry(t[4], upper, high);
}

/* r = t * 2^-256 mod p. Destroys t. */
static inline void reduce(u64 *r, u64 *t)
{
	u64 high = 0;

	reduce_limb(t, &high);
	reduce_limb(t + 1, &high);
	reduce_limb(t + 2, &high);
	reduce_limb(t + 3, &high);
	subtract_once(r, t + P256_LIMBS, high);
}

/* t += a * b, of which t[4] is new. */
static inline void add_row(u64 *t, u64 a, const u64 *b)
{
	u64 carry = 0;

	t[0] = p256_mul_carry(a, b[0], t[0], &carry);
	t[1] = p256_mul_carry(a, b[1], t[1], &carry);
	t[2] = p256_mul_carry(a, b[2], t[2], &carry);
	t[3] = p256_mul_carry(a, b[3], t[3], &carry);
	t[4] = carry;
}

void p256_mul(u64 *r, const u64 *a, const u64 *b)
{
	u64 t[PRODUCT] = {};

	add_row(t, a[0], b);
	add_row(t + 1, a[1], b);
	add_row(t + 2, a[2], b);
	add_row(t + 3, a[3], b);
	reduce(r, t);
}

/* t += a^2 */
static inline void add_square(u64 *t, u64 a, u64 *carry)
{
	u64 upper = 0;
	u64 lower = p256_mul_carry(a, a, 0, &upper);

	t[0] = p256_add_carry(t[0], lower, carry);
	t[1] = p256_add_carry(t[1], upper, carry);
}

void p256_sqr(u64 *r, const u64 *a)
{
	u64 t[PRODUCT] = {};
	u64 carry = 0;

	/* The products of two different limbs, */
	t[1] = p256_mul_carry(a[0], a[1], 0, &carry);
	t[2] = p256_mul_carry(a[0], a[2], 0, &carry);
	t[3] = p256_mul_carry(a[0], a[3], 0, &carry);
	t[4] = carry;
	carry = 0;
	t[3] = p256_mul_carry(a[1], a[2], t[3], &carry);
	t[4] = p256_mul_carry(a[1], a[3], t[4], &carry);
	t[5] = carry;
	carry = 0;
	t[5] = p256_mul_carry(a[2], a[3], t[5], &carry);
	t[6] = carry;
	/* twice, */
	t[7] = t[6] >> 63;
	t[6] = t[6] << 1 | t[5] >> 63;
	t[5] = t[5] << 1 | t[4] >> 63;
	t[4] = t[4] << 1 | t[3] >> 63;
	t[3] = t[3] << 1 | t[2] >> 63;
	t[2] = t[2] << 1 | t[1] >> 63;
	t[1] <<= 1;
	/* and the squares. */
	carry = 0;
	add_square(t, a[0], &carry);
	add_square(t + 2, a[1], &carry);
	add_square(t + 4, a[2], &carry);
	add_square(t + 6, a[3], &carry);
	reduce(r, t);
}

static void sqr_times(u64 *r, const u64 *a, int times)
{
	p256_sqr(r, a);
	while (--times)
		p256_sqr(r, r);
}

/*
 * The exponent is 32 ones, 31 zeros, a one, 96 zeros, 94 ones, a zero, a one.
 * xN is a to the power of N ones.
 */
void p256_inv(u64 *r, const u64 *a)
{
	u64 x2[P256_LIMBS], x4[P256_LIMBS], x8[P256_LIMBS], x16[P256_LIMBS], x32[P256_LIMBS];
	u64 t[P256_LIMBS];

	p256_sqr(t, a);
	p256_mul(x2, t, a);
	sqr_times(t, x2, 2);
	p256_mul(x4, t, x2);
	sqr_times(t, x4, 4);
	p256_mul(x8, t, x4);
	sqr_times(t, x8, 8);
	p256_mul(x16, t, x8);
	sqr_times(t, x16, 16);
	p256_mul(x32, t, x16);

	sqr_times(t, x32, 32);
	p256_mul(t, t, a);
	sqr_times(t, t, 96 + 32);
	p256_mul(t, t, x32);
	sqr_times(t, t, 32);
	p256_mul(t, t, x32);
	sqr_times(t, t, 16);
	p256_mul(t, t, x16);
	sqr_times(t, t, 8);
	p256_mul(t, t, x8);
	sqr_times(t, t, 4);
	p256_mul(t, t, x4);
	sqr_times(t, t, 2);
	p256_mul(t, t, x2);
	sqr_times(t, t, 2);
	p256_mul(r, t, a);

	memzero_explicit(t, sizeof(t));
	memzero_explicit(x2, sizeof(x2));
	memzero_explicit(x4, sizeof(x4));
	memzero_explicit(x8, sizeof(x8));
	memzero_explicit(x16, sizeof(x16));
	memzero_explicit(x32, sizeof(x32));
}

bool p256_from_bytes(u64 *r, const u8 *bytes)
{
	u64 less[P256_LIMBS];
	u64 below;

	for (int i = 0; i < P256_LIMBS; i++)
		r[i] = tls_get64(bytes + 8 * (P256_LIMBS - 1 - i));
	below = p256_sub_limbs(less, r, prime);
	p256_mul(r, r, to_montgomery);
	return below;
}

void p256_to_bytes(u8 *bytes, const u64 *a)
{
	u64 t[PRODUCT] = {};
	u64 r[P256_LIMBS];

	memcpy(t, a, sizeof(r));
	reduce(r, t);
	for (int i = 0; i < P256_LIMBS; i++)
		tls_put64(bytes + 8 * (P256_LIMBS - 1 - i), r[i]);
	memzero_explicit(t, sizeof(t));
	memzero_explicit(r, sizeof(r));
}

void p256_choose(u64 *r, const u64 *a, u64 mask)
{
	for (int i = 0; i < P256_LIMBS; i++)
		r[i] = (a[i] & mask) | (r[i] & ~mask);
}

u64 p256_is_zero(const u64 *a)
{
	return tls_is_zero(a[0] | a[1] | a[2] | a[3]);
}

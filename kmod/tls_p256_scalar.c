// SPDX-License-Identifier: GPL-2.0-only
#include "tls_inverse.h"
#include "tls_p256_scalar.h"

/* n */
static const u64 order[P256_LIMBS] = {
	0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000,
};

/* -1/n mod 2^64. */
static const u64 minus_inverse = 0xccd1c8aaee00bc4f;

/* 2^512 mod n. */
static const u64 to_montgomery[P256_LIMBS] = {
	0x83244c95be79eea2, 0x4699799c49bd6fa6, 0x2845b2392b6bec59, 0x66e12d94f3d95620,
};

/* r = a + high * 2^256, less n if it is not below n; it is below 2n. */
static void subtract_once(u64 *r, const u64 *a, u64 high)
{
	u64 less[P256_LIMBS];
	u64 borrow = p256_sub_limbs(less, a, order);
	u64 keep = tls_mask(borrow & (high ^ 1));

	for (int i = 0; i < P256_LIMBS; i++)
		r[i] = (a[i] & keep) | (less[i] & ~keep);
}

static void load(u64 *r, const u8 *bytes)
{
	for (int i = 0; i < P256_LIMBS; i++)
		r[i] = tls_get64(bytes + 8 * (P256_LIMBS - 1 - i));
}

u64 p256_scalar_from_bytes(u64 *r, const u8 *bytes)
{
	u64 less[P256_LIMBS];

	load(r, bytes);
	return tls_mask(p256_sub_limbs(less, r, order)) & ~p256_is_zero(r);
}

void p256_scalar_reduce_bytes(u64 *r, const u8 *bytes)
{
	load(r, bytes);
	/* 2^256 is below 2n. */
	subtract_once(r, r, 0);
}

void p256_scalar_to_bytes(u8 *bytes, const u64 *a)
{
	for (int i = 0; i < P256_LIMBS; i++)
		tls_put64(bytes + 8 * (P256_LIMBS - 1 - i), a[i]);
}

u64 p256_scalar_lower(u64 *r, const u64 *a)
{
	u64 mask = tls_mask(a[3] >> 63);
	u64 negative[P256_LIMBS];

	p256_sub_limbs(negative, order, a);
	for (int i = 0; i < P256_LIMBS; i++)
		r[i] = (negative[i] & mask) | (a[i] & ~mask);
	memzero_explicit(negative, sizeof(negative));
	return mask;
}

void p256_scalar_add(u64 *r, const u64 *a, const u64 *b)
{
	u64 sum[P256_LIMBS];
	u64 carry = p256_add_limbs(sum, a, b);

	subtract_once(r, sum, carry);
}

/* t += m * a: the carry. */
static inline u64 add_product(u64 *t, u64 m, const u64 *a)
{
	u64 carry = 0;

	t[0] = p256_mul_carry(m, a[0], t[0], &carry);
	t[1] = p256_mul_carry(m, a[1], t[1], &carry);
	t[2] = p256_mul_carry(m, a[2], t[2], &carry);
	t[3] = p256_mul_carry(m, a[3], t[3], &carry);
	return carry;
}

/* t += a * b, and so often n that t[0] is 0; t[4] is new, `high` the carry into and out of it. */
static inline void add_reduced(u64 *t, u64 a, const u64 *b, u64 *high)
{
	u64 carry = add_product(t, a, b);
	u64 second = add_product(t, t[0] * minus_inverse, order);

	t[4] = tls_add_carry(carry, second, high);
}

void p256_scalar_mul(u64 *r, const u64 *a, const u64 *b)
{
	u64 t[2 * P256_LIMBS] = {};
	u64 high = 0;

	add_reduced(t, a[0], b, &high);
	add_reduced(t + 1, a[1], b, &high);
	add_reduced(t + 2, a[2], b, &high);
	add_reduced(t + 3, a[3], b, &high);
	subtract_once(r, t + P256_LIMBS, high);
}

void p256_scalar_to_montgomery(u64 *r, const u64 *a)
{
	p256_scalar_mul(r, a, to_montgomery);
}

/* n */
static const struct tls_modulus modulus = {
	.limbs = {
		0x33b9cac2fc632551, 0x339beab69c5e7a13, 0x3ffffffffffffffb,
		0x3fffffc00000003f, 0x00000000000000ff,
	},
	.inverse = 0x332e375511ff43b1,
	.factor = {
		0x03244c95be79eea2, 0x1a65e67126f5be9a, 0x045b2392b6bec594,
		0x384b653cf655880a, 0x0000000000000066,
	},
};

void p256_scalar_inv(u64 *r, const u64 *a)
{
	tls_inverse(r, a, &modulus);
}

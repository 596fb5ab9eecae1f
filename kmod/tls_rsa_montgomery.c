// SPDX-License-Identifier: GPL-2.0-only
/*
 * Montgomery, "Modular multiplication without trial division" (1985): so often
 * the modulus is added that the lower half becomes 0. Numbers below R instead of
 * the modulus: for a, b < R the sum (a b + m N) / R is below R + N, so that what
 * has a carry is below R once N is subtracted.
 */
#include "tls_rsa_adx.h"

/* t += factor * a: the carry. */
static u64 add_row(u64 *t, u64 factor, const u64 *a, u32 limbs)
{
	u64 carry = 0;

	for (u32 i = 0; i < limbs; i++) {
		unsigned __int128 sum = (unsigned __int128)factor * a[i] + t[i] + carry;

		t[i] = (u64)sum;
		carry = (u64)(sum >> 64);
	}
	return carry;
}

static void plain_product(u64 *product, const u64 *a, const u64 *b, u32 limbs)
{
	memset(product, 0, limbs * sizeof(*product));
	for (u32 i = 0; i < limbs; i++)
		product[limbs + i] = add_row(product + i, a[i], b, limbs);
}

static void plain_square(u64 *product, const u64 *a, u32 limbs)
{
	u64 top = 0, carry = 0;

	/* The products of two different limbs, */
	memset(product, 0, limbs * sizeof(*product));
	for (u32 i = 0; i < limbs; i++)
		product[limbs + i] = add_row(product + 2 * i + 1, a[i], a + i + 1, limbs - i - 1);
	/* twice, and the squares. */
	for (u32 i = 0; i < limbs; i++) {
		unsigned __int128 square = (unsigned __int128)a[i] * a[i];
		u64 low = product[2 * i], high = product[2 * i + 1];

		product[2 * i] = tls_add_carry(low << 1 | top, (u64)square, &carry);
		product[2 * i + 1] = tls_add_carry(high << 1 | low >> 63, (u64)(square >> 64),
						   &carry);
		top = high >> 63;
	}
}

static u64 plain_reduce(u64 *product, const struct rsa_modulus *modulus)
{
	u32 limbs = modulus->limbs;
	u64 high = 0;

	for (u32 i = 0; i < limbs; i++) {
		u64 factor = product[i] * modulus->inverse;
		u64 carry = add_row(product + i, factor, modulus->value, limbs);

		product[i + limbs] = tls_add_carry(product[i + limbs], carry, &high);
	}
	return high;
}

static void plain_select(u64 *r, const u64 *numbers, u64 which, u32 limbs)
{
	memset(r, 0, limbs * sizeof(*r));
	for (u64 i = 0; i < RSA_POWERS; i++) {
		u64 mask = tls_is_zero(which ^ i);

		for (u32 j = 0; j < limbs; j++)
			r[j] |= *numbers++ & mask;
	}
}

void rsa_product(u64 *product, const u64 *a, const u64 *b, const struct rsa_modulus *modulus)
{
	if (modulus->adx)
		rsa_adx_product(product, a, b, modulus->limbs);
	else
		plain_product(product, a, b, modulus->limbs);
}

/* r = a, less the modulus where the mask is all ones. */
static void subtract(u64 *r, const u64 *a, const struct rsa_modulus *modulus, u64 mask)
{
	u64 borrow = 0;

	if (modulus->adx) {
		rsa_adx_subtract(r, a, modulus, mask);
		return;
	}
	for (u32 i = 0; i < modulus->limbs; i++)
		r[i] = tls_sub_borrow(a[i], modulus->value[i] & mask, &borrow);
}

void rsa_below(u64 *r, const u64 *a, const struct rsa_modulus *modulus)
{
	u64 borrow = 0;

	for (u32 i = 0; i < modulus->limbs; i++)
		tls_sub_borrow(a[i], modulus->value[i], &borrow);
	subtract(r, a, modulus, tls_mask(borrow ^ 1));
}

void rsa_reduce(u64 *r, const struct rsa_modulus *modulus, u64 *product)
{
	u64 high = modulus->adx ? rsa_adx_reduce(product, modulus) :
				  plain_reduce(product, modulus);

	subtract(r, product + modulus->limbs, modulus, tls_mask(high));
}

void rsa_mul(u64 *r, const u64 *a, const u64 *b, const struct rsa_modulus *modulus, u64 *product)
{
	rsa_product(product, a, b, modulus);
	rsa_reduce(r, modulus, product);
}

void rsa_sqr(u64 *r, const u64 *a, const struct rsa_modulus *modulus, u64 *product)
{
	if (modulus->adx)
		rsa_adx_square(product, a, modulus->limbs);
	else
		plain_square(product, a, modulus->limbs);
	rsa_reduce(r, modulus, product);
}

void rsa_select(u64 *r, const u64 *numbers, u64 which, const struct rsa_modulus *modulus)
{
	if (modulus->adx)
		rsa_adx_select(r, numbers, which, modulus->limbs);
	else
		plain_select(r, numbers, which, modulus->limbs);
}

/* a = 2 a, modulo the modulus, for one below it. */
static void twice(u64 *a, const struct rsa_modulus *modulus)
{
	u64 carry = 0, borrow = 0;

	for (u32 i = 0; i < modulus->limbs; i++) {
		u64 limb = a[i] << 1 | carry;

		carry = a[i] >> 63;
		a[i] = limb;
		tls_sub_borrow(limb, modulus->value[i], &borrow);
	}
	subtract(a, a, modulus, tls_mask(carry | (borrow ^ 1)));
}

void rsa_modulus_set(struct rsa_modulus *modulus, u64 *product)
{
	u64 *square = modulus->square;
	u32 exponent = 64 * modulus->limbs;
	u64 inverse = modulus->value[0];
	u64 borrow = 0;
	u32 doubled = exponent;

	/* An odd number is its own inverse modulo 8; each step doubles how many bits are right. */
	for (int bits = 3; bits < 64; bits *= 2)
		inverse *= 2 - modulus->value[0] * inverse;
	modulus->inverse = -inverse;
	/* R modulo the modulus, which is 1 in Montgomery's form: */
	for (u32 i = 0; i < modulus->limbs; i++)
		square[i] = tls_sub_borrow(0, modulus->value[i], &borrow);
	/* doubled as often as that is odd, and squared, it becomes 2 to the power that R is. */
	while (doubled % 2 == 0)
		doubled /= 2;
	for (u32 i = 0; i < doubled; i++)
		twice(square, modulus);
	for (; doubled < exponent; doubled *= 2)
		rsa_sqr(square, square, modulus, product);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Points, and multiples of the base point. Doubling is from Bernstein (2001),
 * addition from Cohen, Miyaji, Ono, "Efficient elliptic curve exponentiation
 * using mixed coordinates" (1998). Booth's recoding makes digits of a scalar;
 * which multiple a digit names is found by looking at all of them.
 *
 * Such an addition is wrong for a neutral operand, and for two that are the same
 * or each other's negative. Let the sum so far be v G, and d 32^i G be added, with
 * |d| <= 16. If v or d is 0 both results are at hand, and a mask chooses.
 * Otherwise v is not d 32^i or its negative modulo the order n. Of integers:
 *
 * - First come the odd places, in ascending order: those below i make less than
 *   17 * 32^(i-2), which is less than 32^i.
 * - Then the even ones. Let h be the highest odd place whose digit is not 0. If it
 *   is below i, |v| is less than 17 * 32^(i-1). Otherwise |v| is more than 32^h -
 *   17 * 32^(h-2) - 17 * 32^(h-3), and |d| 32^i at most 16 * 32^(h-1) = 32^h / 2.
 *
 * And modulo n: a scalar below 2^255 has 0 or 1 at the highest place, 51, so that
 * |v| + |d| 32^i is less than 2^255 + 2^254 + 2^250, which is below n.
 */
#include "tls_choose.h"
#include "tls_p256_point.h"

/* The curve's b: y^2 = x^3 - 3x + b. */
static const u64 curve_b[P256_LIMBS] = {
	0xd89cdf6229c4bddf, 0xacf005cd78843090, 0xe5a220abf7212ed6, 0xdc30061d04874834,
};

void p256_scratch_wipe(struct p256_scratch *scratch)
{
	memzero_explicit(scratch, sizeof(*scratch));
}

void p256_twice(struct p256_point *p)
{
	u64 alpha[P256_LIMBS], beta[P256_LIMBS], gamma[P256_LIMBS], delta[P256_LIMBS];
	u64 t[P256_LIMBS];

	p256_sqr(delta, p->z);
	p256_sqr(gamma, p->y);
	p256_mul(beta, p->x, gamma);
	/* alpha = 3 (x - delta) (x + delta) */
	p256_sub(alpha, p->x, delta);
	p256_add(t, p->x, delta);
	p256_mul(alpha, alpha, t);
	p256_add(t, alpha, alpha);
	p256_add(alpha, alpha, t);
	/* z = (y + z)^2 - gamma - delta */
	p256_add(t, p->y, p->z);
	p256_sqr(t, t);
	p256_sub(t, t, gamma);
	p256_sub(p->z, t, delta);
	/* x = alpha^2 - 8 beta */
	p256_add(beta, beta, beta);
	p256_add(beta, beta, beta);
	p256_add(t, beta, beta);
	p256_sqr(p->x, alpha);
	p256_sub(p->x, p->x, t);
	/* y = alpha (4 beta - x) - 8 gamma^2 */
	p256_sub(t, beta, p->x);
	p256_mul(t, alpha, t);
	p256_sqr(gamma, gamma);
	p256_add(gamma, gamma, gamma);
	p256_add(gamma, gamma, gamma);
	p256_add(gamma, gamma, gamma);
	p256_sub(p->y, t, gamma);
}

u64 p256_digit(const u64 *scalar, int digit, u64 *negative)
{
	unsigned int at = digit * P256_DIGIT - 1;
	u64 bits, low, value;

	/* Its five bits, and the one below, which it takes over. */
	if (digit) {
		bits = scalar[at / 64] >> at % 64;
		if (at % 64 + P256_DIGIT >= 64 && at / 64 + 1 < P256_LIMBS)
			bits |= scalar[at / 64 + 1] << (64 - at % 64);
	} else {
		bits = scalar[0] << 1;
	}
	low = (bits & (2 * P256_MULTIPLES - 1)) + 1;
	low >>= 1;
	*negative = tls_mask(bits >> P256_DIGIT & 1);
	value = (P256_MULTIPLES - low) & *negative;
	return value | (low & ~*negative);
}

void p256_negate(u64 *r, u64 mask)
{
	static const u64 zero[P256_LIMBS];
	u64 negative[P256_LIMBS];

	p256_sub(negative, zero, r);
	p256_choose(r, negative, mask);
}

void p256_choose_point(struct p256_point *r, const struct p256_point *a, u64 mask)
{
	p256_choose(r->x, a->x, mask);
	p256_choose(r->y, a->y, mask);
	p256_choose(r->z, a->z, mask);
}

/* r = a + b: see above for which. b's z is 1. */
static void add_affine(struct p256_point *r, const struct p256_point *a, const struct p256_point *b)
{
	u64 u[P256_LIMBS], h[P256_LIMBS], slope[P256_LIMBS];
	u64 hh[P256_LIMBS], hhh[P256_LIMBS], t[P256_LIMBS];

	p256_sqr(t, a->z);
	p256_mul(h, b->x, t);
	p256_sub(h, h, a->x);
	p256_mul(t, t, a->z);
	p256_mul(slope, b->y, t);
	p256_sub(slope, slope, a->y);
	p256_mul(r->z, a->z, h);
	p256_sqr(hh, h);
	p256_mul(hhh, hh, h);
	p256_mul(u, a->x, hh);
	p256_sqr(t, slope);
	p256_sub(t, t, hhh);
	p256_sub(t, t, u);
	p256_sub(r->x, t, u);
	p256_sub(t, u, r->x);
	p256_mul(t, slope, t);
	p256_mul(hhh, a->y, hhh);
	p256_sub(r->y, t, hhh);
}

enum { LIMBS_OF_MULTIPLE = sizeof(p256_base_multiples[0][0]) / sizeof(u64) };

/* Adds what a digit asks for. */
static void add_digit(struct p256_scratch *scratch, const u64 *scalar, int digit)
{
	struct p256_point *sum = &scratch->sum;
	struct p256_point *chosen = &scratch->chosen;
	const u64 (*multiples)[2][P256_LIMBS] = p256_base_multiples[digit / 2];
	u64 negative;
	u64 value = p256_digit(scalar, digit, &negative);
	u64 neutral = p256_is_zero(sum->z);

	memset(chosen, 0, sizeof(*chosen));
	tls_look_up(chosen->x, multiples[0][0], LIMBS_OF_MULTIPLE, P256_MULTIPLES, value);
	tls_look_up(chosen->y, multiples[0][1], LIMBS_OF_MULTIPLE, P256_MULTIPLES, value);
	memcpy(chosen->z, p256_one, sizeof(chosen->z));
	p256_negate(chosen->y, negative);
	add_affine(&scratch->added, sum, chosen);
	p256_choose_point(&scratch->added, chosen, neutral);
	p256_choose_point(sum, &scratch->added, ~tls_is_zero(value));
}

void p256_multiply_base(struct p256_scratch *scratch, const u64 *scalar)
{
	memset(&scratch->sum, 0, sizeof(scratch->sum));
	/* The digits of odd places, whose multiples are 2^5 times those of the table, first. */
	for (int i = 1; i < P256_DIGITS; i += 2)
		add_digit(scratch, scalar, i);
	for (int i = 0; i < P256_DIGIT; i++)
		p256_twice(&scratch->sum);
	for (int i = 0; i < P256_DIGITS; i += 2)
		add_digit(scratch, scalar, i);
}

bool p256_point_from_bytes(struct p256_point *point, const u8 *bytes)
{
	u64 left[P256_LIMBS], right[P256_LIMBS];

	if (!p256_from_bytes(point->x, bytes) || !p256_from_bytes(point->y, bytes + 32))
		return false;
	memcpy(point->z, p256_one, sizeof(point->z));
	p256_sqr(left, point->y);
	p256_sqr(right, point->x);
	for (int i = 0; i < 3; i++)
		p256_sub(right, right, p256_one);
	p256_mul(right, right, point->x);
	p256_add(right, right, curve_b);
	p256_sub(left, left, right);
	return p256_is_zero(left);
}

void p256_point_to_bytes(u8 *x, u8 *y, const struct p256_point *point)
{
	u64 inverse[P256_LIMBS], power[P256_LIMBS], affine[P256_LIMBS];

	p256_inv(inverse, point->z);
	p256_sqr(power, inverse);
	p256_mul(affine, point->x, power);
	p256_to_bytes(x, affine);
	if (y) {
		p256_mul(power, power, inverse);
		p256_mul(affine, point->y, power);
		p256_to_bytes(y, affine);
	}
	memzero_explicit(inverse, sizeof(inverse));
	memzero_explicit(power, sizeof(power));
	memzero_explicit(affine, sizeof(affine));
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multiples of any point, in Jacobian coordinates, (X/Z^2, Y/Z^3): a doubling
 * there takes eight multiplications, with the complete formulas thirteen. From
 * Cohen, Miyaji, Ono, "Efficient elliptic curve exponentiation using mixed
 * coordinates" (1998), and Bernstein (2001).
 *
 * This addition is wrong for a neutral operand, and for two that are the same
 * or each other's negative. Neither can be where digits are five bits: let v be
 * the scalar without its last digits, so that the sum is v P. A step makes of it
 * 32 v P, and adds d P with |d| <= 16.
 *
 * - v = 0 or d = 0: both results are at hand, and a mask chooses.
 * - Otherwise 32 v > |d|, and before the last step 32 v + |d| < n: 32 v is not
 *   d or -d modulo n.
 * - In the last step 32 v = k - d for the scalar k. It is not -d, since k is not
 *   0 modulo n. If it were d, k would be 2 d, which 32 v > |d| excludes, or
 *   n + 2 d, and then n + d a multiple of 32, but n is 17 modulo 32.
 */
#include "tls_p256_point.h"

/* p = 2 p, for any. */
static void twice(struct p256_point *p)
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

/* r = a + b, where both and their sum and difference are not neutral. */
static void add(struct p256_point *r, const struct p256_point *a, const struct p256_point *b)
{
	u64 u1[P256_LIMBS], s1[P256_LIMBS], h[P256_LIMBS], slope[P256_LIMBS];
	u64 zz1[P256_LIMBS], zz2[P256_LIMBS], t[P256_LIMBS];

	p256_sqr(zz1, a->z);
	p256_sqr(zz2, b->z);
	p256_mul(u1, a->x, zz2);
	p256_mul(h, b->x, zz1);
	p256_sub(h, h, u1);
	p256_mul(s1, a->y, b->z);
	p256_mul(s1, s1, zz2);
	p256_mul(slope, b->y, a->z);
	p256_mul(slope, slope, zz1);
	p256_sub(slope, slope, s1);
	p256_mul(t, a->z, b->z);
	p256_mul(r->z, t, h);
	/* From here: zz1 = h^2, zz2 = h^3, u1 = u1 h^2 */
	p256_sqr(zz1, h);
	p256_mul(zz2, zz1, h);
	p256_mul(u1, u1, zz1);
	p256_sqr(t, slope);
	p256_sub(t, t, zz2);
	p256_sub(t, t, u1);
	p256_sub(r->x, t, u1);
	p256_sub(t, u1, r->x);
	p256_mul(t, slope, t);
	p256_mul(s1, s1, zz2);
	p256_sub(r->y, t, s1);
}

static void choose(struct p256_point *r, const struct p256_point *a, u64 mask)
{
	p256_choose(r->x, a->x, mask);
	p256_choose(r->y, a->y, mask);
	p256_choose(r->z, a->z, mask);
}

/* The multiples from 1 to 16: each of an even place is one that is there and the point itself. */
static void fill(struct p256_point *multiples)
{
	for (int i = 1; i < P256_MULTIPLES; i++) {
		if (i & 1) {
			multiples[i] = multiples[i / 2];
			twice(&multiples[i]);
		} else {
			add(&multiples[i], &multiples[i - 1], &multiples[0]);
		}
	}
}

void p256_multiply(struct p256_scratch *scratch, const u8 *scalar)
{
	struct p256_point *sum = &scratch->sum;
	struct p256_point *chosen = &scratch->chosen;

	scratch->multiples[0] = *sum;
	fill(scratch->multiples);
	memset(sum, 0, sizeof(*sum));
	for (int i = P256_DIGITS - 1; i >= 0; i--) {
		u64 negative;
		u64 value = p256_digit(scalar, i, &negative);
		u64 neutral;

		for (int j = 0; j < P256_DIGIT && i < P256_DIGITS - 1; j++)
			twice(sum);
		memset(chosen, 0, sizeof(*chosen));
		for (u64 j = 0; j < P256_MULTIPLES; j++)
			choose(chosen, &scratch->multiples[j], tls_is_zero(value ^ (j + 1)));
		p256_negate(chosen->y, negative);
		neutral = p256_is_zero(sum->z);
		add(&scratch->added, sum, chosen);
		choose(&scratch->added, sum, tls_is_zero(value));
		choose(&scratch->added, chosen, neutral);
		*sum = scratch->added;
	}
	/* (X/Z^2, Y/Z^3) is (X Z/Z^3, Y/Z^3). */
	p256_mul(sum->x, sum->x, sum->z);
	p256_sqr(chosen->z, sum->z);
	p256_mul(sum->z, sum->z, chosen->z);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multiples of any point.
 *
 * The addition is wrong for a neutral operand, and for two that are the same
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
#include "tls_choose.h"
#include "tls_p256_point.h"

enum { LIMBS_OF_POINT = sizeof(struct p256_point) / sizeof(u64) };

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

/* The multiples from 1 to 16: each of an even place is one that is there and the point itself. */
static void fill(struct p256_point *multiples)
{
	for (int i = 1; i < P256_MULTIPLES; i++) {
		if (i & 1) {
			multiples[i] = multiples[i / 2];
			p256_twice(&multiples[i]);
		} else {
			add(&multiples[i], &multiples[i - 1], &multiples[0]);
		}
	}
}

void p256_multiply(struct p256_scratch *scratch, const u64 *scalar)
{
	struct p256_point *sum = &scratch->sum;
	struct p256_point *chosen = &scratch->chosen;
	const struct p256_point *first = scratch->multiples;

	scratch->multiples[0] = *sum;
	fill(scratch->multiples);
	memset(sum, 0, sizeof(*sum));
	for (int i = P256_DIGITS - 1; i >= 0; i--) {
		u64 negative;
		u64 value = p256_digit(scalar, i, &negative);
		u64 neutral;

		for (int j = 0; j < P256_DIGIT && i < P256_DIGITS - 1; j++)
			p256_twice(sum);
		memset(chosen, 0, sizeof(*chosen));
		tls_look_up(chosen->x, first->x, LIMBS_OF_POINT, P256_MULTIPLES, value);
		tls_look_up(chosen->y, first->y, LIMBS_OF_POINT, P256_MULTIPLES, value);
		tls_look_up(chosen->z, first->z, LIMBS_OF_POINT, P256_MULTIPLES, value);
		p256_negate(chosen->y, negative);
		neutral = p256_is_zero(sum->z);
		add(&scratch->added, sum, chosen);
		p256_choose_point(&scratch->added, sum, tls_is_zero(value));
		p256_choose_point(&scratch->added, chosen, neutral);
		*sum = scratch->added;
	}
}

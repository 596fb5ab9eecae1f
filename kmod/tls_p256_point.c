// SPDX-License-Identifier: GPL-2.0-only
/*
 * Renes, Costello, Batina, "Complete addition formulas for prime order elliptic
 * curves" (2016), algorithms 5 and 6. Booth's recoding makes digits of a
 * scalar; which multiple a digit names is found by looking at all of them.
 */
#include "tls_p256_point.h"

/* The curve's b: y^2 = x^3 - 3x + b. */
static const u64 curve_b[P256_LIMBS] = {
	0xd89cdf6229c4bddf, 0xacf005cd78843090, 0xe5a220abf7212ed6, 0xdc30061d04874834,
};

void p256_scratch_wipe(struct p256_scratch *scratch)
{
	memzero_explicit(scratch, sizeof(*scratch));
}

/* Algorithm 5: of b only x and y count, its z is 1. */
static void add_affine(struct p256_point *r, const struct p256_point *a, const struct p256_point *b)
{
	u64 t0[P256_LIMBS], t1[P256_LIMBS], t2[P256_LIMBS], t3[P256_LIMBS], t4[P256_LIMBS];
	u64 x3[P256_LIMBS], y3[P256_LIMBS], z3[P256_LIMBS];

	p256_mul(t0, a->x, b->x);
	p256_mul(t1, a->y, b->y);
	p256_add(t3, b->x, b->y);
	p256_add(t4, a->x, a->y);
	p256_mul(t3, t3, t4);
	p256_add(t4, t0, t1);
	p256_sub(t3, t3, t4);
	p256_mul(t4, b->y, a->z);
	p256_add(t4, t4, a->y);
	p256_mul(y3, b->x, a->z);
	p256_add(y3, y3, a->x);
	memcpy(t2, a->z, sizeof(t2));
	p256_mul(z3, curve_b, t2);
	p256_sub(x3, y3, z3);
	p256_add(z3, x3, x3);
	p256_add(x3, x3, z3);
	p256_sub(z3, t1, x3);
	p256_add(x3, t1, x3);
	p256_mul(y3, curve_b, y3);
	p256_add(t1, t2, t2);
	p256_add(t2, t1, t2);
	p256_sub(y3, y3, t2);
	p256_sub(y3, y3, t0);
	p256_add(t1, y3, y3);
	p256_add(y3, t1, y3);
	p256_add(t1, t0, t0);
	p256_add(t0, t1, t0);
	p256_sub(t0, t0, t2);
	p256_mul(t1, t4, y3);
	p256_mul(t2, t0, y3);
	p256_mul(y3, x3, z3);
	p256_add(r->y, y3, t2);
	p256_mul(x3, t3, x3);
	p256_sub(r->x, x3, t1);
	p256_mul(z3, t4, z3);
	p256_mul(t1, t3, t0);
	p256_add(r->z, z3, t1);
}

/* Algorithm 6. */
static void add_itself(struct p256_point *p)
{
	u64 t0[P256_LIMBS], t1[P256_LIMBS], t2[P256_LIMBS], t3[P256_LIMBS];
	u64 x3[P256_LIMBS], y3[P256_LIMBS], z3[P256_LIMBS];

	p256_sqr(t0, p->x);
	p256_sqr(t1, p->y);
	p256_sqr(t2, p->z);
	p256_mul(t3, p->x, p->y);
	p256_add(t3, t3, t3);
	p256_mul(z3, p->x, p->z);
	p256_add(z3, z3, z3);
	p256_mul(y3, curve_b, t2);
	p256_sub(y3, y3, z3);
	p256_add(x3, y3, y3);
	p256_add(y3, x3, y3);
	p256_sub(x3, t1, y3);
	p256_add(y3, t1, y3);
	p256_mul(y3, x3, y3);
	p256_mul(x3, x3, t3);
	p256_add(t3, t2, t2);
	p256_add(t2, t2, t3);
	p256_mul(z3, curve_b, z3);
	p256_sub(z3, z3, t2);
	p256_sub(z3, z3, t0);
	p256_add(t3, z3, z3);
	p256_add(z3, z3, t3);
	p256_add(t3, t0, t0);
	p256_add(t0, t3, t0);
	p256_sub(t0, t0, t2);
	p256_mul(t0, t0, z3);
	p256_add(y3, y3, t0);
	p256_mul(t0, p->y, p->z);
	p256_add(t0, t0, t0);
	p256_mul(z3, t0, z3);
	p256_sub(p->x, x3, z3);
	p256_mul(z3, t0, t1);
	p256_add(z3, z3, z3);
	p256_add(p->z, z3, z3);
	memcpy(p->y, y3, sizeof(y3));
}

static void set_neutral(struct p256_point *p)
{
	memset(p, 0, sizeof(*p));
	memcpy(p->y, p256_one, sizeof(p->y));
}

u64 p256_digit(const u8 *scalar, int digit, u64 *negative)
{
	unsigned int at = digit * P256_DIGIT;
	unsigned int bits = 0;
	u64 low, value;

	/* Its five bits, and the one below, which it takes over. */
	for (unsigned int i = 0; i <= P256_DIGIT; i++) {
		unsigned int bit = at + i - 1;

		if (at + i && bit < 256)
			bits |= (scalar[bit / 8] >> bit % 8 & 1) << i;
	}
	low = (bits & (2 * P256_MULTIPLES - 1)) + 1;
	low >>= 1;
	*negative = tls_mask(bits >> P256_DIGIT);
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

void p256_multiply_base(struct p256_scratch *scratch, const u8 *scalar)
{
	struct p256_point *sum = &scratch->sum;
	struct p256_point *chosen = &scratch->chosen;

	set_neutral(sum);
	/* The digits of odd places, whose multiples are 2^5 times those of the table, first. */
	for (int odd = 1; odd >= 0; odd--) {
		for (int i = odd; i < P256_DIGITS; i += 2) {
			u64 negative;
			u64 value = p256_digit(scalar, i, &negative);
			u64 none = tls_is_zero(value);

			memset(chosen, 0, sizeof(*chosen));
			for (u64 j = 0; j < P256_MULTIPLES; j++) {
				u64 mask = tls_is_zero(value ^ (j + 1));

				for (int k = 0; k < P256_LIMBS; k++) {
					chosen->x[k] |= p256_base_multiples[i / 2][j][0][k] & mask;
					chosen->y[k] |= p256_base_multiples[i / 2][j][1][k] & mask;
				}
			}
			p256_negate(chosen->y, negative);
			/* The neutral point has no affine coordinates: add, and forget it. */
			scratch->added = *sum;
			add_affine(sum, sum, chosen);
			p256_choose(sum->x, scratch->added.x, none);
			p256_choose(sum->y, scratch->added.y, none);
			p256_choose(sum->z, scratch->added.z, none);
		}
		if (odd)
			for (int i = 0; i < P256_DIGIT; i++)
				add_itself(sum);
	}
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
	u64 inverse[P256_LIMBS], affine[P256_LIMBS];

	p256_inv(inverse, point->z);
	p256_mul(affine, point->x, inverse);
	p256_to_bytes(x, affine);
	if (y) {
		p256_mul(affine, point->y, inverse);
		p256_to_bytes(y, affine);
	}
	memzero_explicit(inverse, sizeof(inverse));
	memzero_explicit(affine, sizeof(affine));
}

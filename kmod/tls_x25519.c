// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multiples of the base point by edwards25519, whose additions need no ladder:
 * the points of both curves correspond (RFC 7748, section 4.1). Formulas: Hisil,
 * Wong, Carter, Dawson, "Twisted Edwards curves revisited" (2008), which have no
 * exceptions there. Of any other point by Montgomery's ladder (RFC 7748, section
 * 5). What comes of both is a fraction, so two of them can share an inverse.
 */
#include "tls_choose.h"
#include "tls_x25519.h"
#include "tls_x25519_field.h"

/* (X/Z, Y/Z), and T = X Y / Z. */
struct point {
	u64 x[X25519_LIMBS];
	u64 y[X25519_LIMBS];
	u64 z[X25519_LIMBS];
	u64 t[X25519_LIMBS];
};

struct fraction {
	u64 above[X25519_LIMBS];
	u64 below[X25519_LIMBS];
};

enum { LIMBS_OF_MULTIPLE = sizeof(struct x25519_multiple) / sizeof(u64) };

/* The multiple of a place that a digit asks for. */
static void find(struct x25519_multiple *found, const u64 *scalar, int digit)
{
	static const u64 zero[X25519_LIMBS];
	const struct x25519_multiple *multiples = x25519_base_multiples[digit / 2];
	unsigned int at = digit * X25519_DIGIT - 1;
	u64 swapped[X25519_LIMBS], opposite[X25519_LIMBS];
	u64 bits, low, negative, number;

	/* Booth's recoding: its four bits, and the one below, which it takes over. */
	if (digit) {
		bits = scalar[at / 64] >> at % 64;
		if (at % 64 == 63)
			bits |= scalar[at / 64 + 1] << 1;
	} else {
		bits = scalar[0] << 1;
	}
	low = ((bits & (2 * X25519_MULTIPLES - 1)) + 1) >> 1;
	negative = tls_mask(bits >> X25519_DIGIT & 1);
	number = ((X25519_MULTIPLES - low) & negative) | (low & ~negative);
	/* The neutral point, (0, 1), is not among them. */
	*found = (struct x25519_multiple){ .sum = { 1 }, .difference = { 1 } };
	tls_look_up(found->sum, multiples->sum, LIMBS_OF_MULTIPLE, X25519_MULTIPLES, number);
	tls_look_up(found->difference, multiples->difference, LIMBS_OF_MULTIPLE,
		    X25519_MULTIPLES, number);
	tls_look_up(found->product, multiples->product, LIMBS_OF_MULTIPLE, X25519_MULTIPLES,
		    number);
	memcpy(swapped, found->sum, sizeof(swapped));
	tls_choose(found->sum, found->difference, negative);
	tls_choose(found->difference, swapped, negative);
	x25519_sub(opposite, zero, found->product);
	tls_choose(found->product, opposite, negative);
}

static __always_inline void add_multiple(struct point *p,
					 const struct x25519_multiple *multiple, bool adx)
{
	u64 a[X25519_LIMBS], b[X25519_LIMBS], c[X25519_LIMBS], d[X25519_LIMBS];
	u64 e[X25519_LIMBS], f[X25519_LIMBS];

	x25519_sub(a, p->y, p->x);
	x25519_mul(a, a, multiple->difference, adx);
	x25519_add(b, p->y, p->x);
	x25519_mul(b, b, multiple->sum, adx);
	x25519_mul(c, p->t, multiple->product, adx);
	x25519_add(d, p->z, p->z);
	x25519_sub(e, b, a);
	x25519_sub(f, d, c);
	x25519_add(d, d, c);
	x25519_add(b, b, a);
	x25519_mul(p->x, e, f, adx);
	x25519_mul(p->y, d, b, adx);
	x25519_mul(p->t, e, b, adx);
	x25519_mul(p->z, f, d, adx);
}

static __always_inline void twice(struct point *p, bool adx)
{
	u64 a[X25519_LIMBS], b[X25519_LIMBS], c[X25519_LIMBS], e[X25519_LIMBS];
	u64 f[X25519_LIMBS], h[X25519_LIMBS];

	x25519_sqr(a, p->x, adx);
	x25519_sqr(b, p->y, adx);
	x25519_sqr(c, p->z, adx);
	/* The negatives of two of the paper's, whose products are the same. */
	x25519_add(h, a, b);
	x25519_add(e, p->x, p->y);
	x25519_sqr(e, e, adx);
	x25519_sub(e, h, e);
	x25519_sub(a, a, b);
	/* One square at a time, for the sake of what an addition may be given. */
	x25519_add(f, a, c);
	x25519_add(f, f, c);
	x25519_mul(p->x, e, f, adx);
	x25519_mul(p->y, a, h, adx);
	x25519_mul(p->t, e, h, adx);
	x25519_mul(p->z, f, a, adx);
}

static void read_secret(u64 *scalar, const u8 *secret)
{
	x25519_from_bytes(scalar, secret);
	/* RFC 7748, section 5: a multiple of 8 from 2^254 on, so no public key is neutral. */
	scalar[0] &= ~7ULL;
	scalar[3] &= ~(1ULL << 63);
	scalar[3] |= 1ULL << 62;
}

/* u of a multiple of the base point: (Z + Y) / (Z - Y). */
static __always_inline void base_by(struct fraction *u, const u64 *scalar, bool adx)
{
	struct point sum = { .y = { 1 }, .z = { 1 } };
	struct x25519_multiple found;

	/* The digits of odd places, whose multiples are 2^4 times those of the table, first. */
	for (int odd = 1; odd >= 0; odd--) {
		for (int i = odd; i < X25519_DIGITS; i += 2) {
			find(&found, scalar, i);
			add_multiple(&sum, &found, adx);
		}
		for (int i = 0; odd && i < X25519_DIGIT; i++)
			twice(&sum, adx);
	}
	x25519_add(u->above, sum.z, sum.y);
	x25519_sub(u->below, sum.z, sum.y);
	memzero_explicit(&sum, sizeof(sum));
	memzero_explicit(&found, sizeof(found));
}

/**
 * struct ladder - two points whose difference is the peer's
 * @x: of the one that a step doubles; and the same of the other one, which is their sum then
 * @z: ditto
 * @sum: x + z of both, then products of theirs
 * @difference: x - z
 */
struct ladder {
	u64 x[2][X25519_LIMBS];
	u64 z[2][X25519_LIMBS];
	u64 sum[2][X25519_LIMBS];
	u64 difference[2][X25519_LIMBS];
};

/* Which of the two is doubled decides the mask: the sum is the same. */
static __always_inline void climb(struct ladder *l, const u64 *peer, u64 other, bool adx)
{
	u64 a[X25519_LIMBS], b[X25519_LIMBS];

	for (int i = 0; i < 2; i++) {
		x25519_add(l->sum[i], l->x[i], l->z[i]);
		x25519_sub(l->difference[i], l->x[i], l->z[i]);
	}
	x25519_mul(a, l->sum[0], l->difference[1], adx);
	x25519_mul(b, l->sum[1], l->difference[0], adx);
	tls_choose(l->sum[0], l->sum[1], other);
	tls_choose(l->difference[0], l->difference[1], other);
	x25519_add(l->x[1], a, b);
	x25519_sqr(l->x[1], l->x[1], adx);
	x25519_sub(l->z[1], a, b);
	x25519_sqr(l->z[1], l->z[1], adx);
	x25519_mul(l->z[1], l->z[1], peer, adx);
	x25519_sqr(a, l->sum[0], adx);
	x25519_sqr(b, l->difference[0], adx);
	x25519_mul(l->x[0], a, b, adx);
	/* (A - 2) / 4 = 121665, and a is b and their difference. */
	x25519_sub(a, a, b);
	x25519_add_times(b, a, 121666);
	x25519_mul(l->z[0], a, b, adx);
}

/* u of a multiple of the peer's point: X/Z. */
static __always_inline void ladder_by(struct fraction *u, const u64 *scalar, const u64 *peer,
				      bool adx)
{
	struct ladder l = { .x[0] = { 1 }, .z[1] = { 1 } };
	u64 last = 0;

	memcpy(l.x[1], peer, sizeof(l.x[1]));
	for (int i = 254; i >= 0; i--) {
		u64 bit = scalar[i / 64] >> i % 64 & 1;

		climb(&l, peer, tls_mask(bit ^ last), adx);
		last = bit;
	}
	/* The last bit is 0: the first one is what it is about. */
	memcpy(u->above, l.x[0], sizeof(u->above));
	memcpy(u->below, l.z[0], sizeof(u->below));
	memzero_explicit(&l, sizeof(l));
}

static noinline void multiply_base(struct fraction *u, const u64 *scalar)
{
	if (tls_adx_usable())
		base_by(u, scalar, true);
	else
		base_by(u, scalar, false);
}

static noinline void multiply(struct fraction *u, const u64 *scalar, const u8 *peer)
{
	u64 x[X25519_LIMBS];

	x25519_from_bytes(x, peer);
	/* RFC 7748, section 5: that bit is none of the number's. */
	x[3] &= ~(1ULL << 63);
	if (tls_adx_usable())
		ladder_by(u, scalar, x, true);
	else
		ladder_by(u, scalar, x, false);
}

/* u / below, for the inverse of what is below. Whether it is not 0, which all may know. */
static bool divide(u8 *bytes, const struct fraction *u, const u64 *inverse)
{
	u64 number[X25519_LIMBS];
	u64 sound;

	x25519_mul_plain(number, u->above, inverse);
	x25519_finish(number, number);
	x25519_to_bytes(bytes, number);
	sound = ~tls_is_zero(number[0] | number[1] | number[2] | number[3]);
	tls_declassify(&sound, sizeof(sound));
	memzero_explicit(number, sizeof(number));
	return sound;
}

void x25519_public(u8 *public, const u8 *secret)
{
	u64 scalar[X25519_LIMBS], inverse[X25519_LIMBS];
	struct fraction u;

	read_secret(scalar, secret);
	multiply_base(&u, scalar);
	x25519_inverse(inverse, u.below);
	divide(public, &u, inverse);
	memzero_explicit(scalar, sizeof(scalar));
	memzero_explicit(inverse, sizeof(inverse));
	memzero_explicit(&u, sizeof(u));
}

bool x25519_shared(u8 *shared, const u8 *secret, const u8 *peer)
{
	u64 scalar[X25519_LIMBS], inverse[X25519_LIMBS];
	struct fraction u;
	bool sound;

	read_secret(scalar, secret);
	multiply(&u, scalar, peer);
	x25519_inverse(inverse, u.below);
	sound = divide(shared, &u, inverse);
	memzero_explicit(scalar, sizeof(scalar));
	memzero_explicit(inverse, sizeof(inverse));
	memzero_explicit(&u, sizeof(u));
	return sound;
}

bool x25519_exchange(u8 *public, u8 *shared, const u8 *secret, const u8 *peer)
{
	u64 scalar[X25519_LIMBS], both[X25519_LIMBS], inverse[X25519_LIMBS];
	struct fraction ours, common;
	bool sound;

	read_secret(scalar, secret);
	multiply_base(&ours, scalar);
	multiply(&common, scalar, peer);
	/* 1/a = b / (a b); where b is 0 nobody wants to know a. */
	x25519_mul_plain(both, ours.below, common.below);
	x25519_inverse(both, both);
	x25519_mul_plain(inverse, both, common.below);
	divide(public, &ours, inverse);
	x25519_mul_plain(inverse, both, ours.below);
	sound = divide(shared, &common, inverse);
	memzero_explicit(scalar, sizeof(scalar));
	memzero_explicit(both, sizeof(both));
	memzero_explicit(inverse, sizeof(inverse));
	memzero_explicit(&ours, sizeof(ours));
	memzero_explicit(&common, sizeof(common));
	return sound;
}

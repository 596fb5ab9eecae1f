// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bernstein, Yang, "Fast constant-time gcd computation and modular inversion"
 * (2019). A step makes of (delta, f, g), f odd,
 *
 *	(1 - delta, g, (g - f) / 2)		if delta > 0 and g is odd,
 *	(1 + delta, f, (g + (g mod 2) f) / 2)	otherwise.
 *
 * After enough of them g is 0 and f the greatest common divisor or its negative.
 * Where delta begins as 1/2, and both are below 2^256, 590 are enough: Wuille,
 * Maxwell, "Bounds on divsteps iterations in safegcd" (2021), proved by machine
 * since. 59 steps depend on the lowest 59 bits alone: they make a matrix, which is
 * then applied to the whole of f and g, and to d and e, which are kept so that
 * f = d a / factor and g = e a / factor.
 */
#include "tls_inverse.h"

enum {
	BITS = TLS_INVERSE_BITS,
	LIMBS = TLS_INVERSE_LIMBS,
	ROUNDS = 10,
	/* Of a round: as many as let two numbers of a matrix fit into one, and the rest. */
	FIRST_STEPS = 30,
	SECOND_STEPS = 29,
};

#define LOW ((1ULL << BITS) - 1)

/**
 * struct steps - what steps do: f' = (u f + v g) / 2^n, g' = (q f + r g) / 2^n
 * @u: see above; |u| + |v| and |q| + |r| are at most 2^n
 * @v: ditto
 * @q: ditto
 * @r: ditto
 */
struct steps {
	s64 u;
	s64 v;
	s64 q;
	s64 r;
};

/**
 * struct state - what steps work on
 * @zeta: -(delta + 1/2), whose sign says whether delta is positive
 * @f: its lowest bits, as many as count
 * @g: ditto
 */
struct state {
	s64 zeta;
	u64 f;
	u64 g;
};

/* All ones for a negative number: hidden twice, or a compiler compares instead of a shift. */
static inline u64 sign(s64 value)
{
	return tls_hide((s64)tls_hide(value) >> 63);
}

/* What u + 2^32 v stands for. */
static inline void split(u64 both, s64 *u, s64 *v)
{
	*u = (s32)both;
	*v = (s64)(both - *u) >> 32;
}

/* At most 30. */
static inline void make_steps(struct steps *steps, struct state *state, int count)
{
	u64 uv = 1, qr = 1ULL << 32;
	u64 f = state->f, g = state->g;
	s64 zeta = state->zeta;

	for (int i = 0; i < count; i++) {
		u64 positive = sign(zeta);
		u64 odd = tls_hide(-(g & 1));

		/* Add f to g if that is odd, or subtract it; */
		g += ((f ^ positive) - positive) & odd;
		qr += ((uv ^ positive) - positive) & odd;
		/* if it was subtracted, g + f is what g was. */
		positive &= odd;
		f += g & positive;
		uv += qr & positive;
		zeta = (zeta ^ positive) - 1;
		g >>= 1;
		uv <<= 1;
	}
	split(uv, &steps->u, &steps->v);
	split(qr, &steps->q, &steps->r);
	*state = (struct state){ .zeta = zeta, .f = f, .g = g };
}

/* 59 of them, divided by 2^62. */
static void make_round(struct steps *steps, struct state *state)
{
	const s64 scale = 1 << (BITS - FIRST_STEPS - SECOND_STEPS);
	struct steps one, two;

	make_steps(&one, state, FIRST_STEPS);
	make_steps(&two, state, SECOND_STEPS);
	steps->u = (two.u * one.u + two.v * one.q) * scale;
	steps->v = (two.u * one.v + two.v * one.r) * scale;
	steps->q = (two.q * one.u + two.r * one.q) * scale;
	steps->r = (two.q * one.v + two.r * one.r) * scale;
	memzero_explicit(&one, sizeof(one));
	memzero_explicit(&two, sizeof(two));
}

static inline __int128 product(s64 a, s64 b)
{
	return (__int128)a * b;
}

/* Of f and g, whose results are whole numbers. */
static void apply(const struct steps *steps, s64 *f, s64 *g)
{
	__int128 carry_f = product(steps->u, f[0]) + product(steps->v, g[0]);
	__int128 carry_g = product(steps->q, f[0]) + product(steps->r, g[0]);

	for (int i = 1; i < LIMBS; i++) {
		carry_f >>= BITS;
		carry_g >>= BITS;
		carry_f += product(steps->u, f[i]) + product(steps->v, g[i]);
		carry_g += product(steps->q, f[i]) + product(steps->r, g[i]);
		f[i - 1] = (u64)carry_f & LOW;
		g[i - 1] = (u64)carry_g & LOW;
	}
	f[LIMBS - 1] = (s64)(carry_f >> BITS);
	g[LIMBS - 1] = (s64)(carry_g >> BITS);
}

/*
 * Of d and e: multiples of the modulus m make whole numbers of the results. All
 * stay above -2m and below m: m is added to what is negative, which leaves less
 * than 2^62 m either way, and below 2^62 times it is subtracted then.
 */
static void apply_modulo(const struct steps *steps, s64 *d, s64 *e,
			 const struct tls_modulus *modulus)
{
	s64 negative_d = sign(d[LIMBS - 1]), negative_e = sign(e[LIMBS - 1]);
	s64 times_d = (steps->u & negative_d) + (steps->v & negative_e);
	s64 times_e = (steps->q & negative_d) + (steps->r & negative_e);
	__int128 carry_d = product(steps->u, d[0]) + product(steps->v, e[0]);
	__int128 carry_e = product(steps->q, d[0]) + product(steps->r, e[0]);

	times_d -= (modulus->inverse * (u64)carry_d + times_d) & LOW;
	times_e -= (modulus->inverse * (u64)carry_e + times_e) & LOW;
	carry_d += product(modulus->limbs[0], times_d);
	carry_e += product(modulus->limbs[0], times_e);
	for (int i = 1; i < LIMBS; i++) {
		carry_d >>= BITS;
		carry_e >>= BITS;
		carry_d += product(steps->u, d[i]) + product(steps->v, e[i]);
		carry_e += product(steps->q, d[i]) + product(steps->r, e[i]);
		carry_d += product(modulus->limbs[i], times_d);
		carry_e += product(modulus->limbs[i], times_e);
		d[i - 1] = (u64)carry_d & LOW;
		e[i - 1] = (u64)carry_e & LOW;
	}
	d[LIMBS - 1] = (s64)(carry_d >> BITS);
	e[LIMBS - 1] = (s64)(carry_e >> BITS);
}

/* Adds the modulus where the mask is all ones, and then negates where the other is. */
static void adjust(s64 *d, u64 add, u64 negate, const struct tls_modulus *modulus)
{
	s64 carry = 0;

	for (int i = 0; i < LIMBS; i++) {
		carry += (s64)((d[i] + (modulus->limbs[i] & add)) ^ negate) - (s64)negate;
		d[i] = i < LIMBS - 1 ? (s64)(carry & LOW) : carry;
		carry >>= BITS;
	}
}

void tls_inverse(u64 *r, const u64 *a, const struct tls_modulus *modulus)
{
	s64 f[LIMBS], d[LIMBS] = {}, e[LIMBS];
	s64 g[LIMBS] = {
		a[0] & LOW, (a[0] >> 62 | a[1] << 2) & LOW, (a[1] >> 60 | a[2] << 4) & LOW,
		(a[2] >> 58 | a[3] << 6) & LOW, a[3] >> 56,
	};
	struct state state = { .zeta = -1 };
	struct steps steps;

	memcpy(f, modulus->limbs, sizeof(f));
	memcpy(e, modulus->factor, sizeof(e));
	for (int i = 0; i < ROUNDS; i++) {
		state.f = f[0];
		state.g = g[0];
		make_round(&steps, &state);
		apply_modulo(&steps, d, e, modulus);
		apply(&steps, f, g);
	}
	/* f is 1 or -1, and d is f times the result. */
	adjust(d, sign(d[LIMBS - 1]), sign(f[LIMBS - 1]), modulus);
	adjust(d, sign(d[LIMBS - 1]), 0, modulus);
	r[0] = d[0] | (u64)d[1] << 62;
	r[1] = (u64)d[1] >> 2 | (u64)d[2] << 60;
	r[2] = (u64)d[2] >> 4 | (u64)d[3] << 58;
	r[3] = (u64)d[3] >> 6 | (u64)d[4] << 56;
	memzero_explicit(f, sizeof(f));
	memzero_explicit(g, sizeof(g));
	memzero_explicit(d, sizeof(d));
	memzero_explicit(e, sizeof(e));
	memzero_explicit(&steps, sizeof(steps));
	memzero_explicit(&state, sizeof(state));
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Points of P-256 in constant time, in Jacobian coordinates: (X/Z^2, Y/Z^3), and
 * Z = 0 for the neutral one.
 *
 * Pure functions on the caller's memory: any context, no lock.
 */
#ifndef WEIR_TLS_P256_POINT_H
#define WEIR_TLS_P256_POINT_H

#include "tls_p256_field.h"

struct p256_point {
	u64 x[P256_LIMBS];
	u64 y[P256_LIMBS];
	u64 z[P256_LIMBS];
};

enum {
	/* A scalar is 52 signed digits of five bits, from -16 to 16. */
	P256_DIGIT = 5,
	P256_DIGITS = 52,
	P256_MULTIPLES = 1 << (P256_DIGIT - 1),
};

/**
 * struct p256_scratch - what a multiplication needs; as much as is too much for a kernel stack
 * @multiples: 1 to 16 times the point
 * @sum: the result so far
 * @chosen: the multiple that a digit asks for
 * @added: the sum with it, or as it was before
 *
 * Wiped by whoever calls, with p256_scratch_wipe().
 */
struct p256_scratch {
	struct p256_point multiples[P256_MULTIPLES];
	struct p256_point sum;
	struct p256_point chosen;
	struct p256_point added;
};

void p256_scratch_wipe(struct p256_scratch *scratch);

/* scratch->sum = scalar * G, for a scalar below 2^255. */
void p256_multiply_base(struct p256_scratch *scratch, const u64 *scalar);

/* scratch->sum = scalar * scratch->sum, for one from 1 to n - 1 and a point whose z is 1. */
void p256_multiply(struct p256_scratch *scratch, const u64 *scalar);

/* p = 2 p, for any. */
void p256_twice(struct p256_point *p);

/* r = a where the mask is all ones. */
void p256_choose_point(struct p256_point *r, const struct p256_point *a, u64 mask);

/* The absolute value of a scalar's digit; @negative becomes all ones where it is below 0. */
u64 p256_digit(const u64 *scalar, int digit, u64 *negative);

/* r = -r where the mask is all ones. */
void p256_negate(u64 *r, u64 mask);

/* Reads 32 bytes of x and 32 of y. False if there is no such point. Not for secrets. */
bool p256_point_from_bytes(struct p256_point *point, const u8 *bytes);

/* The affine coordinates, 32 bytes each; y may be NULL. 0 for the neutral point. */
void p256_point_to_bytes(u8 *x, u8 *y, const struct p256_point *point);

/* Table of the base point: (j + 1) * 2^(10 i) * G, affine. */
extern const u64 p256_base_multiples[P256_DIGITS / 2][P256_MULTIPLES][2][P256_LIMBS];

#endif /* WEIR_TLS_P256_POINT_H */

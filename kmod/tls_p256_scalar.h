/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Integers modulo n, the order of P-256's points, in constant time: four
 * 64-bit limbs, the least first, always below n. Plain but where it is said.
 *
 * A result may be an operand. Pure functions: any context, no lock.
 */
#ifndef WEIR_TLS_P256_SCALAR_H
#define WEIR_TLS_P256_SCALAR_H

#include "tls_p256_field.h"

/* 32 bytes, the highest first. All ones if the number is from 1 to n - 1. */
u64 p256_scalar_from_bytes(u64 *r, const u8 *bytes);
/* Of any 32 bytes, modulo n. */
void p256_scalar_reduce_bytes(u64 *r, const u8 *bytes);
void p256_scalar_to_bytes(u8 *bytes, const u64 *a);

/* -a for one from 2^255 on: then all ones. What r becomes is below 2^255. */
u64 p256_scalar_lower(u64 *r, const u64 *a);
void p256_scalar_add(u64 *r, const u64 *a, const u64 *b);
/* a * b * 2^-256: the product, if one of the two is in Montgomery's form. */
void p256_scalar_mul(u64 *r, const u64 *a, const u64 *b);
void p256_scalar_to_montgomery(u64 *r, const u64 *a);
/* 1/a, both in Montgomery's form; 0 for 0. */
void p256_scalar_inv(u64 *r, const u64 *a);

#endif /* WEIR_TLS_P256_SCALAR_H */

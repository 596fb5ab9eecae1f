/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What takes most of an RSA signature's time, by instructions that not every
 * x86-64 has: BMI2's mulx leaves flags alone, and ADX has two chains of carries.
 * For tls_rsa_montgomery.c only, which can do without them.
 */
#ifndef WEIR_TLS_RSA_ADX_H
#define WEIR_TLS_RSA_ADX_H

#include "tls_rsa_montgomery.h"

void rsa_adx_product(u64 *product, const u64 *a, const u64 *b, u32 limbs);
void rsa_adx_square(u64 *product, const u64 *a, u32 limbs);
/* Adds multiples of the modulus until the lower half is of no more use: what is carried out. */
u64 rsa_adx_reduce(u64 *product, const struct rsa_modulus *modulus);
/* r = a, less the modulus where the mask is all ones. */
void rsa_adx_subtract(u64 *r, const u64 *a, const struct rsa_modulus *modulus, u64 mask);
void rsa_adx_select(u64 *r, const u64 *numbers, u64 which, u32 limbs);

#endif /* WEIR_TLS_RSA_ADX_H */

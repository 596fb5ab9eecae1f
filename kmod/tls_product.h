/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Products of numbers of four 64-bit limbs, column by column, by the processor's
 * own carries: a compiler makes twice as many instructions of it.
 */
#ifndef WEIR_TLS_PRODUCT_H
#define WEIR_TLS_PRODUCT_H

#include "tls_types.h"

/* (c2, c1, c0) += a * b */
static inline void tls_add_product(u64 *c0, u64 *c1, u64 *c2, u64 a, const u64 *b)
{
	u64 upper;

	asm("mulq %[b]\n\t"
	    "addq %[a], %[c0]\n\t"
	    "adcq %[upper], %[c1]\n\t"
	    "adcq $0, %[c2]"
	    : [a] "+&a" (a), [upper] "=&d" (upper),
	      [c0] "+&r" (*c0), [c1] "+&r" (*c1), [c2] "+&r" (*c2)
	    : [b] "m" (*b)
	    : "cc");
}

/* (c2, c1, c0) += 2 a * b */
static inline void tls_add_twice(u64 *c0, u64 *c1, u64 *c2, u64 a, const u64 *b)
{
	u64 upper;

	asm("mulq %[b]\n\t"
	    "addq %[a], %[c0]\n\t"
	    "adcq %[upper], %[c1]\n\t"
	    "adcq $0, %[c2]\n\t"
	    "addq %[a], %[c0]\n\t"
	    "adcq %[upper], %[c1]\n\t"
	    "adcq $0, %[c2]"
	    : [a] "+&a" (a), [upper] "=&d" (upper),
	      [c0] "+&r" (*c0), [c1] "+&r" (*c1), [c2] "+&r" (*c2)
	    : [b] "m" (*b)
	    : "cc");
}

/* A column is whole: its limb, which is to be the highest one of the column after the next. */
static inline u64 tls_next_column(u64 *limb)
{
	u64 value = *limb;

	*limb = 0;
	return value;
}

/* t = a * b, in eight limbs. */
static __always_inline void tls_multiply(u64 *t, const u64 *a, const u64 *b)
{
	u64 c0 = 0, c1 = 0, c2 = 0;

	tls_add_product(&c0, &c1, &c2, a[0], &b[0]);
	t[0] = tls_next_column(&c0);
	tls_add_product(&c1, &c2, &c0, a[0], &b[1]);
	tls_add_product(&c1, &c2, &c0, a[1], &b[0]);
	t[1] = tls_next_column(&c1);
	tls_add_product(&c2, &c0, &c1, a[0], &b[2]);
	tls_add_product(&c2, &c0, &c1, a[1], &b[1]);
	tls_add_product(&c2, &c0, &c1, a[2], &b[0]);
	t[2] = tls_next_column(&c2);
	tls_add_product(&c0, &c1, &c2, a[0], &b[3]);
	tls_add_product(&c0, &c1, &c2, a[1], &b[2]);
	tls_add_product(&c0, &c1, &c2, a[2], &b[1]);
	tls_add_product(&c0, &c1, &c2, a[3], &b[0]);
	t[3] = tls_next_column(&c0);
	tls_add_product(&c1, &c2, &c0, a[1], &b[3]);
	tls_add_product(&c1, &c2, &c0, a[2], &b[2]);
	tls_add_product(&c1, &c2, &c0, a[3], &b[1]);
	t[4] = tls_next_column(&c1);
	tls_add_product(&c2, &c0, &c1, a[2], &b[3]);
	tls_add_product(&c2, &c0, &c1, a[3], &b[2]);
	t[5] = tls_next_column(&c2);
	tls_add_product(&c0, &c1, &c2, a[3], &b[3]);
	t[6] = c0;
	t[7] = c1;
}

/* t = a^2 */
static __always_inline void tls_square(u64 *t, const u64 *a)
{
	u64 c0 = 0, c1 = 0, c2 = 0;

	tls_add_product(&c0, &c1, &c2, a[0], &a[0]);
	t[0] = tls_next_column(&c0);
	tls_add_twice(&c1, &c2, &c0, a[0], &a[1]);
	t[1] = tls_next_column(&c1);
	tls_add_twice(&c2, &c0, &c1, a[0], &a[2]);
	tls_add_product(&c2, &c0, &c1, a[1], &a[1]);
	t[2] = tls_next_column(&c2);
	tls_add_twice(&c0, &c1, &c2, a[0], &a[3]);
	tls_add_twice(&c0, &c1, &c2, a[1], &a[2]);
	t[3] = tls_next_column(&c0);
	tls_add_twice(&c1, &c2, &c0, a[1], &a[3]);
	tls_add_product(&c1, &c2, &c0, a[2], &a[2]);
	t[4] = tls_next_column(&c1);
	tls_add_twice(&c2, &c0, &c1, a[2], &a[3]);
	t[5] = tls_next_column(&c2);
	tls_add_product(&c0, &c1, &c2, a[3], &a[3]);
	t[6] = c0;
	t[7] = c1;
}

#endif /* WEIR_TLS_PRODUCT_H */

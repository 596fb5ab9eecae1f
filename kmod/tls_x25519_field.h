/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Integers modulo 2^255 - 19 in constant time, in four limbs, the least first.
 * Any value below 2^256 will do for one; a product, and what was added to it, is
 * below 2^255 + 2^24. Instructions of BMI2 and ADX are used where the caller, who
 * has looked, says so.
 *
 * A result may be an operand. Pure functions: any context, no lock.
 */
#ifndef WEIR_TLS_X25519_FIELD_H
#define WEIR_TLS_X25519_FIELD_H

#include "tls_adx.h"

enum {
	X25519_LIMBS = 4,
	/* 2^256 is that. */
	X25519_FOLD = 38,
};

/* One operand is a product or less. */
static __always_inline void x25519_add(u64 *r, const u64 *a, const u64 *b)
{
	u64 r0 = a[0], r1 = a[1], r2 = a[2], r3 = a[3];
	u64 fold;

	/* What a carry stands for is added, and carries no more: little is left then. */
	asm("addq %[b0], %[r0]\n\t"
	    "adcq %[b1], %[r1]\n\t"
	    "adcq %[b2], %[r2]\n\t"
	    "adcq %[b3], %[r3]\n\t"
	    "sbbq %[fold], %[fold]\n\t"
	    "andl %[by], %k[fold]\n\t"
	    "addq %[fold], %[r0]\n\t"
	    "adcq $0, %[r1]\n\t"
	    "adcq $0, %[r2]\n\t"
	    "adcq $0, %[r3]"
	    : [r0] "+&r" (r0), [r1] "+&r" (r1), [r2] "+&r" (r2), [r3] "+&r" (r3),
	      [fold] "=&r" (fold)
	    : [b0] "m" (b[0]), [b1] "m" (b[1]), [b2] "m" (b[2]), [b3] "m" (b[3]),
	      [by] "i" (X25519_FOLD)
	    : "cc");
	r[0] = r0;
	r[1] = r1;
	r[2] = r2;
	r[3] = r3;
}

/* What is subtracted is a product or less. */
static __always_inline void x25519_sub(u64 *r, const u64 *a, const u64 *b)
{
	u64 r0 = a[0], r1 = a[1], r2 = a[2], r3 = a[3];
	u64 fold;

	/* What a borrow stands for is subtracted, and borrows no more: much is left then. */
	asm("subq %[b0], %[r0]\n\t"
	    "sbbq %[b1], %[r1]\n\t"
	    "sbbq %[b2], %[r2]\n\t"
	    "sbbq %[b3], %[r3]\n\t"
	    "sbbq %[fold], %[fold]\n\t"
	    "andl %[by], %k[fold]\n\t"
	    "subq %[fold], %[r0]\n\t"
	    "sbbq $0, %[r1]\n\t"
	    "sbbq $0, %[r2]\n\t"
	    "sbbq $0, %[r3]"
	    : [r0] "+&r" (r0), [r1] "+&r" (r1), [r2] "+&r" (r2), [r3] "+&r" (r3),
	      [fold] "=&r" (fold)
	    : [b0] "m" (b[0]), [b1] "m" (b[1]), [b2] "m" (b[2]), [b3] "m" (b[3]),
	      [by] "i" (X25519_FOLD)
	    : "cc");
	r[0] = r0;
	r[1] = r1;
	r[2] = r2;
	r[3] = r3;
}

/* r += high * 2^256, for high below 2^58: what is above 2^255 is added to the rest, 19 times. */
static __always_inline void x25519_fold(u64 *r, u64 r0, u64 r1, u64 r2, u64 r3, u64 high)
{
	asm("shldq $1, %[r3], %[high]\n\t"
	    "imulq $19, %[high], %[high]\n\t"
	    "btrq $63, %[r3]\n\t"
	    "addq %[high], %[r0]\n\t"
	    "adcq $0, %[r1]\n\t"
	    "adcq $0, %[r2]\n\t"
	    "adcq $0, %[r3]"
	    : [r0] "+&r" (r0), [r1] "+&r" (r1), [r2] "+&r" (r2), [r3] "+&r" (r3),
	      [high] "+&r" (high)
	    :
	    : "cc");
	r[0] = r0;
	r[1] = r1;
	r[2] = r2;
	r[3] = r3;
}

/* r = t, of eight limbs. */
static __always_inline void x25519_reduce(u64 *r, const struct tls_limbs *t)
{
	u64 r0 = t->t0, r1 = t->t1, r2 = t->t2, r3 = t->t3;
	u64 low, high;

	asm("movl %[by], %%edx\n\t"
	    "xorl %k[low], %k[low]\n\t"
	    "mulxq %[t4], %[low], %[high]\n\t"
	    "adcxq %[low], %[r0]\n\t"
	    "adoxq %[high], %[r1]\n\t"
	    "mulxq %[t5], %[low], %[high]\n\t"
	    "adcxq %[low], %[r1]\n\t"
	    "adoxq %[high], %[r2]\n\t"
	    "mulxq %[t6], %[low], %[high]\n\t"
	    "adcxq %[low], %[r2]\n\t"
	    "adoxq %[high], %[r3]\n\t"
	    "mulxq %[t7], %[low], %[high]\n\t"
	    "adcxq %[low], %[r3]\n\t"
	    "movl $0, %k[low]\n\t"
	    "adcxq %[low], %[high]\n\t"
	    "adoxq %[low], %[high]"
	    : [r0] "+&r" (r0), [r1] "+&r" (r1), [r2] "+&r" (r2), [r3] "+&r" (r3),
	      [low] "=&r" (low), [high] "=&r" (high)
	    : [t4] "r" (t->t4), [t5] "r" (t->t5), [t6] "r" (t->t6), [t7] "r" (t->t7),
	      [by] "i" (X25519_FOLD)
	    : "rdx", "cc");
	x25519_fold(r, r0, r1, r2, r3, high);
}

/* The same without those instructions. */
void x25519_mul_plain(u64 *r, const u64 *a, const u64 *b);
void x25519_sqr_plain(u64 *r, const u64 *a);

static __always_inline void x25519_mul(u64 *r, const u64 *a, const u64 *b, bool adx)
{
	struct tls_limbs t;

	if (adx) {
		tls_adx_multiply(&t, a, b);
		x25519_reduce(r, &t);
	} else {
		x25519_mul_plain(r, a, b);
	}
}

static __always_inline void x25519_sqr(u64 *r, const u64 *a, bool adx)
{
	struct tls_limbs t;

	if (adx) {
		tls_adx_square(&t, a);
		x25519_reduce(r, &t);
	} else {
		x25519_sqr_plain(r, a);
	}
}

/* r += times * a, for a number of times that is below 2^20. */
static __always_inline void x25519_add_times(u64 *r, const u64 *a, u64 times)
{
	unsigned __int128 sum = (unsigned __int128)a[0] * times + r[0];
	u64 r0 = sum, r1, r2, r3;

	sum = (sum >> 64) + (unsigned __int128)a[1] * times + r[1];
	r1 = sum;
	sum = (sum >> 64) + (unsigned __int128)a[2] * times + r[2];
	r2 = sum;
	sum = (sum >> 64) + (unsigned __int128)a[3] * times + r[3];
	r3 = sum;
	x25519_fold(r, r0, r1, r2, r3, sum >> 64);
}

/* The number below the prime that is the same modulo it. */
void x25519_finish(u64 *r, const u64 *a);
/* 1/a, and 0 for 0. */
void x25519_inverse(u64 *r, const u64 *a);

/* 32 bytes, the least first. */
void x25519_from_bytes(u64 *r, const u8 *bytes);
void x25519_to_bytes(u8 *bytes, const u64 *a);

#endif /* WEIR_TLS_X25519_FIELD_H */

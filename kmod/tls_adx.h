/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Products of numbers of four 64-bit limbs, by instructions that not every x86-64
 * has: BMI2's mulx leaves flags alone, and ADX has two chains of carries, so that
 * all of a product stays in registers. tls_product.h does without.
 */
#ifndef WEIR_TLS_ADX_H
#define WEIR_TLS_ADX_H

#include "tls_types.h"

#if defined(TLS_ADX)

/* A test's program says which. */
static __always_inline bool tls_adx_usable(void)
{
	return TLS_ADX;
}

#elif defined(__KERNEL__)

#include <asm/cpufeature.h>

static __always_inline bool tls_adx_usable(void)
{
	return static_cpu_has(X86_FEATURE_BMI2) && static_cpu_has(X86_FEATURE_ADX);
}

#else

static __always_inline bool tls_adx_usable(void)
{
	return __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("adx");
}

#endif

/* (t4, t3, t2, t1, t0) = the first row of a product. */
#define TLS_ADX_FIRST_ROW				\
	"movq (%[a]), %%rdx\n\t"			\
	"mulxq (%[b]), %[t0], %[t1]\n\t"		\
	"mulxq 8(%[b]), %[low], %[t2]\n\t"		\
	"addq %[low], %[t1]\n\t"			\
	"mulxq 16(%[b]), %[low], %[t3]\n\t"		\
	"adcq %[low], %[t2]\n\t"			\
	"mulxq 24(%[b]), %[low], %[t4]\n\t"		\
	"adcq %[low], %[t3]\n\t"			\
	"adcq $0, %[t4]\n\t"

/* Adds another one, and what its limbs carry to one that is new. */
#define TLS_ADX_ROW(at, t0, t1, t2, t3, t4)		\
	"movq " #at "(%[a]), %%rdx\n\t"			\
	"xorl %k[low], %k[low]\n\t"			\
	"mulxq (%[b]), %[low], %[high]\n\t"		\
	"adcxq %[low], %[" #t0 "]\n\t"			\
	"adoxq %[high], %[" #t1 "]\n\t"			\
	"mulxq 8(%[b]), %[low], %[high]\n\t"		\
	"adcxq %[low], %[" #t1 "]\n\t"			\
	"adoxq %[high], %[" #t2 "]\n\t"			\
	"mulxq 16(%[b]), %[low], %[high]\n\t"		\
	"adcxq %[low], %[" #t2 "]\n\t"			\
	"adoxq %[high], %[" #t3 "]\n\t"			\
	"mulxq 24(%[b]), %[low], %[" #t4 "]\n\t"	\
	"adcxq %[low], %[" #t3 "]\n\t"			\
	"movl $0, %k[low]\n\t"				\
	"adcxq %[low], %[" #t4 "]\n\t"			\
	"adoxq %[low], %[" #t4 "]\n\t"

/* Eight limbs that are to stay in registers. */
struct tls_limbs {
	u64 t0, t1, t2, t3, t4, t5, t6, t7;
};

static __always_inline void tls_adx_multiply(struct tls_limbs *t, const u64 *a, const u64 *b)
{
	u64 low, high;

	__asm__ __volatile__(TLS_ADX_FIRST_ROW
	    TLS_ADX_ROW(8, t1, t2, t3, t4, t5)
	    TLS_ADX_ROW(16, t2, t3, t4, t5, t6)
	    TLS_ADX_ROW(24, t3, t4, t5, t6, t7)
	    : [t0] "=&r" (t->t0), [t1] "=&r" (t->t1), [t2] "=&r" (t->t2), [t3] "=&r" (t->t3),
	      [t4] "=&r" (t->t4), [t5] "=&r" (t->t5), [t6] "=&r" (t->t6), [t7] "=&r" (t->t7),
	      [low] "=&r" (low), [high] "=&r" (high)
	    : [a] "r" (a), [b] "r" (b)
	    : "rdx", "cc", "memory");
}

/* Twice what is there, and the square of the limb in rdx. */
#define TLS_ADX_SQUARE(at, t0, t1)			\
	"movq " #at "(%[a]), %%rdx\n\t"			\
	"mulxq %%rdx, %[low], %[high]\n\t"		\
	"adcxq %[" #t0 "], %[" #t0 "]\n\t"		\
	"adoxq %[low], %[" #t0 "]\n\t"			\
	"adcxq %[" #t1 "], %[" #t1 "]\n\t"		\
	"adoxq %[high], %[" #t1 "]\n\t"

static __always_inline void tls_adx_square(struct tls_limbs *t, const u64 *a)
{
	u64 low, high;

	/* Each product of two different limbs is there twice. */
	__asm__ __volatile__("movq (%[a]), %%rdx\n\t"
	    "mulxq 8(%[a]), %[t1], %[t2]\n\t"
	    "mulxq 16(%[a]), %[low], %[t3]\n\t"
	    "addq %[low], %[t2]\n\t"
	    "mulxq 24(%[a]), %[low], %[t4]\n\t"
	    "adcq %[low], %[t3]\n\t"
	    "adcq $0, %[t4]\n\t"
	    "movq 8(%[a]), %%rdx\n\t"
	    "xorl %k[t7], %k[t7]\n\t"
	    "mulxq 16(%[a]), %[low], %[high]\n\t"
	    "adcxq %[low], %[t3]\n\t"
	    "adoxq %[high], %[t4]\n\t"
	    "mulxq 24(%[a]), %[low], %[t5]\n\t"
	    "adcxq %[low], %[t4]\n\t"
	    "adcxq %[t7], %[t5]\n\t"
	    "adoxq %[t7], %[t5]\n\t"
	    "movq 16(%[a]), %%rdx\n\t"
	    "mulxq 24(%[a]), %[low], %[t6]\n\t"
	    "addq %[low], %[t5]\n\t"
	    "adcq $0, %[t6]\n\t"
	    "xorl %k[t7], %k[t7]\n\t"
	    "movq (%[a]), %%rdx\n\t"
	    "mulxq %%rdx, %[t0], %[high]\n\t"
	    "adcxq %[t1], %[t1]\n\t"
	    "adoxq %[high], %[t1]\n\t"
	    TLS_ADX_SQUARE(8, t2, t3)
	    TLS_ADX_SQUARE(16, t4, t5)
	    TLS_ADX_SQUARE(24, t6, t7)
	    : [t0] "=&r" (t->t0), [t1] "=&r" (t->t1), [t2] "=&r" (t->t2), [t3] "=&r" (t->t3),
	      [t4] "=&r" (t->t4), [t5] "=&r" (t->t5), [t6] "=&r" (t->t6), [t7] "=&r" (t->t7),
	      [low] "=&r" (low), [high] "=&r" (high)
	    : [a] "r" (a)
	    : "rdx", "cc", "memory");
}

#endif /* WEIR_TLS_ADX_H */

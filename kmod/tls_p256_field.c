// SPDX-License-Identifier: GPL-2.0-only
/*
 * Montgomery, "Modular multiplication without trial division" (1985). Since
 * -1/p is 1 modulo 2^64, what a step of the reduction adds is its lowest limb
 * times p, and of that only one limb needs a multiplication.
 */
#include "tls_adx.h"
#include "tls_choose.h"
#include "tls_inverse.h"
#include "tls_p256_field.h"
#include "tls_product.h"

static const u64 prime[P256_LIMBS] = {
	0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001,
};

/* 2^256 mod p. */
const u64 p256_one[P256_LIMBS] = {
	0x0000000000000001, 0xffffffff00000000, 0xffffffffffffffff, 0x00000000fffffffe,
};

/* 2^512 mod p. */
static const u64 to_montgomery[P256_LIMBS] = {
	0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd,
};

/* r = s + high * 2^256, less p if it is not below p; it is below 2p. */
static inline void subtract_once(u64 *r, u64 s0, u64 s1, u64 s2, u64 s3, u64 high)
{
	u64 d0 = s0, d1 = s1, d2 = s2, d3 = s3;

	asm("subq %[p0], %[d0]\n\t"
	    "sbbq %[p1], %[d1]\n\t"
	    "sbbq $0, %[d2]\n\t"
	    "sbbq %[p3], %[d3]\n\t"
	    "sbbq $0, %[high]\n\t"
	    "cmovcq %[s0], %[d0]\n\t"
	    "cmovcq %[s1], %[d1]\n\t"
	    "cmovcq %[s2], %[d2]\n\t"
	    "cmovcq %[s3], %[d3]"
	    : [d0] "+&r" (d0), [d1] "+&r" (d1), [d2] "+&r" (d2), [d3] "+&r" (d3),
	      [high] "+&r" (high)
	    : [s0] "rm" (s0), [s1] "rm" (s1), [s2] "rm" (s2), [s3] "rm" (s3),
	      [p0] "m" (prime[0]), [p1] "m" (prime[1]), [p3] "m" (prime[3])
	    : "cc");
	r[0] = d0;
	r[1] = d1;
	r[2] = d2;
	r[3] = d3;
}

/* s + b, and the carry. */
static inline u64 add_four(u64 *s0, u64 *s1, u64 *s2, u64 *s3, const u64 *b)
{
	u64 high = 0;

	asm("addq %[b0], %[s0]\n\t"
	    "adcq %[b1], %[s1]\n\t"
	    "adcq %[b2], %[s2]\n\t"
	    "adcq %[b3], %[s3]\n\t"
	    "adcq $0, %[high]"
	    : [s0] "+&r" (*s0), [s1] "+&r" (*s1), [s2] "+&r" (*s2), [s3] "+&r" (*s3),
	      [high] "+&r" (high)
	    : [b0] "m" (b[0]), [b1] "m" (b[1]), [b2] "m" (b[2]), [b3] "m" (b[3])
	    : "cc");
	return high;
}

void p256_add(u64 *r, const u64 *a, const u64 *b)
{
	u64 s0 = a[0], s1 = a[1], s2 = a[2], s3 = a[3];
	u64 high = add_four(&s0, &s1, &s2, &s3, b);

	subtract_once(r, s0, s1, s2, s3, high);
}

void p256_sub(u64 *r, const u64 *a, const u64 *b)
{
	u64 d0 = a[0], d1 = a[1], d2 = a[2], d3 = a[3];
	u64 mask, p1, p3;

	asm("subq %[b0], %[d0]\n\t"
	    "sbbq %[b1], %[d1]\n\t"
	    "sbbq %[b2], %[d2]\n\t"
	    "sbbq %[b3], %[d3]\n\t"
	    "sbbq %[mask], %[mask]"
	    : [d0] "+&r" (d0), [d1] "+&r" (d1), [d2] "+&r" (d2), [d3] "+&r" (d3),
	      [mask] "=&r" (mask)
	    : [b0] "m" (b[0]), [b1] "m" (b[1]), [b2] "m" (b[2]), [b3] "m" (b[3])
	    : "cc");
	p1 = mask & prime[1];
	p3 = mask & prime[3];
	asm("addq %[mask], %[d0]\n\t"
	    "adcq %[p1], %[d1]\n\t"
	    "adcq $0, %[d2]\n\t"
	    "adcq %[p3], %[d3]"
	    : [d0] "+&r" (d0), [d1] "+&r" (d1), [d2] "+&r" (d2), [d3] "+&r" (d3)
	    : [mask] "r" (mask), [p1] "r" (p1), [p3] "r" (p3)
	    : "cc");
	r[0] = d0;
	r[1] = d1;
	r[2] = d2;
	r[3] = d3;
}

/* (t3, t2, t1, t0) + t0 * p, divided by 2^64: (t0, t3, t2, t1). */
static inline void reduce_limb(u64 *t0, u64 *t1, u64 *t2, u64 *t3)
{
	u64 lower = *t0 << 32, upper = *t0 >> 32;
	u64 third = *t0;

	asm("subq %[lower], %[third]\n\t"
	    "sbbq %[upper], %[t0]\n\t"
	    "addq %[lower], %[t1]\n\t"
	    "adcq %[upper], %[t2]\n\t"
	    "adcq %[third], %[t3]\n\t"
	    "adcq $0, %[t0]"
	    : [t0] "+&r" (*t0), [t1] "+&r" (*t1), [t2] "+&r" (*t2), [t3] "+&r" (*t3),
	      [third] "+&r" (third)
	    : [lower] "r" (lower), [upper] "r" (upper)
	    : "cc");
}

/* r = t * 2^-256 mod p. */
static inline void reduce(u64 *r, const u64 *t)
{
	u64 t0 = t[0], t1 = t[1], t2 = t[2], t3 = t[3];
	u64 high;

	/* Of the lower half: what that makes is no larger than p. */
	reduce_limb(&t0, &t1, &t2, &t3);
	reduce_limb(&t1, &t2, &t3, &t0);
	reduce_limb(&t2, &t3, &t0, &t1);
	reduce_limb(&t3, &t0, &t1, &t2);
	high = add_four(&t0, &t1, &t2, &t3, t + P256_LIMBS);
	subtract_once(r, t0, t1, t2, t3, high);
}

/* What reduce_limb() does, where a shift by 32 bits and p's highest limb are at hand. */
#define REDUCE_LIMB(t0, t1, t2, t3)			\
	"shlxq %[shift], %[" #t0 "], %[lower]\n\t"	\
	"shrxq %[shift], %[" #t0 "], %[upper]\n\t"	\
	"addq %[lower], %[" #t1 "]\n\t"			\
	"adcq %[upper], %[" #t2 "]\n\t"			\
	"mulxq %[" #t0 "], %[lower], %[" #t0 "]\n\t"	\
	"adcq %[lower], %[" #t3 "]\n\t"			\
	"adcq $0, %[" #t0 "]\n\t"

static __always_inline void reduce_adx(u64 *r, struct tls_limbs *t)
{
	u64 lower, upper;

	asm(REDUCE_LIMB(t0, t1, t2, t3)
	    REDUCE_LIMB(t1, t2, t3, t0)
	    REDUCE_LIMB(t2, t3, t0, t1)
	    REDUCE_LIMB(t3, t0, t1, t2)
	    "xorl %k[upper], %k[upper]\n\t"
	    "addq %[t4], %[t0]\n\t"
	    "adcq %[t5], %[t1]\n\t"
	    "adcq %[t6], %[t2]\n\t"
	    "adcq %[t7], %[t3]\n\t"
	    "adcq $0, %[upper]"
	    : [t0] "+&r" (t->t0), [t1] "+&r" (t->t1), [t2] "+&r" (t->t2), [t3] "+&r" (t->t3),
	      [lower] "=&r" (lower), [upper] "=&r" (upper)
	    : [t4] "r" (t->t4), [t5] "r" (t->t5), [t6] "r" (t->t6), [t7] "r" (t->t7),
	      [shift] "r" (32UL), "d" (prime[3])
	    : "cc");
	subtract_once(r, t->t0, t->t1, t->t2, t->t3, upper);
}

void p256_mul(u64 *r, const u64 *a, const u64 *b)
{
	if (tls_adx_usable()) {
		struct tls_limbs t;

		tls_adx_multiply(&t, a, b);
		reduce_adx(r, &t);
	} else {
		u64 t[2 * P256_LIMBS];

		tls_multiply(t, a, b);
		reduce(r, t);
	}
}

void p256_sqr(u64 *r, const u64 *a)
{
	if (tls_adx_usable()) {
		struct tls_limbs t;

		tls_adx_square(&t, a);
		reduce_adx(r, &t);
	} else {
		u64 t[2 * P256_LIMBS];

		tls_square(t, a);
		reduce(r, t);
	}
}

/* p */
static const struct tls_modulus modulus = {
	.limbs = {
		0x3fffffffffffffff, 0x00000003ffffffff, 0x0000000000000000,
		0x3fffffc000000040, 0x00000000000000ff,
	},
	.inverse = 0x3fffffffffffffff,
	.factor = {
		0x0000000000000003, 0x3fffffeffffffffc, 0x3fffffffffffffef,
		0x0000013fffffff7f, 0x0000000000000000,
	},
};

void p256_inv(u64 *r, const u64 *a)
{
	tls_inverse(r, a, &modulus);
}

bool p256_from_bytes(u64 *r, const u8 *bytes)
{
	u64 less[P256_LIMBS];
	u64 below;

	for (int i = 0; i < P256_LIMBS; i++)
		r[i] = tls_get64(bytes + 8 * (P256_LIMBS - 1 - i));
	below = p256_sub_limbs(less, r, prime);
	p256_mul(r, r, to_montgomery);
	return below;
}

void p256_to_bytes(u8 *bytes, const u64 *a)
{
	u64 t[2 * P256_LIMBS] = {};
	u64 r[P256_LIMBS];

	memcpy(t, a, sizeof(r));
	reduce(r, t);
	for (int i = 0; i < P256_LIMBS; i++)
		tls_put64(bytes + 8 * (P256_LIMBS - 1 - i), r[i]);
	memzero_explicit(t, sizeof(t));
	memzero_explicit(r, sizeof(r));
}

void p256_choose(u64 *r, const u64 *a, u64 mask)
{
	tls_choose(r, a, mask);
}

u64 p256_is_zero(const u64 *a)
{
	return tls_is_zero(a[0] | a[1] | a[2] | a[3]);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Choices between numbers of four 64-bit limbs in constant time: a move on a
 * condition reads its memory whether or not the condition holds.
 */
#ifndef WEIR_TLS_CHOOSE_H
#define WEIR_TLS_CHOOSE_H

#include "tls_types.h"

/* r = a where the mask is all ones. */
static __always_inline void tls_choose(u64 *r, const u64 *a, u64 mask)
{
	u64 r0 = r[0], r1 = r[1], r2 = r[2], r3 = r[3];

	asm("testq %[mask], %[mask]\n\t"
	    "cmovnzq %[a0], %[r0]\n\t"
	    "cmovnzq %[a1], %[r1]\n\t"
	    "cmovnzq %[a2], %[r2]\n\t"
	    "cmovnzq %[a3], %[r3]"
	    : [r0] "+&r" (r0), [r1] "+&r" (r1), [r2] "+&r" (r2), [r3] "+&r" (r3)
	    : [a0] "m" (a[0]), [a1] "m" (a[1]), [a2] "m" (a[2]), [a3] "m" (a[3]),
	      [mask] "r" (mask)
	    : "cc");
	r[0] = r0;
	r[1] = r1;
	r[2] = r2;
	r[3] = r3;
}

/*
 * r = the first four limbs of a row, whose number is from 1 on; else it stays what it was. Rows are
 * `stride` limbs apart.
 */
static __always_inline void tls_look_up(u64 *r, const u64 *table, size_t stride, u64 rows,
					u64 which)
{
	u64 r0 = r[0], r1 = r[1], r2 = r[2], r3 = r[3];

	/* Or else a compiler keeps the addresses of all rows for the next time. */
	table = (const u64 *)tls_hide((u64)table);
	#pragma GCC unroll 16
	for (u64 row = 1; row <= rows; row++, table += stride)
		asm("cmpq %[row], %[which]\n\t"
		    "cmoveq %[a0], %[r0]\n\t"
		    "cmoveq %[a1], %[r1]\n\t"
		    "cmoveq %[a2], %[r2]\n\t"
		    "cmoveq %[a3], %[r3]"
		    : [r0] "+&r" (r0), [r1] "+&r" (r1), [r2] "+&r" (r2), [r3] "+&r" (r3)
		    : [which] "r" (which), [row] "er" (row),
		      [a0] "m" (table[0]), [a1] "m" (table[1]), [a2] "m" (table[2]),
		      [a3] "m" (table[3])
		    : "cc");
	r[0] = r0;
	r[1] = r1;
	r[2] = r2;
	r[3] = r3;
}

#endif /* WEIR_TLS_CHOOSE_H */

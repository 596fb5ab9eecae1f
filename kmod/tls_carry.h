/* SPDX-License-Identifier: GPL-2.0-only */
/* A limb of a sum or a difference, with its carry. */
#ifndef WEIR_TLS_CARRY_H
#define WEIR_TLS_CARRY_H

#include "tls_types.h"

/*
 * a + b + carry, a - b - borrow.  Written so that the compiler makes the machine's
 * add and subtract with carry of it.  A carry or a borrow is 0 or 1, but what is put in
 * may be that of a product.
 */
static inline u64 tls_add_carry(u64 a, u64 b, u64 *carry)
{
	u64 sum;
	bool first = __builtin_add_overflow(a, b, &sum);
	bool second = __builtin_add_overflow(sum, *carry, &sum);

	*carry = first | second;
	return sum;
}

static inline u64 tls_sub_borrow(u64 a, u64 b, u64 *borrow)
{
	u64 difference;
	bool first = __builtin_sub_overflow(a, b, &difference);
	bool second = __builtin_sub_overflow(difference, *borrow, &difference);

	*borrow = first | second;
	return difference;
}

#endif /* WEIR_TLS_CARRY_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Integer types and helpers for the TLS engine, which compiles unchanged in
 * the kernel and in user space (unit tests, fuzzing). Nothing in tls_*.c may
 * use a kernel facility that this file, or tls_crypto.h, does not also give to
 * user space.
 */
#ifndef WEIR_TLS_TYPES_H
#define WEIR_TLS_TYPES_H

#include "http_types.h"

#ifdef __KERNEL__

#include <linux/string.h>

static inline u64 tls_hide(u64 value)
{
	OPTIMIZER_HIDE_VAR(value);
	return value;
}

/* What follows may depend on it: a branch on something that is public by then. */
static inline void tls_declassify(const void *at, size_t len)
{
}

#else

typedef __INT32_TYPE__ s32;
typedef __INT64_TYPE__ s64;

/* The value, of which the compiler knows nothing any more. */
static inline u64 tls_hide(u64 value)
{
	__asm__("" : "=r" (value) : "0" (value));
	return value;
}

static inline void memzero_explicit(void *at, size_t len)
{
	memset(at, 0, len);
	__asm__ __volatile__("" : : "r" (at) : "memory");
}

#ifdef TLS_TAINT
/* tests/tls/taint.c: secrets are undefined memory to valgrind's memcheck. */
void tls_declassify(const void *at, size_t len);
#else
static inline void tls_declassify(const void *at, size_t len)
{
}
#endif

#endif

/* All ones for 1, 0 for 0; the compiler does not see that it is one of the two. */
static inline u64 tls_mask(u64 bit)
{
	return tls_hide(-bit);
}

/* All ones for 0, else 0. In constant time. */
static inline u64 tls_is_zero(u64 value)
{
	return tls_mask(((value | -value) >> 63) ^ 1);
}

static inline u64 tls_get64(const u8 *at)
{
	u64 value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return value;
}

static inline void tls_put64(u8 *at, u64 value)
{
	for (int i = 7; i >= 0; i--) {
		at[i] = (u8)value;
		value >>= 8;
	}
}

#endif /* WEIR_TLS_TYPES_H */

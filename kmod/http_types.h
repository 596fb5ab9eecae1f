/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Integer types and helpers for the HTTP code, which compiles unchanged in the
 * kernel and in user space (unit tests, fuzzing). Nothing in http_*.c may use
 * a kernel facility that this file does not also give to user space.
 */
#ifndef WEIR_HTTP_TYPES_H
#define WEIR_HTTP_TYPES_H

#ifdef __KERNEL__

#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>

#else

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef __UINT8_TYPE__ u8;
typedef __UINT16_TYPE__ u16;
typedef __UINT32_TYPE__ u32;
typedef __UINT64_TYPE__ u64;

#define U16_MAX UINT16_MAX
#define U32_MAX UINT32_MAX
#define S64_MAX INT64_MAX
#define U64_MAX UINT64_MAX

#define BIT(n) (1UL << (n))
#define BIT_ULL(n) (1ULL << (n))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define noinline __attribute((noinline))
#define fallthrough __attribute__((__fallthrough__))
#define min_t(type, a, b) \
	({ \
		type _a = (a); \
		type _b = (b); \
		_a < _b ? _a : _b; \
	})

#endif

/**
 * struct http_text - bytes somewhere
 * @at: where; NULL only where that is said to mean none
 * @len: how many
 */
struct http_text {
	const u8 *at;
	size_t len;
};

#define HTTP_TEXT(literal) { .at = (const u8 *)literal, .len = sizeof(literal) - 1 }

#endif /* WEIR_HTTP_TYPES_H */

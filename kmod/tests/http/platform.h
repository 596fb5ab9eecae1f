/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the cases take from their C library: they also run in the kernel, where
 * kmod/tests/kunit is their harness. Included behind everything else.
 */
#ifndef WEIR_TEST_PLATFORM_H
#define WEIR_TEST_PLATFORM_H

#ifdef __KERNEL__

#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

static inline void *malloc(size_t size)
{
	return kmalloc(size, GFP_KERNEL);
}

static inline void *calloc(size_t count, size_t size)
{
	return kcalloc(count, size, GFP_KERNEL);
}

static inline void free(void *memory)
{
	kfree(memory);
}

/* Ends the case. */
__noreturn void abort(void);

#else

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define __noreturn __attribute__((noreturn))
#define __printf(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

#endif

#endif /* WEIR_TEST_PLATFORM_H */

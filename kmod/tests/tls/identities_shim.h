/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What kmod/identities.c takes of the kernel, for user space: tests/test_identities.py builds
 * it with this in the place of each of the kernel's headers.
 */
#ifndef WEIR_TESTS_TLS_IDENTITIES_SHIM_H
#define WEIR_TESTS_TLS_IDENTITIES_SHIM_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tls_types.h"

#define static_assert _Static_assert
#define GFP_KERNEL 0
#define GFP_KERNEL_ACCOUNT 0
#define container_of(at, type, member) ((type *)((char *)(at) - offsetof(type, member)))
#define max(a, b) ((a) > (b) ? (a) : (b))

static inline void sort(void *base, size_t count, size_t size,
			int (*order)(const void *, const void *), const void *swap)
{
	if (swap)
		abort();
	qsort(base, count, size, order);
}

/* The kernel's may be asked about nothing at all. */
static inline void *shim_bsearch(const void *key, const void *base, size_t count, size_t size,
				 int (*order)(const void *, const void *))
{
	return count ? bsearch(key, base, count, size, order) : NULL;
}

#define bsearch shim_bsearch

#define refcount_t int
#define refcount_set(refs, to) (*(refs) = (to))
#define refcount_inc(refs) ((void)++*(refs))
#define refcount_dec_and_test(refs) (--*(refs) == 0)

/* What was said last. */
struct netlink_ext_ack {
	char text[80];
};

#define NL_SET_ERR_MSG_FMT(extack, ...) \
	((void)snprintf((extack)->text, sizeof((extack)->text), __VA_ARGS__))
#define NL_SET_ERR_MSG(extack, message) NL_SET_ERR_MSG_FMT(extack, "%s", message)

/* So many allocations are made, the next one fails; -1: none fails. */
extern int shim_allocations;
/* Blocks that there are, and those that were freed with a key in them. */
extern int shim_blocks;
extern int shim_leaks;

void *shim_alloc(size_t size);
void shim_free(void *block);

static inline void *kzalloc(size_t size, int flags)
{
	return shim_alloc(size + flags);
}

static inline void *kvmalloc_array(size_t count, size_t size, int flags)
{
	return shim_alloc(count * size + flags);
}

#define kvzalloc kzalloc
#define kvmalloc kzalloc
#define kfree shim_free
#define kvfree shim_free

static inline void kvfree_sensitive(const void *block, size_t size)
{
	explicit_bzero((void *)block, size);
	shim_free((void *)block);
}

static inline u64 ktime_get_real_seconds(void)
{
	return 0;
}

static inline u32 get_unaligned_be16(const u8 *at)
{
	return at[0] << 8 | at[1];
}

static inline u32 get_unaligned_be24(const u8 *at)
{
	return at[0] << 16 | at[1] << 8 | at[2];
}

#endif /* WEIR_TESTS_TLS_IDENTITIES_SHIM_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SHA-256 for the HTTP code: the kernel's own, and in user space, where there are no
 * secrets but a test's, one with the same interface.
 */
#ifndef WEIR_HTTP_HASH_H
#define WEIR_HTTP_HASH_H

#include "http_types.h"

#ifdef __KERNEL__

#include <crypto/sha2.h>
#include <crypto/utils.h>

/* Whether two runs of bytes differ, in a time that does not tell where. */
static inline bool http_differs(const void *a, const void *b, size_t len)
{
	return crypto_memneq(a, b, len);
}

static inline void http_forget(void *secret, size_t len)
{
	memzero_explicit(secret, len);
}

#else

#include "tests/http/sha256.h"

static inline bool http_differs(const void *a, const void *b, size_t len)
{
	return memcmp(a, b, len);
}

static inline void http_forget(void *secret, size_t len)
{
	memset(secret, 0, len);
}

#endif

#endif /* WEIR_HTTP_HASH_H */

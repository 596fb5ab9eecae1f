/* SPDX-License-Identifier: GPL-2.0-only */
/* Sets of bytes, and whether a text has no others. */
#ifndef WEIR_HTTP_BYTES_H
#define WEIR_HTTP_BYTES_H

#include "http_types.h"

enum {
	HTTP_BYTES_WORDS = 4,
};

/**
 * struct http_bytes - a set of bytes
 * @bits: a bit for each
 */
struct http_bytes {
	u64 bits[HTTP_BYTES_WORDS];
};

/**
 * struct http_escape - how far into an escape a text is; zeroed at its beginning
 * @seen: bytes of it, the percent sign included
 * @digit: the first of its digits
 */
struct http_escape {
	u8 seen;
	u8 digit;
};

static inline bool http_bytes_have(const struct http_bytes *set, u8 byte)
{
	return set->bits[byte / 64] >> (byte % 64) & 1;
}

/* Whether there is no byte that @set does not have. */
static inline bool http_bytes_any(const struct http_bytes *set)
{
	return !~(set->bits[0] & set->bits[1] & set->bits[2] & set->bits[3]);
}

static inline void http_bytes_fill(struct http_bytes *set)
{
	memset(set, 0xff, sizeof(*set));
}

/* Whether all bytes of a text are in @set. */
bool http_bytes_hold(const struct http_bytes *set, const u8 *text, size_t len);

/*
 * The same for a text with escapes, which are the byte that they stand for; it
 * may come in pieces.  A percent sign that begins no escape is itself.  What
 * is cut off at the end is looked at by http_bytes_end().
 */
bool http_bytes_hold_decoded(const struct http_bytes *set, struct http_escape *escape,
			     const u8 *text, size_t len);
bool http_bytes_end(const struct http_bytes *set, const struct http_escape *escape);

#endif /* WEIR_HTTP_BYTES_H */

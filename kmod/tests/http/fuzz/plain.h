/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What rules see, read a second time: docs/routing.md written down as plainly
 * as it goes, for comparison with http_match.c and http_parts.c.
 */
#ifndef WEIR_TEST_PLAIN_H
#define WEIR_TEST_PLAIN_H

#include "../../../http_parts.h"

/* Equal, but for the case of ASCII letters. */
bool plain_equal(struct http_text a, struct http_text b);

/* Without blanks at either end. */
struct http_text plain_trimmed(struct http_text text);

/* Whether the text is what a pattern says, each `*` tried at every length. */
bool plain_matches(struct http_text pattern, struct http_text text, bool fold);

/* The normal form of a path, into memory of its length and one; false: it has none. */
bool plain_path(struct http_text path, u8 *out, size_t *len);

/* With escapes decoded, into memory of its length. */
size_t plain_unescape(struct http_text text, u8 *out);

/* The content of the @nth cookie of this name; false: there are fewer. */
bool plain_cookie(struct http_text value, struct http_text name, size_t nth,
		  struct http_text *content);

#endif /* WEIR_TEST_PLAIN_H */

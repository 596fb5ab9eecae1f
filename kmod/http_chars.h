/* SPDX-License-Identifier: GPL-2.0-only */
/* Byte classes and case-insensitive comparison. Private to http_*.c. */
#ifndef WEIR_HTTP_CHARS_H
#define WEIR_HTTP_CHARS_H

#include "http_types.h"

enum {
	HTTP_CHAR_TOKEN	= BIT(0),	/* tchar, RFC 9110 section 5.6.2 */
	HTTP_CHAR_TARGET = BIT(1),	/* visible ASCII without '#' */
	HTTP_CHAR_VALUE	= BIT(2),	/* field-vchar, obs-text, SP, HTAB */
	HTTP_CHAR_HOST	= BIT(3),	/* reg-name without '%', RFC 3986 section 3.2.2 */
	HTTP_CHAR_DIGIT	= BIT(4),
	HTTP_CHAR_HEX	= BIT(5),
};

extern const u8 http_chars[256];

static inline bool http_is(u8 byte, u8 class)
{
	return http_chars[byte] & class;
}

static inline bool http_is_space(u8 byte)
{
	return byte == ' ' || byte == '\t';
}

/* Value of a byte of HTTP_CHAR_HEX. */
static inline u8 http_hex_value(u8 byte)
{
	return byte <= '9' ? byte - '0' : (byte | 0x20) - 'a' + 10;
}

static inline u8 http_lower(u8 byte)
{
	return byte | ((u8)(byte - 'A') < 26 ? 0x20 : 0);
}

static inline u8 http_upper(u8 byte)
{
	return (u8)(byte - 'a') < 26 ? byte - 0x20 : byte;
}

/* The first offset in [from, end) whose byte is not of the class, or end. */
size_t http_skip_token(const u8 *buf, size_t from, size_t end);
size_t http_skip_target(const u8 *buf, size_t from, size_t end);
size_t http_skip_value(const u8 *buf, size_t from, size_t end);

bool http_equal(const u8 *a, size_t a_len, const u8 *b, size_t b_len);

/* Whether a equals a literal in lower case. */
bool http_is_word(const u8 *a, size_t len, const char *lower);

/* Take the next member of a comma-separated list, without white space around it.
 * @at moves on; returns false at the end. A member may be empty.
 */
bool http_list_next(const u8 *buf, size_t *at, size_t end, size_t *member, size_t *len);

#endif /* WEIR_HTTP_CHARS_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Eight bytes at a time, in one register: which of them are not of a class.
 * The first byte is the lowest, on machines of either order. Private to http_*.c.
 */
#ifndef WEIR_HTTP_WORDS_H
#define WEIR_HTTP_WORDS_H

#include "http_chars.h"

enum {
	HTTP_WORD = sizeof(u64),
};

/* A byte repeated, and the top bit of each. */
#define HTTP_EACH(byte) (0x0101010101010101ULL * (byte))
#define HTTP_TOPS HTTP_EACH(0x80)
/* Letters in lower case; of other bytes none becomes a letter or '-' but CR. */
#define HTTP_FOLD HTTP_EACH(0x20)
#define HTTP_FOLD_HALF 0x20202020U

static inline u64 http_load(const u8 *p)
{
	u64 word;

	/* The kernel's own would check at run time what bounds it can see. */
	__builtin_memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

static inline u32 http_load_half(const u8 *p)
{
	u32 half;

	__builtin_memcpy(&half, p, sizeof(half));
	return half;
}

/*
 * Masks of top bits. The lowest bit that is set in the first two is right, those
 * above it may not be; that of the others is right everywhere unless they say more.
 * None misses a byte.
 */
static inline u64 http_below(u64 word, u8 n)
{
	return (word - HTTP_EACH(n)) & ~word & HTTP_TOPS;
}

static inline u64 http_equals(u64 word, u8 byte)
{
	return http_below(word ^ HTTP_EACH(byte), 1);
}

/* Bytes that are neither a letter nor '-'. */
static inline u64 http_no_name(u64 word)
{
	u64 low = (word | HTTP_FOLD) & ~HTTP_TOPS;
	u64 letter = (low + HTTP_EACH(0x80 - 'a')) & ~(low + HTTP_EACH(0x7f - 'z'));
	u64 no_dash = ((word ^ HTTP_EACH('-')) & ~HTTP_TOPS) + ~HTTP_TOPS;

	return ((~letter & no_dash) | word) & HTTP_TOPS;
}

/* Bytes that are no letter, digit, '-' or '.'. */
static inline u64 http_no_host(u64 word)
{
	u64 low = word & ~HTTP_TOPS;
	u64 fold = low | HTTP_FOLD;
	u64 letter = (fold + HTTP_EACH(0x80 - 'a')) & ~(fold + HTTP_EACH(0x7f - 'z'));
	u64 other = (low + HTTP_EACH(0x80 - '-')) & ~(low + HTTP_EACH(0x7f - '9'));
	u64 no_slash = (low ^ HTTP_EACH('/')) + ~HTTP_TOPS;

	return (~(letter | (other & no_slash)) | word) & HTTP_TOPS;
}

/*
 * The control bytes, HTAB among them; with what carries over from one byte to the
 * next a few others may be marked, behind a marked one or 0xff.
 */
static inline u64 http_no_value(u64 word)
{
	return ((word - HTTP_EACH(0x20)) | (word + HTTP_EACH(1))) & ~word & HTTP_TOPS;
}

/* What is not visible ASCII, and '#'. */
static inline u64 http_no_target(u64 word)
{
	return http_below(word, 0x21) | http_equals(word, 0x7f) | http_equals(word, '#') |
	       (word & HTTP_TOPS);
}

/* Which byte the lowest bit of a mask, which is not 0, stands for. */
static inline size_t http_first(u64 mask)
{
	return (unsigned int)__builtin_ctzll(mask) / 8;
}

/*
 * The first offset in [from, end) whose byte is not of the class, or end. What
 * the words do not know (digits in a name, HTAB in a value) is passed one by one.
 */
static __always_inline size_t http_scan(const u8 *buf, size_t from, size_t end, u8 class,
					u64 (*other)(u64 word))
{
	for (;;) {
		while (from + HTTP_WORD <= end) {
			u64 mask = other(http_load(buf + from));

			if (mask) {
				from += http_first(mask);
				break;
			}
			from += HTTP_WORD;
		}
		if (from == end || !http_is(buf[from], class))
			return from;
		from++;
	}
}

/* Whether a field name is a lower-case literal of its length. Only for names made of tchar. */
static inline bool http_is_name(const u8 *name, const char *lower, size_t len)
{
	const u8 *other = (const u8 *)lower;
	size_t at;

	if (len < sizeof(u32)) {
		for (at = 0; at < len; at++)
			if ((name[at] | 0x20) != other[at])
				return false;
		return true;
	}
	if (len < HTTP_WORD) {
		at = len - sizeof(u32);
		return (http_load_half(name) | HTTP_FOLD_HALF) == http_load_half(other) &&
		       (http_load_half(name + at) | HTTP_FOLD_HALF) == http_load_half(other + at);
	}
	for (at = 0; at + HTTP_WORD < len; at += HTTP_WORD)
		if ((http_load(name + at) | HTTP_FOLD) != http_load(other + at))
			return false;
	/* The last eight, which may overlap. */
	at = len - HTTP_WORD;
	return (http_load(name + at) | HTTP_FOLD) == http_load(other + at);
}

#endif /* WEIR_HTTP_WORDS_H */

// SPDX-License-Identifier: GPL-2.0-only
#include "http_chars.h"

#define T HTTP_CHAR_TOKEN
#define U HTTP_CHAR_TARGET
#define V HTTP_CHAR_VALUE
#define H HTTP_CHAR_HOST
#define D HTTP_CHAR_DIGIT
#define X HTTP_CHAR_HEX

const u8 http_chars[256] = {
	['\t'] = V,
	[' '] = V,
	['!'] = T | U | V | H,
	['"'] = U | V,
	['#'] = T | V,
	['$'] = T | U | V | H,
	['%'] = T | U | V,
	['&' ... '\''] = T | U | V | H,
	['(' ... ')'] = U | V | H,
	['*' ... '+'] = T | U | V | H,
	[','] = U | V | H,
	['-' ... '.'] = T | U | V | H,
	['/'] = U | V,
	['0' ... '9'] = T | U | V | H | D | X,
	[':'] = U | V,
	[';'] = U | V | H,
	['<'] = U | V,
	['='] = U | V | H,
	['>' ... '@'] = U | V,
	['A' ... 'F'] = T | U | V | H | X,
	['G' ... 'Z'] = T | U | V | H,
	['[' ... ']'] = U | V,
	['^'] = T | U | V,
	['_'] = T | U | V | H,
	['`'] = T | U | V,
	['a' ... 'f'] = T | U | V | H | X,
	['g' ... 'z'] = T | U | V | H,
	['{'] = U | V,
	['|'] = T | U | V,
	['}'] = U | V,
	['~'] = T | U | V | H,
	[0x80 ... 0xff] = V,
};

#undef T
#undef U
#undef V
#undef H
#undef D
#undef X

/* Eight bytes at a time: a byte repeated, and the top bit of each. */
#define EACH(byte) (0x0101010101010101ULL * (byte))
#define TOPS EACH(0x80)

static inline u64 load_word(const u8 *p)
{
	u64 word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* Not 0 if a byte is below n (at most 0x80). Bits above the first such byte may be wrong. */
static inline u64 any_below(u64 word, u8 n)
{
	return (word - EACH(n)) & ~word & TOPS;
}

static inline u64 any_equal(u64 word, u8 byte)
{
	return any_below(word ^ EACH(byte), 1);
}

static inline size_t skip(const u8 *buf, size_t from, size_t end, u8 class)
{
	while (from < end && http_is(buf[from], class))
		from++;
	return from;
}

size_t http_skip_token(const u8 *buf, size_t from, size_t end)
{
	return skip(buf, from, end, HTTP_CHAR_TOKEN);
}

size_t http_skip_target(const u8 *buf, size_t from, size_t end)
{
	while (end - from >= sizeof(u64)) {
		u64 word = load_word(buf + from);

		if (any_below(word, 0x21) | any_equal(word, 0x7f) | any_equal(word, '#') |
		    (word & TOPS))
			break;
		from += sizeof(u64);
	}
	return skip(buf, from, end, HTTP_CHAR_TARGET);
}

size_t http_skip_value(const u8 *buf, size_t from, size_t end)
{
	while (end - from >= sizeof(u64)) {
		u64 word = load_word(buf + from);

		/* HTAB is below 0x20 too: valid, but rare enough for the loop over bytes. */
		if (any_below(word, 0x20) | any_equal(word, 0x7f))
			break;
		from += sizeof(u64);
	}
	return skip(buf, from, end, HTTP_CHAR_VALUE);
}

bool http_equal(const u8 *a, size_t a_len, const u8 *b, size_t b_len)
{
	size_t i;

	if (a_len != b_len)
		return false;
	for (i = 0; i < a_len; i++)
		if (http_lower(a[i]) != http_lower(b[i]))
			return false;
	return true;
}

bool http_is_word(const u8 *a, size_t len, const char *lower)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!lower[i] || http_lower(a[i]) != (u8)lower[i])
			return false;
	return !lower[i];
}

bool http_list_next(const u8 *buf, size_t *at, size_t end, size_t *member, size_t *len)
{
	size_t from = *at;
	size_t to;

	if (from >= end)
		return false;
	for (to = from; to < end && buf[to] != ','; to++)
		;
	*at = to + 1;
	while (from < to && http_is_space(buf[from]))
		from++;
	while (to > from && http_is_space(buf[to - 1]))
		to--;
	*member = from;
	*len = to - from;
	return true;
}

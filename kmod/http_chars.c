// SPDX-License-Identifier: GPL-2.0-only
#include "http_chars.h"
#include "http_words.h"

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

size_t http_skip_token(const u8 *buf, size_t from, size_t end)
{
	return http_scan(buf, from, end, HTTP_CHAR_TOKEN, http_no_name);
}

size_t http_skip_target(const u8 *buf, size_t from, size_t end)
{
	return http_scan(buf, from, end, HTTP_CHAR_TARGET, http_no_target);
}

size_t http_skip_value(const u8 *buf, size_t from, size_t end)
{
	return http_scan(buf, from, end, HTTP_CHAR_VALUE, http_no_value);
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

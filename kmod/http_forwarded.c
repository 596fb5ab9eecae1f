// SPDX-License-Identifier: GPL-2.0-only
#include "http_chars.h"
#include "http_forwarded.h"

static bool is_separator(u8 byte)
{
	return byte == ',' || byte == ';';
}

static size_t skip_white(const u8 *p, size_t at, size_t len)
{
	while (at < len && http_is_space(p[at]))
		at++;
	return at;
}

/* Where the quoted-string ends that begins at p[at], or 0: nowhere. */
static size_t skip_quoted(const u8 *p, size_t at, size_t len)
{
	for (at++; at < len; at++) {
		if (p[at] == '"')
			return at + 1;
		if (p[at] == '\\')
			at++;
	}
	return 0;
}

/* Where the pair (name "=" value) ends that begins at p[at], or 0: it is none. */
static size_t skip_pair(const u8 *p, size_t at, size_t len)
{
	size_t name_end = http_skip_token(p, at, len);
	size_t value = name_end + 1, end;

	if (name_end == at || value >= len || p[name_end] != '=')
		return 0;
	if (p[value] == '"')
		return skip_quoted(p, value, len);
	end = http_skip_token(p, value, len);
	return end > value ? end : 0;
}

bool http_forwarded_is_valid(const u8 *value, size_t len)
{
	size_t at = 0;

	for (;;) {
		at = skip_white(value, at, len);
		if (at == len)
			return true;
		if (!is_separator(value[at])) {
			at = skip_pair(value, at, len);
			if (!at)
				return false;
			at = skip_white(value, at, len);
			if (at == len)
				return true;
			if (!is_separator(value[at]))
				return false;
		}
		at++;
	}
}

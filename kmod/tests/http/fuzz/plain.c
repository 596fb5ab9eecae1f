// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <ctype.h>
#include <stdlib.h>

#include "plain.h"

static bool same(u8 a, u8 b, bool fold)
{
	return a == b || (fold && a < 0x80 && b < 0x80 && tolower(a) == tolower(b));
}

bool plain_equal(struct http_text a, struct http_text b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (!same(a.at[i], b.at[i], true))
			return false;
	return true;
}

bool plain_matches(struct http_text pattern, struct http_text text, bool fold)
{
	/* Row by row: whether the pattern so far matches the first i bytes. */
	bool *now = calloc(text.len + 1, sizeof(*now));
	bool result;

	if (!now)
		abort();
	now[0] = true;
	for (size_t k = 0; k < pattern.len; k++) {
		bool before = now[0];

		if (pattern.at[k] == '*') {
			for (size_t i = 1; i <= text.len; i++)
				now[i] |= now[i - 1];
			continue;
		}
		now[0] = false;
		for (size_t i = 1; i <= text.len; i++) {
			bool old = now[i];

			now[i] = before && same(pattern.at[k], text.at[i - 1], fold);
			before = old;
		}
	}
	result = now[text.len];
	free(now);
	return result;
}

static bool is_escape(struct http_text text, size_t at)
{
	return text.at[at] == '%' && at + 2 < text.len && isxdigit(text.at[at + 1]) &&
	       isxdigit(text.at[at + 2]);
}

static u8 escaped(struct http_text text, size_t at)
{
	char digits[3] = { (char)text.at[at + 1], (char)text.at[at + 2], 0 };

	return strtoul(digits, NULL, 16);
}

size_t plain_unescape(struct http_text text, u8 *out)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		bool escape = is_escape(text, i);

		out[len++] = escape ? escaped(text, i) : text.at[i];
		i += escape ? 2 : 0;
	}
	return len;
}

/* Where the last segment before the end begins: behind its slash. */
static size_t last_segment(const u8 *out, size_t len)
{
	while (len && out[len - 1] != '/')
		len--;
	return len;
}

static bool put_segment(u8 *out, size_t *len, const u8 *segment, size_t segment_len, bool last,
			bool doubtful)
{
	size_t dots = 0, name = segment_len;
	u8 *parameters = memchr(segment, ';', segment_len);

	if (parameters)
		name = parameters - segment;
	while (dots < name && segment[dots] == '.')
		dots++;
	if (dots && dots == name && dots <= 2) {
		if (parameters || doubtful || (dots == 2 && *len == 1))
			return false;
		if (dots == 2)
			*len = last_segment(out, *len - 1);
		return true;
	}
	memmove(out + *len, segment, segment_len);
	*len += segment_len;
	if (!last && segment_len)
		out[(*len)++] = '/';
	return true;
}

bool plain_path(struct http_text path, u8 *out, size_t *len)
{
	u8 *text = malloc(path.len + 1);
	size_t text_len = plain_unescape(path, text), at = 1;
	bool doubtful = false, clear = true;

	for (size_t i = 0; i < path.len; i++) {
		u8 byte = is_escape(path, i) ? escaped(path, i) : path.at[i];

		if (path.at[i] == '%' && (!is_escape(path, i) || !byte))
			clear = false;
		doubtful |= byte == '\\' || (path.at[i] == '%' && byte == '/');
		i += is_escape(path, i) ? 2 : 0;
	}
	for (size_t i = 0; i < text_len; i++)
		if (text[i] == '\\')
			text[i] = '/';
	doubtful |= !!memmem(text, text_len, "//", 2);
	out[0] = '/';
	*len = 1;
	while (clear && at <= text_len) {
		u8 *slash = memchr(text + at, '/', text_len - at);
		size_t end = slash ? (size_t)(slash - text) : text_len;

		clear = put_segment(out, len, text + at, end - at, !slash, doubtful);
		at = end + 1;
	}
	free(text);
	return clear;
}

struct http_text plain_trimmed(struct http_text text)
{
	while (text.len && isblank(text.at[0])) {
		text.at++;
		text.len--;
	}
	while (text.len && isblank(text.at[text.len - 1]))
		text.len--;
	return text;
}

bool plain_cookie(struct http_text value, struct http_text name, size_t nth,
		  struct http_text *content)
{
	size_t at = 0;

	while (at < value.len) {
		const u8 *pair = value.at + at;
		const u8 *semicolon = memchr(pair, ';', value.len - at);
		size_t len = semicolon ? (size_t)(semicolon - pair) : value.len - at;
		const u8 *equals = memchr(pair, '=', len);
		size_t name_len = equals ? (size_t)(equals - pair) : len;
		struct http_text found = plain_trimmed((struct http_text){ pair, name_len });

		at += len + 1;
		if (found.len != name.len || memcmp(found.at, name.at, name.len) || nth--)
			continue;
		*content = (struct http_text){ pair + len, 0 };
		if (equals)
			*content = (struct http_text){ equals + 1, len - name_len - 1 };
		*content = plain_trimmed(*content);
		return true;
	}
	return false;
}

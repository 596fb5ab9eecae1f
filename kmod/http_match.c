// SPDX-License-Identifier: GPL-2.0-only
#include "http_chars.h"
#include "http_match.h"

static u8 folded(u8 byte, bool fold)
{
	return fold ? http_lower(byte) : byte;
}

/*
 * The table of Knuth, Morris and Pratt for one piece: back[i] is the length of
 * the longest proper beginning of the piece that its first i + 1 bytes end in.
 */
static void fill_back(u8 *back, const u8 *piece, size_t len)
{
	size_t matched = 0;
	size_t i;

	back[0] = 0;
	for (i = 1; i < len; i++) {
		while (matched && piece[matched] != piece[i])
			matched = back[matched - 1];
		if (piece[matched] == piece[i])
			matched++;
		back[i] = matched;
	}
}

static u8 kind_of(const u8 *text, size_t len, size_t stars)
{
	if (!stars)
		return HTTP_PATTERN_EXACT;
	if (len == 1)
		return HTTP_PATTERN_ANY;
	if (stars == 1 && text[len - 1] == '*')
		return HTTP_PATTERN_PREFIX;
	if (stars == 1 && text[0] == '*')
		return HTTP_PATTERN_SUFFIX;
	return HTTP_PATTERN_PIECES;
}

/* Length of the piece at @from: up to a star or the end. */
static size_t piece_len(const u8 *text, size_t from, size_t len)
{
	size_t to = from;

	while (to < len && text[to] != '*')
		to++;
	return to - from;
}

void http_pattern_compile(struct http_pattern *pattern, const u8 *text, size_t len, bool fold,
			  u8 *store)
{
	u8 *back = store + len;
	size_t used = 0, stars = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (text[i] == '*') {
			if (used && store[used - 1] == '*')
				continue;
			stars++;
		}
		store[used++] = folded(text[i], fold);
	}
	pattern->text = store;
	pattern->back = back;
	pattern->len = used;
	pattern->fold = fold;
	pattern->kind = kind_of(store, used, stars);
	if (pattern->kind != HTTP_PATTERN_PIECES)
		return;
	for (i = 0; i < used; i++) {
		size_t piece = piece_len(store, i, used);

		if (piece)
			fill_back(back + i, store + i, piece);
		i += piece;
	}
}

static bool equal(const struct http_pattern *pattern, size_t from, const u8 *text, size_t len)
{
	const u8 *expect = pattern->text + from;
	size_t i;

	if (!pattern->fold)
		return !memcmp(expect, text, len);
	for (i = 0; i < len; i++)
		if (http_lower(text[i]) != expect[i])
			return false;
	return true;
}

/* The offset behind the first occurrence of a piece in [at, end), or 0 if there is none. */
static size_t find(const struct http_pattern *pattern, size_t from, size_t len, const u8 *text,
		   size_t at, size_t end)
{
	const u8 *piece = pattern->text + from;
	const u8 *back = pattern->back + from;
	u8 first = piece[0], other = pattern->fold ? http_upper(first) : first;
	size_t matched = 0;

	for (;;) {
		u8 byte;

		/* Most bytes are not the first one. */
		if (!matched)
			while (at < end && text[at] != first && text[at] != other)
				at++;
		if (end - at < len - matched)
			return 0;
		byte = folded(text[at++], pattern->fold);
		while (matched && piece[matched] != byte)
			matched = back[matched - 1];
		if (piece[matched] == byte && ++matched == len)
			return at;
	}
}

/* The first piece in front, the last at the end, the others in between as early as they go. */
static bool pieces_match(const struct http_pattern *pattern, const u8 *text, size_t len)
{
	size_t from = piece_len(pattern->text, 0, pattern->len);
	size_t at = from, end = len, last = pattern->len;

	while (pattern->text[last - 1] != '*')
		last--;
	if (len < from + (pattern->len - last) || !equal(pattern, 0, text, from))
		return false;
	end -= pattern->len - last;
	if (!equal(pattern, last, text + end, pattern->len - last))
		return false;
	/* At a star. */
	while (++from < last) {
		size_t piece = piece_len(pattern->text, from, last);

		at = find(pattern, from, piece, text, at, end);
		if (!at)
			return false;
		from += piece;
	}
	return true;
}

bool http_pattern_matches(const struct http_pattern *pattern, const u8 *text, size_t len)
{
	size_t fixed = pattern->len - 1;

	switch (pattern->kind) {
	case HTTP_PATTERN_ANY:
		return true;
	case HTTP_PATTERN_EXACT:
		return len == pattern->len && equal(pattern, 0, text, len);
	case HTTP_PATTERN_PREFIX:
		return len >= fixed && equal(pattern, 0, text, fixed);
	case HTTP_PATTERN_SUFFIX:
		return len >= fixed && equal(pattern, 1, text + len - fixed, fixed);
	default:
		return pieces_match(pattern, text, len);
	}
}

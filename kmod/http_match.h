/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Patterns: text in which each `*` stands for any bytes, none included.
 *
 * A pattern is compiled once, in memory of the caller's, and then never
 * changes.  Matching takes time linear in the lengths of pattern and text,
 * whatever they are, and neither recurses nor allocates.
 */
#ifndef WEIR_HTTP_MATCH_H
#define WEIR_HTTP_MATCH_H

#include "http_types.h"

enum {
	/* Bytes of a pattern; its tables have entries of one byte. */
	HTTP_PATTERN_MAX = 255,
};

enum http_pattern_kind {
	HTTP_PATTERN_ANY,	/* * */
	HTTP_PATTERN_EXACT,	/* text */
	HTTP_PATTERN_PREFIX,	/* text* */
	HTTP_PATTERN_SUFFIX,	/* *text */
	HTTP_PATTERN_PIECES,	/* anything else */
};

/**
 * struct http_pattern - a compiled pattern
 * @text: its bytes, in lower case if @fold, runs of `*` as one
 * @back: for each byte of each piece between two `*`, how much of the piece is
 *	matched still when the byte after it does not match
 * @len: bytes of @text
 * @kind: enum http_pattern_kind
 * @fold: the case of ASCII letters does not matter
 */
struct http_pattern {
	const u8 *text;
	const u8 *back;
	u16 len;
	u8 kind;
	bool fold;
};

/**
 * http_pattern_compile - make a pattern ready to match
 * @pattern: to be filled
 * @text: the pattern as written
 * @len: its length, at most HTTP_PATTERN_MAX
 * @fold: the case of ASCII letters does not matter
 * @store: 2 * @len bytes that live as long as the pattern
 */
void http_pattern_compile(struct http_pattern *pattern, const u8 *text, size_t len, bool fold,
			  u8 *store);

/* Whether all of the text is what the pattern says. */
bool http_pattern_matches(const struct http_pattern *pattern, const u8 *text, size_t len);

#endif /* WEIR_HTTP_MATCH_H */

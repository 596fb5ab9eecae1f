/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules as an input of the target `rules` writes them: one a line, of words
 * between spaces, up to an empty line.
 *
 *	CHAIN ACTION CONDITION...
 *
 * CHAIN is `0` to `9`, `:` or `;` (any byte is one of these twelve); requests
 * begin in 0. ACTION is `uX` (upstream X), `r` (redirect), `b` (block), `x`
 * (reset), `d` (drop), `m1f` (set a mark), `j3` (jump to a later chain).
 * CONDITION is a letter and what is compared, behind a `!` if it must not be
 * so, behind a `|` if the one before, of the same letter, will do as well:
 *
 *	hHOST  pPATH  qQUERY  MMETHOD  HNAME:VALUE  CNAME=VALUE
 *	s20010db8/32 (a client's address)  k5/ff (a mark and its mask)
 */
#ifndef WEIR_TEST_WRITTEN_H
#define WEIR_TEST_WRITTEN_H

#include "../../../http_rules.h"

enum {
	WRITTEN_CHAINS = 12,
	WRITTEN_RULES = 48,
	WRITTEN_CONDITIONS = 12,
	/* Rules that a request may be compared with; the module's bound is eight times that. */
	WRITTEN_WORK_MAX = 512,
};

/**
 * struct written_condition - one word
 * @kind: its letter
 * @negate: it had a `!`; an alternative has that of the one before
 * @or_next: the next one is an alternative
 * @name: of a header or a cookie
 * @pattern: as written
 * @address: of a source
 * @prefix: bits of it that count
 * @mark: what the bits of @mask are
 * @mask: of a mark
 */
struct written_condition {
	char kind;
	bool negate;
	bool or_next;
	struct http_text name;
	struct http_text pattern;
	u8 address[HTTP_ADDRESS_LEN];
	unsigned int prefix;
	u32 mark;
	u32 mask;
};

/**
 * struct written_rule - one line
 * @chain: it is in
 * @action: its letter
 * @value: upstream, mark or chain
 * @conditions: all of which hold, alternatives side by side
 * @count: how many
 */
struct written_rule {
	unsigned int chain;
	char action;
	u32 value;
	struct written_condition conditions[WRITTEN_CONDITIONS];
	size_t count;
};

/**
 * struct written_rules - all lines
 * @rules: in their order
 * @count: how many
 * @work: rules that a request may be compared with, by chain
 */
struct written_rules {
	struct written_rule rules[WRITTEN_RULES];
	size_t count;
	u32 work[WRITTEN_CHAINS];
};

/* Read rules off the front of @text; false: there is something that the module would not take. */
bool written_read(struct written_rules *rules, struct http_text *text);

#endif /* WEIR_TEST_WRITTEN_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages fed in every way that bytes may arrive. */
#ifndef WEIR_TEST_FEED_H
#define WEIR_TEST_FEED_H

#include "harness.h"

/**
 * struct head_kind - how to parse
 * @limits: bounds
 * @capacity: of the field table, at most TEST_FIELDS
 * @is_reply: a reply ...
 * @method: ... to this method ...
 * @upgrade: ... that asked for an upgrade
 */
struct head_kind {
	struct http_limits limits;
	u16 capacity;
	bool is_reply;
	enum http_method method;
	bool upgrade;
};

/**
 * check_head - feed a head whole, cut at every byte, and byte by byte
 * @kind: how to parse
 * @in: the message; bytes behind the head are allowed if it is accepted
 * @len: its length
 * @error: the error that every feed must end in, at the same byte; HTTP_OK: accepted
 * @expect: what describe() must say; NULL: not checked
 *
 * Each piece lives in memory of its own of just its size.
 */
void check_head(const struct head_kind *kind, const void *in, size_t len, enum http_error error,
		const char *expect);

/* Parse a message that must be accepted; the fields given must hold TEST_FIELDS. */
void parse_head(struct http_head *head, const struct head_kind *kind, struct http_field *fields,
		const u8 *in, size_t len);

#endif /* WEIR_TEST_FEED_H */

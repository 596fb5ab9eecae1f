/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the checks of one input share. An input is one byte of options, one that
 * seeds the cuts, then the stream.
 */
#ifndef WEIR_TEST_CHECK_H
#define WEIR_TEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "../../../http_body.h"
#include "../../../http_parser.h"
#include "../../../http_write.h"

enum {
	FUZZ_FIELDS = 40,
	FUZZ_INPUT_MAX = 1 << 13,	/* a longer input is not tried */
	OPTION_REPLY = BIT(0),
	OPTION_HEAD = BIT(1),		/* the reply is one to HEAD */
	OPTION_UPGRADE = BIT(2),
	OPTION_LIMITS = BIT(3),
	OPTION_REFRAME = BIT(4),	/* forward with chunks taken off or put on */
	OPTION_CLOSE = BIT(5),
	OPTION_NO_EXPECT = BIT(6),
	OPTION_SMALL = BIT(7),		/* try every buffer size; add only what must be */
};

#define ENSURE(condition, ...) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, __VA_ARGS__); \
			fprintf(stderr, "\n%s:%d\n", __FILE__, __LINE__); \
			abort(); \
		} \
	} while (0)

/* One input, as libFuzzer calls it; aborts if something does not hold. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Decides the pieces to come, and which bounds. */
void fuzz_seed(u8 seed);

/* The length of a next piece, mostly small, at most left; follows from the seed. */
size_t fuzz_piece(size_t left);

/* Memory of its own, of just the size; never NULL. */
void *fuzz_alloc(size_t len);
u8 *fuzz_copy(const u8 *data, size_t len);

/* The bounds that options and seed ask for. */
struct http_limits fuzz_limits(u8 options);

/* An accepted request, checked; @byte: one that its target may not have. */
void fuzz_policy(const struct http_head *head, const u8 *buf, u8 byte);

/* An accepted head, forwarded: read again by the parser and a second reader, forwarded again. */
void fuzz_forwarding(const struct http_head *head, const u8 *buf, u8 options);

/* A head and a body that was not refused, forwarded: where other readers see its end. */
void fuzz_bounds(const struct http_head *head, const u8 *buf, u8 options, const u8 *behind,
		 size_t len);

/* The body behind an accepted head: however it is cut and relayed. Returns its verdict. */
enum http_verdict fuzz_body(const struct http_head *head, u8 options, const u8 *data, size_t len);

/* A reply of Weir's own with this status, 0: any; options and bytes decide the rest of it. */
void fuzz_own(u16 status, u8 options, const u8 *data, size_t len);

#endif /* WEIR_TEST_CHECK_H */

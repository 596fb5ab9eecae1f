/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What holds for every forwarded head: the strict parser reads from it the
 * message that was put in. Shared by the unit tests and the fuzzer.
 */
#ifndef WEIR_TEST_ROUNDTRIP_H
#define WEIR_TEST_ROUNDTRIP_H

#include "../../http_parser.h"
#include "../../http_write.h"

/**
 * struct forwarded - a head as it goes out, and read back
 * @text: the bytes; allocated
 * @len: how many
 * @head: parsed from them
 * @fields: its table; allocated
 */
struct forwarded {
	u8 *text;
	size_t len;
	struct http_head head;
	struct http_field *fields;
};

/*
 * Write a head, into memory of just the size needed, and into every smaller
 * one if all_sizes; parse it again; compare. Returns NULL, or what is wrong.
 * The result must be given to forwarded_free() in either case.
 */
const char *forward_and_check(struct forwarded *result, const struct http_head *head,
			      const u8 *buf, const struct http_forward *how, bool all_sizes);
void forwarded_free(struct forwarded *result);

#endif /* WEIR_TEST_ROUNDTRIP_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Says what the parser makes of request heads: each comes on standard input as
 * four bytes of length, little-endian, and the message; the answer is a line:
 * "more", "error STATUS", or "done LENGTH FRAMING CONTENT-LENGTH KEEPALIVE HOST".
 * tests/test_http_oracle.py compares it with a parser of another kind.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../../http_parser.h"

enum { FIELDS = 64, MESSAGE_MAX = 1 << 16 };

static void answer(const u8 *message, size_t len)
{
	static const char *const framings[] = { "none", "length", "chunked", "close" };
	static const struct http_limits limits;
	struct http_field fields[FIELDS];
	enum http_verdict verdict;
	struct http_head head;

	http_request_init(&head, &limits, fields, FIELDS);
	verdict = http_head_parse(&head, message, len);
	if (verdict == HTTP_MORE)
		printf("more\n");
	else if (verdict == HTTP_ERROR)
		printf("error %u\n", http_status_of(head.error));
	else
		printf("done %u %s %llu %d %.*s\n", head.length, framings[head.framing],
		       (unsigned long long)head.content_length, !!(head.flags & HTTP_KEEPALIVE),
		       head.host.len, (const char *)message + head.host.off);
	fflush(stdout);
}

int main(void)
{
	static u8 message[MESSAGE_MAX];
	u8 size[4];

	while (fread(size, 1, sizeof(size), stdin) == sizeof(size)) {
		size_t len = size[0] | size[1] << 8 | size[2] << 16 | (size_t)size[3] << 24;
		u8 *copy;

		if (len > sizeof(message) || fread(message, 1, len, stdin) != len)
			return 1;
		/* Memory of its own, for the sanitizer. */
		copy = malloc(len ? len : 1);
		if (!copy)
			return 1;
		memcpy(copy, message, len);
		answer(copy, len);
		free(copy);
	}
	return 0;
}

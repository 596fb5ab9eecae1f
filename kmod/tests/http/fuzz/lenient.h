/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Readers as careless as those that request smuggling lives on. What Weir sends
 * must end at the same byte for every one of them.
 */
#ifndef WEIR_TEST_LENIENT_H
#define WEIR_TEST_LENIENT_H

#include "../../../http_parser.h"

/* How a reader errs; any combination. */
enum {
	LENIENT_LF	= BIT(0),	/* LF ends a line without CR */
	LENIENT_CR	= BIT(1),	/* so does CR without LF */
	LENIENT_NUL	= BIT(2),	/* so does NUL */
	LENIENT_FOLD	= BIT(3),	/* a field goes on in a line that begins with white space */
	LENIENT_NAME	= BIT(4),	/* a name without its white space and control bytes */
	LENIENT_LAST	= BIT(5),	/* the last Content-Length counts, not the first */
	LENIENT_LENGTH	= BIT(6),	/* Content-Length wins over Transfer-Encoding */
	LENIENT_CODING	= BIT(7),	/* "chunked" anywhere in Transfer-Encoding */
	LENIENT_SIZE	= BIT(8),	/* a chunk size is what strtoull() takes */
	LENIENT_TRAILER	= BIT(9),	/* framing fields in trailers count: an error here */
	LENIENT_ALL	= BIT(10) - 1,
};

/**
 * lenient_end - where such a reader sees the message end
 * @in: a message, and what may follow it
 * @len: bytes
 * @how: LENIENT_*
 * @is_reply: what it is
 * @method: of the request
 *
 * Returns the number of bytes, or SIZE_MAX if the end has not come.
 */
size_t lenient_end(const u8 *in, size_t len, unsigned int how, bool is_reply,
		   enum http_method method);

#endif /* WEIR_TEST_LENIENT_H */

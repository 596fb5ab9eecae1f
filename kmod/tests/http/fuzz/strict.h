/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second reader of HTTP/1.x, for comparison: written from RFC 9110, RFC 9112
 * and docs/http-strictness.md, line by line over whole messages, slow and
 * plain, sharing no code with http_*.c but the types of the answer.
 */
#ifndef WEIR_TEST_STRICT_H
#define WEIR_TEST_STRICT_H

#include "../../../http_parser.h"

enum strict_result {
	STRICT_INCOMPLETE,	/* the end is not there yet */
	STRICT_REFUSED,
	STRICT_ACCEPTED,
};

/**
 * struct strict_text - some bytes
 * @at: the first
 * @len: how many
 */
struct strict_text {
	const u8 *at;
	size_t len;
};

/**
 * struct strict_head - what a head means
 * @length: its bytes
 * @lines: field lines
 * @framing: of the body
 * @has_length: Content-Length was there ...
 * @content_length: ... and this is it
 * @keepalive: the connection may be used again
 * @upgrade: WebSocket asked for, or granted
 * @expects: the body waits for 100
 * @minor: HTTP/1.@minor
 * @status: of a reply
 * @host: whom a request is for
 * @connection: values of the Connection fields, joined by commas
 * @connection_len: its length
 */
struct strict_head {
	size_t length;
	size_t lines;
	enum http_framing framing;
	bool has_length;
	u64 content_length;
	bool keepalive;
	bool upgrade;
	bool expects;
	unsigned int minor;
	unsigned int status;
	struct strict_text host;
	u8 connection[HTTP_HEAD_MAX];
	size_t connection_len;
};

/**
 * struct strict_body - what a body means
 * @length: its bytes, framing included
 * @payload: those that are not framing; points to memory of HTTP_HEAD_MAX bytes
 * @payload_len: how many
 */
struct strict_body {
	size_t length;
	u8 *payload;
	size_t payload_len;
};

/* header_count must be the number of fields that the parser has room for, or less. */
enum strict_result strict_request(struct strict_head *head, const u8 *in, size_t len,
				  const struct http_limits *limits);
enum strict_result strict_reply(struct strict_head *head, const u8 *in, size_t len,
				const struct http_limits *limits, enum http_method method,
				bool upgrade);

/* The body behind a head; body_length of 0 is no bound. */
enum strict_result strict_body(struct strict_body *body, enum http_framing framing, u64 length,
			       const u8 *in, size_t len, const struct http_limits *limits);

/* Whether a comma-separated list has this member, in any case of letters. */
bool strict_list_has(const u8 *list, size_t len, const u8 *word, size_t word_len);

#endif /* WEIR_TEST_STRICT_H */

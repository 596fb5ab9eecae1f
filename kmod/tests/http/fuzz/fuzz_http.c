// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer harness of the HTTP code: a head, what forwarding makes of it, and
 * the body behind it. Checked for every input, beside the sanitizers:
 *
 *  - how the bytes are cut never changes the result;
 *  - an accepted head has no bare CR or LF, no NUL, no fold, and its spans lie in it;
 *  - a forwarded head is read back as the same message (roundtrip.h);
 *  - a body's payload is the same, whole or in pieces.
 *
 * Input: one byte of options, one that seeds the cuts, then the stream.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../../http_body.h"
#include "../../../http_parser.h"
#include "../roundtrip.h"
#include "fuzz.h"

enum {
	FIELDS = 40,
	OPTION_REPLY = BIT(0),
	OPTION_HEAD = BIT(1),		/* the reply is one to HEAD */
	OPTION_UPGRADE = BIT(2),
	OPTION_LIMITS = BIT(3),
	OPTION_REFRAME = BIT(4),	/* forward with chunks taken off or put on */
	OPTION_CLOSE = BIT(5),
	OPTION_NO_EXPECT = BIT(6),
	OPTION_SMALL = BIT(7),		/* try every buffer size */
};

#define ENSURE(condition, ...) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, __VA_ARGS__); \
			fprintf(stderr, "\n%s:%d\n", __FILE__, __LINE__); \
			abort(); \
		} \
	} while (0)

/**
 * struct outcome - of a body
 * @verdict: the last one
 * @error: if it was HTTP_ERROR
 * @consumed: bytes
 * @payload: bytes
 * @hash: of the payload
 */
struct outcome {
	enum http_verdict verdict;
	enum http_error error;
	size_t consumed;
	u64 payload;
	u64 hash;
};

static u32 random_state;

/* A small piece length, now and then a large one. */
static size_t piece(size_t left)
{
	size_t len;

	random_state = random_state * 1664525 + 1013904223;
	len = random_state >> 28 ? (random_state >> 24 & 7) + 1 : (random_state >> 20 & 0xff) + 1;
	return len < left ? len : left;
}

static u8 *exact_copy(const u8 *data, size_t len)
{
	u8 *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	if (len)
		memcpy(copy, data, len);
	return copy;
}

static void init(struct http_head *head, u8 options, struct http_field *fields)
{
	struct http_limits limits = { 0 };

	if (options & OPTION_LIMITS)
		limits = (struct http_limits){ .header_total = 256, .header_count = 6,
					       .uri_length = 32, .body_length = 64 };
	if (options & OPTION_REPLY)
		http_reply_init(head, &limits, fields, FIELDS,
				options & OPTION_HEAD ? HTTP_METHOD_HEAD : HTTP_METHOD_GET,
				options & OPTION_UPGRADE);
	else
		http_request_init(head, &limits, fields, FIELDS);
}

static void check_span(const struct http_head *head, struct http_span span)
{
	ENSURE(span.off + span.len <= head->length, "span outside the head");
}

static void check_accepted(const struct http_head *head, const u8 *buf)
{
	size_t lines = 0;

	for (u16 i = 0; i < head->length; i++) {
		ENSURE(buf[i], "NUL accepted");
		if (buf[i] == '\n') {
			ENSURE(i && buf[i - 1] == '\r', "bare LF accepted");
			lines++;
			ENSURE(i + 1 == head->length || (buf[i + 1] != ' ' && buf[i + 1] != '\t'),
			       "fold accepted");
		}
		if (buf[i] == '\r')
			ENSURE(i + 1 < head->length && buf[i + 1] == '\n', "bare CR accepted");
	}
	ENSURE(lines >= head->n_fields + 2u && lines <= head->n_fields + 2u + 2u,
	       "%zu lines, %u fields", lines, head->n_fields);
	check_span(head, head->target);
	check_span(head, head->path);
	check_span(head, head->host);
	check_span(head, head->reason);
	for (u16 i = 0; i < head->n_fields; i++) {
		check_span(head, head->fields[i].name);
		check_span(head, head->fields[i].value);
		ENSURE(head->fields[i].name.len, "empty name");
		ENSURE(buf[head->fields[i].name.off + head->fields[i].name.len] == ':', "no colon");
	}
	ENSURE(!(head->flags & HTTP_HAS_LENGTH && head->flags & HTTP_HAS_CODING), "CL and TE");
	ENSURE(head->minor || !(head->flags & HTTP_HAS_CODING), "TE in 1.0");
}

/* Parse in pieces: must end as the whole did. */
static void check_cuts(const struct http_head *whole, enum http_verdict verdict, u8 options,
		       const u8 *data, size_t len)
{
	struct http_field fields[FIELDS];
	struct http_head head;
	enum http_verdict got = HTTP_MORE;
	size_t given = 0;

	init(&head, options, fields);
	while (got == HTTP_MORE && given < len) {
		u8 *copy;

		given += piece(len - given);
		copy = exact_copy(data, given);
		got = http_head_parse(&head, copy, given);
		free(copy);
	}
	ENSURE(got == verdict, "verdict %d in pieces, %d whole", got, verdict);
	ENSURE(head.error == whole->error, "error %u in pieces, %u whole", head.error,
	       whole->error);
	if (verdict != HTTP_DONE)
		return;
	ENSURE(head.length == whole->length && head.n_fields == whole->n_fields &&
	       head.flags == whole->flags && head.framing == whole->framing &&
	       head.content_length == whole->content_length && head.method == whole->method &&
	       head.status == whole->status && head.minor == whole->minor &&
	       !memcmp(&head.host, &whole->host, sizeof(head.host)) &&
	       !memcmp(&head.path, &whole->path, sizeof(head.path)) &&
	       !memcmp(head.fields, whole->fields, head.n_fields * sizeof(*fields)),
	       "another head in pieces");
}

static void check_forwarding(const struct http_head *head, const u8 *buf, u8 options)
{
	struct http_forward how = { .via = "weir", .proto = "http", .client = "2001:db8::1",
				    .host = "origin", .framing = head->framing };
	struct forwarded result;
	const char *wrong;

	if (options & OPTION_UPGRADE)
		how.flags |= HTTP_WRITE_UPGRADE;
	if (options & OPTION_CLOSE)
		how.flags |= HTTP_WRITE_CLOSE;
	if (options & OPTION_NO_EXPECT)
		how.flags |= HTTP_WRITE_NO_EXPECT;
	if (options & OPTION_REFRAME && head->framing == HTTP_FRAMING_CHUNKED)
		how.framing = HTTP_FRAMING_CLOSE;
	else if (options & OPTION_REFRAME && head->framing == HTTP_FRAMING_CLOSE)
		how.framing = HTTP_FRAMING_CHUNKED;
	wrong = forward_and_check(&result, head, buf, &how,
				  options & OPTION_SMALL && head->length < 512);
	ENSURE(!wrong, "%s\n%.*s", wrong, (int)result.len, result.text);
	forwarded_free(&result);
}

static void feed(struct http_body *body, struct outcome *outcome, const u8 *data, size_t len)
{
	u8 *copy = exact_copy(data, len);
	size_t at = 0;

	while (at < len && outcome->verdict == HTTP_MORE) {
		struct http_run run;

		outcome->verdict = http_body_parse(body, copy + at, len - at, &run);
		ENSURE(run.framing <= len - at && run.payload <= len - at - run.framing,
		       "run beyond the data");
		ENSURE(outcome->verdict != HTTP_MORE || run.framing + run.payload, "no progress");
		at += run.framing;
		for (size_t i = 0; i < run.payload; i++)
			outcome->hash = (outcome->hash ^ copy[at + i]) * 0x100000001b3ULL;
		at += run.payload;
		outcome->payload += run.payload;
		outcome->consumed += run.framing + run.payload;
	}
	outcome->error = body->error;
	free(copy);
}

static void check_body(const struct http_head *head, const u8 *data, size_t len)
{
	struct http_limits limits = { .header_total = 128, .header_count = 4, .body_length = 4096 };
	struct outcome whole = { 0 }, cut = { 0 };
	struct http_body body, cut_body;

	whole.verdict = http_body_init(&body, head, &limits);
	cut.verdict = http_body_init(&cut_body, head, &limits);
	feed(&body, &whole, data, len);
	for (size_t at = 0, n; at < len; at += n) {
		n = piece(len - at);
		feed(&cut_body, &cut, data + at, n);
	}
	ENSURE(!memcmp(&whole, &cut, sizeof(whole)), "body: another outcome in pieces");
	ENSURE(body.payload == whole.payload, "payload miscounted");
	if (head->framing == HTTP_FRAMING_NONE)
		ENSURE(!whole.consumed, "bytes of the next message taken");
	if (head->framing == HTTP_FRAMING_LENGTH && whole.verdict == HTTP_DONE)
		ENSURE(whole.consumed == head->content_length, "length not kept");
	if (whole.verdict == HTTP_MORE)
		ENSURE(whole.consumed == len, "bytes left over");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct http_field fields[FIELDS] = { 0 };
	enum http_verdict verdict;
	struct http_head head;
	u8 options;
	u8 *copy;

	if (size < 2)
		return 0;
	options = data[0];
	random_state = data[1];
	data += 2;
	size -= 2;
	copy = exact_copy(data, size);
	init(&head, options, fields);
	verdict = http_head_parse(&head, copy, size);
	if (verdict == HTTP_DONE) {
		check_accepted(&head, copy);
		check_forwarding(&head, copy, options);
		check_body(&head, copy + head.length, size - head.length);
	}
	check_cuts(&head, verdict, options, copy, size);
	free(copy);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer harness of the HTTP code: a head, what forwarding makes of it, and
 * the body behind it. Checked for every input, beside the sanitizers:
 *
 *  - how the bytes are cut never changes the result, and a verdict stands;
 *  - an accepted head has no bare CR or LF, no NUL, no fold, and its spans lie in it;
 *  - a second reader (strict.h) accepts the same heads and means the same by them;
 *  - forwarding (check_forward.c), the body (check_body.c), Weir's own replies (check_own.c).
 */
#include <strings.h>

#include "check.h"
#include "strict.h"

static void init(struct http_head *head, u8 options, struct http_field *fields)
{
	struct http_limits limits = fuzz_limits(options);

	if (options & OPTION_REPLY)
		http_reply_init(head, &limits, fields, FUZZ_FIELDS,
				options & OPTION_HEAD ? HTTP_METHOD_HEAD : HTTP_METHOD_GET,
				options & OPTION_UPGRADE);
	else
		http_request_init(head, &limits, fields, FUZZ_FIELDS);
}

static void check_span(const struct http_head *head, struct http_span span)
{
	ENSURE(span.off + span.len <= head->length, "span outside the head");
}

static void check_bytes(const struct http_head *head, const u8 *buf)
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
}

static void check_spans(const struct http_head *head, const u8 *buf)
{
	check_span(head, head->target);
	check_span(head, head->path);
	check_span(head, head->host);
	check_span(head, head->reason);
	for (u16 i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];

		check_span(head, field->name);
		check_span(head, field->value);
		ENSURE(field->name.len, "empty name");
		ENSURE(buf[field->name.off + field->name.len] == ':', "no colon");
		ENSURE(field->id == http_field_id(buf + field->name.off, field->name.len),
		       "field id");
		ENSURE(http_head_find(head, field->id) <= field, "the first field is not found");
	}
	ENSURE(!http_head_find(head, HTTP_FIELD_COUNT), "a field that is not there is found");
}

/* Named by Connection, and without a meaning that is known. */
static bool is_nominated(const struct http_field *field, const u8 *buf,
			 const struct strict_head *strict)
{
	static const char close[] = "close";
	const u8 *name = buf + field->name.off;
	size_t len = field->name.len;

	if (field->id != HTTP_FIELD_OTHER)
		return false;
	if (len == strlen(close) && !strncasecmp((const char *)name, close, len))
		return false;
	return strict_list_has(strict->connection, strict->connection_len, name, len);
}

static void check_same_meaning(const struct http_head *head, const u8 *buf,
			       const struct strict_head *strict)
{
	u16 both = HTTP_HAS_LENGTH | HTTP_HAS_CODING;

	ENSURE(head->length == strict->length, "ends at %u, for the second reader at %zu",
	       head->length, strict->length);
	ENSURE(head->n_fields == strict->lines, "%u fields, %zu", head->n_fields, strict->lines);
	ENSURE(head->framing == strict->framing, "framing %u, %u", head->framing,
	       strict->framing);
	ENSURE(!!(head->flags & HTTP_HAS_LENGTH) == strict->has_length, "Content-Length");
	ENSURE(!strict->has_length || head->content_length == strict->content_length, "length");
	ENSURE((head->flags & both) != both, "CL and TE");
	ENSURE(head->minor == strict->minor && head->status == strict->status, "start line");
	ENSURE(!!(head->flags & HTTP_KEEPALIVE) == strict->keepalive, "keep-alive");
	ENSURE(!!(head->flags & HTTP_UPGRADE) == strict->upgrade, "upgrade");
	ENSURE(!!(head->flags & HTTP_EXPECT_CONTINUE) == strict->expects, "expect");
	ENSURE(head->host.len == strict->host.len &&
	       (!head->host.len ||
		!memcmp(buf + head->host.off, strict->host.at, strict->host.len)), "host");
	for (u16 i = 0; i < head->n_fields; i++)
		ENSURE(!!(head->fields[i].flags & HTTP_FIELD_NOMINATED) ==
		       is_nominated(&head->fields[i], buf, strict), "nominated");
}

/* The second reader needs all of a head; the parser may refuse it before. */
static void check_reading(const struct http_head *head, enum http_verdict verdict, u8 options,
			  const u8 *data, size_t len)
{
	struct http_limits limits = fuzz_limits(options);
	static struct strict_head strict;
	enum strict_result result;

	limits.header_total = min_t(u32, limits.header_total, HTTP_HEAD_MAX);
	limits.header_count = min_t(u32, limits.header_count, FUZZ_FIELDS);
	if (options & OPTION_REPLY)
		result = strict_reply(&strict, data, len, &limits, head->method,
				      options & OPTION_UPGRADE);
	else
		result = strict_request(&strict, data, len, &limits);
	switch (verdict) {
	case HTTP_DONE:
		ENSURE(result == STRICT_ACCEPTED, "accepted, the second reader says %d", result);
		check_same_meaning(head, data, &strict);
		break;
	case HTTP_MORE:
		ENSURE(result == STRICT_INCOMPLETE, "more, the second reader says %d", result);
		break;
	case HTTP_ERROR:
		ENSURE(result != STRICT_ACCEPTED, "refused (%s), the second reader accepts",
		       http_text_of(head->error));
		ENSURE(http_status_of(head->error) >= 400 && *http_text_of(head->error),
		       "no status or no words for the error");
		break;
	}
}

/* Parse in pieces: must end as the whole did. */
static void check_cuts(const struct http_head *whole, enum http_verdict verdict, u8 options,
		       const u8 *data, size_t len)
{
	struct http_field fields[FUZZ_FIELDS];
	struct http_head head;
	enum http_verdict got = HTTP_MORE;
	size_t given = 0;

	init(&head, options, fields);
	while (got == HTTP_MORE && given < len) {
		struct http_head before;
		u8 *copy;

		given += fuzz_piece(len - given);
		copy = fuzz_copy(data, given);
		got = http_head_parse(&head, copy, given);
		before = head;
		ENSURE(http_head_parse(&head, copy, given) == got &&
		       !memcmp(&before, &head, sizeof(head)), "changed by no new bytes");
		free(copy);
	}
	ENSURE(got == verdict, "verdict %d in pieces, %d whole", got, verdict);
	ENSURE(head.error == whole->error, "error %u in pieces, %u whole", head.error,
	       whole->error);
	ENSURE(http_head_started(&head) == http_head_started(whole), "started");
	if (verdict != HTTP_DONE)
		return;
	ENSURE(head.length == whole->length && head.n_fields == whole->n_fields &&
	       head.flags == whole->flags && head.framing == whole->framing &&
	       head.content_length == whole->content_length && head.method == whole->method &&
	       head.status == whole->status && head.minor == whole->minor &&
	       head.target_form == whole->target_form &&
	       head.max_forwards == whole->max_forwards &&
	       !memcmp(&head.host, &whole->host, sizeof(head.host)) &&
	       !memcmp(&head.path, &whole->path, sizeof(head.path)) &&
	       !memcmp(&head.reason, &whole->reason, sizeof(head.reason)) &&
	       !memcmp(&head.method_text, &whole->method_text, sizeof(head.method_text)) &&
	       !memcmp(head.fields, whole->fields, head.n_fields * sizeof(*fields)),
	       "another head in pieces");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct http_field fields[FUZZ_FIELDS] = { 0 };
	enum http_verdict verdict;
	struct http_head head;
	u8 options;
	u8 *copy;

	if (size < 2 || size > FUZZ_INPUT_MAX)
		return 0;
	options = data[0];
	fuzz_seed(data[1]);
	data += 2;
	size -= 2;
	copy = fuzz_copy(data, size);
	init(&head, options, fields);
	verdict = http_head_parse(&head, copy, size);
	check_cuts(&head, verdict, options, copy, size);
	check_reading(&head, verdict, options, copy, size);
	if (verdict == HTTP_DONE) {
		const u8 *behind = copy + head.length;

		check_bytes(&head, copy);
		check_spans(&head, copy);
		if (!head.is_reply)
			fuzz_policy(&head, copy, data[head.length / 2]);
		fuzz_forwarding(&head, copy, options);
		if (fuzz_body(&head, options, behind, size - head.length) != HTTP_ERROR)
			fuzz_bounds(&head, copy, options, behind, size - head.length);
	}
	fuzz_own(verdict == HTTP_ERROR ? http_status_of(head.error) : head.status, options, copy,
		 size);
	free(copy);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "feed.h"

/**
 * struct outcome - what one way of feeding ended in
 * @verdict: the last one
 * @error: if it was HTTP_ERROR
 * @seen: bytes that had been given when the verdict came
 * @text: describe_all()
 */
struct outcome {
	enum http_verdict verdict;
	enum http_error error;
	size_t seen;
	char text[TEST_TEXT];
};

static void init(struct http_head *head, const struct head_kind *kind, struct http_field *fields)
{
	u16 capacity = kind->capacity ? kind->capacity : TEST_FIELDS;

	memset(head, 0xa5, sizeof(*head));
	if (kind->is_reply)
		http_reply_init(head, &kind->limits, fields, capacity, kind->method, kind->upgrade);
	else
		http_request_init(head, &kind->limits, fields, capacity);
}

/* Give the first to bytes, in a buffer of its own. */
static bool give(struct http_head *head, const u8 *in, size_t to, struct outcome *outcome)
{
	u8 *copy = exact_copy(in, to);

	outcome->seen = to;
	outcome->verdict = http_head_parse(head, copy, to);
	outcome->error = head->error;
	if (outcome->verdict == HTTP_DONE)
		describe_all(outcome->text, head, copy);
	free(copy);
	return outcome->verdict == HTTP_MORE;
}

static void start(struct http_head *head, const struct head_kind *kind, struct http_field **fields,
		  struct outcome *outcome)
{
	u16 capacity = kind->capacity ? kind->capacity : TEST_FIELDS;

	*fields = calloc(capacity, sizeof(**fields));
	if (!*fields)
		abort();
	init(head, kind, *fields);
	outcome->verdict = HTTP_MORE;
	outcome->error = HTTP_OK;
	outcome->seen = 0;
	outcome->text[0] = '\0';
}

void check_head(const struct head_kind *kind, const void *in, size_t len, enum http_error error,
		const char *expect)
{
	static struct outcome whole, bytes, cut;
	static char text[TEST_TEXT];
	enum http_verdict verdict = error ? HTTP_ERROR : HTTP_DONE;
	struct http_field *fields;
	struct http_head head;

	start(&head, kind, &fields, &whole);
	give(&head, in, len, &whole);
	if (whole.verdict == HTTP_DONE && expect) {
		describe(text, &head, in);
		CHECK(!strcmp(text, expect), "expected\n#   %s\n# got\n#   %s", expect, text);
	}
	/* The verdict stands, whatever comes next. */
	CHECK(http_head_parse(&head, in, len) == whole.verdict, "second call changed the verdict");
	CHECK(head.error == whole.error, "second call changed the error");
	free(fields);
	CHECK(whole.verdict == verdict, "verdict %d, expected %d (%s)", whole.verdict, verdict,
	      http_text_of(whole.error));
	CHECK(whole.error == error, "refused as \"%s\", expected \"%s\"",
	      http_text_of(whole.error), http_text_of(error));

	start(&head, kind, &fields, &bytes);
	for (size_t to = 0; to <= len && give(&head, in, to, &bytes); to++)
		;
	free(fields);
	CHECK(bytes.verdict == verdict && bytes.error == error && !strcmp(bytes.text, whole.text),
	      "byte by byte: %d \"%s\"\n#   %s", bytes.verdict, http_text_of(bytes.error),
	      bytes.text);

	for (size_t at = 0; at <= len; at++) {
		start(&head, kind, &fields, &cut);
		/* Refused or done before the cut: it must be where it was byte by byte. */
		if (give(&head, in, at, &cut))
			CHECK(at < bytes.seen, "not decided at byte %zu", bytes.seen);
		else
			CHECK(at >= bytes.seen, "decided before byte %zu, at a cut at %zu",
			      bytes.seen, at);
		if (cut.verdict == HTTP_MORE)
			give(&head, in, len, &cut);
		free(fields);
		CHECK(cut.verdict == verdict && cut.error == error &&
		      !strcmp(cut.text, whole.text),
		      "cut at %zu: %d \"%s\"\n#   %s", at, cut.verdict, http_text_of(cut.error),
		      cut.text);
	}
}

void parse_head(struct http_head *head, const struct head_kind *kind, struct http_field *fields,
		const u8 *in, size_t len)
{
	enum http_verdict verdict;

	init(head, kind, fields);
	verdict = http_head_parse(head, in, len);
	CHECK(verdict == HTTP_DONE, "verdict %d (%s) for\n%.*s", verdict,
	      http_text_of(head->error), (int)len, (const char *)in);
}

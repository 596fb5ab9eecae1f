// SPDX-License-Identifier: GPL-2.0-only
/*
 * The body behind a head. Whole, in pieces, and with payload skipped unseen:
 * the same end, the same payload. A second reader finds them, too; and payload
 * that is put into chunks anew is read back.
 */
#include "check.h"
#include "strict.h"

/**
 * struct outcome - of a body
 * @verdict: the last one
 * @error: if it was HTTP_ERROR
 * @consumed: bytes
 * @payload: those that are not framing
 * @len: how many
 */
struct outcome {
	enum http_verdict verdict;
	enum http_error error;
	size_t consumed;
	u8 payload[FUZZ_INPUT_MAX];
	size_t len;
};

static void take(struct outcome *outcome, const u8 *data, size_t len)
{
	memcpy(outcome->payload + outcome->len, data, len);
	outcome->len += len;
	outcome->consumed += len;
}

static void feed(struct http_body *body, struct outcome *outcome, const u8 *data, size_t len)
{
	u8 *copy = fuzz_copy(data, len);
	size_t at = 0;

	while (at < len && outcome->verdict == HTTP_MORE) {
		struct http_run run;

		outcome->verdict = http_body_parse(body, copy + at, len - at, &run);
		ENSURE(run.framing <= len - at && run.payload <= len - at - run.framing,
		       "run beyond the data");
		ENSURE(outcome->verdict != HTTP_MORE || run.framing + run.payload, "no progress");
		outcome->consumed += run.framing;
		take(outcome, copy + at + run.framing, run.payload);
		at += run.framing + run.payload;
	}
	outcome->error = body->error;
	free(copy);
}

/* As a relay does that splices what it need not look at. */
static size_t skip(struct http_body *body, struct outcome *outcome, const u8 *data, size_t len)
{
	size_t skipped;

	if (outcome->verdict != HTTP_MORE)
		return 0;
	skipped = http_body_skip(body, len);
	ENSURE(skipped <= len, "more skipped than there is");
	take(outcome, data, skipped);
	if (http_body_done(body))
		outcome->verdict = HTTP_DONE;
	return skipped;
}

static void check_end(struct http_body *body, enum http_framing framing,
		      const struct outcome *outcome, const u8 *rest, size_t len)
{
	struct http_run run;
	bool may_end = outcome->verdict == HTTP_DONE || framing == HTTP_FRAMING_CLOSE;

	ENSURE(http_body_done(body) == (outcome->verdict == HTTP_DONE), "done");
	if (outcome->verdict != HTTP_MORE) {
		ENSURE(http_body_parse(body, rest, len, &run) == outcome->verdict,
		       "the verdict does not stand");
		ENSURE(!run.framing && !run.payload && !http_body_skip(body, len),
		       "bytes behind the end taken");
	}
	ENSURE(http_body_finish(body) == (may_end ? HTTP_DONE : HTTP_ERROR), "finish");
	if (!may_end)
		ENSURE(body->error == (outcome->error ? outcome->error : HTTP_ERR_TRUNCATED),
		       "error at the end");
}

static void check_reading(const struct http_head *head, const struct http_limits *limits,
			  const struct outcome *outcome, const u8 *data, size_t len)
{
	static u8 payload[HTTP_HEAD_MAX];
	struct strict_body strict = { .payload = payload };
	enum strict_result result = strict_body(&strict, head->framing, head->content_length,
						data, len, limits);

	switch (outcome->verdict) {
	case HTTP_DONE:
		ENSURE(result == STRICT_ACCEPTED, "done, the second reader says %d", result);
		ENSURE(outcome->consumed == strict.length, "ends at %zu, second reader %zu",
		       outcome->consumed, strict.length);
		break;
	case HTTP_MORE:
		ENSURE(result == STRICT_INCOMPLETE, "more, the second reader says %d", result);
		ENSURE(outcome->consumed == len, "bytes left over");
		break;
	case HTTP_ERROR:
		ENSURE(result != STRICT_ACCEPTED, "refused (%s), the second reader accepts",
		       http_text_of(outcome->error));
		return;
	}
	ENSURE(outcome->len == strict.payload_len &&
	       !memcmp(outcome->payload, strict.payload, outcome->len), "another payload");
}

/* Put into chunks as a relay does. */
static void check_chunking(const struct outcome *outcome)
{
	static const struct http_limits no_limits;
	static u8 out[FUZZ_INPUT_MAX * (HTTP_CHUNK_HEAD_MAX + 3)], payload[HTTP_HEAD_MAX];
	struct strict_body strict = { .payload = payload };
	size_t len = 0;

	for (size_t at = 0, n; at < outcome->len; at += n) {
		n = fuzz_piece(outcome->len - at);
		len += http_write_chunk_head(out + len, HTTP_CHUNK_HEAD_MAX, n);
		memcpy(out + len, outcome->payload + at, n);
		memcpy(out + len + n, "\r\n", 2);
		len += n + 2;
	}
	memcpy(out + len, HTTP_LAST_CHUNK, strlen(HTTP_LAST_CHUNK));
	len += strlen(HTTP_LAST_CHUNK);
	ENSURE(strict_body(&strict, HTTP_FRAMING_CHUNKED, 0, out, len, &no_limits) ==
	       STRICT_ACCEPTED && strict.length == len, "chunks are not read back");
	ENSURE(strict.payload_len == outcome->len &&
	       !memcmp(strict.payload, outcome->payload, outcome->len), "chunked payload");
}

enum http_verdict fuzz_body(const struct http_head *head, u8 options, const u8 *data,
			    size_t len)
{
	static struct outcome whole, cut;
	struct http_limits limits = fuzz_limits(options);
	struct http_body body, cut_body;
	u8 *copy = fuzz_copy(data, len);

	memset(&whole, 0, sizeof(whole));
	memset(&cut, 0, sizeof(cut));
	whole.verdict = http_body_init(&body, head, &limits);
	cut.verdict = http_body_init(&cut_body, head, &limits);
	ENSURE((whole.verdict == HTTP_DONE) == (head->framing == HTTP_FRAMING_NONE), "no body");
	feed(&body, &whole, copy, len);
	for (size_t at = 0; at < len && cut.verdict == HTTP_MORE;) {
		size_t n = fuzz_piece(len - at);
		size_t skipped = n & 1 ? skip(&cut_body, &cut, copy + at, n) : 0;

		if (!skipped)
			feed(&cut_body, &cut, copy + at, n);
		at += skipped ?: n;
	}
	ENSURE(whole.verdict == cut.verdict && whole.error == cut.error &&
	       whole.consumed == cut.consumed && whole.len == cut.len &&
	       !memcmp(whole.payload, cut.payload, whole.len), "body: another outcome in pieces");
	ENSURE(body.payload == whole.len && cut_body.payload == whole.len, "payload miscounted");
	/* What the second reader of a request's body does not know: a reply has no such bound. */
	if (head->is_reply)
		limits.body_length = 0;
	check_reading(head, &limits, &whole, copy, len);
	check_chunking(&whole);
	check_end(&body, head->framing, &whole, copy, len);
	free(copy);
	return whole.verdict;
}

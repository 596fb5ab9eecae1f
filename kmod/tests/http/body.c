// SPDX-License-Identifier: GPL-2.0-only
/* Body framing. */
#include "harness.h"

/* Bytes of the message that follows: never to be touched. */
#define NEXT "GET /next"

enum { LARGE = 1 << 16 };

/**
 * struct fed - what came of a body
 * @verdict: the last one
 * @error: if it was HTTP_ERROR
 * @consumed: bytes of framing and of payload
 * @payload: payload bytes
 * @len: how many
 */
struct fed {
	enum http_verdict verdict;
	enum http_error error;
	size_t consumed;
	u8 payload[LARGE];
	size_t len;
};

static enum http_verdict start(struct http_body *body, enum http_framing framing, u64 length,
			       const struct http_limits *limits, bool is_reply)
{
	struct http_head head = { .framing = framing, .content_length = length,
				  .is_reply = is_reply };

	memset(body, 0xa5, sizeof(*body));
	return http_body_init(body, &head, limits);
}

/* Feed bytes in pieces of their own memory; false once there is a verdict. */
static bool feed(struct http_body *body, const u8 *data, size_t len, struct fed *fed)
{
	u8 *copy = exact_copy(data, len);
	size_t at = 0;

	while (at < len) {
		struct http_run run;
		enum http_verdict verdict = http_body_parse(body, copy + at, len - at, &run);

		CHECK(run.framing <= len - at && run.payload <= len - at - run.framing,
		      "run beyond the data");
		memcpy(fed->payload + fed->len, copy + at + run.framing, run.payload);
		fed->len += run.payload;
		at += run.framing + run.payload;
		fed->consumed += run.framing + run.payload;
		fed->verdict = verdict;
		fed->error = body->error;
		if (verdict != HTTP_MORE)
			break;
		CHECK(run.framing + run.payload, "no progress");
	}
	free(copy);
	return fed->verdict == HTTP_MORE;
}

static void check_same(const struct fed *a, const struct fed *b, const char *how, size_t at)
{
	CHECK(a->verdict == b->verdict && a->error == b->error && a->consumed == b->consumed &&
	      a->len == b->len && !memcmp(a->payload, b->payload, a->len),
	      "%s %zu: verdict %d, \"%s\", %zu consumed, %zu payload", how, at, b->verdict,
	      http_text_of(b->error), b->consumed, b->len);
}

/* Whole, cut at every byte, byte by byte; and with all payload skipped unseen. */
static void check_chunked(const struct http_limits *limits, bool is_reply, const void *data,
			  size_t len, const char *expect, enum http_error error)
{
	static struct fed whole, other;
	struct http_body body;
	const u8 *in = data;
	size_t at;

	memset(&whole, 0, sizeof(whole));
	start(&body, HTTP_FRAMING_CHUNKED, 0, limits, is_reply);
	feed(&body, in, len, &whole);
	if (error) {
		CHECK(whole.verdict == HTTP_ERROR && whole.error == error,
		      "verdict %d, \"%s\", expected \"%s\"", whole.verdict,
		      http_text_of(whole.error), http_text_of(error));
		CHECK(http_body_finish(&body) == HTTP_ERROR, "finished in spite of an error");
	} else {
		CHECK(whole.verdict == HTTP_DONE, "verdict %d, \"%s\"", whole.verdict,
		      http_text_of(whole.error));
		CHECK(whole.consumed == len - strlen(NEXT), "%zu of %zu consumed", whole.consumed,
		      len - strlen(NEXT));
		CHECK(whole.len == strlen(expect) && !memcmp(whole.payload, expect, whole.len),
		      "payload \"%.*s\"", (int)whole.len, whole.payload);
		CHECK(body.payload == whole.len, "payload counted as %llu",
		      (unsigned long long)body.payload);
	}

	for (at = 0; at <= len; at++) {
		memset(&other, 0, sizeof(other));
		start(&body, HTTP_FRAMING_CHUNKED, 0, limits, is_reply);
		if (feed(&body, in, at, &other))
			feed(&body, in + at, len - at, &other);
		check_same(&whole, &other, "cut at", at);
	}

	memset(&other, 0, sizeof(other));
	start(&body, HTTP_FRAMING_CHUNKED, 0, limits, is_reply);
	for (at = 0; at < len && feed(&body, in + at, 1, &other); at++)
		;
	check_same(&whole, &other, "byte by byte", at);

	memset(&other, 0, sizeof(other));
	start(&body, HTTP_FRAMING_CHUNKED, 0, limits, is_reply);
	for (at = 0; at < len;) {
		size_t skipped = http_body_skip(&body, len - at);

		memcpy(other.payload + other.len, in + at, skipped);
		other.len += skipped;
		other.consumed += skipped;
		at += skipped;
		if (at == len || !feed(&body, in + at, 1, &other))
			break;
		at++;
	}
	check_same(&whole, &other, "skipping", at);
}

static void run_body(const struct test_case *test)
{
	check_chunked(&no_limits, false, test->in, test->len, test->expect, test->error);
	check_chunked(&no_limits, true, test->in, test->len, test->expect, test->error);
}

static void no_body(const struct test_case *test)
{
	struct http_run run = { 1, 1 };
	struct http_body body;

	CHECK(start(&body, HTTP_FRAMING_NONE, 0, &no_limits, false) == HTTP_DONE, "not done");
	CHECK(http_body_done(&body), "not done");
	CHECK(http_body_parse(&body, (const u8 *)"x", 1, &run) == HTTP_DONE, "not done");
	CHECK(!run.framing && !run.payload, "bytes of the next message taken");
	CHECK(http_body_finish(&body) == HTTP_DONE, "truncated");
}

static void length(const struct test_case *test)
{
	static const char text[] = "hello" NEXT;
	static struct fed fed;
	struct http_body body;

	for (size_t at = 0; at < sizeof(text) - 1; at++) {
		memset(&fed, 0, sizeof(fed));
		CHECK(start(&body, HTTP_FRAMING_LENGTH, 5, &no_limits, false) == HTTP_MORE, "done");
		CHECK(!http_body_done(&body), "done");
		if (feed(&body, (const u8 *)text, at, &fed))
			feed(&body, (const u8 *)text + at, sizeof(text) - 1 - at, &fed);
		CHECK(fed.verdict == HTTP_DONE && fed.consumed == 5 && fed.len == 5,
		      "cut at %zu: verdict %d, %zu consumed", at, fed.verdict, fed.consumed);
	}
}

static void length_truncated(const struct test_case *test)
{
	struct http_body body;

	start(&body, HTTP_FRAMING_LENGTH, 5, &no_limits, false);
	CHECK(http_body_skip(&body, 4) == 4, "not all skipped");
	CHECK(http_body_finish(&body) == HTTP_ERROR, "4 of 5 bytes are enough");
	CHECK(body.error == HTTP_ERR_TRUNCATED, "%s", http_text_of(body.error));
}

static void length_largest(const struct test_case *test)
{
	struct http_body body;

	start(&body, HTTP_FRAMING_LENGTH, S64_MAX, &no_limits, false);
	CHECK(http_body_skip(&body, S64_MAX - 1) == S64_MAX - 1, "not all skipped");
	CHECK(!http_body_done(&body), "done too early");
	CHECK(http_body_skip(&body, SIZE_MAX) == 1, "more than the length skipped");
	CHECK(http_body_done(&body), "not done");
}

static void until_close(const struct test_case *test)
{
	static struct fed fed;
	struct http_body body;

	memset(&fed, 0, sizeof(fed));
	CHECK(start(&body, HTTP_FRAMING_CLOSE, 0, &no_limits, true) == HTTP_MORE, "done");
	CHECK(feed(&body, (const u8 *)"0\r\n\r\n", 5, &fed), "ended");
	CHECK(fed.len == 5, "%zu payload", fed.len);
	for (int i = 0; i < 5; i++)
		CHECK(http_body_skip(&body, (size_t)1 << 62) == (size_t)1 << 62, "ended");
	CHECK(!http_body_done(&body), "done");
	CHECK(http_body_finish(&body) == HTTP_DONE, "truncated");
	CHECK(http_body_done(&body), "not done");
}

static void truncated_at_every_byte(const struct test_case *test)
{
	static const char text[] = "3;a=\"b\"\r\nabc\r\n0\r\nX: y\r\n\r\n";
	static struct fed fed;

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		struct http_body body;

		memset(&fed, 0, sizeof(fed));
		start(&body, HTTP_FRAMING_CHUNKED, 0, &no_limits, false);
		CHECK(feed(&body, (const u8 *)text, len, &fed), "verdict after %zu", len);
		CHECK(http_body_finish(&body) == HTTP_ERROR, "may end after %zu", len);
		CHECK(body.error == HTTP_ERR_TRUNCATED, "%s", http_text_of(body.error));
	}
}

static void body_length_at_bound(const struct test_case *test)
{
	static const char text[] = "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" NEXT;
	struct http_limits limits = { .body_length = 5 };

	check_chunked(&limits, false, text, sizeof(text) - 1, "abcde", HTTP_OK);
	limits.body_length = 4;
	check_chunked(&limits, false, text, sizeof(text) - 1, NULL, HTTP_ERR_BODY_LENGTH);
	/* The limit is one for requests. */
	check_chunked(&limits, true, text, sizeof(text) - 1, "abcde", HTTP_OK);
}

static void sum_of_chunks_does_not_overflow(const struct test_case *test)
{
	static struct fed fed;
	struct http_body body;

	memset(&fed, 0, sizeof(fed));
	start(&body, HTTP_FRAMING_CHUNKED, 0, &no_limits, false);
	CHECK(feed(&body, (const u8 *)"7fffffffffffffff\r\n", 18, &fed), "refused");
	CHECK(http_body_skip(&body, S64_MAX) == S64_MAX, "not skipped");
	CHECK(!feed(&body, (const u8 *)"\r\n1\r\nx", 6, &fed), "accepted");
	CHECK(fed.error == HTTP_ERR_BODY_LENGTH, "%s", http_text_of(fed.error));
}

static void trailers_at_bounds(const struct test_case *test)
{
	static const char text[] = "0\r\nA: 1\r\nB: 2\r\n\r\n" NEXT;
	struct http_limits limits = { .header_total = strlen("A: 1\r\nB: 2\r\n\r\n"),
				      .header_count = 2 };

	check_chunked(&limits, false, text, sizeof(text) - 1, "", HTTP_OK);
	limits.header_total--;
	check_chunked(&limits, false, text, sizeof(text) - 1, NULL, HTTP_ERR_HEADER_TOTAL);
	limits.header_total++;
	limits.header_count--;
	check_chunked(&limits, false, text, sizeof(text) - 1, NULL, HTTP_ERR_HEADER_COUNT);
}

/* Extension bytes, from behind the ';' to the CR, count over the whole body. */
static void extensions_at_bound(const struct test_case *test)
{
	enum { EACH = 64, CHUNKS = HTTP_CHUNK_EXTENSIONS_MAX / EACH };
	static char text[LARGE], expect[CHUNKS + 1];
	static const char end[] = "0\r\n\r\n" NEXT;
	size_t len = 0;

	for (int i = 0; i < CHUNKS; i++) {
		memcpy(text + len, "1;", 2);
		memset(text + len + 2, 'x', EACH - 1);
		memcpy(text + len + 1 + EACH, "\r\na\r\n", 5);
		len += EACH + 6;
	}
	memset(expect, 'a', CHUNKS);
	memcpy(text + len, end, sizeof(end));
	check_chunked(&no_limits, false, text, len + sizeof(end) - 1, expect, HTTP_OK);
	memcpy(text + len, "0;y\r\n", 5);
	check_chunked(&no_limits, false, text, len + 5, NULL, HTTP_ERR_CHUNK_EXTENSION);
}

static void each_byte(const char *before, const char *after, const char *valid,
		      enum http_error error)
{
	char text[128];

	for (int byte = 0; byte < 256; byte++) {
		size_t len = strlen(before);

		if (byte && strchr(valid, byte))
			continue;
		memcpy(text, before, len);
		text[len] = byte;
		memcpy(text + len + 1, after, strlen(after));
		check_chunked(&no_limits, false, text, len + 1 + strlen(after), NULL, error);
	}
}

static void every_byte_first_in_size(const struct test_case *test)
{
	each_byte("", "1\r\na\r\n", "0123456789abcdefABCDEF", HTTP_ERR_CHUNK_SIZE);
}

static void every_byte_in_size(const struct test_case *test)
{
	each_byte("1", "\r\n", "0123456789abcdefABCDEF;\r", HTTP_ERR_CHUNK_SIZE);
}

static void every_byte_after_size_cr(const struct test_case *test)
{
	each_byte("1\r", "a\r\n0\r\n\r\n", "\n", HTTP_ERR_CHUNK_SIZE);
}

static void every_byte_after_data(const struct test_case *test)
{
	each_byte("1\r\na", "\n0\r\n\r\n", "\r", HTTP_ERR_CHUNK_END);
	each_byte("1\r\na\r", "0\r\n\r\n", "\n", HTTP_ERR_CHUNK_END);
}

static void every_byte_in_extension(const struct test_case *test)
{
	char tchars[128] = "", valid[160];
	size_t len = 0;

	for (int byte = 0; byte < 256; byte++)
		if (is_tchar(byte))
			tchars[len++] = byte;
	each_byte("1;", "=b\r\n", tchars, HTTP_ERR_CHUNK_EXTENSION);
	snprintf(valid, sizeof(valid), "%s=;\r", tchars);
	each_byte("1;a", "b\r\n", valid, HTTP_ERR_CHUNK_EXTENSION);
	snprintf(valid, sizeof(valid), "%s\"", tchars);
	each_byte("1;a=", "b\r\n", valid, HTTP_ERR_CHUNK_EXTENSION);
	each_byte("1;a=\"b\"", "\r\n", ";\r", HTTP_ERR_CHUNK_EXTENSION);
}

static void every_hex_digit(const struct test_case *test)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	for (const char *p = digits; *p; p++) {
		char text[64] = { *p, 0 };
		char payload[16] = "";
		size_t place = p - digits, size = place < 16 ? place : place - 6;

		if (!size)
			continue;
		memset(payload, 'p', size);
		payload[size] = 0;
		strcat(text, "\r\n");
		strcat(text, payload);
		strcat(text, "\r\n0\r\n\r\n" NEXT);
		check_chunked(&no_limits, false, text, strlen(text), payload, HTTP_OK);
	}
}

/* No field that the parser knows may come late: it may change what was decided. */
static void forbidden_trailers(const struct test_case *test)
{
	static const char *const names[] = {
		"Host", "CONNECTION", "content-length", "Transfer-Encoding", "Expect", "Upgrade",
		"TE", "Trailer", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate",
		"Proxy-Authorization", "Max-Forwards", "Via", "X-Forwarded-For",
		"X-Forwarded-Proto", "Forwarded", "Set-Cookie", "Cookie", "Authorization",
		"Cache-Control",
		"Content-Type", "Content-Encoding", "Content-Range", "X-HTTP-Method",
		"X-HTTP-Method-Override", "X-Method-Override",
	};
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(text, sizeof(text), "0\r\nX: y\r\n%s: 1\r\n\r\n", names[i]);
		check_chunked(&no_limits, false, text, strlen(text), NULL, HTTP_ERR_TRAILER);
		snprintf(text, sizeof(text), "0\r\nX: y\r\n%sx: 1\r\n\r\n" NEXT, names[i]);
		check_chunked(&no_limits, false, text, strlen(text), "", HTTP_OK);
	}
}

static const struct test_case cases[] = {
	OK(one_chunk, "5\r\nhello\r\n0\r\n\r\n" NEXT, "hello"),
	OK(two_chunks, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n" NEXT, "hello world"),
	OK(empty_body, "0\r\n\r\n" NEXT, ""),
	OK(upper_case_size, "A\r\n0123456789\r\n0\r\n\r\n" NEXT, "0123456789"),
	OK(two_digit_size, "1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n" NEXT,
	   "abcdefghijklmnopqrstuvwxyz"),
	OK(leading_zeros, "0000000000000005\r\nhello\r\n000\r\n\r\n" NEXT, "hello"),
	OK(data_that_looks_like_framing, "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n" NEXT, "\r\n0\r\n\r\n"),
	OK(extension, "1;a\r\nx\r\n0\r\n\r\n" NEXT, "x"),
	OK(extension_value, "1;a=b\r\nx\r\n0;c=d;e\r\n\r\n" NEXT, "x"),
	OK(extension_quoted, "1;a=\"b;\\\"\\\\ c\"\r\nx\r\n0\r\n\r\n" NEXT, "x"),
	OK(extension_after_quoted, "1;a=\"\";b\r\nx\r\n0\r\n\r\n" NEXT, "x"),
	OK(trailer, "0\r\nX-Sum: abc\r\n\r\n" NEXT, ""),
	OK(trailers, "1\r\nx\r\n0\r\nA:\r\nB:  \t2 \r\n\r\n" NEXT, "x"),
	OK(trailer_long_name, "0\r\nX-A-Name-Longer-Than-All-Others: 1\r\n\r\n" NEXT, ""),
	BAD(size_empty, "\r\n0\r\n\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_prefix, "0x5\r\nhello\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_plus, "+5\r\nhello\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_minus, "-1\r\nx\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_space_before, " 5\r\nhello\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_space_behind, "5 \r\nhello\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_underscore, "1_0\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_letter, "5g\r\nhello\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_bare_lf, "5\nhello\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_bare_cr, "5\rhello\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_nul, "5\0\r\nhello\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_sign_bit, "8000000000000000\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_all_ones, "ffffffffffffffff\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_17_digits, "10000000000000005\r\nhello\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_17_leading_zeros, "00000000000000005\r\nhello\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(size_too_small, "4\r\nhello\r\n0\r\n\r\n", HTTP_ERR_CHUNK_END),
	BAD(size_too_large, "6\r\nhello\r\n0\r\n\r\n", HTTP_ERR_CHUNK_END),
	BAD(data_end_bare_lf, "5\r\nhello\n0\r\n\r\n", HTTP_ERR_CHUNK_END),
	BAD(data_end_bare_cr, "5\r\nhello\r0\r\n\r\n", HTTP_ERR_CHUNK_END),
	BAD(extension_empty, "1;\r\nx\r\n", HTTP_ERR_CHUNK_EXTENSION),
	BAD(extension_two_semicolons, "1;;a\r\nx\r\n", HTTP_ERR_CHUNK_EXTENSION),
	BAD(extension_space, "1; a\r\nx\r\n", HTTP_ERR_CHUNK_EXTENSION),
	BAD(extension_bare_lf, "1;a\nx\r\n", HTTP_ERR_CHUNK_EXTENSION),
	BAD(extension_bare_cr, "1;a\rx\r\n", HTTP_ERR_CHUNK_SIZE),
	BAD(extension_value_empty, "1;a=\r\nx\r\n", HTTP_ERR_CHUNK_EXTENSION),
	BAD(extension_name_empty, "1;=a\r\nx\r\n", HTTP_ERR_CHUNK_EXTENSION),
	BAD(extension_unterminated_quote, "1;a=\"b\r\nx\r\n", HTTP_ERR_CHUNK_EXTENSION),
	BAD(extension_lf_in_quote, "1;a=\"\n\"\r\nx\r\n", HTTP_ERR_CHUNK_EXTENSION),
	BAD(extension_escaped_lf, "1;a=\"\\\n\"\r\nx\r\n", HTTP_ERR_CHUNK_EXTENSION),
	BAD(extension_text_behind_quote, "1;a=\"b\"c\r\nx\r\n", HTTP_ERR_CHUNK_EXTENSION),
	BAD(extension_nul, "1;a\0\r\nx\r\n", HTTP_ERR_CHUNK_EXTENSION),
	BAD(trailer_no_colon, "0\r\nX\r\n\r\n", HTTP_ERR_TRAILER),
	BAD(trailer_name_empty, "0\r\n: x\r\n\r\n", HTTP_ERR_TRAILER),
	BAD(trailer_space_before_colon, "0\r\nX : y\r\n\r\n", HTTP_ERR_TRAILER),
	BAD(trailer_fold, "0\r\nX: y\r\n z\r\n\r\n", HTTP_ERR_TRAILER),
	BAD(trailer_bare_lf, "0\r\nX: y\n\r\n", HTTP_ERR_TRAILER),
	BAD(trailer_bare_cr, "0\r\nX: y\rZ: 1\r\n\r\n", HTTP_ERR_TRAILER),
	BAD(trailer_nul, "0\r\nX: \0\r\n\r\n", HTTP_ERR_TRAILER),
	BAD(end_bare_lf, "0\r\n\n", HTTP_ERR_TRAILER),
	BAD(end_bare_cr, "0\r\n\rX", HTTP_ERR_TRAILER),
	BAD(next_message_in_trailer, "0\r\nGET / HTTP/1.1\r\n\r\n", HTTP_ERR_TRAILER),
	TEST(no_body),
	TEST(length),
	TEST(length_truncated),
	TEST(length_largest),
	TEST(until_close),
	TEST(truncated_at_every_byte),
	TEST(body_length_at_bound),
	TEST(sum_of_chunks_does_not_overflow),
	TEST(trailers_at_bounds),
	TEST(extensions_at_bound),
	TEST(every_byte_first_in_size),
	TEST(every_byte_in_size),
	TEST(every_byte_after_size_cr),
	TEST(every_byte_after_data),
	TEST(every_byte_in_extension),
	TEST(every_hex_digit),
	TEST(forbidden_trailers),
};

SUITE(body, cases, run_body);

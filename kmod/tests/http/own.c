// SPDX-License-Identifier: GPL-2.0-only
/* What Weir writes of its own: error replies, chunk lines, dates. */
#include "feed.h"

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static size_t write_error(u8 *out, size_t size, u16 status, unsigned int flags, const char *date)
{
	const struct http_own own = { .status = status, .flags = flags, .date = date };

	return http_write_own(out, size, &own);
}

static void check_reply(u16 status, unsigned int flags, const char *date, const char *expect)
{
	u8 out[HTTP_OWN_MAX];
	size_t len = write_error(out, sizeof(out), status, flags, date);

	CHECK(len == strlen(expect) && !memcmp(out, expect, len), "expected\n%s# got\n%.*s",
	      expect, (int)len, out);
}

static void error_replies(const struct test_case *test)
{
	check_reply(429, 0, NULL,
		    "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\n"
		    "Content-Length: 22\r\n\r\n429 Too Many Requests\n");
	check_reply(400, HTTP_WRITE_CLOSE, DATE,
		    "HTTP/1.1 400 Bad Request\r\nDate: " DATE "\r\nContent-Type: text/plain\r\n"
		    "Content-Length: 16\r\nConnection: close\r\n\r\n400 Bad Request\n");
	check_reply(502, HTTP_WRITE_KEEPALIVE | HTTP_WRITE_NO_BODY, NULL,
		    "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\n"
		    "Content-Length: 16\r\nConnection: keep-alive\r\n\r\n");
	check_reply(405, HTTP_WRITE_ALLOW, NULL,
		    "HTTP/1.1 405 Method Not Allowed\r\n"
		    "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n"
		    "Content-Type: text/plain\r\nContent-Length: 23\r\n\r\n"
		    "405 Method Not Allowed\n");
}

static void check_own(const struct http_own *own, const char *expect)
{
	u8 out[HTTP_OWN_MAX];
	size_t len = http_write_own(out, sizeof(out), own);

	CHECK(len == strlen(expect) && !memcmp(out, expect, len), "expected\n%s# got\n%.*s",
	      expect, (int)len, out);
}

static void redirect_reply(const struct test_case *test)
{
	static const char location[] = "https://a/b";
	const struct http_own own = {
		.status = 308,
		.location = (const u8 *)location,
		.location_len = strlen(location),
	};

	check_own(&own, "HTTP/1.1 308 Permanent Redirect\r\nLocation: https://a/b\r\n"
		  "Content-Type: text/plain\r\nContent-Length: 23\r\n\r\n308 Permanent Redirect\n");
}

static void body_of_the_callers(const struct test_case *test)
{
	const struct http_own own = {
		.status = 503,
		.flags = HTTP_WRITE_NO_STORE,
		.content_type = "text/html",
		.content_length = 12345,
	};

	check_own(&own, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\n"
		  "Content-Length: 12345\r\nCache-Control: no-store\r\n\r\n");
}

/* Each is a reply that the parser takes, whose length is that of its body. */
static void every_error_reply_is_well_formed(const struct test_case *test)
{
	static const struct head_kind kind = { .is_reply = true, .method = HTTP_METHOD_GET };
	struct http_field fields[TEST_FIELDS];
	struct http_head head;

	for (u16 status = 200; status < 600; status++) {
		unsigned int flags = HTTP_WRITE_CLOSE | HTTP_WRITE_NO_STORE;
		size_t need = write_error(NULL, 0, status, flags, DATE);
		u8 *out = malloc(need);

		if (status == 204 || status == 304)
			goto next;
		CHECK(need <= HTTP_OWN_MAX, "status %u: %zu bytes", status, need);
		CHECK(write_error(out, need, status, flags, DATE) == need,
		      "status %u: length depends on the room", status);
		parse_head(&head, &kind, fields, out, need);
		CHECK(head.status == status, "status %u, not %u", head.status, status);
		CHECK(head.length + head.content_length == need, "status %u: length %llu",
		      status, (unsigned long long)head.content_length);
		CHECK(!(head.flags & HTTP_KEEPALIVE), "status %u: no close", status);
next:
		free(out);
	}
}

static void error_reply_cut_off(const struct test_case *test)
{
	u8 out[HTTP_OWN_MAX];
	size_t need = write_error(NULL, 0, 503, 0, NULL);

	for (size_t size = 0; size < need; size++) {
		memset(out, 0x5a, sizeof(out));
		CHECK(write_error(out, size, 503, 0, NULL) == need, "need at %zu", size);
		CHECK(out[size] == 0x5a, "overflow at %zu", size);
	}
}

static void continue_reply_is_well_formed(const struct test_case *test)
{
	static const struct head_kind kind = { .is_reply = true, .method = HTTP_METHOD_POST };

	check_head(&kind, HTTP_CONTINUE, strlen(HTTP_CONTINUE), HTTP_OK,
		   "100 [Continue] 1.1 none keepalive");
}

/* What is chunked with these lines is read back by the body machine. */
static void chunk_heads(const struct test_case *test)
{
	for (int shift = 0; shift < 63; shift++) {
		u64 lens[] = { 1ULL << shift, (1ULL << shift) - 1, (1ULL << shift) + 1 };

		for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
			struct http_head head = { .framing = HTTP_FRAMING_CHUNKED };
			u8 out[HTTP_CHUNK_HEAD_MAX];
			struct http_body body;
			struct http_run run;
			char expect[32];
			size_t len;

			if (!lens[i])
				continue;
			len = http_write_chunk_head(out, sizeof(out), lens[i]);
			snprintf(expect, sizeof(expect), "%llx\r\n",
				 (unsigned long long)lens[i]);
			CHECK(len == strlen(expect) && !memcmp(out, expect, len), "%.*s",
			      (int)len, out);
			http_body_init(&body, &head, &no_limits);
			CHECK(http_body_parse(&body, out, len, &run) == HTTP_MORE, "refused");
			CHECK(run.framing == len && body.left == lens[i], "left %llu",
			      (unsigned long long)body.left);
		}
	}
	CHECK(http_write_chunk_head(NULL, 0, U64_MAX) == HTTP_CHUNK_HEAD_MAX, "longest");
}

/* Against the platform's calendar, over years with and without leap days, to 9999. */
static void dates(const struct test_case *test)
{
	static const u64 fixed[] = { 0, 784111777, 951782399, 951782400, 951868799, 951868800,
				     4107542399, 4107542400, 253402300799 };

	for (u64 i = 0; i < 40000; i++) {
		u64 seconds = i < ARRAY_SIZE(fixed) ? fixed[i] : i * 6335057;
		char got[HTTP_DATE_LEN + 1] = "", expect[64];

		http_format_date(got, seconds);
		format_date(expect, sizeof(expect), seconds);
		CHECK(!strcmp(got, expect), "%llu: %s, not %s",
		      (unsigned long long)seconds, got, expect);
	}
}

static const struct test_case cases[] = {
	TEST(error_replies),
	TEST(redirect_reply),
	TEST(body_of_the_callers),
	TEST(every_error_reply_is_well_formed),
	TEST(error_reply_cut_off),
	TEST(continue_reply_is_well_formed),
	TEST(chunk_heads),
	TEST(dates),
};

SUITE(own, cases, NULL);

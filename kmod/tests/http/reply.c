// SPDX-License-Identifier: GPL-2.0-only
/* Reply heads. */
#include "feed.h"

#define R200 "HTTP/1.1 200 OK\r\n"
#define END "\r\n"

static void run_reply(const struct test_case *test)
{
	static const struct head_kind kind = { .is_reply = true, .method = HTTP_METHOD_GET };

	check_head(&kind, test->in, test->len, test->error, test->expect);
}

static void check_text(const struct head_kind *kind, const char *text, const char *expect)
{
	check_head(kind, text, strlen(text), HTTP_OK, expect);
}

static void to_head(const struct test_case *test)
{
	static const struct head_kind kind = { .is_reply = true, .method = HTTP_METHOD_HEAD };

	check_text(&kind, R200 "Content-Length: 5\r\n" END,
		   "200 [OK] 1.1 none=5 keepalive length");
	check_text(&kind, R200 "Transfer-Encoding: chunked\r\n" END,
		   "200 [OK] 1.1 none keepalive coding");
	check_text(&kind, R200 END, "200 [OK] 1.1 none keepalive");
	check_text(&kind, "HTTP/1.0 200 OK\r\n" END, "200 [OK] 1.0 none");
}

static void switching_that_was_asked_for(const struct test_case *test)
{
	static const struct head_kind kind = { .is_reply = true, .upgrade = true };

	check_text(&kind, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
		   "Upgrade: websocket\r\n" END,
		   "101 [Switching Protocols] 1.1 none keepalive upgrade");
	/* Declined. */
	check_text(&kind, R200 "Content-Length: 0\r\n" END, "200 [OK] 1.1 none=0 keepalive length");
}

static void switching_to_something_else(const struct test_case *test)
{
	static const struct head_kind kind = { .is_reply = true, .upgrade = true };
	static const char *const texts[] = {
		"HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" END,
		"HTTP/1.1 101 x\r\nConnection: Upgrade\r\n" END,
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n" END,
		"HTTP/1.0 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" END,
		"HTTP/1.1 101 x\r\n" END,
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		check_head(&kind, texts[i], strlen(texts[i]), HTTP_ERR_UPGRADE, NULL);
}

/* Limits of a request's target and body are not a reply's. */
static void limits_of_replies(const struct test_case *test)
{
	struct head_kind kind = { .is_reply = true, .method = HTTP_METHOD_GET,
				  .limits = { .body_length = 1, .uri_length = 1 } };
	static const char text[] = R200 "Content-Length: 500\r\n" END;

	check_text(&kind, text, "200 [OK] 1.1 length=500 keepalive length");
	kind.limits.header_total = sizeof(text) - 2;
	check_head(&kind, text, sizeof(text) - 1, HTTP_ERR_HEADER_TOTAL, NULL);
	kind.limits.header_total = 4;
	check_head(&kind, text, sizeof(text) - 1, HTTP_ERR_HEADER_TOTAL, NULL);
}

static void every_status(const struct test_case *test)
{
	static const struct head_kind kind = { .is_reply = true, .method = HTTP_METHOD_GET };
	char text[64];

	for (int status = 0; status < 1000; status++) {
		bool valid = status >= 100 && status <= 599;
		enum http_error error = valid ? HTTP_OK : HTTP_ERR_STATUS_LINE;

		if (status == 101)
			error = HTTP_ERR_UPGRADE;
		snprintf(text, sizeof(text), "HTTP/1.1 %03d x\r\n\r\n", status);
		check_head(&kind, text, strlen(text), error, NULL);
	}
}

static void every_status_without_body(const struct test_case *test)
{
	static const struct head_kind kind = { .is_reply = true, .method = HTTP_METHOD_GET };
	struct http_field fields[TEST_FIELDS];
	struct http_head head;
	char text[64];

	for (int status = 100; status <= 599; status++) {
		bool bodiless = status < 200 || status == 204 || status == 304;

		if (status == 101)
			continue;
		snprintf(text, sizeof(text), "HTTP/1.1 %03d x\r\n\r\n", status);
		parse_head(&head, &kind, fields, (const u8 *)text, strlen(text));
		CHECK(head.framing == (bodiless ? HTTP_FRAMING_NONE : HTTP_FRAMING_CLOSE),
		      "status %d: framing %u", status, head.framing);
	}
}

static const struct test_case cases[] = {
	/* status line */
	OK(until_close, R200 END, "200 [OK] 1.1 close"),
	OK(length, R200 "Content-Length: 5\r\n" END, "200 [OK] 1.1 length=5 keepalive length"),
	OK(length_zero, R200 "Content-Length: 0\r\n" END, "200 [OK] 1.1 none=0 keepalive length"),
	OK(chunked, R200 "Transfer-Encoding: chunked\r\n" END,
	   "200 [OK] 1.1 chunked keepalive coding"),
	OK(reason_empty, "HTTP/1.1 200 \r\nContent-Length: 1\r\n" END,
	   "200 [] 1.1 length=1 keepalive length"),
	OK(reason_and_space_missing, "HTTP/1.1 200\r\nContent-Length: 1\r\n" END,
	   "200 [] 1.1 length=1 keepalive length"),
	OK(reason_words, "HTTP/1.1 404 Not  Found\there\r\nContent-Length: 1\r\n" END,
	   "404 [Not  Found\there] 1.1 length=1 keepalive length"),
	OK(reason_obs_text, "HTTP/1.1 200 \303\251\r\nContent-Length: 1\r\n" END,
	   "200 [\303\251] 1.1 length=1 keepalive length"),
	BAD(reason_nul, "HTTP/1.1 200 O\0K\r\n" END, HTTP_ERR_STATUS_LINE),
	BAD(reason_bare_lf, "HTTP/1.1 200 OK\nContent-Length: 1\r\n" END, HTTP_ERR_BARE_LF),
	BAD(reason_bare_cr, "HTTP/1.1 200 OK\rX\r\n" END, HTTP_ERR_BARE_CR),
	BAD(status_bare_lf, "HTTP/1.1 200\n" END, HTTP_ERR_BARE_LF),
	BAD(status_two_digits, "HTTP/1.1 20 OK\r\n" END, HTTP_ERR_STATUS_LINE),
	BAD(status_four_digits, "HTTP/1.1 2000 OK\r\n" END, HTTP_ERR_STATUS_LINE),
	BAD(status_letters, "HTTP/1.1 2x0 OK\r\n" END, HTTP_ERR_STATUS_LINE),
	BAD(status_tab, "HTTP/1.1 200\tOK\r\n" END, HTTP_ERR_STATUS_LINE),
	BAD(status_two_spaces, "HTTP/1.1  200 OK\r\n" END, HTTP_ERR_STATUS_LINE),
	BAD(leading_crlf, "\r\n" R200 END, HTTP_ERR_VERSION),
	BAD(version_other, "ICY 200 OK\r\n" END, HTTP_ERR_VERSION),
	BAD(version_20, "HTTP/2.0 200 OK\r\n" END, HTTP_ERR_VERSION_UNSUPPORTED),
	BAD(version_12, "HTTP/1.2 200 OK\r\n" END, HTTP_ERR_VERSION_UNSUPPORTED),
	BAD(version_lower_case, "http/1.1 200 OK\r\n" END, HTTP_ERR_VERSION),
	BAD(version_end, "HTTP/1.1\r\n" END, HTTP_ERR_VERSION),
	BAD(version_bare_lf, "HTTP/1.1\n" END, HTTP_ERR_BARE_LF),
	BAD(html_instead, "<html>", HTTP_ERR_VERSION),
	TEST(every_status),
	TEST(every_status_without_body),

	/* framing */
	OK(http_10_until_close, "HTTP/1.0 200 OK\r\n" END, "200 [OK] 1.0 close"),
	OK(http_10_length, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n" END,
	   "200 [OK] 1.0 length=5 length"),
	OK(http_10_keep_alive,
	   "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n" END,
	   "200 [OK] 1.0 length=5 keepalive length"),
	OK(close, R200 "Content-Length: 5\r\nConnection: close\r\n" END,
	   "200 [OK] 1.1 length=5 length"),
	OK(keep_alive_cannot_save_until_close, R200 "Connection: keep-alive\r\n" END,
	   "200 [OK] 1.1 close"),
	OK(continue_100, "HTTP/1.1 100 Continue\r\n" END, "100 [Continue] 1.1 none keepalive"),
	OK(early_hints, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n" END,
	   "103 [Early Hints] 1.1 none keepalive"),
	OK(no_content, "HTTP/1.1 204 No Content\r\n" END, "204 [No Content] 1.1 none keepalive"),
	OK(no_content_length_zero, "HTTP/1.1 204 x\r\nContent-Length: 0\r\n" END,
	   "204 [x] 1.1 none=0 keepalive length"),
	OK(not_modified_length, "HTTP/1.1 304 x\r\nContent-Length: 7\r\n" END,
	   "304 [x] 1.1 none=7 keepalive length"),
	OK(not_modified_chunked, "HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n" END,
	   "304 [x] 1.1 none keepalive coding"),
	BAD(no_content_length, "HTTP/1.1 204 x\r\nContent-Length: 5\r\n" END, HTTP_ERR_BODY_STATUS),
	BAD(no_content_chunked, "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n" END,
	    HTTP_ERR_BODY_STATUS),
	BAD(continue_length, "HTTP/1.1 100 x\r\nContent-Length: 5\r\n" END, HTTP_ERR_BODY_STATUS),
	BAD(continue_chunked, "HTTP/1.1 100 x\r\nTransfer-Encoding: chunked\r\n" END,
	    HTTP_ERR_BODY_STATUS),
	BAD(length_and_chunked, R200 "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END,
	    HTTP_ERR_LENGTH_AND_CHUNKED),
	BAD(length_twice, R200 "Content-Length: 5\r\nContent-Length: 5\r\n" END,
	    HTTP_ERR_LENGTH_REPEATED),
	BAD(length_list, R200 "Content-Length: 5, 5\r\n" END, HTTP_ERR_LENGTH),
	BAD(length_negative, R200 "Content-Length: -1\r\n" END, HTTP_ERR_LENGTH),
	BAD(chunked_http_10, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n" END,
	    HTTP_ERR_CODING_VERSION),
	BAD(coding_gzip, R200 "Transfer-Encoding: gzip\r\n" END, HTTP_ERR_CODING),
	BAD(coding_gzip_chunked, R200 "Transfer-Encoding: gzip, chunked\r\n" END,
	    HTTP_ERR_CODING_UNSUPPORTED),
	BAD(fold, R200 "X: a\r\n b\r\n" END, HTTP_ERR_FOLD),
	BAD(space_before_colon, R200 "Content-Length : 5\r\n" END, HTTP_ERR_FIELD_NAME),
	BAD(bare_lf, R200 "Content-Length: 5\n" END, HTTP_ERR_BARE_LF),
	OK(host_and_expect_mean_nothing,
	   R200 "Host: a b\r\nHost: c\r\nExpect: x\r\nMax-Forwards: x\r\nContent-Length: 0\r\n" END,
	   "200 [OK] 1.1 none=0 keepalive length"),
	TEST(to_head),
	TEST(limits_of_replies),

	/* upgrade */
	BAD(switching_not_asked_for,
	    "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" END,
	    HTTP_ERR_UPGRADE),
	TEST(switching_that_was_asked_for),
	TEST(switching_to_something_else),
};

SUITE(reply, cases, run_reply);

// SPDX-License-Identifier: GPL-2.0-only
/* Forwarded heads, byte for byte; each is also read back by the parser. */
#include "feed.h"
#include "roundtrip.h"

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define END "\r\n"
#define R200 "HTTP/1.1 200 OK\r\n"

/* What every forwarded request of these tests ends in. */
#define ADDED "Via: 1.1 weir\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\n"

static const struct http_forward request_how = {
	.via = HTTP_VIA("weir"), .proto = HTTP_TEXT("http"), .client = HTTP_TEXT("10.0.0.1"),
	.host = "origin:8080",
};

/**
 * struct reply_row - a reply and how it must be forwarded
 * @in: as received
 * @method: of the request
 * @flags: HTTP_WRITE_*
 * @framing: as sent
 * @out: expected
 */
struct reply_row {
	const char *in;
	enum http_method method;
	unsigned int flags;
	enum http_framing framing;
	const char *out;
};

static void check_forwarded(const struct head_kind *kind, const u8 *in, size_t len,
			    const struct http_forward *how, const char *expect)
{
	u8 *copy = exact_copy(in, len);
	struct http_field fields[TEST_FIELDS];
	struct forwarded result;
	struct http_head head;
	const char *wrong;

	parse_head(&head, kind, fields, copy, len);
	wrong = forward_and_check(&result, &head, copy, how, true);
	CHECK(!wrong, "%s\n%.*s", wrong, (int)result.len, result.text);
	CHECK(result.len == strlen(expect) && !memcmp(result.text, expect, result.len),
	      "expected\n%s# got\n%.*s", expect, (int)result.len, result.text);
	forwarded_free(&result);
	free(copy);
}

static void run_forward(const struct test_case *test)
{
	static const struct head_kind kind;

	check_forwarded(&kind, (const u8 *)test->in, test->len, &request_how, test->expect);
}

static void check_request(const struct http_forward *how, const char *in, const char *expect)
{
	static const struct head_kind kind;

	check_forwarded(&kind, (const u8 *)in, strlen(in), how, expect);
}

static void nothing_added(const struct test_case *test)
{
	static const struct http_forward how = { .via = HTTP_VIA("x"), .host = "origin" };

	check_request(&how, GET HOST "X-Forwarded-For: b\r\nX-Forwarded-Proto: ws\r\n" END,
		      "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: b\r\n"
		      "X-Forwarded-Proto: ws\r\nVia: 1.1 x\r\n\r\n");
}

/* What is said of the client, and where else than by default. */
static void check_client(const char *forwarded, unsigned int flags, const char *in,
			 const char *expect)
{
	struct http_forward how = request_how;
	char request[256], out[512];

	how.forwarded.at = (const u8 *)forwarded;
	how.forwarded.len = strlen(forwarded);
	how.flags = flags;
	snprintf(request, sizeof(request), GET HOST "%s" END, in);
	snprintf(out, sizeof(out), GET HOST "Via: 1.1 weir\r\n%s" END, expect);
	check_request(&how, request, out);
}

#define XFF "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\n"

static void forwarded_is_added(const struct test_case *test)
{
	check_client("10.0.0.1", 0, "", XFF "Forwarded: for=10.0.0.1;proto=http\r\n");
	check_client("2001:db8::1", 0, "",
		     XFF "Forwarded: for=\"[2001:db8::1]\";proto=http\r\n");
}

static void forwarded_is_joined(const struct test_case *test)
{
	check_client("10.0.0.1", 0, "Forwarded: for=_a;by=\"x, y;\\\"\"\r\nforwarded:\r\n"
		     "FORWARDED: for=\"[::1]:1\" ; host=b , , proto=https;\r\n",
		     XFF "Forwarded: for=_a;by=\"x, y;\\\"\", for=\"[::1]:1\" ;"
		     " host=b , , proto=https;, for=10.0.0.1;proto=http\r\n");
}

/* What could hide the element behind it, or is not told from it. */
static void malformed_forwarded_is_dropped(const struct test_case *test)
{
	static const char *const values[] = {
		"for=\"", "for=\"a\\\"", "for=\"a\\", "for=\"a\"b", "for=a\"b\"", "for=a b=c",
		"for=", "for=;by=a", "=a", "for", "for =a", "for= a", "for=::1", "for=a=b",
		"\"for=a\"", "for=a,\"", "for=(a)", "for=a;;by=\"",
	};
	char in[64];

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		snprintf(in, sizeof(in), "Forwarded: %s\r\nForwarded: for=c\r\n", values[i]);
		check_client("10.0.0.1", 0, in,
			     XFF "Forwarded: for=c, for=10.0.0.1;proto=http\r\n");
	}
}

static void received_is_replaced_when_told(const struct test_case *test)
{
	static const char in[] = "X-Forwarded-For: a\r\nForwarded: for=b\r\n";

	check_client("10.0.0.1", HTTP_WRITE_FORWARDED_ANEW, in,
		     "X-Forwarded-For: a, 10.0.0.1\r\nX-Forwarded-Proto: http\r\n"
		     "Forwarded: for=10.0.0.1;proto=http\r\n");
	check_client("10.0.0.1", HTTP_WRITE_CLIENT_ANEW, in,
		     XFF "Forwarded: for=b, for=10.0.0.1;proto=http\r\n");
}

static void forwarded_alone(const struct test_case *test)
{
	static const struct http_forward how = { .via = HTTP_VIA("weir"),
						 .proto = HTTP_TEXT("https"),
						 .forwarded = HTTP_TEXT("10.0.0.1") };

	check_request(&how, GET HOST "X-Forwarded-For: a\r\nX-Forwarded-Proto: b\r\n" END,
		      GET HOST "X-Forwarded-For: a\r\nX-Forwarded-Proto: b\r\n"
		      "Via: 1.1 weir\r\nForwarded: for=10.0.0.1;proto=https\r\n" END);
}

static void host_left_empty(const struct test_case *test)
{
	static const char text[] = "GET / HTTP/1.0\r\n\r\n";
	static const char expect[] = "GET / HTTP/1.1\r\nHost: \r\nVia: 1.0 x\r\n\r\n";
	static const struct http_forward how = { .via = HTTP_VIA("x") };
	static const struct head_kind kind;
	struct http_field fields[TEST_FIELDS];
	struct http_head head;
	u8 out[128];
	size_t len;

	parse_head(&head, &kind, fields, (const u8 *)text, sizeof(text) - 1);
	len = http_write_request(out, sizeof(out), &head, (const u8 *)text, &how);
	CHECK(len == sizeof(expect) - 1 && !memcmp(out, expect, len), "got\n%.*s", (int)len, out);
}

static void expect_is_dropped_when_answered(const struct test_case *test)
{
	struct http_forward how = request_how;

	how.flags = HTTP_WRITE_NO_EXPECT;
	check_request(&how, GET HOST "Expect: 100-continue\r\nContent-Length: 1\r\n" END,
		      GET HOST "Content-Length: 1\r\n" ADDED);
}

static void upgrade_is_forwarded_when_told(const struct test_case *test)
{
	struct http_forward how = request_how;

	how.flags = HTTP_WRITE_UPGRADE;
	check_request(&how, GET HOST "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
		      "Sec-WebSocket-Key: x\r\n" END,
		      GET HOST "Sec-WebSocket-Key: x\r\nConnection: Upgrade\r\n"
		      "Upgrade: websocket\r\n" ADDED);
	/* Not for one that is not a valid upgrade. */
	check_request(&how, GET HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n" END, GET HOST ADDED);
}

static void close_is_said_when_told(const struct test_case *test)
{
	struct http_forward how = request_how;

	how.flags = HTTP_WRITE_CLOSE;
	check_request(&how, GET HOST "TE: trailers\r\nConnection: TE, keep-alive\r\n" END,
		      GET HOST "Connection: close, TE\r\nTE: trailers\r\n" ADDED);
}

static void check_replies(const struct reply_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct head_kind kind = { .is_reply = true, .method = rows[i].method,
					  .upgrade = rows[i].flags & HTTP_WRITE_UPGRADE };
		struct http_forward how = { .via = HTTP_VIA("weir"), .flags = rows[i].flags,
					    .framing = rows[i].framing };

		check_forwarded(&kind, (const u8 *)rows[i].in, strlen(rows[i].in), &how,
				rows[i].out);
	}
}

static void replies(const struct test_case *test)
{
	static const struct reply_row rows[] = {
		{ R200 "Content-Length: 5\r\nServer: x\r\n" END, HTTP_METHOD_GET, 0,
		  HTTP_FRAMING_LENGTH,
		  R200 "Content-Length: 5\r\nServer: x\r\nVia: 1.1 weir\r\n\r\n" },
		{ R200 "Content-Length: 0005\r\n" END, HTTP_METHOD_GET, HTTP_WRITE_CLOSE,
		  HTTP_FRAMING_LENGTH,
		  R200 "Content-Length: 5\r\nConnection: close\r\nVia: 1.1 weir\r\n\r\n" },
		{ "HTTP/1.0 404 Not here\r\nContent-Length: 5\r\n" END, HTTP_METHOD_GET,
		  HTTP_WRITE_KEEPALIVE, HTTP_FRAMING_LENGTH,
		  "HTTP/1.1 404 Not here\r\nContent-Length: 5\r\nConnection: keep-alive\r\n"
		  "Via: 1.0 weir\r\n\r\n" },
		{ "HTTP/1.1 200\r\nContent-Length: 0\r\n" END, HTTP_METHOD_GET, 0,
		  HTTP_FRAMING_NONE,
		  "HTTP/1.1 200 \r\nContent-Length: 0\r\nVia: 1.1 weir\r\n\r\n" },
		{ R200 "A:1\r\nContent-Length: 0\r\n" END, HTTP_METHOD_GET, 0,
		  HTTP_FRAMING_NONE,
		  R200 "A: 1\r\nContent-Length: 0\r\nVia: 1.1 weir\r\n\r\n" },
	};

	check_replies(rows, ARRAY_SIZE(rows));
}

static void hop_by_hop_fields_of_replies(const struct test_case *test)
{
	static const struct reply_row rows[] = {
		{ R200 "Keep-Alive: timeout=5\r\nA: 1\r\nConnection: keep-alive, X-Hop\r\n"
		  "x-hop: 1\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nB: 2\r\n"
		  "Content-Length: 1\r\nProxy-Authenticate: x\r\nSet-Cookie: c\r\n"
		  "Set-Cookie: d\r\n" END, HTTP_METHOD_GET, 0, HTTP_FRAMING_LENGTH,
		  R200 "A: 1\r\nB: 2\r\nContent-Length: 1\r\nSet-Cookie: c\r\nSet-Cookie: d\r\n"
		  "Via: 1.1 weir\r\n\r\n" },
		/* Fields with a meaning only in requests are just fields here. */
		{ R200 "Host: x\r\nExpect: y\r\nMax-Forwards: z\r\nX-Forwarded-For: q\r\n"
		  "Content-Length: 1\r\n" END, HTTP_METHOD_GET, 0, HTTP_FRAMING_LENGTH,
		  R200 "Host: x\r\nExpect: y\r\nMax-Forwards: z\r\nX-Forwarded-For: q\r\n"
		  "Content-Length: 1\r\nVia: 1.1 weir\r\n\r\n" },
	};

	check_replies(rows, ARRAY_SIZE(rows));
}

static void framing_of_replies(const struct test_case *test)
{
	static const struct reply_row rows[] = {
		{ R200 "Transfer-Encoding: chunked\r\nTrailer: X\r\n" END, HTTP_METHOD_GET, 0,
		  HTTP_FRAMING_CHUNKED,
		  R200 "Trailer: X\r\nTransfer-Encoding: chunked\r\nVia: 1.1 weir\r\n\r\n" },
		/* The chunks are taken off for a client of HTTP/1.0 ... */
		{ R200 "Transfer-Encoding: chunked\r\nTrailer: X\r\n" END, HTTP_METHOD_GET,
		  HTTP_WRITE_KEEPALIVE, HTTP_FRAMING_CLOSE,
		  R200 "Connection: close\r\nVia: 1.1 weir\r\n\r\n" },
		/* ... and put on, to keep the client's connection. */
		{ R200 END, HTTP_METHOD_GET, 0, HTTP_FRAMING_CHUNKED,
		  R200 "Transfer-Encoding: chunked\r\nVia: 1.1 weir\r\n\r\n" },
		{ R200 END, HTTP_METHOD_GET, 0, HTTP_FRAMING_CLOSE,
		  R200 "Connection: close\r\nVia: 1.1 weir\r\n\r\n" },
	};

	check_replies(rows, ARRAY_SIZE(rows));
}

static void replies_without_body(const struct test_case *test)
{
	static const struct reply_row rows[] = {
		{ R200 "Content-Length: 5\r\n" END, HTTP_METHOD_HEAD, 0, HTTP_FRAMING_NONE,
		  R200 "Content-Length: 5\r\nVia: 1.1 weir\r\n\r\n" },
		{ R200 "Transfer-Encoding: chunked\r\n" END, HTTP_METHOD_HEAD, 0,
		  HTTP_FRAMING_NONE, R200 "Via: 1.1 weir\r\n\r\n" },
		{ "HTTP/1.1 304 x\r\nContent-Length: 5\r\n" END, HTTP_METHOD_GET, 0,
		  HTTP_FRAMING_NONE,
		  "HTTP/1.1 304 x\r\nContent-Length: 5\r\nVia: 1.1 weir\r\n\r\n" },
		{ "HTTP/1.1 204 x\r\nContent-Length: 0\r\n" END, HTTP_METHOD_GET,
		  HTTP_WRITE_CLOSE, HTTP_FRAMING_NONE,
		  "HTTP/1.1 204 x\r\nConnection: close\r\nVia: 1.1 weir\r\n\r\n" },
		/* The connection's end is not an interim reply's to announce. */
		{ "HTTP/1.1 103 Early Hints\r\nLink: x\r\n" END, HTTP_METHOD_GET,
		  HTTP_WRITE_CLOSE | HTTP_WRITE_KEEPALIVE, HTTP_FRAMING_NONE,
		  "HTTP/1.1 103 Early Hints\r\nLink: x\r\nVia: 1.1 weir\r\n\r\n" },
		{ "HTTP/1.1 101 x\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nY: z\r\n" END,
		  HTTP_METHOD_GET, HTTP_WRITE_UPGRADE, HTTP_FRAMING_NONE,
		  "HTTP/1.1 101 x\r\nY: z\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		  "Via: 1.1 weir\r\n\r\n" },
	};

	check_replies(rows, ARRAY_SIZE(rows));
}

static void date_is_added_once(const struct test_case *test)
{
	static const struct http_forward how = { .via = HTTP_VIA("weir"),
						 .date = "Sun, 06 Nov 1994 08:49:37 GMT" };
	static const struct head_kind kind = { .is_reply = true };
	static const char *const rows[][2] = {
		{ R200 "Content-Length: 0\r\n" END,
		  R200 "Content-Length: 0\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		  "Via: 1.1 weir\r\n\r\n" },
		{ R200 "Content-Length: 0\r\ndate: x\r\n" END,
		  R200 "Content-Length: 0\r\ndate: x\r\nVia: 1.1 weir\r\n\r\n" },
		{ "HTTP/1.1 100 x\r\n" END, "HTTP/1.1 100 x\r\nVia: 1.1 weir\r\n\r\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_forwarded(&kind, (const u8 *)rows[i][0], strlen(rows[i][0]), &how,
				rows[i][1]);
}

static const struct test_case cases[] = {
	OK(plain, GET HOST END, GET HOST ADDED),
	OK(leading_line_is_dropped, "\r\n" GET HOST END, GET HOST ADDED),
	OK(fields_in_order, GET "A: 1\r\n" HOST "B: 2\r\nA: 3\r\n" END,
	   GET HOST "A: 1\r\nB: 2\r\nA: 3\r\n" ADDED),
	OK(white_space_is_normal, GET "Host:a\r\nA:1\r\nB: \t2 \r\nC:   \r\nD:\r\nE: 5\t\r\n" END,
	   GET HOST "A: 1\r\nB: 2\r\nC:\r\nD:\r\nE: 5\r\n" ADDED),
	OK(odd_lines_where_nothing_is_dropped, GET HOST "A:1\r\nB: 2\t\r\nC:\r\nD: 4\r\n" END,
	   GET HOST "A: 1\r\nB: 2\r\nC:\r\nD: 4\r\n" ADDED),
	OK(lines_are_copied_in_runs,
	   GET HOST "A: 1\r\nConnection: x-b\r\nC: 2\r\nD:3\r\nE: 4\r\nX-B: 5\r\nTE: x\r\n"
	   "F: 6\r\n" END,
	   GET HOST "A: 1\r\nC: 2\r\nD: 3\r\nE: 4\r\nF: 6\r\n" ADDED),
	OK(a_line_that_ends_the_head, GET HOST "Connection: close\r\n" END, GET HOST ADDED),
	OK(host_in_lower_case_is_kept, GET "host: a\r\nA: 1\r\n" END,
	   GET "host: a\r\nA: 1\r\n" ADDED),
	OK(host_without_space, GET "Host:a\r\nA: 1\r\n" END, GET HOST "A: 1\r\n" ADDED),
	OK(tab_before_a_value_is_a_space, GET "Host:\ta\r\nA:\t1\r\n" END,
	   GET HOST "A: 1\r\n" ADDED),
	OK(obs_text_is_kept, GET HOST "A: \303\251\r\n" END, GET HOST "A: \303\251\r\n" ADDED),
	OK(extension_method, "PURGE /x HTTP/1.1\r\n" HOST END, "PURGE /x HTTP/1.1\r\n" HOST ADDED),

	/* request target and Host */
	OK(path_and_query, "GET /a/../b?c=%2e HTTP/1.1\r\n" HOST END,
	   "GET /a/../b?c=%2e HTTP/1.1\r\n" HOST ADDED),
	OK(absolute_becomes_origin, "GET http://b:81/x?y HTTP/1.1\r\n" HOST END,
	   "GET /x?y HTTP/1.1\r\nHost: b:81\r\n" ADDED),
	OK(absolute_without_path, "GET http://b HTTP/1.1\r\n" HOST END,
	   "GET / HTTP/1.1\r\nHost: b\r\n" ADDED),
	OK(absolute_with_query_only, "GET http://b?q HTTP/1.1\r\n" HOST END,
	   "GET /?q HTTP/1.1\r\nHost: b\r\n" ADDED),
	OK(asterisk, "OPTIONS * HTTP/1.1\r\n" HOST END, "OPTIONS * HTTP/1.1\r\n" HOST ADDED),
	OK(absolute_options_becomes_asterisk, "OPTIONS http://b HTTP/1.1\r\n" HOST END,
	   "OPTIONS * HTTP/1.1\r\nHost: b\r\n" ADDED),
	OK(absolute_options_with_path, "OPTIONS http://b/ HTTP/1.1\r\n" HOST END,
	   "OPTIONS / HTTP/1.1\r\nHost: b\r\n" ADDED),
	OK(http_10_gets_a_host, "GET / HTTP/1.0\r\n" END,
	   "GET / HTTP/1.1\r\nHost: origin:8080\r\nVia: 1.0 weir\r\n"
	   "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\n"),
	OK(http_10_keeps_its_host, "GET / HTTP/1.0\r\n" HOST END,
	   "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 weir\r\n"
	   "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\n"),

	/* hop by hop */
	OK(connection_is_dropped, GET HOST "Connection: close\r\nA: 1\r\n" END,
	   GET HOST "A: 1\r\n" ADDED),
	OK(keep_alive_is_dropped, GET HOST "Connection: keep-alive\r\nKeep-Alive: 5\r\n" END,
	   GET HOST ADDED),
	OK(proxy_fields_are_dropped, GET HOST "Proxy-Connection: keep-alive\r\n"
	   "Proxy-Authorization: Basic x\r\nAuthorization: Basic y\r\n" END,
	   GET HOST "Authorization: Basic y\r\n" ADDED),
	OK(nominated_are_dropped, GET HOST "X-Hop: 1\r\nX-End: 2\r\nX-HOP: 3\r\n"
	   "Connection: x-hop, x-absent\r\n" END, GET HOST "X-End: 2\r\n" ADDED),
	OK(known_fields_cannot_be_nominated, GET HOST "Cookie: c\r\nAuthorization: d\r\n"
	   "X-Forwarded-For: e\r\nConnection: cookie, authorization, host, x-forwarded-for, via\r\n"
	   "Via: 1.1 f\r\nForwarded: for=g\r\nConnection: forwarded\r\n" END,
	   GET HOST "Cookie: c\r\nAuthorization: d\r\nVia: 1.1 f\r\nForwarded: for=g\r\n"
	   "Via: 1.1 weir\r\n"
	   "X-Forwarded-For: e, 10.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\n"),
	OK(length_cannot_be_nominated,
	   GET HOST "Content-Length: 5\r\nConnection: Content-Length\r\n" END,
	   GET HOST "Content-Length: 5\r\n" ADDED),
	OK(upgrade_is_dropped, GET HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n" END,
	   GET HOST ADDED),
	OK(h2c_is_dropped, GET HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
	   "HTTP2-Settings: AAMA\r\n" END, GET HOST ADDED),
	OK(te_trailers_is_renewed, GET HOST "TE: gzip, trailers\r\nConnection: TE\r\n" END,
	   GET HOST "Connection: TE\r\nTE: trailers\r\n" ADDED),
	OK(te_gzip_is_dropped, GET HOST "TE: gzip\r\nConnection: TE\r\n" END, GET HOST ADDED),

	/* framing */
	OK(length, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0012\r\nA: 1\r\n" END,
	   "POST / HTTP/1.1\r\n" HOST "Content-Length: 12\r\nA: 1\r\n" ADDED),
	OK(length_zero, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n" END,
	   "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n" ADDED),
	OK(length_largest, "POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775807\r\n" END,
	   "POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775807\r\n" ADDED),
	OK(chunked, "POST / HTTP/1.1\r\n" HOST "TRANSFER-ENCODING: CHUNKED\r\nTrailer: X\r\n" END,
	   "POST / HTTP/1.1\r\n" HOST "Trailer: X\r\nTransfer-Encoding: chunked\r\n" ADDED),
	OK(trailer_without_chunks_is_dropped, GET HOST "Trailer: X\r\n" END, GET HOST ADDED),
	OK(expect, GET HOST "Expect: 100-continue\r\nContent-Length: 1\r\n" END,
	   GET HOST "Expect: 100-continue\r\nContent-Length: 1\r\n" ADDED),
	OK(expect_without_body_is_dropped, GET HOST "Expect: 100-continue\r\n" END, GET HOST ADDED),

	/* added */
	OK(via_is_appended, GET HOST "Via: 1.0 x\r\n" END, GET HOST "Via: 1.0 x\r\n" ADDED),
	OK(forwarded_for_is_joined, GET HOST "X-Forwarded-For: 1.2.3.4\r\nA: 1\r\n"
	   "x-forwarded-for: 5.6.7.8, ::1\r\nX-Forwarded-For:\r\n" END,
	   GET HOST "A: 1\r\nVia: 1.1 weir\r\nX-Forwarded-For: 1.2.3.4, 5.6.7.8, ::1, 10.0.0.1\r\n"
	   "X-Forwarded-Proto: http\r\n\r\n"),
	OK(forwarded_is_left_alone, GET HOST "Forwarded: for=\"\r\nA: 1\r\nforwarded: b\r\n" END,
	   GET HOST "Forwarded: for=\"\r\nA: 1\r\nforwarded: b\r\n" ADDED),
	OK(forwarded_proto_is_replaced, GET HOST "X-Forwarded-Proto: https\r\n" END,
	   GET HOST ADDED),
	OK(max_forwards_counts_down, "OPTIONS / HTTP/1.1\r\n" HOST "Max-Forwards: 10\r\n" END,
	   "OPTIONS / HTTP/1.1\r\n" HOST "Max-Forwards: 9\r\n" ADDED),
	OK(max_forwards_stays_zero, "OPTIONS / HTTP/1.1\r\n" HOST "Max-Forwards: 0\r\n" END,
	   "OPTIONS / HTTP/1.1\r\n" HOST "Max-Forwards: 0\r\n" ADDED),
	OK(max_forwards_of_get_is_kept, GET HOST "Max-Forwards: 10\r\n" END,
	   GET HOST "Max-Forwards: 10\r\n" ADDED),
	TEST(nothing_added),
	TEST(forwarded_is_added),
	TEST(forwarded_is_joined),
	TEST(malformed_forwarded_is_dropped),
	TEST(received_is_replaced_when_told),
	TEST(forwarded_alone),
	TEST(host_left_empty),
	TEST(expect_is_dropped_when_answered),
	TEST(upgrade_is_forwarded_when_told),
	TEST(close_is_said_when_told),
	TEST(replies),
	TEST(hop_by_hop_fields_of_replies),
	TEST(framing_of_replies),
	TEST(replies_without_body),
	TEST(date_is_added_once),
};

SUITE(forward, cases, run_forward);

// SPDX-License-Identifier: GPL-2.0-only
/* Request heads: what is understood, what is refused and with which error. */
#include "feed.h"

#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define END "\r\n"

/* What a plain GET / with Host: a and anything harmless comes to. */
#define PLAIN "1:GET origin [/] host=a 1.1 none keepalive"

static void run_request(const struct test_case *test)
{
	static const struct head_kind kind;

	check_head(&kind, test->in, test->len, test->error, test->expect);
}

static void check_text(const struct head_kind *kind, const char *text, enum http_error error)
{
	check_head(kind, text, strlen(text), error, NULL);
}

/* Put one byte into the middle of a message, for each of the 256. */
static void each_byte(const char *before, const char *after, bool (*valid)(int),
		      enum http_error error, const char *tolerated)
{
	static const struct head_kind kind;
	char text[256];

	for (int byte = 0; byte < 256; byte++) {
		size_t len = strlen(before);

		if (byte && strchr(tolerated, byte))
			continue;
		memcpy(text, before, len);
		text[len++] = byte;
		memcpy(text + len, after, strlen(after));
		len += strlen(after);
		check_head(&kind, text, len, valid(byte) ? HTTP_OK : error, NULL);
	}
}

static bool is_value_byte(int byte)
{
	return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

static bool is_target_byte(int byte)
{
	return byte > 0x20 && byte < 0x7f && byte != '#';
}

/* RFC 3986: unreserved and sub-delims. */
static bool is_host_byte(int byte)
{
	return byte < 128 && byte && (isalnum(byte) || strchr("-._~!$&'()*+,;=", byte));
}

static void every_byte_in_method(const struct test_case *test)
{
	each_byte("GE", "T / HTTP/1.1\r\nHost: a\r\n\r\n", is_tchar, HTTP_ERR_METHOD, " ");
}

static void every_byte_in_name(const struct test_case *test)
{
	each_byte("GET / HTTP/1.1\r\nHost: a\r\nX", "y: z\r\n\r\n", is_tchar,
		  HTTP_ERR_FIELD_NAME, ":");
}

static void every_byte_first_in_name(const struct test_case *test)
{
	each_byte("GET / HTTP/1.1\r\nHost: a\r\n", "y: z\r\n\r\n", is_tchar,
		  HTTP_ERR_FIELD_NAME, " \t\r\n");
}

static void every_byte_in_value(const struct test_case *test)
{
	each_byte("GET / HTTP/1.1\r\nHost: a\r\nX: y", "z\r\n\r\n", is_value_byte,
		  HTTP_ERR_FIELD_VALUE, "\r\n");
}

/* Where the word-wise scan is in use: at each place in eight bytes. */
static void every_byte_in_long_value(const struct test_case *test)
{
	char before[64] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";

	for (int i = 0; i < 9; i++) {
		strcat(before, "v");
		each_byte(before, "0123456789abcdef\r\n\r\n", is_value_byte,
			  HTTP_ERR_FIELD_VALUE, "\r\n");
	}
}

static void every_byte_in_target(const struct test_case *test)
{
	char before[64] = "GET /";

	for (int i = 0; i < 9; i++) {
		strcat(before, "p");
		each_byte(before, "0123456789abcdef HTTP/1.1\r\nHost: a\r\n\r\n", is_target_byte,
			  HTTP_ERR_TARGET, " \r\n");
	}
}

/*
 * Each byte at one place of a host, which ends neither before nor behind it. A
 * control byte is refused before Host is looked at.
 */
static void each_byte_in_host(char *text, size_t len, size_t at)
{
	static const struct head_kind kind;
	char before = text[at];

	for (int byte = 0; byte < 256; byte++) {
		enum http_error error = is_host_byte(byte) ? HTTP_OK : HTTP_ERR_HOST;

		if (byte == '\r')
			error = HTTP_ERR_BARE_CR;
		else if (byte == '\n')
			error = HTTP_ERR_BARE_LF;
		else if (!is_value_byte(byte))
			error = HTTP_ERR_FIELD_VALUE;
		text[at] = byte;
		check_head(&kind, text, len, error, NULL);
	}
	text[at] = before;
}

static void every_byte_in_host(const struct test_case *test)
{
	char text[] = GET "Host: a?b\r\n" END;

	each_byte_in_host(text, sizeof(text) - 1, strlen(GET "Host: a"));
}

/* Where hosts are looked at by words: at each place in eight bytes, and where two overlap. */
static void every_byte_in_long_host(const struct test_case *test)
{
	char text[] = GET "Host: gggggggggggg\r\n" END;

	for (size_t at = 1; at < 11; at++)
		each_byte_in_host(text, sizeof(text) - 1, strlen(GET "Host: ") + at);
}

/* No byte between name and colon is forgiven: a token byte makes another name. */
static void every_byte_before_colon(const struct test_case *test)
{
	static const struct head_kind kind;
	char text[] = GET "Host?: a\r\n" END;

	for (int byte = 0; byte < 256; byte++) {
		enum http_error error = is_tchar(byte) ? HTTP_ERR_HOST_MISSING :
							 HTTP_ERR_FIELD_NAME;

		if (byte == ':')
			error = HTTP_ERR_HOST;
		text[strlen(GET "Host")] = byte;
		check_head(&kind, text, sizeof(text) - 1, error, NULL);
	}
}

/* A request whose target has so many bytes. */
static void request_with_target(char *text, size_t len)
{
	sprintf(text, "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", (int)len - 1, 0);
}

static void uri_length_at_bound(const struct test_case *test)
{
	struct head_kind kind = { .limits = { .uri_length = 20 } };
	char text[128];

	request_with_target(text, 20);
	check_text(&kind, text, HTTP_OK);
	request_with_target(text, 21);
	check_text(&kind, text, HTTP_ERR_URI_LENGTH);
}

static void header_total_at_bound(const struct test_case *test)
{
	static const char text[] = GET HOST "X-Long: value\r\n" END;
	struct head_kind kind = { .limits = { .header_total = sizeof(text) - 1 } };

	check_text(&kind, text, HTTP_OK);
	kind.limits.header_total--;
	check_text(&kind, text, HTTP_ERR_HEADER_TOTAL);
}

static void header_total_at_every_byte(const struct test_case *test)
{
	static const char text[] = GET HOST "X-Long: value\r\n" END;

	for (u32 total = 1; total < sizeof(text) - 1; total++) {
		struct head_kind kind = { .limits = { .header_total = total } };

		check_text(&kind, text, total <= 5 ? HTTP_ERR_URI_LENGTH : HTTP_ERR_HEADER_TOTAL);
	}
}

static void header_total_in_target(const struct test_case *test)
{
	struct head_kind kind = { .limits = { .header_total = 64 } };
	char text[256];

	request_with_target(text, 100);
	check_text(&kind, text, HTTP_ERR_URI_LENGTH);
}

/* Offsets are 16 bits wide, whatever the limit says. */
static void header_total_at_65535(const struct test_case *test)
{
	static char text[HTTP_HEAD_MAX + 2];
	struct head_kind kind = { .limits = { .header_total = U32_MAX } };
	static const char start[] = GET HOST "X: ";
	struct http_field fields[TEST_FIELDS];
	struct http_head head;

	memset(text, 'x', sizeof(text));
	memcpy(text, start, sizeof(start) - 1);
	memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
	parse_head(&head, &kind, fields, (u8 *)text, sizeof(text));
	CHECK(head.length == HTTP_HEAD_MAX, "length %u", head.length);
	memset(text + HTTP_HEAD_MAX - 4, 'x', 4);
	http_request_init(&head, &kind.limits, fields, TEST_FIELDS);
	CHECK(http_head_parse(&head, (u8 *)text, sizeof(text)) == HTTP_ERROR, "accepted");
	CHECK(head.error == HTTP_ERR_HEADER_TOTAL, "%s", http_text_of(head.error));
}

static void header_count_at_bound(const struct test_case *test)
{
	static const char text[] = GET HOST "X: 1\r\nX: 2\r\nX: 3\r\n" END;
	struct head_kind kind = { .limits = { .header_count = 4 } };

	check_text(&kind, text, HTTP_OK);
	kind.limits.header_count = 3;
	check_text(&kind, text, HTTP_ERR_HEADER_COUNT);
}

static void header_count_at_capacity(const struct test_case *test)
{
	static const char text[] = GET HOST "X: 1\r\nX: 2\r\nX: 3\r\n" END;
	struct head_kind kind = { .limits = { .header_count = 1000 }, .capacity = 4 };

	check_text(&kind, text, HTTP_OK);
	kind.capacity = 3;
	check_text(&kind, text, HTTP_ERR_HEADER_COUNT);
}

static void body_length_at_bound(const struct test_case *test)
{
	struct head_kind kind = { .limits = { .body_length = 100 } };

	check_text(&kind, POST HOST "Content-Length: 100\r\n" END, HTTP_OK);
	check_text(&kind, POST HOST "Content-Length: 101\r\n" END, HTTP_ERR_BODY_LENGTH);
	check_text(&kind, POST HOST "Content-Length: 0\r\n" END, HTTP_OK);
}

static void connection_options_at_bound(const struct test_case *test)
{
	static const struct head_kind kind;
	char text[256] = GET HOST "Connection: close";

	for (int i = 0; i < HTTP_NOMINATED_MAX; i++)
		strcat(text, ", x");
	strcat(text, "\r\n");
	strcat(text, END);
	check_text(&kind, text, HTTP_OK);
	sprintf(text + strlen(text) - strlen(END), "Connection: y\r\n" END);
	check_text(&kind, text, HTTP_ERR_CONNECTION);
}

static void method_length_at_bound(const struct test_case *test)
{
	static const struct head_kind kind;
	char text[128];

	sprintf(text, "%0*d / HTTP/1.1\r\n" HOST END, HTTP_METHOD_MAX, 0);
	check_text(&kind, text, HTTP_OK);
	sprintf(text, "%0*d / HTTP/1.1\r\n" HOST END, HTTP_METHOD_MAX + 1, 0);
	check_text(&kind, text, HTTP_ERR_METHOD_LENGTH);
}

/* All that is left out of the head is still to come. */
static void more_until_the_last_byte(const struct test_case *test)
{
	static const char text[] = "\r\n" GET HOST "X:\r\n" END;
	struct http_field fields[TEST_FIELDS];
	struct http_head head;

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		http_request_init(&head, &no_limits, fields, TEST_FIELDS);
		CHECK(http_head_parse(&head, (const u8 *)text, len) == HTTP_MORE,
		      "verdict after %zu bytes", len);
		CHECK(http_head_started(&head) == (len > 2), "started after %zu bytes", len);
	}
}

static void pipelined_head_ends_where_it_ends(const struct test_case *test)
{
	static const char text[] = GET HOST END "POST /next";
	struct http_field fields[TEST_FIELDS];
	struct http_head head;
	static const struct head_kind kind;

	parse_head(&head, &kind, fields, (const u8 *)text, sizeof(text) - 1);
	CHECK(head.length == strlen(GET HOST END), "length %u", head.length);
}

static void fields_are_found(const struct test_case *test)
{
	static const char text[] = GET HOST "coOkie: b=1 \r\nX-A:\t\t\r\nDATE:x\r\n" END;
	const u8 *buf = (const u8 *)text;
	static const struct head_kind kind;
	struct http_field fields[TEST_FIELDS];
	const struct http_field *field;
	struct http_head head;

	parse_head(&head, &kind, fields, buf, sizeof(text) - 1);
	CHECK(head.n_fields == 4, "%u fields", head.n_fields);
	field = http_head_find(&head, HTTP_FIELD_COOKIE);
	CHECK(field == &fields[1], "Cookie not found");
	CHECK(field->value.len == 3 && !memcmp(buf + field->value.off, "b=1", 3), "Cookie value");
	CHECK(fields[2].id == HTTP_FIELD_OTHER && !fields[2].value.len, "empty value");
	CHECK(http_head_find(&head, HTTP_FIELD_DATE) == &fields[3], "Date not found");
	CHECK(!http_head_find(&head, HTTP_FIELD_VIA), "Via found");
}

static void field_ids_ignore_case(const struct test_case *test)
{
	static const struct {
		const char *name;
		enum http_field_id id;
	} names[] = {
		{ "Host", HTTP_FIELD_HOST },
		{ "connectioN", HTTP_FIELD_CONNECTION },
		{ "Content-Length", HTTP_FIELD_CONTENT_LENGTH },
		{ "TRANSFER-ENCODING", HTTP_FIELD_TRANSFER_ENCODING },
		{ "expect", HTTP_FIELD_EXPECT },
		{ "Upgrade", HTTP_FIELD_UPGRADE },
		{ "tE", HTTP_FIELD_TE },
		{ "Trailer", HTTP_FIELD_TRAILER },
		{ "Keep-Alive", HTTP_FIELD_KEEP_ALIVE },
		{ "Proxy-Connection", HTTP_FIELD_PROXY_CONNECTION },
		{ "Proxy-Authenticate", HTTP_FIELD_PROXY_AUTHENTICATE },
		{ "Proxy-Authorization", HTTP_FIELD_PROXY_AUTHORIZATION },
		{ "Max-Forwards", HTTP_FIELD_MAX_FORWARDS },
		{ "Via", HTTP_FIELD_VIA },
		{ "X-Forwarded-For", HTTP_FIELD_X_FORWARDED_FOR },
		{ "X-Forwarded-Proto", HTTP_FIELD_X_FORWARDED_PROTO },
		{ "forwarDED", HTTP_FIELD_FORWARDED },
		{ "Date", HTTP_FIELD_DATE },
		{ "Set-Cookie", HTTP_FIELD_SET_COOKIE },
		{ "Cookie", HTTP_FIELD_COOKIE },
		{ "Authorization", HTTP_FIELD_AUTHORIZATION },
		{ "Cache-Control", HTTP_FIELD_CACHE_CONTROL },
		{ "Content-Type", HTTP_FIELD_CONTENT_TYPE },
		{ "Content-Encoding", HTTP_FIELD_CONTENT_ENCODING },
		{ "Content-Range", HTTP_FIELD_CONTENT_RANGE },
		{ "User-Agent", HTTP_FIELD_USER_AGENT },
		{ "X-HTTP-Method", HTTP_FIELD_X_HTTP_METHOD },
		{ "x-http-method-Override", HTTP_FIELD_X_HTTP_METHOD_OVERRIDE },
		{ "X-Method-Override", HTTP_FIELD_X_METHOD_OVERRIDE },
		{ "Hos", HTTP_FIELD_OTHER },
		{ "Hosts", HTTP_FIELD_OTHER },
		{ "Content_Length", HTTP_FIELD_OTHER },
		{ "\354ookie", HTTP_FIELD_OTHER },
		{ "Transfer-Encodinh", HTTP_FIELD_OTHER },
		{ "X-A-Name-Longer-Than-All-Others", HTTP_FIELD_OTHER },
	};

	CHECK(ARRAY_SIZE(names) >= HTTP_FIELD_COUNT, "a known field is not tested");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		enum http_field_id id = http_field_id((const u8 *)names[i].name,
						      strlen(names[i].name));

		CHECK(id == names[i].id, "%s is %d", names[i].name, id);
	}
}

static void nominated_fields(const struct test_case *test)
{
	static const char text[] = GET HOST "X-Hop: 1\r\nX-End: 2\r\nCookie: 3\r\n"
		"Connection: x-hop, cookie, close, host\r\nX-HOP: 4\r\nConnection: X-None\r\n" END;
	static const bool nominated[] = { false, true, false, false, false, true, false };
	static const struct head_kind kind;
	struct http_field fields[TEST_FIELDS];
	struct http_head head;

	parse_head(&head, &kind, fields, (const u8 *)text, sizeof(text) - 1);
	CHECK(head.n_fields == ARRAY_SIZE(nominated), "%u fields", head.n_fields);
	for (u16 i = 0; i < head.n_fields; i++)
		CHECK(!!(fields[i].flags & HTTP_FIELD_NOMINATED) == nominated[i], "field %u", i);
}

/* Every error has a status a client may get, and a text of its own. */
static void errors_have_status_and_text(const struct test_case *test)
{
	for (int error = HTTP_OK + 1; error < HTTP_ERR_COUNT; error++) {
		u16 status = http_status_of(error);

		CHECK(status == 400 || status == 413 || status == 414 || status == 417 ||
		      status == 431 || status == 501 || status == 502 || status == 505,
		      "error %d: status %u", error, status);
		CHECK(http_text_of(error), "error %d: no text", error);
		CHECK(strcmp(http_reason(status), "Unknown"), "status %u: no reason", status);
		for (int other = HTTP_OK; other < error; other++)
			CHECK(strcmp(http_text_of(error), http_text_of(other)),
			      "errors %d and %d: same text", error, other);
	}
}

static const struct test_case cases[] = {
	/* request line */
	OK(get, GET HOST END, PLAIN),
	OK(head, "HEAD / HTTP/1.1\r\n" HOST END, "2:HEAD origin [/] host=a 1.1 none keepalive"),
	OK(post, POST HOST END, "3:POST origin [/] host=a 1.1 none keepalive"),
	OK(put, "PUT /x HTTP/1.1\r\n" HOST END, "4:PUT origin [/x] host=a 1.1 none keepalive"),
	OK(delete, "DELETE /x HTTP/1.1\r\n" HOST END,
	   "5:DELETE origin [/x] host=a 1.1 none keepalive"),
	OK(options, "OPTIONS /x HTTP/1.1\r\n" HOST END,
	   "7:OPTIONS origin [/x] host=a 1.1 none keepalive"),
	OK(trace, "TRACE / HTTP/1.1\r\n" HOST END, "8:TRACE origin [/] host=a 1.1 none keepalive"),
	OK(patch, "PATCH / HTTP/1.1\r\n" HOST END, "9:PATCH origin [/] host=a 1.1 none keepalive"),
	OK(extension_method, "PROPFIND / HTTP/1.1\r\n" HOST END,
	   "0:PROPFIND origin [/] host=a 1.1 none keepalive"),
	OK(method_is_case_sensitive, "get / HTTP/1.1\r\n" HOST END,
	   "0:get origin [/] host=a 1.1 none keepalive"),
	OK(odd_token_method, "!#$%&'*+-.^_`|~09 / HTTP/1.1\r\n" HOST END,
	   "0:!#$%&'*+-.^_`|~09 origin [/] host=a 1.1 none keepalive"),
	OK(method_prefix, "GE / HTTP/1.1\r\n" HOST END,
	   "0:GE origin [/] host=a 1.1 none keepalive"),
	BAD(method_empty, " / HTTP/1.1\r\n" HOST END, HTTP_ERR_METHOD),
	BAD(method_tab, "GET\t/ HTTP/1.1\r\n" HOST END, HTTP_ERR_METHOD),
	BAD(method_colon, "GET: / HTTP/1.1\r\n" HOST END, HTTP_ERR_METHOD),
	BAD(method_nul, "G\0T / HTTP/1.1\r\n" HOST END, HTTP_ERR_METHOD),
	BAD(method_high, "G\303\211T / HTTP/1.1\r\n" HOST END, HTTP_ERR_METHOD),
	BAD(method_alone, "GET\r\n\r\n", HTTP_ERR_METHOD),
	BAD(tls_client_hello, "\026\003\001\002\000\001\000\001\374\003\003", HTTP_ERR_METHOD),
	BAD(connect, "CONNECT a:443 HTTP/1.1\r\n" HOST END, HTTP_ERR_CONNECT),
	BAD(connect_origin_form, "CONNECT /x HTTP/1.1\r\n" HOST END, HTTP_ERR_CONNECT),
	BAD(h2_preface, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_ERR_TARGET_FORM),
	TEST(method_length_at_bound),
	TEST(every_byte_in_method),

	/* empty lines before it */
	OK(one_leading_line, "\r\n" GET HOST END, PLAIN),
	OK(two_leading_lines, "\r\n\r\n" GET HOST END, PLAIN),
	BAD(three_leading_lines, "\r\n\r\n\r\n" GET HOST END, HTTP_ERR_LEADING_LINES),
	BAD(leading_bare_lf, "\n" GET HOST END, HTTP_ERR_BARE_LF),
	BAD(leading_bare_cr, "\r" GET HOST END, HTTP_ERR_BARE_CR),
	BAD(leading_crlf_lf, "\r\n\n" GET HOST END, HTTP_ERR_BARE_LF),
	BAD(leading_space, " " GET HOST END, HTTP_ERR_METHOD),
	BAD(leading_nul, "\0" GET HOST END, HTTP_ERR_METHOD),
	TEST(more_until_the_last_byte),

	/* target */
	OK(query, "GET /a/b?c=d&e HTTP/1.1\r\n" HOST END,
	   "1:GET origin [/a/b?c=d&e] host=a 1.1 none keepalive"),
	OK(double_slash, "GET //evil/x HTTP/1.1\r\n" HOST END,
	   "1:GET origin [//evil/x] host=a 1.1 none keepalive"),
	OK(dot_segments_untouched, "GET /../%2e%2E/x HTTP/1.1\r\n" HOST END,
	   "1:GET origin [/../%2e%2E/x] host=a 1.1 none keepalive"),
	OK(browser_bytes, "GET /x?a=[1]{2}|^`\"<>\\ HTTP/1.1\r\n" HOST END,
	   "1:GET origin [/x?a=[1]{2}|^`\"<>\\] host=a 1.1 none keepalive"),
	OK(long_target, "GET /0123456789abcdef0123456789abcdef HTTP/1.1\r\n" HOST END,
	   "1:GET origin [/0123456789abcdef0123456789abcdef] host=a 1.1 none keepalive"),
	OK(asterisk, "OPTIONS * HTTP/1.1\r\n" HOST END,
	   "7:OPTIONS asterisk [] host=a 1.1 none keepalive"),
	OK(absolute, "GET http://b/x HTTP/1.1\r\nHost: b\r\n" END,
	   "1:GET absolute [/x] host=b 1.1 none keepalive"),
	OK(absolute_upper_case, "GET HTTP://B/x HTTP/1.1\r\nHost: b\r\n" END,
	   "1:GET absolute [/x] host=B 1.1 none keepalive"),
	OK(absolute_https, "GET https://b:443/x?y HTTP/1.1\r\nHost: b:443\r\n" END,
	   "1:GET absolute [/x?y] host=b:443 1.1 none keepalive"),
	OK(absolute_no_path, "GET http://b HTTP/1.1\r\nHost: b\r\n" END,
	   "1:GET absolute [] host=b 1.1 none keepalive"),
	OK(absolute_query_only, "GET http://b?q HTTP/1.1\r\nHost: b\r\n" END,
	   "1:GET absolute [?q] host=b 1.1 none keepalive"),
	OK(absolute_wins_over_host, "GET http://b/ HTTP/1.1\r\n" HOST END,
	   "1:GET absolute [/] host=b 1.1 none keepalive mismatch"),
	OK(absolute_in_10_without_host, "GET http://b/ HTTP/1.0\r\n" END,
	   "1:GET absolute [/] host=b 1.0 none"),
	OK(absolute_ipv6, "GET http://[::1]:80/ HTTP/1.1\r\nHost: [::1]:80\r\n" END,
	   "1:GET absolute [/] host=[::1]:80 1.1 none keepalive"),
	OK(absolute_options, "OPTIONS http://b HTTP/1.1\r\nHost: b\r\n" END,
	   "7:OPTIONS absolute [] host=b 1.1 none keepalive"),
	BAD(asterisk_get, "GET * HTTP/1.1\r\n" HOST END, HTTP_ERR_TARGET_FORM),
	BAD(asterisk_and_more, "OPTIONS *x HTTP/1.1\r\n" HOST END, HTTP_ERR_TARGET_FORM),
	BAD(target_empty, "GET  HTTP/1.1\r\n" HOST END, HTTP_ERR_TARGET),
	BAD(target_two_spaces, "GET  / HTTP/1.1\r\n" HOST END, HTTP_ERR_TARGET),
	BAD(target_relative, "GET x/y HTTP/1.1\r\n" HOST END, HTTP_ERR_TARGET_FORM),
	BAD(target_query_only, "GET ?x HTTP/1.1\r\n" HOST END, HTTP_ERR_TARGET_FORM),
	BAD(target_authority_form, "GET b:80 HTTP/1.1\r\n" HOST END, HTTP_ERR_TARGET_FORM),
	BAD(target_other_scheme, "GET ftp://b/ HTTP/1.1\r\n" HOST END, HTTP_ERR_TARGET_FORM),
	BAD(target_scheme_without_slashes, "GET http:/b/ HTTP/1.1\r\n" HOST END,
	    HTTP_ERR_TARGET_FORM),
	BAD(target_empty_authority, "GET http:///x HTTP/1.1\r\n" HOST END, HTTP_ERR_HOST),
	BAD(target_user_info, "GET http://u@b/ HTTP/1.1\r\n" HOST END, HTTP_ERR_HOST),
	BAD(target_user_password, "GET http://u:p@b/ HTTP/1.1\r\n" HOST END, HTTP_ERR_HOST),
	BAD(target_authority_backslash, "GET http://a\\b/ HTTP/1.1\r\n" HOST END, HTTP_ERR_HOST),
	BAD(target_fragment, "GET /x#y HTTP/1.1\r\n" HOST END, HTTP_ERR_TARGET),
	BAD(target_nul, "GET /\0 HTTP/1.1\r\n" HOST END, HTTP_ERR_TARGET),
	BAD(target_tab, "GET /\tx HTTP/1.1\r\n" HOST END, HTTP_ERR_TARGET),
	BAD(target_utf8, "GET /\303\251 HTTP/1.1\r\n" HOST END, HTTP_ERR_TARGET),
	BAD(target_del, "GET /\177 HTTP/1.1\r\n" HOST END, HTTP_ERR_TARGET),
	BAD(target_space_inside, "GET /a b HTTP/1.1\r\n" HOST END, HTTP_ERR_VERSION),
	TEST(uri_length_at_bound),
	TEST(every_byte_in_target),

	/* version */
	OK(http_10, "GET / HTTP/1.0\r\n" END, "1:GET origin [/] host= 1.0 none"),
	OK(http_10_with_host, "GET / HTTP/1.0\r\n" HOST END, "1:GET origin [/] host=a 1.0 none"),
	BAD(http_09, "GET /\r\n", HTTP_ERR_VERSION),
	BAD(http_09_bare_lf, "GET /\n", HTTP_ERR_VERSION),
	BAD(version_09, "GET / HTTP/0.9\r\n" HOST END, HTTP_ERR_VERSION_UNSUPPORTED),
	BAD(version_12, "GET / HTTP/1.2\r\n" HOST END, HTTP_ERR_VERSION_UNSUPPORTED),
	BAD(version_20, "GET / HTTP/2.0\r\n" HOST END, HTTP_ERR_VERSION_UNSUPPORTED),
	BAD(version_2, "GET / HTTP/2\r\n" HOST END, HTTP_ERR_VERSION),
	BAD(version_lower_case, "GET / http/1.1\r\n" HOST END, HTTP_ERR_VERSION),
	BAD(version_two_digits, "GET / HTTP/1.11\r\n" HOST END, HTTP_ERR_VERSION),
	BAD(version_leading_zero, "GET / HTTP/01.1\r\n" HOST END, HTTP_ERR_VERSION),
	BAD(version_no_dot, "GET / HTTP/11\r\n" HOST END, HTTP_ERR_VERSION),
	BAD(version_letters, "GET / HTTP/x.y\r\n" HOST END, HTTP_ERR_VERSION),
	BAD(version_comma, "GET / HTTP/1,1\r\n" HOST END, HTTP_ERR_VERSION),
	BAD(version_other_protocol, "GET / HTTPS/1.1\r\n" HOST END, HTTP_ERR_VERSION),
	BAD(version_two_spaces, "GET /  HTTP/1.1\r\n" HOST END, HTTP_ERR_VERSION),
	BAD(version_trailing_space, "GET / HTTP/1.1 \r\n" HOST END, HTTP_ERR_VERSION),
	BAD(version_trailing_tab, "GET / HTTP/1.1\t\r\n" HOST END, HTTP_ERR_VERSION),
	BAD(version_bare_lf, "GET / HTTP/1.1\n" HOST END, HTTP_ERR_BARE_LF),
	BAD(version_bare_cr, "GET / HTTP/1.1\r" HOST END, HTTP_ERR_BARE_CR),
	BAD(version_cr_cr_lf, "GET / HTTP/1.1\r\r\n" HOST END, HTTP_ERR_BARE_CR),
	BAD(version_nul, "GET / HTTP/1.1\0\r\n" HOST END, HTTP_ERR_VERSION),

	/* field lines */
	OK(no_space_after_colon, GET "Host:a\r\n" END, PLAIN),
	OK(white_space_around_value, GET "Host: \t a\t \r\n" END, PLAIN),
	OK(empty_value, GET HOST "X:\r\n" END, PLAIN),
	OK(blank_value, GET HOST "X: \t \r\n" END, PLAIN),
	OK(tab_inside_value, GET HOST "X: a\tb\r\n" END, PLAIN),
	OK(obs_text, GET HOST "X: \200\377\303\251\r\n" END, PLAIN),
	OK(colon_in_value, GET HOST "X: :a:b:\r\n" END, PLAIN),
	OK(odd_token_name, GET HOST "!#$%&'*+-.^_`|~09aZ: x\r\n" END, PLAIN),
	OK(long_value, GET HOST
	   "X: 0123456789 abcdefghijklmnop \t qrstuvwxyz 0123456789 \200\r\n" END, PLAIN),
	BAD(space_before_colon, GET "Host : a\r\n" END, HTTP_ERR_FIELD_NAME),
	BAD(tab_before_colon, GET "Host\t: a\r\n" END, HTTP_ERR_FIELD_NAME),
	BAD(space_in_name, GET HOST "X Y: a\r\n" END, HTTP_ERR_FIELD_NAME),
	BAD(name_empty, GET HOST ": a\r\n" END, HTTP_ERR_FIELD_NAME),
	BAD(name_without_colon, GET HOST "X\r\n" END, HTTP_ERR_FIELD_NAME),
	BAD(name_nul, GET HOST "X\0: a\r\n" END, HTTP_ERR_FIELD_NAME),
	BAD(name_high, GET HOST "X\200: a\r\n" END, HTTP_ERR_FIELD_NAME),
	/* CR is what a hyphen is in upper case, to who folds carelessly. */
	BAD(name_cr_for_hyphen, GET HOST "Content\rLength: 5\r\n" END, HTTP_ERR_FIELD_NAME),
	BAD(name_cr_for_last_hyphen, GET HOST "X-Forwarded\rFor: a\r\n" END, HTTP_ERR_FIELD_NAME),
	BAD(name_slash, GET HOST "X/Y: a\r\n" END, HTTP_ERR_FIELD_NAME),
	BAD(name_bracket, GET HOST "[X]: a\r\n" END, HTTP_ERR_FIELD_NAME),
	BAD(fold_space, GET HOST "X: a\r\n b\r\n" END, HTTP_ERR_FOLD),
	BAD(fold_tab, GET HOST "X: a\r\n\tb\r\n" END, HTTP_ERR_FOLD),
	BAD(fold_before_first_field, GET " Host: a\r\n" END, HTTP_ERR_FOLD),
	BAD(fold_blank_line, GET HOST " \r\n" END, HTTP_ERR_FOLD),
	BAD(bare_lf_after_value, GET "Host: a\n" END, HTTP_ERR_BARE_LF),
	BAD(bare_lf_in_value, GET HOST "X: a\nY: b\r\n" END, HTTP_ERR_BARE_LF),
	BAD(bare_cr_in_value, GET HOST "X: a\rY: b\r\n" END, HTTP_ERR_BARE_CR),
	BAD(bare_cr_first_in_value, GET HOST "X: \rY: b\r\n" END, HTTP_ERR_BARE_CR),
	BAD(cr_cr_lf_after_value, GET HOST "X: a\r\r\n" END, HTTP_ERR_BARE_CR),
	BAD(bare_lf_at_end, GET HOST "\n", HTTP_ERR_BARE_LF),
	BAD(bare_cr_at_end, GET HOST "\rx", HTTP_ERR_BARE_CR),
	BAD(bare_cr_line, GET HOST "\r\r\n", HTTP_ERR_BARE_CR),
	BAD(nul_in_value, GET HOST "X: a\0b\r\n" END, HTTP_ERR_FIELD_VALUE),
	BAD(vertical_tab_in_value, GET HOST "X: a\vb\r\n" END, HTTP_ERR_FIELD_VALUE),
	BAD(form_feed_in_value, GET HOST "X: a\fb\r\n" END, HTTP_ERR_FIELD_VALUE),
	BAD(escape_in_value, GET HOST "X: \033[2J\r\n" END, HTTP_ERR_FIELD_VALUE),
	BAD(del_in_value, GET HOST "X: a\177\r\n" END, HTTP_ERR_FIELD_VALUE),
	TEST(header_total_at_bound),
	TEST(header_total_at_every_byte),
	TEST(header_total_in_target),
	TEST(header_total_at_65535),
	TEST(header_count_at_bound),
	TEST(header_count_at_capacity),
	TEST(every_byte_in_name),
	TEST(every_byte_first_in_name),
	TEST(every_byte_before_colon),
	TEST(every_byte_in_value),
	TEST(every_byte_in_long_value),
	TEST(pipelined_head_ends_where_it_ends),
	TEST(fields_are_found),
	TEST(field_ids_ignore_case),

	/* Host */
	OK(host_port, GET "Host: a.example:8080\r\n" END,
	   "1:GET origin [/] host=a.example:8080 1.1 none keepalive"),
	OK(host_empty_port, GET "Host: a:\r\n" END, "1:GET origin [/] host=a: 1.1 none keepalive"),
	OK(host_ipv4, GET "Host: 10.77.0.2\r\n" END,
	   "1:GET origin [/] host=10.77.0.2 1.1 none keepalive"),
	OK(host_ipv6, GET "Host: [fd77::2]:80\r\n" END,
	   "1:GET origin [/] host=[fd77::2]:80 1.1 none keepalive"),
	OK(host_ipv6_mapped, GET "Host: [::ffff:10.0.0.1]\r\n" END,
	   "1:GET origin [/] host=[::ffff:10.0.0.1] 1.1 none keepalive"),
	OK(host_percent, GET "Host: a%2Fb\r\n" END,
	   "1:GET origin [/] host=a%2Fb 1.1 none keepalive"),
	OK(host_underscore, GET "Host: a_b\r\n" END,
	   "1:GET origin [/] host=a_b 1.1 none keepalive"),
	OK(host_last, GET "X: y\r\nHost: a\r\n" END, PLAIN),
	BAD(host_missing, GET END, HTTP_ERR_HOST_MISSING),
	BAD(host_missing_absolute, "GET http://a/ HTTP/1.1\r\n" END, HTTP_ERR_HOST_MISSING),
	BAD(host_twice, GET HOST HOST END, HTTP_ERR_HOST_REPEATED),
	BAD(host_twice_http_10, "GET / HTTP/1.0\r\n" HOST HOST END, HTTP_ERR_HOST_REPEATED),
	BAD(host_twice_absolute, "GET http://a/ HTTP/1.1\r\n" HOST "Host: b\r\n" END,
	    HTTP_ERR_HOST_REPEATED),
	BAD(host_empty, GET "Host:\r\n" END, HTTP_ERR_HOST),
	BAD(host_empty_http_10, "GET / HTTP/1.0\r\nHost:\r\n" END, HTTP_ERR_HOST),
	BAD(host_port_only, GET "Host: :80\r\n" END, HTTP_ERR_HOST),
	BAD(host_two, GET "Host: a, b\r\n" END, HTTP_ERR_HOST),
	BAD(host_space, GET "Host: a b\r\n" END, HTTP_ERR_HOST),
	BAD(host_path, GET "Host: a/b\r\n" END, HTTP_ERR_HOST),
	BAD(host_query, GET "Host: a?b\r\n" END, HTTP_ERR_HOST),
	BAD(host_user, GET "Host: u@a\r\n" END, HTTP_ERR_HOST),
	BAD(host_scheme, GET "Host: http://a\r\n" END, HTTP_ERR_HOST),
	BAD(host_high, GET "Host: \303\251\r\n" END, HTTP_ERR_HOST),
	BAD(host_bad_percent, GET "Host: a%2g\r\n" END, HTTP_ERR_HOST),
	BAD(host_cut_percent, GET "Host: a%2\r\n" END, HTTP_ERR_HOST),
	BAD(host_port_letters, GET "Host: a:8o\r\n" END, HTTP_ERR_HOST),
	BAD(host_port_too_large, GET "Host: a:65536\r\n" END, HTTP_ERR_HOST),
	BAD(host_port_huge, GET "Host: a:99999999999999999999999\r\n" END, HTTP_ERR_HOST),
	BAD(host_two_ports, GET "Host: a:80:81\r\n" END, HTTP_ERR_HOST),
	BAD(host_ipv6_open, GET "Host: [::1\r\n" END, HTTP_ERR_HOST),
	BAD(host_ipv6_letters, GET "Host: [::g]\r\n" END, HTTP_ERR_HOST),
	BAD(host_ipv6_no_colon, GET "Host: [1]\r\n" END, HTTP_ERR_HOST),
	BAD(host_ipv6_empty, GET "Host: []\r\n" END, HTTP_ERR_HOST),
	BAD(host_ipv6_tail, GET "Host: [::1]x\r\n" END, HTTP_ERR_HOST),
	BAD(host_ipv6_bare, GET "Host: ::1\r\n" END, HTTP_ERR_HOST),
	TEST(every_byte_in_host),
	TEST(every_byte_in_long_host),

	/* Content-Length */
	OK(length, POST HOST "Content-Length: 5\r\n" END,
	   "3:POST origin [/] host=a 1.1 length=5 keepalive length"),
	OK(length_zero, POST HOST "Content-Length: 0\r\n" END,
	   "3:POST origin [/] host=a 1.1 none=0 keepalive length"),
	OK(length_leading_zeros, POST HOST "Content-Length: 0005\r\n" END,
	   "3:POST origin [/] host=a 1.1 length=5 keepalive length"),
	OK(length_on_get, GET HOST "content-length: 3\r\n" END,
	   "1:GET origin [/] host=a 1.1 length=3 keepalive length"),
	OK(length_http_10, "POST / HTTP/1.0\r\nContent-Length: 5\r\n" END,
	   "3:POST origin [/] host= 1.0 length=5 length"),
	OK(length_largest, POST HOST "Content-Length: 9223372036854775807\r\n" END,
	   "3:POST origin [/] host=a 1.1 length=9223372036854775807 keepalive length"),
	BAD(length_too_large, POST HOST "Content-Length: 9223372036854775808\r\n" END,
	    HTTP_ERR_LENGTH),
	BAD(length_overflow, POST HOST "Content-Length: 18446744073709551621\r\n" END,
	    HTTP_ERR_LENGTH),
	BAD(length_wraps_twice, POST HOST "Content-Length: 36893488147419103237\r\n" END,
	    HTTP_ERR_LENGTH),
	BAD(length_empty, POST HOST "Content-Length:\r\n" END, HTTP_ERR_LENGTH),
	BAD(length_plus, POST HOST "Content-Length: +5\r\n" END, HTTP_ERR_LENGTH),
	BAD(length_plus_behind, POST HOST "Content-Length: 5+\r\n" END, HTTP_ERR_LENGTH),
	BAD(length_minus, POST HOST "Content-Length: -5\r\n" END, HTTP_ERR_LENGTH),
	BAD(length_hex, POST HOST "Content-Length: 0x5\r\n" END, HTTP_ERR_LENGTH),
	BAD(length_float, POST HOST "Content-Length: 5.0\r\n" END, HTTP_ERR_LENGTH),
	BAD(length_space_inside, POST HOST "Content-Length: 5 0\r\n" END, HTTP_ERR_LENGTH),
	BAD(length_list_equal, POST HOST "Content-Length: 5, 5\r\n" END, HTTP_ERR_LENGTH),
	BAD(length_list, POST HOST "Content-Length: 5,6\r\n" END, HTTP_ERR_LENGTH),
	BAD(length_semicolon, POST HOST "Content-Length: 5;\r\n" END, HTTP_ERR_LENGTH),
	BAD(length_quoted, POST HOST "Content-Length: \"5\"\r\n" END, HTTP_ERR_LENGTH),
	BAD(length_twice, POST HOST "Content-Length: 5\r\nContent-Length: 6\r\n" END,
	    HTTP_ERR_LENGTH_REPEATED),
	BAD(length_twice_equal, POST HOST "Content-Length: 5\r\nContent-Length: 5\r\n" END,
	    HTTP_ERR_LENGTH_REPEATED),
	BAD(length_twice_zero, POST HOST "Content-Length: 0\r\nContent-Length: 0\r\n" END,
	    HTTP_ERR_LENGTH_REPEATED),
	TEST(body_length_at_bound),

	/* Transfer-Encoding */
	OK(chunked, POST HOST "Transfer-Encoding: chunked\r\n" END,
	   "3:POST origin [/] host=a 1.1 chunked keepalive coding"),
	OK(chunked_upper_case, POST HOST "TRANSFER-ENCODING: CHUNKED\r\n" END,
	   "3:POST origin [/] host=a 1.1 chunked keepalive coding"),
	BAD(chunked_and_length, POST HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" END,
	    HTTP_ERR_LENGTH_AND_CHUNKED),
	BAD(length_and_chunked, POST HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END,
	    HTTP_ERR_LENGTH_AND_CHUNKED),
	BAD(chunked_and_length_zero,
	    POST HOST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n" END,
	    HTTP_ERR_LENGTH_AND_CHUNKED),
	BAD(chunked_and_length_http_10,
	    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n" END,
	    HTTP_ERR_LENGTH_AND_CHUNKED),
	BAD(chunked_http_10, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" END,
	    HTTP_ERR_CODING_VERSION),
	BAD(coding_twice, POST HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"
	    END, HTTP_ERR_CODING),
	BAD(coding_twice_on_one_line, POST HOST "Transfer-Encoding: chunked, chunked\r\n" END,
	    HTTP_ERR_CODING),
	BAD(coding_then_identity, POST HOST "Transfer-Encoding: chunked, identity\r\n" END,
	    HTTP_ERR_CODING),
	BAD(coding_identity, POST HOST "Transfer-Encoding: identity\r\n" END, HTTP_ERR_CODING),
	BAD(coding_gzip, POST HOST "Transfer-Encoding: gzip\r\n" END, HTTP_ERR_CODING),
	BAD(coding_gzip_chunked, POST HOST "Transfer-Encoding: gzip, chunked\r\n" END,
	    HTTP_ERR_CODING_UNSUPPORTED),
	BAD(coding_identity_chunked, POST HOST "Transfer-Encoding: identity, chunked\r\n" END,
	    HTTP_ERR_CODING_UNSUPPORTED),
	BAD(coding_empty, POST HOST "Transfer-Encoding:\r\n" END, HTTP_ERR_CODING),
	BAD(coding_comma_first, POST HOST "Transfer-Encoding: ,chunked\r\n" END, HTTP_ERR_CODING),
	BAD(coding_comma_last, POST HOST "Transfer-Encoding: chunked,\r\n" END, HTTP_ERR_CODING),
	BAD(coding_comma_last_spaced, POST HOST "Transfer-Encoding: chunked, \r\n" END,
	    HTTP_ERR_CODING),
	BAD(coding_parameter, POST HOST "Transfer-Encoding: chunked;q=1\r\n" END, HTTP_ERR_CODING),
	BAD(coding_prefix, POST HOST "Transfer-Encoding: xchunked\r\n" END, HTTP_ERR_CODING),
	BAD(coding_suffix, POST HOST "Transfer-Encoding: chunkedx\r\n" END, HTTP_ERR_CODING),
	BAD(coding_quoted, POST HOST "Transfer-Encoding: \"chunked\"\r\n" END, HTTP_ERR_CODING),
	BAD(coding_space_inside, POST HOST "Transfer-Encoding: chunked x\r\n" END, HTTP_ERR_CODING),
	BAD(coding_vertical_tab, POST HOST "Transfer-Encoding:\vchunked\r\n" END,
	    HTTP_ERR_FIELD_VALUE),
	BAD(coding_space_before_colon, POST HOST "Transfer-Encoding : chunked\r\n" END,
	    HTTP_ERR_FIELD_NAME),
	BAD(coding_folded, POST HOST "Transfer-Encoding: chunked\r\n x\r\n" END, HTTP_ERR_FOLD),
	/* Refused at the first line's end already: a value that says nothing. */
	BAD(coding_on_folded_line, POST HOST "Transfer-Encoding:\r\n chunked\r\n" END,
	    HTTP_ERR_CODING),

	/* Connection, persistence */
	OK(close, GET HOST "Connection: close\r\n" END, "1:GET origin [/] host=a 1.1 none"),
	OK(close_upper_case, GET HOST "connection: CLOSE\r\n" END,
	   "1:GET origin [/] host=a 1.1 none"),
	OK(close_in_list, GET HOST "Connection: foo , close\r\n" END,
	   "1:GET origin [/] host=a 1.1 none"),
	OK(close_on_second_line, GET HOST "Connection: foo\r\nConnection: close\r\n" END,
	   "1:GET origin [/] host=a 1.1 none"),
	OK(close_beats_keep_alive, GET HOST "Connection: keep-alive, close\r\n" END,
	   "1:GET origin [/] host=a 1.1 none"),
	OK(close_is_a_whole_word, GET HOST "Connection: closed\r\n" END, PLAIN),
	OK(keep_alive_http_10, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n" END,
	   "1:GET origin [/] host= 1.0 none keepalive"),
	OK(keep_alive_field_is_no_option, "GET / HTTP/1.0\r\nKeep-Alive: 300\r\n" END,
	   "1:GET origin [/] host= 1.0 none"),
	OK(proxy_connection_is_ignored, "GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n" END,
	   "1:GET origin [/] host= 1.0 none"),
	OK(connection_empty_members, GET HOST "Connection: , ,close,,\r\n" END,
	   "1:GET origin [/] host=a 1.1 none"),
	OK(connection_empty, GET HOST "Connection:\r\n" END, PLAIN),
	BAD(connection_not_a_token, GET HOST "Connection: a b\r\n" END, HTTP_ERR_CONNECTION),
	BAD(connection_quoted, GET HOST "Connection: \"close\"\r\n" END, HTTP_ERR_CONNECTION),
	TEST(connection_options_at_bound),
	TEST(nominated_fields),

	/* Expect, Upgrade, TE, Max-Forwards */
	OK(expect, POST HOST "Content-Length: 1\r\nExpect: 100-Continue\r\n" END,
	   "3:POST origin [/] host=a 1.1 length=1 keepalive expect length"),
	OK(expect_chunked, POST HOST "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n" END,
	   "3:POST origin [/] host=a 1.1 chunked keepalive expect coding"),
	OK(expect_without_body, GET HOST "Expect: 100-continue\r\n" END, PLAIN),
	OK(expect_http_10, "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n" END,
	   "3:POST origin [/] host= 1.0 length=1 length"),
	OK(expect_unknown_http_10, "POST / HTTP/1.0\r\nExpect: x\r\n" END,
	   "3:POST origin [/] host= 1.0 none"),
	BAD(expect_unknown, POST HOST "Expect: 200-ok\r\n" END, HTTP_ERR_EXPECT),
	BAD(expect_empty, POST HOST "Expect:\r\n" END, HTTP_ERR_EXPECT),
	BAD(expect_list, POST HOST "Expect: 100-continue, x\r\n" END, HTTP_ERR_EXPECT),
	OK(upgrade, GET HOST "Connection: Upgrade\r\nUpgrade: WebSocket\r\n" END,
	   "1:GET origin [/] host=a 1.1 none keepalive upgrade"),
	OK(upgrade_not_nominated, GET HOST "Upgrade: websocket\r\n" END, PLAIN),
	OK(upgrade_without_field, GET HOST "Connection: upgrade\r\n" END, PLAIN),
	OK(upgrade_h2c, GET HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
	   "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n" END, PLAIN),
	OK(upgrade_websocket_and_h2c,
	   GET HOST "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n" END, PLAIN),
	OK(upgrade_list, GET HOST "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n" END, PLAIN),
	OK(upgrade_http_10, "GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" END,
	   "1:GET origin [/] host= 1.0 none"),
	OK(upgrade_post, POST HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n" END,
	   "3:POST origin [/] host=a 1.1 none keepalive"),
	OK(upgrade_with_body,
	   GET HOST "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n" END,
	   "1:GET origin [/] host=a 1.1 length=1 keepalive length"),
	OK(te_trailers, GET HOST "TE: gzip, Trailers\r\n" END,
	   "1:GET origin [/] host=a 1.1 none keepalive trailers"),
	OK(te_gzip, GET HOST "TE: gzip;q=0.5\r\n" END, PLAIN),
	OK(max_forwards, "OPTIONS / HTTP/1.1\r\n" HOST "Max-Forwards: 10\r\n" END,
	   "7:OPTIONS origin [/] host=a 1.1 none keepalive max-forwards"),
	OK(max_forwards_ignored, GET HOST "Max-Forwards: x\r\n" END, PLAIN),
	BAD(max_forwards_word, "TRACE / HTTP/1.1\r\n" HOST "Max-Forwards: x\r\n" END,
	    HTTP_ERR_MAX_FORWARDS),
	BAD(max_forwards_twice,
	    "TRACE / HTTP/1.1\r\n" HOST "Max-Forwards: 1\r\nMax-Forwards: 1\r\n" END,
	    HTTP_ERR_MAX_FORWARDS),
	BAD(max_forwards_too_large, "TRACE / HTTP/1.1\r\n" HOST "Max-Forwards: 4294967296\r\n" END,
	    HTTP_ERR_MAX_FORWARDS),
	TEST(errors_have_status_and_text),

	/* as browsers and tools send them */
	OK(curl, "GET /index.html HTTP/1.1\r\nHost: example.com\r\nUser-Agent: curl/8.14.1\r\n"
	   "Accept: */*\r\n" END, "1:GET origin [/index.html] host=example.com 1.1 none keepalive"),
	OK(firefox, "GET /?q=%C3%A9 HTTP/1.1\r\nHost: example.com\r\n"
	   "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
	   "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
	   "Accept-Language: de,en-US;q=0.7,en;q=0.3\r\nAccept-Encoding: gzip, deflate\r\n"
	   "Connection: keep-alive\r\nCookie: a=b; c=\"d\"\r\nUpgrade-Insecure-Requests: 1\r\n"
	   "DNT: 1\r\nPriority: u=0, i\r\n" END,
	   "1:GET origin [/?q=%C3%A9] host=example.com 1.1 none keepalive"),
	OK(apache_bench, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: 10.77.0.2\r\n"
	   "User-Agent: ApacheBench/2.3\r\nAccept: */*\r\n" END,
	   "1:GET origin [/] host=10.77.0.2 1.0 none keepalive"),
};

SUITE(request, cases, run_request);

// SPDX-License-Identifier: GPL-2.0-only
/* Checks of requests: each just below, at and beyond what it lets through. */
#include "../../http_policy.h"
#include "feed.h"

#define GET "GET / HTTP/1.1\r\nHost: a.example\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a.example\r\n"
#define LENGTH "Content-Length: 3\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define END "\r\n"

/**
 * struct row - a request, and the check that it does not pass
 * @in: its head
 * @check: which, or HTTP_CHECK_NONE
 */
struct row {
	const char *in;
	enum http_check check;
};

static const struct head_kind kind;

static void allow(struct http_bytes *set, const char *text)
{
	memset(set, 0, sizeof(*set));
	for (; *text; text++)
		set->bits[(u8)*text / 64] |= 1ULL << ((u8)*text % 64);
}

static void forbid(struct http_bytes *set, u8 byte)
{
	set->bits[byte / 64] &= ~(1ULL << (byte % 64));
}

static void set_text(char *to, const char *text)
{
	memcpy(to, text, strlen(text) + 1);
}

static void judge(struct http_policy *policy, const struct row *row)
{
	struct http_field fields[TEST_FIELDS];
	u8 *buf = exact_copy(row->in, strlen(row->in));
	enum http_check quick, slow;
	struct http_head head;

	http_policy_finish(policy, 8192, 1 << 30);
	parse_head(&head, &kind, fields, buf, strlen(row->in));
	quick = http_policy_check(policy, &head, buf);
	slow = http_policy_judge(policy, &head, buf);
	CHECK(quick == row->check && slow == row->check, "%.60s: check %d, closely %d, not %d",
	      row->in, quick, slow, row->check);
	free(buf);
}

#define JUDGE(policy, ...) \
	do { \
		static const struct row rows[] = { __VA_ARGS__ }; \
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) \
			judge(policy, &rows[i]); \
	} while (0)

static void methods(const struct test_case *test)
{
	static struct http_policy policy;

	http_policy_setup(&policy);
	JUDGE(&policy,
	      { GET END, HTTP_CHECK_NONE },
	      { "HEAD / HTTP/1.1\r\nHost: a\r\n" END, HTTP_CHECK_NONE },
	      { POST LENGTH END, HTTP_CHECK_NONE },
	      { "PUT / HTTP/1.1\r\nHost: a\r\n" END, HTTP_CHECK_METHODS },
	      { "DELETE / HTTP/1.1\r\nHost: a\r\n" END, HTTP_CHECK_METHODS },
	      { "OPTIONS * HTTP/1.1\r\nHost: a\r\n" END, HTTP_CHECK_METHODS },
	      { "get / HTTP/1.1\r\nHost: a\r\n" END, HTTP_CHECK_METHODS },
	      { "GE / HTTP/1.1\r\nHost: a\r\n" END, HTTP_CHECK_METHODS });
	set_text(policy.methods, "PUT, PROPFIND");
	JUDGE(&policy,
	      { "PUT / HTTP/1.1\r\nHost: a\r\n" END, HTTP_CHECK_NONE },
	      { "PROPFIND / HTTP/1.1\r\nHost: a\r\n" END, HTTP_CHECK_NONE },
	      { "PROPFIN / HTTP/1.1\r\nHost: a\r\n" END, HTTP_CHECK_METHODS },
	      { "PROPFINDS / HTTP/1.1\r\nHost: a\r\n" END, HTTP_CHECK_METHODS },
	      { GET END, HTTP_CHECK_METHODS });
	policy.methods[0] = '\0';
	JUDGE(&policy,
	      { GET END, HTTP_CHECK_NONE },
	      { "BREW / HTTP/1.1\r\nHost: a\r\n" END, HTTP_CHECK_NONE });
}

static void overrides(const struct test_case *test)
{
	static struct http_policy policy;

	http_policy_setup(&policy);
	JUDGE(&policy,
	      { GET "X-HTTP-Method-Override: PUT\r\n" END, HTTP_CHECK_METHOD_OVERRIDE },
	      { GET "x-http-method: PUT\r\n" END, HTTP_CHECK_METHOD_OVERRIDE },
	      { GET "X-METHOD-OVERRIDE:\r\n" END, HTTP_CHECK_METHOD_OVERRIDE },
	      { GET "X-HTTP-Method-Overrides: PUT\r\n" END, HTTP_CHECK_NONE },
	      { GET "X-HTTP-Methods: PUT\r\n" END, HTTP_CHECK_NONE });
	policy.method_override = true;
	JUDGE(&policy, { GET "X-HTTP-Method-Override: PUT\r\n" END, HTTP_CHECK_NONE });
}

#define ASKS(host) { "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n", HTTP_CHECK_HOST_STRICT }
#define NAMES(host) { "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n", HTTP_CHECK_NONE }

static void hosts(const struct test_case *test)
{
	static struct http_policy policy;

	http_policy_setup(&policy);
	JUDGE(&policy,
	      NAMES("shop.example"), NAMES("shop.example."), NAMES("shop.example:8080"),
	      NAMES("1.example"), NAMES("127.0.0.1.example"), NAMES("0xyz"), NAMES("10x"),
	      NAMES("3com"), NAMES("1e100.net:80"), NAMES("localhost"), NAMES("1-2"),
	      { "GET / HTTP/1.0\r\n\r\n", HTTP_CHECK_NONE });
	JUDGE(&policy,
	      ASKS("127.0.0.1"), ASKS("127.0.0.1."), ASKS("127.0.0.1:80"), ASKS("127.1"),
	      ASKS("2130706433"), ASKS("0x7f000001"), ASKS("0X7F.1"), ASKS("0177.0.0.01"),
	      ASKS("[::1]"), ASKS("[::1]:80"), ASKS("[::ffff:127.0.0.1]"),
	      ASKS("%31%32%37.0.0.1"), ASKS("1%2e2"));
	JUDGE(&policy,
	      { "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_NONE },
	      { "GET http://a/ HTTP/1.1\r\nHost: A\r\n\r\n", HTTP_CHECK_NONE },
	      { "GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_NONE },
	      { "GET http://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n", HTTP_CHECK_NONE },
	      { "GET https://a:443/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_NONE },
	      { "GET https://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n", HTTP_CHECK_HOST_STRICT },
	      { "GET http://a/ HTTP/1.1\r\nHost: a:8080\r\n\r\n", HTTP_CHECK_HOST_STRICT },
	      { "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", HTTP_CHECK_HOST_STRICT },
	      { "GET http://10.0.0.1/ HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n",
		HTTP_CHECK_HOST_STRICT });
	policy.host_address = true;
	JUDGE(&policy,
	      NAMES("127.0.0.1"), NAMES("[::1]:80"), ASKS("1%2e2"),
	      { "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", HTTP_CHECK_HOST_STRICT });
	policy.host_strict = false;
	JUDGE(&policy, NAMES("1%2e2"),
	      { "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", HTTP_CHECK_NONE });
}

static void lengths(const struct test_case *test)
{
	static struct http_policy policy;

	http_policy_setup(&policy);
	policy.header_length = 15;
	policy.uri_length = 3;
	policy.body_length = 3;
	JUDGE(&policy,
	      { POST LENGTH "X: 12345678901234\r\n" END, HTTP_CHECK_NONE },
	      { POST "X: 123456789012345\r\n" END, HTTP_CHECK_HEADER_LENGTH },
	      { "GET /aa HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_NONE },
	      { "GET /aaa HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_URI_LENGTH });
	policy.header_length = 0;
	JUDGE(&policy,
	      { POST "Content-Length: 2\r\n" END, HTTP_CHECK_NONE },
	      { POST "Content-Length: 4\r\n" END, HTTP_CHECK_BODY_LENGTH });
	policy.body_length = 0;
	JUDGE(&policy, { POST "Content-Length: 4\r\n" END, HTTP_CHECK_NONE });
}

static void content_types(const struct test_case *test)
{
	static struct http_policy policy;

	http_policy_setup(&policy);
	policy.content_type_required = true;
	JUDGE(&policy,
	      { GET END, HTTP_CHECK_NONE },
	      { POST "Content-Length: 0\r\n" END, HTTP_CHECK_NONE },
	      { POST LENGTH "Content-Type: a/b\r\n" END, HTTP_CHECK_NONE },
	      { POST LENGTH END, HTTP_CHECK_CONTENT_TYPE_REQUIRED },
	      { POST CHUNKED END, HTTP_CHECK_CONTENT_TYPE_REQUIRED });
	policy.content_type_required = false;
	set_text(policy.content_types, "text/plain, image/*");
	JUDGE(&policy,
	      { POST LENGTH END, HTTP_CHECK_NONE },
	      { GET "Content-Type: a/b\r\n" END, HTTP_CHECK_NONE },
	      { POST LENGTH "Content-Type: TEXT/Plain ; charset=utf-8\r\n" END, HTTP_CHECK_NONE },
	      { POST LENGTH "Content-Type: image/png\r\n" END, HTTP_CHECK_NONE },
	      { POST LENGTH "Content-Type: text/plai\r\n" END, HTTP_CHECK_CONTENT_TYPES },
	      { POST LENGTH "Content-Type: text/plaine\r\n" END, HTTP_CHECK_CONTENT_TYPES },
	      { POST LENGTH "Content-Type: image/\r\n" END, HTTP_CHECK_CONTENT_TYPES },
	      { POST LENGTH "Content-Type: images/png\r\n" END, HTTP_CHECK_CONTENT_TYPES },
	      { POST LENGTH "Content-Type:\r\n" END, HTTP_CHECK_CONTENT_TYPES },
	      { POST LENGTH "Content-Type: text/plain\r\nContent-Type: a/b\r\n" END,
		HTTP_CHECK_CONTENT_TYPES });
}

static void bytes_of_heads(const struct test_case *test)
{
	static struct http_policy policy;

	http_policy_setup(&policy);
	allow(&policy.uri_bytes, "/abc?<% ");
	JUDGE(&policy,
	      { "GET /a?%3C%3c%20b HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_NONE },
	      { "GET /%61 HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_NONE },
	      { "GET /%%a HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_NONE },
	      { "GET /a% HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_NONE },
	      { "GET /%a HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_NONE },
	      { "GET /%a/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_NONE },
	      { "GET /d HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_URI_BYTES },
	      { "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_URI_BYTES },
	      { "GET /%3e HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_URI_BYTES },
	      { "GET /%5 HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_URI_BYTES },
	      { "GET /%5/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_URI_BYTES },
	      { "GET /%%64 HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_URI_BYTES });
	forbid(&policy.uri_bytes, '%');
	JUDGE(&policy,
	      { "GET /%61 HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_NONE },
	      { "GET /%2561 HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_URI_BYTES },
	      { "GET /a% HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_URI_BYTES },
	      { "GET /%a/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_CHECK_URI_BYTES });
	http_bytes_fill(&policy.uri_bytes);
	forbid(&policy.name_bytes, '_');
	JUDGE(&policy,
	      { GET "X-A: _\r\n" END, HTTP_CHECK_NONE },
	      { GET "X: 1\r\nX_A: 1\r\n" END, HTTP_CHECK_HEADER_NAME_BYTES });
	http_bytes_fill(&policy.name_bytes);
	forbid(&policy.value_bytes, 0xff);
	JUDGE(&policy,
	      { GET "X: \xfe%ff\r\n" END, HTTP_CHECK_NONE },
	      { GET "X: 1\r\nY: \xff\r\n" END, HTTP_CHECK_HEADER_VALUE_BYTES });
}

static void lists(const struct test_case *test)
{
	static const struct {
		const char *text;
		bool methods;
		bool types;
	} rows[] = {
		{ "", true, true },
		{ "GET", true, false },
		{ "GET, BREW", true, false },
		{ "GET,,HEAD", false, false },
		{ "G T", false, false },
		{ "text/plain", false, true },
		{ "text/plain, image/*", false, true },
		{ "Text/plain", false, false },
		{ "image/p*", false, false },
		{ "*/*", false, false },
		{ "text/", false, false },
		{ "/plain", false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_text text = { .at = (const u8 *)rows[i].text,
					  .len = strlen(rows[i].text) };

		CHECK(http_methods_ok(text) == rows[i].methods, "%s as methods", rows[i].text);
		CHECK(http_content_types_ok(text) == rows[i].types, "%s as types", rows[i].text);
	}
}

/* Feed a body behind a head in pieces of @step bytes: the error that ends it. */
static enum http_error feed(struct http_policy *policy, const char *head_text, const char *text,
			    size_t step)
{
	struct http_field fields[TEST_FIELDS];
	u8 *buf = exact_copy(head_text, strlen(head_text));
	enum http_verdict verdict = HTTP_MORE;
	struct http_watch *watch = NULL;
	size_t at = 0, size;
	struct http_body body;
	struct http_head head;

	http_policy_finish(policy, 8192, 1 << 30);
	parse_head(&head, &kind, fields, buf, strlen(head_text));
	http_body_init(&body, &head, &no_limits);
	size = http_watch_size(policy, &head, buf);
	if (size) {
		watch = malloc(size);
		http_watch_init(watch, policy, &head, buf);
		http_body_watch(&body, watch);
	}
	free(buf);
	while (at < strlen(text) && verdict == HTTP_MORE) {
		size_t len = min_t(size_t, step, strlen(text) - at);
		u8 *piece = exact_copy(text + at, len);
		struct http_run run;

		if (size && watch->reads_form)
			CHECK(!http_body_skip(&body, len), "a form is skipped");
		verdict = http_body_parse(&body, piece, len, &run);
		at += run.framing + run.payload;
		free(piece);
	}
	free(watch);
	CHECK(verdict != HTTP_MORE, "%s: no end", text);
	return verdict == HTTP_ERROR ? body.error : HTTP_OK;
}

static void check_body(struct http_policy *policy, const char *head, const char *text,
		       enum http_error error)
{
	for (size_t step = 1; step <= strlen(text); step++) {
		enum http_error got = feed(policy, head, text, step);

		CHECK(got == error, "%s in pieces of %zu: \"%s\"", text, step, http_text_of(got));
	}
}

static void trailers(const struct test_case *test)
{
	static const char head[] = POST CHUNKED "X-Role: a\r\nX-B: c\r\n" END;
	static struct http_policy policy;

	http_policy_setup(&policy);
	check_body(&policy, head, "0\r\nX-Rol: 1\r\nX-Roles: 2\r\n\r\n", HTTP_OK);
	check_body(&policy, head, "1\r\na\r\n0\r\nX-Role: 1\r\n\r\n", HTTP_ERR_TRAILER_SPLIT);
	check_body(&policy, head, "0\r\nX-A: 1\r\nx-b:\r\n\r\n", HTTP_ERR_TRAILER_SPLIT);
	check_body(&policy, head, "0\r\nX-HTTP-Method-Override: PUT\r\n\r\n", HTTP_ERR_TRAILER);
	policy.trailer_split = true;
	check_body(&policy, head, "0\r\nX-Role: 1\r\n\r\n", HTTP_OK);
}

static void forms(const struct test_case *test)
{
	static const char form[] = POST "Content-Length: 9\r\n"
		"Content-Type: Application/x-www-form-urlencoded;charset=utf-8\r\n" END;
	static const char other[] = POST "Content-Length: 9\r\nContent-Type: text/plain\r\n" END;
	static const char chunks[] = POST CHUNKED
		"Content-Type: application/x-www-form-urlencoded\r\n" END;
	static struct http_policy policy;

	http_policy_setup(&policy);
	check_body(&policy, form, "a=%00<b&c", HTTP_OK);
	forbid(&policy.form_bytes, 0);
	forbid(&policy.form_bytes, '<');
	check_body(&policy, form, "a=%01%3Eb", HTTP_OK);
	check_body(&policy, form, "a=b&c=%3C", HTTP_ERR_FORM_BYTES);
	check_body(&policy, form, "<=b&c=%3D", HTTP_ERR_FORM_BYTES);
	check_body(&policy, form, "a=b&c=%00", HTTP_ERR_FORM_BYTES);
	check_body(&policy, other, "a=b&c=%00", HTTP_OK);
	check_body(&policy, chunks, "3\r\na=%\r\n2\r\n3D\r\n0\r\n\r\n", HTTP_OK);
	check_body(&policy, chunks, "3\r\na=%\r\n2\r\n3c\r\n0\r\n\r\n", HTTP_ERR_FORM_BYTES);
	forbid(&policy.form_bytes, '%');
	check_body(&policy, form, "aaa=b&c=%", HTTP_ERR_FORM_BYTES);
	check_body(&policy, form, "aaa=b&c%3", HTTP_ERR_FORM_BYTES);
	check_body(&policy, chunks, "3\r\na=%\r\n0\r\n\r\n", HTTP_ERR_FORM_BYTES);
}

static void errors_have_checks(const struct test_case *test)
{
	static const struct {
		enum http_error error;
		enum http_check check;
	} rows[] = {
		{ HTTP_ERR_HEADER_TOTAL, HTTP_CHECK_HEADER_TOTAL },
		{ HTTP_ERR_HEADER_COUNT, HTTP_CHECK_HEADER_COUNT },
		{ HTTP_ERR_URI_LENGTH, HTTP_CHECK_URI_LENGTH },
		{ HTTP_ERR_BODY_LENGTH, HTTP_CHECK_BODY_LENGTH },
		{ HTTP_ERR_TRAILER_SPLIT, HTTP_CHECK_TRAILER_SPLIT },
		{ HTTP_ERR_FORM_BYTES, HTTP_CHECK_FORM_BYTES },
		{ HTTP_ERR_TRAILER, HTTP_CHECK_NONE },
		{ HTTP_OK, HTTP_CHECK_NONE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum http_check check = http_check_of(rows[i].error);

		CHECK(check == rows[i].check, "error %d: check %d", rows[i].error, check);
		if (check != HTTP_CHECK_NONE)
			CHECK(http_check_status(check) == http_status_of(rows[i].error),
			      "check %d: status %u", check, http_check_status(check));
	}
}

static void codes_are_counted(const struct test_case *test)
{
	static struct http_policy policy;

	http_policy_setup(&policy);
	policy.codes[0] = 1;
	policy.codes[(404 - HTTP_CODES_FROM) / 64] |= 1ULL << (404 - HTTP_CODES_FROM) % 64;
	for (u16 status = 0; status < 1000; status++)
		CHECK(http_policy_counts(&policy, status) == (status == 100 || status == 404),
		      "status %u", status);
}

static const struct test_case cases[] = {
	TEST(methods),
	TEST(overrides),
	TEST(hosts),
	TEST(lengths),
	TEST(content_types),
	TEST(bytes_of_heads),
	TEST(lists),
	TEST(trailers),
	TEST(forms),
	TEST(errors_have_checks),
	TEST(codes_are_counted),
};

SUITE(policy, cases, NULL);

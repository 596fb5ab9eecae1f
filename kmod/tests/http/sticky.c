// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cookies that keep a client at its server. The table: a request and the number
 * that is read from its cookie "srv", "0" if none is.
 */
#include "../../http_sticky.h"
#include "feed.h"

static const struct head_kind get = { .method = HTTP_METHOD_GET };

#define START "GET / HTTP/1.1\r\nHost: a\r\n"

static void check_number(const struct test_case *test)
{
	struct http_field fields[TEST_FIELDS];
	u8 *buf = exact_copy(test->in, test->len);
	struct http_head head;
	char got[32];

	parse_head(&head, &get, fields, buf, test->len);
	snprintf(got, sizeof(got), "%llx",
		 (unsigned long long)http_sticky_read(&head, buf, "srv"));
	CHECK(!strcmp(got, test->expect), "%s, not %s", got, test->expect);
	free(buf);
}

static void numbers_are_written(const struct test_case *test)
{
	static const struct {
		u64 id;
		const char *expect;
	} rows[] = {
		{ 1, "0000000000000001" },
		{ 0x0123456789abcdef, "0123456789abcdef" },
		{ U64_MAX, "ffffffffffffffff" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char got[HTTP_STICKY_DIGITS + 1];

		http_sticky_write(got, rows[i].id);
		CHECK(!strcmp(got, rows[i].expect), "%s, not %s", got, rows[i].expect);
	}
}

static const struct test_case cases[] = {
	OK(alone, START "Cookie: srv=0123456789abcdef\r\n\r\n", "123456789abcdef"),
	OK(among_others, START "Cookie: a=b; srv=00000000000000ff;c\r\n\r\n", "ff"),
	OK(in_a_later_field, START "Cookie: a\r\nX: y\r\ncookie: srv=0000000000000001\r\n\r\n",
	   "1"),
	OK(capitals, START "Cookie: srv=ABCDEF0123456789\r\n\r\n", "abcdef0123456789"),
	OK(none, START "\r\n", "0"),
	OK(other_case_of_the_name, START "Cookie: SRV=0123456789abcdef\r\n\r\n", "0"),
	OK(other_field, START "X-Cookie: srv=0123456789abcdef\r\n\r\n", "0"),
	OK(too_short, START "Cookie: srv=123456789abcdef\r\n\r\n", "0"),
	OK(too_long, START "Cookie: srv=00123456789abcdef\r\n\r\n", "0"),
	OK(no_digit, START "Cookie: srv=0123456789abcdeg\r\n\r\n", "0"),
	OK(quoted, START "Cookie: srv=\"23456789abcdef\"\r\n\r\n", "0"),
	OK(the_first_counts, START "Cookie: srv=x; srv=0123456789abcdef\r\n\r\n", "0"),
	TEST(numbers_are_written),
};

SUITE(sticky, cases, check_number);

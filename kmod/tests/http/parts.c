// SPDX-License-Identifier: GPL-2.0-only
/*
 * What rules see of a request: paths (the table: a target and its normal form,
 * or refused), hosts, queries, cookies; patterns; where redirects lead to.
 */
#include "../../http_rules.h"
#include "feed.h"

static const struct head_kind get = { .method = HTTP_METHOD_GET };

/* A request for this target; the text is to be freed. */
static u8 *request_for(struct http_head *head, struct http_field *fields, const char *method,
		       const char *target, const char *host)
{
	static char text[4096];
	size_t len = snprintf(text, sizeof(text), "%s %s HTTP/1.%d\r\n%s%s%s\r\n", method, target,
			      !!host, host ? "Host: " : "", host ? host : "", host ? "\r\n" : "");
	u8 *copy = exact_copy(text, len);

	parse_head(head, &get, fields, copy, len);
	return copy;
}

static void check_path(const struct test_case *test)
{
	struct http_field fields[TEST_FIELDS];
	struct http_text path;
	struct http_head head;
	u8 *buf = request_for(&head, fields, *test->in == '*' ? "OPTIONS" : "GET", test->in, "a");
	u8 *out = exact_copy(buf, head.target.len);
	bool clear = http_path_of(&head, buf, out, head.target.len, &path);

	if (!test->expect)
		CHECK(!clear, "taken as %.*s", (int)path.len, path.at);
	else
		CHECK(clear && path.len == strlen(test->expect) &&
		      !memcmp(path.at, test->expect, path.len), "not %s, %d: %.*s",
		      test->expect, clear, clear ? (int)path.len : 0, path.at);
	free(out);
	free(buf);
}

static bool pattern_matches(const char *pattern, const char *text, bool fold)
{
	size_t len = strlen(pattern), text_len = strlen(text);
	u8 *store = malloc(2 * len + 1);
	u8 *copy = exact_copy(text, text_len);
	struct http_pattern compiled;
	bool matches;

	http_pattern_compile(&compiled, (const u8 *)pattern, len, fold, store);
	matches = http_pattern_matches(&compiled, copy, text_len);
	free(copy);
	free(store);
	return matches;
}

static void patterns(const struct test_case *test)
{
	static const struct {
		const char *pattern;
		const char *text;
		bool fold;
		bool expect;
	} rows[] = {
		{ "*", "", false, true },
		{ "***", "anything", false, true },
		{ "", "", false, true },
		{ "", "a", false, false },
		{ "/a", "/a", false, true },
		{ "/a", "/A", false, false },
		{ "/a", "/A", true, true },
		{ "/A", "/a", true, true },
		{ "/a", "/ab", false, false },
		{ "/a", "/", false, false },
		{ "/a*", "/a", false, true },
		{ "/a*", "/abc", false, true },
		{ "/a*", "/", false, false },
		{ "*.php", "/x.php", false, true },
		{ "*.php", ".php", false, true },
		{ "*.php", "/x.php5", false, false },
		{ "*.php", "php", false, false },
		{ "*bot*", "Googlebot/2.1", false, true },
		{ "*bot*", "Googlebo", false, false },
		{ "*BOT*", "Googlebot/2.1", true, true },
		{ "*bot*", "GOOGLEBOT/2.1", true, true },
		{ "a*b", "ab", false, true },
		{ "a*b", "axxb", false, true },
		{ "a*a", "a", false, false },
		{ "ab*ba", "aba", false, false },
		{ "a*b*c", "abc", false, true },
		{ "a*b*c", "acb", false, false },
		{ "a*b*c", "axbxbxc", false, true },
		{ "*aab*aab*", "aaaabaab", false, true },
		{ "*aab*aab*", "aaaabab", false, false },
		{ "*abab*", "aababcab", false, true },
		{ "*ababac*", "abababac", false, true },
		{ "*aabaaac*", "aabaaabaaac", false, true },
		{ "a**b", "a*b", false, true },
		{ "/api/*/x", "/api//x", false, true },
		{ "/api/*/x", "/api/x", false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK(pattern_matches(rows[i].pattern, rows[i].text, rows[i].fold) ==
		      rows[i].expect, "%s on %s", rows[i].pattern, rows[i].text);
}

/* What makes a matcher that goes back take forever is a matter of microseconds. */
static void patterns_are_linear(const struct test_case *test)
{
	char pattern[HTTP_PATTERN_MAX + 1] = "", *text = malloc(60001);

	memset(text, 'a', 60000);
	text[60000] = '\0';
	for (int i = 0; i < 63; i++)
		strcat(pattern, "*aaa");
	strcat(pattern, "*b*");
	for (int i = 0; i < 200; i++)
		CHECK(!pattern_matches(pattern, text, true), "matched");
	free(text);
}

static void hosts_of_requests(const struct test_case *test)
{
	static const struct {
		const char *target;
		const char *host;
		const char *expect;	/* NULL: refused */
	} rows[] = {
		{ "/", "shop.example", "shop.example" },
		{ "/", "Shop.Example:8080", "Shop.Example" },
		{ "/", "shop.example.", "shop.example" },
		{ "/", "shop.example.:80", "shop.example" },
		{ "/", "shop.example..", "shop.example." },
		{ "/", "[2001:db8::1]:80", "[2001:db8::1]" },
		{ "/", "10.0.0.1", "10.0.0.1" },
		{ "/", "sh%6fp.example", NULL },
		{ "/", NULL, "" },
		{ "http://other.example:81/x", "shop.example", "other.example" },
		{ "http://other.example?x", "shop.example", "other.example" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_field fields[TEST_FIELDS];
		const char *expect = rows[i].expect;
		struct http_text host;
		struct http_head head;
		u8 *buf = request_for(&head, fields, "GET", rows[i].target, rows[i].host);
		bool clear = http_host_of(&head, buf, &host);

		CHECK(clear == !!expect, "%s: %d", rows[i].host, clear);
		CHECK(!clear || (host.len == strlen(expect) &&
				 !memcmp(host.at, expect, host.len)), "%s: %.*s", rows[i].host,
		      (int)host.len, host.at);
		free(buf);
	}
}

static void host_of_any_length(const struct test_case *test)
{
	char name[400];

	for (size_t len = 250; len < 260; len++) {
		struct http_field fields[TEST_FIELDS];
		struct http_text host;
		struct http_head head;
		u8 *buf;

		memset(name, 'a', len);
		name[len] = '\0';
		buf = request_for(&head, fields, "GET", "/", name);
		CHECK(http_host_of(&head, buf, &host) == (len <= HTTP_HOST_MAX), "%zu", len);
		free(buf);
	}
}

static void queries(const struct test_case *test)
{
	static const char *const rows[][2] = {
		{ "/", "" },
		{ "/?", "" },
		{ "/?a=b&c", "a=b&c" },
		{ "/?a?b", "a?b" },
		{ "/?%64ebug=1", "debug=1" },
		{ "/?a=%2", "a=%2" },
		{ "/?a=%zz%41", "a=%zzA" },
		{ "/?%", "%" },
		{ "/x%3Fa", "" },
		{ "http://a?q", "q" },
		{ "/%41%42?%43", "C" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_field fields[TEST_FIELDS];
		struct http_text query;
		struct http_head head;
		u8 *buf = request_for(&head, fields, "GET", rows[i][0], "a");
		size_t room = head.target.len - http_path_len(&head, buf);
		u8 *out = malloc(room + 1);

		http_query_of(&head, buf, out, room, &query);
		CHECK(query.len == strlen(rows[i][1]) && !memcmp(query.at, rows[i][1], query.len),
		      "%s: %.*s", rows[i][0], (int)query.len, query.at);
		free(out);
		free(buf);
	}
}

static void cookies(const struct test_case *test)
{
	static const char *const rows[][2] = {
		{ "a=1", "a=1|" },
		{ "a=1; b=2", "a=1|b=2|" },
		{ "a=1;b=2;", "a=1|b=2|" },
		{ "a=b=c", "a=b=c|" },
		{ "a", "a=|" },
		{ "=x", "=x|" },
		{ "a=\"q\"; b", "a=\"q\"|b=|" },
		{ " a = 1 \t; b= 2", "a=1|b=2|" },
		{ "", "" },
		{ ";;", "=|=|" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i][0]), at = 0;
		struct http_text value = { exact_copy(rows[i][0], len), len }, name, content;
		char got[256] = "";

		while (http_cookie_next(value, &at, &name, &content))
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s=%.*s|",
				 (int)name.len, name.at, (int)content.len, content.at);
		CHECK(!strcmp(got, rows[i][1]), "%s: %s", rows[i][0], got);
		free((void *)value.at);
	}
}

static struct http_text text(const char *string)
{
	return (struct http_text){ (const u8 *)string, strlen(string) };
}

static void virtual_hosts(const struct test_case *test)
{
	static const struct {
		const char *name;
		u32 vhost;
	} names[] = {
		{ "shop.example", 1 }, { "*.shop.example", 2 }, { "*.eu.shop.example", 3 },
		{ "[2001:db8::1]", 4 }, { "*.example", 5 }, { "a.b.example", 6 },
		{ "qgdnhhk", 7 },
	}, rows[] = {
		{ "shop.example", 1 }, { "SHOP.example", 1 }, { "www.shop.example", 2 },
		{ "x.y.shop.example", 2 }, { "de.eu.shop.example", 3 }, { "eu.shop.example", 2 },
		{ "[2001:DB8::1]", 4 }, { "other.example", 5 }, { "a.b.example", 6 },
		{ "x.a.b.example", 5 }, { "example", 9 }, { ".example", 9 }, { "", 9 },
		{ "shop.example.com", 9 }, { "xshop.example", 5 }, { "shopexample", 9 },
		/* The same hash as qgdnhhk. */
		{ "qgdnhhk", 7 }, { "bbifnlj", 9 },
	};
	u32 buckets[2] = { 0, 0 };
	struct http_name table[ARRAY_SIZE(names)] = { 0 };
	struct http_hosts hosts = { .buckets = buckets, .mask = 1, .names = table, .fallback = 9 };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		bool wildcard = names[i].name[0] == '*';

		table[i] = (struct http_name){ .text = text(names[i].name + wildcard),
					       .wildcard = wildcard, .vhost = names[i].vhost };
		CHECK(!http_hosts_add(&hosts), "%s: there already", names[i].name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		u32 found = http_hosts_find(&hosts, text(rows[i].name));

		CHECK(found == rows[i].vhost, "%s: %u", rows[i].name, found);
	}
}

static void virtual_host_given_twice(const struct test_case *test)
{
	struct http_name table[3] = { { .text = text(".a.example"), .wildcard = true },
				      { .text = text(".a.example") },
				      { .text = text(".a.example"), .wildcard = true } };
	u32 bucket = 0;
	struct http_hosts hosts = { .buckets = &bucket, .names = table };

	CHECK(!http_hosts_add(&hosts), "first");
	CHECK(!http_hosts_add(&hosts), "no wildcard");
	CHECK(http_hosts_add(&hosts) && hosts.count == 2, "again");
}

static void locations(const struct test_case *test)
{
	static const struct {
		const char *location;
		const char *target;
		const char *host;
		const char *expect;
	} rows[] = {
		{ "https://shop.example$uri", "/a?b", "x", "https://shop.example/a?b" },
		{ "https://shop.example$path", "/a?b", "x", "https://shop.example/a" },
		{ "https://$host$uri", "/a", "X.example:80", "https://X.example/a" },
		{ "https://$host$uri", "http://y?q", "x", "https://y/?q" },
		{ "https://$host/", "/a", NULL, "" },
		{ "$uri", "/a?b", "x", "/a?b" },
		{ "$uri", "//evil.example/a", "x", "/evil.example/a" },
		{ "$path/", "/\\/evil.example", "x", "/evil.example/" },
		{ "$path/a", "/", "x", "/a" },
		{ "$path//a", "//", "x", "/a" },
		{ "$path$uri", "/", "x", "/" },
		{ "$path$uri", "//a", "x", "/a//a" },
		{ "/new$uri", "//a", "x", "/new//a" },
		{ "/$host$uri", "/a", "x", "/x/a" },
		{ "/fixed#part", "/a", "x", "/fixed#part" },
		{ "https://a$uri$uri", "/b", "x", "https://a/b/b" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_field fields[TEST_FIELDS];
		struct http_head head;
		u8 *buf = request_for(&head, fields, "GET", rows[i].target, rows[i].host);
		struct http_text location = text(rows[i].location);
		size_t need = http_location(NULL, 0, location, &head, buf);
		u8 *out = malloc(need + 1);

		CHECK(!http_location_fault(location), "%s: %s", rows[i].location,
		      http_location_fault(location));
		CHECK(http_location(out, need, location, &head, buf) == need, "need changes");
		CHECK(need == strlen(rows[i].expect) && !memcmp(out, rows[i].expect, need),
		      "%s: %.*s", rows[i].location, (int)need, out);
		free(out);
		free(buf);
	}
}

static void faulty_locations(const struct test_case *test)
{
	static const char *const rows[] = {
		"", "shop.example", "//evil", "/\\evil", "/$uri", "/$path", "https://", "https:///",
		"https://$uri", "http://$path", "https://?a", "$host", "/a b", "/a\r\nX: y", "/a\r\nX:y",
		"/$unknown", "/$", "/a\x80", "ftp://a/",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK(http_location_fault(text(rows[i])), "%s: taken", rows[i]);
}

static const struct test_case cases[] = {
	OK(plain, "/a/b.html?x=//..", "/a/b.html"),
	OK(root, "/", "/"),
	OK(absolute_form, "http://a/b", "/b"),
	OK(absolute_form_without_path, "http://a", "/"),
	OK(absolute_form_with_query_alone, "http://a?b", "/"),
	OK(server, "*", "*"),
	OK(escaped_letter, "/%61dmin", "/admin"),
	OK(escapes_are_decoded_once, "/%2561dmin", "/%61dmin"),
	OK(escaped_question_mark, "/a%3fb", "/a?b"),
	OK(two_slashes_in_front, "//admin", "/admin"),
	OK(many_slashes, "/a///b//", "/a/b/"),
	OK(dot_segments, "/a/./b/../c", "/a/c"),
	OK(up_and_down, "/a/../admin", "/admin"),
	OK(up_to_the_root, "/a/..", "/"),
	OK(dot_at_the_end, "/a/.", "/a/"),
	OK(dots_at_the_end_keep_the_slash, "/a/b/..", "/a/"),
	OK(several_up, "/a/b/c/../../d", "/a/d"),
	OK(escaped_dots, "/a/%2e%2E/admin", "/admin"),
	OK(half_escaped_dots, "/a/.%2e/admin", "/admin"),
	OK(three_dots_are_a_name, "/a/.../b", "/a/.../b"),
	OK(hidden_file, "/.well-known/x", "/.well-known/x"),
	OK(dot_at_the_end_of_a_name, "/a./b", "/a./b"),
	OK(escaped_slash, "/admin%2fx", "/admin/x"),
	OK(backslash, "/admin\\x", "/admin/x"),
	OK(escaped_backslash, "/admin%5cx", "/admin/x"),
	OK(parameters_stay, "/admin;a=b/x", "/admin;a=b/x"),
	OK(escaped_line_end, "/a%0d%0ab", "/a\r\nb"),
	OK(high_bytes, "/%c3%a9", "/\xc3\xa9"),
	BAD(escaped_nul, "/admin%00.html", HTTP_OK),
	BAD(no_escape, "/a%zz", HTTP_OK),
	BAD(cut_off_escape, "/a%2", HTTP_OK),
	BAD(lone_percent, "/%", HTTP_OK),
	BAD(above_the_root, "/..", HTTP_OK),
	BAD(above_the_root_later, "/a/../../b", HTTP_OK),
	BAD(above_the_root_escaped, "/%2e%2e/b", HTTP_OK),
	BAD(escaped_slash_and_dots, "/admin%2f..", HTTP_OK),
	BAD(escaped_slash_hides_a_level, "/admin/x%2f..%2f..%2fpublic", HTTP_OK),
	BAD(backslash_and_dots, "/admin\\..\\public", HTTP_OK),
	BAD(empty_segment_hides_a_level, "/admin//../public", HTTP_OK),
	BAD(empty_segment_behind_the_dots, "/a/..//b", HTTP_OK),
	BAD(escaped_slash_and_a_dot, "/admin%2f.", HTTP_OK),
	BAD(dots_with_parameters, "/a/..;x/admin", HTTP_OK),
	BAD(dot_with_parameters, "/a/.;x/b", HTTP_OK),
	BAD(dots_with_escaped_parameters, "/a/..%3bx/admin", HTTP_OK),
	TEST(patterns),
	TEST(patterns_are_linear),
	TEST(hosts_of_requests),
	TEST(host_of_any_length),
	TEST(queries),
	TEST(cookies),
	TEST(virtual_hosts),
	TEST(virtual_host_given_twice),
	TEST(locations),
	TEST(faulty_locations),
};

SUITE(parts, cases, check_path);

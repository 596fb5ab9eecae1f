// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer harness of what rules see of a request: patterns, hosts, paths,
 * queries, cookies, and where redirects lead to. A second reading (plain.h)
 * must come to the same, and a redirect must stay where it was meant to lead.
 *
 * Input: one byte of what to check, one that says where the first of the two
 * texts ends, then both.
 */
#include "../../../http_rules.h"
#include "check.h"
#include "plain.h"

enum {
	TEXT_MAX = 512,
	NAMES_MAX = 16,
	BUCKETS = 4,
	CHECK_PATTERN = 0,
	CHECK_FOLDED,
	CHECK_REQUEST,
	CHECK_COOKIES,
	CHECK_LOCATION,
	CHECK_HOSTS,
	CHECK_COUNT,
};

static void check_pattern(struct http_text pattern, struct http_text text, bool fold)
{
	struct http_pattern compiled;
	u8 *store;

	if (!pattern.len || pattern.len > HTTP_PATTERN_MAX)
		return;
	store = malloc(2 * pattern.len);
	if (!store)
		abort();
	http_pattern_compile(&compiled, pattern.at, pattern.len, fold, store);
	ENSURE(http_pattern_matches(&compiled, text.at, text.len) ==
	       plain_matches(pattern, text, fold), "pattern %.*s, text %.*s", (int)pattern.len,
	       pattern.at, (int)text.len, text.at);
	free(store);
}

static bool equal(struct http_text a, const u8 *b, size_t len)
{
	return a.len == len && !memcmp(a.at, b, len);
}

static void check_path(const struct http_head *head, const u8 *buf)
{
	size_t size = http_path_len(head, buf), len;
	u8 *out = malloc(size ? size : 1), *expect = malloc(size + 2);
	struct http_text sent = { buf + head->path.off, size }, path;
	bool clear = http_path_of(head, buf, out, size, &path);

	if (head->target_form == HTTP_TARGET_ASTERISK) {
		ENSURE(clear && equal(path, (const u8 *)"*", 1), "asterisk");
	} else {
		ENSURE(clear == plain_path(sent, expect, &len), "clear %d: %.*s", clear,
		       (int)size, sent.at);
		ENSURE(!clear || equal(path, expect, len), "%.*s is %.*s, not %.*s", (int)size,
		       sent.at, (int)path.len, path.at, (int)len, expect);
	}
	free(expect);
	free(out);
}

static void check_query(const struct http_head *head, const u8 *buf)
{
	size_t mark = http_path_len(head, buf);
	size_t size = head->path.len - mark - (mark < head->path.len);
	struct http_text sent = { buf + head->path.off + head->path.len - size, size }, query;
	u8 *out = malloc(size ? size : 1), *expect = malloc(size + 1);

	http_query_of(head, buf, out, size, &query);
	ENSURE(equal(query, expect, plain_unescape(sent, expect)), "query %.*s", (int)size,
	       sent.at);
	free(expect);
	free(out);
}

static void check_host(const struct http_head *head, const u8 *buf)
{
	struct http_text host;

	if (!http_host_of(head, buf, &host))
		return;
	ENSURE(host.len <= head->host.len && host.len <= HTTP_HOST_MAX, "longer than sent");
	ENSURE(!host.len || host.at[0] == '[' ||
	       (!memchr(host.at, ':', host.len) && !memchr(host.at, '%', host.len)), "host %.*s",
	       (int)host.len, host.at);
}

static void check_location(const struct http_head *head, const u8 *buf, struct http_text location)
{
	size_t need = http_location(NULL, 0, location, head, buf);
	u8 *out = malloc(need + 1);

	for (size_t size = 0; size <= need; size++) {
		out[size] = 0xa5;
		ENSURE(http_location(out, size, location, head, buf) == need && out[size] == 0xa5,
		       "location depends on the room");
	}
	for (size_t i = 0; i < need; i++)
		ENSURE(out[i] > ' ' && out[i] < 0x7f, "byte %#x in a location", out[i]);
	if (need && (location.at[0] == '/' || location.at[0] == '$')) {
		/* Another host begins behind two slashes, and what browsers take for them. */
		ENSURE(out[0] == '/', "not a path: %.*s", (int)need, out);
		ENSURE(need == 1 || (out[1] != '/' && out[1] != '\\'), "another host: %.*s",
		       (int)need, out);
	}
	free(out);
}

/* A request for the target; false if the parser does not take it. */
static bool parse(struct http_head *head, struct http_field *fields, struct http_text target,
		  struct http_text host, u8 *text)
{
	static const struct http_limits no_limits;
	size_t len = sprintf((char *)text, "OPTIONS ");

	memcpy(text + len, target.at, target.len);
	len += target.len;
	len += sprintf((char *)text + len, " HTTP/1.1\r\nHost: ");
	memcpy(text + len, host.at, host.len);
	len += host.len;
	len += sprintf((char *)text + len, "\r\n\r\n");
	http_request_init(head, &no_limits, fields, FUZZ_FIELDS);
	return http_head_parse(head, text, len) == HTTP_DONE;
}

static void check_request(struct http_text target, struct http_text host, struct http_text location)
{
	struct http_field fields[FUZZ_FIELDS];
	u8 text[2 * TEXT_MAX + 64], *copy;
	struct http_head head;

	if (!parse(&head, fields, target, host, text))
		return;
	copy = fuzz_copy(text, head.length);
	check_path(&head, copy);
	check_query(&head, copy);
	check_host(&head, copy);
	check_location(&head, copy, location);
	free(copy);
}

static void check_template(struct http_text location, struct http_text target)
{
	static const struct http_text host = { (const u8 *)"a.example:81", 12 };

	if (location.len <= TEXT_MAX && !http_location_fault(location))
		check_request(target, host, location);
}

static void check_cookies(struct http_text value, struct http_text wanted)
{
	struct http_text name, content, expect;
	size_t at = 0, count = 0;

	while (http_cookie_next(value, &at, &name, &content)) {
		if (!equal(name, wanted.at, wanted.len))
			continue;
		ENSURE(plain_cookie(value, wanted, count++, &expect), "a cookie too many");
		ENSURE(equal(content, expect.at, expect.len), "cookie %.*s, not %.*s",
		       (int)content.len, content.at, (int)expect.len, expect.at);
	}
	ENSURE(!plain_cookie(value, wanted, count, &expect), "a cookie too few");
}

static bool name_fits(const struct http_name *name, struct http_text host)
{
	if (name->wildcard) {
		if (host.len <= name->text.len)
			return false;
		host.at += host.len - name->text.len;
		host.len = name->text.len;
	}
	return plain_equal(host, name->text);
}

/* Names between commas; one that begins with a dot is a wildcard. */
static void check_hosts(struct http_text list, struct http_text host)
{
	struct http_name names[NAMES_MAX] = { 0 };
	u32 buckets[BUCKETS] = { 0 };
	struct http_hosts hosts = { .buckets = buckets, .mask = BUCKETS - 1, .names = names,
				    .fallback = HTTP_VHOST_NONE };
	u32 expect = HTTP_VHOST_NONE;
	size_t best = 0, at = 0;
	u8 *lower = fuzz_copy(list.at, list.len);

	for (size_t i = 0; i < list.len; i++)
		lower[i] |= lower[i] >= 'A' && lower[i] <= 'Z' ? 0x20 : 0;
	while (at < list.len && hosts.count < NAMES_MAX) {
		const u8 *comma = memchr(lower + at, ',', list.len - at);
		size_t len = comma ? (size_t)(comma - lower) - at : list.len - at;
		bool wildcard = len && lower[at] == '.';

		if (len > wildcard) {
			names[hosts.count] = (struct http_name){
				.text = { lower + at, len }, .wildcard = wildcard,
				.vhost = hosts.count,
			};
			http_hosts_add(&hosts);
		}
		at += len + 1;
	}
	for (u32 i = 0; i < hosts.count; i++) {
		/* A name itself beats all wildcards, a longer wildcard a shorter one. */
		size_t rank = names[i].wildcard ? names[i].text.len : SIZE_MAX;

		if (name_fits(&names[i], host) && rank > best) {
			best = rank;
			expect = i;
		}
	}
	ENSURE(http_hosts_find(&hosts, host) == expect, "host %.*s", (int)host.len, host.at);
	free(lower);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct http_text location = { (const u8 *)"https://$host$uri", 17 };
	struct http_text first, second;
	size_t cut;

	if (size < 2 || size > TEXT_MAX)
		return 0;
	cut = min_t(size_t, data[1], size - 2);
	first = (struct http_text){ fuzz_copy(data + 2, cut), cut };
	second = (struct http_text){ fuzz_copy(data + 2 + cut, size - 2 - cut), size - 2 - cut };
	switch (data[0] % CHECK_COUNT) {
	case CHECK_PATTERN:
	case CHECK_FOLDED:
		check_pattern(first, second, data[0] % CHECK_COUNT == CHECK_FOLDED);
		break;
	case CHECK_REQUEST:
		check_request(first, second, location);
		break;
	case CHECK_COOKIES:
		check_cookies(first, second);
		break;
	case CHECK_LOCATION:
		check_template(first, second);
		break;
	case CHECK_HOSTS:
		check_hosts(first, second);
		break;
	}
	free((void *)first.at);
	free((void *)second.at);
	return 0;
}

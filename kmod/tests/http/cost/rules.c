// SPDX-License-Identifier: GPL-2.0-only
/*
 * What judging a request costs: "rules KIND COUNT" compares a hundred requests
 * of a browser with so many rules, none of which applies.  docs/routing.md has
 * the command that counts it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../../http_rules.h"

enum { REQUESTS = 100, RULES_MAX = 1024, FIELDS = 64, ROOM = 8192 };

static const char request[] =
	"GET /shop/articles/1234?colour=blue&size=42 HTTP/1.1\r\n"
	"Host: www.shop.example\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
	"Accept-Language: en-US,en;q=0.5\r\n"
	"Accept-Encoding: gzip, deflate, br, zstd\r\n"
	"Referer: https://www.shop.example/shop/articles\r\n"
	"Cookie: session=0123456789abcdef; basket=17; theme=dark\r\n"
	"Cache-Control: no-cache\r\n"
	"\r\n";

static const struct {
	const char *name;
	u8 kind;
	bool fold;
	const char *field;
	const char *pattern;
} kinds[] = {
	{ "path", HTTP_CONDITION_PATH, false, NULL, "/admin/*" },
	{ "host", HTTP_CONDITION_HOST, true, NULL, "*.other.example" },
	{ "method", HTTP_CONDITION_METHOD, false, NULL, "DELETE" },
	{ "query", HTTP_CONDITION_QUERY, false, NULL, "*debug=1*" },
	{ "header", HTTP_CONDITION_HEADER, true, "user-agent", "*bot*" },
	{ "absent", HTTP_CONDITION_HEADER, true, "x-forwarded-host", "*" },
	{ "cookie", HTTP_CONDITION_COOKIE, false, "canary", "*" },
	{ "source", HTTP_CONDITION_SOURCE, false, NULL, "" },
	{ "fingerprint", HTTP_CONDITION_FINGERPRINT, false, NULL, "*_8daaf6152771_*" },
};

int main(int argc, char **argv)
{
	static const struct http_limits limits;
	static const struct http_rule *rules[RULES_MAX];
	static u8 store[2 * HTTP_PATTERN_MAX], scratch[ROOM];
	static const u8 client[HTTP_ADDRESS_LEN] = { 0xfd, 1 };
	struct http_condition condition = { .prefix = 64 };
	struct http_rule rule = { .conditions = &condition, .condition_count = 1 };
	struct http_chain chain = { .rules = rules };
	struct http_field fields[FIELDS];
	struct http_head head;
	size_t i;

	if (argc != 3)
		return 2;
	chain.count = atoi(argv[2]);
	if (chain.count > RULES_MAX)
		return 2;
	for (i = 0; i < ARRAY_SIZE(kinds) && strcmp(kinds[i].name, argv[1]); i++)
		;
	if (i == ARRAY_SIZE(kinds))
		return 2;
	condition.kind = kinds[i].kind;
	if (kinds[i].field) {
		condition.name.at = (const u8 *)kinds[i].field;
		condition.name.len = strlen(kinds[i].field);
		condition.field = http_field_id(condition.name.at, condition.name.len);
	}
	if (condition.kind != HTTP_CONDITION_SOURCE)
		http_pattern_compile(&condition.pattern, (const u8 *)kinds[i].pattern,
				     strlen(kinds[i].pattern), kinds[i].fold, store);
	for (i = 0; i < chain.count; i++)
		rules[i] = &rule;
	http_request_init(&head, &limits, fields, FIELDS);
	if (http_head_parse(&head, (const u8 *)request, sizeof(request) - 1) != HTTP_DONE)
		return 1;
	for (i = 0; i < REQUESTS; i++) {
		struct http_case one = {
			.head = &head,
			.buf = (const u8 *)request,
			.address = client,
			.fingerprint = HTTP_TEXT("t13d311100_e8f1e7e78f70_d41ae481755e"),
			.scratch = scratch,
			.room = sizeof(scratch),
		};

		if (http_judge(&chain, &one) || one.looked_at != chain.count)
			return 1;
	}
	return 0;
}

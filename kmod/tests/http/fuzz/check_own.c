// SPDX-License-Identifier: GPL-2.0-only
/* Weir's own replies: to both readers one message, of the length that it says. */
#include <time.h>

#include "check.h"
#include "strict.h"

enum {
	/* The end of 9999. */
	SECONDS_MAX = 253402300800,
	LOCATION_MAX = 64,
};

static void check_date(const char *date, u64 seconds)
{
	time_t when = (time_t)seconds;
	char expect[HTTP_DATE_LEN + 1];
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(expect, sizeof(expect), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	ENSURE(!memcmp(date, expect, HTTP_DATE_LEN), "%llu: %.*s, not %s",
	       (unsigned long long)seconds, HTTP_DATE_LEN, date, expect);
}

static bool equal(const u8 *text, struct http_span span, const u8 *expect, size_t len)
{
	return span.len == len && !memcmp(text + span.off, expect, len);
}

static const struct http_field *find(const struct http_head *head, const u8 *text,
				     const char *name)
{
	for (u16 i = 0; i < head->n_fields; i++)
		if (equal(text, head->fields[i].name, (const u8 *)name, strlen(name)))
			return &head->fields[i];
	return NULL;
}

static void check_fields(const struct http_head *head, const u8 *reply, const struct http_own *own)
{
	const struct http_field *location = find(head, reply, "Location");
	const struct http_field *type = find(head, reply, "Content-Type");
	const char *expect = own->content_type ? own->content_type : "text/plain";

	ENSURE(!location == !own->location, "Location");
	ENSURE(!location || equal(reply, location->value, own->location, own->location_len),
	       "another Location");
	ENSURE(type && equal(reply, type->value, (const u8 *)expect, strlen(expect)),
	       "Content-Type");
	ENSURE(!find(head, reply, "Date") == !own->date, "Date");
	ENSURE(!find(head, reply, "Allow") == !(own->flags & HTTP_WRITE_ALLOW), "Allow");
	ENSURE(!find(head, reply, "Cache-Control") == !(own->flags & HTTP_WRITE_NO_STORE),
	       "Cache-Control");
}

static void check_reply(const u8 *reply, size_t len, const struct http_own *own)
{
	bool no_body = own->flags & HTTP_WRITE_NO_BODY;
	struct http_limits limits = { .header_count = FUZZ_FIELDS };
	enum http_method method = no_body ? HTTP_METHOD_HEAD : HTTP_METHOD_GET;
	struct http_field fields[FUZZ_FIELDS];
	static struct strict_head strict;
	struct http_head head;

	http_reply_init(&head, &limits, fields, FUZZ_FIELDS, method, false);
	ENSURE(http_head_parse(&head, reply, len) == HTTP_DONE, "%s",
	       http_text_of(head.error));
	ENSURE(strict_reply(&strict, reply, len, &limits, method, false) == STRICT_ACCEPTED &&
	       strict.length == head.length, "the second reader does not take it");
	ENSURE(head.status == own->status && strict.status == own->status, "status");
	ENSURE(strict.keepalive == !(own->flags & HTTP_WRITE_CLOSE), "persistence");
	ENSURE(strict.has_length, "no length");
	if (own->content_type)
		ENSURE(strict.content_length == own->content_length && head.length == len,
		       "the caller's length %zu, not %llu", own->content_length,
		       (unsigned long long)strict.content_length);
	else
		ENSURE(no_body ? head.length == len : head.length + strict.content_length == len,
		       "length %llu", (unsigned long long)strict.content_length);
	check_fields(&head, reply, own);
}

/* Visible bytes: http_location() makes no others. */
static size_t make_location(u8 *location, const u8 *data, size_t len)
{
	size_t i;

	for (i = 0; i < len && i < LOCATION_MAX; i++)
		location[i] = '!' + data[i] % ('~' - '!' + 1);
	return i;
}

void fuzz_own(u16 status, u8 options, const u8 *data, size_t len)
{
	static const struct {
		u8 option;
		unsigned int flag;
	} flags[] = {
		{ OPTION_CLOSE, HTTP_WRITE_CLOSE },
		{ OPTION_NO_EXPECT, HTTP_WRITE_KEEPALIVE },
		{ OPTION_HEAD, HTTP_WRITE_NO_BODY },
		{ OPTION_UPGRADE, HTTP_WRITE_NO_STORE | HTTP_WRITE_ALLOW },
	};
	struct http_own own = { .status = status };
	u8 location[LOCATION_MAX], *reply;
	char date[HTTP_DATE_LEN];
	u64 seconds = 0;
	size_t room = HTTP_OWN_MAX, need;

	memcpy(&seconds, data, min_t(size_t, len, sizeof(seconds)));
	seconds %= SECONDS_MAX;
	/* Whatever a rule or a full upstream may answer. */
	if (!status)
		own.status = 200 + seconds % 400;
	/* These have no body, and are never Weir's own. */
	if (own.status < 200 || own.status == 204 || own.status == 304)
		return;
	http_format_date(date, seconds);
	check_date(date, seconds);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		own.flags |= options & flags[i].option ? flags[i].flag : 0;
	own.date = options & OPTION_SMALL ? NULL : date;
	if (options & OPTION_REFRAME) {
		own.location = location;
		own.location_len = make_location(location, data, len);
		room += own.location_len;
	}
	if (options & OPTION_LIMITS) {
		own.content_type = "text/html; charset=utf-8";
		own.content_length = seconds;
		room += strlen(own.content_type);
	}
	reply = fuzz_alloc(room);
	need = http_write_own(reply, room, &own);
	ENSURE(need <= room, "status %u: %zu bytes", own.status, need);
	check_reply(reply, need, &own);
	free(reply);
}

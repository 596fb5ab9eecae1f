// SPDX-License-Identifier: GPL-2.0-only
/* Weir's own replies: to both readers one message, of the length that it says. */
#include <time.h>

#include "check.h"
#include "strict.h"

enum {
	/* The end of 9999. */
	SECONDS_MAX = 253402300800,
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

static void check_reply(const u8 *reply, size_t len, u16 status, unsigned int flags)
{
	struct http_limits limits = { .header_count = FUZZ_FIELDS };
	enum http_method method = flags & HTTP_WRITE_NO_BODY ? HTTP_METHOD_HEAD : HTTP_METHOD_GET;
	struct http_field fields[FUZZ_FIELDS];
	static struct strict_head strict;
	struct http_head head;

	http_reply_init(&head, &limits, fields, FUZZ_FIELDS, method, false);
	ENSURE(http_head_parse(&head, reply, len) == HTTP_DONE, "%s",
	       http_text_of(head.error));
	ENSURE(strict_reply(&strict, reply, len, &limits, method, false) == STRICT_ACCEPTED &&
	       strict.length == head.length, "the second reader does not take it");
	ENSURE(head.status == status && strict.status == status, "status");
	ENSURE(strict.keepalive == !(flags & HTTP_WRITE_CLOSE), "persistence");
	ENSURE(strict.has_length && (flags & HTTP_WRITE_NO_BODY ? head.length == len :
				     strict.length + strict.content_length == len),
	       "length %llu", (unsigned long long)strict.content_length);
}

void fuzz_own(u16 status, u8 options, const u8 *data, size_t len)
{
	struct http_own own = { .status = status };
	u8 reply[HTTP_OWN_MAX];
	char date[HTTP_DATE_LEN];
	unsigned int flags = 0;
	u64 seconds = 0;
	size_t need;

	/* These have no body, and are never Weir's own. */
	if (status < 200 || status == 204 || status == 304)
		return;
	memcpy(&seconds, data, min_t(size_t, len, sizeof(seconds)));
	seconds %= SECONDS_MAX;
	http_format_date(date, seconds);
	check_date(date, seconds);
	if (options & OPTION_CLOSE)
		flags |= HTTP_WRITE_CLOSE;
	if (options & OPTION_NO_EXPECT)
		flags |= HTTP_WRITE_KEEPALIVE;
	if (options & OPTION_HEAD)
		flags |= HTTP_WRITE_NO_BODY;
	own.flags = flags;
	own.date = options & OPTION_SMALL ? NULL : date;
	need = http_write_own(reply, sizeof(reply), &own);
	ENSURE(need <= sizeof(reply), "status %u: %zu bytes", status, need);
	check_reply(reply, need, status, flags);
}

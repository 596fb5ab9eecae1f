// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the two heads of a get-keepalive-1k request cost to parse and to write:
 * "heads COUNT" does so many of each.  docs/decisions/0003 has the command that
 * counts it.
 */
#include <stdlib.h>
#include <string.h>

#include "../../../http_write.h"

enum { FIELDS = 64, ROOM = 1024 };

static const char request[] =
	"GET /1k HTTP/1.1\r\n"
	"Host: www.example.com\r\n"
	"User-Agent: load/1\r\n"
	"Accept: */*\r\n"
	"Accept-Encoding: gzip, br\r\n"
	"\r\n";
static const char reply[] =
	"HTTP/1.1 200 OK\r\n"
	"Server: origin\r\n"
	"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
	"Content-Type: application/octet-stream\r\n"
	"Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT\r\n"
	"ETag: \"2ebc61a0\"\r\n"
	"Content-Length: 1024\r\n"
	"\r\n";

int main(int argc, char **argv)
{
	static const struct http_limits limits = { 8192, 8192, FIELDS, 0 };
	const struct http_forward how = {
		.via = HTTP_VIA("weir"), .proto = HTTP_TEXT("http"),
		.client = HTTP_TEXT("10.78.1.2"), .framing = HTTP_FRAMING_LENGTH,
		.date = "Sun, 06 Nov 1994 08:49:37 GMT",
	};
	struct http_field fields[FIELDS];
	struct http_head head;
	u8 out[ROOM];
	int i, count;

	if (argc != 2)
		return 2;
	count = atoi(argv[1]);
	for (i = 0; i < count; i++) {
		http_request_init(&head, &limits, fields, FIELDS);
		if (http_head_parse(&head, (const u8 *)request, sizeof(request) - 1) != HTTP_DONE ||
		    http_write_request(out, ROOM, &head, (const u8 *)request, &how) > ROOM)
			return 1;
		http_reply_init(&head, &limits, fields, FIELDS, HTTP_METHOD_GET,
				false);
		if (http_head_parse(&head, (const u8 *)reply, sizeof(reply) - 1) != HTTP_DONE ||
		    http_write_reply(out, ROOM, &head, (const u8 *)reply, &how) > ROOM)
			return 1;
	}
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
/* As much of HTTP/1.1 (RFC 9112) as it takes to find a message's end: status, Content-Length, no chunks. */
#define _GNU_SOURCE
#include <string.h>
#include <strings.h>

#include "load.h"

enum { STATUS_AT = 9, STATUS_LINE_MIN = 13 };	/* "HTTP/1.1 200 " */

/* The value of the field `name`, or NULL. The head is whole. */
static const char *field(const char *text, size_t len, const char *name)
{
	size_t n = strlen(name);
	const char *end = text + len;

	for (const char *line = memchr(text, '\n', len); line; line = memchr(line, '\n', end - line)) {
		line++;
		if ((size_t)(end - line) > n && line[n] == ':' && !strncasecmp(line, name, n))
			return line + n + 1;
	}
	return NULL;
}

bool has_field(const char *text, size_t len, const char *name)
{
	return field(text, len, name);
}

bool find_head(const char *text, size_t len, struct head *head)
{
	const char *end = memmem(text, len, "\r\n\r\n", 4), *value;

	if (!end)
		return false;
	memset(head, 0, sizeof(*head));
	head->length = end + 4 - text;
	if (head->length > STATUS_LINE_MIN && !memcmp(text, "HTTP/1.1 ", STATUS_AT)) {
		for (int i = 0; i < 3; i++) {
			unsigned int digit = (unsigned char)text[STATUS_AT + i] - '0';

			if (digit > 9) {
				head->status = 0;
				break;
			}
			head->status = head->status * 10 + digit;
		}
	}
	value = field(text, head->length, "content-length");
	if (value) {
		head->has_body_length = true;
		while (*value == ' ')
			value++;
		for (; *value >= '0' && *value <= '9'; value++)
			head->body = head->body * 10 + (*value - '0');
	}
	return true;
}

const char *bad_head(const char *text, const struct head *head)
{
	if (has_field(text, head->length, "transfer-encoding"))
		return "it has a transfer coding";
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0-only
#include <strings.h>

#include "message.h"
#include "plain.h"

struct http_text message_take(struct http_text *text, u8 end)
{
	const u8 *found = text->len ? memchr(text->at, end, text->len) : NULL;
	size_t len = found ? (size_t)(found - text->at) : text->len;
	struct http_text taken = { text->at, len };

	text->at += len + !!found;
	text->len -= len + !!found;
	return taken;
}

static bool put(u8 *out, size_t *len, const void *data, size_t data_len)
{
	if (data_len > MESSAGE_MAX - *len)
		return false;
	memcpy(out + *len, data, data_len);
	*len += data_len;
	return true;
}

size_t message_write(u8 *out, const char *first, struct http_text lines)
{
	size_t len = 0;

	if (!put(out, &len, first, strlen(first)))
		return 0;
	while (lines.len) {
		struct http_text line = message_take(&lines, '\n');

		if (!put(out, &len, line.at, line.len) || !put(out, &len, "\r\n", 2))
			return 0;
	}
	return put(out, &len, "\r\n", 2) ? len : 0;
}

void message_read(struct message *message, const u8 *text, size_t len)
{
	struct http_text rest = { text, len };

	/* Empty lines in front. */
	do {
		message->first = message_take(&rest, '\r');
		message_take(&rest, '\n');
	} while (!message->first.len && rest.len);
	message->count = 0;
	while (rest.len && message->count < MESSAGE_FIELDS) {
		struct http_text line = message_take(&rest, '\r');

		message_take(&rest, '\n');
		if (!line.len)
			return;
		message->names[message->count] = message_take(&line, ':');
		message->values[message->count++] = plain_trimmed(line);
	}
}

bool message_find(const struct message *message, const char *name, size_t *at,
		  struct http_text *value)
{
	while (*at < message->count) {
		struct http_text found = message->names[(*at)++];

		if (found.len != strlen(name) ||
		    strncasecmp((const char *)found.at, name, found.len))
			continue;
		*value = message->values[*at - 1];
		return true;
	}
	return false;
}

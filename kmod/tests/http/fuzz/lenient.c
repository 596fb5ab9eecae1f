// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "lenient.h"

enum {
	NAME_MAX_LEN = 64,
	VALUE_MAX_LEN = 128,
	NONE = -1,
};

/**
 * struct cursor - a reader and where it is
 * @in: the bytes
 * @len: how many
 * @at: the next
 * @how: LENIENT_*
 */
struct cursor {
	const u8 *in;
	size_t len;
	size_t at;
	unsigned int how;
};

/**
 * struct facts - what a reader made of the fields
 * @length: from Content-Length, or NONE
 * @chunked: from Transfer-Encoding
 */
struct facts {
	long long length;
	bool chunked;
};

/* Whether a line ends at the byte, and how many bytes that takes. */
static size_t line_end(const struct cursor *cursor, size_t at)
{
	const u8 *p = cursor->in + at;
	size_t left = cursor->len - at;

	if (left >= 2 && p[0] == '\r' && p[1] == '\n')
		return 2;
	/* A CR that is the last byte so far may become CRLF. */
	if ((p[0] == '\n' && cursor->how & LENIENT_LF) ||
	    (p[0] == '\r' && cursor->how & LENIENT_CR && left >= 2) ||
	    (!p[0] && cursor->how & LENIENT_NUL))
		return 1;
	return 0;
}

/* Take a line, or a field's lines if it may be folded; false if its end has not come. */
static bool take_line(struct cursor *cursor, bool is_field, const u8 **line, size_t *len)
{
	size_t from = cursor->at, at = from, end = 0;

	while (at < cursor->len) {
		bool folded;

		end = line_end(cursor, at);
		folded = is_field && cursor->how & LENIENT_FOLD && at > from &&
			 at + end < cursor->len && isblank(cursor->in[at + end]);
		if (end && !folded)
			break;
		at += end ? end : 1;
	}
	if (at >= cursor->len)
		return false;
	*line = cursor->in + from;
	*len = at - from;
	cursor->at = at + end;
	return true;
}

static void read_field(struct facts *facts, const u8 *line, size_t len, unsigned int how)
{
	char name[NAME_MAX_LEN] = "", value[VALUE_MAX_LEN] = "";
	size_t at = 0, used = 0;
	char *last;

	for (; at < len && line[at] != ':'; at++)
		if (used < sizeof(name) - 1 &&
		    (!(how & LENIENT_NAME) || isgraph(line[at])))
			name[used++] = line[at];
	for (at++, used = 0; at < len; at++)
		if (used < sizeof(value) - 1 && (used || !isspace(line[at])))
			value[used++] = line[at];
	while (used && isspace(value[used - 1]))
		value[--used] = 0;
	if (!strcasecmp(name, "content-length")) {
		if (facts->length == NONE || how & LENIENT_LAST)
			facts->length = strtoll(value, NULL, 10);
	}
	if (!strcasecmp(name, "transfer-encoding")) {
		last = strrchr(value, ',');
		last = last ? last + 1 : value;
		facts->chunked |= how & LENIENT_CODING ? !!strcasestr(value, "chunked") :
							 !strcasecmp(last, "chunked");
	}
}

static bool take_fields(struct cursor *cursor, struct facts *facts)
{
	const u8 *line;
	size_t len;

	while (take_line(cursor, true, &line, &len)) {
		if (!len)
			return true;
		read_field(facts, line, len, cursor->how);
	}
	return false;
}

static bool take_size(struct cursor *cursor, unsigned long long *size)
{
	char text[NAME_MAX_LEN] = "";
	const u8 *line;
	size_t len;

	if (!take_line(cursor, false, &line, &len))
		return false;
	memcpy(text, line, len < sizeof(text) - 1 ? len : sizeof(text) - 1);
	if (!(cursor->how & LENIENT_SIZE))
		text[strspn(text, "0123456789abcdefABCDEF")] = 0;
	*size = strtoull(text, NULL, 16);
	return true;
}

static size_t take_chunks(struct cursor *cursor)
{
	struct facts late = { .length = NONE };
	unsigned long long size;
	const u8 *line;
	size_t len;

	for (;;) {
		if (!take_size(cursor, &size))
			return SIZE_MAX;
		if (!size)
			break;
		if (size > cursor->len - cursor->at)
			return SIZE_MAX;
		cursor->at += size;
		/* What is between the data and the end of its line is thrown away. */
		if (!take_line(cursor, false, &line, &len))
			return SIZE_MAX;
	}
	if (!take_fields(cursor, &late))
		return SIZE_MAX;
	if (cursor->how & LENIENT_TRAILER && (late.length != NONE || late.chunked))
		return 0;
	return cursor->at;
}

static bool has_no_body(unsigned int status, enum http_method method)
{
	return status < 200 || status == 204 || status == 304 || method == HTTP_METHOD_HEAD;
}

size_t lenient_end(const u8 *in, size_t len, unsigned int how, bool is_reply,
		   enum http_method method)
{
	struct cursor cursor = { .in = in, .len = len, .how = how };
	struct facts facts = { .length = NONE };
	const u8 *line;
	size_t line_len;

	do {
		if (!take_line(&cursor, false, &line, &line_len))
			return SIZE_MAX;
	} while (!line_len);
	if (!take_fields(&cursor, &facts))
		return SIZE_MAX;
	if (is_reply) {
		const u8 *code = memchr(line, ' ', line_len);

		if (has_no_body(code ? strtoul((const char *)code, NULL, 10) : 0, method))
			return cursor.at;
	}
	if (facts.chunked && !(how & LENIENT_LENGTH && facts.length != NONE))
		return take_chunks(&cursor);
	if (facts.length != NONE)
		return (size_t)facts.length > len - cursor.at ? SIZE_MAX :
								cursor.at + facts.length;
	return is_reply ? SIZE_MAX : cursor.at;
}

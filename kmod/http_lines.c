// SPDX-License-Identifier: GPL-2.0-only
#include "http_chars.h"
#include "http_fields.h"
#include "http_lines.h"
#include "http_names.h"
#include "http_words.h"

enum {
	/* "GET / HTTP/1.1 CRLF" and "HTTP/1.1 200 CR" */
	REQUEST_LINE_MIN = 16,
	STATUS_LINE_MIN = 14,
	/* Where a status line has what. */
	STATUS_AT = 9,
	REASON_AT = 13,
	/* " HTTP/1.1 CRLF" */
	VERSION_END = 11,
};

static bool is_version_end(const u8 *p)
{
	return !memcmp(p, " HTTP/1.", HTTP_WORD) &&
	       !memcmp(p + VERSION_END - HTTP_WORD, "TP/1.1\r\n", HTTP_WORD);
}

bool http_take_request_line(struct http_head *head, const u8 *buf, size_t end)
{
	const u8 *line = buf + head->pos;
	size_t from, to;

	if (end - head->pos < REQUEST_LINE_MIN)
		return false;
	if (!memcmp(line, "GET ", 4)) {
		head->method = HTTP_METHOD_GET;
		head->method_text.len = 3;
	} else if (!memcmp(line, "POST", 4) && line[4] == ' ') {
		head->method = HTTP_METHOD_POST;
		head->method_text.len = 4;
	} else {
		return false;
	}
	from = head->pos + head->method_text.len + 1;
	to = http_scan(buf, from, end, HTTP_CHAR_TARGET, http_no_target);
	if (buf[from] != '/' || end - to < VERSION_END || !is_version_end(buf + to) ||
	    to - from > head->limits.uri_length)
		return false;
	head->method_text.off = head->pos;
	head->target_form = HTTP_TARGET_ORIGIN;
	head->target.off = from;
	head->target.len = to - from;
	head->path = head->target;
	head->minor = 1;
	head->count = 0;
	head->pos = to + VERSION_END;
	head->mark = head->pos;
	return true;
}

bool http_take_status_line(struct http_head *head, const u8 *buf, size_t end)
{
	const u8 *digits = buf + STATUS_AT;
	unsigned int hundreds, tens, ones;
	size_t to;

	if (head->pos || end < STATUS_LINE_MIN || memcmp(buf, "HTTP/1.1", HTTP_WORD) ||
	    buf[STATUS_AT - 1] != ' ' || buf[REASON_AT - 1] != ' ')
		return false;
	hundreds = digits[0] - '0';
	tens = digits[1] - '0';
	ones = digits[2] - '0';
	if (hundreds - 1 > 4 || tens > 9 || ones > 9)
		return false;
	to = http_scan(buf, REASON_AT, end, HTTP_CHAR_VALUE, http_no_value);
	if (to + 2 > end || memcmp(buf + to, "\r\n", 2))
		return false;
	head->minor = 1;
	head->status = hundreds * 100 + tens * 10 + ones;
	head->reason.off = REASON_AT;
	head->reason.len = to - REASON_AT;
	head->pos = to + 2;
	head->mark = head->pos;
	return true;
}

/*
 * Where the value ends that begins at @from, its line being "Name: value CRLF"
 * with nothing in it for the steps; or 0.
 */
static __always_inline size_t value_end(const u8 *buf, size_t from, size_t end)
{
	size_t to = http_scan(buf, from, end, HTTP_CHAR_VALUE, http_no_value);

	/* Not empty, no space (which is the lowest value byte but HTAB) at either end. */
	if (to + 2 > end || memcmp(buf + to, "\r\n", 2) || buf[from] <= ' ' || buf[to - 1] <= ' ')
		return 0;
	return to;
}

enum http_error http_take_fields(struct http_head *head, const u8 *buf, size_t end)
{
	u64 checked = head->is_reply ? HTTP_CHECKED_REPLY : HTTP_CHECKED_REQUEST;
	struct http_field *field = head->fields + head->n_fields;
	const struct http_field *last = head->fields + head->limits.header_count;
	size_t pos = head->pos;
	u64 known = 0;

	for (; field < last; field++) {
		enum http_field_id id = HTTP_FIELD_OTHER;
		size_t len = 0, from, to;

		if (pos + HTTP_KNOWN_LOOKS <= end)
			len = http_known_name(buf + pos, &id);
		if (!len) {
			/* Mostly the end of the head. */
			if (pos == end || buf[pos] == '\r')
				break;
			len = http_scan(buf, pos, end, HTTP_CHAR_TOKEN, http_no_name) - pos;
			id = http_field_id(buf + pos, len);
		}
		from = pos + len + 2;
		if (!len || from >= end || memcmp(buf + pos + len, ": ", 2))
			break;
		to = value_end(buf, from, end);
		if (!to)
			break;
		field->name.off = pos;
		field->name.len = len;
		field->value.off = from;
		field->value.len = to - from;
		field->id = id;
		field->flags = HTTP_FIELD_CANONICAL;
		pos = to + 2;
		known |= BIT_ULL(id);
		if (checked & BIT_ULL(id)) {
			enum http_error error = http_check_field(head, buf, field);

			if (error)
				return error;
		}
	}
	head->known |= known;
	head->n_fields = field - head->fields;
	head->pos = pos;
	head->mark = pos;
	return HTTP_OK;
}

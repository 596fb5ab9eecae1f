// SPDX-License-Identifier: GPL-2.0-only
#include "http_chars.h"
#include "http_fields.h"
#include "http_lines.h"
#include "http_parser.h"

/*
 * Each state says which byte is expected next. A state that spans bytes runs
 * from head->mark. Order matters: states up to STATE_TARGET may run into the
 * end of the buffer before the target is complete (414 rather than 431).
 */
enum {
	STATE_START,		/* before a request line */
	STATE_START_LF,
	STATE_METHOD,
	STATE_TARGET,
	STATE_VERSION,
	STATE_STATUS,		/* three digits */
	STATE_STATUS_END,	/* SP or CR */
	STATE_REASON,
	STATE_LINE_LF,
	STATE_FIELD,		/* first byte of a field line, or CR */
	STATE_NAME,
	STATE_VALUE_START,	/* white space before a value */
	STATE_VALUE,
	STATE_FIELD_LF,
	STATE_END_LF,
	STATE_DONE,
	STATE_ERROR,
};

enum {
	STATUS_DIGITS = 3,
};

static const u8 version_text[] = { 'H', 'T', 'T', 'P', '/', '1', '.', '1' };

enum {
	VERSION_LEN = sizeof(version_text),
	VERSION_MAJOR = 5,	/* where the digits are */
	VERSION_MINOR = 7,
};

static __always_inline void init(struct http_head *head, const struct http_limits *limits,
				 struct http_field *fields, u16 capacity)
{
	memset(head, 0, sizeof(*head));
	head->fields = fields;
	head->capacity = capacity;
	head->limits = *limits;
	if (!limits->header_total || limits->header_total > HTTP_HEAD_MAX)
		head->limits.header_total = HTTP_HEAD_MAX;
	if (!limits->header_count || limits->header_count > capacity)
		head->limits.header_count = capacity;
	if (!limits->uri_length)
		head->limits.uri_length = HTTP_HEAD_MAX;
}

void http_request_init(struct http_head *head, const struct http_limits *limits,
		       struct http_field *fields, u16 capacity)
{
	init(head, limits, fields, capacity);
	head->state = STATE_START;
}

void http_reply_init(struct http_head *head, const struct http_limits *limits,
		     struct http_field *fields, u16 capacity,
		     enum http_method method, bool upgrade)
{
	init(head, limits, fields, capacity);
	head->is_reply = true;
	head->method = method;
	if (upgrade)
		head->flags |= HTTP_UPGRADE;
	head->state = STATE_VERSION;
}

static enum http_method method_of(const u8 *p, size_t len)
{
	static const struct {
		const char *name;
		u8 len;
		u8 method;
	} methods[] = {
		{ "GET", 3, HTTP_METHOD_GET },
		{ "POST", 4, HTTP_METHOD_POST },
		{ "HEAD", 4, HTTP_METHOD_HEAD },
		{ "PUT", 3, HTTP_METHOD_PUT },
		{ "DELETE", 6, HTTP_METHOD_DELETE },
		{ "OPTIONS", 7, HTTP_METHOD_OPTIONS },
		{ "PATCH", 5, HTTP_METHOD_PATCH },
		{ "TRACE", 5, HTTP_METHOD_TRACE },
		{ "CONNECT", 7, HTTP_METHOD_CONNECT },
	};
	size_t i;

	/* Methods are case-sensitive. */
	for (i = 0; i < ARRAY_SIZE(methods); i++)
		if (methods[i].len == len && !memcmp(methods[i].name, p, len))
			return methods[i].method;
	return HTTP_METHOD_OTHER;
}

/* The byte at head->pos ends the element that began at head->mark. */
static struct http_span element(const struct http_head *head)
{
	return (struct http_span){ .off = head->mark, .len = head->pos - head->mark };
}

/* Step over the byte at head->pos; the next element begins behind it. */
static enum http_error enter(struct http_head *head, u8 state)
{
	head->pos++;
	head->mark = head->pos;
	head->state = state;
	return HTTP_OK;
}

/* CR was seen: the next byte must be LF. */
static enum http_error expect_lf(struct http_head *head, u8 byte, u8 state)
{
	if (byte != '\n')
		return HTTP_ERR_BARE_CR;
	return enter(head, state);
}

/*
 * The steps. One that ends goes straight on to the next if bytes are left; only
 * after a cut is that entered from step().
 */

/* HTTP/ DIGIT . DIGIT, then CR in a request, SP in a reply. */
static enum http_error step_version(struct http_head *head, const u8 *buf, size_t end)
{
	size_t at = head->pos - head->mark;
	const u8 *text = buf + head->mark;
	u8 byte = buf[head->pos];

	if (head->is_reply && http_take_status_line(head, buf, end)) {
		head->state = STATE_FIELD;
		return HTTP_OK;
	}
	if (!at && end - head->pos >= VERSION_LEN && !memcmp(text, version_text, VERSION_LEN)) {
		head->pos += VERSION_LEN;
		return HTTP_OK;
	}
	if (at < VERSION_LEN) {
		bool digit = at == VERSION_MAJOR || at == VERSION_MINOR;

		if (digit ? !http_is(byte, HTTP_CHAR_DIGIT) : byte != version_text[at])
			return HTTP_ERR_VERSION;
		head->pos++;
		return HTTP_OK;
	}
	if (byte == '\n')
		return HTTP_ERR_BARE_LF;
	if (byte != (head->is_reply ? ' ' : '\r'))
		return HTTP_ERR_VERSION;
	/* 1.2 and above do not exist; what would they mean? */
	if (text[VERSION_MAJOR] != '1' || text[VERSION_MINOR] > '1')
		return HTTP_ERR_VERSION_UNSUPPORTED;
	head->minor = text[VERSION_MINOR] - '0';
	return enter(head, head->is_reply ? STATE_STATUS : STATE_LINE_LF);
}

static enum http_error step_target(struct http_head *head, const u8 *buf, size_t end)
{
	size_t bound = min_t(size_t, end, (size_t)head->mark + head->limits.uri_length + 1);
	enum http_error error;

	head->pos = http_skip_target(buf, head->pos, bound);
	if (head->pos - head->mark > head->limits.uri_length)
		return HTTP_ERR_URI_LENGTH;
	if (head->pos == end)
		return HTTP_OK;
	if (head->pos == head->mark)
		return HTTP_ERR_TARGET;
	if (buf[head->pos] == '\r' || buf[head->pos] == '\n')
		return HTTP_ERR_VERSION;
	if (buf[head->pos] != ' ')
		return HTTP_ERR_TARGET;
	head->target = element(head);
	error = http_check_target(head, buf);
	if (error)
		return error;
	enter(head, STATE_VERSION);
	return head->pos < end ? step_version(head, buf, end) : HTTP_OK;
}

static enum http_error step_method(struct http_head *head, const u8 *buf, size_t end)
{
	size_t bound = min_t(size_t, end, head->mark + HTTP_METHOD_MAX + 1);

	head->pos = http_skip_token(buf, head->pos, bound);
	if (head->pos - head->mark > HTTP_METHOD_MAX)
		return HTTP_ERR_METHOD_LENGTH;
	if (head->pos == end)
		return HTTP_OK;
	if (buf[head->pos] != ' ' || head->pos == head->mark)
		return HTTP_ERR_METHOD;
	head->method_text = element(head);
	head->method = method_of(buf + head->mark, head->method_text.len);
	if (head->method == HTTP_METHOD_CONNECT)
		return HTTP_ERR_CONNECT;
	head->count = 0;
	enter(head, STATE_TARGET);
	return step_target(head, buf, end);
}

static enum http_error step_status(struct http_head *head, const u8 *buf)
{
	u8 byte = buf[head->pos];

	if (!http_is(byte, HTTP_CHAR_DIGIT))
		return HTTP_ERR_STATUS_LINE;
	head->status = head->status * 10 + (byte - '0');
	head->pos++;
	if (head->pos - head->mark < STATUS_DIGITS)
		return HTTP_OK;
	if (head->status < 100 || head->status > 599)
		return HTTP_ERR_STATUS_LINE;
	head->state = STATE_STATUS_END;
	return HTTP_OK;
}

/* Servers are known to leave out the space before an empty reason. */
static enum http_error step_status_end(struct http_head *head, const u8 *buf)
{
	switch (buf[head->pos]) {
	case ' ':
		return enter(head, STATE_REASON);
	case '\r':
		return enter(head, STATE_LINE_LF);
	case '\n':
		return HTTP_ERR_BARE_LF;
	default:
		return HTTP_ERR_STATUS_LINE;
	}
}

static enum http_error step_reason(struct http_head *head, const u8 *buf, size_t end)
{
	head->pos = http_skip_value(buf, head->pos, end);
	if (head->pos == end)
		return HTTP_OK;
	if (buf[head->pos] == '\n')
		return HTTP_ERR_BARE_LF;
	if (buf[head->pos] != '\r')
		return HTTP_ERR_STATUS_LINE;
	head->reason = element(head);
	return enter(head, STATE_LINE_LF);
}

/* Whether the line is just as it would be written: "Name: value CRLF". */
static bool is_canonical(const struct http_head *head, const u8 *buf,
			 const struct http_field *field)
{
	size_t colon = field->name.off + field->name.len;

	return field->value.len && field->value.off == colon + 2 && buf[colon + 1] == ' ' &&
	       field->value.off + field->value.len == head->pos;
}

static enum http_error step_value(struct http_head *head, const u8 *buf, size_t end)
{
	struct http_field *field = &head->fields[head->n_fields];
	enum http_error error;

	head->pos = http_skip_value(buf, head->pos, end);
	if (head->pos == end)
		return HTTP_OK;
	if (buf[head->pos] == '\n')
		return HTTP_ERR_BARE_LF;
	if (buf[head->pos] != '\r')
		return HTTP_ERR_FIELD_VALUE;
	field->value = element(head);
	while (field->value.len && http_is_space(buf[head->mark + field->value.len - 1]))
		field->value.len--;
	field->flags = HTTP_FIELD_CANONICAL;
	if (!is_canonical(head, buf, field)) {
		field->flags = 0;
		head->flags |= HTTP_ODD_LINE;
	}
	error = http_check_field(head, buf, field);
	if (error)
		return error;
	head->n_fields++;
	enter(head, STATE_FIELD_LF);
	return head->pos < end ? expect_lf(head, buf[head->pos], STATE_FIELD) : HTTP_OK;
}

static enum http_error step_value_start(struct http_head *head, const u8 *buf, size_t end)
{
	while (head->pos < end && http_is_space(buf[head->pos]))
		head->pos++;
	head->mark = head->pos;
	if (head->pos == end)
		return HTTP_OK;
	head->state = STATE_VALUE;
	return step_value(head, buf, end);
}

static enum http_error step_name(struct http_head *head, const u8 *buf, size_t end)
{
	struct http_field *field = &head->fields[head->n_fields];

	head->pos = http_skip_token(buf, head->pos, end);
	if (head->pos == end)
		return HTTP_OK;
	if (buf[head->pos] != ':')
		return HTTP_ERR_FIELD_NAME;
	field->name = element(head);
	field->id = http_field_id(buf + field->name.off, field->name.len);
	enter(head, STATE_VALUE_START);
	return step_value_start(head, buf, end);
}

static __always_inline enum http_error
step_end_lf(struct http_head *head, const u8 *buf)
{
	enum http_error error = expect_lf(head, buf[head->pos], STATE_DONE);

	if (error)
		return error;
	head->length = head->pos;
	return head->is_reply ? http_check_reply(head, buf) : http_check_request(head, buf);
}

static __always_inline enum http_error
step_field(struct http_head *head, const u8 *buf, size_t end)
{
	enum http_error error = http_take_fields(head, buf, end);
	u8 byte;

	if (error || head->pos == end)
		return error;
	byte = buf[head->pos];
	if (byte == '\r') {
		enter(head, STATE_END_LF);
		return head->pos < end ? step_end_lf(head, buf) : HTTP_OK;
	}
	if (byte == '\n')
		return HTTP_ERR_BARE_LF;
	/* Before the first field it is no fold, but as ambiguous. */
	if (http_is_space(byte))
		return HTTP_ERR_FOLD;
	if (!http_is(byte, HTTP_CHAR_TOKEN))
		return HTTP_ERR_FIELD_NAME;
	if (head->n_fields == head->limits.header_count)
		return HTTP_ERR_HEADER_COUNT;
	head->state = STATE_NAME;
	return step_name(head, buf, end);
}

static enum http_error step_start(struct http_head *head, const u8 *buf, size_t end)
{
	u8 byte = buf[head->pos];

	if (http_take_request_line(head, buf, end)) {
		head->state = STATE_FIELD;
		return head->pos < end ? step_field(head, buf, end) : HTTP_OK;
	}
	if (byte == '\n')
		return HTTP_ERR_BARE_LF;
	if (byte != '\r') {
		head->mark = head->pos;
		head->state = STATE_METHOD;
		return step_method(head, buf, end);
	}
	if (head->count == HTTP_LEADING_LINES_MAX)
		return HTTP_ERR_LEADING_LINES;
	head->count++;
	return enter(head, STATE_START_LF);
}

/* Go on where the last call was cut off. There is a byte at head->pos. */
static enum http_error step(struct http_head *head, const u8 *buf, size_t end)
{
	switch (head->state) {
	case STATE_START:
		return step_start(head, buf, end);
	case STATE_START_LF:
		return expect_lf(head, buf[head->pos], STATE_START);
	case STATE_METHOD:
		return step_method(head, buf, end);
	case STATE_TARGET:
		return step_target(head, buf, end);
	case STATE_VERSION:
		return step_version(head, buf, end);
	case STATE_STATUS:
		return step_status(head, buf);
	case STATE_STATUS_END:
		return step_status_end(head, buf);
	case STATE_REASON:
		return step_reason(head, buf, end);
	case STATE_LINE_LF:
	case STATE_FIELD_LF:
		return expect_lf(head, buf[head->pos], STATE_FIELD);
	case STATE_FIELD:
		return step_field(head, buf, end);
	case STATE_NAME:
		return step_name(head, buf, end);
	case STATE_VALUE_START:
		return step_value_start(head, buf, end);
	case STATE_VALUE:
		return step_value(head, buf, end);
	default:
		return step_end_lf(head, buf);
	}
}

static enum http_verdict refuse(struct http_head *head, enum http_error error)
{
	head->error = error;
	head->state = STATE_ERROR;
	return HTTP_ERROR;
}

enum http_verdict http_head_parse(struct http_head *head, const u8 *buf, size_t len)
{
	size_t end = min_t(size_t, len, head->limits.header_total);

	if (head->state == STATE_ERROR)
		return HTTP_ERROR;
	while (head->state != STATE_DONE && head->pos < end) {
		enum http_error error = step(head, buf, end);

		if (error)
			return refuse(head, error);
	}
	if (head->state == STATE_DONE)
		return HTTP_DONE;
	if (end < head->limits.header_total)
		return HTTP_MORE;
	return refuse(head, !head->is_reply && head->state <= STATE_TARGET ?
			    HTTP_ERR_URI_LENGTH : HTTP_ERR_HEADER_TOTAL);
}

bool http_head_started(const struct http_head *head)
{
	return head->state != STATE_START && head->state != STATE_START_LF;
}

const struct http_field *http_head_find(const struct http_head *head, enum http_field_id id)
{
	u16 i;

	if (!(head->known & BIT_ULL(id)))
		return NULL;
	for (i = 0; i < head->n_fields; i++)
		if (head->fields[i].id == id)
			return &head->fields[i];
	return NULL;
}

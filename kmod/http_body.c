// SPDX-License-Identifier: GPL-2.0-only
#include "http_body.h"
#include "http_chars.h"

enum {
	STATE_LENGTH,		/* payload until left is 0 */
	STATE_CLOSE,		/* payload until the connection ends */
	STATE_DATA,		/* payload of a chunk */
	STATE_DATA_CR,
	STATE_DATA_LF,
	STATE_SIZE,		/* first digit of a chunk size */
	STATE_SIZE_MORE,
	STATE_EXT,		/* first byte of an extension's name */
	STATE_EXT_NAME,
	STATE_EXT_VALUE,	/* first byte of its value */
	STATE_EXT_TOKEN,
	STATE_EXT_QUOTED,
	STATE_EXT_ESCAPE,
	STATE_EXT_END,		/* behind a quoted value */
	STATE_SIZE_LF,
	STATE_TRAILER,		/* first byte of a trailer line, or CR */
	STATE_TRAILER_NAME,
	STATE_TRAILER_VALUE,
	STATE_TRAILER_LF,
	STATE_END_LF,
	STATE_DONE,
	STATE_ERROR,
};

enum http_verdict http_body_init(struct http_body *body, const struct http_head *head,
				 const struct http_limits *limits)
{
	memset(body, 0, sizeof(*body));
	body->framing = head->framing;
	body->limit = head->is_reply ? 0 : limits->body_length;
	body->trailer_left = min_t(u32, limits->header_total ?: HTTP_HEAD_MAX, HTTP_HEAD_MAX);
	body->trailer_count = limits->header_count ?: U32_MAX;
	switch (head->framing) {
	case HTTP_FRAMING_LENGTH:
		body->left = head->content_length;
		body->state = STATE_LENGTH;
		return HTTP_MORE;
	case HTTP_FRAMING_CHUNKED:
		body->state = STATE_SIZE;
		return HTTP_MORE;
	case HTTP_FRAMING_CLOSE:
		body->left = S64_MAX;
		body->state = STATE_CLOSE;
		return HTTP_MORE;
	default:
		body->state = STATE_DONE;
		return HTTP_DONE;
	}
}

static enum http_error enter(struct http_body *body, u8 state)
{
	body->state = state;
	return HTTP_OK;
}

static enum http_error expect(struct http_body *body, u8 byte, u8 expected, u8 state,
			      enum http_error error)
{
	return byte == expected ? enter(body, state) : error;
}

static bool chunk_fits(const struct http_body *body)
{
	u64 room = (body->limit ?: S64_MAX) - body->payload;

	return body->left <= room;
}

/* CR behind a chunk size and its extensions. */
static enum http_error end_size(struct http_body *body)
{
	if (!chunk_fits(body))
		return HTTP_ERR_BODY_LENGTH;
	return enter(body, STATE_SIZE_LF);
}

static enum http_error step_size(struct http_body *body, u8 byte)
{
	if (http_is(byte, HTTP_CHAR_HEX)) {
		/* No room for it below the sign bit, or leading zeros without end. */
		if (body->left >> 59 || body->digits == HTTP_CHUNK_DIGITS_MAX)
			return HTTP_ERR_CHUNK_SIZE;
		body->digits++;
		body->left = body->left << 4 | http_hex_value(byte);
		return enter(body, STATE_SIZE_MORE);
	}
	if (body->state == STATE_SIZE)
		return HTTP_ERR_CHUNK_SIZE;
	if (byte == '\r')
		return end_size(body);
	if (byte == ';')
		return enter(body, STATE_EXT);
	return HTTP_ERR_CHUNK_SIZE;
}

/* name [ "=" ( token / quoted-string ) ], no white space anywhere outside quotes. */
static enum http_error step_extension(struct http_body *body, u8 byte)
{
	bool token = http_is(byte, HTTP_CHAR_TOKEN);

	if (++body->extensions > HTTP_CHUNK_EXTENSIONS_MAX)
		return HTTP_ERR_CHUNK_EXTENSION;
	switch (body->state) {
	case STATE_EXT:
		return token ? enter(body, STATE_EXT_NAME) : HTTP_ERR_CHUNK_EXTENSION;
	case STATE_EXT_NAME:
		if (byte == '=')
			return enter(body, STATE_EXT_VALUE);
		break;
	case STATE_EXT_VALUE:
		if (byte == '"')
			return enter(body, STATE_EXT_QUOTED);
		return token ? enter(body, STATE_EXT_TOKEN) : HTTP_ERR_CHUNK_EXTENSION;
	case STATE_EXT_QUOTED:
		if (byte == '"')
			return enter(body, STATE_EXT_END);
		if (byte == '\\')
			return enter(body, STATE_EXT_ESCAPE);
		return http_is(byte, HTTP_CHAR_VALUE) ? HTTP_OK : HTTP_ERR_CHUNK_EXTENSION;
	case STATE_EXT_ESCAPE:
		if (!http_is(byte, HTTP_CHAR_VALUE))
			return HTTP_ERR_CHUNK_EXTENSION;
		return enter(body, STATE_EXT_QUOTED);
	case STATE_EXT_END:
		token = false;
		break;
	default:
		break;
	}
	if (token)
		return HTTP_OK;
	if (byte == ';')
		return enter(body, STATE_EXT);
	if (byte == '\r')
		return end_size(body);
	return HTTP_ERR_CHUNK_EXTENSION;
}

static enum http_error step_size_lf(struct http_body *body, u8 byte)
{
	if (byte != '\n')
		return HTTP_ERR_CHUNK_SIZE;
	body->digits = 0;
	return enter(body, body->left ? STATE_DATA : STATE_TRAILER);
}

/* A field that says where a message goes, ends or who sent it must not come late. */
static bool is_forbidden(const struct http_body *body)
{
	return body->name_len <= HTTP_TRAILER_NAME_MAX &&
	       http_field_id(body->name, body->name_len) != HTTP_FIELD_OTHER;
}

static enum http_error end_trailer_name(struct http_body *body)
{
	if (is_forbidden(body))
		return HTTP_ERR_TRAILER;
	if (body->watch && http_watch_has(body->watch, body->name_hash))
		return HTTP_ERR_TRAILER_SPLIT;
	return enter(body, STATE_TRAILER_VALUE);
}

static enum http_error step_trailer_name(struct http_body *body, u8 byte)
{
	if (byte == ':')
		return end_trailer_name(body);
	if (!http_is(byte, HTTP_CHAR_TOKEN))
		return HTTP_ERR_TRAILER;
	body->name_hash = http_watch_hash(body->name_hash, byte);
	if (body->name_len < HTTP_TRAILER_NAME_MAX)
		body->name[body->name_len] = byte;
	if (body->name_len <= HTTP_TRAILER_NAME_MAX)
		body->name_len++;
	return HTTP_OK;
}

static enum http_error step_trailer(struct http_body *body, u8 byte)
{
	if (!body->trailer_left)
		return HTTP_ERR_HEADER_TOTAL;
	body->trailer_left--;
	switch (body->state) {
	case STATE_TRAILER:
		if (byte == '\r')
			return enter(body, STATE_END_LF);
		if (byte == ':')
			return HTTP_ERR_TRAILER;
		if (!body->trailer_count)
			return HTTP_ERR_HEADER_COUNT;
		body->trailer_count--;
		body->name_len = 0;
		body->name_hash = HTTP_WATCH_HASH;
		body->state = STATE_TRAILER_NAME;
		fallthrough;
	case STATE_TRAILER_NAME:
		return step_trailer_name(body, byte);
	case STATE_TRAILER_VALUE:
		if (byte == '\r')
			return enter(body, STATE_TRAILER_LF);
		return http_is(byte, HTTP_CHAR_VALUE) ? HTTP_OK : HTTP_ERR_TRAILER;
	case STATE_TRAILER_LF:
		return expect(body, byte, '\n', STATE_TRAILER, HTTP_ERR_TRAILER);
	default:
		return expect(body, byte, '\n', STATE_DONE, HTTP_ERR_TRAILER);
	}
}

/* One byte of framing. */
static enum http_error step(struct http_body *body, u8 byte)
{
	switch (body->state) {
	case STATE_DATA_CR:
		return expect(body, byte, '\r', STATE_DATA_LF, HTTP_ERR_CHUNK_END);
	case STATE_DATA_LF:
		return expect(body, byte, '\n', STATE_SIZE, HTTP_ERR_CHUNK_END);
	case STATE_SIZE:
	case STATE_SIZE_MORE:
		return step_size(body, byte);
	case STATE_SIZE_LF:
		return step_size_lf(body, byte);
	case STATE_TRAILER:
	case STATE_TRAILER_NAME:
	case STATE_TRAILER_VALUE:
	case STATE_TRAILER_LF:
	case STATE_END_LF:
		return step_trailer(body, byte);
	default:
		return step_extension(body, byte);
	}
}

static enum http_verdict refuse(struct http_body *body, enum http_error error)
{
	body->error = error;
	body->state = STATE_ERROR;
	return HTTP_ERROR;
}

static bool in_payload(const struct http_body *body)
{
	return body->state <= STATE_DATA;
}

static size_t skip(struct http_body *body, size_t len)
{
	if (!in_payload(body))
		return 0;
	len = min_t(u64, len, body->left);
	body->payload += len;
	/* S64_MAX stands for no end at all. */
	if (body->state == STATE_CLOSE)
		return len;
	body->left -= len;
	if (!body->left)
		body->state = body->state == STATE_DATA ? STATE_DATA_CR : STATE_DONE;
	return len;
}

static bool reads_payload(const struct http_body *body)
{
	return unlikely(body->watch) && body->watch->reads_form;
}

size_t http_body_skip(struct http_body *body, size_t len)
{
	return reads_payload(body) ? 0 : skip(body, len);
}

/* Whether a form goes on, and ends, as it may. */
static bool form_ok(struct http_body *body, const u8 *data, size_t len)
{
	const struct http_bytes *set = &body->watch->form;

	return http_bytes_hold_decoded(set, &body->escape, data, len) &&
	       (!http_body_done(body) || http_bytes_end(set, &body->escape));
}

enum http_verdict http_body_parse(struct http_body *body, const u8 *data, size_t len,
				  struct http_run *run)
{
	run->framing = 0;
	run->payload = 0;
	if (body->state == STATE_ERROR)
		return HTTP_ERROR;
	while (!in_payload(body) && body->state != STATE_DONE && run->framing < len) {
		enum http_error error = step(body, data[run->framing]);

		if (error)
			return refuse(body, error);
		run->framing++;
	}
	run->payload = skip(body, len - run->framing);
	if (reads_payload(body) && !form_ok(body, data + run->framing, run->payload)) {
		run->payload = 0;
		return refuse(body, HTTP_ERR_FORM_BYTES);
	}
	return http_body_done(body) ? HTTP_DONE : HTTP_MORE;
}

bool http_body_done(const struct http_body *body)
{
	return body->state == STATE_DONE;
}

enum http_verdict http_body_finish(struct http_body *body)
{
	if (body->state == STATE_DONE || body->state == STATE_CLOSE) {
		body->state = STATE_DONE;
		return HTTP_DONE;
	}
	if (body->state == STATE_ERROR)
		return HTTP_ERROR;
	return refuse(body, HTTP_ERR_TRUNCATED);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "http_chars.h"
#include "http_fields.h"
#include "http_words.h"

enum {
	/* Nineteen digits hold every number up to S64_MAX. */
	NUMBER_DIGITS_MAX = 19,
	PORT_MAX = 65535,
};

/* A decimal number of digits alone. Returns false if it is none or exceeds max. */
static bool parse_number(const u8 *p, size_t len, u64 max, u64 *number)
{
	u64 value = 0;
	size_t i;

	if (!len || len > NUMBER_DIGITS_MAX)
		return false;
	for (i = 0; i < len; i++) {
		if (!http_is(p[i], HTTP_CHAR_DIGIT))
			return false;
		value = value * 10 + (p[i] - '0');
	}
	*number = value;
	return value <= max;
}

/* The inside of a bracketed address: the bytes of IPv6, not its grammar. */
static bool address_ok(const u8 *p, size_t len)
{
	size_t colons = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (p[i] == ':')
			colons++;
		else if (!http_is(p[i], HTTP_CHAR_HEX) && p[i] != '.')
			return false;
	}
	return colons >= 2;
}

/* Length of the reg-name at p: up to a byte that is none. */
static size_t name_len(const u8 *p, size_t len)
{
	size_t i = 0;

	while (i < len) {
		if (http_is(p[i], HTTP_CHAR_HOST))
			i++;
		else if (p[i] == '%' && len - i >= 3 && http_is(p[i + 1], HTTP_CHAR_HEX) &&
			 http_is(p[i + 2], HTTP_CHAR_HEX))
			i += 3;
		else
			break;
	}
	return i;
}

/* A name of letters, digits, '-' and '.' alone, which most are. */
static bool host_is_plain(const u8 *p, size_t len)
{
	size_t at;

	if (len < HTTP_WORD)
		return false;
	for (at = 0; at + HTTP_WORD < len; at += HTTP_WORD)
		if (http_no_host(http_load(p + at)))
			return false;
	/* The last eight, which may overlap. */
	return !http_no_host(http_load(p + len - HTTP_WORD));
}

static noinline bool host_is_any(const u8 *p, size_t len)
{
	size_t used;
	u64 port;

	if (len && p[0] == '[') {
		for (used = 1; used < len && p[used] != ']'; used++)
			;
		if (used == len || !address_ok(p + 1, used - 1))
			return false;
		used++;
	} else {
		used = name_len(p, len);
	}
	if (!used)
		return false;
	if (used == len)
		return true;
	if (p[used] != ':')
		return false;
	used++;
	return used == len || parse_number(p + used, len - used, PORT_MAX, &port);
}

/* uri-host [ ":" port ], the host not empty, no user information (RFC 9110 section 7.2). */
static bool host_ok(const u8 *p, size_t len)
{
	return host_is_plain(p, len) || host_is_any(p, len);
}

/* Length of "http://" or "https://" at p, or 0. */
static size_t scheme_len(const u8 *p, size_t len)
{
	if (len >= 7 && http_is_word(p, 7, "http://"))
		return 7;
	if (len >= 8 && http_is_word(p, 8, "https://"))
		return 8;
	return 0;
}

enum http_error http_check_target(struct http_head *head, const u8 *buf)
{
	struct http_span target = head->target;
	const u8 *p = buf + target.off;
	size_t scheme;
	size_t end;

	if (p[0] == '/') {
		head->target_form = HTTP_TARGET_ORIGIN;
		head->path = target;
		return HTTP_OK;
	}
	if (p[0] == '*' && target.len == 1) {
		head->target_form = HTTP_TARGET_ASTERISK;
		return head->method == HTTP_METHOD_OPTIONS ? HTTP_OK : HTTP_ERR_TARGET_FORM;
	}
	scheme = scheme_len(p, target.len);
	if (!scheme)
		return HTTP_ERR_TARGET_FORM;
	for (end = scheme; end < target.len && p[end] != '/' && p[end] != '?'; end++)
		;
	if (!host_ok(p + scheme, end - scheme))
		return HTTP_ERR_HOST;
	head->target_form = HTTP_TARGET_ABSOLUTE;
	head->authority.off = target.off + scheme;
	head->authority.len = end - scheme;
	head->path.off = target.off + end;
	head->path.len = target.len - end;
	head->host = head->authority;
	return HTTP_OK;
}

static enum http_error check_host(struct http_head *head, const u8 *buf, struct http_span value)
{
	const u8 *p = buf + value.off;

	if (head->seen & HTTP_SEEN_HOST)
		return HTTP_ERR_HOST_REPEATED;
	head->seen |= HTTP_SEEN_HOST;
	if (!host_ok(p, value.len))
		return HTTP_ERR_HOST;
	if (head->target_form != HTTP_TARGET_ABSOLUTE)
		head->host = value;
	else if (!http_equal(p, value.len, buf + head->authority.off, head->authority.len))
		head->flags |= HTTP_HOST_MISMATCH;
	return HTTP_OK;
}

static enum http_error check_length(struct http_head *head, const u8 *p, size_t len)
{
	/* Even equal ones: a peer that sends two is not sure of its framing. */
	if (head->flags & HTTP_HAS_LENGTH)
		return HTTP_ERR_LENGTH_REPEATED;
	head->flags |= HTTP_HAS_LENGTH;
	return parse_number(p, len, S64_MAX, &head->content_length) ? HTTP_OK : HTTP_ERR_LENGTH;
}

/*
 * Only "chunked", once. A list that ends in it after other codings is well
 * formed but not ours to decode; any other is a framing that cannot be known.
 */
static noinline enum http_error check_coding(struct http_head *head, const u8 *p, size_t len)
{
	size_t at = 0, coding, coding_len, codings = 0;
	bool chunked = false;

	if (head->flags & HTTP_HAS_CODING)
		return HTTP_ERR_CODING;
	head->flags |= HTTP_HAS_CODING;
	if (len && p[len - 1] == ',')
		return HTTP_ERR_CODING;
	while (http_list_next(p, &at, len, &coding, &coding_len)) {
		size_t name = http_skip_token(p, coding, coding + coding_len) - coding;

		if (chunked || !name)
			return HTTP_ERR_CODING;
		chunked = http_is_word(p + coding, coding_len, "chunked");
		codings++;
	}
	if (!chunked)
		return HTTP_ERR_CODING;
	return codings == 1 ? HTTP_OK : HTTP_ERR_CODING_UNSUPPORTED;
}

static noinline enum http_error check_connection(struct http_head *head, const u8 *p, size_t len)
{
	size_t at = 0, option, option_len;

	while (http_list_next(p, &at, len, &option, &option_len)) {
		const u8 *word = p + option;

		if (!option_len)
			continue;
		if (http_skip_token(word, 0, option_len) != option_len)
			return HTTP_ERR_CONNECTION;
		if (http_is_word(word, option_len, "close"))
			head->seen |= HTTP_SEEN_CLOSE;
		else if (http_is_word(word, option_len, "keep-alive"))
			head->seen |= HTTP_SEEN_KEEP_ALIVE;
		else if (http_is_word(word, option_len, "upgrade"))
			head->seen |= HTTP_SEEN_CONNECTION_UPGRADE;
		else if (++head->count > HTTP_NOMINATED_MAX)
			return HTTP_ERR_CONNECTION;
	}
	return HTTP_OK;
}

static noinline void check_te(struct http_head *head, const u8 *p, size_t len)
{
	size_t at = 0, coding, coding_len;

	while (http_list_next(p, &at, len, &coding, &coding_len))
		if (http_is_word(p + coding, coding_len, "trailers"))
			head->flags |= HTTP_TE_TRAILERS;
}

static enum http_error check_expect(struct http_head *head, const u8 *p, size_t len)
{
	/* HTTP/1.0 knows no Expect (RFC 9110 section 10.1.1). */
	if (!head->minor)
		return HTTP_OK;
	if (!http_is_word(p, len, "100-continue"))
		return HTTP_ERR_EXPECT;
	head->seen |= HTTP_SEEN_CONTINUE;
	return HTTP_OK;
}

static noinline enum http_error check_max_forwards(struct http_head *head, const u8 *p, size_t len)
{
	u64 number;

	if (head->method != HTTP_METHOD_OPTIONS && head->method != HTTP_METHOD_TRACE)
		return HTTP_OK;
	if (head->flags & HTTP_HAS_MAX_FORWARDS || !parse_number(p, len, U32_MAX, &number))
		return HTTP_ERR_MAX_FORWARDS;
	head->flags |= HTTP_HAS_MAX_FORWARDS;
	head->max_forwards = number;
	return HTTP_OK;
}

enum http_error http_check_field(struct http_head *head, const u8 *buf, struct http_field *field)
{
	const u8 *p = buf + field->value.off;
	size_t len = field->value.len;

	head->known |= BIT_ULL(field->id);
	switch (field->id) {
	case HTTP_FIELD_CONTENT_LENGTH:
		/* Leading zeros are not written. */
		if (len > 1 && p[0] == '0') {
			field->flags = 0;
			head->flags |= HTTP_ODD_LINE;
		}
		return check_length(head, p, len);
	case HTTP_FIELD_TRANSFER_ENCODING:
		return check_coding(head, p, len);
	case HTTP_FIELD_CONNECTION:
		return check_connection(head, p, len);
	case HTTP_FIELD_UPGRADE:
		head->seen |= http_is_word(p, len, "websocket") ? HTTP_SEEN_WEBSOCKET :
								  HTTP_SEEN_OTHER_UPGRADE;
		return HTTP_OK;
	default:
		break;
	}
	if (head->is_reply)
		return HTTP_OK;
	switch (field->id) {
	case HTTP_FIELD_HOST:
		return check_host(head, buf, field->value);
	case HTTP_FIELD_EXPECT:
		return check_expect(head, p, len);
	case HTTP_FIELD_MAX_FORWARDS:
		return check_max_forwards(head, p, len);
	case HTTP_FIELD_TE:
		check_te(head, p, len);
		return HTTP_OK;
	default:
		return HTTP_OK;
	}
}

/* Fields not known by name that have this name are hop-by-hop here. */
static void nominate(struct http_head *head, const u8 *buf, const u8 *name, size_t len)
{
	u16 i;

	for (i = 0; i < head->n_fields; i++) {
		struct http_field *field = &head->fields[i];

		if (field->id == HTTP_FIELD_OTHER &&
		    http_equal(buf + field->name.off, field->name.len, name, len)) {
			field->flags |= HTTP_FIELD_NOMINATED;
			head->flags |= HTTP_ODD_LINE;
		}
	}
}

/* At most HTTP_NOMINATED_MAX options reach nominate(): check_connection() counted them. */
static void nominate_all(struct http_head *head, const u8 *buf)
{
	u16 i;

	if (!head->count)
		return;
	for (i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];
		const u8 *p = buf + field->value.off;
		size_t at = 0, option, len;

		if (field->id != HTTP_FIELD_CONNECTION)
			continue;
		while (http_list_next(p, &at, field->value.len, &option, &len))
			if (len && !http_is_word(p + option, len, "close"))
				nominate(head, buf, p + option, len);
	}
}

/* Framing rules that requests and replies share (RFC 9112 section 6.1). */
static enum http_error check_framing(const struct http_head *head)
{
	if (!(head->flags & HTTP_HAS_CODING))
		return HTTP_OK;
	if (head->flags & HTTP_HAS_LENGTH)
		return HTTP_ERR_LENGTH_AND_CHUNKED;
	if (!head->minor)
		return HTTP_ERR_CODING_VERSION;
	return HTTP_OK;
}

static void set_keepalive(struct http_head *head)
{
	if (head->seen & HTTP_SEEN_CLOSE || head->framing == HTTP_FRAMING_CLOSE)
		return;
	if (head->minor || head->seen & HTTP_SEEN_KEEP_ALIVE)
		head->flags |= HTTP_KEEPALIVE;
}

/*
 * WebSocket alone may be relayed: a backend that grants another protocol (h2c)
 * would be reached past all checks.
 */
static bool upgrade_ok(const struct http_head *head)
{
	u16 both = HTTP_SEEN_CONNECTION_UPGRADE | HTTP_SEEN_WEBSOCKET;

	return head->minor && (head->seen & (both | HTTP_SEEN_OTHER_UPGRADE)) == both;
}

enum http_error http_check_request(struct http_head *head, const u8 *buf)
{
	enum http_error error = check_framing(head);

	if (error)
		return error;
	if (head->minor && !(head->seen & HTTP_SEEN_HOST))
		return HTTP_ERR_HOST_MISSING;
	if (head->flags & HTTP_HAS_CODING)
		head->framing = HTTP_FRAMING_CHUNKED;
	else if (head->content_length)
		head->framing = HTTP_FRAMING_LENGTH;
	if (head->limits.body_length && head->content_length > head->limits.body_length)
		return HTTP_ERR_BODY_LENGTH;
	set_keepalive(head);
	if (head->framing != HTTP_FRAMING_NONE) {
		if (head->seen & HTTP_SEEN_CONTINUE)
			head->flags |= HTTP_EXPECT_CONTINUE;
	} else if (head->method == HTTP_METHOD_GET && upgrade_ok(head)) {
		head->flags |= HTTP_UPGRADE;
	}
	nominate_all(head, buf);
	return HTTP_OK;
}

/* Replies that never have a body, whatever their fields say (RFC 9112 section 6.3). */
static bool is_bodiless(const struct http_head *head)
{
	return http_reply_is_interim(head) || head->status == 204 || head->status == 304 ||
	       head->method == HTTP_METHOD_HEAD;
}

enum http_error http_check_reply(struct http_head *head, const u8 *buf)
{
	enum http_error error = check_framing(head);

	if (error)
		return error;
	/* A length in these is a lie, and the next reader may believe it. */
	if ((http_reply_is_interim(head) || head->status == 204) &&
	    (head->flags & HTTP_HAS_CODING || head->content_length))
		return HTTP_ERR_BODY_STATUS;
	if (head->status == 101) {
		if (!(head->flags & HTTP_UPGRADE) || !upgrade_ok(head))
			return HTTP_ERR_UPGRADE;
	} else {
		head->flags &= ~HTTP_UPGRADE;
	}
	if (!is_bodiless(head)) {
		if (head->flags & HTTP_HAS_CODING)
			head->framing = HTTP_FRAMING_CHUNKED;
		else if (!(head->flags & HTTP_HAS_LENGTH))
			head->framing = HTTP_FRAMING_CLOSE;
		else if (head->content_length)
			head->framing = HTTP_FRAMING_LENGTH;
	}
	set_keepalive(head);
	nominate_all(head, buf);
	return HTTP_OK;
}

// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <stdlib.h>
#include <strings.h>

#include "strict.h"

enum {
	LINE_END_LEN = 2,
	DIGITS_MAX = 19,
	METHOD_MAX = 32,
	OPTIONS_MAX = 16,
	EXTENSIONS_MAX = 4096,
	SIZE_DIGITS_MAX = 16,
};

#define DIGITS "0123456789"
#define HEX DIGITS "abcdefABCDEF"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TOKEN DIGITS LETTERS "!#$%&'*+-.^_`|~"
#define REG_NAME DIGITS LETTERS "-._~!$&'()*+,;="

static bool is_one_of(u8 byte, const char *set)
{
	return byte && strchr(set, byte);
}

static bool all_of(struct strict_text text, const char *set)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_one_of(text.at[i], set))
			return false;
	return true;
}

static bool is_token(struct strict_text text)
{
	return text.len && all_of(text, TOKEN);
}

/* Visible bytes, space, tab, and everything that is not ASCII. */
static bool is_value(struct strict_text text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] != '\t' && (text.at[i] < ' ' || text.at[i] == 0x7f))
			return false;
	return true;
}

static bool is_word(struct strict_text text, const char *word)
{
	return text.len == strlen(word) && !strncasecmp((const char *)text.at, word, text.len);
}

static struct strict_text trim(struct strict_text text)
{
	while (text.len && is_one_of(text.at[0], " \t")) {
		text.at++;
		text.len--;
	}
	while (text.len && is_one_of(text.at[text.len - 1], " \t"))
		text.len--;
	return text;
}

/* Bytes before the first occurrence of a separator; all of them if there is none. */
static struct strict_text before(struct strict_text text, const char *separator)
{
	u8 *at = memmem(text.at, text.len, separator, strlen(separator));

	return at ? (struct strict_text){ text.at, at - text.at } : text;
}

static struct strict_text from(struct strict_text text, size_t at)
{
	at = at < text.len ? at : text.len;
	return (struct strict_text){ text.at + at, text.len - at };
}

static bool read_number(struct strict_text text, u64 max, u64 *number)
{
	char digits[DIGITS_MAX + 1] = "";

	if (!text.len || text.len > DIGITS_MAX || !all_of(text, DIGITS))
		return false;
	memcpy(digits, text.at, text.len);
	*number = strtoull(digits, NULL, 10);
	return *number <= max;
}

/* The next member of a list; false when there is none left. */
static bool next_member(struct strict_text *list, struct strict_text *member)
{
	if (!list->len)
		return false;
	*member = before(*list, ",");
	*list = from(*list, member->len + 1);
	*member = trim(*member);
	return true;
}

bool strict_list_has(const u8 *list, size_t len, const u8 *word, size_t word_len)
{
	struct strict_text left = { list, len }, member;

	while (next_member(&left, &member))
		if (member.len == word_len &&
		    !strncasecmp((const char *)member.at, (const char *)word, word_len))
			return true;
	return false;
}

static bool is_host(struct strict_text text)
{
	struct strict_text port;
	u64 number;

	if (text.len && text.at[0] == '[') {
		struct strict_text inside = before(from(text, 1), "]");
		size_t colons = 0;

		for (size_t i = 0; i < inside.len; i++)
			colons += inside.at[i] == ':';
		if (inside.len + 1 == text.len || colons < 2 || !all_of(inside, HEX ":."))
			return false;
		port = from(text, inside.len + 2);
	} else {
		struct strict_text name = before(text, ":");

		if (!name.len)
			return false;
		for (size_t i = 0; i < name.len; i++) {
			bool escape = name.at[i] == '%' && i + 2 < name.len &&
				      is_one_of(name.at[i + 1], HEX) &&
				      is_one_of(name.at[i + 2], HEX);

			if (!escape && !is_one_of(name.at[i], REG_NAME))
				return false;
			i += escape ? 2 : 0;
		}
		port = from(text, name.len);
	}
	if (!port.len)
		return true;
	return port.at[0] == ':' && (port.len == 1 || read_number(from(port, 1), 65535, &number));
}

/**
 * struct seen - what the fields said
 * @hosts: Host fields
 * @lengths: Content-Length fields
 * @codings: Transfer-Encoding fields
 * @websockets: Upgrade fields that say websocket
 * @upgrades: Upgrade fields
 * @max_forwards: Max-Forwards fields
 * @expects: Expect: 100-continue
 * @host: the value
 */
struct seen {
	size_t hosts;
	size_t lengths;
	size_t codings;
	size_t websockets;
	size_t upgrades;
	size_t max_forwards;
	bool expects;
	struct strict_text host;
};

static void join(struct strict_head *head, struct strict_text value)
{
	if (head->connection_len)
		head->connection[head->connection_len++] = ',';
	memcpy(head->connection + head->connection_len, value.at, value.len);
	head->connection_len += value.len;
}

static bool says(const struct strict_head *head, const char *option)
{
	return strict_list_has(head->connection, head->connection_len, (const u8 *)option,
			       strlen(option));
}

/* What is only in requests. */
static bool read_request_field(struct strict_head *head, struct seen *seen, bool counts_hops,
			       struct strict_text name, struct strict_text value)
{
	u64 number;

	if (is_word(name, "host")) {
		seen->host = value;
		return !seen->hosts++ && is_host(value);
	}
	if (is_word(name, "expect") && head->minor) {
		seen->expects = true;
		return is_word(value, "100-continue");
	}
	if (is_word(name, "max-forwards") && counts_hops)
		return !seen->max_forwards++ && read_number(value, UINT32_MAX, &number);
	return true;
}

static bool read_field(struct strict_head *head, struct seen *seen, struct strict_text line,
		       bool is_reply, bool counts_hops)
{
	struct strict_text name = before(line, ":"), value;

	if (name.len == line.len || !is_token(name))
		return false;
	value = trim(from(line, name.len + 1));
	if (!is_value(value))
		return false;
	head->lines++;
	if (is_word(name, "content-length"))
		return !seen->lengths++ && read_number(value, INT64_MAX, &head->content_length);
	if (is_word(name, "transfer-encoding"))
		return !seen->codings++ && is_word(value, "chunked");
	if (is_word(name, "upgrade")) {
		seen->upgrades++;
		seen->websockets += is_word(value, "websocket");
	}
	if (is_word(name, "connection"))
		join(head, value);
	return is_reply || read_request_field(head, seen, counts_hops, name, value);
}

/* Tokens, and not too many of those that have no meaning here. */
static bool is_connection(const struct strict_head *head)
{
	struct strict_text list = { head->connection, head->connection_len }, option;
	size_t unknown = 0;

	while (next_member(&list, &option)) {
		if (!option.len)
			continue;
		if (!is_token(option))
			return false;
		unknown += !is_word(option, "close") && !is_word(option, "keep-alive") &&
			   !is_word(option, "upgrade");
	}
	return unknown <= OPTIONS_MAX;
}

static bool read_fields(struct strict_head *head, struct seen *seen, struct strict_text lines,
			bool is_reply, bool counts_hops, const struct http_limits *limits)
{
	while (lines.len) {
		struct strict_text line = before(lines, "\r\n");

		if (!read_field(head, seen, line, is_reply, counts_hops))
			return false;
		lines = from(lines, line.len + LINE_END_LEN);
	}
	head->has_length = seen->lengths;
	if (seen->codings && (seen->lengths || !head->minor))
		return false;
	return head->lines <= limits->header_count && is_connection(head);
}

static bool wants_websocket(const struct strict_head *head, const struct seen *seen)
{
	return head->minor && says(head, "upgrade") && seen->websockets &&
	       seen->websockets == seen->upgrades;
}

static void decide_persistence(struct strict_head *head)
{
	head->keepalive = !says(head, "close") && head->framing != HTTP_FRAMING_CLOSE &&
			  (head->minor || says(head, "keep-alive"));
}

/* The start line, and the field lines behind it, of a head that is there up to its empty line. */
static enum strict_result split(struct strict_text in, const struct http_limits *limits,
				size_t skipped, struct strict_text *first,
				struct strict_text *fields, size_t *length)
{
	struct strict_text head = before(in, "\r\n\r\n");
	size_t total = limits->header_total ? limits->header_total : HTTP_HEAD_MAX;

	if (head.len == in.len)
		return STRICT_INCOMPLETE;
	*length = skipped + head.len + 2 * LINE_END_LEN;
	*first = before(head, "\r\n");
	*fields = from(head, first->len + LINE_END_LEN);
	return *length <= total ? STRICT_ACCEPTED : STRICT_REFUSED;
}

static bool read_target(struct strict_head *head, struct strict_text target,
			struct strict_text method)
{
	size_t scheme = 0;

	for (size_t i = 0; i < target.len; i++)
		if (target.at[i] <= ' ' || target.at[i] > '~' || target.at[i] == '#')
			return false;
	if (is_word(before(target, "/"), "http:") && target.len > 6 && target.at[6] == '/')
		scheme = strlen("http://");
	if (is_word(before(target, "/"), "https:") && target.len > 7 && target.at[7] == '/')
		scheme = strlen("https://");
	if (scheme) {
		head->host = before(before(from(target, scheme), "/"), "?");
		return is_host(head->host);
	}
	if (target.len == 1 && target.at[0] == '*')
		return method.len == 7 && !memcmp(method.at, "OPTIONS", 7);
	return target.len && target.at[0] == '/';
}

static bool is_method(struct strict_text method, const char *name)
{
	return method.len == strlen(name) && !memcmp(method.at, name, method.len);
}

enum strict_result strict_request(struct strict_head *head, const u8 *in, size_t len,
				  const struct http_limits *limits)
{
	struct strict_text text = { in, len }, first, fields, method, target, version;
	struct seen seen = { 0 };
	enum strict_result result;
	size_t empty = 0;

	memset(head, 0, offsetof(struct strict_head, connection));
	head->connection_len = 0;
	while (text.len >= LINE_END_LEN && !memcmp(text.at, "\r\n", LINE_END_LEN)) {
		text = from(text, LINE_END_LEN);
		empty++;
	}
	if (empty > HTTP_LEADING_LINES_MAX)
		return STRICT_REFUSED;
	result = split(text, limits, empty * LINE_END_LEN, &first, &fields, &head->length);
	if (result != STRICT_ACCEPTED)
		return result;
	method = before(first, " ");
	target = before(from(first, method.len + 1), " ");
	version = from(first, method.len + 1 + target.len + 1);
	if (!is_token(method) || method.len > METHOD_MAX || is_method(method, "CONNECT") ||
	    (limits->uri_length && target.len > limits->uri_length) ||
	    !read_target(head, target, method))
		return STRICT_REFUSED;
	if (!is_method(version, "HTTP/1.0") && !is_method(version, "HTTP/1.1"))
		return STRICT_REFUSED;
	head->minor = version.at[version.len - 1] - '0';
	if (!read_fields(head, &seen, fields, false,
			 is_method(method, "OPTIONS") || is_method(method, "TRACE"), limits))
		return STRICT_REFUSED;
	if (head->minor && !seen.hosts)
		return STRICT_REFUSED;
	if (limits->body_length && head->content_length > limits->body_length)
		return STRICT_REFUSED;
	if (!head->host.len)
		head->host = seen.host;
	if (seen.codings)
		head->framing = HTTP_FRAMING_CHUNKED;
	else if (head->content_length)
		head->framing = HTTP_FRAMING_LENGTH;
	else
		head->framing = HTTP_FRAMING_NONE;
	decide_persistence(head);
	head->expects = seen.expects && head->framing != HTTP_FRAMING_NONE;
	head->upgrade = is_method(method, "GET") && head->framing == HTTP_FRAMING_NONE &&
			wants_websocket(head, &seen);
	return STRICT_ACCEPTED;
}

/* "HTTP/1.x NNN" and, behind a space, a reason. */
static bool read_status_line(struct strict_head *head, struct strict_text line)
{
	static const size_t version = 8, code = 3;
	struct strict_text reason = from(line, version + 1 + code);
	u64 number;

	if (line.len < version + 1 + code || memcmp(line.at, "HTTP/1.", version - 1) ||
	    !is_one_of(line.at[version - 1], "01") || line.at[version] != ' ')
		return false;
	if (!read_number((struct strict_text){ line.at + version + 1, code }, 599, &number) ||
	    number < 100)
		return false;
	head->minor = line.at[version - 1] - '0';
	head->status = number;
	return !reason.len || (reason.at[0] == ' ' && is_value(reason));
}

enum strict_result strict_reply(struct strict_head *head, const u8 *in, size_t len,
				const struct http_limits *limits, enum http_method method,
				bool upgrade)
{
	struct strict_text text = { in, len }, first, fields;
	struct seen seen = { 0 };
	enum strict_result result;
	bool no_body;

	memset(head, 0, offsetof(struct strict_head, connection));
	head->connection_len = 0;
	result = split(text, limits, 0, &first, &fields, &head->length);
	if (result != STRICT_ACCEPTED)
		return result;
	if (!read_status_line(head, first) ||
	    !read_fields(head, &seen, fields, true, false, limits))
		return STRICT_REFUSED;
	no_body = head->status < 200 || head->status == 204;
	if (no_body && (seen.codings || head->content_length))
		return STRICT_REFUSED;
	if (head->status == 101) {
		if (!upgrade || !wants_websocket(head, &seen))
			return STRICT_REFUSED;
		head->upgrade = true;
	}
	if (no_body || head->status == 304 || method == HTTP_METHOD_HEAD)
		head->framing = HTTP_FRAMING_NONE;
	else if (seen.codings)
		head->framing = HTTP_FRAMING_CHUNKED;
	else if (!head->has_length)
		head->framing = HTTP_FRAMING_CLOSE;
	else
		head->framing = head->content_length ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_NONE;
	decide_persistence(head);
	return STRICT_ACCEPTED;
}

/* name [ "=" ( token / quoted-string ) ], each behind a semicolon. */
static bool are_extensions(struct strict_text text)
{
	while (text.len) {
		size_t name = 0, value = 0;

		if (text.at[0] != ';')
			return false;
		text = from(text, 1);
		while (name < text.len && is_one_of(text.at[name], TOKEN))
			name++;
		text = from(text, name);
		if (!name)
			return false;
		if (!text.len || text.at[0] != '=')
			continue;
		text = from(text, 1);
		if (text.len && text.at[0] == '"') {
			for (value = 1; value < text.len && text.at[value] != '"'; value++)
				value += text.at[value] == '\\';
			if (value >= text.len)
				return false;
			value++;
		} else {
			while (value < text.len && is_one_of(text.at[value], TOKEN))
				value++;
		}
		if (!value || !is_value((struct strict_text){ text.at, value }))
			return false;
		text = from(text, value);
	}
	return true;
}

static bool read_size(struct strict_text line, u64 *size, size_t *extensions)
{
	struct strict_text digits = before(line, ";");
	char text[SIZE_DIGITS_MAX + 1] = "";

	if (!digits.len || digits.len > SIZE_DIGITS_MAX || !all_of(digits, HEX))
		return false;
	memcpy(text, digits.at, digits.len);
	*size = strtoull(text, NULL, 16);
	/* The bytes behind the first semicolon, the CR included. */
	*extensions += line.len - digits.len;
	return *size <= INT64_MAX && *extensions <= EXTENSIONS_MAX &&
	       are_extensions(from(line, digits.len));
}

static enum strict_result read_trailers(struct strict_text in, size_t *length,
					const struct http_limits *limits)
{
	size_t total = limits->header_total ? limits->header_total : HTTP_HEAD_MAX;
	size_t count = 0;

	*length = 0;
	for (;;) {
		struct strict_text line = before(from(in, *length), "\r\n");
		struct strict_text name = before(line, ":");

		if (line.len == in.len - *length)
			return STRICT_INCOMPLETE;
		*length += line.len + LINE_END_LEN;
		if (*length > total)
			return STRICT_REFUSED;
		if (!line.len)
			return STRICT_ACCEPTED;
		if (limits->header_count && ++count > limits->header_count)
			return STRICT_REFUSED;
		if (name.len == line.len || !is_token(name) ||
		    !is_value(from(line, name.len + 1)) ||
		    http_field_id(name.at, name.len) != HTTP_FIELD_OTHER)
			return STRICT_REFUSED;
	}
}

static enum strict_result read_chunks(struct strict_body *body, struct strict_text in,
				      const struct http_limits *limits)
{
	u64 bound = limits->body_length ? limits->body_length : INT64_MAX;
	size_t extensions = 0, trailers;
	enum strict_result result;

	for (;;) {
		struct strict_text rest = from(in, body->length), line = before(rest, "\r\n");
		u64 size;

		if (line.len == rest.len)
			return STRICT_INCOMPLETE;
		if (!read_size(line, &size, &extensions) || size > bound - body->payload_len)
			return STRICT_REFUSED;
		body->length += line.len + LINE_END_LEN;
		rest = from(in, body->length);
		if (!size)
			break;
		if (size > rest.len) {
			memcpy(body->payload + body->payload_len, rest.at, rest.len);
			body->payload_len += rest.len;
			return STRICT_INCOMPLETE;
		}
		memcpy(body->payload + body->payload_len, rest.at, size);
		body->payload_len += size;
		rest = from(rest, size);
		if (rest.len < LINE_END_LEN)
			return STRICT_INCOMPLETE;
		if (memcmp(rest.at, "\r\n", LINE_END_LEN))
			return STRICT_REFUSED;
		body->length += size + LINE_END_LEN;
	}
	result = read_trailers(from(in, body->length), &trailers, limits);
	body->length += trailers;
	return result;
}

enum strict_result strict_body(struct strict_body *body, enum http_framing framing, u64 length,
			       const u8 *in, size_t len, const struct http_limits *limits)
{
	body->length = 0;
	body->payload_len = 0;
	switch (framing) {
	case HTTP_FRAMING_CHUNKED:
		return read_chunks(body, (struct strict_text){ in, len }, limits);
	case HTTP_FRAMING_NONE:
		return STRICT_ACCEPTED;
	case HTTP_FRAMING_LENGTH:
		body->length = len < length ? len : length;
		break;
	case HTTP_FRAMING_CLOSE:
		body->length = len;
		break;
	}
	memcpy(body->payload, in, body->length);
	body->payload_len = body->length;
	return framing == HTTP_FRAMING_LENGTH && len >= length ? STRICT_ACCEPTED :
								 STRICT_INCOMPLETE;
}

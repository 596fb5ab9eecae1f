// SPDX-License-Identifier: GPL-2.0-only
#include "http_challenge.h"
#include "http_chars.h"
#include "http_forwarded.h"
#include "http_parts.h"
#include "http_write.h"

enum {
	DECIMAL_MAX = 20,	/* digits of U64_MAX */
	STATUS_DIGITS = 3,
};

/**
 * struct writer - output that counts on when the buffer is full
 * @out: buffer
 * @size: its size
 * @len: bytes written, or that would have been
 */
struct writer {
	u8 *out;
	size_t size;
	size_t len;
};

static void put(struct writer *w, const void *data, size_t len)
{
	if (w->len < w->size)
		memcpy(w->out + w->len, data, min_t(size_t, len, w->size - w->len));
	w->len += len;
}

/* For a length that the compiler knows: a few stores where there is room. */
static __always_inline void put_short(struct writer *w, const void *data, size_t len)
{
	if (w->len + len <= w->size) {
		memcpy(w->out + w->len, data, len);
		w->len += len;
	} else {
		put(w, data, len);
	}
}

#define put_literal(w, literal) put_short(w, literal, sizeof(literal) - 1)

static void put_text(struct writer *w, const char *text)
{
	put(w, text, strlen(text));
}

static void put_known(struct writer *w, struct http_text text)
{
	put(w, text.at, text.len);
}

static void put_span(struct writer *w, const u8 *buf, struct http_span span)
{
	put(w, buf + span.off, span.len);
}

static void put_decimal(struct writer *w, u64 number)
{
	u8 digits[DECIMAL_MAX];
	size_t at = sizeof(digits);

	do {
		digits[--at] = '0' + number % 10;
		number /= 10;
	} while (number);
	put(w, digits + at, sizeof(digits) - at);
}

static void put_status(struct writer *w, u16 status)
{
	u8 digits[STATUS_DIGITS] = { '0' + status / 100, '0' + status / 10 % 10,
				     '0' + status % 10 };

	put(w, digits, sizeof(digits));
}

static void put_length(struct writer *w, u64 length)
{
	put_literal(w, "Content-Length: ");
	put_decimal(w, length);
	put_literal(w, "\r\n");
}

/* Via: the version received and who we are. */
static void put_via(struct writer *w, const struct http_head *head, struct http_text via)
{
	size_t minor = w->len + sizeof("Via: 1.") - 1;

	put_known(w, via);
	if (!head->minor && minor < w->size)
		w->out[minor] = '0';
}

/* One Connection field with the options that are set. */
static void put_connection(struct writer *w, bool close, bool keepalive, bool upgrade, bool te)
{
	const char *separator = "Connection: ";

	if (close) {
		put_text(w, separator);
		put_literal(w, "close");
		separator = ", ";
	} else if (keepalive) {
		put_text(w, separator);
		put_literal(w, "keep-alive");
		separator = ", ";
	}
	if (upgrade) {
		put_text(w, separator);
		put_literal(w, "Upgrade");
		separator = ", ";
	}
	if (te) {
		put_text(w, separator);
		put_literal(w, "TE");
		separator = ", ";
	}
	if (*separator == ',')
		put_literal(w, "\r\n");
}

/* A line that does not read as it would be written. */
static void put_line(struct writer *w, const struct http_head *head, const u8 *buf,
		     const struct http_field *field)
{
	if (field->id == HTTP_FIELD_CONTENT_LENGTH) {
		put_length(w, head->content_length);
		return;
	}
	put_span(w, buf, field->name);
	put_literal(w, ":");
	if (field->value.len) {
		put_literal(w, " ");
		put_span(w, buf, field->value);
	}
	put_literal(w, "\r\n");
}

/*
 * Write the fields but those whose ids are among the bits of @dropped, and
 * those that Connection names. Lines that stand behind each other and read as
 * they would be written are copied as one run. That may have begun already, at
 * @from, and reach to @to, which is where a line begins; none of @dropped is before.
 */
static void put_fields(struct writer *w, const struct http_head *head, const u8 *buf, u64 dropped,
		       size_t from, size_t to)
{
	const struct http_field *field = head->fields;
	const struct http_field *end = field + head->n_fields;

	if (!(head->known & dropped) && !(head->flags & HTTP_ODD_LINE)) {
		/* All of them, but not the empty line. */
		if (!to)
			from = field < end ? field->name.off : head->length - 2;
		put(w, buf + from, head->length - 2 - from);
		return;
	}
	for (; field < end; field++) {
		if (dropped & BIT_ULL(field->id) || field->name.off < to)
			continue;
		if (field->flags != HTTP_FIELD_CANONICAL) {
			if (!(field->flags & HTTP_FIELD_NOMINATED)) {
				put(w, buf + from, to - from);
				from = to;
				put_line(w, head, buf, field);
			}
			continue;
		}
		if (field->name.off != to) {
			put(w, buf + from, to - from);
			from = field->name.off;
		}
		to = field->value.off + field->value.len + 2;
	}
	put(w, buf + from, to - from);
}

/* Fields that end here or are written anew, in either direction. */
#define DROPPED	(BIT_ULL(HTTP_FIELD_CONNECTION) | BIT_ULL(HTTP_FIELD_TRANSFER_ENCODING) | \
		 BIT_ULL(HTTP_FIELD_UPGRADE) | BIT_ULL(HTTP_FIELD_TE) | \
		 BIT_ULL(HTTP_FIELD_KEEP_ALIVE) | BIT_ULL(HTTP_FIELD_PROXY_CONNECTION) | \
		 BIT_ULL(HTTP_FIELD_PROXY_AUTHENTICATE) | \
		 BIT_ULL(HTTP_FIELD_PROXY_AUTHORIZATION))

static u64 request_dropped(const struct http_head *head, const struct http_forward *how)
{
	u64 dropped = DROPPED | BIT_ULL(HTTP_FIELD_HOST);

	if (!(head->flags & HTTP_EXPECT_CONTINUE) || how->flags & HTTP_WRITE_NO_EXPECT)
		dropped |= BIT_ULL(HTTP_FIELD_EXPECT);
	if (head->framing != HTTP_FRAMING_CHUNKED)
		dropped |= BIT_ULL(HTTP_FIELD_TRAILER);
	if (head->flags & HTTP_HAS_MAX_FORWARDS)
		dropped |= BIT_ULL(HTTP_FIELD_MAX_FORWARDS);
	if (how->client.at)
		dropped |= BIT_ULL(HTTP_FIELD_X_FORWARDED_FOR) |
			   BIT_ULL(HTTP_FIELD_X_FORWARDED_PROTO);
	if (how->forwarded.at)
		dropped |= BIT_ULL(HTTP_FIELD_FORWARDED);
	return dropped;
}

static void put_target(struct writer *w, const struct http_head *head, const u8 *buf)
{
	if (head->target_form == HTTP_TARGET_ASTERISK) {
		put_literal(w, "*");
		return;
	}
	if (!head->path.len && head->method == HTTP_METHOD_OPTIONS) {
		/* RFC 9112 section 3.2.4: an absolute form without path means the server. */
		put_literal(w, "*");
		return;
	}
	if (!head->path.len || buf[head->path.off] != '/')
		put_literal(w, "/");
	put_span(w, buf, head->path);
}

static void put_host(struct writer *w, const struct http_head *head, const u8 *buf,
		     const char *fallback)
{
	put_literal(w, "Host: ");
	if (head->host.len)
		put_span(w, buf, head->host);
	else if (fallback)
		put_text(w, fallback);
	put_literal(w, "\r\n");
}

/* The addresses received, in order, then the client's: one line, as most readers expect. */
static void put_forwarded_for(struct writer *w, const struct http_head *head, const u8 *buf,
			      const struct http_forward *how)
{
	struct http_text client = how->client;
	u16 i;

	put_literal(w, "X-Forwarded-For: ");
	for (i = 0; head->known & BIT_ULL(HTTP_FIELD_X_FORWARDED_FOR) &&
	     !(how->flags & HTTP_WRITE_CLIENT_ANEW) && i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];

		if (field->id != HTTP_FIELD_X_FORWARDED_FOR || !field->value.len)
			continue;
		put_span(w, buf, field->value);
		put_literal(w, ", ");
	}
	put_known(w, client);
	put_literal(w, "\r\n");
}

/* The elements received, in order, but malformed ones, in which ours could be hidden; then ours. */
static void put_forwarded(struct writer *w, const struct http_head *head, const u8 *buf,
			  const struct http_forward *how)
{
	bool quoted = memchr(how->forwarded.at, ':', how->forwarded.len);
	u16 i;

	put_literal(w, "Forwarded: ");
	for (i = 0; head->known & BIT_ULL(HTTP_FIELD_FORWARDED) &&
	     !(how->flags & HTTP_WRITE_FORWARDED_ANEW) && i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];

		if (field->id != HTTP_FIELD_FORWARDED || !field->value.len ||
		    !http_forwarded_is_valid(buf + field->value.off, field->value.len))
			continue;
		put_span(w, buf, field->value);
		put_literal(w, ", ");
	}
	put_literal(w, "for=");
	/* RFC 7239 section 6: IPv6 in brackets, which are no token's. */
	if (quoted)
		put_literal(w, "\"[");
	put_known(w, how->forwarded);
	if (quoted)
		put_literal(w, "]\"");
	put_literal(w, ";proto=");
	put_known(w, how->proto);
	put_literal(w, "\r\n");
}

/* Whether a cookie of a request is not to be forwarded. */
static bool has_hidden_cookie(const struct http_head *head, const u8 *buf, const char *name)
{
	struct http_text content;

	return http_cookie_find(head, buf, name, "", &content) ||
	       http_cookie_find(head, buf, name, HTTP_ANSWER_SUFFIX, &content);
}

/* The cookies received but those, as they were sent. */
static void put_cookies(struct writer *w, const struct http_head *head, const u8 *buf,
			const char *hidden)
{
	u16 i;

	for (i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];
		struct http_text value = { buf + field->value.off, field->value.len };
		struct http_text name, content;
		const char *before = "Cookie: ";
		size_t at = 0;

		if (field->id != HTTP_FIELD_COOKIE || field->flags & HTTP_FIELD_NOMINATED)
			continue;
		while (http_cookie_next(value, &at, &name, &content)) {
			/* Behind a semicolon there may be nothing. */
			if ((!name.len && !content.len) || http_cookie_is_ours(name, hidden))
				continue;
			put_text(w, before);
			put(w, name.at, content.at + content.len - name.at);
			before = "; ";
		}
		if (*before == ';')
			put_literal(w, "\r\n");
	}
}

/* Where a request's line and its Host end if they read as they would be written, else 0. */
static size_t request_start(const struct http_head *head)
{
	const struct http_field *first = head->fields;

	if (!head->minor || head->target_form != HTTP_TARGET_ORIGIN ||
	    first->id != HTTP_FIELD_HOST || first->flags != HTTP_FIELD_CANONICAL)
		return 0;
	return first->value.off + first->value.len + 2;
}

size_t http_write_request(u8 *out, size_t size, const struct http_head *head, const u8 *buf,
			  const struct http_forward *how)
{
	struct writer w = { .out = out, .size = size };
	bool upgrade = how->flags & HTTP_WRITE_UPGRADE && head->flags & HTTP_UPGRADE;
	bool te = head->flags & HTTP_TE_TRAILERS && head->minor;
	size_t start = request_start(head);
	u64 dropped = request_dropped(head, how);
	bool hidden = how->hidden_cookie && has_hidden_cookie(head, buf, how->hidden_cookie);

	if (unlikely(hidden))
		dropped |= BIT_ULL(HTTP_FIELD_COOKIE);
	if (start) {
		put_fields(&w, head, buf, dropped & ~BIT_ULL(HTTP_FIELD_HOST),
			   head->method_text.off, start);
	} else {
		put_span(&w, buf, head->method_text);
		put_literal(&w, " ");
		put_target(&w, head, buf);
		put_literal(&w, " HTTP/1.1\r\n");
		put_host(&w, head, buf, how->host);
		put_fields(&w, head, buf, dropped, 0, 0);
	}
	if (unlikely(hidden))
		put_cookies(&w, head, buf, how->hidden_cookie);
	if (head->framing == HTTP_FRAMING_CHUNKED)
		put_literal(&w, "Transfer-Encoding: chunked\r\n");
	if (head->flags & HTTP_HAS_MAX_FORWARDS) {
		put_literal(&w, "Max-Forwards: ");
		put_decimal(&w, head->max_forwards ? head->max_forwards - 1 : 0);
		put_literal(&w, "\r\n");
	}
	put_connection(&w, how->flags & HTTP_WRITE_CLOSE, false, upgrade, te);
	if (te)
		put_literal(&w, "TE: trailers\r\n");
	if (upgrade)
		put_literal(&w, "Upgrade: websocket\r\n");
	put_via(&w, head, how->via);
	if (how->client.at) {
		put_forwarded_for(&w, head, buf, how);
		put_literal(&w, "X-Forwarded-Proto: ");
		put_known(&w, how->proto);
		put_literal(&w, "\r\n");
	}
	if (how->forwarded.at)
		put_forwarded(&w, head, buf, how);
	put_literal(&w, "\r\n");
	return w.len;
}

static void put_date(struct writer *w, const char *date)
{
	put_literal(w, "Date: ");
	put(w, date, HTTP_DATE_LEN);
	put_literal(w, "\r\n");
}

/* For all of the site, out of scripts' reach; it ends with the client's session. */
static void put_cookie(struct writer *w, const char *name, const char *value)
{
	put_literal(w, "Set-Cookie: ");
	put_text(w, name);
	put_literal(w, "=");
	put_text(w, value);
	put_literal(w, "; Path=/; HttpOnly\r\n");
}

size_t http_write_reply(u8 *out, size_t size, const struct http_head *head, const u8 *buf,
			const struct http_forward *how)
{
	struct writer w = { .out = out, .size = size };
	bool interim = http_reply_is_interim(head);
	bool upgrade = head->status == 101;
	bool close = how->flags & HTTP_WRITE_CLOSE || how->framing == HTTP_FRAMING_CLOSE;
	u64 dropped = DROPPED;

	/* A length has a meaning where there is a body, or in place of one. */
	if (interim || head->status == 204 || how->framing == HTTP_FRAMING_CHUNKED ||
	    how->framing == HTTP_FRAMING_CLOSE)
		dropped |= BIT_ULL(HTTP_FIELD_CONTENT_LENGTH);
	if (how->framing != HTTP_FRAMING_CHUNKED)
		dropped |= BIT_ULL(HTTP_FIELD_TRAILER);
	if (head->minor && head->reason.len) {
		/* The line is written as it came. */
		put_fields(&w, head, buf, dropped, 0, head->reason.off + head->reason.len + 2);
	} else {
		put_literal(&w, "HTTP/1.1 ");
		put_status(&w, head->status);
		put_literal(&w, " ");
		put_span(&w, buf, head->reason);
		put_literal(&w, "\r\n");
		put_fields(&w, head, buf, dropped, 0, 0);
	}
	if (how->framing == HTTP_FRAMING_CHUNKED)
		put_literal(&w, "Transfer-Encoding: chunked\r\n");
	put_connection(&w, close && !interim, how->flags & HTTP_WRITE_KEEPALIVE && !interim,
		       upgrade, false);
	if (upgrade)
		put_literal(&w, "Upgrade: websocket\r\n");
	if (how->cookie && !interim)
		put_cookie(&w, how->cookie, how->cookie_value);
	if (how->date && !http_head_find(head, HTTP_FIELD_DATE) && !interim)
		put_date(&w, how->date);
	put_via(&w, head, how->via);
	put_literal(&w, "\r\n");
	return w.len;
}

size_t http_write_own(u8 *out, size_t size, const struct http_own *own)
{
	struct writer w = { .out = out, .size = size };
	const char *reason = http_reason(own->status);

	put_literal(&w, "HTTP/1.1 ");
	put_status(&w, own->status);
	put_literal(&w, " ");
	put_text(&w, reason);
	put_literal(&w, "\r\n");
	if (own->date)
		put_date(&w, own->date);
	if (own->flags & HTTP_WRITE_ALLOW) {
		put_literal(&w, "Allow: ");
		put_text(&w, own->allow && own->allow[0] ? own->allow :
			     "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
		put_literal(&w, "\r\n");
	}
	if (own->location) {
		put_literal(&w, "Location: ");
		put(&w, own->location, own->location_len);
		put_literal(&w, "\r\n");
	}
	if (own->fields)
		put(&w, own->fields, own->fields_len);
	put_literal(&w, "Content-Type: ");
	put_text(&w, own->content_type ? own->content_type : "text/plain");
	put_literal(&w, "\r\n");
	/* A body of ours is the status, a space, the reason, a newline. */
	put_length(&w, own->content_type ? own->content_length :
					   STATUS_DIGITS + strlen(reason) + 2);
	if (own->flags & HTTP_WRITE_NO_STORE)
		put_literal(&w, "Cache-Control: no-store\r\n");
	put_connection(&w, own->flags & HTTP_WRITE_CLOSE, own->flags & HTTP_WRITE_KEEPALIVE, false,
		       false);
	put_literal(&w, "\r\n");
	if (own->content_type || own->flags & HTTP_WRITE_NO_BODY)
		return w.len;
	put_status(&w, own->status);
	put_literal(&w, " ");
	put_text(&w, reason);
	put_literal(&w, "\n");
	return w.len;
}

size_t http_write_chunk_head(u8 *out, size_t size, u64 len)
{
	struct writer w = { .out = out, .size = size };
	int shift = 60;

	while (shift && !(len >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put(&w, &"0123456789abcdef"[len >> shift & 0xf], 1);
	put_literal(&w, "\r\n");
	return w.len;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "http_challenge.h"
#include "http_chars.h"
#include "http_parts.h"

enum {
	DECIMAL_MAX = 20,	/* digits of U64_MAX */
};

/* Requests. */

bool http_cookie_find(const struct http_head *head, const u8 *buf, const char *name,
		      const char *suffix, struct http_text *content)
{
	size_t len = strlen(name), more = strlen(suffix), at;
	struct http_text cookie, value;
	u16 i;

	for (i = 0; head->known & BIT_ULL(HTTP_FIELD_COOKIE) && i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];

		if (field->id != HTTP_FIELD_COOKIE)
			continue;
		value = (struct http_text){ .at = buf + field->value.off, .len = field->value.len };
		at = 0;
		while (http_cookie_next(value, &at, &cookie, content))
			if (cookie.len == len + more && !memcmp(cookie.at, name, len) &&
			    !memcmp(cookie.at + len, suffix, more))
				return true;
	}
	return false;
}

bool http_cookie_is_ours(struct http_text cookie, const char *name)
{
	static const char suffix[] = HTTP_ANSWER_SUFFIX;
	size_t len = strlen(name);

	if (cookie.len < len || memcmp(cookie.at, name, len))
		return false;
	cookie.at += len;
	cookie.len -= len;
	return !cookie.len ||
	       (cookie.len == sizeof(suffix) - 1 && !memcmp(cookie.at, suffix, cookie.len));
}

/* Whether a media range is text/html, and not with a quality of zero. */
static bool is_html(const u8 *range, size_t len)
{
	size_t end = 0, at;

	while (end < len && range[end] != ';')
		end++;
	at = end;
	while (end && http_is_space(range[end - 1]))
		end--;
	if (!http_is_word(range, end, "text/html"))
		return false;
	/* RFC 9110 section 12.4.2: "q=0", and perhaps zeros behind a dot. */
	while (at < len) {
		at++;
		while (at < len && http_is_space(range[at]))
			at++;
		if (len - at >= 3 && (range[at] | 0x20) == 'q' && range[at + 1] == '=') {
			for (at += 2; at < len && (range[at] == '0' || range[at] == '.'); at++)
				;
			return at < len && range[at] >= '1' && range[at] <= '9';
		}
		while (at < len && range[at] != ';')
			at++;
	}
	return true;
}

bool http_accepts_html(const struct http_head *head, const u8 *buf)
{
	size_t member, len, at, end;
	u16 i;

	for (i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];

		if (!http_is_word(buf + field->name.off, field->name.len, "accept"))
			continue;
		at = field->value.off;
		end = at + field->value.len;
		while (http_list_next(buf, &at, end, &member, &len))
			if (is_html(buf + member, len))
				return true;
	}
	return false;
}

/* Replies. */

/**
 * struct output - bytes that are counted on when there is no more room
 * @out: room
 * @size: its size
 * @len: bytes so far
 */
struct output {
	u8 *out;
	size_t size;
	size_t len;
};

static void put(struct output *o, const void *at, size_t len)
{
	if (o->len < o->size)
		memcpy(o->out + o->len, at, min_t(size_t, len, o->size - o->len));
	o->len += len;
}

static void put_text(struct output *o, const char *text)
{
	put(o, text, strlen(text));
}

static void put_decimal(struct output *o, u64 number)
{
	u8 digits[DECIMAL_MAX];
	size_t at = sizeof(digits);

	do {
		digits[--at] = '0' + number % 10;
		number /= 10;
	} while (number);
	put(o, digits + at, sizeof(digits) - at);
}

size_t http_session_cookie(u8 *out, size_t size, const struct http_cookie_style *style,
			   const char *session)
{
	static const char *const same_site[] = {
		[HTTP_SAME_SITE_LAX] = "; SameSite=Lax",
		[HTTP_SAME_SITE_STRICT] = "; SameSite=Strict",
		[HTTP_SAME_SITE_NONE] = "; SameSite=None",
		[HTTP_SAME_SITE_UNSAID] = "",
	};
	struct output o = { .out = out, .size = size };

	put_text(&o, "Set-Cookie: ");
	put_text(&o, style->name);
	put_text(&o, "=");
	put_text(&o, session);
	put_text(&o, "; Path=");
	put_text(&o, style->path);
	put_text(&o, "; Max-Age=");
	put_decimal(&o, style->lifetime);
	if (style->secure)
		put_text(&o, "; Secure");
	if (style->http_only)
		put_text(&o, "; HttpOnly");
	put_text(&o, same_site[style->same_site]);
	put_text(&o, "\r\n");
	return o.len;
}

size_t http_no_answer(u8 *out, size_t size, const char *name)
{
	struct output o = { .out = out, .size = size };

	put_text(&o, "Set-Cookie: ");
	put_text(&o, name);
	put_text(&o, HTTP_ANSWER_SUFFIX "=; Path=/; Max-Age=0\r\n");
	return o.len;
}

/* Pages. */

static bool begins(struct http_text text, size_t at, const char *with)
{
	size_t len = strlen(with);

	return text.len - at >= len && !memcmp(text.at + at, with, len);
}

size_t http_page_fill(struct http_page *page, size_t size, struct http_text template,
		      const struct http_page_values *values)
{
	static const char token[] = "{{token}}", cookie[] = "{{cookie}}",
			  difficulty[] = "{{difficulty}}", min_time[] = "{{min_time_ms}}";
	struct output o = { .out = page->text, .size = size };
	size_t at = 0, plain;

	page->token_count = 0;
	while (at < template.len) {
		plain = at;
		while (at < template.len && template.at[at] != '{')
			at++;
		put(&o, template.at + plain, at - plain);
		if (begins(template, at, token)) {
			if (page->token_count == HTTP_PAGE_TOKENS)
				return 0;
			page->tokens[page->token_count++] = o.len;
			o.len += HTTP_PUZZLE_TEXT;
			at += sizeof(token) - 1;
		} else if (begins(template, at, cookie)) {
			put_text(&o, values->cookie);
			put_text(&o, HTTP_ANSWER_SUFFIX);
			at += sizeof(cookie) - 1;
		} else if (begins(template, at, difficulty)) {
			put_decimal(&o, values->difficulty);
			at += sizeof(difficulty) - 1;
		} else if (begins(template, at, min_time)) {
			put_decimal(&o, values->min_time_ms);
			at += sizeof(min_time) - 1;
		} else if (at < template.len) {
			put(&o, template.at + at++, 1);
		}
	}
	page->len = o.len;
	return page->token_count ? o.len : 0;
}

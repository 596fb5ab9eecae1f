// SPDX-License-Identifier: GPL-2.0-only
#include "http_chars.h"
#include "http_parts.h"
#include "http_sticky.h"

static u64 sticky_parse(struct http_text text)
{
	u64 id = 0;
	size_t i;

	if (text.len != HTTP_STICKY_DIGITS)
		return 0;
	for (i = 0; i < text.len; i++) {
		if (!http_is(text.at[i], HTTP_CHAR_HEX))
			return 0;
		id = id << 4 | http_hex_value(text.at[i]);
	}
	return id;
}

u64 http_sticky_read(const struct http_head *head, const u8 *buf, const char *name)
{
	struct http_text cookie, content, value;
	size_t len = strlen(name), at;
	u16 i;

	for (i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];

		if (field->id != HTTP_FIELD_COOKIE)
			continue;
		value = (struct http_text){ .at = buf + field->value.off, .len = field->value.len };
		at = 0;
		while (http_cookie_next(value, &at, &cookie, &content))
			if (cookie.len == len && !memcmp(cookie.at, name, len))
				return sticky_parse(content);
	}
	return 0;
}

void http_sticky_write(char out[HTTP_STICKY_DIGITS + 1], u64 id)
{
	size_t i;

	for (i = HTTP_STICKY_DIGITS; i--; id >>= 4)
		out[i] = "0123456789abcdef"[id & 0xf];
	out[HTTP_STICKY_DIGITS] = '\0';
}

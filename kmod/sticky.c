// SPDX-License-Identifier: GPL-2.0-only
/* Cookies that keep a client at its server. */

#include <linux/kernel.h>
#include <linux/string.h>

#include "http_parser.h"
#include "http_parts.h"
#include "sticky.h"

static u64 weir_sticky_parse(struct http_text text)
{
	u64 id = 0;
	size_t i;
	int digit;

	if (text.len != WEIR_STICKY_DIGITS)
		return 0;
	for (i = 0; i < text.len; i++) {
		digit = hex_to_bin(text.at[i]);
		if (digit < 0)
			return 0;
		id = id << 4 | digit;
	}
	return id;
}

u64 weir_sticky_read(const struct http_head *head, const u8 *bytes, const char *name)
{
	struct http_text cookie, content, value;
	size_t length = strlen(name), at;
	unsigned int i;

	for (i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];

		if (field->id != HTTP_FIELD_COOKIE)
			continue;
		value.at = bytes + field->value.off;
		value.len = field->value.len;
		at = 0;
		while (http_cookie_next(value, &at, &cookie, &content))
			if (cookie.len == length && !memcmp(cookie.at, name, length))
				return weir_sticky_parse(content);
	}
	return 0;
}

void weir_sticky_write(char out[WEIR_STICKY_DIGITS + 1], u64 id)
{
	snprintf(out, WEIR_STICKY_DIGITS + 1, "%016llx", id);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Sets of bytes, and whether a text has no others. */
#include "http_bytes.h"
#include "http_chars.h"

bool http_bytes_hold(const struct http_bytes *set, const u8 *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!http_bytes_have(set, text[i]))
			return false;
	return true;
}

bool http_bytes_end(const struct http_bytes *set, const struct http_escape *escape)
{
	return (escape->seen < 1 || http_bytes_have(set, '%')) &&
	       (escape->seen < 2 || http_bytes_have(set, escape->digit));
}

bool http_bytes_hold_decoded(const struct http_bytes *set, struct http_escape *escape,
			     const u8 *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		u8 byte = text[i];

		if (likely(!escape->seen)) {
			if (byte == '%')
				escape->seen = 1;
			else if (!http_bytes_have(set, byte))
				return false;
			continue;
		}
		if (http_is(byte, HTTP_CHAR_HEX)) {
			if (escape->seen == 1) {
				escape->seen = 2;
				escape->digit = byte;
				continue;
			}
			byte = http_hex_value(escape->digit) << 4 | http_hex_value(byte);
		} else if (!http_bytes_end(set, escape)) {
			return false;
		} else if (byte == '%') {
			escape->seen = 1;
			continue;
		}
		escape->seen = 0;
		if (!http_bytes_have(set, byte))
			return false;
	}
	return true;
}

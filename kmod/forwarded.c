// SPDX-License-Identifier: GPL-2.0-only
/* For whom a proxy says that it asks. */

#include "forwarded.h"

static const u8 proxy_signature[] = {
	0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
};

enum {
	PROXY_VERSION	= 12,	/* where the version is, and the command */
	PROXY_FAMILY	= 13,
	PROXY_LENGTH	= 14,	/* of what follows, big endian */
	PROXY_V4	= 0x10,
	PROXY_V6	= 0x20,
	PROXY_V4_LENGTH	= 12,	/* two addresses, two ports */
	PROXY_V6_LENGTH	= 36,
};

static const u8 mapped[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static void from_v4(u8 *address, const u8 *bytes)
{
	memcpy(address, mapped, sizeof(mapped));
	memcpy(address + sizeof(mapped), bytes, FORWARDED_ADDRESS - sizeof(mapped));
}

enum proxy_verdict proxy_header_read(const u8 *bytes, size_t len, u8 *address, size_t *total)
{
	size_t length;

	if (memcmp(bytes, proxy_signature, min_t(size_t, len, sizeof(proxy_signature))))
		return PROXY_ERROR;
	/* Version 2; 0: the proxy itself, 1: a client. */
	if (len > PROXY_VERSION && (bytes[PROXY_VERSION] & 0xfe) != 0x20)
		return PROXY_ERROR;
	if (len < PROXY_HEADER_MIN)
		return PROXY_MORE;
	length = (size_t)bytes[PROXY_LENGTH] << 8 | bytes[PROXY_LENGTH + 1];
	*total = PROXY_HEADER_MIN + length;
	if (*total > PROXY_HEADER_MAX)
		return PROXY_ERROR;
	if (len < *total)
		return PROXY_MORE;
	if (!(bytes[PROXY_VERSION] & 1))
		return PROXY_LOCAL;
	switch (bytes[PROXY_FAMILY] & 0xf0) {
	case PROXY_V4:
		if (length < PROXY_V4_LENGTH)
			return PROXY_ERROR;
		from_v4(address, bytes + PROXY_HEADER_MIN);
		return PROXY_CLIENT;
	case PROXY_V6:
		if (length < PROXY_V6_LENGTH)
			return PROXY_ERROR;
		memcpy(address, bytes + PROXY_HEADER_MIN, FORWARDED_ADDRESS);
		return PROXY_CLIENT;
	default:
		return PROXY_LOCAL;
	}
}

static int digit(u8 byte, unsigned int base)
{
	unsigned int value = byte - '0';

	if (value > 9)
		value = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'f' ? (byte | 0x20) - 'a' + 10 :
			16;
	return value < base ? (int)value : -1;
}

/* A number of at most @digits digits and at most @max; returns how many it has, 0: it is none. */
static size_t number(const u8 *text, size_t len, unsigned int base, size_t digits, u32 max,
		     u32 *value)
{
	size_t i;

	*value = 0;
	for (i = 0; i < len && digit(text[i], base) >= 0; i++) {
		if (i == digits)
			return 0;
		*value = *value * base + digit(text[i], base);
	}
	/* 010 is 8 to some and 10 to others. */
	if (base == 10 && i > 1 && text[0] == '0')
		return 0;
	return *value <= max ? i : 0;
}

static bool read_v4(const u8 *text, size_t len, u8 *bytes)
{
	unsigned int i;
	u32 value;

	for (i = 0; i < 4; i++) {
		size_t used;

		if (i && (!len || *text++ != '.'))
			return false;
		len -= !!i;
		used = number(text, len, 10, 3, 255, &value);
		if (!used)
			return false;
		bytes[i] = value;
		text += used;
		len -= used;
	}
	return !len;
}

/* RFC 4291, 2.2: eight groups, a row of zeros once as "::", the last 32 bits also as IPv4. */
static bool read_v6(const u8 *text, size_t len, u8 *address)
{
	size_t at = 0, gap = FORWARDED_ADDRESS + 1;

	memset(address, 0, FORWARDED_ADDRESS);
	if (len >= 2 && text[0] == ':' && text[1] == ':') {
		gap = 0;
		text += 2;
		len -= 2;
	}
	while (len) {
		size_t used;
		u32 group;

		if (at == FORWARDED_ADDRESS)
			return false;
		if (at <= FORWARDED_ADDRESS - 4 && read_v4(text, len, address + at)) {
			at += 4;
			break;
		}
		used = number(text, len, 16, 4, 0xffff, &group);
		if (!used)
			return false;
		address[at++] = group >> 8;
		address[at++] = group & 0xff;
		text += used;
		len -= used;
		if (!len)
			break;
		/* Behind a colon there is another group, or a second one. */
		if (*text++ != ':' || !--len)
			return false;
		if (*text == ':') {
			if (gap <= FORWARDED_ADDRESS)
				return false;
			gap = at;
			text++;
			len--;
		}
	}
	if (gap > FORWARDED_ADDRESS)
		return at == FORWARDED_ADDRESS;
	/* "::" stands for one group at least. */
	if (at == FORWARDED_ADDRESS)
		return false;
	memmove(address + FORWARDED_ADDRESS - (at - gap), address + gap, at - gap);
	memset(address + gap, 0, FORWARDED_ADDRESS - at);
	return true;
}

static bool is_port(const u8 *text, size_t len)
{
	u32 port;

	return len > 1 && text[0] == ':' &&
	       number(text + 1, len - 1, 10, 5, 65535, &port) == len - 1;
}

static bool read_element(const u8 *text, size_t len, u8 *address)
{
	u8 bytes[4];
	size_t i;

	if (len && text[0] == '[') {
		for (i = 1; i < len && text[i] != ']'; i++)
			;
		return i < len && read_v6(text + 1, i - 1, address) &&
		       (i + 1 == len || is_port(text + i + 1, len - i - 1));
	}
	for (i = 0; i < len && text[i] != ':'; i++)
		;
	if (read_v4(text, i, bytes)) {
		from_v4(address, bytes);
		return i == len || is_port(text + i, len - i);
	}
	return read_v6(text, len, address);
}

static bool is_space(u8 byte)
{
	return byte == ' ' || byte == '\t';
}

bool forwarded_last(const u8 *text, size_t *len, u8 *address)
{
	size_t end = *len, from;

	for (from = end; from && text[from - 1] != ','; from--)
		;
	*len = from ? from - 1 : 0;
	while (from < end && is_space(text[from]))
		from++;
	while (from < end && is_space(text[end - 1]))
		end--;
	return read_element(text + from, end - from, address);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Which field a name is. */
#include "http_chars.h"
#include "http_names.h"

const char http_names[HTTP_NAME_COUNT][HTTP_NAME_SIZE] = {
	[HTTP_FIELD_HOST] = "host",
	[HTTP_FIELD_CONNECTION] = "connection",
	[HTTP_FIELD_CONTENT_LENGTH] = "content-length",
	[HTTP_FIELD_TRANSFER_ENCODING] = "transfer-encoding",
	[HTTP_FIELD_EXPECT] = "expect",
	[HTTP_FIELD_UPGRADE] = "upgrade",
	[HTTP_FIELD_TE] = "te",
	[HTTP_FIELD_TRAILER] = "trailer",
	[HTTP_FIELD_KEEP_ALIVE] = "keep-alive",
	[HTTP_FIELD_PROXY_CONNECTION] = "proxy-connection",
	[HTTP_FIELD_PROXY_AUTHENTICATE] = "proxy-authenticate",
	[HTTP_FIELD_PROXY_AUTHORIZATION] = "proxy-authorization",
	[HTTP_FIELD_MAX_FORWARDS] = "max-forwards",
	[HTTP_FIELD_VIA] = "via",
	[HTTP_FIELD_X_FORWARDED_FOR] = "x-forwarded-for",
	[HTTP_FIELD_X_FORWARDED_PROTO] = "x-forwarded-proto",
	[HTTP_FIELD_FORWARDED] = "forwarded",
	[HTTP_FIELD_DATE] = "date",
	[HTTP_FIELD_SET_COOKIE] = "set-cookie",
	[HTTP_FIELD_COOKIE] = "cookie",
	[HTTP_FIELD_AUTHORIZATION] = "authorization",
	[HTTP_FIELD_CACHE_CONTROL] = "cache-control",
	[HTTP_FIELD_CONTENT_TYPE] = "content-type",
	[HTTP_FIELD_CONTENT_ENCODING] = "content-encoding",
	[HTTP_FIELD_CONTENT_RANGE] = "content-range",
	[HTTP_FIELD_USER_AGENT] = "user-agent",
	[HTTP_FIELD_X_HTTP_METHOD] = "x-http-method",
	[HTTP_FIELD_X_HTTP_METHOD_OVERRIDE] = "x-http-method-override",
	[HTTP_FIELD_X_METHOD_OVERRIDE] = "x-method-override",
	[HTTP_NAME_ACCEPT] = "accept",
	[HTTP_NAME_ACCEPT_ENCODING] = "accept-encoding",
	[HTTP_NAME_ACCEPT_LANGUAGE] = "accept-language",
	[HTTP_NAME_ACCEPT_RANGES] = "accept-ranges",
	[HTTP_NAME_AGE] = "age",
	[HTTP_NAME_ETAG] = "etag",
	[HTTP_NAME_EXPIRES] = "expires",
	[HTTP_NAME_LAST_MODIFIED] = "last-modified",
	[HTTP_NAME_LOCATION] = "location",
	[HTTP_NAME_ORIGIN] = "origin",
	[HTTP_NAME_PRAGMA] = "pragma",
	[HTTP_NAME_REFERER] = "referer",
	[HTTP_NAME_SERVER] = "server",
	[HTTP_NAME_VARY] = "vary",
};

/* Of the names of a length that begin with a letter the first, */
const u8 http_names_of[HTTP_NAME_MAX + 1][HTTP_LETTER + 1] = {
	[2] = { ['t' & HTTP_LETTER] = HTTP_FIELD_TE },
	[3] = { ['v' & HTTP_LETTER] = HTTP_FIELD_VIA, ['a' & HTTP_LETTER] = HTTP_NAME_AGE },
	[4] = { ['h' & HTTP_LETTER] = HTTP_FIELD_HOST, ['d' & HTTP_LETTER] = HTTP_FIELD_DATE,
		['e' & HTTP_LETTER] = HTTP_NAME_ETAG, ['v' & HTTP_LETTER] = HTTP_NAME_VARY },
	[6] = { ['a' & HTTP_LETTER] = HTTP_NAME_ACCEPT, ['c' & HTTP_LETTER] = HTTP_FIELD_COOKIE,
		['e' & HTTP_LETTER] = HTTP_FIELD_EXPECT, ['o' & HTTP_LETTER] = HTTP_NAME_ORIGIN,
		['p' & HTTP_LETTER] = HTTP_NAME_PRAGMA, ['s' & HTTP_LETTER] = HTTP_NAME_SERVER },
	[7] = { ['e' & HTTP_LETTER] = HTTP_NAME_EXPIRES, ['r' & HTTP_LETTER] = HTTP_NAME_REFERER,
		['t' & HTTP_LETTER] = HTTP_FIELD_TRAILER,
		['u' & HTTP_LETTER] = HTTP_FIELD_UPGRADE },
	[8] = { ['l' & HTTP_LETTER] = HTTP_NAME_LOCATION },
	[9] = { ['f' & HTTP_LETTER] = HTTP_FIELD_FORWARDED },
	[10] = { ['c' & HTTP_LETTER] = HTTP_FIELD_CONNECTION,
		 ['k' & HTTP_LETTER] = HTTP_FIELD_KEEP_ALIVE,
		 ['s' & HTTP_LETTER] = HTTP_FIELD_SET_COOKIE,
		 ['u' & HTTP_LETTER] = HTTP_FIELD_USER_AGENT },
	[12] = { ['c' & HTTP_LETTER] = HTTP_FIELD_CONTENT_TYPE,
		 ['m' & HTTP_LETTER] = HTTP_FIELD_MAX_FORWARDS },
	[13] = { ['a' & HTTP_LETTER] = HTTP_FIELD_AUTHORIZATION,
		 ['c' & HTTP_LETTER] = HTTP_FIELD_CACHE_CONTROL,
		 ['l' & HTTP_LETTER] = HTTP_NAME_LAST_MODIFIED,
		 ['x' & HTTP_LETTER] = HTTP_FIELD_X_HTTP_METHOD },
	[14] = { ['c' & HTTP_LETTER] = HTTP_FIELD_CONTENT_LENGTH },
	[15] = { ['a' & HTTP_LETTER] = HTTP_NAME_ACCEPT_ENCODING,
		 ['x' & HTTP_LETTER] = HTTP_FIELD_X_FORWARDED_FOR },
	[16] = { ['c' & HTTP_LETTER] = HTTP_FIELD_CONTENT_ENCODING,
		 ['p' & HTTP_LETTER] = HTTP_FIELD_PROXY_CONNECTION },
	[17] = { ['t' & HTTP_LETTER] = HTTP_FIELD_TRANSFER_ENCODING,
		 ['x' & HTTP_LETTER] = HTTP_FIELD_X_FORWARDED_PROTO },
	[18] = { ['p' & HTTP_LETTER] = HTTP_FIELD_PROXY_AUTHENTICATE },
	[19] = { ['p' & HTTP_LETTER] = HTTP_FIELD_PROXY_AUTHORIZATION },
	[22] = { ['x' & HTTP_LETTER] = HTTP_FIELD_X_HTTP_METHOD_OVERRIDE },
};

/* and the next of the same length and letter. */
const u8 http_next_name[HTTP_NAME_COUNT] = {
	[HTTP_FIELD_AUTHORIZATION] = HTTP_NAME_ACCEPT_RANGES,
	[HTTP_FIELD_CACHE_CONTROL] = HTTP_FIELD_CONTENT_RANGE,
	[HTTP_FIELD_X_FORWARDED_PROTO] = HTTP_FIELD_X_METHOD_OVERRIDE,
	[HTTP_NAME_ACCEPT_ENCODING] = HTTP_NAME_ACCEPT_LANGUAGE,
};

enum http_field_id http_field_id(const u8 *name, size_t len)
{
	u8 known;

	if (!len || len > HTTP_NAME_MAX)
		return HTTP_FIELD_OTHER;
	known = http_names_of[len][name[0] & HTTP_LETTER];
	for (; known; known = http_next_name[known])
		if (http_is_name(name, http_names[known], len))
			return http_id_of(known);
	return HTTP_FIELD_OTHER;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HTTP/1.1 message heads, written: forwarded requests and replies, and replies
 * of Weir's own.
 *
 * Every function writes at most @size bytes into @out and returns how many
 * the whole needs (as snprintf() does, without a terminating NUL): more than
 * @size means that the output is cut off and must not be sent. @out may be
 * NULL if @size is 0.
 */
#ifndef WEIR_HTTP_WRITE_H
#define WEIR_HTTP_WRITE_H

#include "http_parser.h"

enum {
	/* IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT" */
	HTTP_DATE_LEN = 29,
	/* Sixteen hexadecimal digits and CRLF. */
	HTTP_CHUNK_HEAD_MAX = 18,
	/* What http_write_own() needs at most beside Location and Content-Type. */
	HTTP_OWN_MAX = 320,
};

/* How a forwarded head is written. */
enum {
	HTTP_WRITE_CLOSE	= BIT(0),	/* say Connection: close */
	HTTP_WRITE_KEEPALIVE	= BIT(1),	/* say keep-alive (to HTTP/1.0 clients) */
	HTTP_WRITE_UPGRADE	= BIT(2),	/* keep Upgrade if the head has HTTP_UPGRADE */
	HTTP_WRITE_NO_EXPECT	= BIT(3),	/* drop Expect: 100 was already sent */
	HTTP_WRITE_NO_BODY	= BIT(4),	/* http_write_own() for a HEAD request */
	HTTP_WRITE_NO_STORE	= BIT(5),	/* http_write_own(): not to be cached */
	HTTP_WRITE_ALLOW	= BIT(6),	/* ditto: say which methods are forwarded */
	HTTP_WRITE_CLIENT_ANEW	= BIT(7),	/* X-Forwarded-For without the received ones */
	HTTP_WRITE_FORWARDED_ANEW = BIT(8),	/* Forwarded likewise */
};

/* The whole line, for messages of HTTP/1.1. */
#define HTTP_VIA(pseudonym) HTTP_TEXT("Via: 1.1 " pseudonym "\r\n")

/**
 * struct http_forward - what forwarding adds to a head
 * @flags: HTTP_WRITE_*
 * @via: HTTP_VIA of who we are, a token
 * @proto: "http" or "https", for X-Forwarded-Proto and Forwarded (requests)
 * @client: address for X-Forwarded-For (requests), IPv6 without brackets; at NULL:
 *	leave it and X-Forwarded-Proto out
 * @forwarded: the same for Forwarded
 * @host: Host for a request without one (HTTP/1.0); NULL: an empty one
 * @hidden_cookie: a challenge's cookies, of this name, are taken out of a request; NULL: none
 * @date: HTTP_DATE_LEN bytes, put into a reply that has no Date; NULL: none
 * @cookie: a cookie's name for a reply that sets one, a token; NULL: none
 * @cookie_value: its value, of what needs no quotes
 * @framing: of the reply as it will be sent; differs from that received when
 *	chunks are taken off or put on
 */
struct http_forward {
	unsigned int flags;
	struct http_text via;
	struct http_text proto;
	struct http_text client;
	struct http_text forwarded;
	const char *host;
	const char *hidden_cookie;
	const char *date;
	const char *cookie;
	const char *cookie_value;
	enum http_framing framing;
};

/**
 * http_write_request - the head of a forwarded request
 * @out: buffer
 * @size: its size
 * @head: a request that is done
 * @buf: what it was parsed from
 * @how: additions
 *
 * Always HTTP/1.1, target in origin-form (or *), one Host first, fields in
 * their order without the hop-by-hop ones (RFC 9110 section 7.6.1), the
 * framing as received (Content-Length normalised), Max-Forwards (not 0) counted down,
 * then Via, X-Forwarded-For (all received ones and the client in one line),
 * X-Forwarded-Proto (what the client sent is replaced) and Forwarded (as
 * X-Forwarded-For, without received ones that are malformed).
 */
size_t http_write_request(u8 *out, size_t size, const struct http_head *head, const u8 *buf,
			  const struct http_forward *how);

/**
 * http_write_reply - the head of a forwarded reply, interim ones included
 * @out: buffer
 * @size: its size
 * @head: a reply that is done
 * @buf: what it was parsed from
 * @how: additions
 */
size_t http_write_reply(u8 *out, size_t size, const struct http_head *head, const u8 *buf,
			const struct http_forward *how);

/**
 * struct http_own - a reply of Weir's own
 * @status: 200 to 599
 * @flags: HTTP_WRITE_CLOSE, HTTP_WRITE_KEEPALIVE, HTTP_WRITE_NO_BODY, HTTP_WRITE_NO_STORE,
 *	HTTP_WRITE_ALLOW
 * @allow: with that, which methods there may be; NULL or empty: any
 * @date: HTTP_DATE_LEN bytes, or NULL to leave Date out
 * @location: where a redirect leads to, or NULL
 * @location_len: its length
 * @fields: further lines, whole, or NULL
 * @fields_len: their length
 * @content_type: of a body that the caller puts behind the head, or NULL: the
 *	body is a short text, which http_write_own() writes
 * @content_length: of the caller's body
 */
struct http_own {
	u16 status;
	unsigned int flags;
	const char *allow;
	const char *date;
	const u8 *location;
	size_t location_len;
	const u8 *fields;
	size_t fields_len;
	const char *content_type;
	size_t content_length;
};

/*
 * The head, and the body unless it is the caller's.  HTTP_OWN_MAX and the
 * lengths of Location, @allow, further lines and Content-Type always suffice.
 */
size_t http_write_own(u8 *out, size_t size, const struct http_own *own);

/* The line before a chunk of @len (> 0) payload bytes; CRLF follows the payload. */
size_t http_write_chunk_head(u8 *out, size_t size, u64 len);

/* What ends a chunked body without trailers. */
#define HTTP_LAST_CHUNK "0\r\n\r\n"

/* The interim reply to Expect: 100-continue. */
#define HTTP_CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

/* @seconds since 1970 UTC as IMF-fixdate into @out, no terminating NUL. Years 1970 to 9999. */
void http_format_date(char out[HTTP_DATE_LEN], u64 seconds);

/* Reason phrase of a status code; "Unknown" for one that is not registered. Never NULL. */
const char *http_reason(u16 status);

#endif /* WEIR_HTTP_WRITE_H */

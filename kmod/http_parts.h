/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parts of a request as rules see them: host, path, query, cookies.  What is
 * forwarded stays as it was sent.  docs/routing.md says what is made equal to
 * what, and what is refused because servers do not agree about it.
 */
#ifndef WEIR_HTTP_PARTS_H
#define WEIR_HTTP_PARTS_H

#include "http_parser.h"

enum {
	/* Longer names than DNS has are nobody's. */
	HTTP_HOST_MAX = 255,
};

/**
 * http_host_of - whom a request is for: without port and a last dot
 * @head: a request that is done
 * @buf: what it was parsed from
 * @host: set; empty if there is none; in the case in which it was sent
 *
 * Returns false for one with an escape or longer than HTTP_HOST_MAX: no name
 * has either, and what a server makes of it is unknown.
 */
bool http_host_of(const struct http_head *head, const u8 *buf, struct http_text *host);

/* Bytes of the path as sent: up to the query. */
size_t http_path_len(const struct http_head *head, const u8 *buf);

/**
 * http_path_of - the path, with what means the same to servers made the same
 * @head: a request that is done
 * @buf: what it was parsed from
 * @out: room for a path that has to be changed
 * @size: its size; as many bytes as the target has always suffice
 * @path: set; in @out or in @buf
 *
 * Escapes are decoded, once; a backslash, sent as such or escaped, is a slash,
 * and so is an escaped slash; several slashes are one; `.` and `..` are
 * resolved.  The path of `*` is `*`.
 *
 * Returns false for what has no one meaning: an escape that is none or is a
 * NUL, `..` above the root, `.` or `..` with parameters, and `.` or `..` in a
 * path that also has an escaped slash, a backslash or an empty segment.
 */
bool http_path_of(const struct http_head *head, const u8 *buf, u8 *out, size_t size,
		  struct http_text *path);

/**
 * http_query_of - what follows the first `?` of the target, empty if nothing does
 * @head: a request that is done
 * @buf: what it was parsed from
 * @out: room for a query that has escapes
 * @size: its size; as many bytes as the query has always suffice
 * @query: set; in @out or in @buf
 *
 * Escapes are decoded, once; what is none stays as it is.
 */
void http_query_of(const struct http_head *head, const u8 *buf, u8 *out, size_t size,
		   struct http_text *query);

/**
 * http_cookie_next - take the next cookie of a Cookie field's value
 * @value: the value
 * @at: where to go on; 0 at first
 * @name: set
 * @content: set; with the quotes, if it has some; empty if there is no `=`
 *
 * Returns false at the end (RFC 6265 section 4.2.1, with any white space).
 */
bool http_cookie_next(struct http_text value, size_t *at, struct http_text *name,
		      struct http_text *content);

#endif /* WEIR_HTTP_PARTS_H */

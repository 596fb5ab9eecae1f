/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cookies that keep a client at its server: an opaque number in hexadecimal.
 * Nothing here allocates or sleeps; any context.
 */
#ifndef WEIR_HTTP_STICKY_H
#define WEIR_HTTP_STICKY_H

#include "http_parser.h"

enum {
	HTTP_STICKY_DIGITS = 16,
};

/**
 * http_sticky_read - the number in a request's cookie
 * @head: a request that is done
 * @buf: what it was parsed from
 * @name: of the cookie; the first one of that name counts
 *
 * Returns 0 if there is none, or none of our making.
 */
u64 http_sticky_read(const struct http_head *head, const u8 *buf, const char *name);

/* @id as the cookie has it, with the closing NUL. */
void http_sticky_write(char out[HTTP_STICKY_DIGITS + 1], u64 id);

#endif /* WEIR_HTTP_STICKY_H */

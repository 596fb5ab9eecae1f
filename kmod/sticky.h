/* SPDX-License-Identifier: GPL-2.0-only */
/* Cookies that keep a client at its server: an opaque number in hexadecimal. */
#ifndef _WEIR_STICKY_H
#define _WEIR_STICKY_H

#include <linux/types.h>

struct http_head;

enum {
	WEIR_STICKY_DIGITS	= 16,
};

/* The number in the request's cookie @name; 0: none, or not of our making. */
u64 weir_sticky_read(const struct http_head *head, const u8 *bytes, const char *name);
/* @id as the cookie has it, with the closing NUL. */
void weir_sticky_write(char out[WEIR_STICKY_DIGITS + 1], u64 id);

#endif /* _WEIR_STICKY_H */

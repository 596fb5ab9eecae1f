/* SPDX-License-Identifier: GPL-2.0-only */
/* The grammar of Forwarded (RFC 7239). Private to http_*.c. */
#ifndef WEIR_HTTP_FORWARDED_H
#define WEIR_HTTP_FORWARDED_H

#include "http_types.h"

/*
 * Whether a value is a list of elements, each a list of pairs (section 4; white
 * space around commas and semicolons is let pass, and what is left out between
 * them). If so, what is appended behind a comma is an element of its own to
 * every reader: no quoted-string is left open.
 */
bool http_forwarded_is_valid(const u8 *value, size_t len);

#endif /* WEIR_HTTP_FORWARDED_H */

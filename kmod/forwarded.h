/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For whom a proxy says that it asks: the PROXY protocol's version 2, and the
 * X-Forwarded-For field.  Free of kernel types, like the HTTP code; the same
 * file is tested in user space.  Addresses are 16 bytes, IPv4 mapped.
 */
#ifndef WEIR_FORWARDED_H
#define WEIR_FORWARDED_H

#include "http_types.h"

enum {
	FORWARDED_ADDRESS = 16,
	/* Up to where the length is known. */
	PROXY_HEADER_MIN = 16,
	/* With the addresses that are looked at; the rest of a header is skipped. */
	PROXY_HEADER_READ = PROXY_HEADER_MIN + 36,
	/* A header with all that follows the addresses.  Senders are told to stay far below. */
	PROXY_HEADER_MAX = 4096,
};

enum proxy_verdict {
	PROXY_MORE,		/* no mistake so far */
	PROXY_CLIENT,		/* there is a client's address */
	PROXY_LOCAL,		/* the proxy speaks for itself, or of no address that IP has */
	PROXY_ERROR,		/* this is no such header */
};

/**
 * proxy_header_read - read the header that a connection begins with
 * @bytes: what there is of it; beyond PROXY_HEADER_READ nothing is looked at
 * @len: how many bytes of it there are in all
 * @address: set if there is a client's
 * @total: how long the header is, once it is there
 *
 * PROXY_CLIENT and PROXY_LOCAL are told when all of the header is there.
 */
enum proxy_verdict proxy_header_read(const u8 *bytes, size_t len, u8 *address, size_t *total);

/**
 * forwarded_last - take the last element off a field's value
 * @text: the value
 * @len: how much of it is left; becomes what is before the element and its comma
 * @address: set
 *
 * Returns false if the element is no address, with or without a port (IPv6 in
 * brackets, then).  An empty value has none.
 */
bool forwarded_last(const u8 *text, size_t *len, u8 *address);

#endif /* WEIR_FORWARDED_H */

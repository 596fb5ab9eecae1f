/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tells the program that has sent a ClientHello from others: JA4, as the field calls it, whose
 * form is public. For example t13d1516h2_8daaf6152771_e5627efa2ab1, in three parts:
 *
 *	TLS over TCP, its best version; d: it names a host, or i; how many cipher suites and how
 *	many extensions, 99 at most; the first and the last character of its first protocol
 *	the beginning of SHA-256 of its suites' numbers, sorted
 *	the same of its extensions', but those of the host and of protocols, sorted, with its
 *	signature algorithms behind them, in its order
 *
 * Values that stand for none (GREASE, RFC 8701) are not looked at. Pure functions.
 */
#ifndef WEIR_TLS_FINGERPRINT_H
#define WEIR_TLS_FINGERPRINT_H

#include "tls_types.h"

enum {
	/* Bytes of its text. */
	TLS_FINGERPRINT = 36,
	/* Suites that are hashed: a client that has more is known by its first ones. */
	TLS_FINGERPRINT_SUITES = 256,
};

/*
 * Writes TLS_FINGERPRINT bytes about a ClientHello without its header that tls_hello_read() has
 * found well formed; of any other they say nothing. Needs a kilobyte of stack.
 */
void tls_fingerprint(u8 *text, const u8 *message, size_t len);

#endif /* WEIR_TLS_FINGERPRINT_H */

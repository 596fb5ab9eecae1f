/* SPDX-License-Identifier: GPL-2.0-only */
/* The handshake of TLS 1.2 (RFC 5246, section 7.4). For the engine only. */
#ifndef WEIR_TLS_12_FLIGHT_H
#define WEIR_TLS_12_FLIGHT_H

#include "tls_server.h"

/*
 * Takes a ClientHello, a whole message that has been read, and writes the answer: all as far as
 * the ServerHelloDone, or, where a signature takes too long, the Certificate. TLS_FINE, or the
 * alert that is due.
 */
u8 tls12_flight(struct tls_server *server, const struct tls_hello *hello, const u8 *message,
		size_t len, struct tls_out *out);

/* Writes the rest, with the signature. */
u8 tls12_flight_signed(struct tls_server *server, const struct tls_sign_job *job,
		       struct tls_out *out);

/* Takes what follows: a ClientKeyExchange, the change of keys, and a Finished with its length. */
u8 tls12_take_key_exchange(struct tls_server *server, const u8 *message, size_t len);
u8 tls12_take_change(struct tls_server *server);
/* Writes our own behind it; the arena is then of no more use. */
u8 tls12_take_finished(struct tls_server *server, const u8 *message, struct tls_out *out);

#endif /* WEIR_TLS_12_FLIGHT_H */

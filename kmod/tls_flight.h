/* SPDX-License-Identifier: GPL-2.0-only */
/* What a server answers to a ClientHello. For tls_server.c only. */
#ifndef WEIR_TLS_FLIGHT_H
#define WEIR_TLS_FLIGHT_H

#include "tls_server.h"

/*
 * Takes a ClientHello, a whole message, and writes the answer: a HelloRetryRequest, or all from
 * the ServerHello to Finished, or, where a signature takes too long, to the Certificate. The state
 * and the keys are then those of what follows. TLS_FINE, or the alert that is due.
 */
u8 tls_flight(struct tls_server *server, const u8 *message, size_t len, struct tls_out *out);

/* Writes the rest, with the signature. */
u8 tls_flight_signed(struct tls_server *server, const struct tls_sign_job *job,
		     struct tls_out *out);

#endif /* WEIR_TLS_FLIGHT_H */

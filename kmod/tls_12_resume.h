/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sessions of TLS 1.2 that go on in another connection (RFC 5077), whose master
 * secret is an extended one always (RFC 7627, section 5.3). For the engine only.
 */
#ifndef WEIR_TLS_12_RESUME_H
#define WEIR_TLS_12_RESUME_H

#include "tls_server.h"

/*
 * Looks whether the hello's ticket is a session of ours for this name. Then server->resumed, and
 * suite and master secret are the session's. arena->wants_ticket says whether a new ticket is due.
 * TLS_FINE, or the alert that is.
 */
u8 tls12_resume(struct tls_server *server, const struct tls_hello *hello);

/* The NewSessionTicket that was promised; an empty one if none can be made any more. */
void tls12_put_ticket(struct tls_server *server, struct tls_out *out);

#endif /* WEIR_TLS_12_RESUME_H */

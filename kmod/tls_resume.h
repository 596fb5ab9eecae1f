/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sessions that go on in another connection (RFC 8446, sections 2.2, 4.2.11 and
 * 4.6.1). For the engine only.
 */
#ifndef WEIR_TLS_RESUME_H
#define WEIR_TLS_RESUME_H

#include "tls_server.h"

/* Of both versions: the keys, NULL if no session goes on; and what a ticket says of a name. */
const struct tls_ticket_keys *tls_resume_keys(const struct tls_server *server);
void tls_resume_name(struct http_text name, u8 *digest);

/*
 * Looks for a session among those that the hello offers, when the transcript ends before its
 * binders. Then server->resumed and the early secret say what was found. TLS_FINE, or the alert
 * that is due.
 */
u8 tls_resume(struct tls_server *server, const struct tls_hello *hello);

/*
 * Writes the tickets that are due behind the client's Finished, which is in the transcript. None
 * is no failure. False if the connection is of no use any more.
 */
bool tls_resume_later(struct tls_server *server, struct tls_out *out);

#endif /* WEIR_TLS_RESUME_H */

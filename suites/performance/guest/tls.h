/* SPDX-License-Identifier: Apache-2.0 */
/* TLS for the client, by OpenSSL: one version, one suite, one group, so that all devices do the same work. */
#ifndef TLS_H
#define TLS_H

#include <openssl/ssl.h>

#include "load.h"

/* What a client offers, and what has to come of it. */
struct tls_offer {
	const char *group;	/* the only one */
	const char *name;	/* of the server */
	const char *chain;	/* file of the certificates that it has to show, all of them */
	bool resume;		/* handshakes resume the session of one that secure_learn() has made */
};

/* What is in the offer is read once. */
void secure_setup(const struct tls_offer *offer);
/* A handshake: nothing else may come of it than what was offered. */
SSL *secure_connect(int fd, const struct tally *tally);
/* Gets a session from a connection of its own, which ends with that. */
void secure_learn(int fd, const struct tally *tally);
/* As send() and recv(): all of it; 0 is the end that the peer has told. */
void secure_send(SSL *ssl, const void *data, size_t len, const struct tally *tally);
size_t secure_recv(SSL *ssl, void *data, size_t room, const struct tally *tally);
/* Says that it is over, waits for the peer's end, frees and closes everything. */
void secure_leave(SSL *ssl, const struct tally *tally);
void secure_free(SSL *ssl);

#endif

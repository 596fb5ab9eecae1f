/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the other engine know of each other. Kernel headers come before it. */
#ifndef WEIR_MBEDTLS_CONTEXT_H
#define WEIR_MBEDTLS_CONTEXT_H

#include "../tls_server.h"

#include "mbedtls/ssl.h"

/**
 * struct weir_mbedtls_identity - a certificate with its key, as mbed TLS has them
 * @leaf: the certificate, and behind it those of its issuers, which are not read
 * @key: its key
 * @set: both are there
 */
struct weir_mbedtls_identity {
	mbedtls_x509_crt leaf;
	mbedtls_pk_context key;
	bool set;
};

/**
 * struct weir_mbedtls - a connection
 * @ssl: mbed TLS's
 * @conf: its settings
 * @groups: of them
 * @resumed_suite: of them, where a session of TLS 1.2 goes on: its own, and 0
 * @server: whose
 * @in: what came, during a call
 * @out: what is to be sent, during a call
 * @given: bytes of the header that mbed TLS has
 * @alerted: the last record that was sent is an alert
 * @named: the name that was asked for has been told
 * @name: its SHA-256
 * @ticket_name: of the ticket that was taken
 * @ecdsa: until the handshake is over, as is the next
 * @rsa: the same, with a key of RSA
 */
struct weir_mbedtls {
	mbedtls_ssl_context ssl;
	mbedtls_ssl_config conf;
	u16 groups[TLS_GROUPS + 1];
	int resumed_suite[2];
	struct tls_server *server;
	struct http_text *in;
	struct tls_out *out;
	u8 given;
	bool alerted;
	bool named;
	u8 name[32];
	u8 ticket_name[32];
	struct weir_mbedtls_identity ecdsa;
	struct weir_mbedtls_identity rsa;
};

/*
 * platform.c: what is allocated and freed between them is the connection's. Softirqs off; the
 * calls for it are serialized; they do not nest.
 */
void weir_mbedtls_enter(struct tls_server *server);
/* Tells the connection's config what has changed. */
void weir_mbedtls_leave(struct tls_server *server);

/* identity.c: makes it of ours, which has to stay as long. False: no memory, or not understood. */
bool weir_mbedtls_identity_set(struct weir_mbedtls_identity *identity,
			       const struct tls_identity *ours);
/* Again does nothing. */
void weir_mbedtls_identity_free(struct weir_mbedtls_identity *identity);

/* tickets.c: for mbedtls_ssl_conf_session_tickets_cb(). */
int weir_mbedtls_ticket_write(void *context, const mbedtls_ssl_session *session,
			      unsigned char *start, const unsigned char *end, size_t *len,
			      uint32_t *lifetime);
int weir_mbedtls_ticket_parse(void *context, mbedtls_ssl_session *session, unsigned char *sealed,
			      size_t len);
/* SHA-256 of a name. */
void weir_mbedtls_hash_name(u8 *hash, struct http_text name);
/* That the client asked for, as far as the hello has been read; empty: none. */
struct http_text weir_mbedtls_asked(struct weir_mbedtls *mbedtls);

#endif /* WEIR_MBEDTLS_CONTEXT_H */

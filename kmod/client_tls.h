/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Client legs: TLS between the socket and everything else.  What comes is decrypted
 * record by record into packets, which are read just as those of TCP are; what is
 * sent is encrypted as it is handed to TCP, so that order on the wire is the order
 * of record numbers.  All of it: softirq, the client's socket lock held.
 */
#ifndef _WEIR_CLIENT_TLS_H
#define _WEIR_CLIENT_TLS_H

#include "client_leg.h"
#include "pipe.h"
#include "tls_server.h"

struct weir_identities;
struct weir_sent;
struct weir_signing;

/**
 * struct weir_tls - TLS of one connection, from its first byte on
 * @client: whose
 * @server: the engine
 * @arena: what it needs until the handshake is over, then NULL
 * @identities: whose certificates are shown, with a reference, ditto
 * @plain: the record that is being read, decrypted; or NULL
 * @plain_at: bytes of it that were read
 * @ended: the client will send no more
 * @turn: it has waited behind others to begin, see queue.h
 * @over: the limit that its handshake was refused for, or WEIR_LIMIT_NONE
 * @name: that the client asked for, in memory of its own; empty: none, or no memory for it
 * @fingerprint: JA4 of its hello, TLS_FINGERPRINT bytes; NULL: nobody has wanted to know it
 * @signing: the signature that the handshake waits for, or NULL
 * @sealed: records that TCP has not taken yet
 */
struct weir_tls {
	struct weir_client	*client;
	struct tls_server	server;
	struct tls_arena	*arena;
	struct weir_identities	*identities;
	struct sk_buff		*plain;
	unsigned int		plain_at;
	bool			ended;
	bool			turn;
	enum weir_limit		over;
	struct http_text	name;
	u8			*fingerprint;
	struct weir_signing	*signing;
	struct weir_pipe	sealed;
};

/* For struct tls_config: whether limits let a full handshake begin. */
bool weir_tls_admit(struct tls_server *server);

/* Likewise: whether it may begin at all, for who it comes from.  client_fingerprint.c */
bool weir_tls_greeted(struct tls_server *server, struct http_text hello);
/* JA4 of the connection's hello; without bytes: it is not known, or there is no TLS. */
struct http_text weir_tls_fingerprint(const struct weir_client *client);
/* Forget it. */
void weir_tls_drop_fingerprint(struct weir_client *client);

/* For struct tls_config: told of the name that the client asked for. */
void weir_tls_named(struct tls_server *server, struct http_text name);
#ifdef CONFIG_WEIR_TLS_MBEDTLS
/* Likewise: told of what the engine has allocated. */
void weir_tls_charge(struct tls_server *server, s64 bytes);
#endif
/*
 * Whether a request is for the host that the client asked for in its handshake, as far as
 * both name one.
 */
bool weir_tls_names_agree(const struct weir_client *client, const struct http_head *head,
			  const u8 *buf);

/* Bytes held. */
u64 weir_tls_held(struct weir_tls *tls);
/* Say that nothing more follows, if that can be said.  Before the socket is shut down. */
void weir_tls_close(struct weir_client *client);
/* Forget it, keys first.  Again does nothing. */
void weir_tls_free(struct weir_client *client);

/*
 * As weir_leg_peek(): decrypts what has come until there is something to read.
 * NULL: there is nothing, or the connection is gone.
 */
struct sk_buff *weir_tls_peek(struct weir_client *client, unsigned int *offset, size_t *len);
void weir_tls_take(struct weir_client *client, size_t len);
/* As weir_leg_at_end(). */
bool weir_tls_at_end(const struct weir_client *client);
/* As weir_send(), of the exchange's reply; @sent->bytes: of the reply. */
int weir_tls_send(struct weir_client *client, bool last, struct weir_sent *sent);

/* Whether a handshake is under way, or has still to begin. */
static inline bool weir_tls_in_handshake(const struct weir_client *client)
{
	return client->secure && !(client->tls && client->tls->server.state >= TLS_OPEN);
}

#endif /* _WEIR_CLIENT_TLS_H */

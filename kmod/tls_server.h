/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A server's side of a TLS 1.3 connection (RFC 8446). It is given bytes as they
 * come, cut anywhere, and writes what has to be sent; it waits for nothing and
 * allocates nothing but a cipher's keys (tls_crypto.h).
 *
 * Everything may be called in softirq. The caller serializes what he calls for
 * one connection, and keeps what he lends to it until he takes it back.
 */
#ifndef WEIR_TLS_SERVER_H
#define WEIR_TLS_SERVER_H

#include "tls_hello.h"
#include "tls_p256.h"
#include "tls_record.h"
#include "tls_schedule.h"

enum {
	/* A ClientHello that is longer is refused. */
	TLS_HELLO_MAX = 1 << 13,
	/* Of an identity's chain: with it all that a server says fits into one record. */
	TLS_CHAIN_MAX = 15 << 10,
	/* Beside the chain, what a call may have to write. */
	TLS_OUT_ROOM = 1024,
	/* What a record takes beside its content. */
	TLS_RECORD_COST = TLS_RECORD_HEADER + 1 + TLS_TAG,
	/* Of the buffer for a record that is received. */
	TLS_RECORD_ROOM = TLS_CIPHER_MAX,
	/* Records in a row that carry nothing. */
	TLS_IDLE_MAX = 32,
};

/* As many records are encrypted with one key; RFC 8446, section 5.5: no more than 2^24.5. */
#define TLS_KEY_RECORDS BIT_ULL(24)

/**
 * struct tls_identity - a certificate with its key
 * @chain: its list as a Certificate message has it: of each, length and DER, and no extensions
 * @chain_len: at most TLS_CHAIN_MAX
 * @key: of P-256
 */
struct tls_identity {
	const u8 *chain;
	size_t chain_len;
	u8 key[P256_BYTES];
};

/**
 * struct tls_config - what connections have in common
 * @find: the identity for a name, which is empty where none was sent; NULL: refused. It lives as
 *	long as the connection's handshake
 * @groups: enum tls_group in the order of preference; each once
 * @key_records: after so many records the key is changed; 0: TLS_KEY_RECORDS
 */
struct tls_config {
	const struct tls_identity *(*find)(const struct tls_config *config, struct http_text name);
	u8 groups[TLS_GROUPS];
	u64 key_records;
};

/**
 * struct tls_arena - what a handshake needs, and nobody behind it
 * @schedule: keys
 * @scratch: of P-256
 * @random: the first hello's; the next one has to have the same
 * @session: its session identifier
 * @session_len: how many bytes
 * @verify: what the client's Finished has to say
 * @message: one that came in several records
 */
struct tls_arena {
	struct tls_schedule schedule;
	struct p256_scratch scratch;
	u8 random[TLS_RANDOM];
	u8 session[TLS_SESSION_MAX];
	u8 session_len;
	u8 verify[TLS_HASH_MAX];
	u8 message[TLS_HELLO_MAX];
};

enum tls_state {
	TLS_WAIT_HELLO,
	TLS_WAIT_SECOND_HELLO,
	TLS_WAIT_FINISHED,
	TLS_OPEN,
	/* The peer says no more; what is sent to it may go on. */
	TLS_HALF_CLOSED,
	/* Nothing goes on. */
	TLS_CLOSED,
};

/**
 * struct tls_server - a connection
 * @config: see there
 * @arena: until the handshake is over; then NULL, wiped and the caller's again
 * @record: room for TLS_RECORD_ROOM bytes; may be exchanged where @in_header is 0
 * @suite: what was agreed on
 * @group: the same
 * @protocol: true: the client asked for one, and got HTTP/1.1
 * @state: see there
 * @alert: that was sent or received, if @state is TLS_CLOSED; TLS_CLOSE_NOTIFY: none
 * @sent_alert: we sent it
 * @sent_compat: a change_cipher_spec was sent
 * @close_sent: nothing more may be written
 * @idle: records in a row that carried nothing
 * @skip: bytes of early data that may still come
 * @in_header: bytes of the header there are
 * @header: of the record that is coming
 * @in_record: bytes of it there are
 * @in_message: bytes there are of a message that came in several records
 * @small: such a one, where there is no arena
 * @in: what the client sends
 * @out: what we send
 */
struct tls_server {
	const struct tls_config *config;
	struct tls_arena *arena;
	u8 *record;
	const struct tls_suite *suite;
	u8 group;
	bool protocol;
	u8 state;
	u8 alert;
	bool sent_alert;
	bool sent_compat;
	bool close_sent;
	u8 idle;
	u16 skip;
	u8 in_header;
	u8 header[TLS_RECORD_HEADER];
	u16 in_record;
	u16 in_message;
	u8 small[TLS_MESSAGE_HEADER + 1];
	struct tls_half in;
	struct tls_half out;
};

enum tls_event {
	/* All bytes were taken: more are needed. */
	TLS_HUNGRY,
	/* The client has sent data. */
	TLS_DATA,
	/* It will send no more; what follows is not looked at. */
	TLS_END,
	/* The connection is over: what was written is still to be sent. */
	TLS_FAILED,
	/* There is too little room to write: to be called again. */
	TLS_BLOCKED,
};

void tls_server_init(struct tls_server *server, const struct tls_config *config,
		     struct tls_arena *arena, u8 *record);
/* Wipes everything, the arena too. Needed exactly once; may be called in any state. */
void tls_server_end(struct tls_server *server);

/*
 * Takes bytes from @in until something has happened. @out needs room for TLS_OUT_ROOM bytes, and
 * in a handshake for the longest chain too. Data are in the record's buffer until the next call.
 */
enum tls_event tls_server_read(struct tls_server *server, struct http_text *in,
			       struct tls_out *out, struct http_text *data);

/*
 * Encrypts at most TLS_PLAIN_MAX bytes into one record, and before it the change of keys if one
 * is due. False, and nothing written, if there is too little room: TLS_OUT_ROOM more than data
 * are enough; or if the connection is not open.
 */
bool tls_server_write(struct tls_server *server, const void *data, size_t len,
		      struct tls_out *out);

/* Says that no more follows. */
void tls_server_close(struct tls_server *server, struct tls_out *out);

#endif /* WEIR_TLS_SERVER_H */

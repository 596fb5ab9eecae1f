/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A server's side of a connection of TLS 1.3 (RFC 8446) or 1.2 (RFC 5246). It is
 * given bytes as they come, cut anywhere, and writes what has to be sent; it
 * waits for nothing and allocates nothing but a cipher's keys (tls_crypto.h).
 *
 * Everything may be called in softirq. The caller serializes what he calls for
 * one connection, and keeps what he lends to it until he takes it back.
 */
#ifndef WEIR_TLS_SERVER_H
#define WEIR_TLS_SERVER_H

#include "tls_12_schedule.h"
#include "tls_exchange.h"
#include "tls_hello.h"
#include "tls_p256.h"
#include "tls_record.h"
#include "tls_rsa.h"
#include "tls_schedule.h"
#include "tls_ticket.h"

enum {
	/* A ClientHello that is longer is refused. */
	TLS_HELLO_MAX = 1 << 13,
	/* Of an identity's chain and staple: with both, all that is said fits into one record. */
	TLS_CHAIN_MAX = 15 << 10,
	/* Of its staple. */
	TLS_STAPLE_MAX = 8 << 10,
	/* Beside the chain, what a call may have to write. */
	TLS_OUT_ROOM = 1024,
	/* What a record takes beside its content: of TLS 1.2 with its nonce, which is the most. */
	TLS_RECORD_COST = TLS_RECORD_HEADER + 8 + TLS_TAG,
	/* Of what is encrypted in the first answer, beside the chain; and of the rest of it. */
	TLS_FLIGHT_SEALED = 192,
	TLS_FLIGHT_CLEAR = 256,
	/* Of the buffer for a record that is received. */
	TLS_RECORD_ROOM = TLS_CIPHER_MAX,
	/* Random: the connection keeps it, so it need not say anything. */
	TLS_COOKIE_BYTES = 32,
	/* Records in a row that carry nothing. */
	TLS_IDLE_MAX = 32,
};

/* As many records are encrypted with one key; RFC 8446, section 5.5: no more than 2^24.5. */
#define TLS_KEY_RECORDS BIT_ULL(24)
/* In TLS 1.2 keys cannot be changed: then the connection ends. */
#define TLS12_KEY_RECORDS BIT_ULL(32)

/**
 * struct tls_identity - a certificate with its key
 * @chain: its list as a Certificate message has it: of each, length and DER, and no extensions
 * @chain_len: at most TLS_CHAIN_MAX, with @staple_len
 * @key: of P-256
 * @rsa: the key, if it is one of RSA; else NULL
 * @staple: an OCSP response about the first of @chain, which clients get that want one
 * @staple_len: at most TLS_STAPLE_MAX; 0: there is none
 * @staple_until: seconds since the epoch; then it is old, and nobody gets it
 */
struct tls_identity {
	const u8 *chain;
	size_t chain_len;
	u8 key[P256_BYTES];
	const struct rsa_key *rsa;
	const u8 *staple;
	size_t staple_len;
	u64 staple_until;
};

/**
 * struct tls_identities - those for a name; NULL: there is none
 * @ecdsa: with a key of P-256, which is taken if the client can verify its signatures
 * @rsa: with one of RSA
 */
struct tls_identities {
	const struct tls_identity *ecdsa;
	const struct tls_identity *rsa;
};

struct tls_server;

/**
 * struct tls_config - what connections have in common
 * @find: the identities for a name, which is empty where none was sent; without any it is refused.
 *	They live as long as the connection's handshake
 * @chain_most: bytes of the longest chain that it finds, with its staple; 0: not known
 * @groups: enum tls_group in the order of preference; each once
 * @key_records: after so many records the key is changed, or with TLS 1.2 none more is written; 0:
 *	TLS_KEY_RECORDS, TLS12_KEY_RECORDS
 * @min_version: TLS_1_3: nothing else; 0, TLS_1_2: that, too
 * @greeted: whether to go on with a client, asked once in a handshake with its first ClientHello,
 *	which is well formed and lacks its header, before anything is chosen; NULL: always
 * @admit: whether a full handshake may begin, asked before there is any work with public keys;
 *	NULL: always
 * @named: told of the name that the client asked for, which is empty where none was sent, once in
 *	a handshake; NULL: nobody wants to know
 * @tickets: how sessions are resumed, for as long as the call lasts that asks; NULL, or a result
 *	that is NULL: they are not
 * @now: seconds since the epoch; needed with @tickets and with staples
 * @keylog: told of secrets, a line at a time: tls_keylog.h; NULL: nobody wants to know
 * @charge: told how many bytes more mbed TLS has allocated for a connection, or less
 */
struct tls_config {
	struct tls_identities (*find)(const struct tls_config *config, struct http_text name);
	size_t chain_most;
	u8 groups[TLS_GROUPS];
	u64 key_records;
	u16 min_version;
	bool (*greeted)(struct tls_server *server, struct http_text hello);
	bool (*admit)(struct tls_server *server);
	void (*named)(struct tls_server *server, struct http_text name);
	const struct tls_ticket_keys *(*tickets)(const struct tls_config *config);
	u64 (*now)(void);
#ifdef WEIR_TLS_KEYLOG
	void (*keylog)(struct tls_server *server, const u8 *line, size_t len);
#endif
#ifdef CONFIG_WEIR_TLS_MBEDTLS
	void (*charge)(struct tls_server *server, s64 bytes);
#endif
};

/**
 * struct tls_sign_job - a signature that takes too long for a softirq
 * @key: who signs
 * @scheme: TLS_RSA_PSS_RSAE_SHA256 or TLS_RSA_PKCS1_SHA256
 * @digest: of what is signed
 * @salt: random
 * @len: of the signature; 0: it is not there, or could not be made
 * @signature: once it is there
 */
struct tls_sign_job {
	const struct rsa_key *key;
	u16 scheme;
	u8 digest[RSA_HASH];
	u8 salt[RSA_SALT];
	u16 len;
	u8 signature[RSA_BYTES_MAX];
};

#ifndef CONFIG_WEIR_TLS_MBEDTLS

/* Of the exchange's parameters, before the public key. */
enum { TLS12_PARAMS_HEAD = 4 };

/**
 * struct tls12_handshake - what a handshake of TLS 1.2 needs
 * @schedule: keys
 * @secret: of the exchange
 * @params: its parameters, as a ServerKeyExchange has them
 * @params_len: how many bytes
 * @scheme: of the signature
 * @extended: the master secret is to be an extended one
 */
struct tls12_handshake {
	struct tls12_schedule schedule;
	u8 secret[TLS_EXCHANGE_SECRET];
	u8 params[TLS12_PARAMS_HEAD + TLS_EXCHANGE_PUBLIC_MAX];
	u8 params_len;
	u16 scheme;
	bool extended;
};

/**
 * struct tls_arena - what a handshake needs, and nobody behind it
 * @schedule: keys; with TLS 1.2 the transcript alone
 * @tls12: what only TLS 1.2 needs
 * @scratch: of P-256
 * @random: the first hello's; the next one has to have the same
 * @session: its session identifier
 * @session_len: how many bytes
 * @cookie: that the second hello has to bring
 * @n_shares: how many keys it has to bring
 * @job: the signature that is due in TLS_WAIT_SIGNATURE
 * @verify: what the client's Finished has to say
 * @ticket: the session, as far as it is known
 * @wants_ticket: the client can make use of one
 * @selected: the place of the ticket that it is resumed from
 * @message: one that came in several records
 */
struct tls_arena {
	struct tls_schedule schedule;
	struct tls12_handshake tls12;
	struct p256_scratch scratch;
	u8 random[TLS_RANDOM];
	u8 session[TLS_SESSION_MAX];
	u8 session_len;
	u8 cookie[TLS_COOKIE_BYTES];
	u16 n_shares;
	struct tls_sign_job job;
	u8 verify[TLS_HASH_MAX];
	struct tls_ticket ticket;
	bool wants_ticket;
	u8 selected;
	u8 message[TLS_HELLO_MAX];
};

#endif

enum tls_state {
	TLS_WAIT_HELLO,
	TLS_WAIT_SECOND_HELLO,
	/* Ours, by tls_server_signed(). */
	TLS_WAIT_SIGNATURE,
	/* These two are TLS 1.2's: a ClientKeyExchange, a change of keys. */
	TLS_WAIT_KEY_EXCHANGE,
	TLS_WAIT_CHANGE,
	TLS_WAIT_FINISHED,
	TLS_OPEN,
	/* The peer says no more; what is sent to it may go on. */
	TLS_HALF_CLOSED,
	/* Nothing goes on. */
	TLS_CLOSED,
};

#ifdef CONFIG_WEIR_TLS_MBEDTLS

#include "mbedtls/engine.h"

/* What all connections share.  When the module comes and goes; init: 0, or -ENOMEM. */
int tls_engine_init(void);
void tls_engine_exit(void);

#else

/**
 * struct tls_server - a connection
 * @config: see there
 * @arena: until the handshake is over; then NULL, wiped and the caller's again
 * @record: where the next one is gathered and decrypted: the caller's; NULL: not lent yet
 * @record_room: bytes of it
 * @suite: what was agreed on
 * @group: the same
 * @protocol: true: the client asked for one, and got HTTP/1.1
 * @resumed: a session went on: no certificate was sent
 * @stapled: its status was sent
 * @state: see there
 * @alert: that was sent or received, if @state is TLS_CLOSED; TLS_CLOSE_NOTIFY: none
 * @cookie: the caller's, before the first byte: the client has to return a cookie before there is
 *	work with public keys
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
	size_t record_room;
	const struct tls_suite *suite;
	u8 group;
	bool protocol;
	bool resumed;
	bool stapled;
	u8 state;
	u8 alert;
	bool cookie;
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

static inline int tls_engine_init(void)
{
	return 0;
}

static inline void tls_engine_exit(void)
{
}

#endif

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
	/* A record comes: room for tls_server_wants() bytes is to be lent. */
	TLS_WANTS_ROOM,
	/* A signature is due: no byte is taken before tls_server_signed(). */
	TLS_SIGN,
};

void tls_server_init(struct tls_server *server, const struct tls_config *config,
		     struct tls_arena *arena);

/* Bytes that the engine has allocated for the connection. */
static inline u32 tls_server_held(const struct tls_server *server)
{
#ifdef CONFIG_WEIR_TLS_MBEDTLS
	return server->held;
#else
	return 0;	/* beside a cipher's keys */
#endif
}

/* Of the record whose header has come. */
static inline size_t tls_server_wants(const struct tls_server *server)
{
	return server->header[3] << 8 | server->header[4];
}

/* Before the first record, after TLS_WANTS_ROOM, or after any event with @in_header 0. */
static inline void tls_server_lend(struct tls_server *server, u8 *record, size_t room)
{
	server->record = record;
	server->record_room = room;
}

/* The room that tls_server_read() needs to write at most, as things stand. */
size_t tls_server_answers(const struct tls_server *server);
/* Wipes everything, the arena too. Needed exactly once; may be called in any state. */
void tls_server_end(struct tls_server *server);

/*
 * Takes bytes from @in until something has happened. @out needs room for tls_server_answers()
 * bytes. Data are in the record's buffer, which the caller may then keep, and lend another one.
 */
enum tls_event tls_server_read(struct tls_server *server, struct http_text *in,
			       struct tls_out *out, struct http_text *data);

/*
 * Makes the signature of a job, or of a copy of it; the key has to be there as long. Takes
 * milliseconds: not in a softirq. The scratch memory is left wiped.
 */
void tls_server_sign(struct tls_sign_job *job, struct rsa_scratch *scratch);

/*
 * Goes on after TLS_SIGN: @job is what arena->job was, with the signature. @out needs room for
 * TLS_OUT_ROOM bytes. TLS_HUNGRY, or TLS_FAILED, which it also is if no signature is due.
 */
enum tls_event tls_server_signed(struct tls_server *server, const struct tls_sign_job *job,
				 struct tls_out *out);

/*
 * The room that so many bytes take, in one record or as many as the client wants them in, with the
 * change of keys that may be due.
 */
size_t tls_server_cost(const struct tls_server *server, size_t len);
/* How many fit into so much room. */
size_t tls_server_fits(const struct tls_server *server, size_t room);

/*
 * A record of data: begun, filled with at most TLS_PLAIN_MAX bytes, and encrypted where it lies.
 * tls_server_begin() is false if the connection is not open, or the change of keys that was due
 * did not fit; tls_server_finish() if it did not fit, and then nothing of it is left.
 */
bool tls_server_begin(struct tls_server *server, struct tls_out *out, size_t *start);
bool tls_server_finish(struct tls_server *server, struct tls_out *out, size_t start);

/* Says that no more follows. */
void tls_server_close(struct tls_server *server, struct tls_out *out);

#endif /* WEIR_TLS_SERVER_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * One connection of the engine's at a time, for tests/test_tls_engine.py:
 *
 *	k CHAIN KEY	the identity of P-256; none if the chain is empty
 *	K CHAIN KEY	that of RSA, with a key as tests/tls/rsa.c takes it
 *	o STAPLE UNTIL	the status of both, and in eight bytes when it is old
 *	n OPTIONS RANDOM	a new connection with its first random numbers, if any. Options:
 *			P-256 comes before X25519; records between changes of keys, 0: as many
 *			as usual; a cookie is asked for; signatures of RSA are made when they are
 *			asked for; the cipher that there is no memory for, as refuse_cipher();
 *			TLS 1.3 and nothing else; clients are refused as soon as they greet
 *	r BYTES		received: event, state, alert, whether that was sent, length of what
 *			was written in four bytes, that, and data
 *	g FAILS		makes the signature that is due, or fails to, and goes on as above, with the
 *			bytes that have come meanwhile
 *	w BYTES		sends: length and so on as above, without data
 *	c		closes, as above
 *	s		suite's number, group, protocol, whether a session was resumed, whether a
 *			status was sent, the traffic secrets of reading and writing
 *	t KEYS BYTES	the tickets' keys as in struct tls_ticket_key, none: no tickets; lifetime in
 *			four bytes and number of tickets, the same for all connections that follow
 *	T TIME		the time in eight bytes
 *	F		what the connection's greetings were, one behind the other, without headers
 *	f BYTES		the fingerprint of a ClientHello without its header; of a malformed one
 *			nothing
 *
 * A name that begins with "unknown" has no identity.
 */
#include "../../tls_fingerprint.h"
#include "../../tls_server.h"
#include "ask.h"
#include "crypto.h"
#include "rsa_key.h"
#include "write.h"

enum { OUT_ROOM = 1 << 20 };

static struct tls_identity identity, rsa_identity;
static u8 chain[TLS_CHAIN_MAX], rsa_chain[TLS_CHAIN_MAX];
static struct rsa_key rsa_key;
static struct rsa_scratch rsa_scratch;

static struct tls_identities find(const struct tls_config *config, struct http_text name)
{
	if (name.len >= 7 && !memcmp(name.at, "unknown", 7))
		return (struct tls_identities){};
	return (struct tls_identities){
		.ecdsa = identity.chain_len ? &identity : NULL,
		.rsa = rsa_identity.chain_len ? &rsa_identity : NULL,
	};
}

static struct tls_ticket_keys ticket_keys;

static const struct tls_ticket_keys *tickets(const struct tls_config *config)
{
	return &ticket_keys;
}

static u64 seconds;

static u64 now(void)
{
	return seconds;
}

static u8 *greetings;
static size_t n_greetings;
static bool refuse_greetings;

static bool greeted(struct tls_server *server, struct http_text hello)
{
	greetings = realloc(greetings, n_greetings + hello.len);
	if (!greetings)
		abort();
	memcpy(greetings + n_greetings, hello.at, hello.len);
	n_greetings += hello.len;
	return !refuse_greetings;
}

static struct tls_config config = {
	.greeted = greeted, .find = find, .tickets = tickets, .now = now,
};

static struct tls_server *server;
static struct tls_arena *arena;
static u8 *record;
static u8 *random_bytes;
static bool sign_later;
/* What was not taken yet. */
static u8 *waiting;
static size_t n_waiting;

static u8 written[OUT_ROOM + 8];
static u8 received[OUT_ROOM];

static u8 *copy(const u8 *bytes, size_t len)
{
	u8 *memory = malloc(len ? len : 1);

	if (!memory)
		abort();
	memcpy(memory, bytes, len);
	return memory;
}

static void check_wiped(void)
{
	static const struct tls_arena wiped;

	if (memcmp(arena, &wiped, sizeof(wiped)))
		abort();
}

static void end(void)
{
	if (server) {
		tls_server_end(server);
		check_wiped();
	}
	free(server);
	free(arena);
	free(record);
	record = NULL;
	free(random_bytes);
	free(waiting);
	waiting = NULL;
	n_waiting = 0;
	free(greetings);
	greetings = NULL;
	n_greetings = 0;
}

static void begin(const u8 *options, const u8 *bytes, size_t len)
{
	end();
	server = malloc(sizeof(*server));
	arena = calloc(1, sizeof(*arena));
	random_bytes = copy(bytes, len);
	if (!server || !arena)
		abort();
	inject_random(random_bytes, len);
	config.groups[0] = options[0] ? TLS_GROUP_P256 : TLS_GROUP_X25519;
	config.groups[1] = options[0] ? TLS_GROUP_X25519 : TLS_GROUP_P256;
	config.key_records = options[1];
	tls_server_init(server, &config, arena);
	server->cookie = options[2];
	sign_later = options[3];
	refuse_cipher(options[4]);
	config.min_version = options[5] ? TLS_1_3 : 0;
	refuse_greetings = options[6];
}

static void say(u8 event, const struct tls_out *out, size_t data)
{
	u32 len = out->len;

	written[0] = event;
	written[1] = server->state;
	written[2] = server->alert;
	written[3] = server->sent_alert;
	memcpy(written + 4, &len, sizeof(len));
	if (server->state >= TLS_OPEN)
		check_wiped();
	memcpy(written + 8 + len, received, data);
	answer(written, 8 + len + data);
}

/* Just as much as is asked for. */
static void lend(void)
{
	free(record);
	record = malloc(tls_server_wants(server));
	if (!record)
		abort();
	tls_server_lend(server, record, tls_server_wants(server));
}

/* As a worker would: with a copy, beside the connection. */
static enum tls_event sign(bool fails, struct tls_out *out)
{
	struct tls_sign_job job = server->arena->job;

	if (job.key != &rsa_key || job.len)
		abort();
	if (!fails)
		tls_server_sign(&job, &rsa_scratch);
	return tls_server_signed(server, &job, out);
}

/* What has come, and more. */
static void go_on(struct tls_out *out, const u8 *bytes, size_t len)
{
	u8 *all = malloc(n_waiting + len ? n_waiting + len : 1);
	struct http_text in = { .at = all, .len = n_waiting + len };
	struct http_text data;
	bool greeted = server->state > TLS_WAIT_SECOND_HELLO;
	size_t room = tls_server_answers(server) + TLS_OUT_ROOM;
	enum tls_event event;
	size_t got = 0;

	if (!all)
		abort();
	if (n_waiting)
		memcpy(all, waiting, n_waiting);
	if (len)
		memcpy(all + n_waiting, bytes, len);
	free(waiting);
	while ((event = tls_server_read(server, &in, out, &data)) == TLS_DATA ||
	       event == TLS_WANTS_ROOM || (event == TLS_SIGN && !sign_later)) {
		if (event == TLS_WANTS_ROOM) {
			lend();
			continue;
		}
		if (event == TLS_SIGN) {
			sign(false, out);
			continue;
		}
		if (data.len > OUT_ROOM / 2 - got)
			abort();
		memcpy(received + got, data.at, data.len);
		got += data.len;
	}
	/* What it said that it needs, and the signature behind it: that is enough. */
	if (!greeted && server->state < TLS_OPEN && out->len > room)
		abort();
	n_waiting = in.len;
	waiting = copy(in.at, in.len);
	free(all);
	say(event, out, got);
}

static void tell(void)
{
	u8 told[6 + 2 * TLS_HASH_MAX];

	told[0] = server->suite ? server->suite->code >> 8 : 0;
	told[1] = server->suite ? (u8)server->suite->code : 0;
	told[2] = server->group;
	told[3] = server->protocol;
	told[4] = server->resumed;
	told[5] = server->stapled;
	memcpy(told + 6, server->in.secret, TLS_HASH_MAX);
	memcpy(told + 6 + TLS_HASH_MAX, server->out.secret, TLS_HASH_MAX);
	answer(told, sizeof(told));
}

static void set_tickets(const u8 *keys, size_t len, const u8 *rest)
{
	if (len > sizeof(ticket_keys.keys))
		abort();
	memset(&ticket_keys, 0, sizeof(ticket_keys));
	memcpy(ticket_keys.keys, keys, len);
	ticket_keys.n_keys = len / sizeof(struct tls_ticket_key);
	memcpy(&ticket_keys.lifetime, rest, 4);
	ticket_keys.count = rest[4];
}

static void set_chain(struct tls_identity *to, u8 *room, const u8 *from, size_t len)
{
	if (len > TLS_CHAIN_MAX)
		abort();
	memcpy(room, from, len);
	to->chain = room;
	to->chain_len = len;
}

static void set_staple(const u8 *staple, size_t len, const u8 *until)
{
	static u8 room[TLS_STAPLE_MAX];
	struct tls_identity *const both[] = { &identity, &rsa_identity };

	if (len > sizeof(room))
		abort();
	if (len)
		memcpy(room, staple, len);
	for (int i = 0; i < 2; i++) {
		both[i]->staple = room;
		both[i]->staple_len = len;
		memcpy(&both[i]->staple_until, until, sizeof(both[i]->staple_until));
	}
}

void ask(u8 letter, const u8 *first, size_t first_len, const u8 *second, size_t second_len)
{
	struct tls_out out = { .at = written + 8, .room = OUT_ROOM / 2 };
	struct tls_hello hello;
	bool done;

	switch (letter) {
	case 'k':
		if (second_len != sizeof(identity.key))
			abort();
		set_chain(&identity, chain, first, first_len);
		memcpy(identity.key, second, second_len);
		answer("", 0);
		break;
	case 'K':
		set_chain(&rsa_identity, rsa_chain, first, first_len);
		if (first_len && !read_rsa_key(&rsa_key, second, &rsa_scratch))
			abort();
		rsa_identity.rsa = &rsa_key;
		answer("", 0);
		break;
	case 'o':
		set_staple(first, first_len, second);
		answer("", 0);
		break;
	case 'n':
		begin(first, second, second_len);
		answer("", 0);
		break;
	case 'r':
		go_on(&out, first, first_len);
		break;
	case 'g':
		/* Nobody else's. */
		if (sign(*first, &out) == TLS_FAILED)
			say(TLS_FAILED, &out, 0);
		else
			go_on(&out, NULL, 0);
		break;
	case 'w':
		done = tls_server_write(server, first, first_len, &out);
		say(done, &out, 0);
		break;
	case 'c':
		tls_server_close(server, &out);
		say(0, &out, 0);
		break;
	case 's':
		tell();
		break;
	case 't':
		set_tickets(first, first_len, second);
		answer("", 0);
		break;
	case 'T':
		memcpy(&seconds, first, sizeof(seconds));
		answer("", 0);
		break;
	case 'F':
		answer(n_greetings ? greetings : (const u8 *)"", n_greetings);
		break;
	case 'f':
		if (tls_hello_read(&hello, first, first_len) != TLS_FINE) {
			answer("", 0);
			break;
		}
		tls_fingerprint(written, first, first_len);
		answer(written, TLS_FINGERPRINT);
		break;
	default:
		abort();
	}
}

int main(void)
{
	int status = answer_all();

	end();
	return status;
}

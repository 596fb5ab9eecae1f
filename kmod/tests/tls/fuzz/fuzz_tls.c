// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer harness of the TLS engine: what a client sends, on the platform of
 * platform.h. However it is cut, and however little room there was to write at
 * first, the engine says and does the same; what it writes are whole records; a
 * failure is an end; nothing of a connection is left behind.
 *
 * Input: one byte of options, one that seeds the cuts, then the client's bytes.
 */
#include <ctype.h>
#include <stdlib.h>

#include "../../../tls_fingerprint.h"
#include "../../../tls_server.h"
#include "../write.h"
#include "platform.h"

enum {
	OPTION_P256_FIRST = BIT(0),
	OPTION_NO_IDENTITY = BIT(1),
	OPTION_REPLY = BIT(2),		/* to each record of data */
	OPTION_CLOSE = BIT(3),		/* behind the first */
	OPTION_NEW_KEYS = BIT(4),	/* for each two records */
	OPTION_RSA = BIT(5),		/* there is an identity of RSA, too */
	OPTION_TICKETS = BIT(6),	/* their key's name is sixteen times k, the time 1000 */
	OPTION_COOKIE = BIT(7),

	OUT_ROOM = 1 << 17,
	CHAIN = 300,
	STAPLE = 200,
};

#define CHECK(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

/**
 * struct run - a connection, and what came of it
 * @server: it
 * @arena: its
 * @written: all that was written
 * @len: how much
 * @data: hash of the data it was given
 * @n_data: how many bytes
 */
struct run {
	struct tls_server server;
	struct tls_arena arena;
	u8 written[OUT_ROOM];
	size_t len;
	u64 data;
	size_t n_data;
};

static u8 chain[CHAIN];
static const struct tls_identity identity = {
	.chain = chain, .chain_len = sizeof(chain), .key = { 1, 2, 3 },
	.staple = chain, .staple_len = STAPLE, .staple_until = 1001,
};

static struct rsa_key rsa_key;
static const struct tls_identity rsa_identity = {
	.chain = chain, .chain_len = sizeof(chain), .rsa = &rsa_key,
};

struct options {
	struct tls_config config;
	u8 bits;
};

static struct tls_identities find(const struct tls_config *config, struct http_text name)
{
	const struct options *options = (const struct options *)config;

	return (struct tls_identities){
		.ecdsa = options->bits & OPTION_NO_IDENTITY && name.len ? NULL : &identity,
		.rsa = options->bits & OPTION_RSA ? &rsa_identity : NULL,
	};
}

static const struct tls_ticket_keys ticket_keys = {
	.keys = { { .name = "oooooooooooooooo" }, { .name = "kkkkkkkkkkkkkkkk" } },
	.n_keys = 2,
	.lifetime = 150,
	.count = 2,
};

static const struct tls_ticket_keys *tickets(const struct tls_config *config)
{
	const struct options *options = (const struct options *)config;

	return options->bits & OPTION_TICKETS ? &ticket_keys : NULL;
}

static u64 now(void)
{
	return 1000;
}

/* Whatever a hello says, its fingerprint is letters, digits and two lines between its parts. */
static bool greeted(struct tls_server *server, struct http_text hello)
{
	u8 text[TLS_FINGERPRINT];

	tls_fingerprint(text, hello.at, hello.len);
	for (size_t i = 0; i < sizeof(text); i++)
		CHECK(i == 10 || i == 23 ? text[i] == '_' : isalnum(text[i]));
	return true;
}

/* All of it is whole records of types that there are. */
static void check_records(const u8 *at, size_t len)
{
	while (len) {
		size_t size;

		CHECK(len > TLS_RECORD_HEADER);
		size = TLS_RECORD_HEADER + (at[3] << 8 | at[4]);
		CHECK(at[0] >= TLS_CHANGE_CIPHER_SPEC && at[0] <= TLS_APPLICATION_DATA);
		CHECK(at[1] == 3 && at[2] == 3 && size <= len);
		CHECK(size <= TLS_RECORD_HEADER + TLS_CIPHER_MAX && size > TLS_RECORD_HEADER);
		at += size;
		len -= size;
	}
}

/* Memory of just that size is written to. Keeps what was written as long as it fits. */
static void keep(struct run *run, const struct tls_out *out)
{
	check_records(out->at, out->len);
	CHECK(!out->full);
	if (out->len <= OUT_ROOM - run->len) {
		memcpy(run->written + run->len, out->at, out->len);
		run->len += out->len;
	}
}

static void take_data(struct run *run, const struct options *options, struct http_text data)
{
	struct tls_out out = { .room = TLS_OUT_ROOM + 2 };

	CHECK(data.len && data.len <= TLS_PLAIN_MAX && run->server.state == TLS_OPEN);
	for (size_t i = 0; i < data.len; i++)
		run->data = (run->data ^ data.at[i]) * 0x100000001b3;
	run->n_data += data.len;
	out.at = malloc(out.room);
	CHECK(out.at);
	if (options->bits & OPTION_REPLY) {
		bool closed = run->server.close_sent;

		CHECK(tls_server_write(&run->server, "ok", 2, &out) == !closed);
		keep(run, &out);
		out.len = 0;
	}
	if (options->bits & OPTION_CLOSE) {
		tls_server_close(&run->server, &out);
		keep(run, &out);
	}
	free(out.at);
}

/* Whatever it says: nobody here looks at a signature. */
static void sign(struct run *run)
{
	struct tls_sign_job job = run->arena.job;
	struct tls_out out = { .room = TLS_OUT_ROOM };

	CHECK(job.key == &rsa_key && run->server.state == TLS_WAIT_SIGNATURE);
	out.at = malloc(out.room);
	CHECK(out.at);
	job.len = job.salt[0] ? RSA_BYTES_MAX : 0;
	CHECK(tls_server_signed(&run->server, &job, &out) == (job.len ? TLS_HUNGRY : TLS_FAILED));
	keep(run, &out);
	free(out.at);
}

static enum tls_event read_some(struct run *run, struct http_text *in, size_t room,
				struct http_text *data)
{
	struct tls_out out = { .room = room };
	bool was_closed = run->server.state == TLS_CLOSED;
	enum tls_event event;

	out.at = malloc(room ? room : 1);
	CHECK(out.at);
	event = tls_server_read(&run->server, in, &out, data);
	if (event == TLS_WANTS_ROOM) {
		/* Just as much: whoever writes beyond it is found. */
		free(run->server.record);
		tls_server_lend(&run->server, malloc(tls_server_wants(&run->server)),
				tls_server_wants(&run->server));
		CHECK(run->server.record);
	}
	CHECK(!was_closed || (event == TLS_FAILED && !out.len));
	keep(run, &out);
	free(out.at);
	return event;
}

/* Gives it a piece, in memory of its own. False if the connection has failed. */
static bool give(struct run *run, const struct options *options, const u8 *at, size_t len,
		 bool narrow)
{
	u8 *copy = malloc(len ? len : 1);
	struct http_text in = { .at = copy, .len = len };
	struct http_text data = {};
	enum tls_event event;
	size_t before;

	CHECK(copy);
	memcpy(copy, at, len);
	do {
		/* Enough for whatever it comes to: each of our records has a byte at least. */
		size_t room = tls_server_answers(&run->server) + TLS_OUT_ROOM;

		if (narrow) {
			event = read_some(run, &in, TLS_OUT_ROOM - 1, &data);
			CHECK(event == TLS_BLOCKED || event == TLS_FAILED || event == TLS_END ||
			      event == TLS_SIGN);
		}
		before = run->len;
		event = read_some(run, &in, room, &data);
		/* Only by what it wrote itself. */
		CHECK(event != TLS_BLOCKED || run->len > before || run->len > OUT_ROOM / 2);
		if (event == TLS_DATA)
			take_data(run, options, data);
		if (event == TLS_SIGN)
			sign(run);
	} while (event == TLS_DATA || event == TLS_BLOCKED || event == TLS_WANTS_ROOM ||
		 event == TLS_SIGN);
	CHECK(event != TLS_HUNGRY || !in.len);
	free(copy);
	return event != TLS_FAILED;
}

static void end(struct run *run, u8 *record)
{
	static const struct tls_arena no_arena;
	static const struct tls_half no_half;

	if (run->server.state >= TLS_OPEN)
		CHECK(!memcmp(&run->arena, &no_arena, sizeof(no_arena)));
	tls_server_end(&run->server);
	CHECK(!memcmp(&run->arena, &no_arena, sizeof(no_arena)));
	CHECK(!memcmp(&run->server.in, &no_half, sizeof(no_half)));
	CHECK(!memcmp(&run->server.out, &no_half, sizeof(no_half)));
	free(record);
}

static void connect(struct run *run, const struct options *options, const u8 *at, size_t len,
		    u32 seed)
{
	bool cut = seed;

	memset(run, 0, sizeof(*run));
	platform_reset();
	tls_server_init(&run->server, &options->config, &run->arena);
	run->server.cookie = options->bits & OPTION_COOKIE;
	while (len) {
		size_t piece = len;

		if (cut) {
			seed = seed * 1103515245 + 12345;
			piece = seed >> 16 & 1 ? 1 : 1 + (seed >> 17) % 200;
			if (piece > len)
				piece = len;
		}
		if (!give(run, options, at, piece, cut && seed >> 30 & 1))
			break;
		at += piece;
		len -= piece;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct run whole, pieces;
	struct options options = {
		.config = { .greeted = greeted, .find = find, .tickets = tickets, .now = now },
	};
	bool p256;

	if (size < 2)
		return 0;
	options.bits = data[0];
	p256 = options.bits & OPTION_P256_FIRST;
	options.config.groups[0] = p256 ? TLS_GROUP_P256 : TLS_GROUP_X25519;
	options.config.groups[1] = p256 ? TLS_GROUP_X25519 : TLS_GROUP_P256;
	options.config.key_records = options.bits & OPTION_NEW_KEYS ? 2 : 0;
	connect(&whole, &options, data + 2, size - 2, 0);
	connect(&pieces, &options, data + 2, size - 2, data[1] + 1);
	CHECK(whole.server.state == pieces.server.state);
	CHECK(whole.server.alert == pieces.server.alert);
	CHECK(whole.server.sent_alert == pieces.server.sent_alert);
	CHECK(whole.server.resumed == pieces.server.resumed);
	CHECK(whole.n_data == pieces.n_data && whole.data == pieces.data);
	CHECK(whole.len == pieces.len && !memcmp(whole.written, pieces.written, whole.len));
	end(&whole, whole.server.record);
	end(&pieces, pieces.server.record);
	return 0;
}

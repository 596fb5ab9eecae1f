// SPDX-License-Identifier: GPL-2.0-only
/*
 * One connection of the engine's at a time, for tests/test_tls_engine.py:
 *
 *	k CHAIN KEY	the identity
 *	n OPTIONS RANDOM	a new connection with its first random numbers, if any. Options:
 *			P-256 comes before X25519; records between changes of keys, 0: as many
 *			as usual
 *	r BYTES		received: event, state, alert, whether that was sent, length of what
 *			was written in four bytes, that, and data
 *	w BYTES		sends: length and so on as above, without data
 *	c		closes, as above
 *	s		suite's number, group, protocol, the traffic secrets of reading and writing
 *
 * A name that begins with "unknown" has no identity.
 */
#include "../../tls_server.h"
#include "ask.h"
#include "crypto.h"

enum { OUT_ROOM = 1 << 20 };

static struct tls_identity identity;
static u8 chain[TLS_CHAIN_MAX];

static const struct tls_identity *find(const struct tls_config *config, struct http_text name)
{
	return name.len >= 7 && !memcmp(name.at, "unknown", 7) ? NULL : &identity;
}

static struct tls_config config = { .find = find };
static struct tls_server *server;
static struct tls_arena *arena;
static u8 *record;
static u8 *random_bytes;

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
	free(random_bytes);
}

static void begin(const u8 *options, const u8 *bytes, size_t len)
{
	end();
	server = malloc(sizeof(*server));
	arena = calloc(1, sizeof(*arena));
	record = malloc(TLS_RECORD_ROOM);
	random_bytes = copy(bytes, len);
	if (!server || !arena || !record)
		abort();
	inject_random(random_bytes, len);
	config.groups[0] = options[0] ? TLS_GROUP_P256 : TLS_GROUP_X25519;
	config.groups[1] = options[0] ? TLS_GROUP_X25519 : TLS_GROUP_P256;
	config.key_records = options[1];
	tls_server_init(server, &config, arena, record);
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

static void receive(const u8 *bytes, size_t len)
{
	struct http_text in = { .at = bytes, .len = len };
	struct tls_out out = { .at = written + 8, .room = OUT_ROOM / 2 };
	struct http_text data;
	enum tls_event event;
	size_t got = 0;

	while ((event = tls_server_read(server, &in, &out, &data)) == TLS_DATA) {
		if (data.len > OUT_ROOM / 2 - got)
			abort();
		memcpy(received + got, data.at, data.len);
		got += data.len;
	}
	say(event, &out, got);
}

static void tell(void)
{
	u8 told[4 + 2 * TLS_HASH_MAX];

	told[0] = server->suite ? server->suite->code >> 8 : 0;
	told[1] = server->suite ? (u8)server->suite->code : 0;
	told[2] = server->group;
	told[3] = server->protocol;
	memcpy(told + 4, server->in.secret, TLS_HASH_MAX);
	memcpy(told + 4 + TLS_HASH_MAX, server->out.secret, TLS_HASH_MAX);
	answer(told, sizeof(told));
}

void ask(u8 letter, const u8 *first, size_t first_len, const u8 *second, size_t second_len)
{
	struct tls_out out = { .at = written + 8, .room = OUT_ROOM / 2 };
	bool done;

	switch (letter) {
	case 'k':
		if (first_len > sizeof(chain) || second_len != sizeof(identity.key))
			abort();
		memcpy(chain, first, first_len);
		identity.chain = chain;
		identity.chain_len = first_len;
		memcpy(identity.key, second, second_len);
		answer("", 0);
		break;
	case 'n':
		begin(first, second, second_len);
		answer("", 0);
		break;
	case 'r':
		receive(first, first_len);
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

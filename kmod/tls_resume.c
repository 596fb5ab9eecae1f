// SPDX-License-Identifier: GPL-2.0-only
#include "tls_resume.h"

/* Tickets of a hello that are looked at: a client has no reason to offer more than one or two. */
enum { OFFERS_MAX = 4 };

const struct tls_ticket_keys *tls_resume_keys(const struct tls_server *server)
{
	const struct tls_config *config = server->config;
	const struct tls_ticket_keys *keys = config->tickets ? config->tickets(config) : NULL;

	return keys && keys->n_keys ? keys : NULL;
}

void tls_resume_name(struct http_text name, u8 *digest)
{
	struct tls_hash hash;

	tls_hash_init(&hash, TLS_SHA256);
	tls_hash_update(&hash, name.at, name.len);
	tls_hash_final(&hash, digest);
}

/* The place of the first ticket that will do, or -1: then there is a full handshake. */
static int find_ticket(const struct tls_server *server, const struct tls_hello *hello,
		       const struct tls_ticket_keys *keys, struct tls_ticket *ticket)
{
	const u8 *name = server->arena->ticket.name;
	struct tls_in offers = hello->identities;
	u64 now = server->config->now();

	for (int place = 0; place < OFFERS_MAX && offers.left; place++) {
		struct tls_in offer = tls_read_vector(&offers, 2, 1);

		/* The age that the client sees: a wrong one forbids early data alone. */
		tls_read(&offers, 4);
		if (tls_ticket_open(keys, offer.at, offer.left, now, ticket) &&
		    ticket->version == TLS_1_3 && ticket->bound == server->suite->hash &&
		    !memcmp(ticket->name, name, sizeof(ticket->name)))
			return place;
	}
	return -1;
}

static bool is_binder_right(const struct tls_schedule *schedule, const struct tls_hello *hello,
			    int place)
{
	size_t size = tls_hash_size(schedule->transcript.id);
	struct tls_in binders = hello->binders, binder;
	u8 expected[TLS_HASH_MAX];
	bool right;

	do
		binder = tls_read_vector(&binders, 1, 1);
	while (place--);
	tls_schedule_binder(schedule, expected);
	right = binder.left == size && tls_equal(binder.at, expected, size);
	tls_declassify(&right, sizeof(right));
	memzero_explicit(expected, sizeof(expected));
	return right;
}

u8 tls_resume(struct tls_server *server, const struct tls_hello *hello)
{
	const struct tls_ticket_keys *keys = hello->psk_dhe ? tls_resume_keys(server) : NULL;
	struct tls_arena *arena = server->arena;
	struct tls_ticket found = {};
	int place = -1;

	arena->wants_ticket = keys;
	if (keys) {
		tls_resume_name(hello->name, arena->ticket.name);
		arena->ticket.since = server->config->now();
		place = find_ticket(server, hello, keys, &found);
	}
	server->resumed = place >= 0;
	if (server->resumed) {
		arena->selected = place;
		arena->ticket.since = found.since;
	}
	tls_schedule_early(&arena->schedule, server->resumed ? found.secret : NULL);
	memzero_explicit(&found, sizeof(found));
	if (server->resumed && !is_binder_right(&arena->schedule, hello, place))
		return TLS_DECRYPT_ERROR;
	return TLS_FINE;
}

/* The nonce makes each ticket's secret another one. */
static bool write_ticket(struct tls_arena *arena, const struct tls_ticket_keys *keys,
			 u32 lifetime, u8 nonce, struct tls_out *out)
{
	u8 sealed[TLS_TICKET_BYTES];
	size_t message;
	u32 age_add;

	tls_schedule_resumption(&arena->schedule, &nonce, sizeof(nonce), arena->ticket.secret);
	if (!tls_ticket_seal(keys, &arena->ticket, sealed))
		return false;
	tls_random(&age_add, sizeof(age_add));
	tls_put(out, TLS_NEW_SESSION_TICKET, 1);
	message = tls_open_vector(out, 3);
	tls_put(out, lifetime, 4);
	tls_put(out, age_add, 4);
	tls_put(out, sizeof(nonce), 1);
	tls_put(out, nonce, 1);
	tls_put(out, sizeof(sealed), 2);
	tls_put_bytes(out, sealed, sizeof(sealed));
	tls_put(out, 0, 2);
	tls_close_vector(out, message, 3);
	return true;
}

bool tls_resume_later(struct tls_server *server, struct tls_out *out)
{
	const struct tls_ticket_keys *keys = tls_resume_keys(server);
	struct tls_arena *arena = server->arena;
	u8 count = 0, most;
	u32 lifetime;
	size_t record;
	u64 now;

	if (!keys || !arena->wants_ticket || server->close_sent)
		return true;
	now = server->config->now();
	arena->ticket.version = TLS_1_3;
	arena->ticket.bound = server->suite->hash;
	arena->ticket.issued = now;
	lifetime = tls_ticket_lifetime(keys, &arena->ticket, now);
	most = lifetime ? min_t(u8, keys->count, TLS_TICKETS_MAX) : 0;
	record = tls_record_begin(&server->out, out);
	while (count < most && write_ticket(arena, keys, lifetime, count, out))
		count++;
	if (count)
		return tls_record_finish(&server->out, out, record, TLS_HANDSHAKE);
	out->len = record;
	return true;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "tls_12_record.h"
#include "tls_12_resume.h"
#include "tls_message.h"
#include "tls_resume.h"

/* Whether it is a session that can go on with this hello. */
static bool is_good(const struct tls_server *server, const struct tls_hello *hello,
		    const struct tls_ticket *ticket)
{
	return ticket->version == TLS_1_2 && ticket->bound < TLS12_SUITES &&
	       hello->old_suites & BIT(ticket->bound) &&
	       !memcmp(ticket->name, server->arena->ticket.name, sizeof(ticket->name));
}

u8 tls12_resume(struct tls_server *server, const struct tls_hello *hello)
{
	const struct tls_ticket_keys *keys = hello->takes_ticket ? tls_resume_keys(server) : NULL;
	struct tls_arena *arena = server->arena;
	struct tls_ticket found = {};
	u64 now, age;

	if (!keys)
		return TLS_FINE;
	now = server->config->now();
	tls_resume_name(hello->name, arena->ticket.name);
	arena->ticket.since = now;
	/* Without an extended master secret a session can be somebody else's, too. */
	arena->wants_ticket = keys->count && hello->extended_master;
	server->resumed = tls_ticket_open(keys, hello->ticket.at, hello->ticket.len, now, &found) &&
			  is_good(server, hello, &found);
	if (server->resumed) {
		server->suite = &tls12_suites[found.bound];
		memcpy(arena->tls12.schedule.master, found.secret, TLS12_MASTER);
		arena->ticket.since = found.since;
		/* A new one when half of its time is over. */
		age = now > found.issued ? now - found.issued : 0;
		if (age * 2 < tls_ticket_lifetime(keys, &found, found.issued))
			arena->wants_ticket = false;
	}
	memzero_explicit(&found, sizeof(found));
	/* All sessions have an extended master secret. */
	return server->resumed && !hello->extended_master ? TLS_ILLEGAL_PARAMETER : TLS_FINE;
}

void tls12_put_ticket(struct tls_server *server, struct tls_out *out)
{
	const struct tls_ticket_keys *keys = tls_resume_keys(server);
	struct tls_arena *arena = server->arena;
	struct tls_ticket *ticket = &arena->ticket;
	u8 sealed[TLS_TICKET_BYTES];
	size_t message, body;
	u32 lifetime = 0;

	ticket->version = TLS_1_2;
	ticket->bound = server->suite - tls12_suites;
	ticket->issued = server->config->now();
	memcpy(ticket->secret, arena->tls12.schedule.master, TLS12_MASTER);
	if (keys)
		lifetime = tls_ticket_lifetime(keys, ticket, ticket->issued);
	if (lifetime && !tls_ticket_seal(keys, ticket, sealed))
		lifetime = 0;
	message = tls_message_open(out, TLS_NEW_SESSION_TICKET);
	tls_put(out, lifetime, 4);
	body = tls_open_vector(out, 2);
	if (lifetime)
		tls_put_bytes(out, sealed, sizeof(sealed));
	tls_close_vector(out, body, 2);
	tls_message_close(&arena->schedule, out, message);
}

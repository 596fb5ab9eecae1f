// SPDX-License-Identifier: GPL-2.0-only
/* The secrets of a session that goes on, for taint.c. Linked with --wrap=tls_ticket_open. */
#include "../../tls_resume.h"
#include "taint.h"

/* What is in the ticket; there is no cipher here, which is the platform's. */
static struct tls_ticket inside = { .version = TLS_1_3, .bound = TLS_SHA256 };

bool __wrap_tls_ticket_open(const struct tls_ticket_keys *keys, const u8 *sealed, size_t len,
			    u64 now, struct tls_ticket *ticket)
{
	*ticket = inside;
	return true;
}

static const struct tls_ticket_keys *tickets(const struct tls_config *config)
{
	static const struct tls_ticket_keys keys = { .n_keys = 1 };

	return &keys;
}

static u64 now(void)
{
	return 1000;
}

/* A session goes on: its binder, its keys, and the secret of its next ticket. */
size_t taint_resume(u8 *out)
{
	static const struct tls_config config = { .tickets = tickets, .now = now };
	static struct tls_arena arena;
	struct tls_schedule *schedule = &arena.schedule;
	struct tls_server server = { .config = &config, .arena = &arena, .suite = tls_suites };
	u8 identity[2 + 1 + 4] = { 0, 1 }, binder[1 + 32] = { 32 }, shared[P256_BYTES];
	struct tls_hello hello = {
		.psk_dhe = true,
		.identities = { .at = identity, .left = sizeof(identity) },
		.binders = { .at = binder, .left = sizeof(binder) },
	};
	struct tls_hash hash;
	u8 digest[TLS_HASH_MAX];

	tls_hash_init(&hash, TLS_SHA256);
	tls_hash_final(&hash, inside.name);
	memset(inside.secret, 0x37, sizeof(inside.secret));
	memset(shared, 0x99, sizeof(shared));
	tls_schedule_init(schedule, TLS_SHA256);
	tls_schedule_early(schedule, inside.secret);
	tls_schedule_binder(schedule, binder + 1);

	make_secret(inside.secret, sizeof(inside.secret));
	make_secret(shared, sizeof(shared));
	if (tls_resume(&server, &hello) != TLS_FINE || !server.resumed)
		return 0;
	tls_schedule_handshake(schedule, shared, sizeof(shared));
	tls_schedule_hash(schedule, digest);
	tls_schedule_application(schedule, digest);
	tls_schedule_resumption(schedule, NULL, 0, out);
	return tls_hash_size(TLS_SHA256);
}

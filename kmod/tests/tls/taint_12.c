// SPDX-License-Identifier: GPL-2.0-only
/* The secrets of a handshake of TLS 1.2, for taint.c. */
#include "../../tls_12_flight.h"
#include "taint.h"

/* The master secret, the keys, and a Finished that is wrong; behind a right one is the cipher. */
size_t taint_12(u8 *out)
{
	static struct tls_arena arena;
	static const struct tls_suite suite = { .hash = TLS_SHA256, .tls_1_2 = true };
	struct tls_server server = { .arena = &arena, .suite = &suite };
	u8 shared[P256_BYTES], session[TLS_HASH_MAX] = { 1 };
	u8 message[TLS_MESSAGE_HEADER + TLS12_VERIFY] = { TLS_FINISHED, 0, 0, TLS12_VERIFY };
	struct tls12_schedule *schedule = &arena.tls12.schedule;
	u8 room[64];
	struct tls_out none = { .at = room, .room = sizeof(room) };

	tls_schedule_init(&arena.schedule, suite.hash);
	memset(shared, 0x99, sizeof(shared));
	make_secret(shared, sizeof(shared));
	tls12_schedule_keys(schedule, &suite, shared, sizeof(shared), NULL);
	memcpy(out, schedule->master, 16);
	tls12_schedule_keys(schedule, &suite, shared, sizeof(shared), session);
	memcpy(out + 16, schedule->keys, 16);
	if (tls12_take_finished(&server, message, &none) != TLS_DECRYPT_ERROR || none.len)
		return 0;
	tls12_schedule_finished(schedule, suite.hash, false, session, out + 32);
	return 32 + TLS12_VERIFY;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The secrets of connections, for who looks into what was recorded of them, in the lines of NSS's
 * key log (draft-ietf-tls-keylogfile). With WEIR_TLS_KEYLOG alone, which builds for kernels that
 * find faults have (Kbuild): else nothing of this is compiled.
 */
#ifndef WEIR_TLS_KEYLOG_H
#define WEIR_TLS_KEYLOG_H

#include "tls_server.h"

#ifdef WEIR_TLS_KEYLOG

enum {
	TLS_KEYLOG_LABEL = 31,
	/* Label, random number and secret, with what stands between them. */
	TLS_KEYLOG_LINE = TLS_KEYLOG_LABEL + 1 + 2 * TLS_RANDOM + 1 + 2 * TLS_HASH_MAX + 1,
};

static inline void tls_keylog_hex(struct tls_out *out, const u8 *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		tls_put(out, digits[bytes[i] >> 4], 1);
		tls_put(out, digits[bytes[i] & 15], 1);
	}
}

/* By the client's random number connections are told apart. */
static inline void tls_keylog(struct tls_server *server, const char *label, const u8 *random,
			      const u8 *secret, size_t len)
{
	u8 line[TLS_KEYLOG_LINE];
	struct tls_out out = { .at = line, .room = sizeof(line) };

	if (!server->config->keylog)
		return;
	tls_put_bytes(&out, label, strlen(label));
	tls_put(&out, ' ', 1);
	tls_keylog_hex(&out, random, TLS_RANDOM);
	tls_put(&out, ' ', 1);
	tls_keylog_hex(&out, secret, len);
	tls_put(&out, '\n', 1);
	if (!out.full)
		server->config->keylog(server, line, out.len);
	memzero_explicit(line, sizeof(line));
}

/* Of TLS 1.3, which two there are now: of the handshake, or of what follows. */
static inline void tls_keylog_traffic(struct tls_server *server, bool handshake)
{
	const struct tls_arena *arena = server->arena;
	size_t size = tls_hash_size(server->suite->hash);

	tls_keylog(server, handshake ? "CLIENT_HANDSHAKE_TRAFFIC_SECRET" :
		   "CLIENT_TRAFFIC_SECRET_0", arena->random, arena->schedule.client.secret, size);
	tls_keylog(server, handshake ? "SERVER_HANDSHAKE_TRAFFIC_SECRET" :
		   "SERVER_TRAFFIC_SECRET_0", arena->random, arena->schedule.server.secret, size);
}

static inline void tls_keylog_hello(struct tls_server *server, const struct tls_hello *hello)
{
	memcpy(server->arena->random, hello->random, TLS_RANDOM);
}

static inline void tls_keylog_master(struct tls_server *server)
{
	const struct tls12_schedule *schedule = &server->arena->tls12.schedule;

	tls_keylog(server, "CLIENT_RANDOM", schedule->randoms, schedule->master, TLS12_MASTER);
}

#else

static inline void tls_keylog_traffic(struct tls_server *server, bool handshake)
{
}

static inline void tls_keylog_hello(struct tls_server *server, const struct tls_hello *hello)
{
}

static inline void tls_keylog_master(struct tls_server *server)
{
}

#endif

#endif /* WEIR_TLS_KEYLOG_H */

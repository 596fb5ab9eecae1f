// SPDX-License-Identifier: GPL-2.0-only
#include "tls_schedule.h"
#include "tls_wire.h"

void tls_schedule_init(struct tls_schedule *schedule, enum tls_hash_id id)
{
	tls_hash_init(&schedule->transcript, id);
}

void tls_schedule_add(struct tls_schedule *schedule, const void *message, size_t len)
{
	tls_hash_update(&schedule->transcript, message, len);
}

void tls_schedule_hash(const struct tls_schedule *schedule, u8 *hash)
{
	struct tls_hash copy = schedule->transcript;

	tls_hash_final(&copy, hash);
}

void tls_schedule_retry(struct tls_schedule *schedule)
{
	enum tls_hash_id id = schedule->transcript.id;
	const u8 header[TLS_MESSAGE_HEADER] = { TLS_MESSAGE_HASH, 0, 0, tls_hash_size(id) };
	u8 hash[TLS_HASH_MAX];

	tls_schedule_hash(schedule, hash);
	tls_schedule_init(schedule, id);
	tls_schedule_add(schedule, header, sizeof(header));
	tls_schedule_add(schedule, hash, tls_hash_size(id));
}

static void derive_traffic(struct tls_schedule *schedule, const char *client, const char *server)
{
	enum tls_hash_id id = schedule->transcript.id;
	u8 hash[TLS_HASH_MAX];

	tls_schedule_hash(schedule, hash);
	tls_hkdf_label(id, schedule->client, tls_hash_size(id), schedule->secret, client, hash);
	tls_hkdf_label(id, schedule->server, tls_hash_size(id), schedule->secret, server, hash);
}

void tls_schedule_handshake(struct tls_schedule *schedule, const u8 *shared, size_t len)
{
	enum tls_hash_id id = schedule->transcript.id;
	u8 salt[TLS_HASH_MAX];

	/* The early secret, of which there is no secret in it. */
	tls_hkdf_extract(id, salt, NULL, NULL, 0);
	tls_hkdf_derive_empty(id, salt, salt, "derived");
	tls_hkdf_extract(id, schedule->secret, salt, shared, len);
	derive_traffic(schedule, "c hs traffic", "s hs traffic");
}

void tls_schedule_finished(const struct tls_schedule *schedule, const u8 *traffic, u8 *verify)
{
	enum tls_hash_id id = schedule->transcript.id;
	size_t size = tls_hash_size(id);
	struct tls_hmac hmac;
	u8 key[TLS_HASH_MAX], hash[TLS_HASH_MAX];

	tls_hkdf_label(id, key, size, traffic, "finished", NULL);
	tls_schedule_hash(schedule, hash);
	tls_hmac_init(&hmac, id, key, size);
	tls_hmac_update(&hmac, hash, size);
	tls_hmac_final(&hmac, verify);
	memzero_explicit(key, sizeof(key));
}

void tls_schedule_application(struct tls_schedule *schedule)
{
	enum tls_hash_id id = schedule->transcript.id;
	u8 salt[TLS_HASH_MAX];

	tls_hkdf_derive_empty(id, salt, schedule->secret, "derived");
	tls_hkdf_extract(id, schedule->secret, salt, NULL, 0);
	derive_traffic(schedule, "c ap traffic", "s ap traffic");
	memzero_explicit(salt, sizeof(salt));
}

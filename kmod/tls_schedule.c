// SPDX-License-Identifier: GPL-2.0-only
#include "tls_schedule.h"
#include "tls_wire.h"

/* Behind the early secret of no pre-shared key: Derive-Secret(HKDF-Extract(0, 0), "derived", "") */
static const u8 salt_of_nothing[][TLS_HASH_MAX] = {
	[TLS_SHA256] = {
		0x6f, 0x26, 0x15, 0xa1, 0x08, 0xc7, 0x02, 0xc5, 0x67, 0x8f, 0x54, 0xfc,
		0x9d, 0xba, 0xb6, 0x97, 0x16, 0xc0, 0x76, 0x18, 0x9c, 0x48, 0x25, 0x0c,
		0xeb, 0xea, 0xc3, 0x57, 0x6c, 0x36, 0x11, 0xba,
	},
	[TLS_SHA384] = {
		0x15, 0x91, 0xda, 0xc5, 0xcb, 0xbf, 0x03, 0x30, 0xa4, 0xa8, 0x4d, 0xe9,
		0xc7, 0x53, 0x33, 0x0e, 0x92, 0xd0, 0x1f, 0x0a, 0x88, 0x21, 0x4b, 0x44,
		0x64, 0x97, 0x2f, 0xd6, 0x68, 0x04, 0x9e, 0x93, 0xe5, 0x2f, 0x2b, 0x16,
		0xfa, 0xd9, 0x22, 0xfd, 0xc0, 0x58, 0x44, 0x78, 0x42, 0x8f, 0x28, 0x2b,
	},
};

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

/* The next secret, and the salt of the one behind it. */
static void extract(struct tls_schedule *schedule, const u8 *secret, size_t len)
{
	enum tls_hash_id id = schedule->transcript.id;

	tls_hkdf_extract(id, schedule->secret, schedule->salt, secret, len);
	tls_hmac_init(&schedule->key, id, schedule->secret, tls_hash_size(id));
}

static void derive_traffic(struct tls_schedule *schedule, const char *client, const char *server,
			   const u8 *hash)
{
	tls_hkdf_traffic(&schedule->key, &schedule->client, client, hash);
	tls_hkdf_traffic(&schedule->key, &schedule->server, server, hash);
}

void tls_schedule_early(struct tls_schedule *schedule, const u8 *psk)
{
	enum tls_hash_id id = schedule->transcript.id;

	if (!psk) {
		memcpy(schedule->salt, salt_of_nothing[id], tls_hash_size(id));
		return;
	}
	tls_hkdf_extract(id, schedule->secret, NULL, psk, tls_hash_size(id));
	tls_hmac_init(&schedule->key, id, schedule->secret, tls_hash_size(id));
	tls_hkdf_derive_empty(&schedule->key, schedule->salt, "derived");
}

void tls_schedule_binder(const struct tls_schedule *schedule, u8 *binder)
{
	enum tls_hash_id id = schedule->transcript.id;
	u8 key[TLS_HASH_MAX], hash[TLS_HASH_MAX];
	struct tls_hmac hmac;

	tls_hkdf_derive_empty(&schedule->key, key, "res binder");
	tls_hmac_init(&hmac, id, key, tls_hash_size(id));
	tls_schedule_hash(schedule, hash);
	tls_schedule_finished(&hmac, hash, binder);
	memzero_explicit(key, sizeof(key));
	memzero_explicit(&hmac, sizeof(hmac));
}

void tls_schedule_handshake(struct tls_schedule *schedule, const u8 *shared, size_t len)
{
	u8 hash[TLS_HASH_MAX];

	extract(schedule, shared, len);
	tls_schedule_hash(schedule, hash);
	derive_traffic(schedule, "c hs traffic", "s hs traffic", hash);
	tls_hkdf_derive_empty(&schedule->key, schedule->salt, "derived");
}

void tls_schedule_finished(const struct tls_hmac *traffic, const u8 *hash, u8 *verify)
{
	enum tls_hash_id id = traffic->inner.id;
	size_t size = tls_hash_size(id);
	struct tls_hmac hmac;
	u8 key[TLS_HASH_MAX];

	tls_hkdf_label(traffic, key, size, "finished", NULL);
	tls_hmac_init(&hmac, id, key, size);
	tls_hmac_update(&hmac, hash, size);
	tls_hmac_final(&hmac, verify);
	memzero_explicit(key, sizeof(key));
}

void tls_schedule_application(struct tls_schedule *schedule, const u8 *hash)
{
	extract(schedule, NULL, 0);
	derive_traffic(schedule, "c ap traffic", "s ap traffic", hash);
}

void tls_schedule_resumption(const struct tls_schedule *schedule, const u8 *nonce, size_t nonce_len,
			     u8 *psk)
{
	enum tls_hash_id id = schedule->transcript.id;
	size_t size = tls_hash_size(id);
	u8 hash[TLS_HASH_MAX], master[TLS_HASH_MAX];
	struct tls_hmac hmac;

	tls_schedule_hash(schedule, hash);
	tls_hkdf_label(&schedule->key, master, size, "res master", hash);
	tls_hmac_init(&hmac, id, master, size);
	tls_hkdf_expand(&hmac, psk, size, "resumption", nonce, nonce_len);
	memzero_explicit(master, sizeof(master));
	memzero_explicit(&hmac, sizeof(hmac));
}

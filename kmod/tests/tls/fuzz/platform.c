// SPDX-License-Identifier: GPL-2.0-only
#include "../../../tls_x25519.h"
#include "platform.h"

enum { TAG_BYTE = 0xa5, LANES = 4 };

static const u64 odd_number = 0x9e3779b97f4a7c15;
static u64 counter;

void platform_reset(void)
{
	counter = 0;
}

void tls_hash_init(struct tls_hash *hash, enum tls_hash_id id)
{
	memset(hash, 0, sizeof(*hash));
	hash->id = id;
}

void tls_hash_update(struct tls_hash *hash, const void *data, size_t len)
{
	const u8 *bytes = data;

	for (size_t i = 0; i < len; i++) {
		u64 *lane = &hash->room[hash->room[LANES]++ % LANES];

		*lane = (*lane ^ bytes[i] ^ 0x100) * odd_number;
		*lane ^= *lane >> 29;
	}
}

void tls_hash_final(struct tls_hash *hash, u8 *digest)
{
	u64 mixed = hash->room[LANES];

	for (size_t i = 0; i < tls_hash_size(hash->id); i++) {
		mixed = (mixed ^ hash->room[i % LANES]) * odd_number;
		digest[i] = (u8)(mixed >> 56);
	}
}

bool tls_aead_set(struct tls_aead *aead, enum tls_aead_id id, const u8 *key)
{
	aead->room[0] = 1;
	return true;
}

void tls_aead_free(struct tls_aead *aead)
{
	aead->room[0] = 0;
}

bool tls_aead_seal(struct tls_aead *aead, const u8 *nonce, const u8 *header, size_t header_len,
		   u8 *data, size_t len)
{
	memset(data + len, TAG_BYTE, TLS_TAG);
	return aead->room[0];
}

bool tls_aead_open(struct tls_aead *aead, const u8 *nonce, const u8 *header, size_t header_len,
		   u8 *data, size_t len)
{
	for (size_t i = 0; i < TLS_TAG; i++)
		if (data[len + i] != TAG_BYTE)
			return false;
	return aead->room[0];
}

/* In the place of tls_x25519.c's, by the linker: lab/fuzz_build.py. */
void __wrap_x25519_public(u8 *public, const u8 *secret)
{
	memcpy(public, secret, X25519_BYTES);
}

bool __wrap_x25519_shared(u8 *shared, const u8 *secret, const u8 *peer)
{
	u8 any = 0;

	for (size_t i = 0; i < X25519_BYTES; i++) {
		shared[i] = secret[i] ^ peer[i];
		any |= peer[i];
	}
	return any;
}

bool __wrap_x25519_exchange(u8 *public, u8 *shared, const u8 *secret, const u8 *peer)
{
	__wrap_x25519_public(public, secret);
	return __wrap_x25519_shared(shared, secret, peer);
}

void tls_random(void *at, size_t len)
{
	u8 *bytes = at;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (u8)(++counter * odd_number >> 56);
}

bool tls_equal(const void *a, const void *b, size_t len)
{
	return *(const u8 *)a;
}

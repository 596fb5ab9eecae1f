// SPDX-License-Identifier: GPL-2.0-only
#include "tls_hmac.h"

static void hash_padded_key(struct tls_hash *hash, enum tls_hash_id id, const u8 *key, size_t len,
			    u8 pad)
{
	u8 block[TLS_BLOCK_MAX];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < len; i++)
		block[i] ^= key[i];
	tls_hash_init(hash, id);
	tls_hash_update(hash, block, tls_hash_block(id));
	memzero_explicit(block, sizeof(block));
}

void tls_hmac_init(struct tls_hmac *hmac, enum tls_hash_id id, const u8 *key, size_t len)
{
	hash_padded_key(&hmac->inner, id, key, len, 0x36);
	hash_padded_key(&hmac->outer, id, key, len, 0x5c);
}

void tls_hmac_update(struct tls_hmac *hmac, const void *data, size_t len)
{
	tls_hash_update(&hmac->inner, data, len);
}

void tls_hmac_final(struct tls_hmac *hmac, u8 *mac)
{
	size_t size = tls_hash_size(hmac->inner.id);

	tls_hash_final(&hmac->inner, mac);
	tls_hash_update(&hmac->outer, mac, size);
	tls_hash_final(&hmac->outer, mac);
	memzero_explicit(hmac, sizeof(*hmac));
}

// SPDX-License-Identifier: GPL-2.0-only
#include "tls_hmac.h"

void tls_hmac_init(struct tls_hmac *hmac, enum tls_hash_id id, const u8 *key, size_t len)
{
	const u64 inner = 0x3636363636363636, outer = 0x5c5c5c5c5c5c5c5c;
	u64 block[TLS_BLOCK_MAX / 8] = {};

	memcpy(block, key, len);
	for (int i = 0; i < TLS_BLOCK_MAX / 8; i++)
		block[i] ^= inner;
	tls_hash_init(&hmac->inner, id);
	tls_hash_update(&hmac->inner, block, tls_hash_block(id));
	for (int i = 0; i < TLS_BLOCK_MAX / 8; i++)
		block[i] ^= inner ^ outer;
	tls_hash_init(&hmac->outer, id);
	tls_hash_update(&hmac->outer, block, tls_hash_block(id));
	memzero_explicit(block, sizeof(block));
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

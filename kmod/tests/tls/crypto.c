// SPDX-License-Identifier: GPL-2.0-only
/* tls_crypto.h in user space: OpenSSL's libcrypto. */
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "../../tls_crypto.h"

_Static_assert(sizeof(SHA512_CTX) <= sizeof(((struct tls_hash *)0)->room), "room");

void tls_hash_init(struct tls_hash *hash, enum tls_hash_id id)
{
	hash->id = id;
	if (id == TLS_SHA384)
		SHA384_Init((SHA512_CTX *)hash->room);
	else
		SHA256_Init((SHA256_CTX *)hash->room);
}

void tls_hash_update(struct tls_hash *hash, const void *data, size_t len)
{
	if (hash->id == TLS_SHA384)
		SHA384_Update((SHA512_CTX *)hash->room, data, len);
	else
		SHA256_Update((SHA256_CTX *)hash->room, data, len);
}

void tls_hash_final(struct tls_hash *hash, u8 *digest)
{
	if (hash->id == TLS_SHA384)
		SHA384_Final(digest, (SHA512_CTX *)hash->room);
	else
		SHA256_Final(digest, (SHA256_CTX *)hash->room);
}

void tls_random(void *at, size_t len)
{
	if (RAND_bytes(at, len) != 1)
		abort();
}

bool tls_equal(const void *a, const void *b, size_t len)
{
	return !CRYPTO_memcmp(a, b, len);
}

// SPDX-License-Identifier: GPL-2.0-only
/* tls_crypto.h in user space: OpenSSL's libcrypto. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "crypto.h"

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

static EVP_CIPHER_CTX *context_of(const struct tls_aead *aead)
{
	return (EVP_CIPHER_CTX *)aead->room[0];
}

static u32 refused;

void refuse_cipher(u32 which)
{
	refused = which;
}

bool tls_aead_set(struct tls_aead *aead, enum tls_aead_id id, const u8 *key)
{
	static const EVP_CIPHER *(*const ciphers[])(void) = {
		[TLS_AES128_GCM] = EVP_aes_128_gcm,
		[TLS_AES256_GCM] = EVP_aes_256_gcm,
		[TLS_CHACHA20_POLY1305] = EVP_chacha20_poly1305,
	};

	tls_aead_free(aead);
	if (refused && !--refused)
		return false;
	aead->room[0] = (u64)EVP_CIPHER_CTX_new();
	return aead->room[0] &&
	       EVP_CipherInit_ex(context_of(aead), ciphers[id](), NULL, key, NULL, 1);
}

void tls_aead_free(struct tls_aead *aead)
{
	EVP_CIPHER_CTX_free(context_of(aead));
	aead->room[0] = 0;
}

static bool crypt(struct tls_aead *aead, const u8 *nonce, const u8 *header, size_t header_len,
		  u8 *data, size_t len, int seal)
{
	EVP_CIPHER_CTX *context = context_of(aead);
	int written;

	return context && EVP_CipherInit_ex(context, NULL, NULL, NULL, nonce, seal) &&
	       EVP_CipherUpdate(context, NULL, &written, header, header_len) &&
	       (!len || EVP_CipherUpdate(context, data, &written, data, len));
}

bool tls_aead_seal(struct tls_aead *aead, const u8 *nonce, const u8 *header, size_t header_len,
		   u8 *data, size_t len)
{
	int written;

	return crypt(aead, nonce, header, header_len, data, len, 1) &&
	       EVP_CipherFinal_ex(context_of(aead), data + len, &written) &&
	       EVP_CIPHER_CTX_ctrl(context_of(aead), EVP_CTRL_AEAD_GET_TAG, TLS_TAG, data + len);
}

bool tls_aead_open(struct tls_aead *aead, const u8 *nonce, const u8 *header, size_t header_len,
		   u8 *data, size_t len)
{
	u8 end[TLS_TAG];
	int written;

	return crypt(aead, nonce, header, header_len, data, len, 0) &&
	       EVP_CIPHER_CTX_ctrl(context_of(aead), EVP_CTRL_AEAD_SET_TAG, TLS_TAG, data + len) &&
	       EVP_CipherFinal_ex(context_of(aead), end, &written) == 1;
}

static const u8 *injected;
static size_t injected_len;

void inject_random(const u8 *bytes, size_t len)
{
	injected = bytes;
	injected_len = len;
}

void tls_random(void *at, size_t len)
{
	if (injected_len) {
		if (len > injected_len)
			abort();
		memcpy(at, injected, len);
		injected += len;
		injected_len -= len;
	} else if (RAND_bytes(at, len) != 1) {
		abort();
	}
}

bool tls_equal(const void *a, const void *b, size_t len)
{
	return !CRYPTO_memcmp(a, b, len);
}

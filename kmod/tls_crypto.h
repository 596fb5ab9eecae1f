/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the TLS engine takes from its platform: hashes, AEAD, random bytes. User
 * space (tests/tls) has OpenSSL's; the module's come from the kernel.
 *
 * All may be called in softirq: none sleeps, and none allocates there but what
 * is said to be able to fail. A state belongs to one caller at a time.
 */
#ifndef WEIR_TLS_CRYPTO_H
#define WEIR_TLS_CRYPTO_H

#include "tls_types.h"

enum tls_hash_id { TLS_SHA256, TLS_SHA384 };

enum {
	TLS_HASH_MAX = 48,
	TLS_BLOCK_MAX = 128,
	TLS_HASH_ROOM = 28,
	TLS_AEAD_ROOM = 6,
};

/**
 * struct tls_hash - a hash on its way
 * @id: which
 * @room: the platform's state; a copy of the struct is a state of its own
 */
struct tls_hash {
	enum tls_hash_id id;
	u64 room[TLS_HASH_ROOM];
};

static inline size_t tls_hash_size(enum tls_hash_id id)
{
	return id == TLS_SHA384 ? 48 : 32;
}

static inline size_t tls_hash_block(enum tls_hash_id id)
{
	return id == TLS_SHA384 ? 128 : 64;
}

void tls_hash_init(struct tls_hash *hash, enum tls_hash_id id);
void tls_hash_update(struct tls_hash *hash, const void *data, size_t len);
/* Writes tls_hash_size() bytes; the state is then of no more use, and to be wiped if secret. */
void tls_hash_final(struct tls_hash *hash, u8 *digest);

enum tls_aead_id { TLS_AES128_GCM, TLS_AES256_GCM, TLS_CHACHA20_POLY1305 };

enum {
	TLS_KEY_MAX = 32,
	TLS_NONCE = 12,
	TLS_TAG = 16,
};

/**
 * struct tls_aead - a cipher with its key
 * @room: the platform's; all 0: there is none
 */
struct tls_aead {
	u64 room[TLS_AEAD_ROOM];
};

static inline size_t tls_aead_key_size(enum tls_aead_id id)
{
	return id == TLS_AES128_GCM ? 16 : 32;
}

/* Takes the place of the one there was. False without memory: then there is none any more. */
bool tls_aead_set(struct tls_aead *aead, enum tls_aead_id id, const u8 *key);
/* Wipes the key. */
void tls_aead_free(struct tls_aead *aead);
/* Encrypts in place, and writes the tag behind it. False on a failure of the platform's. */
bool tls_aead_seal(struct tls_aead *aead, const u8 *nonce, const u8 *header, size_t header_len,
		   u8 *data, size_t len);
/* Decrypts in place; `len` is that without the tag. False if it is not authentic. */
bool tls_aead_open(struct tls_aead *aead, const u8 *nonce, const u8 *header, size_t header_len,
		   u8 *data, size_t len);

/* Unpredictable bytes. */
void tls_random(void *at, size_t len);

/* Whether two runs of bytes are equal, in a time that depends on their length alone. */
bool tls_equal(const void *a, const void *b, size_t len);

#endif /* WEIR_TLS_CRYPTO_H */

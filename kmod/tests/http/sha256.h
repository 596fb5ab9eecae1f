/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's SHA-256 for user space: the same interface, written out of FIPS 180-4. */
#ifndef WEIR_TEST_SHA256_H
#define WEIR_TEST_SHA256_H

#include "../../http_types.h"

enum {
	SHA256_DIGEST_SIZE = 32,
	SHA256_BLOCK_SIZE = 64,
	SHA256_ROUNDS = 64,
	/* Where the length goes in the last block. */
	SHA256_LENGTH_AT = SHA256_BLOCK_SIZE - 8,
};

/**
 * struct sha256_state - a hash in progress
 * @state: after the last whole block
 * @count: bytes so far
 * @buf: those of a block that is not whole
 */
struct sha256_state {
	u32 state[SHA256_DIGEST_SIZE / 4];
	u64 count;
	u8 buf[SHA256_BLOCK_SIZE];
};

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const u32 sha256_constants[SHA256_ROUNDS] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static inline u32 sha256_turned(u32 word, unsigned int by)
{
	return word >> by | word << (32 - by);
}

static inline void sha256_compress(u32 state[8], const u8 *block)
{
	u32 w[SHA256_ROUNDS], v[8], first, second;

	for (size_t i = 0; i < 16; i++)
		w[i] = (u32)block[4 * i] << 24 | (u32)block[4 * i + 1] << 16 |
		       (u32)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (size_t i = 16; i < SHA256_ROUNDS; i++) {
		first = sha256_turned(w[i - 15], 7) ^ sha256_turned(w[i - 15], 18) ^
			w[i - 15] >> 3;
		second = sha256_turned(w[i - 2], 17) ^ sha256_turned(w[i - 2], 19) ^
			 w[i - 2] >> 10;
		w[i] = w[i - 16] + first + w[i - 7] + second;
	}
	memcpy(v, state, sizeof(v));
	for (size_t i = 0; i < SHA256_ROUNDS; i++) {
		first = v[7] +
			(sha256_turned(v[4], 6) ^ sha256_turned(v[4], 11) ^
			 sha256_turned(v[4], 25)) +
			((v[4] & v[5]) ^ (~v[4] & v[6])) + sha256_constants[i] + w[i];
		second = (sha256_turned(v[0], 2) ^ sha256_turned(v[0], 13) ^
			  sha256_turned(v[0], 22)) +
			 ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += first;
		v[0] = first + second;
	}
	for (size_t i = 0; i < 8; i++)
		state[i] += v[i];
}

static inline void sha256_init(struct sha256_state *state)
{
	static const u32 beginning[] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(state->state, beginning, sizeof(beginning));
	state->count = 0;
}

static inline void sha256_update(struct sha256_state *state, const u8 *data, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++) {
		state->buf[state->count++ % SHA256_BLOCK_SIZE] = data[i];
		if (!(state->count % SHA256_BLOCK_SIZE))
			sha256_compress(state->state, state->buf);
	}
}

static inline void sha256_final(struct sha256_state *state, u8 *digest)
{
	static const u8 one = 0x80, zero;
	u64 bits = 8 * state->count;
	u8 length[8];

	sha256_update(state, &one, 1);
	while (state->count % SHA256_BLOCK_SIZE != SHA256_LENGTH_AT)
		sha256_update(state, &zero, 1);
	for (size_t i = 0; i < sizeof(length); i++)
		length[i] = bits >> (56 - 8 * i);
	sha256_update(state, length, sizeof(length));
	for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++)
		digest[i] = state->state[i / 4] >> (24 - 8 * (i % 4));
}

static inline void sha256(const u8 *data, unsigned int len, u8 *digest)
{
	struct sha256_state state;

	sha256_init(&state);
	sha256_update(&state, data, len);
	sha256_final(&state, digest);
}

#endif /* WEIR_TEST_SHA256_H */

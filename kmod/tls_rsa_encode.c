// SPDX-License-Identifier: GPL-2.0-only
/* How a hash becomes a number that is signed: RFC 8017, sections 9.1.1 and 9.2, with SHA-256. */
#include "tls_crypto.h"
#include "tls_rsa.h"

/* The mask of a seed (appendix B.2.1) is added. */
static void add_mask(u8 *bytes, size_t len, const u8 *seed)
{
	u8 counter[4] = {};
	u8 mask[RSA_HASH];

	for (size_t at = 0; at < len; at += RSA_HASH) {
		struct tls_hash hash;

		tls_hash_init(&hash, TLS_SHA256);
		tls_hash_update(&hash, seed, RSA_HASH);
		tls_hash_update(&hash, counter, sizeof(counter));
		tls_hash_final(&hash, mask);
		for (size_t i = 0; i < RSA_HASH && at + i < len; i++)
			bytes[at + i] ^= mask[i];
		/* At most 15 of them. */
		counter[3]++;
	}
}

bool rsa_sign_pss(struct rsa_scratch *scratch, const struct rsa_key *key, u8 *signature,
		  const u8 *hash, const u8 *salt)
{
	static const u8 zeros[8];
	u8 *encoded = scratch->encoded;
	size_t masked = rsa_size(key) - RSA_HASH - 1;
	u8 *seed = encoded + masked;
	struct tls_hash salted;

	tls_hash_init(&salted, TLS_SHA256);
	tls_hash_update(&salted, zeros, sizeof(zeros));
	tls_hash_update(&salted, hash, RSA_HASH);
	tls_hash_update(&salted, salt, RSA_SALT);
	tls_hash_final(&salted, seed);
	memset(encoded, 0, masked - RSA_SALT - 1);
	encoded[masked - RSA_SALT - 1] = 1;
	memcpy(encoded + masked - RSA_SALT, salt, RSA_SALT);
	add_mask(encoded, masked, seed);
	/* One bit less than n has. */
	encoded[0] &= 0x7f;
	seed[RSA_HASH] = 0xbc;
	return rsa_private(scratch, key, signature, encoded);
}

bool rsa_sign_pkcs1(struct rsa_scratch *scratch, const struct rsa_key *key, u8 *signature,
		    const u8 *hash)
{
	/* DigestInfo of SHA-256, without the hash. */
	static const u8 info[] = {
		0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
		0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
	};
	u8 *encoded = scratch->encoded;
	size_t padded = rsa_size(key) - RSA_HASH - sizeof(info);

	memset(encoded, 0xff, padded);
	encoded[0] = 0;
	encoded[1] = 1;
	encoded[padded - 1] = 0;
	memcpy(encoded + padded, info, sizeof(info));
	memcpy(encoded + padded + sizeof(info), hash, RSA_HASH);
	return rsa_private(scratch, key, signature, encoded);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "tls_hmac.h"
#include "tls_p256.h"
#include "tls_p256_scalar.h"

/* Whether a secret number is from 1 to n - 1: that much may be known of it. */
static bool read_secret(u64 *scalar, const u8 *secret)
{
	u64 sound = p256_scalar_from_bytes(scalar, secret);

	tls_declassify(&sound, sizeof(sound));
	return sound;
}

bool p256_public(struct p256_scratch *scratch, u8 *public, const u8 *secret)
{
	u64 scalar[P256_LIMBS];
	bool sound = read_secret(scalar, secret);

	if (sound) {
		u64 negative = p256_scalar_lower(scalar, scalar);

		p256_multiply_base(scratch, scalar);
		p256_negate(scratch->sum.y, negative);
		public[0] = 4;
		p256_point_to_bytes(public + 1, public + 1 + P256_BYTES, &scratch->sum);
		p256_scratch_wipe(scratch);
	}
	memzero_explicit(scalar, sizeof(scalar));
	return sound;
}

bool p256_shared(struct p256_scratch *scratch, u8 *shared, const u8 *secret, const u8 *peer)
{
	u64 scalar[P256_LIMBS] = {};
	bool sound = peer[0] == 4 && p256_point_from_bytes(&scratch->sum, peer + 1);

	if (sound && read_secret(scalar, secret)) {
		p256_multiply(scratch, scalar);
		p256_point_to_bytes(shared, NULL, &scratch->sum);
	} else {
		sound = false;
	}
	p256_scratch_wipe(scratch);
	memzero_explicit(scalar, sizeof(scalar));
	return sound;
}

/**
 * struct nonces - the generator of RFC 6979, section 3.2
 * @key: K, ready for use
 * @hmac: of the step
 * @value: V
 */
struct nonces {
	struct tls_hmac key;
	struct tls_hmac hmac;
	u8 value[32];
};

/* V = HMAC_K(V) */
static void next_value(struct nonces *nonces)
{
	nonces->hmac = nonces->key;
	tls_hmac_update(&nonces->hmac, nonces->value, sizeof(nonces->value));
	tls_hmac_final(&nonces->hmac, nonces->value);
}

/* K = HMAC_K(V, step, seed...), V = HMAC_K(V) */
static void next_key(struct nonces *nonces, u8 step, const u8 *const *seeds)
{
	u8 key[32];

	nonces->hmac = nonces->key;
	tls_hmac_update(&nonces->hmac, nonces->value, sizeof(nonces->value));
	tls_hmac_update(&nonces->hmac, &step, 1);
	for (; *seeds; seeds++)
		tls_hmac_update(&nonces->hmac, *seeds, P256_BYTES);
	tls_hmac_final(&nonces->hmac, key);
	tls_hmac_init(&nonces->key, TLS_SHA256, key, sizeof(key));
	memzero_explicit(key, sizeof(key));
	next_value(nonces);
}

static size_t put_integer(u8 *to, const u8 *bytes)
{
	size_t skip = 0, zero;

	while (skip < P256_BYTES - 1 && !bytes[skip])
		skip++;
	/* It is not negative. */
	zero = bytes[skip] >> 7;
	to[0] = 2;
	to[1] = zero + P256_BYTES - skip;
	to[2] = 0;
	memcpy(to + 2 + zero, bytes + skip, P256_BYTES - skip);
	return 2 + to[1];
}

static size_t put_signature(u8 *to, const u64 *r, const u64 *s)
{
	u8 bytes[P256_BYTES];
	size_t len = 2;

	p256_scalar_to_bytes(bytes, r);
	len += put_integer(to + len, bytes);
	p256_scalar_to_bytes(bytes, s);
	len += put_integer(to + len, bytes);
	to[0] = 0x30;
	to[1] = len - 2;
	return len;
}

/* FIPS 186-5, section 6.4.1, with one nonce. False if it is none of those that do. */
static bool sign_with(struct p256_scratch *scratch, u64 *r, u64 *s, const u64 *secret,
		      const u64 *hash, const u8 *nonce)
{
	u64 k[P256_LIMBS], lower[P256_LIMBS];
	u8 bytes[P256_BYTES];
	bool sound = read_secret(k, nonce);

	if (sound) {
		/* Of the point only x counts, and that of its negative is the same. */
		p256_scalar_lower(lower, k);
		p256_multiply_base(scratch, lower);
		p256_point_to_bytes(bytes, NULL, &scratch->sum);
		p256_scalar_reduce_bytes(r, bytes);
		/* s = (hash + r * secret) / k */
		p256_scalar_to_montgomery(k, k);
		p256_scalar_inv(k, k);
		p256_scalar_to_montgomery(s, r);
		p256_scalar_mul(s, s, secret);
		p256_scalar_add(s, s, hash);
		p256_scalar_mul(s, s, k);
		/* Both are what everybody sees. */
		tls_declassify(r, P256_BYTES);
		tls_declassify(s, P256_BYTES);
		sound = !p256_is_zero(r) && !p256_is_zero(s);
	}
	memzero_explicit(k, sizeof(k));
	memzero_explicit(lower, sizeof(lower));
	memzero_explicit(bytes, sizeof(bytes));
	return sound;
}

size_t p256_sign(struct p256_scratch *scratch, u8 *signature, const u8 *secret, const u8 *hash,
		 const u8 *random)
{
	u64 d[P256_LIMBS], z[P256_LIMBS], r[P256_LIMBS], s[P256_LIMBS];
	u8 reduced[P256_BYTES];
	const u8 *seeds[] = { secret, reduced, random, NULL };
	const u8 *none[] = { NULL };
	struct nonces nonces;
	size_t len = 0;

	if (!read_secret(d, secret))
		return 0;
	p256_scalar_reduce_bytes(z, hash);
	p256_scalar_to_bytes(reduced, z);
	/* K = 0: HMAC fills up a key with zeros, an empty one too. */
	tls_hmac_init(&nonces.key, TLS_SHA256, nonces.value, 0);
	memset(nonces.value, 1, sizeof(nonces.value));
	next_key(&nonces, 0, seeds);
	next_key(&nonces, 1, seeds);
	next_value(&nonces);
	/* One in 2^32 nonces is not below n: eight in a row are an error of the hash. */
	for (int tries = 0; tries < 8 && !len; tries++) {
		if (sign_with(scratch, r, s, d, z, nonces.value)) {
			len = put_signature(signature, r, s);
		} else {
			next_key(&nonces, 0, none);
			next_value(&nonces);
		}
	}
	p256_scratch_wipe(scratch);
	memzero_explicit(&nonces, sizeof(nonces));
	memzero_explicit(d, sizeof(d));
	memzero_explicit(z, sizeof(z));
	return len;
}

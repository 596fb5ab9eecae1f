/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * RSA signatures (RFC 8017) with keys of 2048, 3072 and 4096 bits, in constant
 * time: no branch and no address depends on a secret. Too long for a softirq.
 *
 * The scratch memory is left wiped. Any context, no lock; no two at a time may
 * use the same scratch.
 */
#ifndef WEIR_TLS_RSA_H
#define WEIR_TLS_RSA_H

#include "tls_rsa_montgomery.h"

enum {
	RSA_BYTES_MAX = 8 * RSA_LIMBS_MAX,
	RSA_HASH = 32,
	RSA_SALT = RSA_HASH,
};

/**
 * struct rsa_numbers - a key as it comes (RFC 8017, section 3.2), the highest byte first
 * @n: the modulus
 * @e: the public exponent
 * @p: the first factor
 * @q: the second one
 * @dp: the private exponent modulo p - 1
 * @dq: the same modulo q - 1
 * @qinv: 1/q modulo p
 */
struct rsa_numbers {
	struct http_text n;
	struct http_text e;
	struct http_text p;
	struct http_text q;
	struct http_text dp;
	struct http_text dq;
	struct http_text qinv;
};

/**
 * struct rsa_key - a key that is ready to sign
 * @n: see struct rsa_numbers
 * @p: the same
 * @q: the same
 * @dp: the same
 * @dq: the same
 * @qinv: the same
 * @e: the same
 */
struct rsa_key {
	struct rsa_modulus n;
	struct rsa_modulus p;
	struct rsa_modulus q;
	u64 dp[RSA_PRIME_LIMBS_MAX];
	u64 dq[RSA_PRIME_LIMBS_MAX];
	u64 qinv[RSA_PRIME_LIMBS_MAX];
	u64 e;
};

/**
 * struct rsa_scratch - intermediate results
 * @powers: of the base, while one prime's part is computed
 * @product: of two numbers, until it is reduced
 * @chosen: one of the powers
 * @by_p: the result modulo p
 * @by_q: modulo q
 * @message: what is signed, as a number
 * @result: the signature
 * @check: the message by it
 * @encoded: the message as bytes
 */
struct rsa_scratch {
	u64 powers[RSA_POWERS][RSA_PRIME_LIMBS_MAX];
	u64 product[2 * RSA_LIMBS_MAX];
	u64 chosen[RSA_PRIME_LIMBS_MAX];
	u64 by_p[RSA_PRIME_LIMBS_MAX];
	u64 by_q[RSA_PRIME_LIMBS_MAX];
	u64 message[RSA_LIMBS_MAX];
	u64 result[RSA_LIMBS_MAX];
	u64 check[RSA_LIMBS_MAX];
	u8 encoded[RSA_BYTES_MAX];
};

/*
 * False if the numbers are no key that can sign. They are tried with one signature. Takes some
 * milliseconds; not in constant time where they are no key.
 */
bool rsa_key_set(struct rsa_key *key, const struct rsa_numbers *numbers,
		 struct rsa_scratch *scratch);

/* Of a signature, in bytes. */
static inline size_t rsa_size(const struct rsa_key *key)
{
	return 8 * (size_t)key->n.limbs;
}

/*
 * message^d modulo n, of as many bytes. False, and nothing written, if the message is not below n,
 * or if the result is wrong: from one that is wrong modulo one prime the other could be told.
 */
bool rsa_private(struct rsa_scratch *scratch, const struct rsa_key *key, u8 *result,
		 const u8 *message);

/* Signatures of a SHA-256 hash: PSS with a salt of RSA_SALT random bytes, and PKCS #1 v1.5. */
bool rsa_sign_pss(struct rsa_scratch *scratch, const struct rsa_key *key, u8 *signature,
		  const u8 *hash, const u8 *salt);
bool rsa_sign_pkcs1(struct rsa_scratch *scratch, const struct rsa_key *key, u8 *signature,
		    const u8 *hash);

#endif /* WEIR_TLS_RSA_H */

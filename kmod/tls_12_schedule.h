/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The keys of TLS 1.2 (RFC 5246, sections 5, 6.3 and 8.1; RFC 7627). Pure functions: any
 * context; the caller serializes.
 */
#ifndef WEIR_TLS_12_SCHEDULE_H
#define WEIR_TLS_12_SCHEDULE_H

#include "tls_hmac.h"
#include "tls_suite.h"
#include "tls_wire.h"

enum {
	TLS12_MASTER = 48,
	TLS12_VERIFY = 12,
	/* Of the message that has a client's public key: that, with its length in a byte. */
	TLS12_KEY_EXCHANGE_MAX = 1 + 255,
	/* Of both sides: a key, and what nonces are made of. */
	TLS12_KEYS_MAX = 2 * (TLS_KEY_MAX + TLS_NONCE),
};

/**
 * struct tls12_prf - intermediate results, too large for a stack
 * @key: the secret, ready for use
 * @hmac: what is computed with it
 */
struct tls12_prf {
	struct tls_hmac key;
	struct tls_hmac hmac;
};

/**
 * struct tls12_schedule - where the keys come from
 * @prf: wiped after every use
 * @randoms: the client's random number and the server's
 * @master: the master secret
 * @keys: the client's key, the server's, then what nonces are made of in the same order
 */
struct tls12_schedule {
	struct tls12_prf prf;
	u8 randoms[2 * TLS_RANDOM];
	u8 master[TLS12_MASTER];
	u8 keys[TLS12_KEYS_MAX];
};

/* PRF(secret, label, seed), of two parts. The secret is at most a block of the hash long. */
void tls12_prf(struct tls12_prf *prf, enum tls_hash_id id, u8 *out, size_t len, const u8 *secret,
	       size_t secret_len, const char *label, const u8 *seed, size_t seed_len,
	       const u8 *more, size_t more_len);

/*
 * The master secret and the keys, of the exchange's secret. @session is the hash of all messages
 * as far as the ClientKeyExchange where the secret is to be an extended one, else NULL.
 */
void tls12_schedule_keys(struct tls12_schedule *schedule, const struct tls_suite *suite,
			 const u8 *shared, size_t shared_len, const u8 *session);

/* The keys of a session that goes on, of its master secret. */
void tls12_schedule_again(struct tls12_schedule *schedule, const struct tls_suite *suite);

/* The verify_data of a side, of the hash of all messages before its Finished. */
void tls12_schedule_finished(struct tls12_schedule *schedule, enum tls_hash_id id, bool client,
			     const u8 *hash, u8 *verify);

#endif /* WEIR_TLS_12_SCHEDULE_H */

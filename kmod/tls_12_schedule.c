// SPDX-License-Identifier: GPL-2.0-only
#include "tls_12_record.h"
#include "tls_12_schedule.h"

void tls12_prf(struct tls12_prf *prf, enum tls_hash_id id, u8 *out, size_t len, const u8 *secret,
	       size_t secret_len, const char *label, const u8 *seed, size_t seed_len,
	       const u8 *more, size_t more_len)
{
	size_t label_len = strlen(label), size = tls_hash_size(id);
	u8 chain[TLS_HASH_MAX], block[TLS_HASH_MAX];
	bool first = true;

	tls_hmac_init(&prf->key, id, secret, secret_len);
	while (len) {
		size_t part = min_t(size_t, len, size);

		/* A(i) = HMAC(secret, A(i - 1)), and A(0) is label and seed. */
		prf->hmac = prf->key;
		if (first) {
			tls_hmac_update(&prf->hmac, label, label_len);
			tls_hmac_update(&prf->hmac, seed, seed_len);
			tls_hmac_update(&prf->hmac, more, more_len);
		} else {
			tls_hmac_update(&prf->hmac, chain, size);
		}
		tls_hmac_final(&prf->hmac, chain);
		first = false;

		prf->hmac = prf->key;
		tls_hmac_update(&prf->hmac, chain, size);
		tls_hmac_update(&prf->hmac, label, label_len);
		tls_hmac_update(&prf->hmac, seed, seed_len);
		tls_hmac_update(&prf->hmac, more, more_len);
		tls_hmac_final(&prf->hmac, block);
		memcpy(out, block, part);
		out += part;
		len -= part;
	}
	memzero_explicit(prf, sizeof(*prf));
	memzero_explicit(chain, sizeof(chain));
	memzero_explicit(block, sizeof(block));
}

void tls12_schedule_keys(struct tls12_schedule *schedule, const struct tls_suite *suite,
			 const u8 *shared, size_t shared_len, const u8 *session)
{
	const u8 *client = schedule->randoms, *server = client + TLS_RANDOM;

	if (session)
		tls12_prf(&schedule->prf, suite->hash, schedule->master, TLS12_MASTER,
			  shared, shared_len, "extended master secret",
			  session, tls_hash_size(suite->hash), NULL, 0);
	else
		tls12_prf(&schedule->prf, suite->hash, schedule->master, TLS12_MASTER,
			  shared, shared_len, "master secret",
			  client, TLS_RANDOM, server, TLS_RANDOM);
	tls12_schedule_again(schedule, suite);
}

void tls12_schedule_again(struct tls12_schedule *schedule, const struct tls_suite *suite)
{
	const u8 *client = schedule->randoms, *server = client + TLS_RANDOM;
	size_t len = 2 * (tls_aead_key_size(suite->aead) + tls12_iv_size(suite));

	tls12_prf(&schedule->prf, suite->hash, schedule->keys, len, schedule->master, TLS12_MASTER,
		  "key expansion", server, TLS_RANDOM, client, TLS_RANDOM);
}

void tls12_schedule_finished(struct tls12_schedule *schedule, enum tls_hash_id id, bool client,
			     const u8 *hash, u8 *verify)
{
	tls12_prf(&schedule->prf, id, verify, TLS12_VERIFY, schedule->master, TLS12_MASTER,
		  client ? "client finished" : "server finished", hash, tls_hash_size(id),
		  NULL, 0);
}

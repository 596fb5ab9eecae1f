/* SPDX-License-Identifier: GPL-2.0-only */
/* A key of RSA as tests give it: its seven numbers, each with its length in two bytes before it. */
#ifndef WEIR_TEST_TLS_RSA_KEY_H
#define WEIR_TEST_TLS_RSA_KEY_H

#include "../../tls_rsa.h"

/* False if it is none. */
static inline bool read_rsa_key(struct rsa_key *key, const u8 *at, struct rsa_scratch *scratch)
{
	struct http_text texts[7];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		texts[i] = (struct http_text){ .at = at + 2, .len = at[0] << 8 | at[1] };
		at += 2 + texts[i].len;
	}
	return rsa_key_set(key, &(struct rsa_numbers){
		.n = texts[0], .e = texts[1], .p = texts[2], .q = texts[3], .dp = texts[4],
		.dq = texts[5], .qinv = texts[6],
	}, scratch);
}

#endif /* WEIR_TEST_TLS_RSA_KEY_H */

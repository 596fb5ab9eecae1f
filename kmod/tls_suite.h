/* SPDX-License-Identifier: GPL-2.0-only */
/* Cipher suites: those of TLS 1.3, the best first. A hello names some by their places here. */
#ifndef WEIR_TLS_SUITE_H
#define WEIR_TLS_SUITE_H

#include "tls_crypto.h"

enum { TLS_SUITES = 3 };

/**
 * struct tls_suite - a cipher suite
 * @code: its number
 * @hash: of transcript and key schedule
 * @aead: of records
 * @tls_1_2: it is one of TLS 1.2
 * @rsa: then: for a certificate of RSA, not of ECDSA
 */
struct tls_suite {
	u16 code;
	enum tls_hash_id hash;
	enum tls_aead_id aead;
	bool tls_1_2;
	bool rsa;
};

extern const struct tls_suite tls_suites[TLS_SUITES];

#endif /* WEIR_TLS_SUITE_H */

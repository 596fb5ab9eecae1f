/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The key schedule of TLS 1.3 (RFC 8446, section 7.1) and the transcript it runs
 * along. Nothing sleeps; the caller serializes.
 */
#ifndef WEIR_TLS_SCHEDULE_H
#define WEIR_TLS_SCHEDULE_H

#include "tls_hkdf.h"

/**
 * struct tls_schedule - where a handshake's keys come from
 * @transcript: hash of the messages so far
 * @secret: the handshake secret, and then the master secret
 * @key: it, ready for use; or before that the early secret, if there is a pre-shared key
 * @salt: of the next one
 * @client: the client's of the same stage
 * @server: the server's
 */
struct tls_schedule {
	struct tls_hash transcript;
	u8 secret[TLS_HASH_MAX];
	struct tls_hmac key;
	u8 salt[TLS_HASH_MAX];
	struct tls_traffic client;
	struct tls_traffic server;
};

void tls_schedule_init(struct tls_schedule *schedule, enum tls_hash_id id);
void tls_schedule_add(struct tls_schedule *schedule, const void *message, size_t len);
/* The hash of the messages so far; more may follow. */
void tls_schedule_hash(const struct tls_schedule *schedule, u8 *hash);
/* The hash takes its messages' place: a HelloRetryRequest follows (section 4.4.1). */
void tls_schedule_retry(struct tls_schedule *schedule);

/* With a pre-shared key of the hash's length, or NULL. Needed before all that follows. */
void tls_schedule_early(struct tls_schedule *schedule, const u8 *psk);
/* The binder of an earlier session's key, over the messages so far. */
void tls_schedule_binder(const struct tls_schedule *schedule, u8 *binder);
/* With the exchange's secret, behind the ServerHello. */
void tls_schedule_handshake(struct tls_schedule *schedule, const u8 *shared, size_t len);
/* The verify_data of the side whose traffic secret is given, of the hash of all messages before. */
void tls_schedule_finished(const struct tls_hmac *traffic, const u8 *hash, u8 *verify);
/* Behind the server's Finished; the hash has it, too. */
void tls_schedule_application(struct tls_schedule *schedule, const u8 *hash);
/* Behind the client's Finished: the key of the session to which a ticket with this nonce leads. */
void tls_schedule_resumption(const struct tls_schedule *schedule, const u8 *nonce, size_t nonce_len,
			     u8 *psk);

#endif /* WEIR_TLS_SCHEDULE_H */

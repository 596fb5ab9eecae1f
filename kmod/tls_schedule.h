/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The key schedule of TLS 1.3 (RFC 8446, section 7.1) without pre-shared keys,
 * and the transcript it runs along. Nothing sleeps; the caller serializes.
 */
#ifndef WEIR_TLS_SCHEDULE_H
#define WEIR_TLS_SCHEDULE_H

#include "tls_hkdf.h"

/**
 * struct tls_schedule - where a handshake's keys come from
 * @transcript: hash of the messages so far
 * @secret: the handshake secret, and then the master secret
 * @client: the client's traffic secret of the same stage
 * @server: the server's
 */
struct tls_schedule {
	struct tls_hash transcript;
	u8 secret[TLS_HASH_MAX];
	u8 client[TLS_HASH_MAX];
	u8 server[TLS_HASH_MAX];
};

void tls_schedule_init(struct tls_schedule *schedule, enum tls_hash_id id);
void tls_schedule_add(struct tls_schedule *schedule, const void *message, size_t len);
/* The hash of the messages so far; more may follow. */
void tls_schedule_hash(const struct tls_schedule *schedule, u8 *hash);
/* The hash takes its messages' place: a HelloRetryRequest follows (section 4.4.1). */
void tls_schedule_retry(struct tls_schedule *schedule);

/* With the exchange's secret, behind the ServerHello. */
void tls_schedule_handshake(struct tls_schedule *schedule, const u8 *shared, size_t len);
/* The verify_data of the side whose traffic secret is given, after the messages so far. */
void tls_schedule_finished(const struct tls_schedule *schedule, const u8 *traffic, u8 *verify);
/* Behind the server's Finished. */
void tls_schedule_application(struct tls_schedule *schedule);

#endif /* WEIR_TLS_SCHEDULE_H */

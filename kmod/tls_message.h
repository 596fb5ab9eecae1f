/* SPDX-License-Identifier: GPL-2.0-only */
/* Handshake messages that are written. For the handshake only. */
#ifndef WEIR_TLS_MESSAGE_H
#define WEIR_TLS_MESSAGE_H

#include "tls_schedule.h"
#include "tls_wire.h"

static inline size_t tls_message_open(struct tls_out *out, u8 type)
{
	tls_put(out, type, 1);
	return tls_open_vector(out, 3);
}

/* Ends it, and adds it to the transcript. */
static inline void tls_message_close(struct tls_schedule *schedule, struct tls_out *out,
				     size_t start)
{
	tls_close_vector(out, start, 3);
	if (!out->full)
		tls_schedule_add(schedule, out->at + start - TLS_MESSAGE_HEADER,
				 out->len - start + TLS_MESSAGE_HEADER);
}

/* The extension that says how much a record for us may carry, which is as much as ever. */
static inline void tls_message_put_record_limit(struct tls_out *out, u32 limit)
{
	tls_put(out, TLS_RECORD_SIZE_LIMIT, 2);
	tls_put(out, 2, 2);
	tls_put(out, limit, 2);
}

/* The extension that says HTTP/1.1. */
static inline void tls_message_put_protocol(struct tls_out *out)
{
	static const char http_1_1[] = "\x08http/1.1";

	tls_put(out, TLS_ALPN, 2);
	tls_put(out, sizeof(http_1_1) - 1 + 2, 2);
	tls_put(out, sizeof(http_1_1) - 1, 2);
	tls_put_bytes(out, http_1_1, sizeof(http_1_1) - 1);
}

#endif /* WEIR_TLS_MESSAGE_H */

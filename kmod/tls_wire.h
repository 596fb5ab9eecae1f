/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers of TLS 1.3 (RFC 8446) and 1.2 (RFC 5246), and reading and writing what is made of
 * bytes. Pure functions.
 */
#ifndef WEIR_TLS_WIRE_H
#define WEIR_TLS_WIRE_H

#include "tls_types.h"

enum tls_content {
	TLS_CHANGE_CIPHER_SPEC = 20,
	TLS_ALERT = 21,
	TLS_HANDSHAKE = 22,
	TLS_APPLICATION_DATA = 23,
};

enum tls_message {
	TLS_CLIENT_HELLO = 1,
	TLS_SERVER_HELLO = 2,
	TLS_NEW_SESSION_TICKET = 4,
	TLS_ENCRYPTED_EXTENSIONS = 8,
	TLS_CERTIFICATE = 11,
	TLS_SERVER_KEY_EXCHANGE = 12,
	TLS_SERVER_HELLO_DONE = 14,
	TLS_CERTIFICATE_VERIFY = 15,
	TLS_CLIENT_KEY_EXCHANGE = 16,
	TLS_FINISHED = 20,
	TLS_CERTIFICATE_STATUS = 22,
	TLS_KEY_UPDATE = 24,
	TLS_MESSAGE_HASH = 254,
};

enum tls_alert {
	TLS_CLOSE_NOTIFY = 0,
	TLS_UNEXPECTED_MESSAGE = 10,
	TLS_BAD_RECORD_MAC = 20,
	TLS_RECORD_OVERFLOW = 22,
	TLS_HANDSHAKE_FAILURE = 40,
	TLS_ILLEGAL_PARAMETER = 47,
	TLS_DECODE_ERROR = 50,
	TLS_DECRYPT_ERROR = 51,
	TLS_PROTOCOL_VERSION = 70,
	TLS_INTERNAL_ERROR = 80,
	TLS_INAPPROPRIATE_FALLBACK = 86,
	TLS_USER_CANCELED = 90,
	TLS_NO_RENEGOTIATION = 100,
	TLS_MISSING_EXTENSION = 109,
	TLS_UNRECOGNIZED_NAME = 112,
	TLS_NO_APPLICATION_PROTOCOL = 120,
	/* No alert: nothing is wrong. */
	TLS_FINE = 255,
};

enum tls_extension {
	TLS_SERVER_NAME = 0,
	TLS_STATUS_REQUEST = 5,
	TLS_SUPPORTED_GROUPS = 10,
	TLS_POINT_FORMATS = 11,
	TLS_SIGNATURE_ALGORITHMS = 13,
	TLS_ALPN = 16,
	TLS_EXTENDED_MASTER_SECRET = 23,
	TLS_RECORD_SIZE_LIMIT = 28,
	TLS_SESSION_TICKET = 35,
	TLS_PRE_SHARED_KEY = 41,
	TLS_EARLY_DATA = 42,
	TLS_SUPPORTED_VERSIONS = 43,
	TLS_COOKIE = 44,
	TLS_PSK_MODES = 45,
	TLS_KEY_SHARE = 51,
	TLS_RENEGOTIATION_INFO = 0xff01,
};

enum {
	TLS_1_2 = 0x0303,
	TLS_1_3 = 0x0304,
	TLS_SSL_3 = 0x0300,

	TLS_X25519 = 0x001d,
	TLS_P256 = 0x0017,

	TLS_ECDSA_P256_SHA256 = 0x0403,
	TLS_RSA_PKCS1_SHA256 = 0x0401,
	TLS_RSA_PSS_RSAE_SHA256 = 0x0804,

	/* Suites that are none: RFC 5746, section 3.3; RFC 7507. */
	TLS_RENEGOTIATION_SCSV = 0x00ff,
	TLS_FALLBACK_SCSV = 0x5600,

	TLS_PSK_DHE = 1,
	TLS_OCSP = 1,

	TLS_RANDOM = 32,
	TLS_SESSION_MAX = 32,
	TLS_RECORD_HEADER = 5,
	TLS_MESSAGE_HEADER = 4,
	/* Of a record: what it carries, and what that becomes by encryption at most. */
	TLS_PLAIN_MAX = 1 << 14,
	TLS_CIPHER_MAX = TLS_PLAIN_MAX + 256,
	/* RFC 8449: the least that a peer may want records to carry at most. */
	TLS_RECORD_LIMIT_MIN = 64,
};

/**
 * struct tls_in - bytes that are read
 * @at: the next one
 * @left: how many there are
 * @bad: there were fewer than were asked for; then everything read is 0 or empty
 */
struct tls_in {
	const u8 *at;
	size_t left;
	bool bad;
};

static inline struct tls_in tls_take(struct tls_in *in, size_t len)
{
	struct tls_in taken = { .at = in->at, .left = len };

	if (in->bad || len > in->left) {
		*in = (struct tls_in){ .bad = true };
		return *in;
	}
	in->at += len;
	in->left -= len;
	return taken;
}

static inline u32 tls_read(struct tls_in *in, size_t len)
{
	struct tls_in taken = tls_take(in, len);
	u32 value = 0;

	for (size_t i = 0; i < taken.left; i++)
		value = value << 8 | taken.at[i];
	return value;
}

/* A vector whose length stands before it in `len` bytes, and which has at least `least` bytes. */
static inline struct tls_in tls_read_vector(struct tls_in *in, size_t len, size_t least)
{
	size_t size = tls_read(in, len);

	if (size < least)
		in->bad = true;
	return tls_take(in, size);
}

/**
 * struct tls_out - bytes that are written
 * @at: where the first is
 * @room: for how many
 * @len: how many there are
 * @full: there was no room for some: nothing more is written
 */
struct tls_out {
	u8 *at;
	size_t room;
	size_t len;
	bool full;
};

/* NULL if they do not fit. */
static inline u8 *tls_reserve(struct tls_out *out, size_t len)
{
	u8 *at = out->at + out->len;

	if (out->full || len > out->room - out->len) {
		out->full = true;
		return NULL;
	}
	out->len += len;
	return at;
}

static inline void tls_put_bytes(struct tls_out *out, const void *bytes, size_t len)
{
	u8 *at = tls_reserve(out, len);

	if (at && len)
		memcpy(at, bytes, len);
}

static inline void tls_put(struct tls_out *out, u32 value, size_t len)
{
	u8 *at = tls_reserve(out, len);

	while (at && len--) {
		at[len] = (u8)value;
		value >>= 8;
	}
}

/* Leaves room for a length of so many bytes; tls_close_vector() with the same writes it. */
static inline size_t tls_open_vector(struct tls_out *out, size_t len)
{
	tls_reserve(out, len);
	return out->len;
}

static inline void tls_close_vector(struct tls_out *out, size_t start, size_t len)
{
	size_t size = out->len - start;

	for (size_t i = 1; !out->full && i <= len; i++) {
		out->at[start - i] = (u8)size;
		size >>= 8;
	}
}

#endif /* WEIR_TLS_WIRE_H */

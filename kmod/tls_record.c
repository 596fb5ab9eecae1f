// SPDX-License-Identifier: GPL-2.0-only
#include "tls_hkdf.h"
#include "tls_record.h"

const struct tls_suite tls_suites[TLS_SUITES] = {
	{ .code = 0x1301, .hash = TLS_SHA256, .aead = TLS_AES128_GCM },
	{ .code = 0x1302, .hash = TLS_SHA384, .aead = TLS_AES256_GCM },
	{ .code = 0x1303, .hash = TLS_SHA256, .aead = TLS_CHACHA20_POLY1305 },
};

bool tls_half_set(struct tls_half *half, const struct tls_suite *suite, const u8 *secret)
{
	u8 key[TLS_KEY_MAX];
	bool set;

	half->suite = suite;
	half->sequence = 0;
	memmove(half->secret, secret, tls_hash_size(suite->hash));
	tls_hkdf_label(suite->hash, key, tls_aead_key_size(suite->aead), secret, "key", NULL);
	tls_hkdf_label(suite->hash, half->iv, sizeof(half->iv), secret, "iv", NULL);
	set = tls_aead_set(&half->aead, suite->aead, key);
	memzero_explicit(key, sizeof(key));
	return set;
}

bool tls_half_update(struct tls_half *half)
{
	u8 next[TLS_HASH_MAX];
	size_t size = tls_hash_size(half->suite->hash);
	bool set;

	tls_hkdf_label(half->suite->hash, next, size, half->secret, "traffic upd", NULL);
	set = tls_half_set(half, half->suite, next);
	memzero_explicit(next, sizeof(next));
	return set;
}

void tls_half_end(struct tls_half *half)
{
	tls_aead_free(&half->aead);
	memzero_explicit(half, sizeof(*half));
}

static void next_nonce(struct tls_half *half, u8 *nonce)
{
	u8 sequence[8];

	tls_put64(sequence, half->sequence++);
	memcpy(nonce, half->iv, TLS_NONCE);
	for (size_t i = 0; i < sizeof(sequence); i++)
		nonce[TLS_NONCE - sizeof(sequence) + i] ^= sequence[i];
}

size_t tls_record_begin(struct tls_out *out)
{
	size_t start = out->len;

	tls_reserve(out, TLS_RECORD_HEADER);
	return start;
}

static bool finish(struct tls_half *half, struct tls_out *out, size_t start, u8 type)
{
	size_t len = out->len - start - TLS_RECORD_HEADER;
	u8 nonce[TLS_NONCE];
	u8 *header;

	if (half->suite) {
		tls_put(out, type, 1);
		tls_reserve(out, TLS_TAG);
		type = TLS_APPLICATION_DATA;
	}
	if (out->full || len > TLS_PLAIN_MAX)
		return false;
	header = out->at + start;
	header[0] = type;
	header[1] = TLS_1_2 >> 8;
	header[2] = TLS_1_2 & 0xff;
	tls_close_vector(out, start + TLS_RECORD_HEADER, 2);
	if (!half->suite)
		return true;
	next_nonce(half, nonce);
	return tls_aead_seal(&half->aead, nonce, header, TLS_RECORD_HEADER,
			     header + TLS_RECORD_HEADER, len + 1);
}

bool tls_record_finish(struct tls_half *half, struct tls_out *out, size_t start, u8 type)
{
	if (finish(half, out, start, type))
		return true;
	/* What was not encrypted must not be sent. */
	out->len = start;
	out->full = false;
	return false;
}

u8 tls_record_open(struct tls_half *half, const u8 *header, u8 *data, size_t len, u8 *type,
		   size_t *content)
{
	u8 nonce[TLS_NONCE];
	u64 sequence = half->sequence;

	if (len < TLS_TAG)
		return TLS_BAD_RECORD_MAC;
	len -= TLS_TAG;
	next_nonce(half, nonce);
	if (!tls_aead_open(&half->aead, nonce, header, TLS_RECORD_HEADER, data, len)) {
		/* Early data that is skipped has no number. */
		half->sequence = sequence;
		return TLS_BAD_RECORD_MAC;
	}
	if (len > TLS_PLAIN_MAX + 1)
		return TLS_RECORD_OVERFLOW;
	while (len && !data[len - 1])
		len--;
	if (!len)
		return TLS_UNEXPECTED_MESSAGE;
	*type = data[len - 1];
	*content = len - 1;
	return TLS_FINE;
}

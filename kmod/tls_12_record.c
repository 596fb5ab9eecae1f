// SPDX-License-Identifier: GPL-2.0-only
#include "tls_12_record.h"

/* Sequence number, type, version, length. */
enum { TLS12_COVERED = 8 + 1 + 2 + 2 };

const struct tls_suite tls12_suites[TLS12_SUITES] = {
	{ 0xc02b, TLS_SHA256, TLS_AES128_GCM, .tls_1_2 = true },
	{ 0xc02c, TLS_SHA384, TLS_AES256_GCM, .tls_1_2 = true },
	{ 0xcca9, TLS_SHA256, TLS_CHACHA20_POLY1305, .tls_1_2 = true },
	{ 0xc02f, TLS_SHA256, TLS_AES128_GCM, .tls_1_2 = true, .rsa = true },
	{ 0xc030, TLS_SHA384, TLS_AES256_GCM, .tls_1_2 = true, .rsa = true },
	{ 0xcca8, TLS_SHA256, TLS_CHACHA20_POLY1305, .tls_1_2 = true, .rsa = true },
};

bool tls12_half_set(struct tls_half *half, const struct tls_suite *suite, const u8 *keys,
		    bool client)
{
	size_t key_size = tls_aead_key_size(suite->aead), iv_size = tls12_iv_size(suite);
	const u8 *ivs = keys + 2 * key_size;

	half->suite = suite;
	half->sequence = 0;
	memcpy(half->iv, client ? ivs : ivs + iv_size, iv_size);
	return tls_aead_set(&half->aead, suite->aead, client ? keys : keys + key_size);
}

/* @sent: the part that stands in the record, NULL if there is none. */
static void make_nonce(const struct tls_half *half, const u8 *sent, u8 *nonce)
{
	u8 sequence[8];

	memcpy(nonce, half->iv, TLS_NONCE);
	if (sent) {
		memcpy(nonce + TLS_NONCE - TLS12_NONCE, sent, TLS12_NONCE);
		return;
	}
	tls_put64(sequence, half->sequence);
	for (size_t i = 0; i < sizeof(sequence); i++)
		nonce[TLS_NONCE - sizeof(sequence) + i] ^= sequence[i];
}

/* What is authentic beside the content, and is not in the record as it is. */
static void make_covered(const struct tls_half *half, const u8 *header, size_t len, u8 *covered)
{
	tls_put64(covered, half->sequence);
	memcpy(covered + 8, header, 3);
	covered[11] = (u8)(len >> 8);
	covered[12] = (u8)len;
}

bool tls12_record_seal(struct tls_half *half, struct tls_out *out, size_t start, u8 type)
{
	size_t lead = tls12_lead(half->suite), len;
	u8 nonce[TLS_NONCE], covered[TLS12_COVERED];
	u8 *header;

	tls_reserve(out, TLS_TAG);
	if (out->full)
		return false;
	len = out->len - start - TLS_RECORD_HEADER - lead - TLS_TAG;
	if (len > TLS_PLAIN_MAX)
		return false;
	header = out->at + start;
	header[0] = type;
	header[1] = TLS_1_2 >> 8;
	header[2] = TLS_1_2 & 0xff;
	tls_close_vector(out, start + TLS_RECORD_HEADER, 2);
	/* A number that is never used twice with a key. */
	if (lead)
		tls_put64(header + TLS_RECORD_HEADER, half->sequence);
	make_nonce(half, lead ? header + TLS_RECORD_HEADER : NULL, nonce);
	make_covered(half, header, len, covered);
	half->sequence++;
	return tls_aead_seal(&half->aead, nonce, covered, sizeof(covered),
			     header + TLS_RECORD_HEADER + lead, len);
}

u8 tls12_record_open(struct tls_half *half, const u8 *header, u8 *data, size_t len,
		     struct http_text *content)
{
	size_t lead = tls12_lead(half->suite);
	u8 nonce[TLS_NONCE], covered[TLS12_COVERED];

	if (len < lead + TLS_TAG)
		return TLS_BAD_RECORD_MAC;
	len -= lead + TLS_TAG;
	make_nonce(half, lead ? data : NULL, nonce);
	make_covered(half, header, len, covered);
	half->sequence++;
	if (!tls_aead_open(&half->aead, nonce, covered, sizeof(covered), data + lead, len))
		return TLS_BAD_RECORD_MAC;
	if (len > TLS_PLAIN_MAX)
		return TLS_RECORD_OVERFLOW;
	*content = (struct http_text){ .at = data + lead, .len = len };
	return TLS_FINE;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "tls_12_record.h"
#include "tls_record.h"

const struct tls_suite tls_suites[TLS_SUITES] = {
	{ .code = 0x1301, .hash = TLS_SHA256, .aead = TLS_AES128_GCM },
	{ .code = 0x1302, .hash = TLS_SHA384, .aead = TLS_AES256_GCM },
	{ .code = 0x1303, .hash = TLS_SHA256, .aead = TLS_CHACHA20_POLY1305 },
};

bool tls_half_set(struct tls_half *half, const struct tls_suite *suite,
		  const struct tls_traffic *traffic)
{
	u8 key[TLS_KEY_MAX];
	bool set;

	half->suite = suite;
	half->sequence = 0;
	memcpy(half->secret, traffic->secret, tls_hash_size(suite->hash));
	tls_hkdf_label(&traffic->key, key, tls_aead_key_size(suite->aead), "key", NULL);
	tls_hkdf_label(&traffic->key, half->iv, sizeof(half->iv), "iv", NULL);
	set = tls_aead_set(&half->aead, suite->aead, key);
	memzero_explicit(key, sizeof(key));
	return set;
}

bool tls_half_update(struct tls_half *half)
{
	enum tls_hash_id id = half->suite->hash;
	struct tls_traffic traffic;
	bool set;

	tls_hmac_init(&traffic.key, id, half->secret, tls_hash_size(id));
	tls_hkdf_traffic(&traffic.key, &traffic, "traffic upd", NULL);
	set = tls_half_set(half, half->suite, &traffic);
	memzero_explicit(&traffic, sizeof(traffic));
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

static bool is_1_2(const struct tls_half *half)
{
	return half->suite && half->suite->tls_1_2;
}

/* Bytes before what a record carries. */
static size_t lead_of(const struct tls_half *half)
{
	return TLS_RECORD_HEADER + (is_1_2(half) ? tls12_lead(half->suite) : 0);
}

size_t tls_record_begin(const struct tls_half *half, struct tls_out *out)
{
	size_t start = out->len;

	tls_reserve(out, lead_of(half));
	return start;
}

static bool finish(struct tls_half *half, struct tls_out *out, size_t start, u8 type)
{
	size_t len = out->len - start - TLS_RECORD_HEADER;
	u8 nonce[TLS_NONCE];
	u8 *header;

	if (is_1_2(half))
		return tls12_record_seal(half, out, start, type);
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

/* In several records: what they carry is moved apart first, the last of it before the others. */
static bool finish_apart(struct tls_half *half, struct tls_out *out, size_t start, u8 type)
{
	size_t lead = lead_of(half), len = out->len - start - lead, most = half->most;
	size_t whole = lead + most + !is_1_2(half) + TLS_TAG, last = (len - 1) / most;
	u8 *content = out->at + start + lead;

	tls_reserve(out, last * (whole - most));
	if (out->full)
		return false;
	for (size_t i = last; i; i--)
		memmove(content + i * whole, content + i * most,
			i == last ? len - i * most : most);
	for (size_t i = 0; i < last; i++) {
		struct tls_out one = {
			.at = out->at, .room = out->room, .len = start + lead + most,
		};

		if (!finish(half, &one, start, type))
			return false;
		start += whole;
	}
	return finish(half, out, start, type);
}

bool tls_record_finish(struct tls_half *half, struct tls_out *out, size_t start, u8 type)
{
	bool fits = out->full || out->len - start - lead_of(half) <= tls_half_most(half);

	if (fits ? finish(half, out, start, type) : finish_apart(half, out, start, type))
		return true;
	/* What was not encrypted must not be sent. */
	out->len = start;
	out->full = false;
	return false;
}

u8 tls_record_open(struct tls_half *half, const u8 *header, u8 *data, size_t len, u8 *type,
		   struct http_text *content)
{
	u8 nonce[TLS_NONCE];
	u64 sequence = half->sequence;

	if (is_1_2(half)) {
		*type = header[0];
		return tls12_record_open(half, header, data, len, content);
	}
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
	*content = (struct http_text){ .at = data, .len = len - 1 };
	return TLS_FINE;
}

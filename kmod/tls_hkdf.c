// SPDX-License-Identifier: GPL-2.0-only
#include "tls_hkdf.h"

static const u8 hash_of_nothing[][TLS_HASH_MAX] = {
	[TLS_SHA256] = {
		0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8,
		0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
		0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
	},
	[TLS_SHA384] = {
		0x38, 0xb0, 0x60, 0xa7, 0x51, 0xac, 0x96, 0x38, 0x4c, 0xd9, 0x32, 0x7e,
		0xb1, 0xb1, 0xe3, 0x6a, 0x21, 0xfd, 0xb7, 0x11, 0x14, 0xbe, 0x07, 0x43,
		0x4c, 0x0c, 0xc7, 0xbf, 0x63, 0xf6, 0xe1, 0xda, 0x27, 0x4e, 0xde, 0xbf,
		0xe7, 0x6f, 0x65, 0xfb, 0xd5, 0x1a, 0xd2, 0xf1, 0x48, 0x98, 0xb9, 0x5b,
	},
};

void tls_hkdf_extract(enum tls_hash_id id, u8 *out, const u8 *salt, const u8 *secret, size_t len)
{
	static const u8 zeros[TLS_HASH_MAX];
	struct tls_hmac hmac;

	tls_hmac_init(&hmac, id, salt ? salt : zeros, tls_hash_size(id));
	if (secret)
		tls_hmac_update(&hmac, secret, len);
	else
		tls_hmac_update(&hmac, zeros, tls_hash_size(id));
	tls_hmac_final(&hmac, out);
}

void tls_hkdf_expand(const struct tls_hmac *secret, u8 *out, size_t len, const char *label,
		     const void *context, size_t context_len)
{
	static const char prefix[] = "tls13 ";
	size_t prefix_len = sizeof(prefix) - 1, label_len = strlen(label);
	/* Length, label, context, and the number of the only block. */
	u8 info[2 + 1 + sizeof(prefix) + TLS_LABEL_MAX + 1 + TLS_HASH_MAX + 1];
	struct tls_hmac hmac = *secret;
	u8 whole[TLS_HASH_MAX], *at = info;

	*at++ = 0;
	*at++ = len;
	*at++ = prefix_len + label_len;
	memcpy(at, prefix, prefix_len);
	at += prefix_len;
	memcpy(at, label, label_len);
	at += label_len;
	*at++ = context_len;
	if (context_len)
		memcpy(at, context, context_len);
	at += context_len;
	*at++ = 1;
	tls_hmac_update(&hmac, info, at - info);
	tls_hmac_final(&hmac, whole);
	memcpy(out, whole, len);
	memzero_explicit(whole, sizeof(whole));
}

void tls_hkdf_label(const struct tls_hmac *secret, u8 *out, size_t len, const char *label,
		    const u8 *context)
{
	tls_hkdf_expand(secret, out, len, label, context,
			context ? tls_hash_size(secret->inner.id) : 0);
}

void tls_hkdf_traffic(const struct tls_hmac *secret, struct tls_traffic *traffic,
		      const char *label, const u8 *context)
{
	enum tls_hash_id id = secret->inner.id;

	tls_hkdf_label(secret, traffic->secret, tls_hash_size(id), label, context);
	tls_hmac_init(&traffic->key, id, traffic->secret, tls_hash_size(id));
}

void tls_hkdf_derive_empty(const struct tls_hmac *secret, u8 *out, const char *label)
{
	enum tls_hash_id id = secret->inner.id;

	tls_hkdf_label(secret, out, tls_hash_size(id), label, hash_of_nothing[id]);
}

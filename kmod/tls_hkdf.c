// SPDX-License-Identifier: GPL-2.0-only
#include "tls_hkdf.h"

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

void tls_hkdf_label(enum tls_hash_id id, u8 *out, size_t len, const u8 *secret, const char *label,
		    const u8 *context)
{
	static const char prefix[] = "tls13 ";
	size_t prefix_len = sizeof(prefix) - 1, label_len = strlen(label);
	const u8 head[] = { 0, len, prefix_len + label_len };
	const u8 context_len = context ? tls_hash_size(id) : 0;
	const u8 block = 1;
	struct tls_hmac hmac;
	u8 whole[TLS_HASH_MAX];

	tls_hmac_init(&hmac, id, secret, tls_hash_size(id));
	tls_hmac_update(&hmac, head, sizeof(head));
	tls_hmac_update(&hmac, prefix, prefix_len);
	tls_hmac_update(&hmac, label, label_len);
	tls_hmac_update(&hmac, &context_len, 1);
	if (context)
		tls_hmac_update(&hmac, context, context_len);
	tls_hmac_update(&hmac, &block, 1);
	tls_hmac_final(&hmac, whole);
	memcpy(out, whole, len);
	memzero_explicit(whole, sizeof(whole));
}

void tls_hkdf_derive_empty(enum tls_hash_id id, u8 *out, const u8 *secret, const char *label)
{
	struct tls_hash hash;
	u8 empty[TLS_HASH_MAX];

	tls_hash_init(&hash, id);
	tls_hash_final(&hash, empty);
	tls_hkdf_label(id, out, tls_hash_size(id), secret, label, empty);
}

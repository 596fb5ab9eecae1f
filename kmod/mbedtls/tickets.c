// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tickets of mbed TLS's sessions, sealed with the namespace's keys by the kernel's AES-256-GCM:
 * a key's name, a nonce, then encrypted when it was made, SHA-256 of the server's name, and
 * the session as mbed TLS writes it.
 */

#include <linux/overflow.h>
#include <linux/unaligned.h>

#include "context.h"
#include "ssl_misc.h"

enum {
	WEIR_TICKET_HEAD = TLS_TICKET_KEY_NAME + TLS_NONCE,
	WEIR_TICKET_NAME = 32,
	WEIR_TICKET_OWN = 8 + WEIR_TICKET_NAME,
};

void weir_mbedtls_hash_name(u8 *digest, struct http_text name)
{
	struct tls_hash hash;

	tls_hash_init(&hash, TLS_SHA256);
	tls_hash_update(&hash, name.at, name.len);
	tls_hash_final(&hash, digest);
}

static bool weir_ticket_crypt(const struct tls_ticket_key *key, u8 *ticket, size_t len, bool open)
{
	struct tls_aead aead = {};
	bool done;

	if (!tls_aead_set(&aead, TLS_AES256_GCM, key->key))
		return false;
	done = open ? tls_aead_open(&aead, ticket + TLS_TICKET_KEY_NAME, ticket,
				    TLS_TICKET_KEY_NAME, ticket + WEIR_TICKET_HEAD, len) :
		      tls_aead_seal(&aead, ticket + TLS_TICKET_KEY_NAME, ticket,
				    TLS_TICKET_KEY_NAME, ticket + WEIR_TICKET_HEAD, len);
	tls_aead_free(&aead);
	return done;
}

static u32 weir_ticket_lifetime(const struct tls_ticket_keys *keys)
{
	return keys->lifetime ?: TLS_TICKET_LIFETIME;
}

int weir_mbedtls_ticket_write(void *context, const mbedtls_ssl_session *session,
			      unsigned char *start, const unsigned char *end, size_t *len,
			      uint32_t *lifetime)
{
	struct weir_mbedtls *mbedtls = context;
	const struct tls_config *config = mbedtls->server->config;
	const struct tls_ticket_keys *keys = config->tickets(config);
	u8 *content = start + WEIR_TICKET_HEAD;
	size_t room = end - start, saved;
	int err;

	/* It sends them, whatever becomes of the ticket. */
	*len = 0;
	*lifetime = 0;
	/* RFC 7627, section 5.4: no session goes on without it. An empty ticket is sent. */
	if (session->tls_version == MBEDTLS_SSL_VERSION_TLS1_2 &&
	    mbedtls->ssl.handshake->extended_ms != MBEDTLS_SSL_EXTENDED_MS_ENABLED)
		return MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE;
	if (!keys || !keys->n_keys || room < WEIR_TICKET_HEAD + WEIR_TICKET_OWN + TLS_TAG)
		return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
	memcpy(start, keys->keys[0].name, TLS_TICKET_KEY_NAME);
	tls_random(start + TLS_TICKET_KEY_NAME, TLS_NONCE);
	put_unaligned_be64(config->now(), content);
	memcpy(content + 8, mbedtls->name, WEIR_TICKET_NAME);
	err = mbedtls_ssl_session_save(session, content + WEIR_TICKET_OWN,
				       room - WEIR_TICKET_HEAD - WEIR_TICKET_OWN - TLS_TAG,
				       &saved);
	if (err)
		return err;
	saved += WEIR_TICKET_OWN;
	if (!weir_ticket_crypt(&keys->keys[0], start, saved, false)) {
		memzero_explicit(content, saved);
		return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
	}
	*len = WEIR_TICKET_HEAD + saved + TLS_TAG;
	*lifetime = weir_ticket_lifetime(keys);
	return 0;
}

static const struct tls_ticket_key *weir_ticket_key(const struct tls_ticket_keys *keys,
						    const u8 *name)
{
	int i;

	for (i = 0; keys && i < keys->n_keys; i++)
		if (!memcmp(keys->keys[i].name, name, TLS_TICKET_KEY_NAME))
			return &keys->keys[i];
	return NULL;
}

int weir_mbedtls_ticket_parse(void *context, mbedtls_ssl_session *session, unsigned char *sealed,
			      size_t len)
{
	struct weir_mbedtls *mbedtls = context;
	const struct tls_config *config = mbedtls->server->config;
	const struct tls_ticket_keys *keys = config->tickets(config);
	u8 *content = sealed + WEIR_TICKET_HEAD;
	const struct tls_ticket_key *key;
	u8 asked[WEIR_TICKET_NAME];
	u64 age;
	int err;

	if (len < WEIR_TICKET_HEAD + WEIR_TICKET_OWN + TLS_TAG)
		return MBEDTLS_ERR_SSL_INVALID_MAC;
	key = weir_ticket_key(keys, sealed);
	len -= WEIR_TICKET_HEAD + TLS_TAG;
	if (!key || !weir_ticket_crypt(key, sealed, len, true))
		return MBEDTLS_ERR_SSL_INVALID_MAC;
	age = config->now() - get_unaligned_be64(content);
	weir_mbedtls_hash_name(asked, weir_mbedtls_asked(mbedtls));
	/* In TLS 1.2 it may come before the name, which is compared when all has been read. */
	if (age > weir_ticket_lifetime(keys) ||
	    (mbedtls->ssl.tls_version == MBEDTLS_SSL_VERSION_TLS1_3 &&
	     memcmp(asked, content + 8, WEIR_TICKET_NAME)))
		err = MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
	else
		err = mbedtls_ssl_session_load(session, content + WEIR_TICKET_OWN,
					       len - WEIR_TICKET_OWN);
	if (!err && session->tls_version != mbedtls->ssl.tls_version)
		err = MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
	if (!err)
		memcpy(mbedtls->ticket_name, content + 8, WEIR_TICKET_NAME);
	memzero_explicit(content, len);
	return err;
}

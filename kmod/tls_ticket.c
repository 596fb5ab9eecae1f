// SPDX-License-Identifier: GPL-2.0-only
#include "tls_ticket.h"
#include "tls_wire.h"

static u32 lifetime_of(const struct tls_ticket_keys *keys)
{
	return keys->lifetime ? keys->lifetime : TLS_TICKET_LIFETIME;
}

u32 tls_ticket_lifetime(const struct tls_ticket_keys *keys, const struct tls_ticket *ticket,
			u64 now)
{
	/* Whatever a ticket's lifetime: from one to the next a session would never end. */
	u64 end = ticket->since + TLS_TICKET_LIFETIME_MAX;

	return end > now ? min_t(u64, lifetime_of(keys), end - now) : 0;
}

bool tls_ticket_seal(const struct tls_ticket_keys *keys, const struct tls_ticket *ticket, u8 *out)
{
	const struct tls_ticket_key *key = keys->keys;
	u8 *nonce = out + TLS_TICKET_KEY_NAME, *content = nonce + TLS_NONCE;
	struct tls_aead aead = {};
	u8 *at = content;
	bool sealed;

	if (!keys->n_keys)
		return false;
	memcpy(out, key->name, TLS_TICKET_KEY_NAME);
	tls_random(nonce, TLS_NONCE);
	*at++ = ticket->version >> 8;
	*at++ = ticket->version & 0xff;
	*at++ = ticket->bound;
	tls_put64(at, ticket->since);
	tls_put64(at + 8, ticket->issued);
	memcpy(at + 16, ticket->name, sizeof(ticket->name));
	memcpy(at + 16 + sizeof(ticket->name), ticket->secret, sizeof(ticket->secret));
	sealed = tls_aead_set(&aead, TLS_AES256_GCM, key->key) &&
		 tls_aead_seal(&aead, nonce, out, TLS_TICKET_KEY_NAME, content,
			       TLS_TICKET_CONTENT);
	tls_aead_free(&aead);
	if (!sealed)
		memzero_explicit(out, TLS_TICKET_BYTES);
	return sealed;
}

/* Made of what was decrypted. False: it is none any more. */
static bool take(struct tls_ticket *ticket, const u8 *content, u32 lifetime, u64 now)
{
	struct tls_in in = { .at = content, .left = TLS_TICKET_CONTENT };

	ticket->version = tls_read(&in, 2);
	ticket->bound = tls_read(&in, 1);
	ticket->since = tls_get64(in.at);
	ticket->issued = tls_get64(in.at + 8);
	memcpy(ticket->name, in.at + 16, sizeof(ticket->name));
	memcpy(ticket->secret, in.at + 16 + sizeof(ticket->name), sizeof(ticket->secret));
	return ticket->issued <= now + TLS_TICKET_SKEW &&
	       now < ticket->issued + lifetime && now < ticket->since + TLS_TICKET_LIFETIME_MAX;
}

bool tls_ticket_open(const struct tls_ticket_keys *keys, const u8 *sealed, size_t len, u64 now,
		     struct tls_ticket *ticket)
{
	const u8 *nonce = sealed + TLS_TICKET_KEY_NAME;
	u8 content[TLS_TICKET_CONTENT + TLS_TAG];
	const struct tls_ticket_key *key = NULL;
	struct tls_aead aead = {};
	bool opened;

	if (len != TLS_TICKET_BYTES)
		return false;
	for (int i = 0; i < keys->n_keys && !key; i++)
		if (!memcmp(keys->keys[i].name, sealed, TLS_TICKET_KEY_NAME))
			key = &keys->keys[i];
	if (!key)
		return false;
	/* The message that it came in is still to be hashed as it is. */
	memcpy(content, nonce + TLS_NONCE, sizeof(content));
	opened = tls_aead_set(&aead, TLS_AES256_GCM, key->key) &&
		 tls_aead_open(&aead, nonce, sealed, TLS_TICKET_KEY_NAME, content,
			       TLS_TICKET_CONTENT) &&
		 take(ticket, content, lifetime_of(keys), now);
	tls_aead_free(&aead);
	memzero_explicit(content, sizeof(content));
	if (!opened)
		memzero_explicit(ticket, sizeof(*ticket));
	return opened;
}

// SPDX-License-Identifier: GPL-2.0-only
/* For tests/test_identities.py: what kmod/identities.c takes and gives, as ctypes has it. */
#include <malloc.h>
#include <sys/mman.h>

#include "identities_shim.h"

#include "identities.h"
#include "tickets.h"

int shim_allocations = -1;
int shim_blocks;
int shim_leaks;

/* No session is resumed here. */
const struct tls_ticket_keys *weir_tickets_get(const struct weir_tickets *tickets)
{
	(void)tickets;
	return NULL;
}

/* What every key of P-256 of the tests begins with. */
static const char mark[] = "a key of the tests";
/* The lowest limb of a secret of a key of RSA. */
u64 shim_secret;

void *shim_alloc(size_t size)
{
	if (!shim_allocations)
		return NULL;
	if (shim_allocations > 0)
		shim_allocations--;
	shim_blocks++;
	return calloc(1, size);
}

void shim_free(void *block)
{
	if (!block)
		return;
	for (size_t i = 0; i + sizeof(mark) - 1 <= malloc_usable_size(block); i++)
		if (!memcmp((char *)block + i, mark, sizeof(mark) - 1) ||
		    (shim_secret &&
		     !memcmp((char *)block + i, &shim_secret, sizeof(shim_secret))))
			shim_leaks++;
	shim_blocks--;
	free(block);
}

static struct netlink_ext_ack said;

const char *shim_said(void)
{
	return said.text;
}

enum {
	/* Of a key, and as many bytes behind it that may not be read. */
	ROOM = 1 << 18,
};

/* A copy with nothing behind it. */
static const u8 *at_the_end(const u8 *bytes, size_t len)
{
	static u8 *room;

	if (len > ROOM)
		abort();
	if (!room) {
		room = mmap(NULL, 2 * ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (room == MAP_FAILED || mprotect(room, ROOM, PROT_READ | PROT_WRITE))
			abort();
	}
	return memcpy(room + ROOM - len, bytes, len);
}

/* @names: @name_count texts, each with a NUL. A staple has any bytes. */
int shim_add(struct weir_identities *identities, const u8 *chain, size_t chain_len,
	     enum weir_key kind, const u8 *key, size_t key_len, bool is_default, u32 name_count,
	     const char *names, size_t staple_len)
{
	static const u8 staple[TLS_CHAIN_MAX];
	struct http_text *texts = malloc((name_count + 1) * sizeof(*texts));
	const struct weir_identity_source source = {
		.chain = { .at = chain, .len = chain_len },
		.key_kind = kind,
		.key = { .at = at_the_end(key, key_len), .len = key_len },
		.is_default = is_default,
		.name_count = name_count,
		.names = texts,
		.chain_file = "chain.pem",
		.key_file = "key.pem",
		.staple = { .at = staple, .len = staple_len },
		.staple_until = 5,
		.staple_file = "status.der",
	};
	int err;

	if (!texts)
		abort();
	for (u32 i = 0; i < name_count; i++) {
		texts[i] = (struct http_text){ .at = (const u8 *)names, .len = strlen(names) };
		names += texts[i].len + 1;
	}
	err = weir_identities_add(identities, &source, &said);
	free(texts);
	return err;
}

int shim_finish(struct weir_identities *identities, bool refuse)
{
	identities->refuse_unknown = refuse;
	return weir_identities_finish(identities, &said);
}

static int number_of(const struct weir_identities *identities, const struct tls_identity *found)
{
	for (u32 i = 0; found && i < identities->count; i++)
		if (found == &identities->members[i]->tls)
			return i;
	return -1;
}

/* Their numbers by the kinds of keys, asked for as the engine does; -1: there is none. */
void shim_find(struct weir_identities *identities, const u8 *name, size_t len, int *numbers)
{
	const struct http_text text = { .at = name, .len = len };
	const struct tls_identities found = identities->tls.find(&identities->tls, text);

	if ((found.ecdsa && found.ecdsa->rsa) || (found.rsa && !found.rsa->rsa))
		abort();
	numbers[WEIR_KEY_ECDSA_P256] = number_of(identities, found.ecdsa);
	numbers[WEIR_KEY_RSA] = number_of(identities, found.rsa);
}

/* With the key of one, of RSA: as rsa_private(). */
bool shim_private(const struct weir_identities *identities, u32 number, u8 *result,
		  const u8 *message)
{
	static struct rsa_scratch scratch;

	return rsa_private(&scratch, identities->members[number]->tls.rsa, result, message);
}

size_t shim_longest(const struct weir_identities *identities)
{
	return identities->tls.chain_most;
}

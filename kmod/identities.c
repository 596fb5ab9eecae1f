// SPDX-License-Identifier: GPL-2.0-only
/* Certificates with their keys, and the names that they serve. */

#include <linux/bsearch.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/sort.h>
#include <linux/unaligned.h>

#include "http_chars.h"
#include "identities.h"
#include "tickets.h"

/* Bytes of a name that fit into a message. */
enum { WEIR_NAME_SHOWN = 56 };

/**
 * struct weir_identity_name - one that clients may ask for
 * @text: in lower case
 * @served: who serves it
 */
struct weir_identity_name {
	struct http_text	text;
	struct tls_identities	served;
};

static struct tls_identities weir_identities_answer(const struct tls_config *config,
						    struct http_text name)
{
	return weir_identities_find(container_of(config, struct weir_identities, tls), name);
}

static const struct tls_ticket_keys *weir_identities_tickets(const struct tls_config *config)
{
	return weir_tickets_get(container_of(config, struct weir_identities, tls)->tickets);
}

static u64 weir_identities_now(void)
{
	return ktime_get_real_seconds();
}

void weir_identities_resume(struct weir_identities *identities, struct weir_tickets *tickets)
{
	identities->tickets = tickets;
	identities->tls.tickets = weir_identities_tickets;
}

struct weir_identities *weir_identities_alloc(void)
{
	struct weir_identities *identities = kzalloc(sizeof(*identities), GFP_KERNEL_ACCOUNT);

	if (!identities)
		return NULL;
	refcount_set(&identities->refs, 1);
	identities->tls.find = weir_identities_answer;
	identities->tls.now = weir_identities_now;
	identities->tls.groups[0] = TLS_GROUP_X25519;
	identities->tls.groups[1] = TLS_GROUP_P256;
	static_assert(ARRAY_SIZE(identities->tls.groups) == 2);
	return identities;
}

struct weir_identities *weir_identities_get(struct weir_identities *identities)
{
	if (identities)
		refcount_inc(&identities->refs);
	return identities;
}

void weir_identities_put(struct weir_identities *identities)
{
	u32 i;

	if (!identities || !refcount_dec_and_test(&identities->refs))
		return;
	for (i = 0; i < identities->count; i++)
		kvfree_sensitive(identities->members[i], identities->members[i]->size);
	kvfree(identities->names);
	kfree(identities);
}

/* Whether it is a list as a Certificate message has it, of at least one, without extensions. */
static bool weir_chain_ok(struct http_text chain)
{
	if (!chain.len || chain.len > TLS_CHAIN_MAX)
		return false;
	while (chain.len) {
		size_t len;

		if (chain.len < 3)
			return false;
		len = get_unaligned_be24(chain.at);
		if (!len || chain.len - 3 < len + 2 || get_unaligned_be16(chain.at + 3 + len))
			return false;
		chain.at += 3 + len + 2;
		chain.len -= 3 + len + 2;
	}
	return true;
}

/* From 1 to the order of P-256 less 1; the time tells nothing of it. */
static bool weir_key_ok(struct http_text key)
{
	static const u8 order[P256_BYTES] = {
		0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
		0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
	};
	unsigned int borrow = 0;
	u8 any = 0;
	int i;

	if (key.len != sizeof(order))
		return false;
	for (i = sizeof(order) - 1; i >= 0; i--) {
		any |= key.at[i];
		borrow = (key.at[i] - order[i] - borrow) >> 8 & 1;
	}
	return any && borrow;
}

/* A host's name in lower case, or "*." and one. */
static bool weir_server_name_ok(struct http_text name)
{
	size_t from = name.len > 2 && name.at[0] == '*' && name.at[1] == '.' ? 2 : 0;
	size_t i;

	if (name.len == from || name.len > WEIR_SERVER_NAME_MAX)
		return false;
	for (i = from; i < name.len; i++) {
		u8 byte = name.at[i];

		if (byte == '.' ? i == from || i + 1 == name.len || name.at[i - 1] == '.' :
		    !(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9') &&
		    byte != '-' && byte != '_')
			return false;
	}
	return true;
}

static int weir_identity_check(const struct weir_identity_source *source,
			       struct netlink_ext_ack *extack)
{
	u32 i;

	if (!weir_chain_ok(source->chain)) {
		NL_SET_ERR_MSG_FMT(extack, "the chain is no list of certificates in %d bytes",
				   TLS_CHAIN_MAX);
		return -EINVAL;
	}
	if (source->staple.len > TLS_STAPLE_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "the staple has more than %d bytes", TLS_STAPLE_MAX);
		return -EINVAL;
	}
	if (source->chain.len + source->staple.len > TLS_CHAIN_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "chain and staple have more than %d bytes",
				   TLS_CHAIN_MAX);
		return -EINVAL;
	}
	if (source->key_kind != WEIR_KEY_RSA && !weir_key_ok(source->key)) {
		NL_SET_ERR_MSG(extack, "the key is no private key of P-256");
		return -EINVAL;
	}
	if (source->name_count > WEIR_SERVER_NAMES_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "a certificate has more than %d names",
				   WEIR_SERVER_NAMES_MAX);
		return -E2BIG;
	}
	for (i = 0; i < source->name_count; i++) {
		if (weir_server_name_ok(source->names[i]))
			continue;
		NL_SET_ERR_MSG(extack, "a name is no host's in lower case, nor \"*.\" and one");
		return -EINVAL;
	}
	if (strlen(source->chain_file) >= WEIR_FILE_NAME_MAX ||
	    strlen(source->key_file) >= WEIR_FILE_NAME_MAX ||
	    (source->staple.len && strlen(source->staple_file) >= WEIR_FILE_NAME_MAX)) {
		NL_SET_ERR_MSG_FMT(extack, "a file's name has more than %d bytes",
				   WEIR_FILE_NAME_MAX - 1);
		return -EINVAL;
	}
	return 0;
}

/* Numbers, each behind its length, and nothing else. */
static bool weir_rsa_read(struct rsa_numbers *numbers, struct http_text key)
{
	struct http_text *const all[] = {
		&numbers->n, &numbers->e, &numbers->p, &numbers->q, &numbers->dp, &numbers->dq,
		&numbers->qinv,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		if (key.len < 2)
			return false;
		all[i]->len = get_unaligned_be16(key.at);
		all[i]->at = key.at + 2;
		if (key.len - 2 < all[i]->len)
			return false;
		key.at += 2 + all[i]->len;
		key.len -= 2 + all[i]->len;
	}
	return !key.len;
}

static int weir_rsa_key_make(struct rsa_key *key, struct http_text source,
			     struct netlink_ext_ack *extack)
{
	struct rsa_scratch *scratch;
	struct rsa_numbers numbers;
	bool good;

	scratch = kvmalloc(sizeof(*scratch), GFP_KERNEL);
	if (!scratch)
		return -ENOMEM;
	good = weir_rsa_read(&numbers, source) && rsa_key_set(key, &numbers, scratch);
	kvfree(scratch);
	if (good)
		return 0;
	NL_SET_ERR_MSG(extack, "the key is no private key of RSA with 2048, 3072 or 4096 bits");
	return -EINVAL;
}

/* Copy to *@to, which moves on. */
static const void *weir_identity_copy(u8 **to, const void *from, size_t len)
{
	u8 *at = *to;

	memcpy(at, from, len);
	*to += len;
	return at;
}

static struct weir_identity *weir_identity_make(const struct weir_identity_source *source)
{
	size_t chain_name = strlen(source->chain_file) + 1;
	size_t key_name = strlen(source->key_file) + 1;
	size_t staple_name = source->staple.len ? strlen(source->staple_file) + 1 : 0;
	size_t size = sizeof(struct weir_identity) + source->name_count * sizeof(struct http_text) +
		      source->chain.len + chain_name + key_name + source->staple.len + staple_name;
	size_t rsa = source->key_kind == WEIR_KEY_RSA ? sizeof(struct rsa_key) : 0;
	struct weir_identity *identity;
	u8 *rest;
	u32 i;

	for (i = 0; i < source->name_count; i++)
		size += source->names[i].len;
	size += rsa;
	identity = kvzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!identity)
		return NULL;
	identity->size = size;
	identity->names = (struct http_text *)((u8 *)(identity + 1) + rsa);
	identity->name_count = source->name_count;
	rest = (u8 *)(identity->names + source->name_count);
	for (i = 0; i < source->name_count; i++) {
		identity->names[i].len = source->names[i].len;
		identity->names[i].at = weir_identity_copy(&rest, source->names[i].at,
							   source->names[i].len);
	}
	identity->tls.chain_len = source->chain.len;
	identity->tls.chain = weir_identity_copy(&rest, source->chain.at, source->chain.len);
	identity->chain_file = weir_identity_copy(&rest, source->chain_file, chain_name);
	identity->key_file = weir_identity_copy(&rest, source->key_file, key_name);
	if (source->staple.len) {
		identity->tls.staple_len = source->staple.len;
		identity->tls.staple = weir_identity_copy(&rest, source->staple.at,
							  source->staple.len);
		identity->tls.staple_until = source->staple_until;
		identity->staple_file = weir_identity_copy(&rest, source->staple_file,
							   staple_name);
	}
	identity->key_kind = source->key_kind;
	identity->is_default = source->is_default;
	if (!rsa)
		memcpy(identity->tls.key, source->key.at, sizeof(identity->tls.key));
	return identity;
}

/* Where the key of one of RSA lies. */
static struct rsa_key *weir_identity_rsa(struct weir_identity *identity)
{
	return (struct rsa_key *)(identity + 1);
}

int weir_identities_add(struct weir_identities *identities,
			const struct weir_identity_source *source, struct netlink_ext_ack *extack)
{
	struct weir_identity *identity;
	int err;

	err = weir_identity_check(source, extack);
	if (err)
		return err;
	if (identities->count == WEIR_CERTIFICATES_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "more than %d certificates", WEIR_CERTIFICATES_MAX);
		return -E2BIG;
	}
	identity = weir_identity_make(source);
	if (!identity)
		return -ENOMEM;
	if (source->key_kind == WEIR_KEY_RSA) {
		err = weir_rsa_key_make(weir_identity_rsa(identity), source->key, extack);
		if (err) {
			kvfree_sensitive(identity, identity->size);
			return err;
		}
		identity->tls.rsa = weir_identity_rsa(identity);
	}
	identities->members[identities->count++] = identity;
	return 0;
}

static int weir_text_compare(struct http_text a, struct http_text b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return memcmp(a.at, b.at, a.len);
}

static int weir_identity_name_order(const void *a, const void *b)
{
	const struct weir_identity_name *one = a, *other = b;

	return weir_text_compare(one->text, other->text);
}

/* Where the one of its kind of key is. */
static const struct tls_identity **weir_identity_place(struct tls_identities *served,
						       const struct tls_identity *identity)
{
	return identity->rsa ? &served->rsa : &served->ecdsa;
}

static int weir_identity_name_match(const void *key, const void *member)
{
	const struct http_text *text = key;
	const struct weir_identity_name *name = member;

	return weir_text_compare(*text, name->text);
}

/*
 * Who is taken where no name fits: who is marked, at most one of each kind of key; if nobody is,
 * the first of each kind.
 */
static int weir_identities_choose(struct weir_identities *identities,
				  struct netlink_ext_ack *extack)
{
	struct tls_identities marked = {}, first = {};
	const struct tls_identity **place;
	u32 i;

	for (i = 0; i < identities->count; i++) {
		place = weir_identity_place(&first, &identities->members[i]->tls);
		*place = *place ?: &identities->members[i]->tls;
		if (!identities->members[i]->is_default)
			continue;
		place = weir_identity_place(&marked, &identities->members[i]->tls);
		if (*place) {
			NL_SET_ERR_MSG(extack, "two certificates are the default");
			return -EINVAL;
		}
		if (identities->refuse_unknown) {
			NL_SET_ERR_MSG(extack,
				       "a certificate is the default, but unknown names are refused");
			return -EINVAL;
		}
		*place = &identities->members[i]->tls;
	}
	identities->otherwise = marked;
	if (!marked.ecdsa && !marked.rsa && !identities->refuse_unknown)
		identities->otherwise = first;
	return 0;
}

/* Put members of the same name, which are sorted, together. */
static int weir_identities_merge(struct weir_identities *identities,
				 struct netlink_ext_ack *extack)
{
	struct weir_identity_name *names = identities->names;
	u32 count = identities->name_count, used = 0, i;

	for (i = 0; i < count; i++) {
		const struct tls_identity *identity = names[i].served.ecdsa ?: names[i].served.rsa;
		struct http_text text = names[i].text;
		const struct tls_identity **place;

		if (!used || weir_text_compare(names[used - 1].text, text)) {
			names[used++] = names[i];
			continue;
		}
		place = weir_identity_place(&names[used - 1].served, identity);
		if (*place) {
			NL_SET_ERR_MSG_FMT(extack, "name %.*s is given twice",
					   min_t(int, text.len, WEIR_NAME_SHOWN), text.at);
			return -EEXIST;
		}
		*place = identity;
	}
	identities->name_count = used;
	return 0;
}

/* All names of one. */
static void weir_identities_name(struct weir_identities *identities,
				 const struct weir_identity *identity)
{
	struct tls_identities served = {};
	u32 i;

	*weir_identity_place(&served, &identity->tls) = &identity->tls;
	for (i = 0; i < identity->name_count; i++)
		identities->names[identities->name_count++] = (struct weir_identity_name){
			.text = identity->names[i],
			.served = served,
		};
}

int weir_identities_finish(struct weir_identities *identities, struct netlink_ext_ack *extack)
{
	u32 count = 0, i;
	int err;

	err = weir_identities_choose(identities, extack);
	if (err)
		return err;
	for (i = 0; i < identities->count; i++) {
		const struct tls_identity *tls = &identities->members[i]->tls;

		count += identities->members[i]->name_count;
		identities->tls.chain_most = max(identities->tls.chain_most,
						 tls->chain_len + tls->staple_len);
	}
	if (!count)
		return 0;
	kvfree(identities->names);
	identities->names = kvmalloc_array(count, sizeof(*identities->names), GFP_KERNEL_ACCOUNT);
	if (!identities->names)
		return -ENOMEM;
	identities->name_count = 0;
	for (i = 0; i < identities->count; i++)
		weir_identities_name(identities, identities->members[i]);
	sort(identities->names, count, sizeof(*identities->names), weir_identity_name_order, NULL);
	return weir_identities_merge(identities, extack);
}

/* Take who serves a name, where nobody of the kind is taken yet. */
static void weir_identities_look(const struct weir_identities *identities, struct http_text text,
				 struct tls_identities *found)
{
	const struct weir_identity_name *name =
		bsearch(&text, identities->names, identities->name_count,
			sizeof(*identities->names), weir_identity_name_match);

	if (!name)
		return;
	found->ecdsa = found->ecdsa ?: name->served.ecdsa;
	found->rsa = found->rsa ?: name->served.rsa;
}

struct tls_identities weir_identities_find(const struct weir_identities *identities,
					   struct http_text name)
{
	struct tls_identities found = {};
	u8 lower[WEIR_SERVER_NAME_MAX];
	size_t dot = 0, i;

	if (!name.len || name.len > sizeof(lower))
		return identities->otherwise;
	for (i = 0; i < name.len; i++)
		lower[i] = http_lower(name.at[i]);
	weir_identities_look(identities, (struct http_text){ .at = lower, .len = name.len },
			     &found);
	while (dot < name.len && lower[dot] != '.')
		dot++;
	/* A wildcard stands for one label, which has at least a byte: there is room for a star. */
	if ((!found.ecdsa || !found.rsa) && dot && dot < name.len) {
		lower[dot - 1] = '*';
		weir_identities_look(identities,
				     (struct http_text){ .at = lower + dot - 1,
							 .len = name.len - dot + 1 },
				     &found);
	}
	return found.ecdsa || found.rsa ? found : identities->otherwise;
}

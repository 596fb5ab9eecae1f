/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Certificates with their keys, and the names that they serve.  They belong to
 * a configuration; a handshake that has begun keeps them beyond it.
 */
#ifndef _WEIR_IDENTITIES_H
#define _WEIR_IDENTITIES_H

#include <linux/refcount.h>
#include <linux/types.h>

#include "tls_server.h"

struct netlink_ext_ack;
struct weir_identity_name;
struct weir_tickets;

enum weir_identities_bounds {
	WEIR_CERTIFICATES_MAX	= 256,
	WEIR_SERVER_NAMES_MAX	= 100,	/* of one certificate */
	WEIR_SERVER_NAME_MAX	= 253,
	WEIR_FILE_NAME_MAX	= 1024,	/* with the closing NUL */
};

/* What a key is. */
enum weir_key {
	WEIR_KEY_ECDSA_P256,
	WEIR_KEY_RSA,
};

/**
 * struct weir_identity - a certificate with its key
 * @size: bytes of all of it
 * @tls: what a handshake needs of it
 * @key_kind: what its key is
 * @is_default: for clients whose name nobody has
 * @name_count: members of @names
 * @names: that it serves, in lower case, or "*." and what is behind the first dot
 * @chain_file: where its chain was read, to be shown
 * @key_file: and its key
 * @staple_file: and its staple; NULL: it has none
 *
 * A key of RSA, the chain, the staple and all texts lie behind the structure.
 */
struct weir_identity {
	size_t			size;
	struct tls_identity	tls;
	enum weir_key		key_kind;
	bool			is_default;
	u32			name_count;
	struct http_text	*names;
	const char		*chain_file;
	const char		*key_file;
	const char		*staple_file;
};

/**
 * struct weir_identities - all of a configuration
 * @refs: one of the configuration, one of each connection in its handshake
 * @tls: for the engine
 * @refuse_unknown: a client whose name nobody has is refused
 * @count: used entries of @members
 * @members: in the order in which they were given
 *
 * Set by weir_identities_finish(), and not changed afterwards, as is the longest chain in @tls:
 * @otherwise: for clients whose name nobody has; none: they are refused
 * @name_count: members of @names
 * @names: of all of them, sorted
 * @tickets: keys of sessions, the namespace's; NULL: none are resumed
 */
struct weir_identities {
	refcount_t			refs;
	struct tls_config		tls;
	bool				refuse_unknown;
	u32				count;
	struct tls_identities		otherwise;
	u32				name_count;
	struct weir_identity_name	*names;
	struct weir_tickets		*tickets;
	struct weir_identity		*members[WEIR_CERTIFICATES_MAX];
};

/**
 * struct weir_identity_source - what a certificate is made of; all of it is copied
 * @chain: as struct tls_identity has it
 * @key_kind: what the key is
 * @key: its bytes, as the ABI's key-kind says
 * @is_default: for clients whose name nobody has
 * @name_count: members of @names
 * @names: that it serves
 * @chain_file: where the chain was read
 * @key_file: and the key
 * @staple: what clients are told of its status; empty: nothing
 * @staple_until: as struct tls_identity has it
 * @staple_file: where the staple was read, if there is one
 */
struct weir_identity_source {
	struct http_text		chain;
	enum weir_key			key_kind;
	struct http_text		key;
	bool				is_default;
	u32				name_count;
	const struct http_text		*names;
	const char			*chain_file;
	const char			*key_file;
	struct http_text		staple;
	u64				staple_until;
	const char			*staple_file;
};

/* None yet, with one reference; NULL: no memory.  Process context. */
struct weir_identities *weir_identities_alloc(void);

/*
 * Add one while nobody else sees them.  -EINVAL for what is not well formed, -E2BIG for one too
 * many, both with a message in @extack; -ENOMEM without.  Process context.
 */
int weir_identities_add(struct weir_identities *identities,
			const struct weir_identity_source *source, struct netlink_ext_ack *extack);
/* Make them ready to be looked for: 0, or -EINVAL or -EEXIST and a message, or -ENOMEM. */
int weir_identities_finish(struct weir_identities *identities, struct netlink_ext_ack *extack);

/*
 * Let sessions be resumed, with keys that outlive all connections.  While nobody else
 * sees them.
 */
void weir_identities_resume(struct weir_identities *identities, struct weir_tickets *tickets);

/* NULL will do for both.  Any context but hard interrupts; the last put wipes all keys. */
struct weir_identities *weir_identities_get(struct weir_identities *identities);
void weir_identities_put(struct weir_identities *identities);

/*
 * Those for a name as a client sent it, or for an empty one, of each kind of key: that has exactly
 * this name, else one with a wildcard for it.  Where there is neither of any kind, the defaults;
 * none: to be refused.  They live as long as the caller's reference.  Any context, no lock.
 */
struct tls_identities weir_identities_find(const struct weir_identities *identities,
					   struct http_text name);

#endif /* _WEIR_IDENTITIES_H */

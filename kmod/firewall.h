/* SPDX-License-Identifier: GPL-2.0-only */
/* What a configuration says of the block table: who may never be blocked, and how many may be. */
#ifndef _WEIR_FIREWALL_H
#define _WEIR_FIREWALL_H

#include <linux/types.h>

#include "prefix.h"

struct netlink_ext_ack;

enum weir_firewall_bounds {
	WEIR_ALLOW_MAX		= 512,		/* prefixes */
	WEIR_PROXIES_MAX	= 64,		/* prefixes */
	WEIR_BLOCK_MAX		= 1 << 24,	/* entries of a block table */
	WEIR_BLOCK_MAX_DEFAULT	= 1 << 20,
};

/**
 * struct weir_firewall - a part of a configuration
 * @allow: the allow-list as it was given
 * @allow_count: how many these are
 * @sorted: the same by family and address, none within another
 * @sorted_count: how many these are
 * @allow_mark: packets whose mark has these bits under @allow_mask are let through
 * @allow_mask: which bits; 0: marks are not looked at
 * @block_mark: what packets of blocked clients get under @block_mask, instead of being dropped
 * @block_mask: which bits; 0: they are dropped
 * @block_max: entries that the block table may have
 * @proxies: whose word is taken for whom they ask for
 * @proxy_count: how many these are
 * @proxy_protocol: they begin a connection with a header of the PROXY protocol
 * @forwarded_for: they add to X-Forwarded-For
 *
 * Written while nobody else sees the configuration.
 */
struct weir_firewall {
	struct weir_prefix	*allow;
	struct weir_prefix	*sorted;
	u32			allow_count;
	u32			sorted_count;
	u32			allow_mark;
	u32			allow_mask;
	u32			block_mark;
	u32			block_mask;
	u32			block_max;
	struct weir_prefix	*proxies;
	u32			proxy_count;
	bool			proxy_protocol;
	bool			forwarded_for;
};

/* The defaults. */
void weir_firewall_setup(struct weir_firewall *firewall);
/* Any context but hard interrupts; no reader is left. */
void weir_firewall_release(struct weir_firewall *firewall);

/* Add to the allow-list: 0, -E2BIG and a message, -ENOMEM.  Process context. */
int weir_firewall_allow(struct weir_firewall *firewall, const struct weir_prefix *prefix,
			struct netlink_ext_ack *extack);
/* Add to the proxies: 0, -E2BIG and a message, -ENOMEM.  Process context. */
int weir_firewall_trust(struct weir_firewall *firewall, const struct weir_prefix *prefix,
			struct netlink_ext_ack *extack);
/* Whether an address is a proxy's.  Any context; as many comparisons as there are proxies. */
bool weir_firewall_trusts(const struct weir_firewall *firewall, const struct in6_addr *address);

/* Check it, and make it fit for being looked up in: 0, -EINVAL and a message, -ENOMEM.  Sleeps. */
int weir_firewall_finish(struct weir_firewall *firewall, struct netlink_ext_ack *extack);

/*
 * Whether every address of @prefix is in the allow-list.  Any context; ten
 * comparisons at most.
 */
bool weir_firewall_allows(const struct weir_firewall *firewall, const struct weir_prefix *prefix);

#endif /* _WEIR_FIREWALL_H */

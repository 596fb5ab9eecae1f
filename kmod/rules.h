/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual hosts and rules of a configuration: put together in process context
 * while nobody else can see them, and read by route.c under RCU as part of the
 * configuration, which owns them.
 */
#ifndef _WEIR_RULES_H
#define _WEIR_RULES_H

#include <linux/types.h>

#include "config.h"
#include "http_rules.h"

struct weir_meter;
struct weir_meters;
struct netlink_ext_ack;

enum weir_rules_bounds {
	WEIR_VHOSTS_MAX		= 256,
	WEIR_HOSTS_MAX		= 64,		/* of one virtual host */
	WEIR_RULES_MAX		= 1024,
	WEIR_MATCHES_MAX	= 64,		/* of one rule */
	WEIR_LOCATION_MAX	= 1024,		/* bytes, variables not replaced */
	WEIR_CHAIN_WORK_MAX	= 4096,		/* rules that a request is compared with */
};

/* What requests are judged by when there is no virtual host. */
#define WEIR_CHAIN_MAIN "main"

/* Instead of an upstream's index. */
#define WEIR_UPSTREAM_NONE U32_MAX

/**
 * struct weir_vhost - a virtual host
 * @name: its own name
 * @chain_name: of the rules that its requests are judged by, or ""
 * @chain: these, or NULL
 * @upstream: index of the group that gets what no rule takes, or WEIR_UPSTREAM_NONE
 * @challenge: what its clients have to do, or WEIR_CHALLENGE_AS_OTHERS
 * @meter: its counts, with a reference; NULL before it is applied
 * @policy: what its requests are to be like
 * @policy_given: a bit for each member of @policy that is its own, by WEIR_A_CHECKS_*
 * @name_count: how many host names it has
 * @names: the host names, in lower case, as they are shown
 */
struct weir_vhost {
	char				name[WEIR_NAME_MAX];
	char				chain_name[WEIR_NAME_MAX];
	const struct http_chain		*chain;
	u32				upstream;
	enum weir_challenge_kind	challenge;
	struct weir_meter		*meter;
	struct http_policy		policy;
	u32				policy_given;
	u32				name_count;
	struct http_text		names[] __counted_by(name_count);
};

/**
 * struct weir_rule - a rule
 * @rule: what is evaluated
 * @chain_name: the chain that it is in
 * @jump_name: the chain that it jumps to, or ""
 * @chain: index of the chain; once finished
 * @conditions: of @rule; the bytes that they point to follow them
 */
struct weir_rule {
	struct http_rule		rule;
	char				chain_name[WEIR_NAME_MAX];
	char				jump_name[WEIR_NAME_MAX];
	u32				chain;
	struct http_condition		conditions[];
};

/**
 * struct weir_chain - a chain
 * @chain: what is evaluated
 * @name: its name
 * @depth: chains that a walk may be inside of at once, this one included; 0:
 *	not known yet
 * @work: rules that a walk may look at
 */
struct weir_chain {
	struct http_chain		chain;
	const char			*name;
	u32				depth;
	u32				work;
};

/**
 * struct weir_rules - all of a configuration
 * @vhost_count: used entries of @vhosts
 * @rule_count: used entries of @rules
 * @chain_count: used entries of @chains
 * @vhosts: virtual hosts
 * @rules: rules as they were given
 *
 * Made by weir_rules_finish():
 * @chains: their chains
 * @order: the rules, chain by chain
 * @hosts: virtual hosts by name
 * @fingerprints: a rule looks at that of TLS
 * @main: what requests are judged by when there is no virtual host, or NULL
 * @scratch: room for the normal forms of path and query, or NULL
 * @room: bytes of @scratch
 */
struct weir_rules {
	u32				vhost_count;
	u32				rule_count;
	u32				chain_count;
	struct weir_vhost		**vhosts;
	struct weir_rule		**rules;
	struct weir_chain		*chains;
	const struct http_rule		**order;
	struct http_hosts		hosts;
	bool				fingerprints;
	const struct http_chain		*main;
	u8 __percpu			*scratch;
	u32				room;
};

/* The configuration's, made if it has none yet; NULL: no memory.  Process context. */
struct weir_rules *weir_rules_of(struct weir_config *config);
/* Nobody reads them any more.  Any context but hard interrupts. */
void weir_rules_free(struct weir_rules *rules);

/*
 * Give each virtual host the meter of its name.  Under the namespace's lock, for
 * the configuration that is applied; sleeps.
 */
int weir_rules_measure(struct weir_rules *rules, struct weir_meters *meters);
/* Add what was allocated by the caller, and is theirs afterwards whatever is returned. */
int weir_rules_add_vhost(struct weir_rules *rules, struct weir_vhost *vhost,
			 struct netlink_ext_ack *extack);
int weir_rules_add_rule(struct weir_rules *rules, struct weir_rule *rule,
			struct netlink_ext_ack *extack);

/*
 * Once all is added: find the chains, look for cycles, make the tables.  On an
 * error nothing but weir_rules_free() may follow.
 */
int weir_rules_finish(struct weir_rules *rules, u32 uri_length, struct netlink_ext_ack *extack);

/* The virtual host of this name, its index in @index; NULL if there is none. */
const struct weir_vhost *weir_rules_find_vhost(const struct weir_rules *rules, const char *name,
					       u32 *index);

#endif /* _WEIR_RULES_H */

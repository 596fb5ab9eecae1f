/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules that requests are judged by, and virtual hosts: what the data path
 * evaluates.  Compiled once (rules.c), never changed after that; nothing here
 * allocates, recurses, or looks at more rules than the chains were checked for.
 */
#ifndef WEIR_HTTP_RULES_H
#define WEIR_HTTP_RULES_H

#include "http_match.h"
#include "http_parts.h"

enum {
	/* Chains that a walk may be inside of at once. */
	HTTP_CHAIN_DEPTH = 8,
	HTTP_ADDRESS_LEN = 16,
};

enum http_condition_kind {
	HTTP_CONDITION_HOST,
	HTTP_CONDITION_PATH,
	HTTP_CONDITION_QUERY,
	HTTP_CONDITION_METHOD,
	HTTP_CONDITION_HEADER,
	HTTP_CONDITION_COOKIE,
	HTTP_CONDITION_SOURCE,
	HTTP_CONDITION_MARK,
	HTTP_CONDITION_FINGERPRINT,
	HTTP_CONDITION_COUNT,
};

/**
 * struct http_condition - one thing that has to be so
 * @kind: enum http_condition_kind
 * @negate: it must not be so
 * @or_next: the next condition, of the same kind, is an alternative to this one
 * @prefix: bits of @address
 * @field: a header's enum http_field_id
 * @name: a header's or a cookie's name
 * @pattern: all but source and mark
 * @address: IPv6, or IPv4 mapped
 * @mark: what the bits of @mask are
 * @mask: of a mark
 */
struct http_condition {
	u8 kind;
	bool negate;
	bool or_next;
	u8 prefix;
	u8 field;
	struct http_text name;
	union {
		struct http_pattern pattern;
		u8 address[HTTP_ADDRESS_LEN];
		struct {
			u32 mark;
			u32 mask;
		};
	};
};

enum http_rule_action {
	HTTP_RULE_UPSTREAM,
	HTTP_RULE_REDIRECT,
	HTTP_RULE_BLOCK,
	HTTP_RULE_RESET,
	HTTP_RULE_DROP,
	HTTP_RULE_SET_MARK,
	HTTP_RULE_JUMP,
	HTTP_RULE_COUNT,
};

struct http_chain;

/**
 * struct http_rule - what is done with requests that meet all conditions
 * @conditions: of which alternatives stand side by side
 * @condition_count: how many
 * @action: enum http_rule_action
 * @status: of a redirect or a block
 * @mark: to be set
 * @upstream: index of the group
 * @jump: the chain to go on in
 * @location: where a redirect leads to, with its variables
 */
struct http_rule {
	const struct http_condition *conditions;
	u16 condition_count;
	u8 action;
	u16 status;
	u32 mark;
	u32 upstream;
	const struct http_chain *jump;
	struct http_text location;
};

/**
 * struct http_chain - rules in their order
 * @rules: the rules
 * @count: how many
 */
struct http_chain {
	const struct http_rule *const *rules;
	u32 count;
};

/**
 * struct http_case - a request that is judged, and what came of it
 * @head: a request that is done
 * @buf: what it was parsed from
 * @address: of the client, HTTP_ADDRESS_LEN bytes
 * @mark: of its connection
 * @fingerprint: of its client's TLS; empty: not known
 * @scratch: room for the normal forms of path and query
 * @room: bytes of @scratch: as many as the target has suffice
 *
 * Set by http_judge():
 * @path: normal form, once a rule has asked for it
 * @query: the same of the query
 * @host: whom it is for
 * @unclear: a rule asked for a path or a host that has no one meaning: 400
 * @private: the verdict hangs on more than method and target
 * @marked: a rule has set a mark
 * @new_mark: which
 * @looked_at: rules that were looked at
 */
struct http_case {
	const struct http_head *head;
	const u8 *buf;
	const u8 *address;
	u32 mark;
	struct http_text fingerprint;
	u8 *scratch;
	size_t room;
	struct http_text path;
	struct http_text query;
	struct http_text host;
	bool unclear;
	bool private;
	bool marked;
	u32 new_mark;
	u32 looked_at;
};

/* The rule of @chain that takes the request; NULL: none, or it is unclear. */
const struct http_rule *http_judge(const struct http_chain *chain, struct http_case *request);

/**
 * struct http_name - one name of a virtual host
 * @hash: of @text, as http_hosts_find() makes it
 * @next: index of the next name in its bucket and one more, 0 at the end
 * @text: in lower case; of a wildcard what follows the star: ".example.com"
 * @wildcard: the name is any that ends so
 * @vhost: whose it is
 */
struct http_name {
	u32 hash;
	u32 next;
	struct http_text text;
	bool wildcard;
	u32 vhost;
};

/**
 * struct http_hosts - all names
 * @buckets: index of a bucket's first name and one more, 0: empty
 * @mask: number of buckets less one; they are a power of two
 * @names: the names
 * @count: how many
 * @fallback: the virtual host of requests that no name fits, or HTTP_VHOST_NONE
 */
struct http_hosts {
	u32 *buckets;
	u32 mask;
	struct http_name *names;
	u32 count;
	u32 fallback;
};

#define HTTP_VHOST_NONE U32_MAX

/* Add @names[@count], all but hash and next filled in; -1 if there is one like it. */
int http_hosts_add(struct http_hosts *hosts);
/* The virtual host: of the name itself, else of the longest wildcard, else the fallback. */
u32 http_hosts_find(const struct http_hosts *hosts, struct http_text host);

/**
 * http_location - where a redirect leads to
 * @out: room
 * @size: its size
 * @location: with $host, $path and $uri
 * @head: the request
 * @buf: what it was parsed from
 *
 * Returns how many bytes the whole needs; 0 if it needs a host and there is none.
 */
size_t http_location(u8 *out, size_t size, struct http_text location,
		     const struct http_head *head, const u8 *buf);

/* Whether a redirect may be told to lead there: what is wrong, or NULL. */
const char *http_location_fault(struct http_text location);

#endif /* WEIR_HTTP_RULES_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a request goes: virtual host, then its chain of rules, then the virtual host's upstream. */
#ifndef _WEIR_ROUTE_H
#define _WEIR_ROUTE_H

#include <linux/types.h>

#include "http_parts.h"
#include "http_policy.h"

struct http_head;
struct in6_addr;
struct weir_incident;
struct weir_net;
struct weir_config;

enum weir_route_kind {
	WEIR_ROUTE_UPSTREAM,
	WEIR_ROUTE_REDIRECT,
	WEIR_ROUTE_CHECK,	/* does not pass a check */
	/* It goes no further. */
	WEIR_ROUTE_REFUSE,	/* no virtual host, no upstream, or not to be judged */
	WEIR_ROUTE_BLOCK,	/* by a rule */
	WEIR_ROUTE_RESET,
	WEIR_ROUTE_DROP,
};

/**
 * struct weir_route - what becomes of a request
 * @kind: which of these
 * @check: the check that it does not pass
 * @upstream: index of the group
 * @status: of a reply of Weir's own
 * @location: where a redirect leads to, with its variables; of the configuration
 * @private: the same target may lead elsewhere for another client: not to be cached
 * @vhost: index of the virtual host, or WEIR_PAGE_EVERYWHERE
 * @marked: a rule wants the connection to have @mark
 * @mark: the mark
 */
struct weir_route {
	enum weir_route_kind	kind;
	enum http_check		check;
	u32			upstream;
	u16			status;
	struct http_text	location;
	bool			private;
	u32			vhost;
	bool			marked;
	u32			mark;
};

/*
 * The index of the virtual host that a request, whose head is done, is for, or
 * WEIR_PAGE_EVERYWHERE; no rule is looked at.  Softirq.
 */
u32 weir_route_vhost(const struct weir_config *config, const struct http_head *head, const u8 *buf);

/*
 * Judge a request, whose head is done, by a configuration that has rules.
 * @mark: that of its connection; @fingerprint: of its TLS.  Softirq; the route is
 * good as long as @config.
 */
void weir_route_find(const struct weir_config *config, const struct http_head *head, const u8 *buf,
		     const struct in6_addr *client, u32 mark, struct http_text fingerprint,
		     struct weir_route *route);

/* Tell of a request that goes no further.  @event has what is known of it.  RCU read lock held. */
void weir_route_tell(struct weir_net *wn, const struct weir_route *route,
		     struct weir_incident *event);

#endif /* _WEIR_ROUTE_H */

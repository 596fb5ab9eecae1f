/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits of clients: whose account something is counted in, and what becomes
 * of what is refused.  clients.h counts; the actions themselves are those of the
 * socket in question (client_request.c, client.c, gate.c).
 */
#ifndef _WEIR_LIMIT_H
#define _WEIR_LIMIT_H

#include "config.h"
#include "events.h"

struct weir_net;

/* Whether what passes the limit can be replied to: no connection that is not open yet, no reply. */
bool weir_limit_can_reply(enum weir_limit limit);

/* Fill in what follows from what was configured.  Before the limits are published. */
void weir_limits_finish(struct weir_limits *limits);

/*
 * What a client is known by: an IPv4 address (mapped) as it is, of an IPv6
 * address the first ipv6_prefix bits.
 */
struct in6_addr weir_limit_key(const struct weir_limits *limits, const struct in6_addr *address);

/*
 * The client's account with one more connection open; see weir_accounts_open().
 * Softirq, or process context without locks.
 */
struct weir_account *weir_limit_open(struct weir_net *wn, const struct weir_limits *limits,
				     const struct in6_addr *address, bool bounded,
				     enum weir_limit *over);
/* The connection is gone, or never was.  Softirq, or process context without locks. */
void weir_limit_close(struct weir_net *wn, struct weir_account *account);

/* Whether no limit applies to a client: one of the allow-list, or a proxy.  Any context. */
bool weir_limit_spares_some(const struct weir_config *config, const struct in6_addr *address);
static inline bool weir_limit_spares(const struct weir_config *config,
				     const struct in6_addr *address)
{
	return (config->firewall.proxy_count || config->firewall.sorted_count) &&
	       weir_limit_spares_some(config, address);
}

/*
 * Something of a client was refused for the limit @over: count it, and what is
 * done about it, block the client if that is wanted, and tell of it.  @event has
 * what is known of client and request; the rest is filled in.  Returns the
 * action.  @limits are a configuration's.  Any context but hard interrupts, RCU
 * read lock held.  @event may be NULL if weir_limit_is_told() says so.
 */
enum weir_action weir_limit_refused(struct weir_net *wn, const struct weir_limits *limits,
				    enum weir_limit over, struct weir_incident *event);

/* Whether anything has to be known of who is refused, and what. */
static inline bool weir_limit_is_told(const struct weir_net *wn, const struct weir_limits *limits,
				      enum weir_limit over)
{
	return limits->answers[over].blocks || weir_events_wanted(wn);
}

/* What it means for limits that a request does not pass a check. */
static inline enum weir_limit weir_limit_of(enum http_check check)
{
	return WEIR_LIMIT_CHECKS + check;
}

#endif /* _WEIR_LIMIT_H */

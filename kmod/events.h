/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event log: what was refused, told one by one to whoever listens to the
 * multicast group "events" of the control family.
 *
 * While nobody listens an event costs one check.  Of each CPU's, so many a second
 * are told as the configuration says (log.rate); the rest, and those for which
 * there is no memory, or no room at any listener's, are counted as lost.
 * Nothing waits for a listener: one that does not read loses, and harms nobody.
 */
#ifndef _WEIR_EVENTS_H
#define _WEIR_EVENTS_H

#include <linux/types.h>

#include <uapi/weir.h>

#include "http_parser.h"

struct in6_addr;
struct weir_net;
union weir_address;

enum weir_events_bounds {
	WEIR_EVENTS_RATE_DEFAULT	= 1000,	/* of each CPU in a second */
};

/**
 * struct weir_incident - something that was refused
 * @reason: why
 * @action: what was done about it
 * @status: of the reply, or 0
 * @port: the connection's other end, in the host's byte order
 * @address: the client's, IPv4 mapped
 * @listener: where the listener listens that it came by
 * @vhost: name of the virtual host that judged the request, or NULL
 * @head: the request, as far as its start line was read, or NULL
 * @buf: what it was parsed from
 * @detail: what a parser did not like, or NULL
 * @blocked: the client was blocked besides
 * @block_time: for how long, microseconds; 0: until it is unblocked
 * @fingerprint: of the connection's TLS; empty: not known
 */
struct weir_incident {
	enum weir_reason		reason;
	enum weir_event_action		action;
	u16				status;
	u16				port;
	const struct in6_addr		*address;
	const union weir_address	*listener;
	const char			*vhost;
	const struct http_head		*head;
	const u8			*buf;
	const char			*detail;
	bool				blocked;
	u64				block_time;
	struct http_text		fingerprint;
};

/**
 * struct weir_events - a CPU's share of a namespace's events
 * @second: which second, by jiffies, is being counted
 * @told: how many were told in it
 */
struct weir_events {
	unsigned long	second;
	u32		told;
};

/* Whether anybody follows.  RCU read lock held. */
bool weir_events_wanted(const struct weir_net *wn);
/* Tell of it, or count it as lost.  Any context but hard interrupts, RCU read lock held. */
void weir_events_tell(struct weir_net *wn, const struct weir_incident *event);

/* For control.c: the family is registered; is going to be, when nobody is telling any more. */
void weir_events_open(void);
/* Process context, sleeps. */
void weir_events_close(void);

#endif /* _WEIR_EVENTS_H */

// SPDX-License-Identifier: GPL-2.0-only
/* The event log: making messages of events, as many as may be. */

#include <linux/jiffies.h>
#include <linux/percpu.h>
#include <linux/timekeeping.h>
#include <net/genetlink.h>
#include <net/ipv6.h>

#include "config.h"
#include "control.h"
#include "control_rules.h"
#include "events.h"
#include "http_parser.h"
#include "net.h"
#include "nl_gen.h"

enum {
	/* More than any event needs: a method, the beginning of a target, a few numbers. */
	WEIR_EVENT_SPACE	= 1024,
};

static_assert(WEIR_EVENT_SPACE >= 2 * WEIR_ABI_EVENT_URI_MAX + WEIR_NAME_MAX + HTTP_METHOD_MAX);

/* The family has its groups.  Between its end and that of the data path nothing is told. */
static bool weir_events_opened __read_mostly;

void weir_events_open(void)
{
	WRITE_ONCE(weir_events_opened, true);
}

void weir_events_close(void)
{
	WRITE_ONCE(weir_events_opened, false);
	synchronize_net();
}

bool weir_events_wanted(const struct weir_net *wn)
{
	return READ_ONCE(weir_events_opened) &&
	       genl_has_listeners(&weir_control_family, wn->net, WEIR_NLGRP_EVENTS);
}

/* Whether this CPU may tell one more in this second. */
static bool weir_events_may(struct weir_net *wn)
{
	u32 rate = rcu_dereference(wn->config)->log.rate;
	unsigned long second = jiffies / HZ;
	struct weir_events *events;
	bool may;

	local_bh_disable();
	events = this_cpu_ptr(wn->events);
	if (events->second != second) {
		events->second = second;
		events->told = 0;
	}
	may = events->told < rate;
	events->told += may;
	local_bh_enable();
	return may;
}

static int weir_event_put_client(struct sk_buff *skb, const struct weir_incident *event)
{
	int err;

	if (ipv6_addr_v4mapped(event->address))
		err = nla_put_in_addr(skb, WEIR_A_EVENT_ADDRESS4, event->address->s6_addr32[3]);
	else
		err = nla_put_in6_addr(skb, WEIR_A_EVENT_ADDRESS6, event->address);
	return err ?: nla_put_u16(skb, WEIR_A_EVENT_PORT, event->port);
}

static int weir_event_put_listener(struct sk_buff *skb, const union weir_address *listener)
{
	if (listener->sa.sa_family == AF_INET)
		return nla_put_in_addr(skb, WEIR_A_EVENT_LISTENER4, listener->in.sin_addr.s_addr) ?:
		       nla_put_u16(skb, WEIR_A_EVENT_LISTENER_PORT, ntohs(listener->in.sin_port));
	return nla_put_in6_addr(skb, WEIR_A_EVENT_LISTENER6, &listener->in6.sin6_addr) ?:
	       nla_put_u16(skb, WEIR_A_EVENT_LISTENER_PORT, ntohs(listener->in6.sin6_port));
}

static int weir_event_put_head(struct sk_buff *skb, const struct http_head *head, const u8 *buf)
{
	const struct http_span *method = &head->method_text, *target = &head->target;
	u32 len = min_t(u32, target->len, WEIR_ABI_EVENT_URI_MAX);
	int err = 0;

	if (method->len)
		err = nla_put(skb, WEIR_A_EVENT_METHOD, min_t(u32, method->len, HTTP_METHOD_MAX),
			      buf + method->off);
	if (!err && len)
		err = nla_put(skb, WEIR_A_EVENT_URI, len, buf + target->off);
	if (!err && target->len > len)
		err = nla_put_u32(skb, WEIR_A_EVENT_URI_LENGTH, target->len);
	return err;
}

static int weir_event_put(struct sk_buff *skb, const struct weir_incident *event)
{
	u64 now = div_u64(ktime_get_real_ns(), NSEC_PER_USEC);

	if (nla_put_uint(skb, WEIR_A_EVENT_TIME, now) ||
	    nla_put_u32(skb, WEIR_A_EVENT_REASON, event->reason) ||
	    nla_put_u32(skb, WEIR_A_EVENT_ACTION, event->action) ||
	    (event->status && nla_put_u32(skb, WEIR_A_EVENT_STATUS, event->status)) ||
	    weir_event_put_client(skb, event) ||
	    weir_event_put_listener(skb, event->listener) ||
	    (event->vhost && nla_put_string(skb, WEIR_A_EVENT_VHOST, event->vhost)) ||
	    (event->head && weir_event_put_head(skb, event->head, event->buf)) ||
	    (event->detail && nla_put_string(skb, WEIR_A_EVENT_DETAIL, event->detail)) ||
	    (event->blocked && nla_put_uint(skb, WEIR_A_EVENT_BLOCK_TIME, event->block_time)) ||
	    (event->fingerprint.len &&
	     weir_put_text(skb, WEIR_A_EVENT_TLS_FINGERPRINT, event->fingerprint.at,
			   event->fingerprint.len)))
		return -EMSGSIZE;
	return 0;
}

/* Whether anybody got it. */
static bool weir_event_send(struct weir_net *wn, const struct weir_incident *event)
{
	struct sk_buff *skb = genlmsg_new(WEIR_EVENT_SPACE, GFP_ATOMIC | __GFP_NOWARN);
	void *header;

	if (!skb) {
		weir_count(wn, WEIR_STAT_allocation_failures, 1);
		return false;
	}
	header = genlmsg_put(skb, 0, 0, &weir_control_family, 0, WEIR_CMD_EVENT);
	if (!header || weir_event_put(skb, event)) {
		nlmsg_free(skb);
		return false;
	}
	genlmsg_end(skb, header);
	return !genlmsg_multicast_netns(&weir_control_family, wn->net, skb, 0, WEIR_NLGRP_EVENTS,
					GFP_ATOMIC | __GFP_NOWARN);
}

void weir_events_tell(struct weir_net *wn, const struct weir_incident *event)
{
	if (!weir_events_wanted(wn))
		return;
	if (weir_events_may(wn) && weir_event_send(wn, event))
		weir_count(wn, WEIR_STAT_events_told, 1);
	else
		weir_count(wn, WEIR_STAT_events_lost, 1);
}

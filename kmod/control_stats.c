// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics of a network namespace, as they are shown: its counters, then a
 * message for each scope.  Process context, open to every user of the namespace.
 */
#include <linux/netlink.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "meter.h"
#include "net.h"
#include "nl_gen.h"
#include "stats.h"

/* The ABI's numbers are the meters'. */
static_assert((int)WEIR_SCOPE_KIND_LISTENER == (int)WEIR_METER_LISTENER);
static_assert((int)WEIR_SCOPE_KIND_VHOST == (int)WEIR_METER_VHOST);
static_assert((int)WEIR_SCOPE_KIND_UPSTREAM == (int)WEIR_METER_UPSTREAM);
static_assert((int)WEIR_SCOPE_KIND_SERVER == (int)WEIR_METER_SERVER);

/**
 * struct weir_stats_dump - how far a dump of statistics is
 * @stat: the next of the namespace's counters
 * @meter: index of the next scope's meter
 * @count: how many there are
 * @meters: those that there were when the dump began, each with a reference
 * @sums: scratch
 * @sum: scratch
 */
struct weir_stats_dump {
	unsigned int			stat;
	unsigned int			meter;
	unsigned int			count;
	struct weir_meter		**meters;
	u64				sums[WEIR_STAT_COUNT];
	struct weir_meter_counts	sum;
};

int weir_nl_get_stats_start(struct netlink_callback *cb)
{
	struct weir_net *wn = weir_net(genl_info_net(genl_info_dump(cb)));
	struct weir_stats_dump *dump = kzalloc(sizeof(*dump), GFP_KERNEL);

	if (!dump)
		return -ENOMEM;
	dump->meters = weir_meters_list(wn->meters, &dump->count);
	if (!dump->meters) {
		kfree(dump);
		return -ENOMEM;
	}
	cb->args[0] = (unsigned long)dump;
	return 0;
}

int weir_nl_get_stats_done(struct netlink_callback *cb)
{
	struct weir_stats_dump *dump = (struct weir_stats_dump *)cb->args[0];
	unsigned int i;

	for (i = 0; i < dump->count; i++)
		weir_meter_put(dump->meters[i]);
	kvfree(dump->meters);
	kfree(dump);
	return 0;
}

/* A counter, nested into attribute @type. */
static int weir_put_counter(struct sk_buff *skb, int type, const char *name, u64 value, bool gauge)
{
	struct nlattr *nest = nla_nest_start(skb, type);

	if (!nest)
		return -EMSGSIZE;
	if (nla_put_string(skb, WEIR_A_COUNTER_NAME, name) ||
	    nla_put_uint(skb, WEIR_A_COUNTER_VALUE, value) ||
	    (gauge && nla_put_flag(skb, WEIR_A_COUNTER_GAUGE))) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

/* As many of the namespace's counters as fit into one message. */
static int weir_put_stats(struct sk_buff *skb, const struct genl_info *info,
			  struct weir_stats_dump *dump)
{
	unsigned int first = dump->stat;
	void *header;

	header = __genlmsg_iput(skb, info, NLM_F_MULTI);
	if (!header)
		return -EMSGSIZE;
	weir_stats_sum(genl_info_net(info), dump->sums);
	while (dump->stat < WEIR_STAT_COUNT &&
	       !weir_put_counter(skb, WEIR_A_STATS_COUNTER, weir_stats_name(dump->stat),
				 dump->sums[dump->stat], weir_stats_is_gauge(dump->stat)))
		dump->stat++;
	if (dump->stat == first) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

static int weir_put_bucket(struct sk_buff *skb, u64 bound, u64 count)
{
	struct nlattr *nest = nla_nest_start(skb, WEIR_A_LATENCY_BUCKET);

	if (!nest ||
	    (bound && nla_put_uint(skb, WEIR_A_BUCKET_BELOW, bound)) ||
	    nla_put_uint(skb, WEIR_A_BUCKET_COUNT, count))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int weir_put_latency(struct sk_buff *skb, const struct weir_meter_counts *sum)
{
	struct nlattr *nest = nla_nest_start(skb, WEIR_A_SCOPE_LATENCY);
	unsigned int i;

	if (!nest || nla_put_uint(skb, WEIR_A_LATENCY_SUM, sum->counters[WEIR_METER_latency_us]))
		return -EMSGSIZE;
	for (i = 0; i < WEIR_METER_BUCKETS; i++)
		if (sum->buckets[i] && weir_put_bucket(skb, weir_meter_bound(i), sum->buckets[i]))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int weir_put_scope_address(struct sk_buff *skb, const union weir_address *address)
{
	switch (address->sa.sa_family) {
	case AF_INET:
		return nla_put_in_addr(skb, WEIR_A_SCOPE_ADDRESS4, address->in.sin_addr.s_addr) ?:
		       nla_put_u16(skb, WEIR_A_SCOPE_PORT, ntohs(address->in.sin_port));
	case AF_INET6:
		return nla_put_in6_addr(skb, WEIR_A_SCOPE_ADDRESS6, &address->in6.sin6_addr) ?:
		       nla_put_u16(skb, WEIR_A_SCOPE_PORT, ntohs(address->in6.sin6_port));
	default:
		return 0;
	}
}

static int weir_put_scope(struct sk_buff *skb, const struct weir_meter *meter,
			  const struct weir_meter_counts *sum)
{
	struct nlattr *nest = nla_nest_start(skb, WEIR_A_STATS_SCOPE);
	unsigned int i;

	if (!nest || nla_put_u32(skb, WEIR_A_SCOPE_KIND, meter->kind) ||
	    (meter->name[0] && nla_put_string(skb, WEIR_A_SCOPE_NAME, meter->name)) ||
	    weir_put_scope_address(skb, &meter->address))
		return -EMSGSIZE;
	for (i = 0; i < WEIR_METER_COUNT; i++)
		if (i != WEIR_METER_latency_us &&
		    weir_put_counter(skb, WEIR_A_SCOPE_COUNTER, weir_meter_name(i),
				     sum->counters[i], weir_meter_is_gauge(i)))
			return -EMSGSIZE;
	if (weir_put_latency(skb, sum))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int weir_nl_get_stats_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct weir_stats_dump *dump = (struct weir_stats_dump *)cb->args[0];
	const struct genl_info *info = genl_info_dump(cb);
	void *header;

	while (dump->stat < WEIR_STAT_COUNT)
		if (weir_put_stats(skb, info, dump))
			return skb->len ?: -EMSGSIZE;
	for (; dump->meter < dump->count; dump->meter++) {
		const struct weir_meter *meter = dump->meters[dump->meter];

		header = __genlmsg_iput(skb, info, NLM_F_MULTI);
		if (!header)
			return skb->len ?: -EMSGSIZE;
		weir_meter_sum(meter, &dump->sum);
		if (weir_put_scope(skb, meter, &dump->sum)) {
			genlmsg_cancel(skb, header);
			return skb->len ?: -EMSGSIZE;
		}
		genlmsg_end(skb, header);
	}
	return 0;
}

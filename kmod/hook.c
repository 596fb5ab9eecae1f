// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netfilter hook of the block table.
 *
 * It comes before everything else, defragmentation included: what a blocked
 * client sends costs one look and holds no memory.  Where marks may let a
 * packet through (allow_mark), it comes behind the mangle priority, where rules
 * have set them; connection tracking has then seen the packet, and paid for it.
 *
 * Instead of being dropped, packets may be marked (block_mark) for rules to see.
 *
 * It is hooked in only while something is blocked, or a limit may block at any
 * moment.
 */

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <net/ipv6.h>

#include "block.h"
#include "config.h"
#include "firewall.h"
#include "hook.h"
#include "net.h"

/* Where it can be; bits of the namespace's @hooks. */
enum {
	WEIR_HOOK_FIRST,
	WEIR_HOOK_MARKED,
	WEIR_HOOK_COUNT,
};

static bool weir_hook_allows(const struct weir_firewall *firewall, const struct sk_buff *skb,
			     const struct in6_addr *source)
{
	struct weir_prefix address = { .address = *source, .len = WEIR_PREFIX_MAX };

	if (firewall->allow_mask && (skb->mark & firewall->allow_mask) == firewall->allow_mark)
		return true;
	return firewall->sorted_count && weir_firewall_allows(firewall, &address);
}

/* Softirq; netfilter holds the RCU read lock, and IP has pulled the header. */
static unsigned int weir_hook(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct weir_net *wn = weir_net(state->net);
	const struct weir_firewall *firewall;
	bool v4 = state->pf == NFPROTO_IPV4;
	struct in6_addr source;

	if (!weir_block_any(&wn->blocks))
		return NF_ACCEPT;
	/* Nobody comes from elsewhere on it: it would be the host cutting itself off. */
	if (state->in && state->in->flags & IFF_LOOPBACK)
		return NF_ACCEPT;
	if (v4)
		ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, &source);
	else
		source = ipv6_hdr(skb)->saddr;
	if (!weir_block_match(&wn->blocks, &source, v4))
		return NF_ACCEPT;
	firewall = &rcu_dereference(wn->config)->firewall;
	if (weir_hook_allows(firewall, skb, &source))
		return NF_ACCEPT;
	if (firewall->block_mask) {
		skb->mark = (skb->mark & ~firewall->block_mask) | firewall->block_mark;
		weir_count(wn, WEIR_STAT_packets_marked, 1);
		return NF_ACCEPT;
	}
	weir_count(wn, WEIR_STAT_packets_blocked, 1);
	weir_count(wn, WEIR_STAT_bytes_blocked, skb->len);
	return NF_DROP;
}

static const struct nf_hook_ops weir_hook_ops[WEIR_HOOK_COUNT] = {
	[WEIR_HOOK_FIRST] = {
		.hook		= weir_hook,
		.pf		= NFPROTO_INET,
		.hooknum	= NF_INET_PRE_ROUTING,
		.priority	= NF_IP_PRI_RAW_BEFORE_DEFRAG,
	},
	[WEIR_HOOK_MARKED] = {
		.hook		= weir_hook,
		.pf		= NFPROTO_INET,
		.hooknum	= NF_INET_PRE_ROUTING,
		.priority	= NF_IP_PRI_MANGLE + 1,
	},
};

static unsigned int weir_hook_place(const struct weir_config *config)
{
	return config->firewall.allow_mask ? WEIR_HOOK_MARKED : WEIR_HOOK_FIRST;
}

static bool weir_hook_wanted(const struct weir_net *wn, const struct weir_config *config)
{
	return weir_block_any(&wn->blocks) || config->limits.blocks;
}

int weir_hook_in(struct weir_net *wn, const struct weir_config *config)
{
	unsigned int place = weir_hook_place(config);
	int err;

	lockdep_assert_held(&wn->lock);
	if (wn->hooks & BIT(place) || !weir_hook_wanted(wn, config))
		return 0;
	err = nf_register_net_hook(wn->net, &weir_hook_ops[place]);
	if (!err)
		wn->hooks |= BIT(place);
	return err;
}

static void weir_hook_keep(struct weir_net *wn, unsigned int kept)
{
	unsigned int place;

	for (place = 0; place < WEIR_HOOK_COUNT; place++)
		if (wn->hooks & BIT(place) & ~kept)
			nf_unregister_net_hook(wn->net, &weir_hook_ops[place]);
	wn->hooks &= kept;
}

void weir_hook_out(struct weir_net *wn)
{
	const struct weir_config *config;

	config = rcu_dereference_protected(wn->config, lockdep_is_held(&wn->lock));
	weir_hook_keep(wn, weir_hook_wanted(wn, config) ? BIT(weir_hook_place(config)) : 0);
}

void weir_hook_end(struct weir_net *wn)
{
	weir_hook_keep(wn, 0);
}

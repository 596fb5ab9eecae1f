// SPDX-License-Identifier: GPL-2.0-only
/*
 * The block table, and the firewall's part of a configuration, on netlink.
 * Process context; for the administrator of the network namespace only, as what
 * is blocked tells of clients.
 */
#include <linux/netlink.h>
#include <linux/rhashtable.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <net/genetlink.h>

#include "block.h"
#include "config.h"
#include "control_block.h"
#include "firewall.h"
#include "net.h"
#include "nl_gen.h"

/* The ABI's bounds are the data path's; what a network has is numbered alike in both sets. */
static_assert(WEIR_ABI_ALLOW_MAX == WEIR_ALLOW_MAX);
static_assert(WEIR_ABI_PROXIES_MAX == WEIR_PROXIES_MAX);
static_assert(WEIR_ABI_BLOCK_MAX == WEIR_BLOCK_MAX);
static_assert((int)WEIR_A_NETWORK_ADDRESS4 == (int)WEIR_A_BLOCK_ADDRESS4);
static_assert((int)WEIR_A_NETWORK_ADDRESS6 == (int)WEIR_A_BLOCK_ADDRESS6);
static_assert((int)WEIR_A_NETWORK_PREFIX == (int)WEIR_A_BLOCK_PREFIX);

enum {
	/* An entry with everything, the nest's header included. */
	WEIR_BLOCK_SPACE = NLA_HDRLEN + (NLA_HDRLEN + 16) + (NLA_HDRLEN + 4) +
			   (NLA_HDRLEN + 8 + NLA_ALIGNTO),
	/* Bytes that a message of the list is to have. */
	WEIR_BLOCK_LIST	= 31 * 1024,
	/* Entries of a request that are seen to without a chance for anybody else. */
	WEIR_BLOCK_TURN	= 256,
};

static int weir_read_prefix(struct weir_prefix *prefix, struct nlattr **tb,
			    const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	const struct nlattr *address4 = tb[WEIR_A_BLOCK_ADDRESS4];
	const struct nlattr *address6 = tb[WEIR_A_BLOCK_ADDRESS6];
	struct in6_addr address;
	u32 len;

	if (!address4 == !address6 || !tb[WEIR_A_BLOCK_PREFIX]) {
		NL_SET_ERR_MSG_ATTR(extack, nest,
				    "one of address4 and address6, and a prefix are expected");
		return -EINVAL;
	}
	len = nla_get_u32(tb[WEIR_A_BLOCK_PREFIX]);
	if (address4) {
		ipv6_addr_set_v4mapped(nla_get_in_addr(address4), &address);
		len += WEIR_PREFIX_MAPPED;
	} else {
		address = nla_get_in6_addr(address6);
	}
	if (address6 && ipv6_addr_v4mapped(&address)) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "an IPv4 address goes into address4");
		return -EINVAL;
	}
	if (len <= WEIR_PREFIX_MAX)
		weir_prefix_set(prefix, &address, len);
	if (len > WEIR_PREFIX_MAX || !ipv6_addr_equal(&prefix->address, &address)) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "the address has bits beyond its prefix");
		return -EINVAL;
	}
	return 0;
}

static int weir_put_prefix(struct sk_buff *skb, const struct weir_prefix *prefix)
{
	if (weir_prefix_is_v4(prefix))
		return nla_put_in_addr(skb, WEIR_A_BLOCK_ADDRESS4, prefix->address.s6_addr32[3]) ?:
		       nla_put_u32(skb, WEIR_A_BLOCK_PREFIX, prefix->len - WEIR_PREFIX_MAPPED);
	return nla_put_in6_addr(skb, WEIR_A_BLOCK_ADDRESS6, &prefix->address) ?:
	       nla_put_u32(skb, WEIR_A_BLOCK_PREFIX, prefix->len);
}

/* Into the allow-list, or to the proxies. */
static int weir_stage_network(struct weir_firewall *firewall, struct nlattr *nest,
			      struct netlink_ext_ack *extack)
{
	struct nlattr *tb[WEIR_A_NETWORK_MAX + 1];
	struct weir_prefix prefix;
	int err;

	err = nla_parse_nested(tb, WEIR_A_NETWORK_MAX, nest, weir_network_nl_policy, extack);
	if (!err)
		err = weir_read_prefix(&prefix, tb, nest, extack);
	if (err)
		return err;
	return nla_type(nest) == WEIR_A_FIREWALL_ALLOW ?
	       weir_firewall_allow(firewall, &prefix, extack) :
	       weir_firewall_trust(firewall, &prefix, extack);
}

int weir_stage_firewall(struct weir_config *config, struct nlattr *nest,
			struct netlink_ext_ack *extack)
{
	struct weir_firewall *firewall = &config->firewall;
	struct nlattr *tb[WEIR_A_FIREWALL_MAX + 1], *network;
	int err, left;

	err = nla_parse_nested(tb, WEIR_A_FIREWALL_MAX, nest, weir_firewall_nl_policy, extack);
	if (err)
		return err;
	nla_for_each_nested(network, nest, left) {
		if (nla_type(network) != WEIR_A_FIREWALL_ALLOW &&
		    nla_type(network) != WEIR_A_FIREWALL_PROXY)
			continue;
		err = weir_stage_network(firewall, network, extack);
		if (err)
			return err;
	}
	if (tb[WEIR_A_FIREWALL_ALLOW_MARK])
		firewall->allow_mark = nla_get_u32(tb[WEIR_A_FIREWALL_ALLOW_MARK]);
	if (tb[WEIR_A_FIREWALL_ALLOW_MASK])
		firewall->allow_mask = nla_get_u32(tb[WEIR_A_FIREWALL_ALLOW_MASK]);
	if (tb[WEIR_A_FIREWALL_BLOCK_MARK])
		firewall->block_mark = nla_get_u32(tb[WEIR_A_FIREWALL_BLOCK_MARK]);
	if (tb[WEIR_A_FIREWALL_BLOCK_MASK])
		firewall->block_mask = nla_get_u32(tb[WEIR_A_FIREWALL_BLOCK_MASK]);
	if (tb[WEIR_A_FIREWALL_BLOCK_MAX])
		firewall->block_max = nla_get_u32(tb[WEIR_A_FIREWALL_BLOCK_MAX]);
	firewall->proxy_protocol = nla_get_flag(tb[WEIR_A_FIREWALL_PROXY_PROTOCOL]);
	firewall->forwarded_for = nla_get_flag(tb[WEIR_A_FIREWALL_FORWARDED_FOR]);
	return 0;
}

static int weir_put_networks(struct sk_buff *skb, int type, const struct weir_prefix *prefixes,
			     u32 count)
{
	struct nlattr *nest;
	u32 i;

	for (i = 0; i < count; i++) {
		nest = nla_nest_start(skb, type);
		if (!nest || weir_put_prefix(skb, &prefixes[i]))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	return 0;
}

int weir_put_firewall(struct sk_buff *skb, const struct weir_firewall *firewall)
{
	if (weir_put_networks(skb, WEIR_A_FIREWALL_ALLOW, firewall->allow,
			      firewall->allow_count) ||
	    weir_put_networks(skb, WEIR_A_FIREWALL_PROXY, firewall->proxies,
			      firewall->proxy_count) ||
	    (firewall->proxy_protocol && nla_put_flag(skb, WEIR_A_FIREWALL_PROXY_PROTOCOL)) ||
	    (firewall->forwarded_for && nla_put_flag(skb, WEIR_A_FIREWALL_FORWARDED_FOR)))
		return -EMSGSIZE;
	return nla_put_u32(skb, WEIR_A_FIREWALL_ALLOW_MARK, firewall->allow_mark) ?:
	       nla_put_u32(skb, WEIR_A_FIREWALL_ALLOW_MASK, firewall->allow_mask) ?:
	       nla_put_u32(skb, WEIR_A_FIREWALL_BLOCK_MARK, firewall->block_mark) ?:
	       nla_put_u32(skb, WEIR_A_FIREWALL_BLOCK_MASK, firewall->block_mask) ?:
	       nla_put_u32(skb, WEIR_A_FIREWALL_BLOCK_MAX, firewall->block_max);
}

static int weir_block_add_one(struct weir_net *wn, const struct weir_prefix *prefix,
			      const struct nlattr *time, const struct nlattr *nest,
			      struct netlink_ext_ack *extack)
{
	u64 duration = time ? nla_get_uint(time) * NSEC_PER_USEC : 0;
	int err = weir_block_add(wn, &prefix->address, prefix->len, duration);

	switch (err) {
	case -EACCES:
		NL_SET_ERR_MSG_ATTR(extack, nest, "it is in the allow-list");
		break;
	case -ENOSPC:
		NL_SET_ERR_MSG_ATTR(extack, nest, "the block table is full (block_max)");
		break;
	default:
		NL_SET_BAD_ATTR(extack, nest);
	}
	return err;
}

static int weir_block_remove_one(struct weir_net *wn, const struct weir_prefix *prefix,
				 const struct nlattr *time, const struct nlattr *nest,
				 struct netlink_ext_ack *extack)
{
	int err = weir_block_remove(wn, prefix);

	if (err)
		NL_SET_ERR_MSG_ATTR(extack, nest, "it is not blocked");
	return err;
}

/* Do the same to each entry of a request, up to the first that is refused. */
static int weir_block_each(struct genl_info *info,
			   int (*one)(struct weir_net *wn, const struct weir_prefix *prefix,
				      const struct nlattr *time, const struct nlattr *nest,
				      struct netlink_ext_ack *extack))
{
	struct weir_net *wn = weir_net(genl_info_net(info));
	struct nlattr *tb[WEIR_A_BLOCK_MAX + 1], *nest;
	unsigned int turn = 0;
	struct weir_prefix prefix;
	int err = 0, settled, left;

	if (GENL_REQ_ATTR_CHECK(info, WEIR_A_BLOCKS_BLOCK))
		return -EINVAL;
	nlmsg_for_each_attr_type(nest, WEIR_A_BLOCKS_BLOCK, info->nlhdr, GENL_HDRLEN, left) {
		err = nla_parse_nested(tb, WEIR_A_BLOCK_MAX, nest, weir_block_nl_policy,
				       info->extack);
		if (!err)
			err = weir_read_prefix(&prefix, tb, nest, info->extack);
		if (!err)
			err = one(wn, &prefix, tb[WEIR_A_BLOCK_TIME], nest, info->extack);
		if (err)
			break;
		if (!(++turn % WEIR_BLOCK_TURN))
			cond_resched();
	}
	settled = weir_block_settle(wn);
	if (!err && settled)
		NL_SET_ERR_MSG(info->extack, "cannot hook into netfilter yet, will try again");
	return err ?: settled;
}

int weir_nl_block_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_block_each(info, weir_block_add_one);
}

int weir_nl_block_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_block_each(info, weir_block_remove_one);
}

int weir_nl_block_flush_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct weir_net *wn = weir_net(genl_info_net(info));

	weir_block_flush(wn);
	return weir_block_settle(wn);
}

int weir_nl_block_list_start(struct netlink_callback *cb)
{
	struct weir_net *wn = weir_net(genl_info_net(genl_info_dump(cb)));
	struct rhashtable_iter *walk = kzalloc(sizeof(*walk), GFP_KERNEL);

	if (!walk)
		return -ENOMEM;
	/* Growing makes a walk begin anew: have it over with. */
	flush_work(&wn->blocks.table.run_work);
	rhashtable_walk_enter(&wn->blocks.table, walk);
	cb->args[0] = (unsigned long)walk;
	cb->min_dump_alloc = WEIR_BLOCK_LIST;
	cb->seq = 1;
	return 0;
}

int weir_nl_block_list_done(struct netlink_callback *cb)
{
	struct rhashtable_iter *walk = (struct rhashtable_iter *)cb->args[0];

	rhashtable_walk_exit(walk);
	kfree(walk);
	return 0;
}

/* There is room for it. */
static void weir_put_block(struct sk_buff *skb, const struct weir_block *block, u64 now)
{
	u64 expires = READ_ONCE(block->expires);
	struct nlattr *nest;

	if (expires <= now)
		return;
	nest = nla_nest_start(skb, WEIR_A_BLOCKS_BLOCK);
	if (!nest)
		return;
	if (weir_put_prefix(skb, &block->prefix) ||
	    (expires != WEIR_BLOCK_FOREVER &&
	     nla_put_uint(skb, WEIR_A_BLOCK_TIME,
			  DIV_ROUND_UP_ULL(expires - now, NSEC_PER_USEC))))
		nla_nest_cancel(skb, nest);
	else
		nla_nest_end(skb, nest);
}

/* What the walk comes to until @skb is full; whether there may be more. */
static bool weir_put_blocks(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct rhashtable_iter *walk = (struct rhashtable_iter *)cb->args[0];
	u64 now = ktime_get_coarse_ns();
	struct weir_block *block = NULL;
	bool more = true;

	if (rhashtable_walk_start_check(walk) == -EAGAIN)
		cb->seq++;
	while (more && skb_tailroom(skb) >= WEIR_BLOCK_SPACE) {
		block = rhashtable_walk_next(walk);
		if (!block)
			more = false;
		else if (IS_ERR(block))
			cb->seq++;
		else
			weir_put_block(skb, block, now);
	}
	rhashtable_walk_stop(walk);
	return more;
}

int weir_nl_block_list_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	void *header;
	bool more;

	/* An empty message would end the dump: one of expired entries only is not to. */
	if (cb->args[1])
		return 0;
	header = __genlmsg_iput(skb, genl_info_dump(cb), NLM_F_MULTI);
	if (!header)
		return -EMSGSIZE;
	more = weir_put_blocks(skb, cb);
	genl_dump_check_consistent(cb, header);
	genlmsg_end(skb, header);
	cb->args[1] = !more;
	return skb->len;
}

// SPDX-License-Identifier: GPL-2.0-only
/* The event log's part of a configuration on netlink: staging and showing it. */
#include <linux/netlink.h>
#include <net/genetlink.h>

#include "config.h"
#include "control_log.h"
#include "nl_gen.h"

int weir_read_log(struct weir_log *log, struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[WEIR_A_LOG_MAX + 1];
	int err;

	err = nla_parse_nested(tb, WEIR_A_LOG_MAX, nest, weir_log_nl_policy, extack);
	if (!err && tb[WEIR_A_LOG_RATE])
		log->rate = nla_get_u32(tb[WEIR_A_LOG_RATE]);
	return err;
}

int weir_put_log(struct sk_buff *skb, const struct weir_log *log)
{
	return nla_put_u32(skb, WEIR_A_LOG_RATE, log->rate);
}

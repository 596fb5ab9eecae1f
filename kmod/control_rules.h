/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual hosts, rules and error pages on netlink.  What is staged goes into a
 * configuration that nobody else sees; what is put is of one that is applied.
 * Process context.
 */
#ifndef _WEIR_CONTROL_RULES_H
#define _WEIR_CONTROL_RULES_H

#include <linux/string.h>
#include <linux/types.h>
#include <net/netlink.h>

#include "http_parts.h"

struct weir_config;

/* The text of a string attribute, without its NUL, which may not be there. */
static inline struct http_text weir_attr_text(const struct nlattr *attr)
{
	return (struct http_text){ .at = nla_data(attr),
				   .len = strnlen(nla_data(attr), nla_len(attr)) };
}

/* The index of the upstream group that an attribute names; 0, or -EINVAL and a message. */
int weir_read_upstream(const struct weir_config *config, const struct nlattr *attr, u32 *index,
		       struct netlink_ext_ack *extack);

int weir_stage_vhost(struct weir_config *config, struct nlattr *nest,
		     struct netlink_ext_ack *extack);
int weir_stage_rule(struct weir_config *config, struct nlattr *nest,
		    struct netlink_ext_ack *extack);
int weir_stage_error_page(struct weir_config *config, struct nlattr *nest,
			  struct netlink_ext_ack *extack);

/* A text as a string attribute; 0 or -EMSGSIZE. */
int weir_put_text(struct sk_buff *skb, int type, const u8 *at, size_t len);
/* The attributes of the virtual host, rule or page of this number; 0 or -EMSGSIZE. */
int weir_put_vhost(struct sk_buff *skb, const struct weir_config *config, u32 index);
int weir_put_rule(struct sk_buff *skb, const struct weir_config *config, u32 index);
int weir_put_error_page(struct sk_buff *skb, const struct weir_config *config, u32 index);

#endif /* _WEIR_CONTROL_RULES_H */

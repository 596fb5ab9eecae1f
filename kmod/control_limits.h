/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits on netlink, for control.c and control_show.c.  Process context. */
#ifndef _WEIR_CONTROL_LIMITS_H
#define _WEIR_CONTROL_LIMITS_H

struct netlink_ext_ack;
struct nlattr;
struct sk_buff;
struct weir_config;

/* Set the limits that are named: 0, or an error of the parser and a message. */
int weir_read_limits(struct weir_config *config, struct nlattr *nest,
		     struct netlink_ext_ack *extack);
/* Show all: 0, or -EMSGSIZE. */
int weir_put_limits(struct sk_buff *skb, const struct weir_config *config);

#endif /* _WEIR_CONTROL_LIMITS_H */

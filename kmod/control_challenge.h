/* SPDX-License-Identifier: GPL-2.0-only */
/* Challenges of a configuration on netlink, for control.c and control_show.c.  Process context. */
#ifndef _WEIR_CONTROL_CHALLENGE_H
#define _WEIR_CONTROL_CHALLENGE_H

struct netlink_ext_ack;
struct nlattr;
struct sk_buff;
struct weir_config;

/* Set what @nest names in a configuration that nobody else sees: 0, or an error and a message. */
int weir_stage_challenge(struct weir_config *config, struct nlattr *nest,
			 struct netlink_ext_ack *extack);
/* Into an attribute that is open: 0 or -EMSGSIZE. */
int weir_put_challenge(struct sk_buff *skb, const struct weir_config *config);

#endif /* _WEIR_CONTROL_CHALLENGE_H */

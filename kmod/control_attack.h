/* SPDX-License-Identifier: GPL-2.0-only */
/* Thresholds of attacks on netlink, for control.c and control_show.c.  Process context. */
#ifndef _WEIR_CONTROL_ATTACK_H
#define _WEIR_CONTROL_ATTACK_H

struct netlink_ext_ack;
struct nlattr;
struct sk_buff;
struct weir_attack_settings;

/* Set what is named: 0, or an error of the parser and a message. */
int weir_read_attack(struct weir_attack_settings *settings, struct nlattr *nest,
		     struct netlink_ext_ack *extack);
/* Show all: 0, or -EMSGSIZE. */
int weir_put_attack(struct sk_buff *skb, const struct weir_attack_settings *settings);

#endif /* _WEIR_CONTROL_ATTACK_H */

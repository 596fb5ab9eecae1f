/* SPDX-License-Identifier: GPL-2.0-only */
/* Certificates on netlink: staged, and shown without chains and keys.  Process context. */
#ifndef _WEIR_CONTROL_TLS_H
#define _WEIR_CONTROL_TLS_H

#include <linux/types.h>

struct netlink_ext_ack;
struct nlattr;
struct sk_buff;
struct weir_config;

/* Put what a part of a transaction says into a configuration.  0 or a negative errno. */
int weir_stage_certificate(struct weir_config *config, struct nlattr *nest,
			   struct netlink_ext_ack *extack);
int weir_stage_tls(struct weir_config *config, struct nlattr *nest,
		   struct netlink_ext_ack *extack);
/* The certificate of this number, and what all have in common.  0, or -EMSGSIZE. */
int weir_put_certificate(struct sk_buff *skb, const struct weir_config *config, u32 index);
int weir_put_tls(struct sk_buff *skb, const struct weir_config *config);

#endif /* _WEIR_CONTROL_TLS_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/* The event log's part of a configuration on netlink. */
#ifndef _WEIR_CONTROL_LOG_H
#define _WEIR_CONTROL_LOG_H

struct netlink_ext_ack;
struct nlattr;
struct sk_buff;
struct weir_log;

/* Put what a part of a transaction says into a configuration.  0 or a negative errno. */
int weir_read_log(struct weir_log *log, struct nlattr *nest, struct netlink_ext_ack *extack);
/* 0, or -EMSGSIZE. */
int weir_put_log(struct sk_buff *skb, const struct weir_log *log);

#endif /* _WEIR_CONTROL_LOG_H */

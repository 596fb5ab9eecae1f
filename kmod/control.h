/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control: the generic netlink family "weir", which configures a network
 * namespace in transactions and shows its configuration and statistics.
 */
#ifndef _WEIR_CONTROL_H
#define _WEIR_CONTROL_H

struct genl_family;
struct netlink_ext_ack;
struct nlattr;

/* For events.c, while the family is registered. */
extern struct genl_family weir_control_family;

/*
 * Register the family; requests may come at once, so the data path has to be
 * ready.  0 or a negative errno.  Process context.
 */
int weir_control_init(void);
/* Unregister it and forget what was staged.  Process context, sleeps. */
void weir_control_exit(void);

/*
 * Read the name of a part of a configuration into @name[WEIR_NAME_MAX]; what it
 * may hold needs no quoting anywhere.  0, or -EINVAL and a message.
 */
int weir_read_name(char *name, const struct nlattr *attr, struct netlink_ext_ack *extack);

#endif /* _WEIR_CONTROL_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control: the generic netlink family "weir", which configures a network
 * namespace in transactions and shows its configuration and statistics.
 */
#ifndef _WEIR_CONTROL_H
#define _WEIR_CONTROL_H

/*
 * Register the family; requests may come at once, so the data path has to be
 * ready.  0 or a negative errno.  Process context.
 */
int weir_control_init(void);
/* Unregister it and forget what was staged.  Process context, sleeps. */
void weir_control_exit(void);

#endif /* _WEIR_CONTROL_H */

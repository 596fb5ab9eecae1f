/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks: a leg that asks a server once whether it is well. */
#ifndef _WEIR_CHECK_H
#define _WEIR_CHECK_H

#include <linux/types.h>

struct weir_health_settings;
struct weir_net;
struct weir_server;

/* Begin a check of @server; its end is told to weir_health_checked(), once.  Process context. */
int weir_check_open(struct weir_server *server, const struct weir_health_settings *settings);

/* Reset all checks of a namespace that takes no new legs. */
void weir_check_abort_all(struct weir_net *wn);

/* health.c's: what the check has shown.  Softirq. */
void weir_health_checked(struct weir_server *server, bool well);

#endif /* _WEIR_CHECK_H */

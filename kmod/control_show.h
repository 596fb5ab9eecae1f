/* SPDX-License-Identifier: GPL-2.0-only */
/* What control.c and control_show.c know of each other; control.h is for the others. */
#ifndef _WEIR_CONTROL_SHOW_H
#define _WEIR_CONTROL_SHOW_H

#include <linux/types.h>

struct net;

/* Configurations committed in @net so far.  Process context. */
u64 weir_control_generation(const struct net *net);

#endif /* _WEIR_CONTROL_SHOW_H */

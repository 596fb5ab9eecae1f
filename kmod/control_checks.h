/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of requests on netlink, those of all and a virtual host's own.  Process context. */
#ifndef _WEIR_CONTROL_CHECKS_H
#define _WEIR_CONTROL_CHECKS_H

#include <linux/types.h>

#include "nl_gen.h"

struct http_policy;
struct netlink_ext_ack;
struct nlattr;
struct sk_buff;

/* What has an attribute of its own among the limits is not said twice. */
#define WEIR_CHECKS_GLOBAL \
	((u32)~(BIT(WEIR_A_CHECKS_URI_LENGTH) | BIT(WEIR_A_CHECKS_BODY_LENGTH)))

/* Read members of @policy; @given: a bit for each that was given. */
int weir_read_checks(struct http_policy *policy, u32 *given, const struct nlattr *nest,
		     struct netlink_ext_ack *extack);
/* Write those of @given in a nest of this @type; nothing if there are none. */
int weir_put_checks(struct sk_buff *skb, const struct http_policy *policy, int type, u32 given);

#endif /* _WEIR_CONTROL_CHECKS_H */

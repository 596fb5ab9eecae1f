// SPDX-License-Identifier: GPL-2.0-only
/* Thresholds of attacks on netlink: staging and showing them. */
#include <linux/netlink.h>
#include <net/genetlink.h>

#include "attack.h"
#include "control_attack.h"
#include "nl_gen.h"

static_assert((int)WEIR_ATTACK_SCOPE_LISTENER == (int)WEIR_ATTACK_LISTENERS);
static_assert((int)WEIR_ATTACK_SCOPE_VHOST == (int)WEIR_ATTACK_VHOSTS);
static_assert(WEIR_ABI_RATE_MAX == WEIR_ATTACK_REQUESTS_MAX);
static_assert(WEIR_ABI_ATTACK_WINDOW_MIN == WEIR_ATTACK_WINDOW_MIN_US);
static_assert(WEIR_ABI_ATTACK_WINDOW_MAX == WEIR_ATTACK_WINDOW_MAX_US);

static void weir_take_u32(u32 *to, const struct nlattr *attr)
{
	if (attr)
		*to = nla_get_u32(attr);
}

int weir_read_attack(struct weir_attack_settings *settings, struct nlattr *nest,
		     struct netlink_ext_ack *extack)
{
	struct surge_settings *given = &settings->given;
	struct nlattr *tb[WEIR_A_ATTACK_MAX + 1];
	int err;

	err = nla_parse_nested(tb, WEIR_A_ATTACK_MAX, nest, weir_attack_nl_policy, extack);
	if (err)
		return err;
	if (tb[WEIR_A_ATTACK_SCOPE])
		settings->scope = nla_get_u32(tb[WEIR_A_ATTACK_SCOPE]);
	weir_take_u32(&given->requests_on, tb[WEIR_A_ATTACK_REQUESTS_ON]);
	weir_take_u32(&given->requests_off, tb[WEIR_A_ATTACK_REQUESTS_OFF]);
	weir_take_u32(&given->failures_on, tb[WEIR_A_ATTACK_FAILURES_ON]);
	weir_take_u32(&given->failures_off, tb[WEIR_A_ATTACK_FAILURES_OFF]);
	weir_take_u32(&given->failures_min, tb[WEIR_A_ATTACK_FAILURES_MIN]);
	if (tb[WEIR_A_ATTACK_WINDOW])
		settings->window = nla_get_uint(tb[WEIR_A_ATTACK_WINDOW]);
	if (tb[WEIR_A_ATTACK_HOLD])
		given->hold = nla_get_uint(tb[WEIR_A_ATTACK_HOLD]);
	return 0;
}

int weir_put_attack(struct sk_buff *skb, const struct weir_attack_settings *settings)
{
	const struct surge_settings *given = &settings->given;

	return nla_put_u32(skb, WEIR_A_ATTACK_SCOPE, settings->scope) ?:
	       nla_put_u32(skb, WEIR_A_ATTACK_REQUESTS_ON, given->requests_on) ?:
	       nla_put_u32(skb, WEIR_A_ATTACK_REQUESTS_OFF, given->requests_off) ?:
	       nla_put_u32(skb, WEIR_A_ATTACK_FAILURES_ON, given->failures_on) ?:
	       nla_put_u32(skb, WEIR_A_ATTACK_FAILURES_OFF, given->failures_off) ?:
	       nla_put_u32(skb, WEIR_A_ATTACK_FAILURES_MIN, given->failures_min) ?:
	       nla_put_uint(skb, WEIR_A_ATTACK_WINDOW, settings->window) ?:
	       nla_put_uint(skb, WEIR_A_ATTACK_HOLD, given->hold);
}

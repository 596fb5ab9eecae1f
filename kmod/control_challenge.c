// SPDX-License-Identifier: GPL-2.0-only
/* Challenges on netlink: staging and showing them.  Process context. */
#include <linux/netlink.h>
#include <net/genetlink.h>

#include "config.h"
#include "control_challenge.h"
#include "nl_gen.h"

/* The ABI's bounds and numbers are the data path's. */
static_assert(WEIR_ABI_COOKIE_NAME_MAX + 1 == WEIR_COOKIE_NAME_MAX);
static_assert(WEIR_ABI_COOKIE_PATH_MAX + 1 == WEIR_COOKIE_PATH_MAX);
static_assert(WEIR_ABI_EXEMPT_MAX == WEIR_EXEMPT_MAX);
static_assert(WEIR_ABI_DIFFICULTY_MAX == HTTP_DIFFICULTY_MAX);
static_assert(WEIR_ABI_SESSION_MIN == WEIR_SESSION_MIN_US);
static_assert(WEIR_ABI_SESSION_MAX == WEIR_SESSION_MAX_US);
static_assert((int)WEIR_CHALLENGE_MODE_OFF == (int)WEIR_CHALLENGE_OFF);
static_assert((int)WEIR_CHALLENGE_MODE_COOKIE == (int)WEIR_CHALLENGE_COOKIE);
static_assert((int)WEIR_CHALLENGE_MODE_JAVASCRIPT == (int)WEIR_CHALLENGE_JAVASCRIPT);
static_assert((int)WEIR_CHALLENGE_WHEN_ALWAYS == (int)WEIR_CHALLENGE_ALWAYS);
static_assert((int)WEIR_CHALLENGE_WHEN_LIMITS == (int)WEIR_CHALLENGE_LIMITS);
static_assert((int)WEIR_CHALLENGE_WHEN_ATTACK == (int)WEIR_CHALLENGE_ATTACK);
static_assert((int)WEIR_SAME_SITE_LAX == (int)HTTP_SAME_SITE_LAX);
static_assert((int)WEIR_SAME_SITE_STRICT == (int)HTTP_SAME_SITE_STRICT);
static_assert((int)WEIR_SAME_SITE_NONE == (int)HTTP_SAME_SITE_NONE);
static_assert((int)WEIR_SAME_SITE_UNSAID == (int)HTTP_SAME_SITE_UNSAID);

static u32 weir_number(const struct nlattr *attr, u32 otherwise)
{
	return attr ? nla_get_u32(attr) : otherwise;
}

static u64 weir_time(const struct nlattr *attr, u64 otherwise)
{
	return attr ? nla_get_uint(attr) : otherwise;
}

static int weir_read_exempt(struct weir_challenge *challenge, const struct nlattr *nest,
			    struct netlink_ext_ack *extack)
{
	char path[WEIR_COOKIE_PATH_MAX];
	const struct nlattr *attr;
	int err, rem;

	nla_for_each_nested(attr, nest, rem) {
		if (nla_type(attr) != WEIR_A_CHALLENGE_EXEMPT_PATH)
			continue;
		/* Its length was checked by the policy. */
		nla_strscpy(path, attr, sizeof(path));
		NL_SET_BAD_ATTR(extack, attr);
		err = weir_challenge_exempt(challenge, path, extack);
		if (err)
			return err;
	}
	return 0;
}

static void weir_read_cookie(struct weir_challenge *challenge, struct nlattr **tb)
{
	if (tb[WEIR_A_CHALLENGE_COOKIE_NAME])
		nla_strscpy(challenge->cookie_name, tb[WEIR_A_CHALLENGE_COOKIE_NAME],
			    sizeof(challenge->cookie_name));
	if (tb[WEIR_A_CHALLENGE_PATH])
		nla_strscpy(challenge->path, tb[WEIR_A_CHALLENGE_PATH], sizeof(challenge->path));
	challenge->lifetime = weir_time(tb[WEIR_A_CHALLENGE_LIFETIME], challenge->lifetime);
	challenge->same_site = weir_number(tb[WEIR_A_CHALLENGE_SAME_SITE], challenge->same_site);
	challenge->secure = nla_get_flag(tb[WEIR_A_CHALLENGE_SECURE]);
	challenge->script_access = nla_get_flag(tb[WEIR_A_CHALLENGE_SCRIPT_ACCESS]);
	challenge->per_vhost = nla_get_flag(tb[WEIR_A_CHALLENGE_PER_VHOST]);
}

static void weir_read_misses(struct weir_config *config, struct nlattr **tb)
{
	struct weir_limit_answer *answer =
		&config->limits.answers[WEIR_LIMIT_CHALLENGE_MISSES];

	config->challenge.max_misses = weir_number(tb[WEIR_A_CHALLENGE_MAX_MISSES], 0);
	answer->blocks = tb[WEIR_A_CHALLENGE_BLOCK];
	answer->block_time = weir_time(tb[WEIR_A_CHALLENGE_BLOCK], 0);
}

int weir_stage_challenge(struct weir_config *config, struct nlattr *nest,
			 struct netlink_ext_ack *extack)
{
	struct weir_challenge *challenge = &config->challenge;
	struct nlattr *tb[WEIR_A_CHALLENGE_MAX + 1];
	int err;

	err = nla_parse_nested(tb, WEIR_A_CHALLENGE_MAX, nest, weir_challenge_nl_policy, extack);
	if (err)
		return err;
	challenge->mode = weir_number(tb[WEIR_A_CHALLENGE_MODE], challenge->mode);
	challenge->when = weir_number(tb[WEIR_A_CHALLENGE_WHEN], challenge->when);
	weir_read_cookie(challenge, tb);
	challenge->status = weir_number(tb[WEIR_A_CHALLENGE_STATUS], challenge->status);
	challenge->page_status = weir_number(tb[WEIR_A_CHALLENGE_PAGE_STATUS],
					     challenge->page_status);
	challenge->refusal_status = weir_number(tb[WEIR_A_CHALLENGE_REFUSAL_STATUS],
						challenge->refusal_status);
	challenge->key_rotation = weir_time(tb[WEIR_A_CHALLENGE_KEY_ROTATION],
					    challenge->key_rotation);
	challenge->difficulty = weir_number(tb[WEIR_A_CHALLENGE_DIFFICULTY], challenge->difficulty);
	challenge->min_time = weir_time(tb[WEIR_A_CHALLENGE_MIN_TIME], challenge->min_time);
	challenge->max_time = weir_time(tb[WEIR_A_CHALLENGE_MAX_TIME], challenge->max_time);
	weir_read_misses(config, tb);
	err = weir_read_exempt(challenge, nest, extack);
	if (!err && tb[WEIR_A_CHALLENGE_PAGE]) {
		NL_SET_BAD_ATTR(extack, tb[WEIR_A_CHALLENGE_PAGE]);
		err = weir_challenge_template(challenge, nla_data(tb[WEIR_A_CHALLENGE_PAGE]),
					      nla_len(tb[WEIR_A_CHALLENGE_PAGE]), extack);
	}
	return err;
}

int weir_put_challenge(struct sk_buff *skb, const struct weir_config *config)
{
	const struct weir_limit_answer *misses =
		&config->limits.answers[WEIR_LIMIT_CHALLENGE_MISSES];
	const struct weir_challenge *challenge = &config->challenge;
	u32 i;

	if (nla_put_u32(skb, WEIR_A_CHALLENGE_MODE, challenge->mode) ||
	    nla_put_u32(skb, WEIR_A_CHALLENGE_WHEN, challenge->when) ||
	    nla_put_string(skb, WEIR_A_CHALLENGE_COOKIE_NAME, challenge->cookie_name) ||
	    nla_put_uint(skb, WEIR_A_CHALLENGE_LIFETIME, challenge->lifetime) ||
	    nla_put_u32(skb, WEIR_A_CHALLENGE_SAME_SITE, challenge->same_site) ||
	    (challenge->secure && nla_put_flag(skb, WEIR_A_CHALLENGE_SECURE)) ||
	    (challenge->script_access && nla_put_flag(skb, WEIR_A_CHALLENGE_SCRIPT_ACCESS)) ||
	    (challenge->per_vhost && nla_put_flag(skb, WEIR_A_CHALLENGE_PER_VHOST)) ||
	    nla_put_string(skb, WEIR_A_CHALLENGE_PATH, challenge->path) ||
	    nla_put_u32(skb, WEIR_A_CHALLENGE_STATUS, challenge->status) ||
	    nla_put_u32(skb, WEIR_A_CHALLENGE_PAGE_STATUS, challenge->page_status) ||
	    nla_put_u32(skb, WEIR_A_CHALLENGE_REFUSAL_STATUS, challenge->refusal_status) ||
	    nla_put_u32(skb, WEIR_A_CHALLENGE_MAX_MISSES, challenge->max_misses) ||
	    (misses->blocks && nla_put_uint(skb, WEIR_A_CHALLENGE_BLOCK, misses->block_time)) ||
	    nla_put_uint(skb, WEIR_A_CHALLENGE_KEY_ROTATION, challenge->key_rotation) ||
	    nla_put_u32(skb, WEIR_A_CHALLENGE_DIFFICULTY, challenge->difficulty) ||
	    nla_put_uint(skb, WEIR_A_CHALLENGE_MIN_TIME, challenge->min_time) ||
	    nla_put_uint(skb, WEIR_A_CHALLENGE_MAX_TIME, challenge->max_time))
		return -EMSGSIZE;
	for (i = 0; i < challenge->exempt_count; i++)
		if (nla_put_string(skb, WEIR_A_CHALLENGE_EXEMPT_PATH, challenge->exempt[i]))
			return -EMSGSIZE;
	if (challenge->template)
		return nla_put(skb, WEIR_A_CHALLENGE_PAGE, challenge->template_len,
			       challenge->template);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Limits on netlink: staging and showing them. */
#include <linux/netlink.h>
#include <net/genetlink.h>

#include "config.h"
#include "control_checks.h"
#include "control_limits.h"
#include "control_rules.h"
#include "limit.h"
#include "nl_gen.h"

static_assert((int)WEIR_LIMIT_ACTION_REPLY == (int)WEIR_ACTION_REPLY);
static_assert((int)WEIR_LIMIT_ACTION_RESET == (int)WEIR_ACTION_RESET);
static_assert((int)WEIR_LIMIT_ACTION_DROP == (int)WEIR_ACTION_DROP);
static_assert((int)WEIR_LIMIT_ACTION_CHALLENGE == (int)WEIR_ACTION_CHALLENGE);
/* Without reply they are the same. */
static_assert((int)WEIR_CONNECTION_ACTION_RESET + 1 == (int)WEIR_ACTION_RESET);
static_assert((int)WEIR_CONNECTION_ACTION_DROP + 1 == (int)WEIR_ACTION_DROP);

static_assert(WEIR_ABI_FINGERPRINTS_MAX == WEIR_FINGERPRINTS_MAX);
static_assert(WEIR_ABI_FINGERPRINT_MAX == WEIR_FINGERPRINT_MAX);

/**
 * struct weir_limit_attrs - the attributes of a limit; 0: it has none
 * @most: how many are allowed
 * @action: what is done with one more
 * @block: how long its client is blocked
 * @status: of the reply to it
 */
struct weir_limit_attrs {
	u16 most;
	u16 action;
	u16 block;
	u16 status;
};

/* What is done about a check; how much it lets through is said elsewhere. */
#define WEIR_CHECK_ATTRS(check) \
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_##check] = { \
		.action = WEIR_A_LIMITS_##check##_ACTION, \
		.block = WEIR_A_LIMITS_##check##_BLOCK, \
		.status = WEIR_A_LIMITS_##check##_STATUS, \
	}

/* A row for each limit that is one of these attributes; that of challenges is not. */
static const struct weir_limit_attrs weir_limit_attrs[WEIR_LIMIT_COUNT] = {
	[WEIR_LIMIT_REQUEST_BURST] = {
		WEIR_A_LIMITS_REQUEST_BURST,
		WEIR_A_LIMITS_REQUEST_BURST_ACTION,
		WEIR_A_LIMITS_REQUEST_BURST_BLOCK,
		WEIR_A_LIMITS_REQUEST_BURST_STATUS,
	},
	[WEIR_LIMIT_REQUEST_RATE] = {
		WEIR_A_LIMITS_REQUEST_RATE,
		WEIR_A_LIMITS_REQUEST_RATE_ACTION,
		WEIR_A_LIMITS_REQUEST_RATE_BLOCK,
		WEIR_A_LIMITS_REQUEST_RATE_STATUS,
	},
	[WEIR_LIMIT_CONNECTION_BURST] = {
		WEIR_A_LIMITS_CONNECTION_BURST,
		WEIR_A_LIMITS_CONNECTION_BURST_ACTION,
		WEIR_A_LIMITS_CONNECTION_BURST_BLOCK,
	},
	[WEIR_LIMIT_CONNECTION_RATE] = {
		WEIR_A_LIMITS_CONNECTION_RATE,
		WEIR_A_LIMITS_CONNECTION_RATE_ACTION,
		WEIR_A_LIMITS_CONNECTION_RATE_BLOCK,
	},
	[WEIR_LIMIT_CONCURRENT_CONNECTIONS] = {
		WEIR_A_LIMITS_CONCURRENT_CONNECTIONS,
		WEIR_A_LIMITS_CONCURRENT_CONNECTIONS_ACTION,
		WEIR_A_LIMITS_CONCURRENT_CONNECTIONS_BLOCK,
	},
	[WEIR_LIMIT_TLS_HANDSHAKE_BURST] = {
		WEIR_A_LIMITS_TLS_HANDSHAKE_BURST,
		WEIR_A_LIMITS_TLS_HANDSHAKE_BURST_ACTION,
		WEIR_A_LIMITS_TLS_HANDSHAKE_BURST_BLOCK,
	},
	[WEIR_LIMIT_TLS_HANDSHAKE_RATE] = {
		WEIR_A_LIMITS_TLS_HANDSHAKE_RATE,
		WEIR_A_LIMITS_TLS_HANDSHAKE_RATE_ACTION,
		WEIR_A_LIMITS_TLS_HANDSHAKE_RATE_BLOCK,
	},
	[WEIR_LIMIT_TLS_INCOMPLETE_RATE] = {
		WEIR_A_LIMITS_TLS_INCOMPLETE_RATE,
		WEIR_A_LIMITS_TLS_INCOMPLETE_RATE_ACTION,
		WEIR_A_LIMITS_TLS_INCOMPLETE_RATE_BLOCK,
	},
	WEIR_CHECK_ATTRS(HEADER_TOTAL),
	WEIR_CHECK_ATTRS(HEADER_COUNT),
	WEIR_CHECK_ATTRS(URI_LENGTH),
	WEIR_CHECK_ATTRS(BODY_LENGTH),
	WEIR_CHECK_ATTRS(HEADER_LENGTH),
	WEIR_CHECK_ATTRS(METHODS),
	WEIR_CHECK_ATTRS(METHOD_OVERRIDE),
	WEIR_CHECK_ATTRS(HOST_STRICT),
	WEIR_CHECK_ATTRS(CONTENT_TYPE_REQUIRED),
	WEIR_CHECK_ATTRS(CONTENT_TYPES),
	WEIR_CHECK_ATTRS(URI_BYTES),
	WEIR_CHECK_ATTRS(HEADER_NAME_BYTES),
	WEIR_CHECK_ATTRS(HEADER_VALUE_BYTES),
	WEIR_CHECK_ATTRS(FORM_BYTES),
	WEIR_CHECK_ATTRS(TRAILER_SPLIT),
	WEIR_CHECK_ATTRS(RESPONSE_CODE),
	[WEIR_LIMIT_MIN_BODY_RATE] = {
		WEIR_A_LIMITS_MIN_BODY_RATE,
		WEIR_A_LIMITS_MIN_BODY_RATE_ACTION,
		WEIR_A_LIMITS_MIN_BODY_RATE_BLOCK,
		WEIR_A_LIMITS_MIN_BODY_RATE_STATUS,
	},
	[WEIR_LIMIT_MIN_SEND_RATE] = {
		WEIR_A_LIMITS_MIN_SEND_RATE,
		WEIR_A_LIMITS_MIN_SEND_RATE_ACTION,
		WEIR_A_LIMITS_MIN_SEND_RATE_BLOCK,
	},
	[WEIR_LIMIT_HEADER_CHUNKS] = {
		WEIR_A_LIMITS_HEADER_CHUNKS,
		WEIR_A_LIMITS_HEADER_CHUNKS_ACTION,
		WEIR_A_LIMITS_HEADER_CHUNKS_BLOCK,
		WEIR_A_LIMITS_HEADER_CHUNKS_STATUS,
	},
	/* How many there are is counted. */
	[WEIR_LIMIT_TLS_FINGERPRINT_DENY] = {
		.action = WEIR_A_LIMITS_TLS_FINGERPRINT_DENY_ACTION,
		.block = WEIR_A_LIMITS_TLS_FINGERPRINT_DENY_BLOCK,
	},
	[WEIR_LIMIT_BODY_CHUNKS] = {
		WEIR_A_LIMITS_BODY_CHUNKS,
		WEIR_A_LIMITS_BODY_CHUNKS_ACTION,
		WEIR_A_LIMITS_BODY_CHUNKS_BLOCK,
		WEIR_A_LIMITS_BODY_CHUNKS_STATUS,
	},
};

static void weir_take_u32(u32 *to, const struct nlattr *attr)
{
	if (attr)
		*to = nla_get_u32(attr);
}

/* How far the numbers of a limit's actions are from those of enum weir_action. */
static unsigned int weir_action_offset(unsigned int limit)
{
	return !weir_limit_can_reply(limit);
}

static void weir_read_limit(struct weir_limits *limits, unsigned int limit, struct nlattr **tb)
{
	const struct weir_limit_attrs *attrs = &weir_limit_attrs[limit];
	struct weir_limit_answer *answer = &limits->answers[limit];

	weir_take_u32(&limits->most[limit], tb[attrs->most]);
	if (tb[attrs->action]) {
		answer->action = nla_get_u32(tb[attrs->action]) + weir_action_offset(limit);
		answer->own_action = true;
	}
	if (tb[attrs->block]) {
		answer->block_time = nla_get_uint(tb[attrs->block]);
		answer->blocks = true;
	}
	if (tb[attrs->status])
		answer->status = nla_get_u32(tb[attrs->status]);
}

static int weir_read_fingerprints(struct weir_config *config, const struct nlattr *nest,
				  struct netlink_ext_ack *extack)
{
	const struct nlattr *attr;
	int err = 0, left;

	nla_for_each_nested(attr, nest, left) {
		if (nla_type(attr) != WEIR_A_LIMITS_TLS_FINGERPRINT_DENY)
			continue;
		NL_SET_BAD_ATTR(extack, attr);
		err = weir_fingerprints_add(&config->fingerprints, weir_attr_text(attr), extack);
		if (err)
			return err;
	}
	config->limits.most[WEIR_LIMIT_TLS_FINGERPRINT_DENY] = config->fingerprints.count;
	return 0;
}

int weir_read_limits(struct weir_config *config, struct nlattr *nest,
		     struct netlink_ext_ack *extack)
{
	struct weir_limits *limits = &config->limits;
	struct nlattr *tb[WEIR_A_LIMITS_MAX + 1];
	unsigned int i;
	u32 given;
	int err;

	err = nla_parse_nested(tb, WEIR_A_LIMITS_MAX, nest, weir_limits_nl_policy, extack);
	if (err)
		return err;
	for (i = 0; i < WEIR_LIMIT_COUNT; i++)
		weir_read_limit(limits, i, tb);
	if (tb[WEIR_A_LIMITS_ACTION])
		limits->action = nla_get_u32(tb[WEIR_A_LIMITS_ACTION]);
	weir_take_u32(&limits->ipv6_prefix, tb[WEIR_A_LIMITS_IPV6_PREFIX]);
	weir_take_u32(&limits->header_total, tb[WEIR_A_LIMITS_HEADER_TOTAL]);
	weir_take_u32(&limits->header_count, tb[WEIR_A_LIMITS_HEADER_COUNT]);
	weir_take_u32(&limits->uri_length, tb[WEIR_A_LIMITS_URI_LENGTH]);
	weir_take_u32(&config->policy.header_length, tb[WEIR_A_LIMITS_HEADER_LENGTH]);
	weir_take_u32(&limits->body_ahead, tb[WEIR_A_LIMITS_BODY_AHEAD]);
	if (tb[WEIR_A_LIMITS_MIN_BODY_GRACE])
		limits->min_body_grace = nla_get_uint(tb[WEIR_A_LIMITS_MIN_BODY_GRACE]);
	if (tb[WEIR_A_LIMITS_MIN_SEND_GRACE])
		limits->min_send_grace = nla_get_uint(tb[WEIR_A_LIMITS_MIN_SEND_GRACE]);
	if (tb[WEIR_A_LIMITS_BODY_LENGTH])
		limits->body_length = nla_get_uint(tb[WEIR_A_LIMITS_BODY_LENGTH]);
	if (tb[WEIR_A_LIMITS_CLIENT_MEMORY])
		limits->client_memory = nla_get_uint(tb[WEIR_A_LIMITS_CLIENT_MEMORY]);
	if (tb[WEIR_A_LIMITS_TOTAL_MEMORY])
		limits->total_memory = nla_get_uint(tb[WEIR_A_LIMITS_TOTAL_MEMORY]);
	if (tb[WEIR_A_LIMITS_CHECKS])
		err = weir_read_checks(&config->policy, &given, tb[WEIR_A_LIMITS_CHECKS], extack);
	return err ?: weir_read_fingerprints(config, nest, extack);
}

static int weir_put_limit(struct sk_buff *skb, const struct weir_limits *limits, unsigned int limit)
{
	const struct weir_limit_attrs *attrs = &weir_limit_attrs[limit];
	const struct weir_limit_answer *answer = &limits->answers[limit];

	if ((attrs->most && nla_put_u32(skb, attrs->most, limits->most[limit])) ||
	    (answer->own_action &&
	     nla_put_u32(skb, attrs->action, answer->action - weir_action_offset(limit))) ||
	    (answer->blocks && nla_put_uint(skb, attrs->block, answer->block_time)) ||
	    (attrs->status && nla_put_u32(skb, attrs->status, answer->status)))
		return -EMSGSIZE;
	return 0;
}

static int weir_put_fingerprints(struct sk_buff *skb, const struct weir_fingerprints *fingerprints)
{
	u32 i;

	for (i = 0; i < fingerprints->count; i++) {
		const struct http_pattern *pattern = &fingerprints->members[i].pattern;

		if (weir_put_text(skb, WEIR_A_LIMITS_TLS_FINGERPRINT_DENY, pattern->text,
				  pattern->len))
			return -EMSGSIZE;
	}
	return 0;
}

int weir_put_limits(struct sk_buff *skb, const struct weir_config *config)
{
	const struct weir_limits *limits = &config->limits;
	unsigned int i;

	for (i = 0; i < WEIR_LIMIT_COUNT; i++)
		if (weir_limit_attrs[i].action && weir_put_limit(skb, limits, i))
			return -EMSGSIZE;
	return weir_put_fingerprints(skb, &config->fingerprints) ?:
	       nla_put_u32(skb, WEIR_A_LIMITS_ACTION, limits->action) ?:
	       nla_put_u32(skb, WEIR_A_LIMITS_IPV6_PREFIX, limits->ipv6_prefix) ?:
	       nla_put_u32(skb, WEIR_A_LIMITS_HEADER_TOTAL, limits->header_total) ?:
	       nla_put_u32(skb, WEIR_A_LIMITS_HEADER_COUNT, limits->header_count) ?:
	       nla_put_uint(skb, WEIR_A_LIMITS_BODY_LENGTH, limits->body_length) ?:
	       nla_put_u32(skb, WEIR_A_LIMITS_URI_LENGTH, limits->uri_length) ?:
	       nla_put_uint(skb, WEIR_A_LIMITS_CLIENT_MEMORY, limits->client_memory) ?:
	       nla_put_uint(skb, WEIR_A_LIMITS_TOTAL_MEMORY, limits->total_memory) ?:
	       nla_put_u32(skb, WEIR_A_LIMITS_BODY_AHEAD, limits->body_ahead) ?:
	       nla_put_uint(skb, WEIR_A_LIMITS_MIN_BODY_GRACE, limits->min_body_grace) ?:
	       nla_put_uint(skb, WEIR_A_LIMITS_MIN_SEND_GRACE, limits->min_send_grace) ?:
	       nla_put_u32(skb, WEIR_A_LIMITS_HEADER_LENGTH, config->policy.header_length) ?:
	       weir_put_checks(skb, &config->policy, WEIR_A_LIMITS_CHECKS, WEIR_CHECKS_GLOBAL);
}

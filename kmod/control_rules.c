// SPDX-License-Identifier: GPL-2.0-only
/* Rules on netlink: staging and showing them.  Process context. */
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/genetlink.h>
#include <net/ipv6.h>

#include "control.h"
#include "control_rules.h"
#include "http_chars.h"
#include "nl_gen.h"
#include "rules.h"

/* The ABI's bounds and numbers are the data path's. */
static_assert(WEIR_ABI_RULES_MAX == WEIR_RULES_MAX);
static_assert(WEIR_ABI_MATCHES_MAX == WEIR_MATCHES_MAX);
static_assert(WEIR_ABI_PATTERN_MAX == HTTP_PATTERN_MAX);
static_assert(WEIR_ABI_LOCATION_MAX == WEIR_LOCATION_MAX);
static_assert(WEIR_ABI_CHAIN_DEPTH_MAX == HTTP_CHAIN_DEPTH);
static_assert(WEIR_ABI_CHAIN_WORK_MAX == WEIR_CHAIN_WORK_MAX);
static_assert((int)WEIR_MATCH_KIND_HOST == (int)HTTP_CONDITION_HOST);
static_assert((int)WEIR_MATCH_KIND_PATH == (int)HTTP_CONDITION_PATH);
static_assert((int)WEIR_MATCH_KIND_QUERY == (int)HTTP_CONDITION_QUERY);
static_assert((int)WEIR_MATCH_KIND_METHOD == (int)HTTP_CONDITION_METHOD);
static_assert((int)WEIR_MATCH_KIND_HEADER == (int)HTTP_CONDITION_HEADER);
static_assert((int)WEIR_MATCH_KIND_COOKIE == (int)HTTP_CONDITION_COOKIE);
static_assert((int)WEIR_MATCH_KIND_SOURCE == (int)HTTP_CONDITION_SOURCE);
static_assert((int)WEIR_MATCH_KIND_MARK == (int)HTTP_CONDITION_MARK);
static_assert((int)WEIR_MATCH_KIND_TLS_FINGERPRINT == (int)HTTP_CONDITION_FINGERPRINT);
static_assert((int)WEIR_RULE_ACTION_UPSTREAM == (int)HTTP_RULE_UPSTREAM);
static_assert((int)WEIR_RULE_ACTION_REDIRECT == (int)HTTP_RULE_REDIRECT);
static_assert((int)WEIR_RULE_ACTION_BLOCK == (int)HTTP_RULE_BLOCK);
static_assert((int)WEIR_RULE_ACTION_RESET == (int)HTTP_RULE_RESET);
static_assert((int)WEIR_RULE_ACTION_DROP == (int)HTTP_RULE_DROP);
static_assert((int)WEIR_RULE_ACTION_SET_MARK == (int)HTTP_RULE_SET_MARK);
static_assert((int)WEIR_RULE_ACTION_JUMP == (int)HTTP_RULE_JUMP);

enum {
	/* An IPv4 address in an IPv6 one. */
	WEIR_MAPPED_BITS	= 96,
};

int weir_read_upstream(const struct weir_config *config, const struct nlattr *attr, u32 *index,
		       struct netlink_ext_ack *extack)
{
	const struct weir_upstream_config *upstream;
	char name[WEIR_NAME_MAX];
	int err = weir_read_name(name, attr, extack);

	if (err)
		return err;
	upstream = weir_config_find_upstream(config, name);
	if (upstream) {
		*index = upstream - config->upstreams;
		return 0;
	}
	NL_SET_ERR_MSG_ATTR(extack, attr, "no upstream group of this name was staged");
	return -EINVAL;
}

/**
 * struct weir_store - memory behind a rule's conditions that is being given out
 * @next: what is free
 */
struct weir_store {
	u8 *next;
};

static struct http_text weir_store_text(struct weir_store *store, struct http_text text)
{
	u8 *to = store->next;

	memcpy(to, text.at, text.len);
	store->next += text.len;
	return (struct http_text){ .at = to, .len = text.len };
}

static int weir_match_source(struct http_condition *condition, struct nlattr **tb,
			     const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	const struct nlattr *address4 = tb[WEIR_A_MATCH_ADDRESS4];
	const struct nlattr *address6 = tb[WEIR_A_MATCH_ADDRESS6];
	struct in6_addr address, network;
	u32 prefix;

	if (!address4 == !address6 || !tb[WEIR_A_MATCH_PREFIX]) {
		NL_SET_ERR_MSG_ATTR(extack, nest,
				    "one of address4 and address6, and a prefix are expected");
		return -EINVAL;
	}
	prefix = nla_get_u32(tb[WEIR_A_MATCH_PREFIX]);
	if (address4) {
		ipv6_addr_set_v4mapped(nla_get_in_addr(address4), &address);
		prefix += WEIR_MAPPED_BITS;
	} else {
		address = nla_get_in6_addr(address6);
	}
	if (prefix <= 128)
		ipv6_addr_prefix(&network, &address, prefix);
	if (prefix > 128 || !ipv6_addr_equal(&network, &address)) {
		NL_SET_ERR_MSG_ATTR(extack, tb[WEIR_A_MATCH_PREFIX],
				    "the address has bits beyond its prefix");
		return -EINVAL;
	}
	condition->prefix = prefix;
	memcpy(condition->address, &address, sizeof(condition->address));
	return 0;
}

static int weir_match_mark(struct http_condition *condition, struct nlattr **tb,
			   const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_MATCH_MARK) ||
	    NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_MATCH_MASK))
		return -EINVAL;
	condition->mark = nla_get_u32(tb[WEIR_A_MATCH_MARK]);
	condition->mask = nla_get_u32(tb[WEIR_A_MATCH_MASK]);
	if (!(condition->mark & ~condition->mask))
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, tb[WEIR_A_MATCH_MARK], "the mark has bits beyond its mask");
	return -EINVAL;
}

static int weir_match_pattern(struct http_condition *condition, struct nlattr **tb,
			      struct weir_store *store, const struct nlattr *nest,
			      struct netlink_ext_ack *extack)
{
	bool named = condition->kind == HTTP_CONDITION_HEADER ||
		     condition->kind == HTTP_CONDITION_COOKIE;
	/* As DNS and HTTP compare. */
	bool fold = condition->kind == HTTP_CONDITION_HOST ||
		    condition->kind == HTTP_CONDITION_HEADER;
	struct http_text text;

	if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_MATCH_PATTERN) ||
	    (named && NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_MATCH_NAME)))
		return -EINVAL;
	if (named) {
		text = weir_attr_text(tb[WEIR_A_MATCH_NAME]);
		if (!text.len || http_skip_token(text.at, 0, text.len) != text.len) {
			NL_SET_ERR_MSG_ATTR(extack, tb[WEIR_A_MATCH_NAME], "not a name");
			return -EINVAL;
		}
		condition->name = weir_store_text(store, text);
		condition->field = http_field_id(text.at, text.len);
	}
	text = weir_attr_text(tb[WEIR_A_MATCH_PATTERN]);
	http_pattern_compile(&condition->pattern, text.at, text.len, fold, store->next);
	store->next += 2 * text.len;
	return 0;
}

static int weir_read_match(struct http_condition *condition, struct weir_store *store,
			   const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[WEIR_A_MATCH_MAX + 1];
	int err;

	err = nla_parse_nested(tb, WEIR_A_MATCH_MAX, nest, weir_match_nl_policy, extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_MATCH_KIND))
		return -EINVAL;
	condition->kind = nla_get_u32(tb[WEIR_A_MATCH_KIND]);
	condition->negate = nla_get_flag(tb[WEIR_A_MATCH_NEGATE]);
	switch (condition->kind) {
	case HTTP_CONDITION_SOURCE:
		return weir_match_source(condition, tb, nest, extack);
	case HTTP_CONDITION_MARK:
		return weir_match_mark(condition, tb, nest, extack);
	default:
		return weir_match_pattern(condition, tb, store, nest, extack);
	}
}

/* A kind that a request has one of, so neighbours are alternatives. */
static bool weir_match_is_one(u8 kind)
{
	return kind == HTTP_CONDITION_METHOD || kind == HTTP_CONDITION_SOURCE ||
	       kind == HTTP_CONDITION_FINGERPRINT;
}

static int weir_join_matches(struct weir_rule *rule, const struct nlattr *nest,
			     struct netlink_ext_ack *extack)
{
	u32 i;

	for (i = 1; i < rule->rule.condition_count; i++) {
		struct http_condition *before = &rule->conditions[i - 1];
		const struct http_condition *condition = &rule->conditions[i];

		if (condition->kind != before->kind || !weir_match_is_one(condition->kind))
			continue;
		if (condition->negate != before->negate) {
			NL_SET_ERR_MSG_ATTR(extack, nest, "only some alternatives are negated");
			return -EINVAL;
		}
		before->or_next = true;
	}
	return 0;
}

/* Bytes that a rule's attributes need behind its conditions, at most, and how many conditions. */
static size_t weir_rule_room(const struct nlattr *nest, u32 *count)
{
	const struct nlattr *attr;
	size_t bytes = 0;
	int rem;

	*count = 0;
	nla_for_each_nested(attr, nest, rem) {
		if (nla_type(attr) == WEIR_A_RULE_MATCH) {
			++*count;
			bytes += 2 * nla_len(attr);
		} else if (nla_type(attr) == WEIR_A_RULE_LOCATION) {
			bytes += nla_len(attr);
		}
	}
	return bytes;
}

static int weir_read_redirect(struct weir_rule *rule, struct nlattr **tb, struct weir_store *store,
			      const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct http_text location;
	const char *fault;

	if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_RULE_LOCATION))
		return -EINVAL;
	rule->rule.status = 302;
	if (tb[WEIR_A_RULE_STATUS])
		rule->rule.status = nla_get_u32(tb[WEIR_A_RULE_STATUS]);
	switch (rule->rule.status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		break;
	default:
		NL_SET_ERR_MSG_ATTR(extack, tb[WEIR_A_RULE_STATUS], "not the status of a redirect");
		return -EINVAL;
	}
	location = weir_attr_text(tb[WEIR_A_RULE_LOCATION]);
	fault = http_location_fault(location);
	if (fault) {
		NL_SET_ERR_MSG_ATTR_FMT(extack, tb[WEIR_A_RULE_LOCATION], "it has %s", fault);
		return -EINVAL;
	}
	rule->rule.location = weir_store_text(store, location);
	return 0;
}

static int weir_read_action(const struct weir_config *config, struct weir_rule *rule,
			    struct nlattr **tb, struct weir_store *store,
			    const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_RULE_ACTION))
		return -EINVAL;
	rule->rule.action = nla_get_u32(tb[WEIR_A_RULE_ACTION]);
	switch (rule->rule.action) {
	case HTTP_RULE_UPSTREAM:
		if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_RULE_UPSTREAM))
			return -EINVAL;
		return weir_read_upstream(config, tb[WEIR_A_RULE_UPSTREAM], &rule->rule.upstream,
					  extack);
	case HTTP_RULE_REDIRECT:
		return weir_read_redirect(rule, tb, store, nest, extack);
	case HTTP_RULE_BLOCK:
		if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_RULE_STATUS))
			return -EINVAL;
		rule->rule.status = nla_get_u32(tb[WEIR_A_RULE_STATUS]);
		if (rule->rule.status >= 400)
			return 0;
		NL_SET_ERR_MSG_ATTR(extack, tb[WEIR_A_RULE_STATUS], "not the status of an error");
		return -EINVAL;
	case HTTP_RULE_SET_MARK:
		if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_RULE_MARK))
			return -EINVAL;
		rule->rule.mark = nla_get_u32(tb[WEIR_A_RULE_MARK]);
		return 0;
	case HTTP_RULE_JUMP:
		if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_RULE_JUMP))
			return -EINVAL;
		return weir_read_name(rule->jump_name, tb[WEIR_A_RULE_JUMP], extack);
	default:
		return 0;
	}
}

static int weir_read_rule(const struct weir_config *config, struct weir_rule *rule,
			  struct nlattr **tb, struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct weir_store store = {
		.next = (u8 *)(rule->conditions + rule->rule.condition_count),
	};
	const struct nlattr *attr;
	u32 i = 0;
	int err, rem;

	nla_for_each_nested(attr, nest, rem) {
		if (nla_type(attr) != WEIR_A_RULE_MATCH)
			continue;
		err = weir_read_match(&rule->conditions[i++], &store, attr, extack);
		if (err)
			return err;
	}
	return weir_join_matches(rule, nest, extack) ?:
	       weir_read_name(rule->chain_name, tb[WEIR_A_RULE_CHAIN], extack) ?:
	       weir_read_action(config, rule, tb, &store, nest, extack);
}

int weir_stage_rule(struct weir_config *config, struct nlattr *nest,
		    struct netlink_ext_ack *extack)
{
	struct weir_rules *rules = weir_rules_of(config);
	struct nlattr *tb[WEIR_A_RULE_MAX + 1];
	struct weir_rule *rule;
	size_t bytes;
	u32 count;
	int err;

	err = nla_parse_nested(tb, WEIR_A_RULE_MAX, nest, weir_rule_nl_policy, extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_RULE_CHAIN))
		return -EINVAL;
	if (!rules)
		return -ENOMEM;
	bytes = weir_rule_room(nest, &count);
	if (count > WEIR_MATCHES_MAX) {
		NL_SET_ERR_MSG_ATTR_FMT(extack, nest, "more than %d conditions", WEIR_MATCHES_MAX);
		return -E2BIG;
	}
	rule = kvzalloc(struct_size(rule, conditions, count) + bytes, GFP_KERNEL_ACCOUNT);
	if (!rule)
		return -ENOMEM;
	rule->rule.conditions = rule->conditions;
	rule->rule.condition_count = count;
	err = weir_read_rule(config, rule, tb, nest, extack);
	if (err) {
		kvfree(rule);
		return err;
	}
	NL_SET_BAD_ATTR(extack, nest);
	return weir_rules_add_rule(rules, rule, extack);
}

int weir_put_text(struct sk_buff *skb, int type, const u8 *at, size_t len)
{
	struct nlattr *attr = nla_reserve(skb, type, len + 1);

	if (!attr)
		return -EMSGSIZE;
	memcpy(nla_data(attr), at, len);
	((u8 *)nla_data(attr))[len] = '\0';
	return 0;
}

static int weir_put_source(struct sk_buff *skb, const struct http_condition *condition)
{
	const struct in6_addr *address = (const struct in6_addr *)condition->address;

	if (ipv6_addr_v4mapped(address) && condition->prefix >= WEIR_MAPPED_BITS)
		return nla_put_in_addr(skb, WEIR_A_MATCH_ADDRESS4, address->s6_addr32[3]) ?:
		       nla_put_u32(skb, WEIR_A_MATCH_PREFIX,
				   condition->prefix - WEIR_MAPPED_BITS);
	return nla_put_in6_addr(skb, WEIR_A_MATCH_ADDRESS6, address) ?:
	       nla_put_u32(skb, WEIR_A_MATCH_PREFIX, condition->prefix);
}

static int weir_put_match(struct sk_buff *skb, const struct http_condition *condition)
{
	if (nla_put_u32(skb, WEIR_A_MATCH_KIND, condition->kind) ||
	    (condition->negate && nla_put_flag(skb, WEIR_A_MATCH_NEGATE)))
		return -EMSGSIZE;
	switch (condition->kind) {
	case HTTP_CONDITION_SOURCE:
		return weir_put_source(skb, condition);
	case HTTP_CONDITION_MARK:
		return nla_put_u32(skb, WEIR_A_MATCH_MARK, condition->mark) ?:
		       nla_put_u32(skb, WEIR_A_MATCH_MASK, condition->mask);
	case HTTP_CONDITION_HEADER:
	case HTTP_CONDITION_COOKIE:
		if (weir_put_text(skb, WEIR_A_MATCH_NAME, condition->name.at, condition->name.len))
			return -EMSGSIZE;
		fallthrough;
	default:
		return weir_put_text(skb, WEIR_A_MATCH_PATTERN, condition->pattern.text,
				     condition->pattern.len);
	}
}

static int weir_put_action(struct sk_buff *skb, const struct weir_config *config,
			   const struct weir_rule *rule)
{
	if (nla_put_u32(skb, WEIR_A_RULE_ACTION, rule->rule.action))
		return -EMSGSIZE;
	switch (rule->rule.action) {
	case HTTP_RULE_UPSTREAM:
		return nla_put_string(skb, WEIR_A_RULE_UPSTREAM,
				      config->upstreams[rule->rule.upstream].name);
	case HTTP_RULE_REDIRECT:
		return weir_put_text(skb, WEIR_A_RULE_LOCATION, rule->rule.location.at,
				     rule->rule.location.len) ?:
		       nla_put_u32(skb, WEIR_A_RULE_STATUS, rule->rule.status);
	case HTTP_RULE_BLOCK:
		return nla_put_u32(skb, WEIR_A_RULE_STATUS, rule->rule.status);
	case HTTP_RULE_SET_MARK:
		return nla_put_u32(skb, WEIR_A_RULE_MARK, rule->rule.mark);
	case HTTP_RULE_JUMP:
		return nla_put_string(skb, WEIR_A_RULE_JUMP, rule->jump_name);
	default:
		return 0;
	}
}

int weir_put_rule(struct sk_buff *skb, const struct weir_config *config, u32 index)
{
	const struct weir_rule *rule = config->rules->rules[index];
	struct nlattr *nest;
	u32 i;

	if (nla_put_string(skb, WEIR_A_RULE_CHAIN, rule->chain_name))
		return -EMSGSIZE;
	for (i = 0; i < rule->rule.condition_count; i++) {
		nest = nla_nest_start(skb, WEIR_A_RULE_MATCH);
		if (!nest || weir_put_match(skb, &rule->conditions[i]))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	return weir_put_action(skb, config, rule);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Virtual hosts and rules: adding, checking, and making the tables that requests are judged by. */

#include <linux/log2.h>
#include <linux/netlink.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "meter.h"
#include "rules.h"

struct weir_rules *weir_rules_of(struct weir_config *config)
{
	if (!config->rules)
		config->rules = kzalloc(sizeof(*config->rules), GFP_KERNEL_ACCOUNT);
	return config->rules;
}

void weir_rules_free(struct weir_rules *rules)
{
	u32 i;

	if (!rules)
		return;
	for (i = 0; i < rules->vhost_count; i++) {
		weir_meter_put(rules->vhosts[i]->meter);
		kvfree(rules->vhosts[i]);
	}
	for (i = 0; i < rules->rule_count; i++)
		kvfree(rules->rules[i]);
	kvfree(rules->vhosts);
	kvfree(rules->rules);
	kvfree(rules->chains);
	kvfree(rules->order);
	kvfree(rules->hosts.buckets);
	kvfree(rules->hosts.names);
	free_percpu(rules->scratch);
	kfree(rules);
}

int weir_rules_measure(struct weir_rules *rules, struct weir_meters *meters)
{
	struct weir_vhost *vhost;
	u32 i;

	for (i = 0; i < rules->vhost_count; i++) {
		vhost = rules->vhosts[i];
		if (!vhost->meter)
			vhost->meter = weir_meter_get(meters, WEIR_METER_VHOST, vhost->name, NULL);
		if (!vhost->meter)
			return -ENOMEM;
	}
	return 0;
}

/* Make room for one more pointer in an array that doubles whenever it is full. */
static void *weir_rules_grow(void *array, u32 count)
{
	if (count && !is_power_of_2(count))
		return array;
	return kvrealloc(array, array_size(count ? 2 * count : 1, sizeof(void *)),
			 GFP_KERNEL_ACCOUNT);
}

const struct weir_vhost *weir_rules_find_vhost(const struct weir_rules *rules, const char *name,
					       u32 *index)
{
	u32 i;

	for (i = 0; i < rules->vhost_count; i++) {
		if (strcmp(rules->vhosts[i]->name, name))
			continue;
		*index = i;
		return rules->vhosts[i];
	}
	return NULL;
}

int weir_rules_add_vhost(struct weir_rules *rules, struct weir_vhost *vhost,
			 struct netlink_ext_ack *extack)
{
	struct weir_vhost **vhosts;
	int err = -ENOMEM;
	u32 i;

	if (weir_rules_find_vhost(rules, vhost->name, &i)) {
		NL_SET_ERR_MSG_FMT(extack, "virtual host %s is given twice", vhost->name);
		err = -EEXIST;
		goto free_vhost;
	}
	if (rules->vhost_count == WEIR_VHOSTS_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "more than %d virtual hosts", WEIR_VHOSTS_MAX);
		err = -E2BIG;
		goto free_vhost;
	}
	vhosts = weir_rules_grow(rules->vhosts, rules->vhost_count);
	if (!vhosts)
		goto free_vhost;
	rules->vhosts = vhosts;
	vhosts[rules->vhost_count++] = vhost;
	return 0;

free_vhost:
	kvfree(vhost);
	return err;
}

int weir_rules_add_rule(struct weir_rules *rules, struct weir_rule *rule,
			struct netlink_ext_ack *extack)
{
	struct weir_rule **array;
	int err = -ENOMEM;

	if (rules->rule_count == WEIR_RULES_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "more than %d rules", WEIR_RULES_MAX);
		err = -E2BIG;
		goto free_rule;
	}
	array = weir_rules_grow(rules->rules, rules->rule_count);
	if (!array)
		goto free_rule;
	rules->rules = array;
	array[rules->rule_count++] = rule;
	return 0;

free_rule:
	kvfree(rule);
	return err;
}

static struct weir_chain *weir_chain_find(const struct weir_rules *rules, const char *name)
{
	u32 i;

	for (i = 0; i < rules->chain_count; i++)
		if (!strcmp(rules->chains[i].name, name))
			return &rules->chains[i];
	return NULL;
}

/* Which chains there are, and how many rules each has. */
static int weir_chains_name(struct weir_rules *rules)
{
	u32 i;

	rules->chains = kvcalloc(rules->rule_count, sizeof(*rules->chains), GFP_KERNEL_ACCOUNT);
	rules->order = kvcalloc(rules->rule_count, sizeof(*rules->order), GFP_KERNEL_ACCOUNT);
	if (!rules->chains || !rules->order)
		return -ENOMEM;
	for (i = 0; i < rules->rule_count; i++) {
		struct weir_rule *rule = rules->rules[i];
		struct weir_chain *chain = weir_chain_find(rules, rule->chain_name);

		if (!chain) {
			chain = &rules->chains[rules->chain_count++];
			chain->name = rule->chain_name;
		}
		rule->chain = chain - rules->chains;
		chain->chain.count++;
	}
	return 0;
}

/* Put the rules of each chain side by side. */
static void weir_chains_fill(struct weir_rules *rules)
{
	const struct http_rule **next = rules->order;
	u32 i, j;

	for (i = 0; i < rules->chain_count; i++) {
		rules->chains[i].chain.rules = next;
		for (j = 0; j < rules->rule_count; j++)
			if (rules->rules[j]->chain == i)
				*next++ = &rules->rules[j]->rule;
	}
}

static int weir_jumps_find(struct weir_rules *rules, struct netlink_ext_ack *extack)
{
	u32 i;

	for (i = 0; i < rules->rule_count; i++) {
		struct weir_rule *rule = rules->rules[i];
		const struct weir_chain *target;

		if (rule->rule.action != HTTP_RULE_JUMP)
			continue;
		target = weir_chain_find(rules, rule->jump_name);
		if (!target) {
			NL_SET_ERR_MSG_FMT(extack, "chain %s has no rule", rule->jump_name);
			return -EINVAL;
		}
		rule->rule.jump = &target->chain;
	}
	return 0;
}

/*
 * Depth and work of one chain from those of the chains that it jumps to; false
 * if one of them is not known yet.
 */
static bool weir_chain_measure(struct weir_rules *rules, struct weir_chain *chain)
{
	u32 depth = 1, work = 0;
	u32 i;

	for (i = 0; i < chain->chain.count; i++) {
		const struct http_rule *rule = chain->chain.rules[i];
		const struct weir_chain *target;

		work++;
		if (rule->action != HTTP_RULE_JUMP)
			continue;
		target = container_of(rule->jump, struct weir_chain, chain);
		if (!target->depth)
			return false;
		depth = max(depth, target->depth + 1);
		work = min_t(u64, (u64)work + target->work, U32_MAX);
	}
	chain->depth = depth;
	chain->work = work;
	return true;
}

/* From chains without jumps upwards; what is left over at the end goes in circles. */
static int weir_chains_measure(struct weir_rules *rules, struct netlink_ext_ack *extack)
{
	bool found;
	u32 i;

	do {
		found = false;
		for (i = 0; i < rules->chain_count; i++)
			if (!rules->chains[i].depth)
				found |= weir_chain_measure(rules, &rules->chains[i]);
		cond_resched();
	} while (found);
	for (i = 0; i < rules->chain_count; i++) {
		const struct weir_chain *chain = &rules->chains[i];

		if (!chain->depth) {
			NL_SET_ERR_MSG_FMT(extack, "chain %s leads back to itself", chain->name);
			return -ELOOP;
		}
		/* The first chain is no jump. */
		if (chain->depth > HTTP_CHAIN_DEPTH + 1) {
			NL_SET_ERR_MSG_FMT(extack, "chain %s leads through more than %d others",
					   chain->name, HTTP_CHAIN_DEPTH);
			return -ELOOP;
		}
		if (chain->work > WEIR_CHAIN_WORK_MAX) {
			NL_SET_ERR_MSG_FMT(extack,
					   "chain %s compares a request with more than %d rules",
					   chain->name, WEIR_CHAIN_WORK_MAX);
			return -E2BIG;
		}
	}
	return 0;
}

static int weir_vhosts_join(struct weir_rules *rules, struct netlink_ext_ack *extack)
{
	const struct weir_chain *chain;
	u32 i;

	chain = weir_chain_find(rules, WEIR_CHAIN_MAIN);
	if (chain)
		rules->main = &chain->chain;
	for (i = 0; i < rules->vhost_count; i++) {
		struct weir_vhost *vhost = rules->vhosts[i];

		if (!vhost->chain_name[0])
			continue;
		chain = weir_chain_find(rules, vhost->chain_name);
		if (!chain) {
			NL_SET_ERR_MSG_FMT(extack, "chain %s has no rule", vhost->chain_name);
			return -EINVAL;
		}
		vhost->chain = &chain->chain;
	}
	return 0;
}

static int weir_hosts_add(struct weir_rules *rules, u32 index, struct netlink_ext_ack *extack)
{
	const struct weir_vhost *vhost = rules->vhosts[index];
	struct http_hosts *hosts = &rules->hosts;
	u32 i;

	if (!vhost->name_count) {
		if (hosts->fallback != HTTP_VHOST_NONE) {
			NL_SET_ERR_MSG_FMT(extack, "virtual hosts %s and %s have no names",
					   rules->vhosts[hosts->fallback]->name, vhost->name);
			return -EEXIST;
		}
		hosts->fallback = index;
	}
	for (i = 0; i < vhost->name_count; i++) {
		struct http_name *name = &hosts->names[hosts->count];

		name->vhost = index;
		name->text = vhost->names[i];
		name->wildcard = name->text.at[0] == '*';
		name->text.at += name->wildcard;
		name->text.len -= name->wildcard;
		if (!http_hosts_add(hosts))
			continue;
		NL_SET_ERR_MSG_FMT(extack, "host %.*s of virtual host %s is another's already",
				   (int)vhost->names[i].len, vhost->names[i].at, vhost->name);
		return -EEXIST;
	}
	return 0;
}

static int weir_hosts_make(struct weir_rules *rules, struct netlink_ext_ack *extack)
{
	struct http_hosts *hosts = &rules->hosts;
	u32 count = 0, buckets;
	u32 i;

	hosts->fallback = HTTP_VHOST_NONE;
	if (!rules->vhost_count)
		return 0;
	for (i = 0; i < rules->vhost_count; i++)
		count += rules->vhosts[i]->name_count;
	buckets = roundup_pow_of_two(count + 1);
	hosts->mask = buckets - 1;
	hosts->buckets = kvcalloc(buckets, sizeof(*hosts->buckets), GFP_KERNEL_ACCOUNT);
	hosts->names = kvcalloc(count + 1, sizeof(*hosts->names), GFP_KERNEL_ACCOUNT);
	if (!hosts->buckets || !hosts->names)
		return -ENOMEM;
	for (i = 0; i < rules->vhost_count; i++) {
		int err = weir_hosts_add(rules, i, extack);

		if (err)
			return err;
	}
	return 0;
}

/* Whether a rule has a condition of this kind. */
static bool weir_rules_look_at(const struct weir_rules *rules, enum http_condition_kind kind)
{
	u32 i, j;

	for (i = 0; i < rules->rule_count; i++)
		for (j = 0; j < rules->rules[i]->rule.condition_count; j++)
			if (rules->rules[i]->conditions[j].kind == kind)
				return true;
	return false;
}

int weir_rules_finish(struct weir_rules *rules, u32 uri_length, struct netlink_ext_ack *extack)
{
	int err = 0;

	if (rules->rule_count) {
		err = weir_chains_name(rules);
		if (err)
			return err;
		weir_chains_fill(rules);
		err = weir_jumps_find(rules, extack) ?: weir_chains_measure(rules, extack);
		if (err)
			return err;
	}
	err = weir_vhosts_join(rules, extack) ?: weir_hosts_make(rules, extack);
	if (err)
		return err;
	rules->fingerprints = weir_rules_look_at(rules, HTTP_CONDITION_FINGERPRINT);
	rules->room = uri_length;
	if (weir_rules_look_at(rules, HTTP_CONDITION_PATH) ||
	    weir_rules_look_at(rules, HTTP_CONDITION_QUERY)) {
		rules->scratch = __alloc_percpu(uri_length, 1);
		if (!rules->scratch)
			return -ENOMEM;
	}
	return 0;
}

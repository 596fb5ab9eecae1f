// SPDX-License-Identifier: GPL-2.0-only
/* Checks of requests as parts of a configuration. */

#include <linux/jhash.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <uapi/weir.h>

#include "checks.h"
#include "rules.h"

/* Of a member of the policy. */
#define AT(name)	offsetof(struct http_policy, name)
#define SIZE(name)	sizeof_field(struct http_policy, name)

/* A row for each; what is a virtual host's own is a bit of its number. */
const struct weir_check_member weir_check_members[] = {
	[WEIR_A_CHECKS_URI_LENGTH] = { WEIR_CHECK_U32, AT(uri_length), SIZE(uri_length) },
	[WEIR_A_CHECKS_BODY_LENGTH] = { WEIR_CHECK_U64, AT(body_length), SIZE(body_length) },
	[WEIR_A_CHECKS_METHODS] = { WEIR_CHECK_TEXT, AT(methods), SIZE(methods) },
	[WEIR_A_CHECKS_METHOD_OVERRIDE] = {
		WEIR_CHECK_BOOL, AT(method_override), SIZE(method_override)
	},
	[WEIR_A_CHECKS_HOST_STRICT] = { WEIR_CHECK_BOOL, AT(host_strict), SIZE(host_strict) },
	[WEIR_A_CHECKS_HOST_ADDRESS] = { WEIR_CHECK_BOOL, AT(host_address), SIZE(host_address) },
	[WEIR_A_CHECKS_CONTENT_TYPE_REQUIRED] = {
		WEIR_CHECK_BOOL, AT(content_type_required), SIZE(content_type_required)
	},
	[WEIR_A_CHECKS_CONTENT_TYPES] = { WEIR_CHECK_TEXT, AT(content_types), SIZE(content_types) },
	[WEIR_A_CHECKS_TRAILER_SPLIT] = { WEIR_CHECK_BOOL, AT(trailer_split), SIZE(trailer_split) },
	[WEIR_A_CHECKS_URI_BYTES] = { WEIR_CHECK_BITS, AT(uri_bytes), SIZE(uri_bytes) },
	[WEIR_A_CHECKS_HEADER_NAME_BYTES] = { WEIR_CHECK_BITS, AT(name_bytes), SIZE(name_bytes) },
	[WEIR_A_CHECKS_HEADER_VALUE_BYTES] = {
		WEIR_CHECK_BITS, AT(value_bytes), SIZE(value_bytes)
	},
	[WEIR_A_CHECKS_FORM_BYTES] = { WEIR_CHECK_BITS, AT(form_bytes), SIZE(form_bytes) },
	[WEIR_A_CHECKS_RESPONSE_CODES] = { WEIR_CHECK_BITS, AT(codes), SIZE(codes) },
	[WEIR_A_CHECKS_RESPONSE_CODE_COUNT] = { WEIR_CHECK_U32, AT(code_count), SIZE(code_count) },
	[WEIR_A_CHECKS_RESPONSE_CODE_TIME] = { WEIR_CHECK_U64, AT(code_time), SIZE(code_time) },
};

const unsigned int weir_check_member_count = ARRAY_SIZE(weir_check_members);

static_assert(ARRAY_SIZE(weir_check_members) <= BITS_PER_TYPE(u32));

/* Whoever counts other replies than all virtual hosts, or for another time, counts them apart. */
static u32 weir_checks_scope(const struct weir_vhost *vhost)
{
	u32 own = BIT(WEIR_A_CHECKS_RESPONSE_CODES) | BIT(WEIR_A_CHECKS_RESPONSE_CODE_COUNT) |
		  BIT(WEIR_A_CHECKS_RESPONSE_CODE_TIME);

	if (!(vhost->policy_given & own))
		return 0;
	return jhash(vhost->name, strlen(vhost->name), 0) ?: 1;
}

static void weir_checks_inherit(struct weir_vhost *vhost, const struct http_policy *policy)
{
	u32 own = vhost->policy_given;
	unsigned int i;

	vhost->policy.header_length = policy->header_length;
	/* One that has an address for a name is asked for by it. */
	for (i = 0; !(own & BIT(WEIR_A_CHECKS_HOST_ADDRESS)) && i < vhost->name_count; i++) {
		if (http_is_address(vhost->names[i])) {
			vhost->policy.host_address = true;
			own |= BIT(WEIR_A_CHECKS_HOST_ADDRESS);
		}
	}
	vhost->policy.code_scope = weir_checks_scope(vhost);
	for (i = 0; i < weir_check_member_count; i++) {
		const struct weir_check_member *member = &weir_check_members[i];

		if (member->kind != WEIR_CHECK_NONE && !(own & BIT(i)))
			memcpy((void *)&vhost->policy + member->offset,
			       (const void *)policy + member->offset, member->size);
	}
}

void weir_checks_finish(struct weir_config *config)
{
	u32 i, count = config->rules ? config->rules->vhost_count : 0;
	struct weir_limits *limits = &config->limits;
	struct http_policy *policy = &config->policy;

	policy->uri_length = limits->uri_length;
	policy->body_length = limits->body_length;
	limits->uri_most = policy->uri_length;
	limits->body_most = policy->body_length;
	limits->counts_codes = policy->code_count;
	for (i = 0; i < count; i++) {
		struct http_policy *own = &config->rules->vhosts[i]->policy;

		weir_checks_inherit(config->rules->vhosts[i], policy);
		limits->uri_most = max(limits->uri_most, own->uri_length);
		limits->body_most = own->body_length && limits->body_most ?
				    max(limits->body_most, own->body_length) : 0;
		limits->counts_codes |= own->code_count;
	}
	http_policy_finish(policy, limits->uri_most, limits->body_most);
	for (i = 0; i < count; i++)
		http_policy_finish(&config->rules->vhosts[i]->policy, limits->uri_most,
				   limits->body_most);
}

const struct http_policy *weir_checks_of(const struct weir_config *config, u32 vhost)
{
	if (!config->rules || vhost >= config->rules->vhost_count)
		return &config->policy;
	return &config->rules->vhosts[vhost]->policy;
}

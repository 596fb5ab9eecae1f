// SPDX-License-Identifier: GPL-2.0-only
/* Checks of requests on netlink. */
#include <linux/netlink.h>
#include <net/genetlink.h>

#include "checks.h"
#include "control_checks.h"
#include "control_rules.h"

static_assert(WEIR_ABI_METHODS_MAX + 1 == HTTP_METHODS_MAX);
static_assert(WEIR_ABI_CONTENT_TYPES_MAX + 1 == HTTP_CONTENT_TYPES_MAX);
static_assert(WEIR_ABI_URI_LENGTH_MIN == WEIR_URI_LENGTH_MIN);
static_assert(WEIR_ABI_URI_LENGTH_MAX == WEIR_URI_LENGTH_MAX);

/* The bits of a set stand in words on this machine. */
static void weir_check_swap(u64 *words, size_t size)
{
	size_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		le64_to_cpus(&words[i]);
}

static int weir_read_check(const struct weir_check_member *member, void *to,
			   const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	switch (member->kind) {
	case WEIR_CHECK_U32:
		*(u32 *)to = nla_get_u32(attr);
		return 0;
	case WEIR_CHECK_U64:
		*(u64 *)to = nla_get_uint(attr);
		return 0;
	case WEIR_CHECK_BOOL:
		*(bool *)to = nla_get_u32(attr);
		return 0;
	case WEIR_CHECK_BITS:
		memcpy(to, nla_data(attr), member->size);
		weir_check_swap(to, member->size);
		return 0;
	default:
		if (nla_strscpy(to, attr, member->size) >= 0)
			return 0;
		NL_SET_ERR_MSG_ATTR(extack, attr, "the list is too long");
		return -EINVAL;
	}
}

int weir_read_checks(struct http_policy *policy, u32 *given, const struct nlattr *nest,
		     struct netlink_ext_ack *extack)
{
	struct nlattr *tb[WEIR_A_CHECKS_MAX + 1];
	unsigned int i;
	int err;

	err = nla_parse_nested(tb, WEIR_A_CHECKS_MAX, nest, weir_checks_nl_policy, extack);
	if (err)
		return err;
	*given = 0;
	for (i = 0; i < weir_check_member_count; i++) {
		const struct weir_check_member *member = &weir_check_members[i];

		if (member->kind == WEIR_CHECK_NONE || !tb[i])
			continue;
		err = weir_read_check(member, (void *)policy + member->offset, tb[i], extack);
		if (err)
			return err;
		*given |= BIT(i);
	}
	if (tb[WEIR_A_CHECKS_METHODS] &&
	    !http_methods_ok(weir_attr_text(tb[WEIR_A_CHECKS_METHODS]))) {
		NL_SET_ERR_MSG_ATTR(extack, tb[WEIR_A_CHECKS_METHODS],
				    "expected methods with commas between them");
		return -EINVAL;
	}
	if (tb[WEIR_A_CHECKS_CONTENT_TYPES] &&
	    !http_content_types_ok(weir_attr_text(tb[WEIR_A_CHECKS_CONTENT_TYPES]))) {
		NL_SET_ERR_MSG_ATTR(extack, tb[WEIR_A_CHECKS_CONTENT_TYPES],
				    "expected media types in lower case with commas between them");
		return -EINVAL;
	}
	return 0;
}

static int weir_put_bits(struct sk_buff *skb, int type, const void *from, size_t size)
{
	u64 words[HTTP_CODES_WORDS];

	static_assert((int)HTTP_BYTES_WORDS <= (int)HTTP_CODES_WORDS);
	memcpy(words, from, size);
	weir_check_swap(words, size);
	return nla_put(skb, type, size, words);
}

static int weir_put_check(struct sk_buff *skb, int type, const struct weir_check_member *member,
			  const void *from)
{
	switch (member->kind) {
	case WEIR_CHECK_U32:
		return nla_put_u32(skb, type, *(const u32 *)from);
	case WEIR_CHECK_U64:
		return nla_put_uint(skb, type, *(const u64 *)from);
	case WEIR_CHECK_BOOL:
		return nla_put_u32(skb, type, *(const bool *)from);
	case WEIR_CHECK_BITS:
		return weir_put_bits(skb, type, from, member->size);
	case WEIR_CHECK_TEXT:
		return nla_put_string(skb, type, from);
	default:
		return 0;
	}
}

int weir_put_checks(struct sk_buff *skb, const struct http_policy *policy, int type, u32 given)
{
	struct nlattr *nest;
	unsigned int i;

	if (!given)
		return 0;
	nest = nla_nest_start(skb, type);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < weir_check_member_count; i++) {
		const struct weir_check_member *member = &weir_check_members[i];

		if (given & BIT(i) &&
		    weir_put_check(skb, i, member, (const void *)policy + member->offset))
			return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

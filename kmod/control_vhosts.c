// SPDX-License-Identifier: GPL-2.0-only
/* Virtual hosts and error pages on netlink: staging and showing them.  Process context. */
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/genetlink.h>

#include "control.h"
#include "control_checks.h"
#include "control_rules.h"
#include "http_chars.h"
#include "nl_gen.h"
#include "pages.h"
#include "rules.h"

/* The ABI's bounds are the data path's. */
static_assert(WEIR_ABI_VHOSTS_MAX == WEIR_VHOSTS_MAX);
static_assert(WEIR_ABI_HOSTS_MAX == WEIR_HOSTS_MAX);
static_assert(WEIR_ABI_HOST_MAX == HTTP_HOST_MAX);
static_assert(WEIR_ABI_ERROR_PAGES_MAX == WEIR_PAGES_MAX);
static_assert(WEIR_ABI_PAGE_MAX == WEIR_PAGE_MAX);
static_assert(WEIR_ABI_CONTENT_TYPE_MAX + 1 == WEIR_CONTENT_TYPE_MAX);

/* Virtual hosts. */

/* A host name in lower case, or "*." and one; IPv6 in brackets. */
static bool weir_host_ok(struct http_text host)
{
	size_t from = host.len > 2 && host.at[0] == '*' && host.at[1] == '.' ? 2 : 0;
	size_t i;

	if (host.len == from || host.len > HTTP_HOST_MAX || host.at[host.len - 1] == '.')
		return false;
	for (i = from; i < host.len; i++) {
		u8 byte = host.at[i];

		if (byte >= 'A' && byte <= 'Z')
			return false;
		/* An address in brackets has a colon, and only that. */
		if (byte != '[' && byte != ']' && byte != ':' &&
		    (byte == '*' || !http_is(byte, HTTP_CHAR_HOST)))
			return false;
		if (byte == ':' && host.at[0] != '[')
			return false;
	}
	return (host.at[0] == '[') == (host.at[host.len - 1] == ']');
}

/* Of each host name its place in @text, which the virtual host ends in. */
static int weir_vhost_names(struct weir_vhost *vhost, u8 *text, const struct nlattr *nest,
			    struct netlink_ext_ack *extack)
{
	const struct nlattr *attr;
	u32 i = 0;
	int rem;

	nla_for_each_nested(attr, nest, rem) {
		struct http_text host;

		if (nla_type(attr) != WEIR_A_VHOST_HOST)
			continue;
		host = weir_attr_text(attr);
		if (!weir_host_ok(host)) {
			NL_SET_ERR_MSG_ATTR(extack, attr,
					    "expected a host name in lower case, without a port");
			return -EINVAL;
		}
		memcpy(text, host.at, host.len);
		vhost->names[i++] = (struct http_text){ .at = text, .len = host.len };
		text += host.len;
	}
	return 0;
}

static struct weir_vhost *weir_vhost_alloc(const struct nlattr *nest,
					   struct netlink_ext_ack *extack)
{
	const struct nlattr *attr;
	struct weir_vhost *vhost;
	size_t bytes = 0;
	u32 count = 0;
	int err, rem;

	nla_for_each_nested(attr, nest, rem) {
		if (nla_type(attr) != WEIR_A_VHOST_HOST)
			continue;
		if (count++ == WEIR_HOSTS_MAX) {
			NL_SET_ERR_MSG_ATTR_FMT(extack, attr, "more than %d hosts", WEIR_HOSTS_MAX);
			return ERR_PTR(-E2BIG);
		}
		bytes += nla_len(attr);
	}
	vhost = kvzalloc(struct_size(vhost, names, count) + bytes, GFP_KERNEL_ACCOUNT);
	if (!vhost)
		return ERR_PTR(-ENOMEM);
	vhost->name_count = count;
	err = weir_vhost_names(vhost, (u8 *)(vhost->names + count), nest, extack);
	if (!err)
		return vhost;
	kvfree(vhost);
	return ERR_PTR(err);
}

int weir_stage_vhost(struct weir_config *config, struct nlattr *nest,
		     struct netlink_ext_ack *extack)
{
	struct nlattr *tb[WEIR_A_VHOST_MAX + 1];
	struct weir_rules *rules = weir_rules_of(config);
	struct weir_vhost *vhost;
	int err;

	err = nla_parse_nested(tb, WEIR_A_VHOST_MAX, nest, weir_vhost_nl_policy, extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_VHOST_NAME))
		return -EINVAL;
	if (!rules)
		return -ENOMEM;
	vhost = weir_vhost_alloc(nest, extack);
	if (IS_ERR(vhost))
		return PTR_ERR(vhost);
	vhost->upstream = WEIR_UPSTREAM_NONE;
	vhost->challenge = WEIR_CHALLENGE_AS_OTHERS;
	if (tb[WEIR_A_VHOST_CHALLENGE])
		vhost->challenge = nla_get_u32(tb[WEIR_A_VHOST_CHALLENGE]);
	err = weir_read_name(vhost->name, tb[WEIR_A_VHOST_NAME], extack);
	if (!err && tb[WEIR_A_VHOST_CHAIN])
		err = weir_read_name(vhost->chain_name, tb[WEIR_A_VHOST_CHAIN], extack);
	if (!err && tb[WEIR_A_VHOST_CHECKS])
		err = weir_read_checks(&vhost->policy, &vhost->policy_given,
				       tb[WEIR_A_VHOST_CHECKS], extack);
	if (!err && tb[WEIR_A_VHOST_UPSTREAM])
		err = weir_read_upstream(config, tb[WEIR_A_VHOST_UPSTREAM], &vhost->upstream,
					 extack);
	if (err) {
		kvfree(vhost);
		return err;
	}
	NL_SET_BAD_ATTR(extack, nest);
	return weir_rules_add_vhost(rules, vhost, extack);
}

int weir_put_vhost(struct sk_buff *skb, const struct weir_config *config, u32 index)
{
	const struct weir_vhost *vhost = config->rules->vhosts[index];
	char text[HTTP_HOST_MAX + 1];
	u32 i;

	if (nla_put_string(skb, WEIR_A_VHOST_NAME, vhost->name))
		return -EMSGSIZE;
	for (i = 0; i < vhost->name_count; i++) {
		memcpy(text, vhost->names[i].at, vhost->names[i].len);
		text[vhost->names[i].len] = '\0';
		if (nla_put_string(skb, WEIR_A_VHOST_HOST, text))
			return -EMSGSIZE;
	}
	if (vhost->challenge != WEIR_CHALLENGE_AS_OTHERS &&
	    nla_put_u32(skb, WEIR_A_VHOST_CHALLENGE, vhost->challenge))
		return -EMSGSIZE;
	if (vhost->upstream != WEIR_UPSTREAM_NONE &&
	    nla_put_string(skb, WEIR_A_VHOST_UPSTREAM, config->upstreams[vhost->upstream].name))
		return -EMSGSIZE;
	if (vhost->chain_name[0] && nla_put_string(skb, WEIR_A_VHOST_CHAIN, vhost->chain_name))
		return -EMSGSIZE;
	return weir_put_checks(skb, &vhost->policy, WEIR_A_VHOST_CHECKS, vhost->policy_given);
}

/* Error pages. */

int weir_stage_error_page(struct weir_config *config, struct nlattr *nest,
			  struct netlink_ext_ack *extack)
{
	struct nlattr *tb[WEIR_A_ERROR_PAGE_MAX + 1];
	u32 vhost = WEIR_PAGE_EVERYWHERE;
	char name[WEIR_NAME_MAX];
	int err;

	err = nla_parse_nested(tb, WEIR_A_ERROR_PAGE_MAX, nest, weir_error_page_nl_policy, extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_ERROR_PAGE_STATUS) ||
	    NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_ERROR_PAGE_CONTENT_TYPE) ||
	    NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_ERROR_PAGE_BODY))
		return -EINVAL;
	if (tb[WEIR_A_ERROR_PAGE_VHOST]) {
		err = weir_read_name(name, tb[WEIR_A_ERROR_PAGE_VHOST], extack);
		if (err)
			return err;
		if (!config->rules || !weir_rules_find_vhost(config->rules, name, &vhost)) {
			NL_SET_ERR_MSG_ATTR(extack, tb[WEIR_A_ERROR_PAGE_VHOST],
					    "no virtual host of this name was staged");
			return -EINVAL;
		}
	}
	NL_SET_BAD_ATTR(extack, nest);
	return weir_pages_add(config, vhost, nla_get_u32(tb[WEIR_A_ERROR_PAGE_STATUS]),
			      nla_data(tb[WEIR_A_ERROR_PAGE_CONTENT_TYPE]),
			      nla_data(tb[WEIR_A_ERROR_PAGE_BODY]),
			      nla_len(tb[WEIR_A_ERROR_PAGE_BODY]), extack);
}

int weir_put_error_page(struct sk_buff *skb, const struct weir_config *config, u32 index)
{
	const struct weir_page *page = config->pages->pages[index];
	struct nlattr *attr;

	if (page->vhost != WEIR_PAGE_EVERYWHERE &&
	    nla_put_string(skb, WEIR_A_ERROR_PAGE_VHOST, config->rules->vhosts[page->vhost]->name))
		return -EMSGSIZE;
	if (nla_put_u32(skb, WEIR_A_ERROR_PAGE_STATUS, page->status) ||
	    nla_put_string(skb, WEIR_A_ERROR_PAGE_CONTENT_TYPE, page->content_type))
		return -EMSGSIZE;
	attr = nla_reserve(skb, WEIR_A_ERROR_PAGE_BODY, page->len);
	if (!attr)
		return -EMSGSIZE;
	weir_page_copy(page, nla_data(attr));
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Certificates on netlink: staged, and shown without chains and keys.  Process context. */
#include <linux/netlink.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "config.h"
#include "control_rules.h"
#include "control_tls.h"
#include "identities.h"
#include "nl_gen.h"

/* The ABI's bounds and numbers are the data path's. */
static_assert(WEIR_ABI_CERTIFICATES_MAX == WEIR_CERTIFICATES_MAX);
static_assert(WEIR_ABI_CHAIN_MAX == TLS_CHAIN_MAX);
static_assert(WEIR_ABI_STAPLE_MAX == TLS_STAPLE_MAX);
static_assert(WEIR_ABI_SERVER_NAMES_MAX == WEIR_SERVER_NAMES_MAX);
static_assert(WEIR_ABI_SERVER_NAME_MAX == WEIR_SERVER_NAME_MAX);
static_assert(WEIR_ABI_FILE_NAME_MAX + 1 == WEIR_FILE_NAME_MAX);
static_assert((int)WEIR_KEY_KIND_ECDSA_P256 == (int)WEIR_KEY_ECDSA_P256);
static_assert((int)WEIR_KEY_KIND_RSA == (int)WEIR_KEY_RSA);

static struct weir_identities *weir_identities_of(struct weir_config *config)
{
	if (!config->identities)
		config->identities = weir_identities_alloc();
	return config->identities;
}

static struct http_text weir_attr_bytes(const struct nlattr *attr)
{
	return (struct http_text){ .at = nla_data(attr), .len = nla_len(attr) };
}

/* Its names, as many as there are, one more than there may be at most. */
static u32 weir_read_server_names(struct http_text *names, const struct nlattr *nest)
{
	const struct nlattr *attr;
	u32 count = 0;
	int rem;

	nla_for_each_nested(attr, nest, rem)
		if (nla_type(attr) == WEIR_A_CERTIFICATE_SERVER_NAME &&
		    count <= WEIR_SERVER_NAMES_MAX)
			names[count++] = weir_attr_text(attr);
	return count;
}

int weir_stage_certificate(struct weir_config *config, struct nlattr *nest,
			   struct netlink_ext_ack *extack)
{
	struct nlattr *tb[WEIR_A_CERTIFICATE_MAX + 1];
	struct weir_identity_source source;
	struct http_text *names;
	int err;

	err = nla_parse_nested(tb, WEIR_A_CERTIFICATE_MAX, nest, weir_certificate_nl_policy,
			       extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_CERTIFICATE_CHAIN) ||
	    NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_CERTIFICATE_KEY_KIND) ||
	    NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_CERTIFICATE_KEY) ||
	    NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_CERTIFICATE_CHAIN_FILE) ||
	    NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_CERTIFICATE_KEY_FILE))
		return -EINVAL;
	if (tb[WEIR_A_CERTIFICATE_STAPLE] &&
	    (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_CERTIFICATE_STAPLE_UNTIL) ||
	     NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_CERTIFICATE_STAPLE_FILE)))
		return -EINVAL;
	if (!weir_identities_of(config))
		return -ENOMEM;
	names = kmalloc_array(WEIR_SERVER_NAMES_MAX + 1, sizeof(*names), GFP_KERNEL);
	if (!names)
		return -ENOMEM;
	source = (struct weir_identity_source){
		.chain = weir_attr_bytes(tb[WEIR_A_CERTIFICATE_CHAIN]),
		.key_kind = nla_get_u32(tb[WEIR_A_CERTIFICATE_KEY_KIND]),
		.key = weir_attr_bytes(tb[WEIR_A_CERTIFICATE_KEY]),
		.is_default = nla_get_flag(tb[WEIR_A_CERTIFICATE_DEFAULT]),
		.name_count = weir_read_server_names(names, nest),
		.names = names,
		.chain_file = nla_data(tb[WEIR_A_CERTIFICATE_CHAIN_FILE]),
		.key_file = nla_data(tb[WEIR_A_CERTIFICATE_KEY_FILE]),
	};
	if (tb[WEIR_A_CERTIFICATE_STAPLE]) {
		source.staple = weir_attr_bytes(tb[WEIR_A_CERTIFICATE_STAPLE]);
		source.staple_until = nla_get_uint(tb[WEIR_A_CERTIFICATE_STAPLE_UNTIL]);
		source.staple_file = nla_data(tb[WEIR_A_CERTIFICATE_STAPLE_FILE]);
	}
	NL_SET_BAD_ATTR(extack, nest);
	err = weir_identities_add(config->identities, &source, extack);
	kfree(names);
	return err;
}

int weir_stage_tls(struct weir_config *config, struct nlattr *nest,
		   struct netlink_ext_ack *extack)
{
	struct nlattr *tb[WEIR_A_TLS_MAX + 1];
	int err;

	err = nla_parse_nested(tb, WEIR_A_TLS_MAX, nest, weir_tls_nl_policy, extack);
	if (err)
		return err;
	if (!weir_identities_of(config))
		return -ENOMEM;
	if (tb[WEIR_A_TLS_UNKNOWN_NAME])
		config->identities->refuse_unknown =
			nla_get_u32(tb[WEIR_A_TLS_UNKNOWN_NAME]) == WEIR_UNKNOWN_NAME_REFUSE;
	if (tb[WEIR_A_TLS_MIN_VERSION])
		config->identities->tls.min_version =
			nla_get_u32(tb[WEIR_A_TLS_MIN_VERSION]) == WEIR_TLS_VERSION_TLS_1_3 ?
			TLS_1_3 : TLS_1_2;
	return 0;
}

int weir_put_certificate(struct sk_buff *skb, const struct weir_config *config, u32 index)
{
	const struct weir_identity *identity = config->identities->members[index];
	struct nlattr *attr;
	u32 i;

	if (nla_put_u32(skb, WEIR_A_CERTIFICATE_KEY_KIND, identity->key_kind) ||
	    nla_put_string(skb, WEIR_A_CERTIFICATE_CHAIN_FILE, identity->chain_file) ||
	    nla_put_string(skb, WEIR_A_CERTIFICATE_KEY_FILE, identity->key_file) ||
	    (identity->is_default && nla_put_flag(skb, WEIR_A_CERTIFICATE_DEFAULT)))
		return -EMSGSIZE;
	if (identity->staple_file &&
	    (nla_put_string(skb, WEIR_A_CERTIFICATE_STAPLE_FILE, identity->staple_file) ||
	     nla_put_uint(skb, WEIR_A_CERTIFICATE_STAPLE_UNTIL, identity->tls.staple_until)))
		return -EMSGSIZE;
	for (i = 0; i < identity->name_count; i++) {
		attr = nla_reserve(skb, WEIR_A_CERTIFICATE_SERVER_NAME,
				   identity->names[i].len + 1);
		if (!attr)
			return -EMSGSIZE;
		memcpy(nla_data(attr), identity->names[i].at, identity->names[i].len);
		((char *)nla_data(attr))[identity->names[i].len] = '\0';
	}
	return 0;
}

int weir_put_tls(struct sk_buff *skb, const struct weir_config *config)
{
	const struct weir_identities *identities = config->identities;
	bool refuse = identities && identities->refuse_unknown;
	bool newer = identities && identities->tls.min_version == TLS_1_3;

	if (nla_put_u32(skb, WEIR_A_TLS_UNKNOWN_NAME,
			refuse ? WEIR_UNKNOWN_NAME_REFUSE : WEIR_UNKNOWN_NAME_DEFAULT))
		return -EMSGSIZE;
	return nla_put_u32(skb, WEIR_A_TLS_MIN_VERSION,
			   newer ? WEIR_TLS_VERSION_TLS_1_3 : WEIR_TLS_VERSION_TLS_1_2);
}

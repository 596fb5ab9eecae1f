// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transactions of configuration: begin, stage, commit, abort.  One at a time
 * in a network namespace, owned by the netlink socket that began it, aborted
 * when that closes.  Everything here runs in process context.  The operations
 * and the bounds of their attributes are described in spec/weir.yaml; what a
 * policy can check has been checked before an operation is called.
 */
#include <linux/cleanup.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/string.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "config.h"
#include "control.h"
#include "control_attack.h"
#include "control_block.h"
#include "control_challenge.h"
#include "control_limits.h"
#include "control_log.h"
#include "control_rules.h"
#include "control_show.h"
#include "control_tls.h"
#include "events.h"
#include "nl_gen.h"

/* The ABI's bounds are the data path's. */
static_assert(WEIR_ABI_LISTENERS_MAX == WEIR_LISTENERS_MAX);
static_assert(WEIR_ABI_SERVERS_MAX == WEIR_SERVERS_MAX);
static_assert(WEIR_ABI_UPSTREAMS_MAX == WEIR_UPSTREAMS_MAX);
static_assert(WEIR_ABI_QUEUE_MAX == WEIR_QUEUE_MAX);
static_assert(WEIR_ABI_RETRIES_MAX == WEIR_RETRIES_MAX);
static_assert(WEIR_ABI_COUNT_MAX == WEIR_COUNT_MAX);
static_assert(WEIR_ABI_TEXT_MAX + 1 == WEIR_TEXT_MAX);
static_assert(WEIR_ABI_GROWN_MAX == WEIR_GROWN_MAX);
static_assert(WEIR_ABI_GROWN_DEFAULT == WEIR_GROWN_DEFAULT);
static_assert(WEIR_ABI_WEIGHT_MAX == WEIR_WEIGHT_MAX);
static_assert(WEIR_ABI_BODY_AHEAD_MAX == WEIR_BODY_AHEAD_MAX);
static_assert((int)WEIR_UPSTREAM_BALANCE_ROUND_ROBIN == (int)WEIR_BALANCE_ROUND_ROBIN);
static_assert((int)WEIR_UPSTREAM_BALANCE_LEAST_CONNECTIONS == (int)WEIR_BALANCE_LEAST_CONNECTIONS);
static_assert((int)WEIR_UPSTREAM_BALANCE_HASH == (int)WEIR_BALANCE_HASH);
static_assert((int)WEIR_UPSTREAM_HASH_KEY_ADDRESS == (int)WEIR_HASH_KEY_ADDRESS);
static_assert((int)WEIR_UPSTREAM_HASH_KEY_URI == (int)WEIR_HASH_KEY_URI);
static_assert((int)WEIR_UPSTREAM_HASH_KEY_HOST == (int)WEIR_HASH_KEY_HOST);
static_assert(WEIR_ABI_NAME_MAX + 1 == WEIR_NAME_MAX);
static_assert(WEIR_ABI_CONNECTIONS_MAX == WEIR_CONNECTIONS_MAX);
static_assert(WEIR_ABI_RATE_MAX == WEIR_RATE_MAX);
static_assert(WEIR_ABI_HEADER_TOTAL_MIN == WEIR_HEADER_TOTAL_MIN);
static_assert(WEIR_ABI_HEADER_TOTAL_MAX == WEIR_HEADER_TOTAL_MAX);
static_assert(WEIR_ABI_HEADER_COUNT_MAX == WEIR_HEADER_COUNT_MAX);
static_assert(WEIR_ABI_URI_LENGTH_MIN == WEIR_URI_LENGTH_MIN);
static_assert(WEIR_ABI_URI_LENGTH_MAX == WEIR_URI_LENGTH_MAX);
static_assert(WEIR_ABI_TIMEOUT_MIN == WEIR_TIMEOUT_MIN_US);
static_assert(WEIR_ABI_TIMEOUT_MAX == WEIR_TIMEOUT_MAX_US);
static_assert((int)WEIR_FORWARDING_APPEND == (int)WEIR_FORWARD_APPEND);
static_assert((int)WEIR_FORWARDING_REPLACE == (int)WEIR_FORWARD_REPLACE);
static_assert((int)WEIR_FORWARDING_OFF == (int)WEIR_FORWARD_OFF);

/**
 * struct weir_control - control of one network namespace
 * @lock: protects all below, and makes commits one after another
 * @owner: the netlink socket that began the transaction; only compared, never
 *	followed.  Its address cannot be another socket's before
 *	NETLINK_URELEASE has told of its end.
 * @portid: its netlink port
 * @staged: the configuration being put together; NULL without a transaction
 * @staged_count: how many stage operations went into it
 * @generation: configurations committed so far
 */
struct weir_control {
	struct mutex		lock; /* protects the rest */
	const struct sock	*owner;
	u32			portid;
	struct weir_config	*staged;
	u32			staged_count;
	u64			generation;
};

static unsigned int weir_control_net_id __read_mostly;

static struct weir_control *weir_control(const struct net *net)
{
	return net_generic(net, weir_control_net_id);
}

static void weir_transaction_end(struct weir_control *control)
{
	if (!control->staged)
		return;
	weir_config_put(control->staged);
	control->staged = NULL;
	control->owner = NULL;
	control->portid = 0;
}

/* The configuration that the sender of @skb is staging, or NULL and a message. */
static struct weir_config *weir_staged(const struct weir_control *control,
				       const struct sk_buff *skb,
				       struct netlink_ext_ack *extack)
{
	lockdep_assert_held(&control->lock);
	if (control->staged && control->owner == NETLINK_CB(skb).sk)
		return control->staged;
	NL_SET_ERR_MSG(extack, "this socket has no transaction: begin one first");
	return NULL;
}

int weir_nl_begin_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct weir_control *control = weir_control(genl_info_net(info));

	if (GENL_REQ_ATTR_CHECK(info, WEIR_A_INFO_ABI))
		return -EINVAL;
	if (nla_get_u32(info->attrs[WEIR_A_INFO_ABI]) != WEIR_ABI_VERSION) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[WEIR_A_INFO_ABI],
					"this module speaks version %u of the control ABI",
					WEIR_ABI_VERSION);
		return -EPROTO;
	}

	guard(mutex)(&control->lock);
	if (control->staged && control->owner == NETLINK_CB(skb).sk) {
		NL_SET_ERR_MSG(info->extack,
			       "this socket has a transaction already: commit or abort it first");
		return -EALREADY;
	}
	if (control->staged) {
		NL_SET_ERR_MSG_FMT(info->extack,
				   "another transaction is open, of netlink port %u",
				   control->portid);
		return -EBUSY;
	}
	control->staged = weir_config_alloc();
	if (!control->staged)
		return -ENOMEM;
	control->owner = NETLINK_CB(skb).sk;
	control->portid = info->snd_portid;
	control->staged_count = 0;
	return 0;
}

/* Put the one address that was sent, and the port, into @address. */
static int weir_read_address(union weir_address *address, const struct nlattr *nest,
			     const struct nlattr *address4, const struct nlattr *address6,
			     const struct nlattr *port, struct netlink_ext_ack *extack)
{
	memset(address, 0, sizeof(*address));
	if (!address4 == !address6) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "one of address4 and address6 is expected");
		return -EINVAL;
	}
	if (!port) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "a port is expected");
		return -EINVAL;
	}
	if (address4) {
		address->in.sin_family = AF_INET;
		address->in.sin_port = htons(nla_get_u16(port));
		address->in.sin_addr.s_addr = nla_get_in_addr(address4);
	} else {
		address->in6.sin6_family = AF_INET6;
		address->in6.sin6_port = htons(nla_get_u16(port));
		address->in6.sin6_addr = nla_get_in6_addr(address6);
	}
	return 0;
}

int weir_read_name(char *name, const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	ssize_t length = nla_strscpy(name, attr, WEIR_NAME_MAX);

	if (length > 0 && strspn(name, allowed) == length)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "expected letters, digits, dots, dashes or underscores");
	return -EINVAL;
}

static int weir_stage_listener(struct weir_control *control, struct nlattr *nest,
			       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[WEIR_A_LISTENER_MAX + 1];
	struct weir_listener_config listener = {};
	int err;

	err = nla_parse_nested(tb, WEIR_A_LISTENER_MAX, nest, weir_listener_nl_policy, extack);
	if (err)
		return err;
	err = weir_read_address(&listener.address, nest, tb[WEIR_A_LISTENER_ADDRESS4],
				tb[WEIR_A_LISTENER_ADDRESS6], tb[WEIR_A_LISTENER_PORT], extack);
	if (err)
		return err;
	if (tb[WEIR_A_LISTENER_PROTOCOL])
		listener.tls = nla_get_u32(tb[WEIR_A_LISTENER_PROTOCOL]) == WEIR_PROTOCOL_HTTPS;
	NL_SET_BAD_ATTR(extack, nest);
	return weir_config_add_listener(control->staged, &listener, extack);
}

static void weir_take_u32(u32 *to, const struct nlattr *attr)
{
	if (attr)
		*to = nla_get_u32(attr);
}

static void weir_take_uint(u64 *to, const struct nlattr *attr)
{
	if (attr)
		*to = nla_get_uint(attr);
}

static void weir_take_text(char to[WEIR_TEXT_MAX], const struct nlattr *attr)
{
	/* Its length was checked by the policy. */
	if (attr)
		nla_strscpy(to, attr, WEIR_TEXT_MAX);
}

static int weir_take_health(struct weir_health_settings *health, struct nlattr *nest,
			    struct netlink_ext_ack *extack)
{
	struct nlattr *tb[WEIR_A_HEALTH_MAX + 1];
	int err;

	err = nla_parse_nested(tb, WEIR_A_HEALTH_MAX, nest, weir_health_nl_policy, extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_HEALTH_URI))
		return -EINVAL;
	health->period = 5ULL * USEC_PER_SEC;
	health->timeout = 1ULL * USEC_PER_SEC;
	health->status = 200;
	health->rise = 2;
	health->fall = 3;
	weir_take_text(health->uri, tb[WEIR_A_HEALTH_URI]);
	weir_take_text(health->host, tb[WEIR_A_HEALTH_HOST]);
	weir_take_uint(&health->period, tb[WEIR_A_HEALTH_PERIOD]);
	weir_take_uint(&health->timeout, tb[WEIR_A_HEALTH_TIMEOUT]);
	weir_take_u32(&health->status, tb[WEIR_A_HEALTH_STATUS]);
	weir_take_u32(&health->rise, tb[WEIR_A_HEALTH_RISE]);
	weir_take_u32(&health->fall, tb[WEIR_A_HEALTH_FALL]);
	return 0;
}

static void weir_take_settings(struct weir_group_settings *settings, struct nlattr **tb)
{
	if (tb[WEIR_A_UPSTREAM_BALANCE])
		settings->balance = nla_get_u32(tb[WEIR_A_UPSTREAM_BALANCE]);
	if (tb[WEIR_A_UPSTREAM_HASH_KEY])
		settings->hash_key = nla_get_u32(tb[WEIR_A_UPSTREAM_HASH_KEY]);
	weir_take_u32(&settings->queue, tb[WEIR_A_UPSTREAM_QUEUE]);
	weir_take_uint(&settings->queue_timeout, tb[WEIR_A_UPSTREAM_QUEUE_TIMEOUT]);
	weir_take_text(settings->sticky_cookie, tb[WEIR_A_UPSTREAM_STICKY_COOKIE]);
	weir_take_u32(&settings->retries, tb[WEIR_A_UPSTREAM_RETRIES]);
	weir_take_u32(&settings->fail_count, tb[WEIR_A_UPSTREAM_FAIL_COUNT]);
	weir_take_uint(&settings->fail_time, tb[WEIR_A_UPSTREAM_FAIL_TIME]);
	weir_take_uint(&settings->slow_start, tb[WEIR_A_UPSTREAM_SLOW_START]);
}

static int weir_stage_upstream(struct weir_control *control, struct nlattr *nest,
			       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[WEIR_A_UPSTREAM_MAX + 1];
	struct weir_upstream_config *upstream;
	char name[WEIR_NAME_MAX];
	int err;

	err = nla_parse_nested(tb, WEIR_A_UPSTREAM_MAX, nest, weir_upstream_nl_policy, extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_UPSTREAM_NAME))
		return -EINVAL;
	err = weir_read_name(name, tb[WEIR_A_UPSTREAM_NAME], extack);
	if (err)
		return err;
	NL_SET_BAD_ATTR(extack, nest);
	upstream = weir_config_add_upstream(control->staged, name, extack);
	if (IS_ERR(upstream))
		return PTR_ERR(upstream);
	weir_take_settings(&upstream->settings, tb);
	if (tb[WEIR_A_UPSTREAM_HEALTH])
		return weir_take_health(&upstream->settings.health, tb[WEIR_A_UPSTREAM_HEALTH],
					extack);
	return 0;
}

static int weir_stage_server(struct weir_control *control, struct nlattr *nest,
			     struct netlink_ext_ack *extack)
{
	struct nlattr *tb[WEIR_A_SERVER_MAX + 1];
	struct weir_upstream_config *upstream;
	struct weir_server_config server = { .weight = 1 };
	char name[WEIR_NAME_MAX];
	int err;

	err = nla_parse_nested(tb, WEIR_A_SERVER_MAX, nest, weir_server_nl_policy, extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_SERVER_UPSTREAM) ||
	    NL_REQ_ATTR_CHECK(extack, nest, tb, WEIR_A_SERVER_CONNECTIONS))
		return -EINVAL;
	err = weir_read_name(name, tb[WEIR_A_SERVER_UPSTREAM], extack);
	if (err)
		return err;
	upstream = weir_config_find_upstream(control->staged, name);
	if (!upstream) {
		NL_SET_ERR_MSG_ATTR(extack, tb[WEIR_A_SERVER_UPSTREAM],
				    "no upstream group of this name was staged");
		return -EINVAL;
	}
	err = weir_read_address(&server.address, nest, tb[WEIR_A_SERVER_ADDRESS4],
				tb[WEIR_A_SERVER_ADDRESS6], tb[WEIR_A_SERVER_PORT], extack);
	if (err)
		return err;
	server.connections = nla_get_u32(tb[WEIR_A_SERVER_CONNECTIONS]);
	server.connections_max = max_t(u32, server.connections, WEIR_GROWN_DEFAULT);
	weir_take_u32(&server.connections_max, tb[WEIR_A_SERVER_CONNECTIONS_MAX]);
	weir_take_u32(&server.weight, tb[WEIR_A_SERVER_WEIGHT]);
	server.backup = nla_get_flag(tb[WEIR_A_SERVER_BACKUP]);
	NL_SET_BAD_ATTR(extack, nest);
	return weir_config_add_server(upstream, &server, extack);
}

static int weir_stage_limits(struct weir_control *control, struct nlattr *nest,
			     struct netlink_ext_ack *extack)
{
	return weir_read_limits(control->staged, nest, extack);
}

static int weir_stage_proxy(struct weir_control *control, struct nlattr *nest,
			    struct netlink_ext_ack *extack)
{
	struct weir_proxy *proxy = &control->staged->proxy;
	struct nlattr *tb[WEIR_A_PROXY_MAX + 1];
	int err;

	err = nla_parse_nested(tb, WEIR_A_PROXY_MAX, nest, weir_proxy_nl_policy, extack);
	if (err)
		return err;
	if (tb[WEIR_A_PROXY_X_FORWARDED])
		proxy->x_forwarded = nla_get_u32(tb[WEIR_A_PROXY_X_FORWARDED]);
	if (tb[WEIR_A_PROXY_FORWARDED])
		proxy->forwarded = nla_get_u32(tb[WEIR_A_PROXY_FORWARDED]);
	proxy->differs = proxy->x_forwarded != WEIR_FORWARD_APPEND ||
			 proxy->forwarded != WEIR_FORWARD_OFF;
	return 0;
}

static int weir_stage_timeouts(struct weir_control *control, struct nlattr *nest,
			       struct netlink_ext_ack *extack)
{
	struct weir_timeouts *timeouts = &control->staged->timeouts;
	struct nlattr *tb[WEIR_A_TIMEOUTS_MAX + 1];
	int err;

	err = nla_parse_nested(tb, WEIR_A_TIMEOUTS_MAX, nest, weir_timeouts_nl_policy, extack);
	if (err)
		return err;
	weir_take_uint(&timeouts->client_header, tb[WEIR_A_TIMEOUTS_CLIENT_HEADER]);
	weir_take_uint(&timeouts->client_body, tb[WEIR_A_TIMEOUTS_CLIENT_BODY]);
	weir_take_uint(&timeouts->keepalive, tb[WEIR_A_TIMEOUTS_KEEPALIVE]);
	weir_take_uint(&timeouts->upstream_connect, tb[WEIR_A_TIMEOUTS_UPSTREAM_CONNECT]);
	weir_take_uint(&timeouts->upstream_response, tb[WEIR_A_TIMEOUTS_UPSTREAM_RESPONSE]);
	weir_take_uint(&timeouts->tunnel, tb[WEIR_A_TIMEOUTS_TUNNEL]);
	return 0;
}

static int weir_stage_control_vhost(struct weir_control *control, struct nlattr *nest,
				    struct netlink_ext_ack *extack)
{
	return weir_stage_vhost(control->staged, nest, extack);
}

static int weir_stage_control_rule(struct weir_control *control, struct nlattr *nest,
				   struct netlink_ext_ack *extack)
{
	return weir_stage_rule(control->staged, nest, extack);
}

static int weir_stage_control_error_page(struct weir_control *control, struct nlattr *nest,
					 struct netlink_ext_ack *extack)
{
	return weir_stage_error_page(control->staged, nest, extack);
}

static int weir_stage_log(struct weir_control *control, struct nlattr *nest,
			  struct netlink_ext_ack *extack)
{
	return weir_read_log(&control->staged->log, nest, extack);
}

static int weir_stage_control_firewall(struct weir_control *control, struct nlattr *nest,
				       struct netlink_ext_ack *extack)
{
	return weir_stage_firewall(control->staged, nest, extack);
}

static int weir_stage_control_challenge(struct weir_control *control, struct nlattr *nest,
					struct netlink_ext_ack *extack)
{
	return weir_stage_challenge(control->staged, nest, extack);
}

static int weir_stage_attack(struct weir_control *control, struct nlattr *nest,
			     struct netlink_ext_ack *extack)
{
	return weir_read_attack(&control->staged->attack, nest, extack);
}

static int weir_stage_control_certificate(struct weir_control *control, struct nlattr *nest,
					  struct netlink_ext_ack *extack)
{
	return weir_stage_certificate(control->staged, nest, extack);
}

static int weir_stage_control_tls(struct weir_control *control, struct nlattr *nest,
				  struct netlink_ext_ack *extack)
{
	return weir_stage_tls(control->staged, nest, extack);
}

/* One stage operation: @stage puts the part in attribute @type into the sender's transaction. */
static int weir_stage(struct sk_buff *skb, struct genl_info *info, int type,
		      int (*stage)(struct weir_control *control, struct nlattr *nest,
				   struct netlink_ext_ack *extack))
{
	struct weir_control *control = weir_control(genl_info_net(info));
	int err;

	if (GENL_REQ_ATTR_CHECK(info, type))
		return -EINVAL;
	guard(mutex)(&control->lock);
	if (!weir_staged(control, skb, info->extack))
		return -EBADFD;
	err = stage(control, info->attrs[type], info->extack);
	if (!err)
		control->staged_count++;
	return err;
}

int weir_nl_stage_listener_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_stage(skb, info, WEIR_A_CONFIG_LISTENER, weir_stage_listener);
}

int weir_nl_stage_upstream_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_stage(skb, info, WEIR_A_CONFIG_UPSTREAM, weir_stage_upstream);
}

int weir_nl_stage_server_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_stage(skb, info, WEIR_A_CONFIG_SERVER, weir_stage_server);
}

int weir_nl_stage_limits_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_stage(skb, info, WEIR_A_CONFIG_LIMITS, weir_stage_limits);
}

int weir_nl_stage_proxy_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_stage(skb, info, WEIR_A_CONFIG_PROXY, weir_stage_proxy);
}

int weir_nl_stage_timeouts_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_stage(skb, info, WEIR_A_CONFIG_TIMEOUTS, weir_stage_timeouts);
}

int weir_nl_stage_vhost_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_stage(skb, info, WEIR_A_CONFIG_VHOST, weir_stage_control_vhost);
}

int weir_nl_stage_rule_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_stage(skb, info, WEIR_A_CONFIG_RULE, weir_stage_control_rule);
}

int weir_nl_stage_error_page_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_stage(skb, info, WEIR_A_CONFIG_ERROR_PAGE, weir_stage_control_error_page);
}

int weir_nl_stage_firewall_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_stage(skb, info, WEIR_A_CONFIG_FIREWALL, weir_stage_control_firewall);
}

int weir_nl_stage_challenge_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_stage(skb, info, WEIR_A_CONFIG_CHALLENGE, weir_stage_control_challenge);
}

int weir_nl_stage_log_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_stage(skb, info, WEIR_A_CONFIG_LOG, weir_stage_log);
}

int weir_nl_stage_attack_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_stage(skb, info, WEIR_A_CONFIG_ATTACK, weir_stage_attack);
}

int weir_nl_stage_certificate_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *nest = info->attrs[WEIR_A_CONFIG_CERTIFICATE];
	int err;

	err = weir_stage(skb, info, WEIR_A_CONFIG_CERTIFICATE, weir_stage_control_certificate);
	/* It has a key in it. */
	if (nest)
		memzero_explicit(nla_data(nest), nla_len(nest));
	return err;
}

int weir_nl_stage_tls_doit(struct sk_buff *skb, struct genl_info *info)
{
	return weir_stage(skb, info, WEIR_A_CONFIG_TLS, weir_stage_control_tls);
}

/* Apply the staged configuration and tell the new generation, or change nothing. */
static int weir_commit(struct weir_control *control, struct genl_info *info)
{
	struct sk_buff *reply;
	void *header;
	u32 staged;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, WEIR_A_COMMIT_STAGED))
		return -EINVAL;
	staged = nla_get_u32(info->attrs[WEIR_A_COMMIT_STAGED]);
	if (staged != control->staged_count) {
		/* One was refused, perhaps by its policy, and nobody waited to hear of it. */
		NL_SET_ERR_MSG_FMT(info->extack, "%u parts were staged, not %u: nothing is changed",
				   control->staged_count, staged);
		return -ECANCELED;
	}

	/* Made before, so that nothing can fail after. */
	reply = genlmsg_new(nla_total_size_64bit(sizeof(u64)), GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	err = -EMSGSIZE;
	header = genlmsg_iput(reply, info);
	if (!header ||
	    nla_put_uint(reply, WEIR_A_COMMIT_GENERATION, control->generation + 1))
		goto free_reply;
	genlmsg_end(reply, header);

	err = weir_config_apply(genl_info_net(info), control->staged, info->extack);
	if (err)
		goto free_reply;
	control->generation++;
	/* It stands, whether or not its sender has room to hear of it. */
	genlmsg_reply(reply, info);
	return 0;

free_reply:
	nlmsg_free(reply);
	return err;
}

int weir_nl_commit_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct weir_control *control = weir_control(genl_info_net(info));
	int err;

	guard(mutex)(&control->lock);
	if (!weir_staged(control, skb, info->extack))
		return -EBADFD;
	err = weir_commit(control, info);
	weir_transaction_end(control);
	return err;
}

int weir_nl_abort_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct weir_control *control = weir_control(genl_info_net(info));

	guard(mutex)(&control->lock);
	if (control->staged && control->owner == NETLINK_CB(skb).sk)
		weir_transaction_end(control);
	return 0;
}

u64 weir_control_generation(const struct net *net)
{
	struct weir_control *control = weir_control(net);

	guard(mutex)(&control->lock);
	return control->generation;
}

/* A netlink socket is gone: so is its transaction. */
static int weir_control_released(struct notifier_block *block, unsigned long event, void *data)
{
	const struct netlink_notify *notify = data;
	struct weir_control *control;

	if (event != NETLINK_URELEASE || notify->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	control = weir_control(notify->net);
	guard(mutex)(&control->lock);
	if (control->staged && control->portid == notify->portid)
		weir_transaction_end(control);
	return NOTIFY_DONE;
}

static struct notifier_block weir_control_notifier = {
	.notifier_call = weir_control_released,
};

static int __net_init weir_control_net_init(struct net *net)
{
	mutex_init(&weir_control(net)->lock);
	return 0;
}

/* No socket of the namespace is left; at module unload, no request comes any more. */
static void __net_exit weir_control_net_exit(struct net *net)
{
	struct weir_control *control = weir_control(net);

	weir_transaction_end(control);
	mutex_destroy(&control->lock);
}

static struct pernet_operations weir_control_net_ops = {
	.init = weir_control_net_init,
	.exit = weir_control_net_exit,
	.id = &weir_control_net_id,
	.size = sizeof(struct weir_control),
};

static const struct genl_multicast_group weir_control_groups[] = {
	/* Events tell of clients. */
	[WEIR_NLGRP_EVENTS] = { .name = WEIR_MCGRP_EVENTS, .flags = GENL_MCAST_CAP_NET_ADMIN },
};

struct genl_family weir_control_family __ro_after_init = {
	.name = WEIR_GENL_NAME,
	.version = WEIR_GENL_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.split_ops = weir_nl_ops,
	.n_split_ops = ARRAY_SIZE(weir_nl_ops),
	.mcgrps = weir_control_groups,
	.n_mcgrps = ARRAY_SIZE(weir_control_groups),
};

int __init weir_control_init(void)
{
	int err;

	err = register_pernet_subsys(&weir_control_net_ops);
	if (err)
		return err;
	err = netlink_register_notifier(&weir_control_notifier);
	if (err)
		goto unregister_net;
	err = genl_register_family(&weir_control_family);
	if (err)
		goto unregister_notifier;
	weir_events_open();
	return 0;

unregister_notifier:
	netlink_unregister_notifier(&weir_control_notifier);
unregister_net:
	unregister_pernet_subsys(&weir_control_net_ops);
	return err;
}

void weir_control_exit(void)
{
	weir_events_close();
	genl_unregister_family(&weir_control_family);
	netlink_unregister_notifier(&weir_control_notifier);
	unregister_pernet_subsys(&weir_control_net_ops);
}

MODULE_ALIAS_GENL_FAMILY(WEIR_GENL_NAME);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is shown of a network namespace: versions and the applied configuration.
 * Process context, open to every user of the namespace.
 */
#include <linux/module.h>
#include <linux/netlink.h>
#include <net/genetlink.h>

#include "config.h"
#include "control_attack.h"
#include "control_block.h"
#include "control_challenge.h"
#include "control_limits.h"
#include "control_log.h"
#include "control_rules.h"
#include "control_show.h"
#include "control_tls.h"
#include "identities.h"
#include "nl_gen.h"
#include "pages.h"
#include "rules.h"

#ifndef MODULE
#error "Weir is built as a module only"
#endif

int weir_nl_get_info_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *version = THIS_MODULE->version ?: "unknown";
	struct sk_buff *reply;
	void *header;

	reply = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	header = genlmsg_iput(reply, info);
	if (!header ||
	    nla_put_u32(reply, WEIR_A_INFO_ABI, WEIR_ABI_VERSION) ||
	    nla_put_string(reply, WEIR_A_INFO_VERSION, version) ||
	    nla_put_uint(reply, WEIR_A_INFO_GENERATION,
			 weir_control_generation(genl_info_net(info)))) {
		nlmsg_free(reply);
		return -EMSGSIZE;
	}
	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);
}

enum {
	/* What a packet buffer of 32 KiB needs for itself. */
	WEIR_DUMP_SPARE = 1024,
};

/**
 * struct weir_config_dump - how far a dump of a configuration is
 * @config: what is shown, unchanged even when another one is applied meanwhile
 * @next: index of the next part: listeners, each upstream group with its
 *	servers behind it, virtual hosts, rules, error pages, certificates, and those that
 *	there is one of
 */
struct weir_config_dump {
	struct weir_config	*config;
	u32			next;
};

static struct weir_config_dump *weir_config_dump(struct netlink_callback *cb)
{
	NL_ASSERT_DUMP_CTX_FITS(struct weir_config_dump);
	return (struct weir_config_dump *)cb->ctx;
}

int weir_nl_get_config_start(struct netlink_callback *cb)
{
	struct weir_config_dump *dump = weir_config_dump(cb);

	dump->config = weir_config_current(genl_info_net(genl_info_dump(cb)));
	dump->next = 0;
	/* A page, a rule, an allow-list, or a certificate with all that it may have. */
	cb->min_dump_alloc = 2 * WEIR_PAGE_MAX - WEIR_DUMP_SPARE;
	return 0;
}

int weir_nl_get_config_done(struct netlink_callback *cb)
{
	weir_config_put(weir_config_dump(cb)->config);
	return 0;
}

/* The attributes of listener and server that hold an address have numbers of their own. */
static int weir_put_address(struct sk_buff *skb, const union weir_address *address,
			    int address4, int address6, int port)
{
	if (address->sa.sa_family == AF_INET)
		return nla_put_in_addr(skb, address4, address->in.sin_addr.s_addr) ?:
		       nla_put_u16(skb, port, ntohs(address->in.sin_port));
	return nla_put_in6_addr(skb, address6, &address->in6.sin6_addr) ?:
	       nla_put_u16(skb, port, ntohs(address->in6.sin6_port));
}

static int weir_put_health(struct sk_buff *skb, const struct weir_health_settings *health)
{
	struct nlattr *nest;

	if (!health->period)
		return 0;
	nest = nla_nest_start(skb, WEIR_A_UPSTREAM_HEALTH);
	if (!nest ||
	    nla_put_string(skb, WEIR_A_HEALTH_URI, health->uri) ||
	    nla_put_string(skb, WEIR_A_HEALTH_HOST, health->host) ||
	    nla_put_uint(skb, WEIR_A_HEALTH_PERIOD, health->period) ||
	    nla_put_uint(skb, WEIR_A_HEALTH_TIMEOUT, health->timeout) ||
	    nla_put_u32(skb, WEIR_A_HEALTH_STATUS, health->status) ||
	    nla_put_u32(skb, WEIR_A_HEALTH_RISE, health->rise) ||
	    nla_put_u32(skb, WEIR_A_HEALTH_FALL, health->fall))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int weir_put_upstream(struct sk_buff *skb, const struct weir_upstream_config *upstream)
{
	const struct weir_group_settings *settings = &upstream->settings;

	return nla_put_string(skb, WEIR_A_UPSTREAM_NAME, upstream->name) ?:
	       nla_put_u32(skb, WEIR_A_UPSTREAM_BALANCE, settings->balance) ?:
	       nla_put_u32(skb, WEIR_A_UPSTREAM_HASH_KEY, settings->hash_key) ?:
	       nla_put_u32(skb, WEIR_A_UPSTREAM_QUEUE, settings->queue) ?:
	       nla_put_uint(skb, WEIR_A_UPSTREAM_QUEUE_TIMEOUT, settings->queue_timeout) ?:
	       nla_put_string(skb, WEIR_A_UPSTREAM_STICKY_COOKIE, settings->sticky_cookie) ?:
	       nla_put_u32(skb, WEIR_A_UPSTREAM_RETRIES, settings->retries) ?:
	       nla_put_u32(skb, WEIR_A_UPSTREAM_FAIL_COUNT, settings->fail_count) ?:
	       nla_put_uint(skb, WEIR_A_UPSTREAM_FAIL_TIME, settings->fail_time) ?:
	       nla_put_uint(skb, WEIR_A_UPSTREAM_SLOW_START, settings->slow_start) ?:
	       weir_put_health(skb, &settings->health);
}

static int weir_put_server(struct sk_buff *skb, const struct weir_upstream_config *upstream,
			   const struct weir_server_config *server)
{
	return nla_put_string(skb, WEIR_A_SERVER_UPSTREAM, upstream->name) ?:
	       weir_put_address(skb, &server->address, WEIR_A_SERVER_ADDRESS4,
				WEIR_A_SERVER_ADDRESS6, WEIR_A_SERVER_PORT) ?:
	       nla_put_u32(skb, WEIR_A_SERVER_CONNECTIONS, server->connections) ?:
	       nla_put_u32(skb, WEIR_A_SERVER_CONNECTIONS_MAX, server->connections_max) ?:
	       nla_put_u32(skb, WEIR_A_SERVER_WEIGHT, server->weight) ?:
	       (server->backup ? nla_put_flag(skb, WEIR_A_SERVER_BACKUP) : 0);
}

static int weir_put_proxy(struct sk_buff *skb, const struct weir_proxy *proxy)
{
	return nla_put_u32(skb, WEIR_A_PROXY_X_FORWARDED, proxy->x_forwarded) ?:
	       nla_put_u32(skb, WEIR_A_PROXY_FORWARDED, proxy->forwarded);
}

static int weir_put_timeouts(struct sk_buff *skb, const struct weir_timeouts *timeouts)
{
	return nla_put_uint(skb, WEIR_A_TIMEOUTS_CLIENT_HEADER, timeouts->client_header) ?:
	       nla_put_uint(skb, WEIR_A_TIMEOUTS_CLIENT_BODY, timeouts->client_body) ?:
	       nla_put_uint(skb, WEIR_A_TIMEOUTS_KEEPALIVE, timeouts->keepalive) ?:
	       nla_put_uint(skb, WEIR_A_TIMEOUTS_UPSTREAM_CONNECT, timeouts->upstream_connect) ?:
	       nla_put_uint(skb, WEIR_A_TIMEOUTS_UPSTREAM_RESPONSE, timeouts->upstream_response) ?:
	       nla_put_uint(skb, WEIR_A_TIMEOUTS_TUNNEL, timeouts->tunnel);
}

static int weir_put_listener(struct sk_buff *skb, const struct weir_listener_config *listener)
{
	return weir_put_address(skb, &listener->address, WEIR_A_LISTENER_ADDRESS4,
				WEIR_A_LISTENER_ADDRESS6, WEIR_A_LISTENER_PORT) ?:
	       nla_put_u32(skb, WEIR_A_LISTENER_PROTOCOL,
			   listener->tls ? WEIR_PROTOCOL_HTTPS : WEIR_PROTOCOL_HTTP);
}

/**
 * struct weir_config_part - one message of a dump
 * @type: the nested attribute that it goes into; 0: past the end
 * @member: which of them it is
 * @upstream: the group
 */
struct weir_config_part {
	int					type;
	u32					member;
	const struct weir_upstream_config	*upstream;
};

static struct weir_config_part weir_config_part(const struct weir_config *config, u32 index)
{
	const struct {
		int type;
		u32 count;
	} counts[] = {
		{ WEIR_A_CONFIG_VHOST, config->rules ? config->rules->vhost_count : 0 },
		{ WEIR_A_CONFIG_RULE, config->rules ? config->rules->rule_count : 0 },
		{ WEIR_A_CONFIG_ERROR_PAGE, config->pages ? config->pages->count : 0 },
		{ WEIR_A_CONFIG_CERTIFICATE, config->identities ? config->identities->count : 0 },
	};
	static const int once[] = {
		WEIR_A_CONFIG_PROXY, WEIR_A_CONFIG_LIMITS, WEIR_A_CONFIG_TIMEOUTS,
		WEIR_A_CONFIG_FIREWALL, WEIR_A_CONFIG_CHALLENGE, WEIR_A_CONFIG_LOG,
		WEIR_A_CONFIG_ATTACK, WEIR_A_CONFIG_TLS,
	};
	struct weir_config_part part = {};
	unsigned int i;

	part.member = index;
	if (index < config->listener_count) {
		part.type = WEIR_A_CONFIG_LISTENER;
		return part;
	}
	index -= config->listener_count;
	for (i = 0; i < config->upstream_count; i++) {
		part.upstream = &config->upstreams[i];
		if (index == 0) {
			part.type = WEIR_A_CONFIG_UPSTREAM;
			return part;
		}
		part.member = --index;
		if (index < part.upstream->server_count) {
			part.type = WEIR_A_CONFIG_SERVER;
			return part;
		}
		index -= part.upstream->server_count;
	}
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		part.member = index;
		if (index < counts[i].count) {
			part.type = counts[i].type;
			return part;
		}
		index -= counts[i].count;
	}
	if (index < ARRAY_SIZE(once))
		part.type = once[index];
	return part;
}

static int weir_put_part(struct sk_buff *skb, const struct weir_config *config,
			 const struct weir_config_part *part)
{
	switch (part->type) {
	case WEIR_A_CONFIG_LISTENER:
		return weir_put_listener(skb, &config->listeners[part->member]);
	case WEIR_A_CONFIG_UPSTREAM:
		return weir_put_upstream(skb, part->upstream);
	case WEIR_A_CONFIG_SERVER:
		return weir_put_server(skb, part->upstream, &part->upstream->servers[part->member]);
	case WEIR_A_CONFIG_VHOST:
		return weir_put_vhost(skb, config, part->member);
	case WEIR_A_CONFIG_RULE:
		return weir_put_rule(skb, config, part->member);
	case WEIR_A_CONFIG_ERROR_PAGE:
		return weir_put_error_page(skb, config, part->member);
	case WEIR_A_CONFIG_CERTIFICATE:
		return weir_put_certificate(skb, config, part->member);
	case WEIR_A_CONFIG_TLS:
		return weir_put_tls(skb, config);
	case WEIR_A_CONFIG_PROXY:
		return weir_put_proxy(skb, &config->proxy);
	case WEIR_A_CONFIG_LIMITS:
		return weir_put_limits(skb, config);
	case WEIR_A_CONFIG_FIREWALL:
		return weir_put_firewall(skb, &config->firewall);
	case WEIR_A_CONFIG_CHALLENGE:
		return weir_put_challenge(skb, config);
	case WEIR_A_CONFIG_LOG:
		return weir_put_log(skb, &config->log);
	case WEIR_A_CONFIG_ATTACK:
		return weir_put_attack(skb, &config->attack);
	default:
		return weir_put_timeouts(skb, &config->timeouts);
	}
}

int weir_nl_get_config_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct weir_config_dump *dump = weir_config_dump(cb);
	struct weir_config_part part;
	struct nlattr *nest;
	void *header;

	for (;;) {
		part = weir_config_part(dump->config, dump->next);
		if (!part.type)
			return 0;
		header = __genlmsg_iput(skb, genl_info_dump(cb), NLM_F_MULTI);
		if (!header)
			return skb->len ?: -EMSGSIZE;
		nest = nla_nest_start(skb, part.type);
		if (!nest || weir_put_part(skb, dump->config, &part)) {
			genlmsg_cancel(skb, header);
			return skb->len ?: -EMSGSIZE;
		}
		nla_nest_end(skb, nest);
		genlmsg_end(skb, header);
		dump->next++;
	}
}

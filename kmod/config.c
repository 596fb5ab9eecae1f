// SPDX-License-Identifier: GPL-2.0-only
/* Configurations: making, checking and applying them. */

#include <linux/netlink.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "checks.h"
#include "client_tls.h"
#include "codes.h"
#include "config.h"
#include "events.h"
#include "group.h"
#include "hook.h"
#include "identities.h"
#include "keylog.h"
#include "limit.h"
#include "listener.h"
#include "memory.h"
#include "net.h"
#include "pages.h"
#include "rules.h"
#include "secrets.h"
#include "signer.h"
#include "tickets.h"
#include "tls_kernel.h"

struct weir_config *weir_config_alloc(void)
{
	struct weir_config *config = kzalloc(sizeof(*config), GFP_KERNEL);
	unsigned int i;

	if (!config)
		return NULL;
	refcount_set(&config->refs, 1);
	config->proxy.forwarded = WEIR_FORWARD_OFF;
	for (i = 0; i < WEIR_LIMIT_COUNT; i++)
		config->limits.answers[i].status = 429;
	for (i = 0; i < HTTP_CHECK_COUNT; i++)
		config->limits.answers[WEIR_LIMIT_CHECKS + i].status = http_check_status(i);
	http_policy_setup(&config->policy);
	/* Whatever is done about others: client_challenge.c replies. */
	config->limits.answers[WEIR_LIMIT_CHALLENGE_MISSES].own_action = true;
	config->limits.answers[WEIR_LIMIT_MIN_BODY_RATE].status = 408;
	config->limits.answers[WEIR_LIMIT_HEADER_CHUNKS].status = 400;
	config->limits.answers[WEIR_LIMIT_BODY_CHUNKS].status = 400;
	config->limits.min_body_grace = 10ULL * USEC_PER_SEC;
	config->limits.min_send_grace = 10ULL * USEC_PER_SEC;
	config->limits.ipv6_prefix = 64;
	config->limits.header_total = 16384;
	config->limits.header_count = 50;
	config->limits.body_length = config->policy.body_length;
	config->limits.uri_length = config->policy.uri_length;
	config->timeouts.client_header = 20ULL * USEC_PER_SEC;
	config->timeouts.client_body = 20ULL * USEC_PER_SEC;
	config->timeouts.keepalive = 75ULL * USEC_PER_SEC;
	config->timeouts.upstream_connect = 5ULL * USEC_PER_SEC;
	config->timeouts.upstream_response = 60ULL * USEC_PER_SEC;
	config->timeouts.tunnel = 3600ULL * USEC_PER_SEC;
	weir_firewall_setup(&config->firewall);
	weir_challenge_setup(&config->challenge);
	config->log.rate = WEIR_EVENTS_RATE_DEFAULT;
	weir_attack_defaults(&config->attack);
	return config;
}

/* Softirq, or process context where nobody has seen it. */
static void weir_config_free(struct rcu_head *rcu)
{
	struct weir_config *config = container_of(rcu, struct weir_config, rcu);
	unsigned int i;

	for (i = 0; i < config->upstream_count; i++) {
		if (config->upstreams[i].group)
			weir_group_put(config->upstreams[i].group);
		kvfree(config->upstreams[i].servers);
	}
	kvfree(config->upstreams);
	kvfree(config->listeners);
	weir_rules_free(config->rules);
	weir_pages_put(config->pages);
	weir_identities_put(config->identities);
	weir_firewall_release(&config->firewall);
	weir_fingerprints_release(&config->fingerprints);
	weir_challenge_release(&config->challenge);
	kfree(config);
}

void weir_config_put(struct weir_config *config)
{
	if (refcount_dec_and_test(&config->refs))
		call_rcu(&config->rcu, weir_config_free);
}

/*
 * Make room in a growing array of @count members, @size bytes each: where it
 * is now, or NULL.  Room doubles whenever @count is a power of two.
 */
static void *weir_config_grow(void *array, u32 count, size_t size)
{
	if (count && !is_power_of_2(count))
		return array;
	return kvrealloc(array, array_size(count ? 2 * count : 1, size),
			 GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

/* What two addresses are compared by: the padding is zero. */
static int weir_address_copy(union weir_address *to, const union weir_address *from,
			     struct netlink_ext_ack *extack)
{
	memset(to, 0, sizeof(*to));
	switch (from->sa.sa_family) {
	case AF_INET:
		to->in.sin_family = AF_INET;
		to->in.sin_port = from->in.sin_port;
		to->in.sin_addr = from->in.sin_addr;
		if (to->in.sin_port)
			return 0;
		break;
	case AF_INET6:
		to->in6.sin6_family = AF_INET6;
		to->in6.sin6_port = from->in6.sin6_port;
		to->in6.sin6_addr = from->in6.sin6_addr;
		to->in6.sin6_scope_id = from->in6.sin6_scope_id;
		if (to->in6.sin6_port)
			return 0;
		break;
	default:
		NL_SET_ERR_MSG(extack, "address is neither IPv4 nor IPv6");
		return -EINVAL;
	}
	NL_SET_ERR_MSG(extack, "port 0 is no port");
	return -EINVAL;
}

static bool weir_address_equal(const union weir_address *a, const union weir_address *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static bool weir_address_is_wildcard(const union weir_address *address)
{
	if (address->sa.sa_family == AF_INET6)
		return ipv6_addr_any(&address->in6.sin6_addr);
	return !address->in.sin_addr.s_addr;
}

static const struct weir_listener_config *
weir_config_find_listener(const struct weir_config *config, const union weir_address *address)
{
	unsigned int i;

	for (i = 0; i < config->listener_count; i++)
		if (weir_address_equal(&config->listeners[i].address, address))
			return &config->listeners[i];
	return NULL;
}

int weir_config_add_listener(struct weir_config *config,
			     const struct weir_listener_config *listener,
			     struct netlink_ext_ack *extack)
{
	struct weir_listener_config copy = *listener, *listeners;
	int err;

	err = weir_address_copy(&copy.address, &listener->address, extack);
	if (err)
		return err;
	if (weir_config_find_listener(config, &copy.address)) {
		NL_SET_ERR_MSG_FMT(extack, "listener %pISpc is given twice", &copy.address);
		return -EEXIST;
	}
	if (config->listener_count == WEIR_LISTENERS_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "more than %d listeners", WEIR_LISTENERS_MAX);
		return -E2BIG;
	}
	listeners = weir_config_grow(config->listeners, config->listener_count, sizeof(copy));
	if (!listeners)
		return -ENOMEM;
	config->listeners = listeners;
	config->listeners[config->listener_count++] = copy;
	return 0;
}

struct weir_upstream_config *weir_config_find_upstream(const struct weir_config *config,
						       const char *name)
{
	unsigned int i;

	for (i = 0; i < config->upstream_count; i++)
		if (!strcmp(config->upstreams[i].name, name))
			return &config->upstreams[i];
	return NULL;
}

struct weir_upstream_config *weir_config_add_upstream(struct weir_config *config, const char *name,
						      struct netlink_ext_ack *extack)
{
	struct weir_upstream_config *upstream;

	if (weir_config_find_upstream(config, name)) {
		NL_SET_ERR_MSG_FMT(extack, "upstream %s is given twice", name);
		return ERR_PTR(-EEXIST);
	}
	if (config->upstream_count == WEIR_UPSTREAMS_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "more than %d upstreams", WEIR_UPSTREAMS_MAX);
		return ERR_PTR(-E2BIG);
	}
	upstream = weir_config_grow(config->upstreams, config->upstream_count, sizeof(*upstream));
	if (!upstream)
		return ERR_PTR(-ENOMEM);
	config->upstreams = upstream;
	upstream += config->upstream_count++;
	memset(upstream, 0, sizeof(*upstream));
	strscpy(upstream->name, name);
	upstream->settings.queue = 1024;
	upstream->settings.queue_timeout = 5ULL * USEC_PER_SEC;
	upstream->settings.retries = 1;
	upstream->settings.fail_count = 3;
	upstream->settings.fail_time = 10ULL * USEC_PER_SEC;
	return upstream;
}

int weir_config_add_server(struct weir_upstream_config *upstream,
			   const struct weir_server_config *server, struct netlink_ext_ack *extack)
{
	struct weir_server_config *servers, copy = *server;
	unsigned int i;
	int err;

	err = weir_address_copy(&copy.address, &server->address, extack);
	if (err)
		return err;
	if (weir_address_is_wildcard(&copy.address)) {
		NL_SET_ERR_MSG_FMT(extack, "server %pISpc has no address", &copy.address);
		return -EINVAL;
	}
	if (!copy.connections || copy.connections > WEIR_CONNECTIONS_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "connections must be 1 to %d", WEIR_CONNECTIONS_MAX);
		return -EINVAL;
	}
	if (copy.connections_max < copy.connections || copy.connections_max > WEIR_GROWN_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "connections_max of %pISpc must be %u to %d",
				   &copy.address, copy.connections, WEIR_GROWN_MAX);
		return -EINVAL;
	}
	if (!copy.weight || copy.weight > WEIR_WEIGHT_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "weight must be 1 to %d", WEIR_WEIGHT_MAX);
		return -EINVAL;
	}
	for (i = 0; i < upstream->server_count; i++) {
		if (!weir_address_equal(&upstream->servers[i].address, &copy.address))
			continue;
		NL_SET_ERR_MSG_FMT(extack, "server %pISpc is given twice", &copy.address);
		return -EEXIST;
	}
	if (upstream->server_count == WEIR_SERVERS_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "more than %d servers", WEIR_SERVERS_MAX);
		return -E2BIG;
	}
	servers = weir_config_grow(upstream->servers, upstream->server_count, sizeof(copy));
	if (!servers)
		return -ENOMEM;
	upstream->servers = servers;
	upstream->servers[upstream->server_count++] = copy;
	return 0;
}

static int weir_config_check_timeout(u64 us, const char *name, struct netlink_ext_ack *extack)
{
	if (us >= WEIR_TIMEOUT_MIN_US && us <= WEIR_TIMEOUT_MAX_US)
		return 0;
	NL_SET_ERR_MSG_FMT(extack, "%s must be %llu to %llu microseconds", name,
			   WEIR_TIMEOUT_MIN_US, WEIR_TIMEOUT_MAX_US);
	return -EINVAL;
}

static int weir_config_check_limits(const struct weir_limits *limits,
				    struct netlink_ext_ack *extack)
{
	unsigned int i;

	for (i = 0; i < WEIR_LIMIT_COUNT; i++) {
		const struct weir_limit_answer *answer = &limits->answers[i];

		if (limits->most[i] > WEIR_RATE_MAX) {
			NL_SET_ERR_MSG_FMT(extack, "a client's limits must be 0 to %d",
					   WEIR_RATE_MAX);
			return -EINVAL;
		}
		if (answer->action >= __WEIR_ACTION_COUNT || answer->status < WEIR_STATUS_MIN ||
		    answer->status > WEIR_STATUS_MAX) {
			NL_SET_ERR_MSG_FMT(extack, "no such action, or a status not from %d to %d",
					   WEIR_STATUS_MIN, WEIR_STATUS_MAX);
			return -EINVAL;
		}
	}
	if (limits->action >= __WEIR_ACTION_COUNT) {
		NL_SET_ERR_MSG(extack, "action must be reply, reset, drop or challenge");
		return -EINVAL;
	}
	if (!limits->ipv6_prefix || limits->ipv6_prefix > WEIR_PREFIX_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "ipv6_prefix must be 1 to %d", WEIR_PREFIX_MAX);
		return -EINVAL;
	}
	if (limits->header_total < WEIR_HEADER_TOTAL_MIN ||
	    limits->header_total > WEIR_HEADER_TOTAL_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "header_total must be %d to %d", WEIR_HEADER_TOTAL_MIN,
				   WEIR_HEADER_TOTAL_MAX);
		return -EINVAL;
	}
	if (!limits->header_count || limits->header_count > WEIR_HEADER_COUNT_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "header_count must be 1 to %d", WEIR_HEADER_COUNT_MAX);
		return -EINVAL;
	}
	if (limits->uri_length < WEIR_URI_LENGTH_MIN || limits->uri_length > WEIR_URI_LENGTH_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "uri_length must be %d to %d", WEIR_URI_LENGTH_MIN,
				   WEIR_URI_LENGTH_MAX);
		return -EINVAL;
	}
	if (limits->body_ahead > WEIR_BODY_AHEAD_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "body_ahead must be 0 to %d", WEIR_BODY_AHEAD_MAX);
		return -EINVAL;
	}
	return weir_config_check_timeout(limits->min_body_grace, "min_body_grace", extack) ?:
	       weir_config_check_timeout(limits->min_send_grace, "min_send_grace", extack);
}

/* Whether @text can stand in a start line or a field without becoming something else. */
static bool weir_config_is_visible(const char *text, const char *without)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || strchr(without, *text))
			return false;
	return true;
}

static int weir_config_check_health(const struct weir_health_settings *health,
				    struct netlink_ext_ack *extack)
{
	int err;

	if (!health->period)
		return 0;
	err = weir_config_check_timeout(health->period, "period", extack);
	if (!err)
		err = weir_config_check_timeout(health->timeout, "timeout", extack);
	if (err)
		return err;
	if (health->uri[0] != '/' || !weir_config_is_visible(health->uri, "#\"\\") ||
	    !weir_config_is_visible(health->host, "/?#@\"\\")) {
		NL_SET_ERR_MSG(extack, "health: uri must be a path, host a name");
		return -EINVAL;
	}
	if ((health->status && (health->status < 200 || health->status > 599)) ||
	    !health->rise || health->rise > WEIR_COUNT_MAX ||
	    !health->fall || health->fall > WEIR_COUNT_MAX) {
		NL_SET_ERR_MSG_FMT(extack,
				   "health: status must be 0 or 200 to 599, rise, fall 1 to %d",
				   WEIR_COUNT_MAX);
		return -EINVAL;
	}
	return 0;
}

static int weir_config_check_settings(const struct weir_group_settings *settings,
				      struct netlink_ext_ack *extack)
{
	int err;

	if (settings->balance >= __WEIR_BALANCE_COUNT ||
	    settings->hash_key >= __WEIR_HASH_KEY_COUNT) {
		NL_SET_ERR_MSG(extack, "no such balance or hash_key");
		return -EINVAL;
	}
	if (settings->queue > WEIR_QUEUE_MAX || settings->retries > WEIR_RETRIES_MAX ||
	    settings->fail_count > WEIR_COUNT_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "queue must be 0 to %d, retries to %d, fail_count to %d",
				   WEIR_QUEUE_MAX, WEIR_RETRIES_MAX, WEIR_COUNT_MAX);
		return -EINVAL;
	}
	if (!weir_config_is_visible(settings->sticky_cookie, "()<>@,;:\\\"/[]?={}")) {
		NL_SET_ERR_MSG(extack, "sticky_cookie must be a token");
		return -EINVAL;
	}
	err = weir_config_check_timeout(settings->queue_timeout, "queue_timeout", extack);
	if (!err)
		err = weir_config_check_timeout(settings->fail_time, "fail_time", extack);
	if (!err && settings->slow_start)
		err = weir_config_check_timeout(settings->slow_start, "slow_start", extack);
	if (!err)
		err = weir_config_check_health(&settings->health, extack);
	return err;
}

static int weir_config_check_upstream(const struct weir_upstream_config *upstream,
				      struct netlink_ext_ack *extack)
{
	if (!upstream->server_count) {
		NL_SET_ERR_MSG_FMT(extack, "upstream %s has no server", upstream->name);
		return -EINVAL;
	}
	return weir_config_check_settings(&upstream->settings, extack);
}

int weir_config_check(const struct weir_config *config, struct netlink_ext_ack *extack)
{
	const struct weir_timeouts *timeouts = &config->timeouts;
	unsigned int i;
	int err;

	if (config->listener_count && !config->upstream_count && !config->rules) {
		NL_SET_ERR_MSG(extack, "listeners need an upstream server");
		return -EINVAL;
	}
	for (i = 0; i < config->listener_count; i++) {
		if (!config->listeners[i].tls)
			continue;
		if (config->identities && config->identities->count) {
			err = weir_tls_kernel_get(extack) ?: weir_signer_get();
			if (err)
				return err;
			continue;
		}
		NL_SET_ERR_MSG_FMT(extack, "listener %pISpc: https needs a certificate",
				   &config->listeners[i].address);
		return -EINVAL;
	}
	for (i = 0; i < config->upstream_count; i++) {
		err = weir_config_check_upstream(&config->upstreams[i], extack);
		if (err)
			return err;
	}
	err = weir_config_check_limits(&config->limits, extack);
	if (!err)
		err = weir_config_check_timeout(timeouts->client_header, "client_header", extack);
	if (!err)
		err = weir_config_check_timeout(timeouts->client_body, "client_body", extack);
	if (!err)
		err = weir_config_check_timeout(timeouts->keepalive, "keepalive", extack);
	if (!err)
		err = weir_config_check_timeout(timeouts->upstream_connect, "upstream_connect",
						extack);
	if (!err)
		err = weir_config_check_timeout(timeouts->upstream_response, "upstream_response",
						extack);
	if (!err)
		err = weir_config_check_timeout(timeouts->tunnel, "tunnel", extack);
	return err;
}

static struct weir_listener *weir_listeners_find(struct weir_net *wn,
						 const union weir_address *address)
{
	struct weir_listener *listener;

	list_for_each_entry(listener, &wn->listeners, node)
		if (weir_address_equal(&listener->address, address))
			return listener;
	return NULL;
}

static void weir_listeners_close(struct list_head *listeners)
{
	struct weir_listener *listener, *next;

	list_for_each_entry_safe(listener, next, listeners, node) {
		list_del(&listener->node);
		weir_listener_close(listener);
	}
}

/* Open the listeners that are new into @opened. */
static int weir_config_open(struct weir_net *wn, const struct weir_config *config,
			    struct list_head *opened, struct netlink_ext_ack *extack)
{
	struct weir_listener *listener;
	unsigned int i;

	for (i = 0; i < config->listener_count; i++) {
		if (weir_listeners_find(wn, &config->listeners[i].address))
			continue;
		listener = weir_listener_open(wn, &config->listeners[i], extack);
		if (IS_ERR(listener))
			return PTR_ERR(listener);
		list_add_tail(&listener->node, opened);
	}
	return 0;
}

/* Clients have accounts from the first configuration on that needs them: counts survive. */
static int weir_config_account(struct weir_net *wn, const struct weir_limits *limits)
{
	if (wn->accounts || !(limits->counts_requests || limits->counts_connections ||
			      limits->counts_misses || limits->counts_handshakes))
		return 0;
	wn->accounts = weir_accounts_alloc(weir_clients_max, wn->stats);
	return wn->accounts ? 0 : -ENOMEM;
}

/* And replies to them, ditto. */
static int weir_config_codes(struct weir_net *wn, const struct weir_limits *limits)
{
	if (wn->codes || !limits->counts_codes)
		return 0;
	wn->codes = weir_codes_alloc(weir_clients_max, wn->stats);
	return wn->codes ? 0 : -ENOMEM;
}

/* And TLS sessions can be resumed, ditto; limits have a say in handshakes. */
static int weir_config_tls(struct weir_net *wn, struct weir_identities *identities)
{
	if (!identities)
		return 0;
	if (!wn->tickets)
		wn->tickets = weir_tickets_alloc();
	if (!wn->tickets)
		return -ENOMEM;
	weir_identities_resume(identities, wn->tickets);
	identities->tls.greeted = weir_tls_greeted;
	identities->tls.admit = weir_tls_admit;
	identities->tls.named = weir_tls_named;
#ifdef CONFIG_WEIR_TLS_MBEDTLS
	identities->tls.charge = weir_tls_charge;
#endif
#ifdef WEIR_TLS_KEYLOG
	identities->tls.keylog = weir_keylog_add;
#endif
	return 0;
}

static int weir_config_apply_locked(struct weir_net *wn, struct weir_config *config,
				    struct netlink_ext_ack *extack)
{
	struct weir_listener *listener, *next;
	struct weir_config *old;
	LIST_HEAD(opened);
	LIST_HEAD(closed);
	int err;

	if (wn->dying)
		return -ESHUTDOWN;
	err = weir_config_account(wn, &config->limits) ?: weir_config_codes(wn, &config->limits);
	if (!err)
		err = weir_challenge_prepare(wn, &config->challenge);
	if (!err)
		err = weir_memory_prepare(wn, &config->limits);
	if (!err)
		err = weir_config_tls(wn, config->identities);
	if (err)
		return err;
	err = weir_config_open(wn, config, &opened, extack);
	if (!err && config->rules)
		err = weir_rules_measure(config->rules, wn->meters);
	if (!err)
		err = weir_hook_in(wn, config);
	if (!err)
		err = weir_groups_prepare(wn, config);
	if (err) {
		weir_hook_out(wn);
		weir_listeners_close(&opened);
		return err;
	}
	/* No failure from here on. */
	weir_groups_commit(wn, config);
	if (config->challenge.used)
		weir_secrets_rotate(wn->secrets, config->challenge.key_rotation);
	refcount_inc(&config->refs);
	old = rcu_replace_pointer(wn->config, config, lockdep_is_held(&wn->lock));
	list_for_each_entry_safe(listener, next, &wn->listeners, node) {
		const struct weir_listener_config *kept =
			weir_config_find_listener(config, &listener->address);

		if (kept)
			/* Who sees that it speaks TLS sees the certificates too. */
			smp_store_release(&listener->tls, kept->tls);
		else
			list_move_tail(&listener->node, &closed);
	}
	list_splice_tail(&opened, &wn->listeners);
	weir_listeners_close(&closed);
	weir_hook_out(wn);
	weir_config_put(old);
	weir_groups_retire(wn, config);
	weir_memory_start(wn, &config->limits);
	weir_attack_apply(wn, &config->attack);
	return 0;
}

int weir_config_apply(struct net *net, struct weir_config *config, struct netlink_ext_ack *extack)
{
	struct weir_net *wn = weir_net(net);
	int err;

	err = weir_config_check(config, extack);
	weir_checks_finish(config);
	if (!err && config->rules)
		err = weir_rules_finish(config->rules, config->limits.uri_most, extack);
	if (!err && config->identities)
		err = weir_identities_finish(config->identities, extack);
	if (!err)
		err = weir_firewall_finish(&config->firewall, extack);
	if (!err)
		err = weir_attack_finish(&config->attack, extack);
	if (!err)
		err = weir_challenge_finish(config, extack);
	if (err)
		return err;
	weir_limits_finish(&config->limits);
	mutex_lock(&wn->lock);
	err = weir_config_apply_locked(wn, config, extack);
	mutex_unlock(&wn->lock);
	return err;
}

struct weir_config *weir_config_current(struct net *net)
{
	struct weir_net *wn = weir_net(net);
	struct weir_config *config;

	mutex_lock(&wn->lock);
	config = rcu_dereference_protected(wn->config, lockdep_is_held(&wn->lock));
	refcount_inc(&config->refs);
	mutex_unlock(&wn->lock);
	return config;
}

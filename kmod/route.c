// SPDX-License-Identifier: GPL-2.0-only
/* Judging requests, in softirq and without allocating anything. */

#include <linux/in6.h>
#include <linux/percpu.h>

#include "checks.h"
#include "events.h"
#include "pages.h"
#include "route.h"
#include "rules.h"

static void weir_route_refuse(struct weir_route *route, u16 status)
{
	route->kind = WEIR_ROUTE_REFUSE;
	route->status = status;
}

static void weir_route_default(struct weir_route *route, u32 upstream)
{
	route->upstream = upstream;
	if (upstream == WEIR_UPSTREAM_NONE)
		weir_route_refuse(route, 404);
}

static void weir_route_by_rule(struct weir_route *route, const struct http_rule *rule)
{
	switch (rule->action) {
	case HTTP_RULE_UPSTREAM:
		route->upstream = rule->upstream;
		break;
	case HTTP_RULE_REDIRECT:
		route->kind = WEIR_ROUTE_REDIRECT;
		route->status = rule->status;
		route->location = rule->location;
		break;
	case HTTP_RULE_BLOCK:
		route->kind = WEIR_ROUTE_BLOCK;
		route->status = rule->status;
		break;
	case HTTP_RULE_RESET:
		route->kind = WEIR_ROUTE_RESET;
		break;
	default:
		route->kind = WEIR_ROUTE_DROP;
		break;
	}
}

u32 weir_route_vhost(const struct weir_config *config, const struct http_head *head, const u8 *buf)
{
	struct http_text host;
	u32 vhost;

	if (!config->rules || !config->rules->vhost_count || !http_host_of(head, buf, &host))
		return WEIR_PAGE_EVERYWHERE;
	vhost = http_hosts_find(&config->rules->hosts, host);
	return vhost == HTTP_VHOST_NONE ? WEIR_PAGE_EVERYWHERE : vhost;
}

void weir_route_find(const struct weir_config *config, const struct http_head *head, const u8 *buf,
		     const struct in6_addr *client, u32 mark, struct http_text fingerprint,
		     struct weir_route *route)
{
	const struct weir_rules *rules = config->rules;
	const struct http_chain *chain = rules->main;
	u32 upstream = config->upstream_count ? 0 : WEIR_UPSTREAM_NONE;
	const struct http_rule *rule = NULL;
	struct http_case request = {
		.head = head,
		.buf = buf,
		.address = client->s6_addr,
		.mark = mark,
		.fingerprint = fingerprint,
		.room = rules->room,
	};

	*route = (struct weir_route){ .vhost = WEIR_PAGE_EVERYWHERE };
	/* The limit was another when the head began. */
	if (head->target.len > rules->room) {
		weir_route_refuse(route, 414);
		return;
	}
	if (rules->vhost_count) {
		const struct weir_vhost *vhost;

		if (!http_host_of(head, buf, &request.host)) {
			weir_route_refuse(route, 400);
			return;
		}
		route->vhost = http_hosts_find(&rules->hosts, request.host);
		if (route->vhost == HTTP_VHOST_NONE) {
			route->vhost = WEIR_PAGE_EVERYWHERE;
			weir_route_refuse(route, 421);
			return;
		}
		vhost = rules->vhosts[route->vhost];
		chain = vhost->chain;
		upstream = vhost->upstream;
	}
	route->check = http_policy_check(weir_checks_of(config, route->vhost), head, buf);
	if (unlikely(route->check != HTTP_CHECK_NONE)) {
		route->kind = WEIR_ROUTE_CHECK;
		return;
	}
	if (chain) {
		if (rules->scratch)
			request.scratch = this_cpu_ptr(rules->scratch);
		rule = http_judge(chain, &request);
	}
	route->marked = request.marked;
	route->mark = request.new_mark;
	route->private = request.private;
	if (request.unclear)
		weir_route_refuse(route, 400);
	else if (rule)
		weir_route_by_rule(route, rule);
	else
		weir_route_default(route, upstream);
}

void weir_route_tell(struct weir_net *wn, const struct weir_route *route,
		     struct weir_incident *event)
{
	event->reason = route->kind == WEIR_ROUTE_REFUSE ? WEIR_REASON_NO_ROUTE : WEIR_REASON_RULE;
	if (route->kind == WEIR_ROUTE_RESET) {
		event->action = WEIR_EVENT_ACTION_RESET;
	} else if (route->kind == WEIR_ROUTE_DROP) {
		event->action = WEIR_EVENT_ACTION_CLOSE;
	} else {
		event->action = WEIR_EVENT_ACTION_REPLY;
		event->status = route->status;
	}
	weir_events_tell(wn, event);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Client legs: requests that are over a limit, or do not pass a check. */

#include <linux/slab.h>

#include "checks.h"
#include "client_leg.h"
#include "codes.h"
#include "exchange.h"
#include "gather.h"
#include "http_watch.h"
#include "limit.h"

static noinline enum weir_action
weir_client_tell_over(struct weir_client *client, const struct weir_config *config,
		      enum weir_limit over, const struct weir_meter *vhost, const char *detail)
{
	const struct weir_gather *gather = client->gather;
	struct weir_incident incident;

	incident = weir_client_incident(client, gather ? &gather->head : NULL,
					gather ? gather->bytes : NULL);
	incident.vhost = vhost ? vhost->name : NULL;
	incident.detail = detail;
	return weir_limit_refused(client->leg.wn, &config->limits, over, &incident);
}

bool weir_client_over(struct weir_client *client, const struct weir_config *config,
		      enum weir_limit over, const struct weir_meter *vhost, const char *detail)
{
	struct weir_net *wn = client->leg.wn;
	enum weir_action action;

	client->refused = true;
	if (weir_limit_is_told(wn, &config->limits, over))
		action = weir_client_tell_over(client, config, over, vhost, detail);
	else
		action = weir_limit_refused(wn, &config->limits, over, NULL);
	switch (action) {
	case WEIR_ACTION_RESET:
		weir_client_reset(client);
		return false;
	case WEIR_ACTION_DROP:
		weir_client_drop(client);
		return false;
	default:
		return true;
	}
}

bool weir_client_wrong(struct weir_client *client, enum http_error error, u16 *status)
{
	const struct weir_config *config = weir_client_config(client);
	const struct weir_gather *gather = client->gather;
	enum http_check check = http_check_of(error);

	*status = http_status_of(error);
	if (check == HTTP_CHECK_NONE) {
		weir_client_tell_bad(client, gather ? &gather->head : NULL,
				     gather ? gather->bytes : NULL, http_text_of(error), *status);
		return true;
	}
	*status = config->limits.answers[weir_limit_of(check)].status;
	/* Of a body it is known for whom it was. */
	return weir_client_over(client, config, weir_limit_of(check),
				gather ? NULL : client->vhost, http_text_of(error));
}

bool weir_client_watch(struct weir_client *client, const struct http_policy *policy)
{
	const struct http_head *head = &client->gather->head;
	const u8 *buf = client->gather->bytes;
	struct weir_exchange *x = client->x;
	size_t size;

	size = http_watch_size(policy, head, buf);
	if (!size)
		return true;
	x->watch = kmalloc(size, GFP_ATOMIC | __GFP_NOWARN);
	if (!x->watch)
		return false;
	weir_count(client->leg.wn, WEIR_STAT_memory_bytes, size);
	http_watch_init(x->watch, policy, head, buf);
	http_body_watch(&client->relay.body, x->watch);
	return true;
}

/* Replies with certain codes. */

void weir_client_count_code(struct weir_client *client)
{
	const struct weir_config *config = weir_client_config(client);
	const struct weir_exchange *x = client->x;
	struct weir_codes *codes = client->leg.wn->codes;
	const struct http_policy *policy;
	struct in6_addr key;

	if (!x || !codes)
		return;
	/* Of another configuration than the request was judged by, maybe: x has but an index. */
	policy = weir_checks_of(config, x->vhost);
	if (!policy->code_count || !http_policy_counts(policy, READ_ONCE(x->code)))
		return;
	key = weir_limit_key(&config->limits, &client->address);
	weir_codes_add(codes, &key, policy->code_scope, policy->code_time);
}

bool weir_client_had_codes(struct weir_client *client, const struct weir_config *config, u32 vhost)
{
	const struct http_policy *policy = weir_checks_of(config, vhost);
	struct in6_addr key;

	if (likely(!policy->code_count))
		return false;
	key = weir_limit_key(&config->limits, &client->address);
	return weir_codes_count(client->leg.wn->codes, &key, policy->code_scope) >=
	       policy->code_count && !weir_limit_spares(config, &client->address);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Client legs: which program a client of TLS is, as far as anybody wants to know it. */

#include <linux/slab.h>

#include "client_tls.h"
#include "limit.h"
#include "rules.h"
#include "tls_fingerprint.h"

/* Whether limits, rules or who follows the event log have to know it. */
static bool weir_fingerprint_is_wanted(const struct weir_net *wn,
				       const struct weir_config *config)
{
	return config->fingerprints.count || (config->rules && config->rules->fingerprints) ||
	       weir_events_wanted(wn);
}

bool weir_tls_greeted(struct tls_server *server, struct http_text hello)
{
	struct weir_tls *tls = container_of(server, struct weir_tls, server);
	struct weir_client *client = tls->client;
	const struct weir_config *config = weir_client_config(client);
	struct weir_net *wn = client->leg.wn;

	if (!weir_fingerprint_is_wanted(wn, config))
		return true;
	tls->fingerprint = kmalloc(TLS_FINGERPRINT, GFP_ATOMIC | __GFP_NOWARN);
	/* What is not known could not be refused. */
	if (!tls->fingerprint) {
		weir_count(wn, WEIR_STAT_allocation_failures, 1);
		return false;
	}
	weir_count(wn, WEIR_STAT_memory_bytes, TLS_FINGERPRINT);
	tls_fingerprint(tls->fingerprint, hello.at, hello.len);
	if (!weir_fingerprints_have(&config->fingerprints, weir_tls_fingerprint(client)) ||
	    weir_limit_spares(config, &client->address))
		return true;
	tls->over = WEIR_LIMIT_TLS_FINGERPRINT_DENY;
	return false;
}

struct http_text weir_tls_fingerprint(const struct weir_client *client)
{
	struct http_text text = {};

	if (client->tls && client->tls->fingerprint) {
		text.at = client->tls->fingerprint;
		text.len = TLS_FINGERPRINT;
	}
	return text;
}

void weir_tls_drop_fingerprint(struct weir_client *client)
{
	struct weir_tls *tls = client->tls;

	if (!tls->fingerprint)
		return;
	weir_count(client->leg.wn, WEIR_STAT_memory_bytes, -(s64)TLS_FINGERPRINT);
	kfree(tls->fingerprint);
	tls->fingerprint = NULL;
}

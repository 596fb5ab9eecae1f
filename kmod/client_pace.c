// SPDX-License-Identifier: GPL-2.0-only
/* Client legs: limits of one connection by itself, on how fast and in how many pieces. */

#include <net/tcp.h>

#include "client_tls.h"
#include "exchange.h"
#include "gather.h"
#include "limit.h"
#include "timer.h"

bool weir_client_offends(struct weir_client *client, enum weir_limit over)
{
	const struct weir_config *config = weir_client_config(client);
	struct http_head head = { .minor = 1 };
	struct weir_exchange *x = client->x;

	if (weir_limit_spares(config, &client->address))
		return false;
	if (!weir_client_over(client, config, over, client->vhost, NULL))
		return true;
	if (client->replied) {
		weir_client_reset(client);
		return true;
	}
	if (x) {
		head.method = x->method;
		head.minor = x->minor;
	}
	weir_gather_free(client->gather);
	client->gather = NULL;
	weir_client_refuse(client, x ? &head : NULL, config->limits.answers[over].status, true);
	return true;
}

/* Pieces. */

/* Whether there is more to read. */
static bool weir_client_has_input(const struct weir_client *client)
{
	return (client->tls && client->tls->plain) || weir_leg_has_input(&client->leg);
}

/* One more, and not the last. */
static bool weir_client_piece(struct weir_client *client, enum weir_limit limit)
{
	u32 most = weir_client_config(client)->limits.most[limit];

	if (!most || ++client->pieces < most)
		return false;
	client->pieces = 0;
	return weir_client_offends(client, limit);
}

void weir_client_head_piece(struct weir_client *client)
{
	if (http_head_started(&client->gather->head) && !weir_client_has_input(client))
		weir_client_piece(client, WEIR_LIMIT_HEADER_CHUNKS);
}

bool weir_client_body_piece(struct weir_client *client, int bytes)
{
	bool arrived = !client->left;

	client->left = weir_client_has_input(client);
	return arrived && !client->left && !client->tunnel && bytes > 0 && bytes < WEIR_PIPE_COPY &&
	       weir_client_piece(client, WEIR_LIMIT_BODY_CHUNKS);
}

/* Rates. */

/* The pace of what is waited for, or NULL. */
static struct weir_pace *weir_client_pace(struct weir_client *client, enum weir_client_wait wait)
{
	return wait == WEIR_WAIT_BODY ? &client->body_pace :
	       wait == WEIR_WAIT_ROOM || wait == WEIR_WAIT_TAKEN ? &client->send_pace : NULL;
}

static bool weir_client_pace_look(struct weir_client *client)
{
	const struct weir_limits *limits = &weir_client_config(client)->limits;

	if (client->wait == WEIR_WAIT_BODY)
		return weir_pace_look(&client->body_pace, &limits->body_pace, client->bytes_in,
				      jiffies) ||
		       !weir_client_offends(client, WEIR_LIMIT_MIN_BODY_RATE);
	return weir_pace_look(&client->send_pace, &limits->send_pace,
			      tcp_sk(client->leg.sk)->bytes_acked, jiffies) ||
	       !weir_client_offends(client, WEIR_LIMIT_MIN_SEND_RATE);
}

/*
 * Nobody says when TCP's last byte was acknowledged.  If it is by now, the time
 * since it was sent is no time that Weir waited.
 */
static void weir_client_pace_forgive(struct weir_client *client)
{
	if (client->wait == WEIR_WAIT_TAKEN && !weir_client_owes(client))
		client->send_pace.since = jiffies;
}

void weir_client_pace_rest(struct weir_client *client, enum weir_client_wait wait)
{
	const struct weir_pace *pace = weir_client_pace(client, wait);

	weir_client_pace_forgive(client);
	if (pace != &client->body_pace)
		weir_pace_rest(&client->body_pace, jiffies);
	if (pace != &client->send_pace)
		weir_pace_rest(&client->send_pace, jiffies);
}

/* @client->gap or the next look, whichever is first. */
static void weir_client_pace_set(struct weir_client *client, const struct weir_pace *pace)
{
	u32 at = pace->due;

	if (client->wait != WEIR_WAIT_TAKEN && (s32)(client->gap - at) < 0)
		at = client->gap;
	weir_timer_set_at(&client->leg, at);
}

void weir_client_pace_arm(struct weir_client *client, u64 us)
{
	const struct weir_limits *limits = &weir_client_config(client)->limits;
	struct weir_pace *pace = weir_client_pace(client, client->wait);
	bool body = client->wait == WEIR_WAIT_BODY;
	const struct weir_pace_rule *rule = body ? &limits->body_pace : &limits->send_pace;

	if (!rule->rate) {
		pace->begun = false;
		weir_timer_set(&client->leg, us);
		return;
	}
	client->gap = (u32)jiffies + weir_timer_ticks(us);
	weir_pace_wait(pace, rule, body ? client->bytes_in : tcp_sk(client->leg.sk)->bytes_acked,
		       jiffies);
	/*
	 * Who is answered one request after another is looked at here, so that no
	 * timer is moved for each.  It cannot be replied to: no need to send.
	 */
	if (!body && weir_pace_is_due(pace, jiffies) && !weir_client_pace_look(client))
		return;
	weir_client_pace_set(client, pace);
}

bool weir_client_pace_expired(struct weir_client *client)
{
	const struct weir_limits *limits = &weir_client_config(client)->limits;
	struct weir_pace *pace = weir_client_pace(client, client->wait);
	u32 now = jiffies;
	u32 rate;

	if (!pace || !pace->begun)
		return false;
	weir_client_pace_forgive(client);
	rate = client->wait == WEIR_WAIT_BODY ? limits->body_pace.rate : limits->send_pace.rate;
	if (rate && weir_pace_is_due(pace, now) && !weir_client_pace_look(client)) {
		client->wait = WEIR_WAIT_NOTHING;
		return true;
	}
	if (client->wait == WEIR_WAIT_TAKEN) {
		/* Whatever it waits for now is set anew. */
		client->wait = WEIR_WAIT_NOTHING;
		return true;
	}
	if ((s32)(now - client->gap) >= 0)
		return false;
	if (rate)
		weir_client_pace_set(client, pace);
	else
		weir_timer_set_at(&client->leg, client->gap);
	return true;
}

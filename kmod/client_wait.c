// SPDX-License-Identifier: GPL-2.0-only
/* Client legs: what a connection waits for, and for how long. */

#include <net/tcp.h>

#include "client_tls.h"
#include "exchange.h"
#include "gather.h"
#include "group.h"
#include "pool.h"
#include "timer.h"

enum {
	/* TCP tells of room only when there is much of it: look so often for what trickles. */
	WEIR_CLIENT_LOOKS	= 4,
};

/* How long a head waits for its body, whose packet mostly is the next: until the next tick. */
#define WEIR_CLIENT_MORE_US 0

static enum weir_client_wait weir_client_waits_for(const struct weir_client *client)
{
	const struct weir_exchange *x = client->x;

	if (!x) {
		if (weir_tls_in_handshake(client))
			return WEIR_WAIT_HANDSHAKE;
		if (client->gather)
			return WEIR_WAIT_HEAD;
		if (weir_client_owes(client))
			return WEIR_WAIT_TAKEN;
		return client->requests ? WEIR_WAIT_IDLE : WEIR_WAIT_FIRST;
	}
	if (weir_pipe_more_soon(&x->reply))
		return WEIR_WAIT_MORE;
	if (client->blocked)
		return WEIR_WAIT_ROOM;
	if (READ_ONCE(x->waiting))
		return WEIR_WAIT_UPSTREAM;
	if (client->tunnel)
		return client->reading == WEIR_READING_NOTHING || READ_ONCE(x->reply.eof) ?
		       WEIR_WAIT_TUNNEL_END : WEIR_WAIT_TUNNEL;
	if (client->reading == WEIR_READING_BODY && !READ_ONCE(x->request.starved) &&
	    !READ_ONCE(x->request.abandoned))
		return WEIR_WAIT_BODY;
	return WEIR_WAIT_NOTHING;
}

/* Whether the deadline moves with each byte that does. */
static bool weir_client_is_pushed_out(enum weir_client_wait wait)
{
	return wait == WEIR_WAIT_BODY || wait == WEIR_WAIT_TUNNEL || wait == WEIR_WAIT_TUNNEL_END;
}

void weir_client_arm(struct weir_client *client)
{
	const struct weir_timeouts *timeouts = &weir_client_config(client)->timeouts;
	enum weir_client_wait wait = weir_client_waits_for(client);
	bool moved = client->moved;

	client->moved = false;
	if (wait == client->wait && !(moved && weir_client_is_pushed_out(wait)))
		return;
	if (unlikely(weir_client_is_paced(client)))
		weir_client_pace_rest(client, wait);
	client->wait = wait;
	switch (wait) {
	case WEIR_WAIT_NOTHING:
		weir_timer_clear(&client->leg);
		break;
	case WEIR_WAIT_HANDSHAKE:
	case WEIR_WAIT_FIRST:
	case WEIR_WAIT_HEAD:
		weir_timer_set(&client->leg, timeouts->client_header);
		break;
	case WEIR_WAIT_IDLE:
		weir_timer_set(&client->leg, timeouts->keepalive);
		break;
	case WEIR_WAIT_MORE:
		weir_timer_set(&client->leg, WEIR_CLIENT_MORE_US);
		break;
	case WEIR_WAIT_ROOM:
		if (client->acked != tcp_sk(client->leg.sk)->bytes_acked)
			client->stalls = 0;
		client->acked = tcp_sk(client->leg.sk)->bytes_acked;
		weir_client_pace_arm(client, timeouts->client_body / WEIR_CLIENT_LOOKS);
		break;
	case WEIR_WAIT_BODY:
		weir_client_pace_arm(client, timeouts->client_body);
		break;
	case WEIR_WAIT_TAKEN:
		weir_client_pace_arm(client, 0);
		break;
	case WEIR_WAIT_UPSTREAM:
		weir_timer_set(&client->leg, weir_group_queue_timeout(client->x->group));
		break;
	case WEIR_WAIT_TUNNEL:
		weir_timer_set(&client->leg, timeouts->tunnel);
		break;
	case WEIR_WAIT_TUNNEL_END:
		weir_timer_set(&client->leg, min(timeouts->tunnel, timeouts->keepalive));
		break;
	}
}

void weir_client_expired(struct weir_client *client)
{
	enum weir_client_wait wait = client->wait;
	struct weir_exchange *x = client->x;
	struct http_head head = { .minor = 1 };
	bool keepalive;

	if (weir_client_pace_expired(client))
		return;
	client->wait = WEIR_WAIT_NOTHING;
	if (x) {
		head.method = x->method;
		head.minor = x->minor;
	}
	switch (wait) {
	case WEIR_WAIT_NOTHING:
	case WEIR_WAIT_TAKEN:
		break;
	case WEIR_WAIT_HANDSHAKE:
		weir_count(client->leg.wn, WEIR_STAT_timeouts_client, 1);
		weir_client_tell_slow(client, 0);
		weir_client_reset(client);
		break;
	case WEIR_WAIT_FIRST:
	case WEIR_WAIT_IDLE:
		weir_client_close(client, false);
		break;
	case WEIR_WAIT_HEAD:
		/* A client that has sent but empty lines is idle. */
		if (!http_head_started(&client->gather->head)) {
			weir_client_close(client, false);
			break;
		}
		weir_gather_free(client->gather);
		client->gather = NULL;
		weir_client_tell_slow(client, 408);
		weir_client_refuse(client, NULL, 408, true);
		break;
	case WEIR_WAIT_BODY:
		if (client->replied) {
			weir_count(client->leg.wn, WEIR_STAT_timeouts_client, 1);
			weir_client_tell_slow(client, 0);
			weir_client_reset(client);
		} else {
			weir_client_tell_slow(client, 408);
			weir_client_refuse(client, &head, 408, true);
		}
		break;
	case WEIR_WAIT_MORE:
		weir_pipe_hurry(&x->reply);
		break;
	case WEIR_WAIT_ROOM:
		if (tcp_sk(client->leg.sk)->bytes_acked != client->acked ||
		    ++client->stalls < WEIR_CLIENT_LOOKS)
			break;
		weir_count(client->leg.wn, WEIR_STAT_timeouts_client, 1);
		weir_client_tell_slow(client, 0);
		weir_client_reset(client);
		break;
	case WEIR_WAIT_UPSTREAM:
		if (!weir_pool_cancel(x))
			break;
		weir_meter_loss(x->group->meter, WEIR_METER_failures, 0, 0);
		keepalive = x->keepalive && client->reading == WEIR_READING_NOTHING;
		weir_client_refuse(client, &head,
				   weir_failure_status(weir_pool_verdict(x->group)),
				   !keepalive);
		if (client->x)
			client->x->failed = true;
		break;
	case WEIR_WAIT_TUNNEL:
	case WEIR_WAIT_TUNNEL_END:
		/* The server is sent what is on its way, and a FIN. */
		weir_pipe_end(&x->request, false);
		weir_client_close(client, true);
		break;
	}
}

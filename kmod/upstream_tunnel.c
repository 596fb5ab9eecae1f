// SPDX-License-Identifier: GPL-2.0-only
/*
 * Upstream legs: tunnels, which is what an exchange becomes by a 101 reply.
 *
 * The pipes stay what they are; a FIN from either side ends its direction and is
 * passed on when all before it was, and a reset resets the other leg.
 */

#include <net/tcp.h>

#include "exchange.h"
#include "health.h"
#include "pool.h"
#include "timer.h"
#include "upstream_leg.h"

void weir_connection_switch(struct weir_connection *c)
{
	static const struct http_head endless = { .is_reply = true, .framing = HTTP_FRAMING_CLOSE };
	static const struct http_limits no_limits;
	struct weir_exchange *x = c->x;

	/* The server has answered. */
	if (atomic_read(&c->server->faults))
		weir_health_recovered(c);
	weir_health_untold(c);
	/* The pool opens another one instead; this one never returns to it. */
	weir_pool_closed(c->server, true, true, WEIR_FAILURE_GATEWAY);
	c->tunnel = true;
	weir_count(c->leg.wn, WEIR_STAT_upgrades, 1);
	weir_count(c->leg.wn, WEIR_STAT_tunnels_active, 1);
	weir_relay_init(&c->relay, &endless, &no_limits, WEIR_RELAY_RAW);
	c->replied = true;
	c->in_body = true;
	c->request_done = false;
	x->answer = 1;
	x->reply_keepalive = false;
	x->reply_truncates = true;
	weir_pipe_reopen(&x->request);
	/* The client's leg may read on. */
	smp_store_release(&x->tunnel, true);
}

void weir_connection_orphaned(struct weir_connection *c, bool expired)
{
	if (!READ_ONCE(c->x->request.eof) || expired) {
		weir_connection_forsaken(c);
		return;
	}
	weir_connection_send(c);
	if (c->request_done) {
		weir_connection_leave(c, false);
		weir_connection_close(c);
	} else if (c->send_failed) {
		weir_connection_forsaken(c);
	} else if (!c->leg.armed) {
		weir_timer_set(&c->leg, weir_connection_timeouts(c)->upstream_response);
	}
}

void weir_connection_tunnel(struct weir_connection *c)
{
	struct weir_exchange *x = c->x;
	struct sock *sk = c->leg.sk;

	/* The client's leg knows how long a tunnel may be idle. */
	weir_timer_clear(&c->leg);
	if (c->request_done)
		weir_leg_shutdown(&c->leg);
	/* Without an error TCP is done when both directions have ended.  A reset is no failure. */
	if (c->relay.verdict == HTTP_ERROR || c->send_failed ||
	    (sk->sk_state == TCP_CLOSE && sk->sk_err)) {
		weir_connection_forsaken(c);
		return;
	}
	if (c->relay.verdict == HTTP_MORE && weir_connection_ended(c)) {
		weir_relay_finish(&c->relay);
		weir_pipe_end(&x->reply, false);
		weir_exchange_tell_client(x);
	}
	if (c->relay.verdict == HTTP_DONE && c->request_done) {
		weir_connection_leave(c, false);
		weir_connection_close(c);
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/* Upstream legs: their life, and sending requests, one at a time, as they come. */

#include <linux/net.h>
#include <linux/slab.h>
#include <net/tcp.h>

#include "exchange.h"
#include "gather.h"
#include "group.h"
#include "health.h"
#include "net.h"
#include "pool.h"
#include "send.h"
#include "server.h"
#include "timer.h"
#include "upstream.h"
#include "upstream_leg.h"

enum {
	/* Input that is dropped while waiting for the ACK of our FIN. */
	WEIR_CONNECTION_DRAIN	= 65536,
};

static struct weir_connection *weir_connection(struct weir_leg *leg)
{
	return container_of(leg, struct weir_connection, leg);
}

/* Opening and the end. */

static void weir_connection_gone(struct weir_connection *c, enum weir_failure failure)
{
	if (c->tunnel)
		weir_count(c->leg.wn, WEIR_STAT_tunnels_active, -1);
	else
		weir_pool_closed(c->server, c->state != WEIR_CONNECTION_OPENING, c->used, failure);
}

static void weir_connection_reset(struct weir_connection *c, enum weir_failure failure)
{
	weir_leg_reset(&c->leg);
	weir_connection_gone(c, failure);
}

void weir_connection_close(struct weir_connection *c)
{
	weir_leg_linger(&c->leg, false, WEIR_CONNECTION_DRAIN);
	weir_connection_gone(c, WEIR_FAILURE_GATEWAY);
}

static void weir_connection_opening(struct weir_connection *c, bool expired)
{
	struct sock *sk = c->leg.sk;

	if (sk->sk_state == TCP_ESTABLISHED || sk->sk_state == TCP_CLOSE_WAIT) {
		weir_timer_clear(&c->leg);
		c->state = WEIR_CONNECTION_IDLE;
		weir_pool_opened(c->server);
		weir_pool_release(c);
		/* The server may have closed already. */
		weir_leg_kick(&c->leg, WEIR_EVENT_STATE);
	} else if (sk->sk_state == TCP_CLOSE) {
		weir_connection_reset(c, sk->sk_err == ETIMEDOUT ? WEIR_FAILURE_TIMEOUT :
				      WEIR_FAILURE_GATEWAY);
	} else if (expired) {
		weir_connection_reset(c, WEIR_FAILURE_TIMEOUT);
	}
}

/* An idle connection has nothing to say: bytes or a FIN mean that it is of no use any more. */
static void weir_connection_idle(struct weir_connection *c, bool retire)
{
	struct sock *sk = c->leg.sk;
	bool unfit = sk->sk_state != TCP_ESTABLISHED || weir_leg_has_input(&c->leg);

	if (!unfit && !(retire && weir_server_surplus(c->server)))
		return;
	if (!weir_pool_remove(c) && !unfit)
		return;
	if (sk->sk_state == TCP_CLOSE || weir_leg_has_input(&c->leg))
		weir_connection_reset(c, WEIR_FAILURE_GATEWAY);
	else
		weir_connection_close(c);
}

/* Serving an exchange. */

/* Count it in the server's and the group's meters: a whole reply, */
static void weir_connection_settle(const struct weir_connection *c)
{
	const struct weir_exchange *x = c->x;
	u64 us = c->replied_at - c->sent_at;

	weir_meter_reply(c->server->meter, x->answer, c->bytes_in, c->bytes_out, us);
	/* Two sockets' clocks may be a little apart. */
	us = max_t(s64, c->replied_at - x->began, us);
	weir_meter_reply(c->server->group->meter, x->answer, c->bytes_in, c->bytes_out, us);
}

/* or none, for this reason. */
static void weir_connection_miss(const struct weir_connection *c, enum weir_meter_counter end)
{
	weir_meter_loss(c->server->meter, end, c->bytes_in, c->bytes_out);
	weir_meter_loss(c->server->group->meter, end, c->bytes_in, c->bytes_out);
}

static void weir_connection_start(struct weir_connection *c, struct weir_exchange *x)
{
	c->x = x;
	c->state = WEIR_CONNECTION_BUSY;
	c->sent = false;
	c->request_done = false;
	c->send_failed = false;
	c->in_body = false;
	c->replied = false;
	c->keepalive = false;
	weir_leg_mark(&c->leg, x->mark);
	c->bytes_in = 0;
	c->bytes_out = 0;
	c->replied_at = 0;
	weir_timer_set(&c->leg, weir_connection_timeouts(c)->upstream_response);
}

void weir_connection_leave(struct weir_connection *c, bool broken)
{
	struct weir_exchange *x = c->x;

	c->x = NULL;
	weir_gather_free(c->gather);
	c->gather = NULL;
	weir_timer_clear(&c->leg);
	weir_pipe_end(&x->reply, broken);
	weir_pipe_abandon(&x->request);
	weir_exchange_leave_upstream(x);
}

void weir_connection_fail(struct weir_connection *c, enum weir_failure failure)
{
	struct weir_exchange *x = c->x;

	if (failure == WEIR_FAILURE_GATEWAY && !c->gather && !c->in_body)
		failure = c->sent ? WEIR_FAILURE_STALE : WEIR_FAILURE_UNSENT;
	if (failure != WEIR_FAILURE_UNSENT)
		weir_count(c->leg.wn, WEIR_STAT_upstream_failures, 1);
	if (!x) {
		weir_connection_reset(c, failure);
		return;
	}
	if (failure == WEIR_FAILURE_UNSENT || failure == WEIR_FAILURE_BUSY) {
		weir_health_untold(c);
	} else {
		weir_health_failed(c);
		x->avoid = c->server;
	}
	if (failure != WEIR_FAILURE_UNSENT)
		weir_connection_miss(c, WEIR_METER_failures);
	if (c->replied) {
		weir_connection_leave(c, true);
	} else {
		c->x = NULL;
		weir_gather_free(c->gather);
		c->gather = NULL;
		weir_timer_clear(&c->leg);
		if (weir_exchange_fail(x, failure) && failure != WEIR_FAILURE_UNSENT) {
			weir_meter_add(c->server->meter, WEIR_METER_retries, 1);
			weir_meter_add(c->server->group->meter, WEIR_METER_retries, 1);
		}
	}
	weir_connection_reset(c, failure);
}

/* The reply is whole. */
static void weir_connection_done(struct weir_connection *c)
{
	bool reusable = c->keepalive && c->request_done && !c->send_failed &&
			c->leg.sk->sk_state == TCP_ESTABLISHED && !weir_leg_has_input(&c->leg) &&
			!weir_server_excess(c->server);
	bool finished = c->request_done;

	if (unlikely(atomic_read(&c->server->faults)))
		weir_health_recovered(c);
	weir_health_untold(c);
	weir_connection_settle(c);
	weir_connection_leave(c, false);
	c->used = true;
	if (reusable) {
		c->state = WEIR_CONNECTION_IDLE;
		weir_pool_release(c);
	} else if (finished && !weir_leg_has_input(&c->leg)) {
		weir_connection_close(c);
	} else {
		weir_connection_reset(c, WEIR_FAILURE_GATEWAY);
	}
}

void weir_connection_forsaken(struct weir_connection *c)
{
	bool untouched = !c->sent;

	/* No fault of the server's. */
	c->used |= c->sent;
	if (c->sent)
		weir_connection_miss(c, WEIR_METER_aborted);
	weir_health_untold(c);
	weir_connection_leave(c, true);
	if (untouched && c->leg.sk->sk_state == TCP_ESTABLISHED && !weir_server_excess(c->server)) {
		c->state = WEIR_CONNECTION_IDLE;
		weir_pool_release(c);
		weir_leg_kick(&c->leg, WEIR_EVENT_STATE);
	} else {
		weir_connection_reset(c, WEIR_FAILURE_GATEWAY);
	}
}

void weir_connection_send(struct weir_connection *c)
{
	struct weir_exchange *x = c->x;
	struct weir_sent sent;
	int err;

	if (c->request_done || c->send_failed)
		return;
	err = weir_send(&c->leg, &x->request, false, &sent);
	if (sent.bytes) {
		if (!c->sent)
			c->sent_at = tcp_sk(c->leg.sk)->tcp_mstamp;
		c->sent = true;
		c->bytes_out += sent.bytes;
		weir_count(c->leg.wn, WEIR_STAT_bytes_upstream_out, sent.bytes);
		weir_timer_set(&c->leg, weir_connection_timeouts(c)->upstream_response);
	}
	if (err && err != -EAGAIN) {
		/* A reply may have come before the server stopped to read. */
		c->send_failed = true;
		weir_pipe_abandon(&x->request);
		weir_exchange_tell_client(x);
		return;
	}
	if (sent.tell_producer)
		weir_exchange_tell_client(x);
	if (!err && sent.finished)
		c->request_done = true;
}

bool weir_connection_ended(const struct weir_connection *c)
{
	return weir_leg_at_end(&c->leg) || (c->leg.sk->sk_err && !weir_leg_has_input(&c->leg));
}

/* The server waits for the client, to take more of the reply or to send more of the request. */
static bool weir_connection_held_up(struct weir_connection *c)
{
	return !weir_pipe_has_room(&c->x->reply) ||
	       (!c->request_done && !c->send_failed && !READ_ONCE(c->x->request.bytes));
}

static void weir_connection_work(struct weir_connection *c, bool expired)
{
	struct weir_exchange *x = c->x;

	/* A tunnel's client leaves when it has ended its direction: acquire, to see that. */
	if (!smp_load_acquire(&x->client)) {
		if (c->tunnel)
			weir_connection_orphaned(c, expired);
		else
			weir_connection_forsaken(c);
		return;
	}
	if (!c->sent && (c->leg.sk->sk_state != TCP_ESTABLISHED || weir_leg_has_input(&c->leg))) {
		/* Closed since it was idle; or it answers what nobody has asked. */
		weir_connection_fail(c, WEIR_FAILURE_UNSENT);
		return;
	}
	weir_connection_send(c);
	weir_connection_read(c);
	if (c->leg.closed || c->leg.lingering)
		return;
	if (c->tunnel) {
		weir_connection_tunnel(c);
		return;
	}
	if (c->in_body && c->relay.verdict == HTTP_MORE && weir_connection_ended(c)) {
		/* A reset is no end, even where the end of the connection would be one. */
		if (c->leg.sk->sk_state == TCP_CLOSE)
			c->relay.verdict = HTTP_ERROR;
		else
			weir_relay_finish(&c->relay);
	}
	if (c->in_body && c->relay.verdict == HTTP_DONE) {
		if (weir_pipe_has_room(&x->reply)) {
			if (weir_relay_end(&c->relay, &x->reply))
				weir_connection_done(c);
			else
				weir_connection_fail(c, WEIR_FAILURE_GATEWAY);
		} else {
			weir_exchange_tell_client(x);
		}
	} else if (c->in_body && c->relay.verdict == HTTP_ERROR) {
		weir_connection_fail(c, WEIR_FAILURE_GATEWAY);
	} else if (!c->in_body && weir_connection_ended(c)) {
		weir_connection_fail(c, WEIR_FAILURE_GATEWAY);
	} else if (expired && weir_connection_held_up(c)) {
		weir_timer_set(&c->leg, weir_connection_timeouts(c)->upstream_response);
	} else if (expired) {
		weir_connection_fail(c, WEIR_FAILURE_TIMEOUT);
	}
}

static void weir_connection_run(struct weir_leg *leg, unsigned int events)
{
	struct weir_connection *c = weir_connection(leg);
	struct weir_exchange *x = xchg(&c->assigned, NULL);
	bool expired;

	if (leg->closed || leg->lingering) {
		if (x) {
			weir_health_untold(c);
			weir_exchange_fail(x, WEIR_FAILURE_UNSENT);
		}
		return;
	}
	if (x)
		weir_connection_start(c, x);
	if (events & WEIR_EVENT_ABORT) {
		if (c->state == WEIR_CONNECTION_IDLE)
			weir_pool_remove(c);
		weir_connection_fail(c, WEIR_FAILURE_BUSY);
		return;
	}
	expired = events & WEIR_EVENT_TIMER && weir_timer_expired(leg);
	switch (c->state) {
	case WEIR_CONNECTION_OPENING:
		weir_connection_opening(c, expired);
		break;
	case WEIR_CONNECTION_IDLE:
		weir_connection_idle(c, expired || events & WEIR_EVENT_RETIRE);
		break;
	case WEIR_CONNECTION_BUSY:
		weir_connection_work(c, expired);
		break;
	}
}

static void weir_connection_destroy(struct weir_leg *leg)
{
	struct weir_connection *c = weir_connection(leg);
	struct weir_net *wn = leg->wn;

	spin_lock_bh(&wn->connections_lock);
	list_del_init(&c->node);
	spin_unlock_bh(&wn->connections_lock);
	sock_release(c->socket);
	c->socket = NULL;
}

static void weir_connection_free(struct weir_leg *leg)
{
	struct weir_connection *c = weir_connection(leg);

	weir_count(leg->wn, WEIR_STAT_memory_bytes, -(s64)sizeof(*c));
	weir_server_put(c->server);
	kfree_rcu(c, leg.rcu);
}

static const struct weir_leg_ops weir_connection_ops = {
	.run = weir_connection_run,
	.destroy = weir_connection_destroy,
	.free = weir_connection_free,
};

int weir_connection_open(struct weir_server *server, u64 timeout_us)
{
	struct weir_net *wn = server->group->wn;
	struct weir_connection *c;
	struct sock *sk;
	int err;

	c = kzalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return -ENOMEM;
	err = sock_create_kern(wn->net, server->address.sa.sa_family, SOCK_STREAM, IPPROTO_TCP,
			       &c->socket);
	if (err)
		goto free;
	err = weir_leg_setup(&c->leg, &weir_connection_ops, wn);
	if (err)
		goto release;
	refcount_inc(&server->refs);
	c->server = server;
	c->state = WEIR_CONNECTION_OPENING;
	INIT_LIST_HEAD(&c->node);
	INIT_LIST_HEAD(&c->idle_node);
	weir_count(wn, WEIR_STAT_memory_bytes, sizeof(*c));
	atomic_inc(&server->total);

	sk = c->socket->sk;
	weir_leg_prepare(sk);
	lock_sock(sk);
	weir_leg_attach(&c->leg, sk, NULL);
	weir_timer_set(&c->leg, timeout_us);
	spin_lock_bh(&wn->connections_lock);
	list_add_tail(&c->node, &wn->connections);
	spin_unlock_bh(&wn->connections_lock);
	weir_leg_connect(&c->leg, c->socket, &server->address);
	release_sock(sk);
	return 0;
release:
	sock_release(c->socket);
free:
	kfree(c);
	return err;
}

void weir_connection_abort_all(struct weir_net *wn)
{
	struct weir_connection *c;

	spin_lock_bh(&wn->connections_lock);
	list_for_each_entry(c, &wn->connections, node)
		weir_leg_kick(&c->leg, WEIR_EVENT_ABORT);
	spin_unlock_bh(&wn->connections_lock);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Client legs: one request at a time is read, handed to an exchange, and its
 * reply sent as it comes.  Pipelined requests stay in the socket meanwhile, so
 * replies are in order and a client that pipelines without reading stops itself.
 */

#include <linux/slab.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "client.h"
#include "date.h"
#include "exchange.h"
#include "gather.h"
#include "http_write.h"
#include "leg.h"
#include "limit.h"
#include "net.h"
#include "pool.h"
#include "relay.h"
#include "send.h"
#include "timer.h"

enum {
	/* A longer target is refused with 414, unless the limit of the whole head is lower. */
	WEIR_CLIENT_URI_MAX	= 8192,
	/* What forwarding may add to a head: Via, X-Forwarded-For, X-Forwarded-Proto, Host. */
	WEIR_CLIENT_ADDED	= 256,
	/* Requests handled in a row before other connections have their turn. */
	WEIR_CLIENT_ROW		= 16,
	/* Input that is read and dropped so that a reply sent early is not lost by a reset. */
	WEIR_CLIENT_DRAIN	= 1024 * 1024,
	/* TCP tells of room only when there is much of it: look so often for what trickles. */
	WEIR_CLIENT_LOOKS	= 4,
	/* "ffff:...:255.255.255.255" and NUL. */
	WEIR_CLIENT_NAME	= 48,
};

/* What is being read. */
enum weir_client_reading {
	WEIR_READING_HEAD,
	WEIR_READING_BODY,
	WEIR_READING_NOTHING,	/* until the reply is sent */
	WEIR_READING_REFUSED,	/* ever again: what is left of a request is not wanted */
};

/* What the deadline is for. */
enum weir_client_wait {
	WEIR_WAIT_NOTHING,
	WEIR_WAIT_FIRST,	/* the first request's first byte */
	WEIR_WAIT_IDLE,		/* the next request's first byte */
	WEIR_WAIT_HEAD,		/* the end of a head */
	WEIR_WAIT_BODY,		/* the next bytes of a body */
	WEIR_WAIT_ROOM,		/* the client to take more of the reply */
	WEIR_WAIT_UPSTREAM,	/* an upstream connection */
};

/**
 * struct weir_client - one client connection
 * @leg: its socket
 * @socket: what TCP dereferences as the socket's owner; there is no file
 * @node: in the namespace's clients
 * @address: the client's, IPv4 mapped
 * @name: the same as text
 *
 * Socket lock:
 * @x: the exchange in progress, with the client leg's reference
 * @gather: the request head being read
 * @relay: the request body being read
 * @reading: what is being read
 * @wait: what the deadline is for
 * @acked: bytes that the client had acknowledged when last looked at
 * @stalls: how often in a row that was no more than before
 * @requests: requests so far, saturating
 * @blocked: the socket takes no more for now
 * @moved: bytes of a body were read in this run
 * @replied: some of this reply was sent
 */
struct weir_client {
	struct weir_leg			leg;
	struct socket_alloc		socket;
	struct list_head		node;
	struct in6_addr			address;
	char				name[WEIR_CLIENT_NAME];
	struct weir_exchange		*x;
	struct weir_gather		*gather;
	struct weir_relay		relay;
	enum weir_client_reading	reading;
	enum weir_client_wait		wait;
	u64				acked;
	u8				stalls;
	u32				requests;
	bool				blocked;
	bool				moved;
	bool				replied;
};

static struct weir_client *weir_client(struct weir_leg *leg)
{
	return container_of(leg, struct weir_client, leg);
}

/* The configuration; from run(), which holds the RCU read lock. */
static const struct weir_config *weir_client_config(const struct weir_client *client)
{
	return rcu_dereference(client->leg.wn->config);
}

/* The end. */

static void weir_client_leave(struct weir_client *client)
{
	struct weir_exchange *x = client->x;

	client->x = NULL;
	client->replied = false;
	if (x)
		weir_exchange_leave_client(x);
}

static void weir_client_clean(struct weir_client *client)
{
	weir_client_leave(client);
	weir_gather_free(client->gather);
	client->gather = NULL;
}

static void weir_client_reset(struct weir_client *client)
{
	weir_client_clean(client);
	weir_leg_reset(&client->leg);
}

/* @sending: the client may still be sending what nobody will read. */
static void weir_client_close(struct weir_client *client, bool sending)
{
	weir_client_clean(client);
	weir_leg_linger(&client->leg, sending, WEIR_CLIENT_DRAIN);
}

/* Replies of Weir's own. */

static void weir_client_count_error(struct weir_net *wn, u16 status)
{
	switch (status) {
	case 400:
	case 413:
	case 414:
	case 417:
	case 431:
	case 501:
	case 505:
		weir_count(wn, WEIR_STAT_rejected_bad_request, 1);
		break;
	case 408:
		weir_count(wn, WEIR_STAT_timeouts_client, 1);
		break;
	case 502:
		weir_count(wn, WEIR_STAT_errors_502, 1);
		break;
	case 503:
		weir_count(wn, WEIR_STAT_errors_503, 1);
		break;
	case 504:
		weir_count(wn, WEIR_STAT_errors_504, 1);
		break;
	}
	weir_count(wn, WEIR_STAT_responses, 1);
	weir_count(wn, WEIR_STAT_responses_1xx + status / 100 - 1, 1);
}

/* Put an error reply into an exchange that has no upstream side any more. */
static bool weir_client_put_error(struct weir_client *client, u16 status, bool close)
{
	struct weir_exchange *x = client->x;
	unsigned int flags = 0;
	struct bio_vec piece;
	size_t need;
	u8 *out;

	if (close)
		flags |= HTTP_WRITE_CLOSE;
	else if (!x->minor)
		flags |= HTTP_WRITE_KEEPALIVE;
	if (x->method == HTTP_METHOD_HEAD)
		flags |= HTTP_WRITE_NO_BODY;
	out = weir_pipe_reserve(HTTP_ERROR_REPLY_MAX, &piece);
	if (!out)
		return false;
	need = http_write_error(out, HTTP_ERROR_REPLY_MAX, status, flags, weir_date());
	if (need > HTTP_ERROR_REPLY_MAX)
		need = 0;
	if (!weir_pipe_commit(&x->reply, &piece, need))
		return false;
	x->reply_keepalive = !close;
	weir_pipe_end(&x->reply, false);
	weir_client_count_error(client->leg.wn, status);
	return true;
}

/* Answer a request that goes no further.  @head: what is known of it. */
static void weir_client_refuse(struct weir_client *client, const struct http_head *head, u16 status,
			       bool close)
{
	u8 method = head ? head->method : HTTP_METHOD_OTHER;
	u8 minor = head ? head->minor : 1;

	weir_client_leave(client);
	client->x = weir_exchange_alloc(client->leg.wn, &client->leg);
	if (client->x) {
		client->x->method = method;
		client->x->minor = minor;
	}
	if (!client->x || !weir_client_put_error(client, status, close)) {
		weir_client_reset(client);
		return;
	}
	if (close && client->reading != WEIR_READING_NOTHING)
		client->reading = WEIR_READING_REFUSED;
}

/* Requests. */

static bool weir_client_put_request(struct weir_client *client)
{
	struct http_head *head = &client->gather->head;
	struct weir_exchange *x = client->x;
	struct http_forward how = {
		.via = "weir",
		.proto = "http",
		.client = client->name,
		.framing = head->framing,
	};
	size_t size = head->length + WEIR_CLIENT_ADDED, need;
	struct bio_vec piece;
	u8 *out;

	for (;;) {
		out = weir_pipe_reserve(size, &piece);
		if (!out)
			return false;
		need = http_write_request(out, size, head, weir_gather_bytes(client->gather), &how);
		if (need <= size)
			break;
		weir_pipe_commit(&x->request, &piece, 0);
		size = need;
	}
	/* Idempotent (RFC 9110, 9.2.2), and all of it is here. */
	if (head->framing == HTTP_FRAMING_NONE &&
	    (head->method == HTTP_METHOD_GET || head->method == HTTP_METHOD_HEAD ||
	     head->method == HTTP_METHOD_OPTIONS || head->method == HTTP_METHOD_PUT ||
	     head->method == HTTP_METHOD_DELETE || head->method == HTTP_METHOD_TRACE)) {
		get_page(piece.bv_page);
		bvec_set_page(&x->again, piece.bv_page, need, piece.bv_offset);
	}
	return weir_pipe_commit(&x->request, &piece, need);
}

static void weir_client_forward(struct weir_client *client)
{
	const struct weir_config *config = weir_client_config(client);
	const struct http_limits limits = {
		.header_total = config->limits.header_total,
		.header_count = config->limits.header_count,
		.body_length = config->limits.body_length,
	};
	struct http_head *head = &client->gather->head;
	struct weir_exchange *x;

	x = weir_exchange_alloc(client->leg.wn, &client->leg);
	client->x = x;
	if (!x) {
		weir_client_reset(client);
		return;
	}
	x->method = head->method;
	x->minor = head->minor;
	x->keepalive = head->flags & HTTP_KEEPALIVE;
	if (!weir_client_put_request(client)) {
		weir_count(client->leg.wn, WEIR_STAT_allocation_failures, 1);
		weir_client_reset(client);
		return;
	}
	weir_relay_init(&client->relay, head, &limits, WEIR_RELAY_RAW);
	if (client->relay.verdict == HTTP_DONE) {
		weir_pipe_end(&x->request, false);
		client->reading = WEIR_READING_NOTHING;
	} else {
		client->reading = WEIR_READING_BODY;
	}
	weir_gather_free(client->gather);
	client->gather = NULL;
	/* The upstream side's. */
	refcount_inc(&x->refs);
	weir_pool_submit(x);
}

/* A request's head is whole. */
static void weir_client_request(struct weir_client *client)
{
	const struct weir_limits *limits = &weir_client_config(client)->limits;
	const struct http_head *head = &client->gather->head;
	struct weir_net *wn = client->leg.wn;
	struct weir_limiter *limiter = rcu_dereference(wn->limiter);
	enum weir_limit_verdict verdict = WEIR_LIMIT_PASS;
	bool last;

	client->requests += client->requests < U32_MAX;
	weir_count(wn, WEIR_STAT_requests, 1);
	weir_count(wn, in_serving_softirq() ? WEIR_STAT_requests_softirq :
		   WEIR_STAT_requests_other, 1);
	if (limiter)
		verdict = weir_limit_check(limiter, limits, &client->address);
	if (verdict == WEIR_LIMIT_PASS) {
		weir_client_forward(client);
		return;
	}
	weir_count(wn, verdict == WEIR_LIMIT_RATE ? WEIR_STAT_rejected_rate :
		   WEIR_STAT_rejected_burst, 1);
	if (limits->action == WEIR_ACTION_RESET) {
		weir_client_reset(client);
		return;
	}
	/* A body would have to be read first, to find the next request. */
	last = head->framing != HTTP_FRAMING_NONE || !(head->flags & HTTP_KEEPALIVE);
	if (head->framing == HTTP_FRAMING_NONE)
		client->reading = WEIR_READING_NOTHING;
	weir_client_refuse(client, head, 429, last);
	weir_gather_free(client->gather);
	client->gather = NULL;
}

/* Reading. */

/**
 * struct weir_client_actor - one call of tcp_read_sock()
 * @client: for whom
 * @verdict: of the head or the body
 * @stop: take no more
 */
struct weir_client_actor {
	struct weir_client *client;
	enum http_verdict verdict;
	bool stop;
};

static bool weir_client_begin(struct weir_client *client)
{
	const struct weir_limits *config = &weir_client_config(client)->limits;
	const struct http_limits limits = {
		.header_total = config->header_total,
		.header_count = config->header_count,
		.uri_length = min_t(u32, config->header_total, WEIR_CLIENT_URI_MAX),
		.body_length = config->body_length,
	};

	client->gather = weir_gather_alloc(config->header_count, client->leg.wn->stats);
	if (!client->gather)
		return false;
	http_request_init(&client->gather->head, &limits, client->gather->fields,
			  config->header_count);
	return true;
}

static int weir_client_head_actor(read_descriptor_t *desc, struct sk_buff *skb, unsigned int offset,
				  size_t len)
{
	struct weir_client_actor *actor = desc->arg.data;
	struct weir_client *client = actor->client;
	size_t used;

	if (actor->stop)
		return 0;
	/* One byte more than allowed lets the parser see that. */
	actor->verdict = weir_gather_skb(&client->gather,
					 client->gather->head.limits.header_total + 1, skb, offset,
					 len, &used);
	actor->stop = actor->verdict != HTTP_MORE;
	return used;
}

/* Returns whether to go on. */
static bool weir_client_read_head(struct weir_client *client)
{
	struct weir_client_actor actor = { .client = client, .verdict = HTTP_MORE };
	read_descriptor_t desc = { .arg.data = &actor, .count = 1 };
	const struct http_head *head;
	int ret;

	if (!weir_leg_has_input(&client->leg)) {
		if (!weir_leg_at_end(&client->leg))
			return false;
		/* Amid a head or between requests: nobody to answer. */
		weir_client_close(client, false);
		return false;
	}
	if (!client->gather && !weir_client_begin(client)) {
		weir_count(client->leg.wn, WEIR_STAT_allocation_failures, 1);
		weir_client_reset(client);
		return false;
	}
	ret = tcp_read_sock(client->leg.sk, &desc, weir_client_head_actor);
	if (ret > 0)
		weir_count(client->leg.wn, WEIR_STAT_bytes_client_in, ret);
	head = &client->gather->head;
	switch (actor.verdict) {
	case HTTP_MORE:
		return ret > 0;
	case HTTP_DONE:
		weir_client_request(client);
		return true;
	case HTTP_ERROR:
		break;
	}
	if (head->error == HTTP_OK) {
		weir_count(client->leg.wn, WEIR_STAT_allocation_failures, 1);
		weir_client_reset(client);
		return false;
	}
	weir_client_refuse(client, head, http_status_of(head->error), true);
	weir_gather_free(client->gather);
	client->gather = NULL;
	return true;
}

static int weir_client_body_actor(read_descriptor_t *desc, struct sk_buff *skb, unsigned int offset,
				  size_t len)
{
	struct weir_client_actor *actor = desc->arg.data;
	struct weir_client *client = actor->client;
	size_t used;

	if (actor->stop)
		return 0;
	used = weir_relay_skb(&client->relay, &client->x->request, skb, offset, len);
	actor->stop = used < len || client->relay.verdict != HTTP_MORE;
	return used;
}

static void weir_client_read_body(struct weir_client *client)
{
	struct weir_client_actor actor = { .client = client };
	read_descriptor_t desc = { .arg.data = &actor, .count = 1 };
	struct weir_exchange *x = client->x;
	int ret;

	if (client->relay.verdict != HTTP_MORE || READ_ONCE(x->request.abandoned))
		return;
	client->relay.no_memory = false;
	ret = tcp_read_sock(client->leg.sk, &desc, weir_client_body_actor);
	if (ret > 0) {
		client->moved = true;
		weir_count(client->leg.wn, WEIR_STAT_bytes_client_in, ret);
	}
	if (client->relay.no_memory)
		weir_leg_kick_later(&client->leg, WEIR_EVENT_READ);
	if (client->relay.verdict == HTTP_MORE && weir_leg_at_end(&client->leg))
		weir_relay_finish(&client->relay);
	switch (client->relay.verdict) {
	case HTTP_DONE:
		weir_pipe_end(&x->request, false);
		client->reading = WEIR_READING_NOTHING;
		break;
	case HTTP_ERROR:
		if (client->replied) {
			weir_client_reset(client);
		} else {
			struct http_head head = { .method = x->method, .minor = x->minor };

			weir_client_refuse(client, &head, http_status_of(client->relay.body.error),
					   true);
		}
		return;
	case HTTP_MORE:
		break;
	}
	if (ret > 0 || client->relay.verdict == HTTP_DONE)
		weir_exchange_tell_upstream(x);
}

/* Sending. */

/* Returns whether the exchange is over, or the connection closed. */
static bool weir_client_send(struct weir_client *client)
{
	struct weir_exchange *x = client->x;
	bool broken = READ_ONCE(x->reply.broken);
	struct weir_sent sent;
	int err;

	err = weir_send(&client->leg, &x->reply, &sent);
	client->blocked = err == -EAGAIN;
	if (sent.bytes) {
		client->replied = true;
		weir_count(client->leg.wn, WEIR_STAT_bytes_client_out, sent.bytes);
	}
	if (err && err != -EAGAIN) {
		weir_client_reset(client);
		return true;
	}
	if (sent.tell_producer)
		weir_exchange_tell_upstream(x);
	if (err)
		return false;
	if (weir_pipe_finished(&x->reply)) {
		bool keepalive = x->reply_keepalive &&
				 client->reading == WEIR_READING_NOTHING;

		if (keepalive) {
			weir_client_leave(client);
			client->reading = WEIR_READING_HEAD;
		} else {
			weir_client_close(client, client->reading != WEIR_READING_NOTHING);
		}
		return true;
	}
	if (broken) {
		/* Where the connection's end is the reply's, a reset tells it is cut short. */
		if (x->reply_truncates)
			weir_client_reset(client);
		else
			weir_client_close(client, client->reading != WEIR_READING_NOTHING);
		return true;
	}
	return false;
}

/* Deadlines. */

static enum weir_client_wait weir_client_waits_for(const struct weir_client *client)
{
	const struct weir_exchange *x = client->x;

	if (!x) {
		if (client->gather)
			return WEIR_WAIT_HEAD;
		return client->requests ? WEIR_WAIT_IDLE : WEIR_WAIT_FIRST;
	}
	if (client->blocked)
		return WEIR_WAIT_ROOM;
	if (READ_ONCE(x->waiting))
		return WEIR_WAIT_UPSTREAM;
	if (client->reading == WEIR_READING_BODY && !READ_ONCE(x->request.starved) &&
	    !READ_ONCE(x->request.abandoned))
		return WEIR_WAIT_BODY;
	return WEIR_WAIT_NOTHING;
}

static void weir_client_arm(struct weir_client *client)
{
	const struct weir_timeouts *timeouts = &weir_client_config(client)->timeouts;
	enum weir_client_wait wait = weir_client_waits_for(client);
	bool moved = client->moved;

	client->moved = false;
	if (wait == client->wait && !(moved && wait == WEIR_WAIT_BODY))
		return;
	client->wait = wait;
	switch (wait) {
	case WEIR_WAIT_NOTHING:
		weir_timer_clear(&client->leg);
		break;
	case WEIR_WAIT_FIRST:
	case WEIR_WAIT_HEAD:
		weir_timer_set(&client->leg, timeouts->client_header);
		break;
	case WEIR_WAIT_IDLE:
		weir_timer_set(&client->leg, timeouts->keepalive);
		break;
	case WEIR_WAIT_ROOM:
		if (client->acked != tcp_sk(client->leg.sk)->bytes_acked)
			client->stalls = 0;
		client->acked = tcp_sk(client->leg.sk)->bytes_acked;
		weir_timer_set(&client->leg, timeouts->client_body / WEIR_CLIENT_LOOKS);
		break;
	case WEIR_WAIT_BODY:
		weir_timer_set(&client->leg, timeouts->client_body);
		break;
	case WEIR_WAIT_UPSTREAM:
		weir_timer_set(&client->leg, timeouts->upstream_connect);
		break;
	}
}

static void weir_client_expired(struct weir_client *client)
{
	enum weir_client_wait wait = client->wait;
	struct weir_exchange *x = client->x;
	struct http_head head = { .minor = 1 };
	bool keepalive;

	client->wait = WEIR_WAIT_NOTHING;
	if (x) {
		head.method = x->method;
		head.minor = x->minor;
	}
	switch (wait) {
	case WEIR_WAIT_NOTHING:
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
		weir_client_refuse(client, NULL, 408, true);
		break;
	case WEIR_WAIT_BODY:
		if (client->replied) {
			weir_count(client->leg.wn, WEIR_STAT_timeouts_client, 1);
			weir_client_reset(client);
		} else {
			weir_client_refuse(client, &head, 408, true);
		}
		break;
	case WEIR_WAIT_ROOM:
		if (tcp_sk(client->leg.sk)->bytes_acked != client->acked ||
		    ++client->stalls < WEIR_CLIENT_LOOKS)
			break;
		weir_count(client->leg.wn, WEIR_STAT_timeouts_client, 1);
		weir_client_reset(client);
		break;
	case WEIR_WAIT_UPSTREAM:
		if (!weir_pool_cancel(x))
			break;
		keepalive = x->keepalive && client->reading == WEIR_READING_NOTHING;
		weir_client_refuse(client, &head,
				   weir_failure_status(weir_pool_verdict(client->leg.wn)),
				   !keepalive);
		break;
	}
}

/* All that can be done now. */
static void weir_client_work(struct weir_client *client)
{
	unsigned int row = 0;

	while (!client->leg.closed && !client->leg.lingering) {
		struct weir_exchange *x = client->x;

		if (!x) {
			if (row++ == WEIR_CLIENT_ROW) {
				weir_leg_kick(&client->leg, WEIR_EVENT_READ);
				break;
			}
			if (!weir_client_read_head(client))
				break;
			continue;
		}
		if (READ_ONCE(x->status)) {
			u16 status = x->status;

			x->status = 0;
			if (client->reading != WEIR_READING_NOTHING)
				client->reading = WEIR_READING_REFUSED;
			if (!weir_client_put_error(client, status, !x->keepalive ||
						   client->reading != WEIR_READING_NOTHING)) {
				weir_client_reset(client);
				break;
			}
		}
		if (client->reading == WEIR_READING_BODY) {
			weir_client_read_body(client);
			if (client->leg.closed || client->x != x)
				continue;
		}
		if (!weir_client_send(client))
			break;
	}
}

static void weir_client_run(struct weir_leg *leg, unsigned int events)
{
	struct weir_client *client = weir_client(leg);

	if (leg->closed || leg->lingering)
		return;
	/* After a reset by the client there is nobody to serve. */
	if (events & WEIR_EVENT_ABORT || leg->sk->sk_state == TCP_CLOSE) {
		weir_client_reset(client);
		return;
	}
	if (events & WEIR_EVENT_TIMER && weir_timer_expired(leg))
		weir_client_expired(client);
	weir_client_work(client);
	if (!leg->closed && !leg->lingering)
		weir_client_arm(client);
}

static void weir_client_destroy(struct weir_leg *leg)
{
	struct weir_client *client = weir_client(leg);
	struct weir_net *wn = leg->wn;

	spin_lock_bh(&wn->clients_lock);
	list_del(&client->node);
	spin_unlock_bh(&wn->clients_lock);
	weir_count(wn, WEIR_STAT_connections_active, -1);
	leg->sk->sk_prot->close(leg->sk, 0);
}

static void weir_client_free(struct weir_leg *leg)
{
	struct weir_client *client = weir_client(leg);

	weir_count(leg->wn, WEIR_STAT_memory_bytes, -(s64)sizeof(*client));
	kfree_rcu(client, leg.rcu);
}

static const struct weir_leg_ops weir_client_ops = {
	.run = weir_client_run,
	.destroy = weir_client_destroy,
	.free = weir_client_free,
};

static void weir_client_identify(struct weir_client *client, const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6 && !ipv6_addr_v4mapped(&sk->sk_v6_daddr)) {
		client->address = sk->sk_v6_daddr;
		snprintf(client->name, sizeof(client->name), "%pI6c", &client->address);
		return;
	}
#endif
	ipv6_addr_set_v4mapped(sk->sk_daddr, &client->address);
	snprintf(client->name, sizeof(client->name), "%pI4", &sk->sk_daddr);
}

/* Give up a connection that was never served, as a listener does that is closed. */
static void weir_client_refuse_connection(struct sock *sk)
{
	sock_hold(sk);
	bh_lock_sock(sk);
	sk->sk_prot->disconnect(sk, O_NONBLOCK);
	sock_orphan(sk);
	this_cpu_inc(*sk->sk_prot->orphan_count);
	inet_csk_destroy_sock(sk);
	bh_unlock_sock(sk);
	sock_put(sk);
}

/* As sock_graft() does, without an inode's owner and label. */
static void weir_client_graft(struct weir_client *client, struct sock *sk)
{
	struct socket *socket = &client->socket.socket;

	init_waitqueue_head(&socket->wq.wait);
	socket->state = SS_CONNECTED;
	socket->type = SOCK_STREAM;
	write_lock_bh(&sk->sk_callback_lock);
	rcu_assign_pointer(sk->sk_wq, &socket->wq);
	socket->sk = sk;
	sk_set_socket(sk, socket);
	write_unlock_bh(&sk->sk_callback_lock);
}

void weir_client_accept(struct weir_net *wn, const struct weir_leg *listener, struct sock *sk)
{
	struct weir_client *client = kzalloc(sizeof(*client), GFP_ATOMIC | __GFP_NOWARN);

	if (!client || weir_leg_setup(&client->leg, &weir_client_ops, wn)) {
		if (!client)
			weir_count(wn, WEIR_STAT_allocation_failures, 1);
		kfree(client);
		weir_client_refuse_connection(sk);
		return;
	}
	client->reading = WEIR_READING_HEAD;
	weir_client_identify(client, sk);
	weir_count(wn, WEIR_STAT_connections_accepted, 1);
	weir_count(wn, WEIR_STAT_connections_active, 1);
	weir_count(wn, WEIR_STAT_memory_bytes, sizeof(*client));
	spin_lock_bh(&wn->clients_lock);
	list_add_tail(&client->node, &wn->clients);
	spin_unlock_bh(&wn->clients_lock);
	bh_lock_sock(sk);
	weir_client_graft(client, sk);
	weir_leg_attach(&client->leg, sk, listener);
	bh_unlock_sock(sk);
	/* Whatever came before the callbacks were there. */
	weir_leg_kick(&client->leg, WEIR_EVENT_READ);
}

void weir_client_abort_all(struct weir_net *wn)
{
	struct weir_client *client;

	spin_lock_bh(&wn->clients_lock);
	list_for_each_entry(client, &wn->clients, node)
		weir_leg_kick(&client->leg, WEIR_EVENT_ABORT);
	spin_unlock_bh(&wn->clients_lock);
}

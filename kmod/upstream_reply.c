// SPDX-License-Identifier: GPL-2.0-only
/* Upstream legs: reading a reply, its head, then its body as the client takes it. */

#include <net/tcp.h>

#include "date.h"
#include "exchange.h"
#include "gather.h"
#include "group.h"
#include "http_sticky.h"
#include "http_write.h"
#include "server.h"
#include "timer.h"
#include "upstream_leg.h"

enum {
	/* Bounds of a reply's head. */
	WEIR_REPLY_HEADER_TOTAL	= 32768,
	WEIR_REPLY_HEADER_COUNT	= 100,
	/* What forwarding mostly adds to a head at most: Via, Connection, Date. */
	WEIR_REPLY_ADDED	= 256,
};

/* What the reply's head will say about its framing, and how its body is relayed. */
static enum http_framing weir_connection_framing(struct weir_connection *c,
						 const struct http_head *head,
						 enum weir_relay_mode *mode)
{
	bool chunks = c->x->minor >= 1;

	*mode = WEIR_RELAY_RAW;
	if (head->framing == HTTP_FRAMING_CHUNKED && !chunks) {
		*mode = WEIR_RELAY_PAYLOAD;
		return HTTP_FRAMING_CLOSE;
	}
	if (head->framing == HTTP_FRAMING_CLOSE && chunks) {
		*mode = WEIR_RELAY_CHUNK;
		return HTTP_FRAMING_CHUNKED;
	}
	return head->framing;
}

static void weir_connection_count(struct weir_net *wn, u16 status)
{
	weir_count(wn, WEIR_STAT_responses_1xx + status / 100 - 1, 1);
	if (status >= 200 || status == 101)
		weir_count(wn, WEIR_STAT_responses, 1);
}

/* @more: the body will follow at once. */
static bool weir_connection_put_head(struct weir_connection *c, const struct http_forward *how,
				     bool more)
{
	struct http_head *head = &c->gather->head;
	size_t size = head->length + WEIR_REPLY_ADDED, need;
	struct bio_vec piece;
	u8 *out;

	for (;;) {
		out = weir_pipe_reserve(size, &piece);
		if (!out)
			return false;
		need = http_write_reply(out, size, head, c->gather->bytes, how);
		if (need <= size)
			return weir_pipe_commit(&c->x->reply, &piece, need, more);
		weir_pipe_commit(&c->x->reply, &piece, 0, false);
		size = need;
	}
}

/* Have the client come back to this server: by a cookie, whose value goes into @value. */
static void weir_connection_stick(struct weir_connection *c, struct http_forward *how,
				  char value[HTTP_STICKY_DIGITS + 1])
{
	const struct weir_servers *servers = rcu_dereference(c->server->group->servers);

	if (!servers || !servers->settings.sticky_cookie[0])
		return;
	http_sticky_write(value, c->server->id);
	how->cookie = servers->settings.sticky_cookie;
	how->cookie_value = value;
}

/* A reply's head is whole.  False: it cannot be used. */
static bool weir_connection_head(struct weir_connection *c)
{
	static const struct http_limits no_limits;
	const struct http_head *head = &c->gather->head;
	struct weir_exchange *x = c->x;
	struct http_forward how = {
		.via = HTTP_VIA("weir"),
		.framing = HTTP_FRAMING_NONE,
	};
	char sticky[HTTP_STICKY_DIGITS + 1];
	enum weir_relay_mode mode;
	bool early;

	if (http_reply_is_interim(head)) {
		/* Nobody can have agreed to what was not asked yet. */
		if (head->status == 101 && !c->request_done)
			return false;
		if (x->minor >= 1) {
			if (!weir_connection_put_head(c, &how, false))
				return false;
			weir_connection_count(c->leg.wn, head->status);
			if (head->status == 101)
				weir_connection_switch(c);
		}
		weir_gather_free(c->gather);
		c->gather = NULL;
		return true;
	}
	how.framing = weir_connection_framing(c, head, &mode);
	how.date = weir_date();
	if (unlikely(x->sticks) && x->sticky != c->server->id)
		weir_connection_stick(c, &how, sticky);
	/* Before the request is whole: what is left of it would be taken for the next one. */
	early = !c->request_done && !weir_pipe_finished(&x->request);
	x->answer = head->status / 100;
	x->code = head->status;
	x->reply_truncates = how.framing == HTTP_FRAMING_CLOSE;
	x->reply_keepalive = x->keepalive && !x->reply_truncates && !early;
	if (!x->reply_keepalive)
		how.flags |= HTTP_WRITE_CLOSE;
	else if (!x->minor)
		how.flags |= HTTP_WRITE_KEEPALIVE;
	c->keepalive = head->flags & HTTP_KEEPALIVE && head->framing != HTTP_FRAMING_CLOSE;
	weir_relay_init(&c->relay, head, &no_limits, mode);
	/* The body is mostly in the next packet; a packet of its own costs more than the wait. */
	if (!weir_connection_put_head(c, &how, head->framing == HTTP_FRAMING_LENGTH))
		return false;
	weir_connection_count(c->leg.wn, head->status);
	c->replied = true;
	c->in_body = true;
	weir_gather_free(c->gather);
	c->gather = NULL;
	return true;
}

/**
 * struct weir_connection_reading - one call of tcp_read_sock()
 * @c: for whom
 * @stop: take no more
 * @bad: what was read is no reply
 */
struct weir_connection_reading {
	struct weir_connection *c;
	bool stop;
	bool bad;
};

static size_t weir_connection_gather(struct weir_connection_reading *reading, struct sk_buff *skb,
				     unsigned int offset, size_t len)
{
	static const struct http_limits limits = {
		.header_total = WEIR_REPLY_HEADER_TOTAL,
		.header_count = WEIR_REPLY_HEADER_COUNT,
	};
	struct weir_connection *c = reading->c;
	size_t used;

	if (!c->gather) {
		c->gather = weir_gather_begin(WEIR_REPLY_HEADER_COUNT, c->leg.wn->stats);
		http_reply_init(&c->gather->head, &limits, c->gather->fields,
				WEIR_REPLY_HEADER_COUNT, c->x->method, c->x->upgrade);
	}
	switch (weir_gather_skb(&c->gather, WEIR_REPLY_HEADER_TOTAL, skb, offset, len, &used)) {
	case HTTP_DONE:
		if (!weir_connection_head(c))
			reading->bad = true;
		break;
	case HTTP_ERROR:
		reading->bad = true;
		if (c->gather->head.error == HTTP_OK) {
			/* No memory: not the server's fault. */
			weir_count(c->leg.wn, WEIR_STAT_allocation_failures, 1);
			weir_gather_free(c->gather);
			c->gather = NULL;
		}
		break;
	case HTTP_MORE:
		break;
	}
	return used;
}

static int weir_connection_actor(read_descriptor_t *desc, struct sk_buff *skb, unsigned int offset,
				 size_t len)
{
	struct weir_connection_reading *reading = desc->arg.data;
	struct weir_connection *c = reading->c;
	size_t done = 0;

	while (done < len && !reading->stop && !reading->bad) {
		size_t part;

		if (!weir_pipe_has_room(&c->x->reply)) {
			reading->stop = true;
			break;
		}
		if (!c->in_body) {
			part = weir_connection_gather(reading, skb, offset + done, len - done);
		} else if (c->relay.verdict == HTTP_MORE) {
			part = weir_relay_skb(&c->relay, &c->x->reply, skb, offset + done,
					      len - done);
		} else {
			part = 0;
		}
		if (c->in_body && c->relay.verdict == HTTP_ERROR)
			reading->bad = true;
		if (!part || (c->in_body && c->relay.verdict == HTTP_DONE))
			reading->stop = true;
		done += part;
	}
	return done;
}

void weir_connection_read(struct weir_connection *c)
{
	struct weir_connection_reading reading = { .c = c };
	read_descriptor_t desc = { .arg.data = &reading, .count = 1 };
	struct weir_exchange *x = c->x;
	int ret;

	if ((c->in_body && c->relay.verdict != HTTP_MORE) ||
	    skb_queue_empty(&c->leg.sk->sk_receive_queue))
		return;
	c->relay.no_memory = false;
	if (!c->replied_at && weir_leg_has_input(&c->leg))
		c->replied_at = tcp_sk(c->leg.sk)->tcp_mstamp;
	ret = tcp_read_sock(c->leg.sk, &desc, weir_connection_actor);
	if (ret > 0) {
		c->bytes_in += ret;
		weir_count(c->leg.wn, WEIR_STAT_bytes_upstream_in, ret);
		weir_timer_set(&c->leg, weir_connection_timeouts(c)->upstream_response);
	}
	if (c->in_body && c->relay.no_memory)
		weir_leg_kick_later(&c->leg, WEIR_EVENT_READ);
	if (reading.bad && c->in_body)
		c->relay.verdict = HTTP_ERROR;
	else if (reading.bad)
		weir_connection_fail(c, c->gather ? WEIR_FAILURE_GATEWAY : WEIR_FAILURE_BUSY);
	else if (ret > 0 && !(c->in_body && c->relay.verdict == HTTP_DONE))
		weir_exchange_tell_client(x);
}

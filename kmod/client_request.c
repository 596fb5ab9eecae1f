// SPDX-License-Identifier: GPL-2.0-only
/* Client legs: reading requests, a head, then its body as there is room for it. */

#include <net/tcp.h>

#include "checks.h"
#include "choose.h"
#include "client_tls.h"
#include "exchange.h"
#include "gather.h"
#include "group.h"
#include "http_write.h"
#include "limit.h"
#include "pages.h"
#include "pool.h"
#include "route.h"
#include "rules.h"

enum {
	/* What forwarding may add to a head: Via, X-Forwarded-*, Forwarded, Host. */
	WEIR_CLIENT_ADDED	= 256,
};

/* Requests. */

/* A configuration that tells servers of the client in another way than most. */
static void weir_client_introduce(const struct weir_client *client, const struct weir_proxy *proxy,
				  struct http_forward *how)
{
	if (proxy->x_forwarded == WEIR_FORWARD_OFF)
		how->client.at = NULL;
	if (proxy->x_forwarded == WEIR_FORWARD_REPLACE)
		how->flags |= HTTP_WRITE_CLIENT_ANEW;
	if (proxy->forwarded != WEIR_FORWARD_OFF)
		how->forwarded = (struct http_text){ .at = client->name, .len = client->name_len };
	if (proxy->forwarded == WEIR_FORWARD_REPLACE)
		how->flags |= HTTP_WRITE_FORWARDED_ANEW;
}

static bool weir_client_put_request(struct weir_client *client, const struct weir_config *config)
{
	const struct weir_proxy *proxy = &config->proxy;
	struct http_head *head = &client->gather->head;
	struct weir_exchange *x = client->x;
	struct http_forward how = {
		.via = HTTP_VIA("weir"),
		.proto = HTTP_TEXT("http"),
		.client = { .at = client->name, .len = client->name_len },
		.framing = head->framing,
		.flags = HTTP_WRITE_UPGRADE,
	};
	size_t size = head->length + WEIR_CLIENT_ADDED, need;
	struct bio_vec piece;
	u8 *out;

	if (client->secure)
		how.proto = (struct http_text)HTTP_TEXT("https");
	if (unlikely(config->challenge.used))
		how.hidden_cookie = config->challenge.cookie_name;
	if (unlikely(proxy->differs))
		weir_client_introduce(client, proxy, &how);
	for (;;) {
		out = weir_pipe_reserve(size, &piece);
		if (!out)
			return false;
		need = http_write_request(out, size, head, client->gather->bytes, &how);
		if (need <= size)
			break;
		weir_pipe_commit(&x->request, &piece, 0, false);
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
	return weir_pipe_commit(&x->request, &piece, need, false);
}

/* Have a server asked. */
static void weir_client_submit(struct weir_client *client)
{
	struct weir_exchange *x = client->x;

	/* The upstream side's. */
	refcount_inc(&x->refs);
	weir_pool_submit(x);
	if (unlikely(client->holds))
		weir_group_put(client->holds);
	client->holds = NULL;
}

/*
 * Hold a request back until some of its body is there.  Not one whose client
 * waits for the server's leave to send it (RFC 9110, 10.1.1: it is to be asked).
 */
static bool weir_client_hold(struct weir_client *client, u32 ahead)
{
	struct weir_exchange *x = client->x;

	if (!ahead || !x->group || client->gather->head.flags & HTTP_EXPECT_CONTINUE)
		return false;
	client->enough = x->request.bytes + ahead;
	client->holds = x->group;
	weir_group_get(x->group);
	return true;
}

/* Whether it is to be held on. */
static bool weir_client_holds(const struct weir_client *client)
{
	const struct weir_pipe *request = &client->x->request;

	return client->holds && client->relay.verdict == HTTP_MORE &&
	       request->bytes < client->enough && !READ_ONCE(request->starved);
}

/* @upstream: index of the group; @mark: of the upstream connection meanwhile. */
static void weir_client_forward(struct weir_client *client, u32 upstream, u32 vhost, u32 mark)
{
	const struct weir_config *config = weir_client_config(client);
	const struct http_policy *policy = weir_checks_of(config, vhost);
	const struct http_limits limits = {
		.header_total = config->limits.header_total,
		.header_count = config->limits.header_count,
		.body_length = policy->body_length,
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
	x->began = client->began;
	if (upstream < config->upstream_count)
		x->group = config->upstreams[upstream].group;
	x->mark = mark;
	weir_exchange_judged(x, config->pages, vhost);
	weir_choose_key(x, head, client->gather->bytes, &client->address);
	x->upgrade = head->flags & HTTP_UPGRADE;
	if (!weir_client_put_request(client, config)) {
		weir_count(client->leg.wn, WEIR_STAT_allocation_failures, 1);
		weir_client_reset(client);
		return;
	}
	weir_relay_init(&client->relay, head, &limits, WEIR_RELAY_RAW);
	if (client->relay.verdict != HTTP_DONE && !weir_client_watch(client, policy)) {
		weir_count(client->leg.wn, WEIR_STAT_allocation_failures, 1);
		weir_client_reset(client);
		return;
	}
	if (client->relay.verdict == HTTP_DONE) {
		weir_pipe_end(&x->request, false);
		client->reading = WEIR_READING_NOTHING;
	} else {
		client->reading = WEIR_READING_BODY;
		client->body_pace.begun = false;
		client->pieces = 0;
		client->left = false;
		/* What comes now is no question that an answer could acknowledge. */
		inet_csk_exit_pingpong_mode(client->leg.sk);
	}
	if (client->relay.verdict == HTTP_DONE ||
	    !weir_client_hold(client, config->limits.body_ahead))
		weir_client_submit(client);
	weir_gather_free(client->gather);
	client->gather = NULL;
}

bool weir_client_is_last(struct weir_client *client, const struct http_head *head)
{
	if (head->framing == HTTP_FRAMING_NONE)
		client->reading = WEIR_READING_NOTHING;
	return head->framing != HTTP_FRAMING_NONE || !(head->flags & HTTP_KEEPALIVE);
}

/* A request does not pass a check of a virtual host, by its index: true if it is answered. */
static bool weir_client_fails(struct weir_client *client, const struct weir_config *config,
			      u32 vhost, enum http_check check)
{
	enum weir_limit over = weir_limit_of(check);
	const struct http_head *head = &client->gather->head;

	if (!weir_client_over(client, config, over, client->vhost, NULL))
		return false;
	weir_client_refuse_for(client, head, vhost, config->limits.answers[over].status,
			       weir_client_is_last(client, head));
	/* Or he who asks again and again would never be forgiven. */
	if (check == HTTP_CHECK_RESPONSE_CODE && client->x)
		client->x->code = 0;
	return true;
}

/* Whether the host of a request is another than that of the handshake, and this matters. */
static bool weir_client_misleads(const struct weir_client *client,
				 const struct http_policy *policy)
{
	return client->secure && policy->host_strict &&
	       !weir_tls_names_agree(client, &client->gather->head, client->gather->bytes);
}

/* Judge a request by virtual hosts and rules. */
static void weir_client_route(struct weir_client *client, const struct weir_config *config)
{
	const struct http_head *head = &client->gather->head;
	const u8 *buf = client->gather->bytes;
	struct weir_redirect redirect = { .head = head, .buf = buf };
	struct weir_net *wn = client->leg.wn;
	struct weir_incident event;
	struct weir_route route;

	weir_route_find(config, head, buf, &client->address, client->mark ?: client->accepted_mark,
			weir_tls_fingerprint(client), &route);
	weir_client_visits(client, route.vhost < config->rules->vhost_count ?
			   config->rules->vhosts[route.vhost]->meter : NULL);
	if (route.kind != WEIR_ROUTE_CHECK &&
	    weir_client_misleads(client, weir_checks_of(config, route.vhost))) {
		route.kind = WEIR_ROUTE_CHECK;
		route.check = HTTP_CHECK_HOST_STRICT;
	}
	if (route.kind != WEIR_ROUTE_CHECK && config->limits.counts_codes &&
	    weir_client_had_codes(client, config, route.vhost)) {
		route.kind = WEIR_ROUTE_CHECK;
		route.check = HTTP_CHECK_RESPONSE_CODE;
	}
	if (route.marked)
		weir_leg_mark(&client->leg, route.mark);
	if (route.kind >= WEIR_ROUTE_REFUSE) {
		event = weir_client_incident(client, head, buf);
		event.vhost = client->vhost ? client->vhost->name : NULL;
		weir_route_tell(wn, &route, &event);
	}
	switch (route.kind) {
	case WEIR_ROUTE_UPSTREAM:
		weir_client_forward(client, route.upstream, route.vhost, route.mark);
		return;
	case WEIR_ROUTE_REDIRECT:
		redirect.location = route.location;
		weir_client_redirect(client, &redirect, route.status, route.private,
				     weir_client_is_last(client, head));
		break;
	case WEIR_ROUTE_CHECK:
		if (!weir_client_fails(client, config, route.vhost, route.check))
			return;
		break;
	case WEIR_ROUTE_BLOCK:
		weir_count(wn, WEIR_STAT_rejected_rule, 1);
		fallthrough;
	case WEIR_ROUTE_REFUSE:
		weir_client_refuse_for(client, head, route.vhost, route.status,
				       weir_client_is_last(client, head));
		break;
	case WEIR_ROUTE_RESET:
		weir_count(wn, WEIR_STAT_rejected_rule, 1);
		client->refused = true;
		weir_client_reset(client);
		return;
	case WEIR_ROUTE_DROP:
		weir_count(wn, WEIR_STAT_rejected_rule, 1);
		client->refused = true;
		weir_client_close(client, true);
		return;
	}
	weir_gather_free(client->gather);
	client->gather = NULL;
}

/* Answer a request whose head is whole, and that goes no further, with the page of @vhost. */
static void weir_client_answer(struct weir_client *client, u32 vhost, u16 status)
{
	const struct http_head *head = &client->gather->head;

	weir_client_visits(client, NULL);
	weir_client_refuse_for(client, head, vhost, status, weir_client_is_last(client, head));
	weir_gather_free(client->gather);
	client->gather = NULL;
}

/* Answer a request over the limit.  Whom it is for matters only if some host has its own page. */
void weir_client_limited(struct weir_client *client, const struct weir_config *config, u16 status)
{
	const struct http_head *head = &client->gather->head;
	u32 vhost = WEIR_PAGE_EVERYWHERE;

	/* Where it is like all others, and nobody wants to know of it. */
	if (!config->pages && !config->limits.counts_codes && !client->secure &&
	    head->minor && head->flags & HTTP_KEEPALIVE && head->framing == HTTP_FRAMING_NONE) {
		weir_client_visits(client, NULL);
		weir_client_refuse_from_stock(client, head, status);
		weir_gather_free(client->gather);
		client->gather = NULL;
		return;
	}
	if (config->pages && config->pages->limited_apart)
		vhost = weir_route_vhost(config, &client->gather->head, client->gather->bytes);
	weir_client_answer(client, vhost, status);
}

/*
 * Whether a request is within its client's limits.  False: it is dealt with.
 * @challenged: set to the limit that it is over, when its client is to be challenged for that.
 */
static bool weir_client_within(struct weir_client *client, const struct weir_config *config,
			       enum weir_limit *challenged)
{
	const struct weir_limits *limits = &config->limits;
	struct weir_net *wn = client->leg.wn;
	enum weir_limit over;

	/* It was accepted before there were limits, or before there were any of connections. */
	if (!client->account) {
		client->account = weir_limit_open(wn, limits, &client->address, false, &over);
		if (!client->account) {
			weir_client_reset(client);
			return false;
		}
	}
	if (!limits->counts_requests)
		return true;
	over = weir_account_request(client->account, limits->most);
	if (over == WEIR_LIMIT_NONE || weir_limit_spares(config, &client->address))
		return true;
	if (limits->answers[over].action == WEIR_ACTION_CHALLENGE) {
		*challenged = over;
		return true;
	}
	if (weir_client_over(client, config, over, NULL, NULL))
		weir_client_limited(client, config, limits->answers[over].status);
	return false;
}

/* Whether a request passes the checks, where all have the same.  False: it is dealt with. */
static bool weir_client_passes(struct weir_client *client, const struct weir_config *config)
{
	enum http_check check = http_policy_check(&config->policy, &client->gather->head,
						  client->gather->bytes);

	if (check == HTTP_CHECK_NONE && weir_client_misleads(client, &config->policy))
		check = HTTP_CHECK_HOST_STRICT;
	if (check == HTTP_CHECK_NONE && config->limits.counts_codes &&
	    weir_client_had_codes(client, config, WEIR_PAGE_EVERYWHERE))
		check = HTTP_CHECK_RESPONSE_CODE;
	if (likely(check == HTTP_CHECK_NONE))
		return true;
	weir_client_visits(client, NULL);
	if (weir_client_fails(client, config, WEIR_PAGE_EVERYWHERE, check)) {
		weir_gather_free(client->gather);
		client->gather = NULL;
	}
	return false;
}

/* A request's head is whole. */
static void weir_client_request(struct weir_client *client)
{
	const struct weir_config *config = weir_client_config(client);
	const struct http_head *head = &client->gather->head;
	const struct weir_limits *limits = &config->limits;
	enum weir_limit over = WEIR_LIMIT_NONE;
	struct weir_net *wn = client->leg.wn;

	client->requests += client->requests < U32_MAX;
	if (unlikely(client->vhost && !config->rules))
		weir_client_visits(client, NULL);
	client->began = weir_client_clock(client);
	weir_count(wn, WEIR_STAT_requests, 1);
	weir_count(wn, in_serving_softirq() ? WEIR_STAT_requests_softirq :
		   WEIR_STAT_requests_other, 1);
	if (unlikely(client->proxied) && config->firewall.forwarded_for)
		weir_client_forwarded(client, config, head, client->gather->bytes);
	if ((limits->counts_requests || limits->counts_connections) &&
	    !weir_client_within(client, config, &over))
		return;
	if (unlikely(config->challenge.used) && !weir_client_verified(client, config, over))
		return;
	if (!config->rules && !weir_client_passes(client, config))
		return;
	/* RFC 9110, 7.6.2: it ends here.  A TRACE may hold secrets: not reflected. */
	if (head->flags & HTTP_HAS_MAX_FORWARDS && !head->max_forwards)
		weir_client_answer(client, WEIR_PAGE_EVERYWHERE,
				   head->method == HTTP_METHOD_OPTIONS ? 200 : 405);
	else if (config->rules)
		weir_client_route(client, config);
	else
		weir_client_forward(client, 0, WEIR_PAGE_EVERYWHERE, 0);
}

/* Reading: what TCP has, or what TLS makes of it. */

static struct sk_buff *weir_client_peek(struct weir_client *client, unsigned int *offset,
					size_t *len)
{
	return client->secure ? weir_tls_peek(client, offset, len) :
	       weir_leg_peek(&client->leg, offset, len);
}

static void weir_client_take(struct weir_client *client, size_t len)
{
	if (client->secure)
		weir_tls_take(client, len);
	else
		weir_leg_take(&client->leg, len);
}

static bool weir_client_at_end(const struct weir_client *client)
{
	return client->secure ? weir_tls_at_end(client) : weir_leg_at_end(&client->leg);
}

static void weir_client_begin(struct weir_client *client)
{
	const struct weir_limits *config = &weir_client_config(client)->limits;
	const struct http_limits limits = {
		.header_total = config->header_total,
		.header_count = config->header_count,
		.uri_length = min(config->header_total, config->uri_most),
		.body_length = config->body_most,
	};

	client->pieces = 0;
	client->gather = weir_gather_begin(config->header_count, client->leg.wn->stats);
	http_request_init(&client->gather->head, &limits, client->gather->fields,
			  config->header_count);
}

/* The bytes of the head stay in the socket until it is dealt with: it may still lie in them. */
bool weir_client_read_head(struct weir_client *client)
{
	enum http_verdict verdict;
	unsigned int offset;
	struct sk_buff *skb;
	size_t len, used;

	if (unlikely(client->awaits_proxy))
		return weir_client_read_proxy(client);
	skb = weir_client_peek(client, &offset, &len);
	if (!skb) {
		/* Amid a head or between requests: nobody to answer. */
		if (weir_client_at_end(client))
			weir_client_close(client, false);
		return false;
	}
	if (!client->gather) {
		weir_client_begin(client);
		client->mark = skb->mark;
		client->head_came = true;
	}
	/* One byte more than allowed lets the parser see that. */
	verdict = weir_gather_skb(&client->gather, client->gather->head.limits.header_total + 1,
				  skb, offset, len, &used);
	client->bytes_in += used;
	weir_count(client->leg.wn, WEIR_STAT_bytes_client_in, used);
	if (verdict == HTTP_DONE) {
		weir_client_request(client);
	} else if (verdict == HTTP_ERROR) {
		const struct http_head *head = &client->gather->head;
		u16 status;

		if (head->error == HTTP_OK) {
			weir_count(client->leg.wn, WEIR_STAT_allocation_failures, 1);
			weir_client_reset(client);
			return false;
		}
		if (weir_client_wrong(client, head->error, &status)) {
			weir_client_refuse(client, head, status, true);
			weir_gather_free(client->gather);
			client->gather = NULL;
		}
	}
	weir_client_take(client, used);
	if (verdict == HTTP_MORE)
		weir_client_head_piece(client);
	/* TLS may have decrypted more than was read. */
	return client->x || client->secure || weir_leg_has_news(&client->leg);
}

void weir_client_switch(struct weir_client *client)
{
	static const struct http_head endless = { .framing = HTTP_FRAMING_CLOSE };
	static const struct http_limits no_limits;

	/* As a request it is over; how long a tunnel lasts is no latency. */
	weir_client_settle(client, true);
	client->tunnel = true;
	client->moved = true;
	weir_relay_init(&client->relay, &endless, &no_limits, WEIR_RELAY_RAW);
	client->reading = WEIR_READING_BODY;
	inet_csk_exit_pingpong_mode(client->leg.sk);
}

/**
 * struct weir_client_actor - one call of tcp_read_sock()
 * @client: for whom
 * @stop: take no more
 */
struct weir_client_actor {
	struct weir_client *client;
	bool stop;
};

static size_t weir_client_act(struct weir_client_actor *actor, struct sk_buff *skb,
			      unsigned int offset, size_t len)
{
	struct weir_client *client = actor->client;
	size_t used;

	used = weir_relay_skb(&client->relay, &client->x->request, skb, offset, len);
	actor->stop = used < len || client->relay.verdict != HTTP_MORE;
	return used;
}

static int weir_client_body_actor(read_descriptor_t *desc, struct sk_buff *skb, unsigned int offset,
				  size_t len)
{
	struct weir_client_actor *actor = desc->arg.data;

	return actor->stop ? 0 : weir_client_act(actor, skb, offset, len);
}

/* The same by way of TLS.  The connection, and the exchange with it, may be gone then. */
static int weir_client_read_secure(struct weir_client_actor *actor)
{
	struct weir_client *client = actor->client;
	unsigned int offset;
	struct sk_buff *skb;
	size_t len, used;
	int total = 0;

	while (!actor->stop) {
		skb = weir_tls_peek(client, &offset, &len);
		if (!skb)
			break;
		used = weir_client_act(actor, skb, offset, len);
		weir_tls_take(client, used);
		total += used;
	}
	return total;
}

static void weir_client_refuse_body(struct weir_client *client, enum http_error error)
{
	struct http_head head = { .method = client->x->method, .minor = client->x->minor };
	u16 status;

	if (client->replied) {
		weir_client_tell_bad(client, NULL, NULL, http_text_of(error), 0);
		weir_client_reset(client);
	} else if (weir_client_wrong(client, error, &status)) {
		weir_client_refuse(client, &head, status, true);
	}
}

void weir_client_read_body(struct weir_client *client)
{
	struct weir_client_actor actor = { .client = client };
	read_descriptor_t desc = { .arg.data = &actor, .count = 1 };
	struct weir_exchange *x = client->x;
	int ret;

	if (client->relay.verdict != HTTP_MORE || READ_ONCE(x->request.abandoned))
		return;
	client->relay.no_memory = false;
	ret = client->secure ? weir_client_read_secure(&actor) :
	      tcp_read_sock(client->leg.sk, &desc, weir_client_body_actor);
	if (client->x != x)
		return;
	if (ret > 0) {
		client->moved = true;
		client->bytes_in += ret;
		weir_count(client->leg.wn, WEIR_STAT_bytes_client_in, ret);
	}
	if (client->relay.no_memory)
		weir_leg_kick_later(&client->leg, WEIR_EVENT_READ);
	if (client->relay.verdict == HTTP_MORE && weir_client_at_end(client)) {
		if (client->tunnel && client->secure && !client->tls->ended) {
			/* RFC 8446, 6.1: cut off, by whoever, which is no end. */
			weir_client_reset(client);
			return;
		}
		weir_relay_finish(&client->relay);
	}
	switch (client->relay.verdict) {
	case HTTP_DONE:
		weir_pipe_end(&x->request, false);
		client->reading = WEIR_READING_NOTHING;
		break;
	case HTTP_ERROR:
		weir_client_refuse_body(client, client->relay.body.error);
		return;
	case HTTP_MORE:
		if (weir_client_body_piece(client, ret))
			return;
		break;
	}
	if (weir_client_holds(client))
		return;
	if (client->holds)
		weir_client_submit(client);
	else if (ret > 0 || client->relay.verdict == HTTP_DONE)
		weir_exchange_tell_upstream(x);
}

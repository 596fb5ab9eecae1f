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
#include "client_tls.h"
#include "evict.h"
#include "exchange.h"
#include "gather.h"
#include "group.h"
#include "limit.h"
#include "listener.h"
#include "timer.h"
#include "tls_kernel.h"

/* Their size lies far above one of kmalloc's and far below the next. */
static struct kmem_cache *weir_clients;

enum {
	/* Requests handled in a row before other connections have their turn. */
	WEIR_CLIENT_ROW		= 16,
	/* Input that is read and dropped so that a reply sent early is not lost by a reset. */
	WEIR_CLIENT_DRAIN	= 1024 * 1024,
	/* Two ends of lines, as a head ends. */
	WEIR_CLIENT_END		= 4,
};

static struct weir_client *weir_client(struct weir_leg *leg)
{
	return container_of(leg, struct weir_client, leg);
}

/* The end. */

void weir_client_leave(struct weir_client *client)
{
	struct weir_exchange *x = client->x;

	client->x = NULL;
	client->replied = false;
	client->tunnel = false;
	if (unlikely(client->holds))
		weir_group_put(client->holds);
	client->holds = NULL;
	if (x)
		weir_exchange_leave_client(x);
}

/* Count a whole reply in a meter. */
static void weir_client_meter(const struct weir_client *client, struct weir_meter *meter, u64 us)
{
	weir_meter_reply(meter, client->x->answer, client->bytes_in, client->bytes_out, us);
	if (unlikely(client->x->failed))
		weir_meter_add(meter, WEIR_METER_failures, 1);
	if (unlikely(client->refused || client->x->answer == 5))
		weir_meter_add(meter, WEIR_METER_unserved, 1);
}

/* And one that was not, or not all of it. */
static void weir_client_lose(const struct weir_client *client, struct weir_meter *meter,
			     enum weir_meter_counter end)
{
	weir_meter_loss(meter, end, client->bytes_in, client->bytes_out);
	if (client->refused || end == WEIR_METER_failures)
		weir_meter_add(meter, WEIR_METER_unserved, 1);
}

static void weir_client_settled(struct weir_client *client)
{
	client->began = 0;
	client->refused = false;
	client->bytes_in = 0;
	client->bytes_out = 0;
}

void weir_client_settle(struct weir_client *client, bool whole)
{
	const struct weir_exchange *x = client->x;
	enum weir_meter_counter end;
	u64 us;

	if (!client->began)
		return;
	if (unlikely(weir_client_config(client)->limits.counts_codes))
		weir_client_count_code(client);
	if (whole) {
		/* The last of a reply that ends the connection is sent with the FIN: not yet. */
		us = (x->reply_keepalive ? weir_client_clock(client) : tcp_clock_us()) -
		     client->began;
		weir_client_meter(client, client->meter, us);
		if (client->vhost)
			weir_client_meter(client, client->vhost, us);
	} else {
		end = x && READ_ONCE(x->reply.broken) ? WEIR_METER_failures : WEIR_METER_aborted;
		weir_client_lose(client, client->meter, end);
		if (client->vhost)
			weir_client_lose(client, client->vhost, end);
	}
	weir_client_settled(client);
}

void weir_client_settle_own(struct weir_client *client, u16 status)
{
	weir_meter_reply(client->meter, status / 100, client->bytes_in, client->bytes_out,
			 weir_client_clock(client) - client->began);
	weir_meter_add(client->meter, WEIR_METER_unserved, 1);
	weir_client_settled(client);
}

static void weir_client_clean(struct weir_client *client)
{
	weir_client_settle(client, false);
	/* Of a request that never was one, or of a tunnel. */
	if (client->bytes_in)
		weir_meter_add(client->meter, WEIR_METER_bytes_in, client->bytes_in);
	if (client->bytes_out)
		weir_meter_add(client->meter, WEIR_METER_bytes_out, client->bytes_out);
	client->bytes_in = 0;
	client->bytes_out = 0;
	weir_client_leave(client);
	weir_gather_free(client->gather);
	client->gather = NULL;
	weir_tls_free(client);
}

void weir_client_reset(struct weir_client *client)
{
	weir_client_clean(client);
	weir_leg_reset(&client->leg);
}

void weir_client_drop(struct weir_client *client)
{
	weir_client_clean(client);
	weir_leg_drop(&client->leg);
}

void weir_client_close(struct weir_client *client, bool sending)
{
	weir_tls_close(client);
	weir_client_clean(client);
	weir_leg_linger(&client->leg, sending, WEIR_CLIENT_DRAIN);
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
		/* Acquire: the request pipe was opened again before. */
		if (smp_load_acquire(&x->tunnel) && !client->tunnel)
			weir_client_switch(client);
		if (client->reading == WEIR_READING_BODY) {
			weir_client_read_body(client);
			if (client->leg.closed || client->x != x)
				continue;
		}
		if (!weir_client_send(client))
			break;
	}
}

/* Whether a connection that TCP is done with was reset, and has not ended in both directions. */
static bool weir_client_was_reset(const struct weir_client *client)
{
	return !client->tunnel || client->leg.sk->sk_err;
}

static void weir_client_run(struct weir_leg *leg, unsigned int events)
{
	struct weir_client *client = weir_client(leg);

	if (leg->closed || leg->lingering)
		return;
	if (unlikely(events & WEIR_EVENT_BLOCKED)) {
		weir_count(leg->wn, WEIR_STAT_connections_blocked, 1);
		weir_client_drop(client);
		return;
	}
	/* After a reset by the client there is nobody to serve. */
	if (events & WEIR_EVENT_ABORT ||
	    (leg->sk->sk_state == TCP_CLOSE && weir_client_was_reset(client))) {
		weir_client_reset(client);
		return;
	}
	if (client->tls && unlikely(!weir_tls_kernel_usable())) {
		weir_leg_kick_later(leg, events);
		return;
	}
	if (events & WEIR_EVENT_TIMER && weir_timer_expired(leg))
		weir_client_expired(client);
	weir_client_work(client);
	if (!leg->closed && !leg->lingering)
		weir_client_arm(client);
}

/*
 * A GET from its first byte to its last in one packet, with nothing before it: no
 * more of it will come with the next one, for which it would be better to wait.
 */
static bool weir_client_is_prompt(struct weir_leg *leg)
{
	const struct weir_client *client = weir_client(leg);
	const struct sk_buff *skb = skb_peek_tail(&leg->sk->sk_receive_queue);
	struct http_text text;

	if (client->x || client->gather || client->secure || leg->lingering || !skb ||
	    TCP_SKB_CB(skb)->seq != tcp_sk(leg->sk)->copied_seq || !skb_frags_readable(skb))
		return false;
	text = weir_skb_span(skb, 0);
	return text.len == skb->len && text.len > WEIR_CLIENT_END && text.at[0] == 'G' &&
	       !memcmp(text.at + text.len - WEIR_CLIENT_END, "\r\n\r\n", WEIR_CLIENT_END);
}

/* It is no connection any more.  Softirq, or process context without locks. */
static void weir_client_uncount(struct weir_client *client)
{
	struct weir_net *wn = client->leg.wn;

	spin_lock_bh(&wn->clients_lock);
	list_del(&client->node);
	WRITE_ONCE(wn->client_count, wn->client_count - 1);
	spin_unlock_bh(&wn->clients_lock);
	weir_count(wn, WEIR_STAT_connections_active, -1);
	weir_meter_add(client->meter, WEIR_METER_connections, -1);
}

static void weir_client_gone(struct weir_leg *leg)
{
	struct weir_client *client = weir_client(leg);

	weir_client_uncount(client);
	if (client->account)
		weir_limit_close(leg->wn, client->account);
	client->account = NULL;
}

static void weir_client_destroy(struct weir_leg *leg)
{
	struct weir_client *client = weir_client(leg);

	weir_client_uncount(client);
	leg->sk->sk_prot->close(leg->sk, 0);
	if (client->account)
		weir_limit_close(leg->wn, client->account);
}

static void weir_client_free(struct weir_leg *leg)
{
	struct weir_client *client = weir_client(leg);

	weir_count(leg->wn, WEIR_STAT_memory_bytes, -(s64)sizeof(*client));
	weir_meter_put(client->meter);
	weir_meter_put(client->vhost);
	kfree_rcu(client, leg.rcu);
}

static const struct weir_leg_ops weir_client_ops = {
	.run = weir_client_run,
	.is_prompt = weir_client_is_prompt,
	.destroy = weir_client_destroy,
	.gone = weir_client_gone,
	.free = weir_client_free,
};

struct in6_addr weir_client_address(const struct sock *sk)
{
	struct in6_addr address;

#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		return sk->sk_v6_daddr;
#endif
	ipv6_addr_set_v4mapped(sk->sk_daddr, &address);
	return address;
}

void weir_client_rename(struct weir_client *client)
{
	if (ipv6_addr_v4mapped(&client->address))
		client->name_len = snprintf(client->name, sizeof(client->name), "%pI4",
					    &client->address.s6_addr32[3]);
	else
		client->name_len = snprintf(client->name, sizeof(client->name), "%pI6c",
					    &client->address);
}

/* Give up a connection that was never served, as a listener does that is closed. */
static void weir_client_refuse_connection(struct sock *sk, bool silently)
{
	sock_hold(sk);
	bh_lock_sock(sk);
	/* As weir_leg_drop() does it. */
	tcp_sk(sk)->repair = silently;
	sk->sk_prot->disconnect(sk, O_NONBLOCK);
	sock_orphan(sk);
	this_cpu_inc(*sk->sk_prot->orphan_count);
	/* Of TCP Fast Open the handshake may not be over: its request goes as well. */
	tcp_done(sk);
	bh_unlock_sock(sk);
	sock_put(sk);
}

/*
 * Count a connection as open in its client's account.  False: it must not be, and
 * is gone.  How many come in a while was looked at by gate.c; of those that came
 * together some may be too many all the same.
 */
static bool weir_client_admit(const struct weir_listener *listener,
			      const struct weir_config *config, struct sock *sk,
			      struct weir_account **account)
{
	const struct weir_limits *limits = &config->limits;
	struct in6_addr address = weir_client_address(sk);
	struct weir_incident event = {
		.address = &address,
		.port = ntohs(sk->sk_dport),
		.listener = &listener->address,
	};
	struct weir_net *wn = listener->leg.wn;
	enum weir_limit over;
	bool silently;

	*account = weir_limit_open(wn, limits, &address, true, &over);
	if (!*account && over != WEIR_LIMIT_NONE && weir_limit_spares(config, &address))
		*account = weir_limit_open(wn, limits, &address, false, &over);
	if (*account)
		return true;
	silently = over != WEIR_LIMIT_NONE &&
		   weir_limit_refused(wn, limits, over, &event) == WEIR_ACTION_DROP;
	weir_client_refuse_connection(sk, silently);
	return false;
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

void weir_client_accept(const struct weir_listener *listener, struct sock *sk)
{
	struct in6_addr address = weir_client_address(sk);
	/* Before the configuration is looked at. */
	bool secure = weir_listener_tls(listener);
	struct weir_net *wn = listener->leg.wn;
	const struct weir_config *config = rcu_dereference(wn->config);
	bool proxied = weir_firewall_trusts(&config->firewall, &address);
	struct weir_account *account = NULL;
	struct weir_client *client;

	if (!proxied && config->limits.counts_connections &&
	    !weir_client_admit(listener, config, sk, &account))
		return;
	client = kmem_cache_zalloc(weir_clients, GFP_ATOMIC | __GFP_NOWARN);
	if (!client || weir_leg_setup(&client->leg, &weir_client_ops, wn)) {
		if (!client)
			weir_count(wn, WEIR_STAT_allocation_failures, 1);
		if (client)
			kmem_cache_free(weir_clients, client);
		if (account)
			weir_limit_close(wn, account);
		weir_client_refuse_connection(sk, false);
		return;
	}
	client->reading = WEIR_READING_HEAD;
	client->address = address;
	client->peer = address;
	weir_client_rename(client);
	client->account = account;
	client->proxied = proxied;
	client->secure = secure;
	client->awaits_proxy = proxied && config->firewall.proxy_protocol;
	client->meter = weir_meter_hold(listener->meter);
	weir_meter_add(client->meter, WEIR_METER_connects, 1);
	weir_meter_add(client->meter, WEIR_METER_connections, 1);
	client->accepted_mark = READ_ONCE(sk->sk_mark);
	weir_count(wn, WEIR_STAT_connections_accepted, 1);
	weir_count(wn, WEIR_STAT_connections_active, 1);
	weir_count(wn, WEIR_STAT_memory_bytes, sizeof(*client));
	bh_lock_sock(sk);
	weir_client_graft(client, sk);
	weir_leg_attach(&client->leg, sk, &listener->leg);
	/* From now on others look at it; it does not run before the lock is released. */
	spin_lock_bh(&wn->clients_lock);
	list_add_tail(&client->node, &wn->clients);
	WRITE_ONCE(wn->client_count, wn->client_count + 1);
	spin_unlock_bh(&wn->clients_lock);
	if (unlikely(weir_block_any(&wn->blocks)) && weir_evict_is_blocked(client))
		weir_leg_kick(&client->leg, WEIR_EVENT_BLOCKED);
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

int weir_client_init(void)
{
	weir_clients = KMEM_CACHE(weir_client, 0);
	return weir_clients ? 0 : -ENOMEM;
}

void weir_client_exit(void)
{
	kmem_cache_destroy(weir_clients);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks: a connection of its own asks a server for one reply, whose head is
 * all that is read.  Opened in process context, driven in softirq like any leg.
 */

#include <linux/net.h>
#include <linux/slab.h>
#include <net/tcp.h>

#include "check.h"
#include "gather.h"
#include "group.h"
#include "leg.h"
#include "net.h"
#include "pipe.h"
#include "send.h"
#include "server.h"
#include "timer.h"

enum {
	/* Bounds of a reply's head. */
	WEIR_CHECK_HEADER_TOTAL	= 16384,
	WEIR_CHECK_HEADER_COUNT	= 64,
	/* What is read and dropped of the body before the connection is reset. */
	WEIR_CHECK_DRAIN	= 65536,
};

/**
 * struct weir_check - one check
 * @leg: its socket
 * @socket: the same
 * @node: in the namespace's checks; the connections' lock
 * @server: who is checked, with a reference
 * @status: what is wanted; 0: any 2xx or 3xx
 *
 * Socket lock:
 * @request: what is still to be sent
 * @gather: the reply's head
 * @told: the outcome is known
 */
struct weir_check {
	struct weir_leg		leg;
	struct socket		*socket;
	struct list_head	node;
	struct weir_server	*server;
	u32			status;
	struct weir_pipe	request;
	struct weir_gather	*gather;
	bool			told;
};

static struct weir_check *weir_check(struct weir_leg *leg)
{
	return container_of(leg, struct weir_check, leg);
}

static void weir_check_tell(struct weir_check *check, bool well)
{
	if (check->told)
		return;
	check->told = true;
	weir_health_checked(check->server, well);
}

static void weir_check_end(struct weir_check *check, bool well)
{
	weir_gather_free(check->gather);
	check->gather = NULL;
	weir_timer_clear(&check->leg);
	if (well)
		weir_leg_linger(&check->leg, false, WEIR_CHECK_DRAIN);
	else
		weir_leg_reset(&check->leg);
	weir_check_tell(check, well);
}

/**
 * struct weir_check_reading - one call of tcp_read_sock()
 * @check: for whom
 * @verdict: of the head
 * @status: the reply's
 */
struct weir_check_reading {
	struct weir_check *check;
	enum http_verdict verdict;
	u16 status;
};

static int weir_check_actor(read_descriptor_t *desc, struct sk_buff *skb, unsigned int offset,
			    size_t len)
{
	static const struct http_limits limits = {
		.header_total = WEIR_CHECK_HEADER_TOTAL,
		.header_count = WEIR_CHECK_HEADER_COUNT,
	};
	struct weir_check_reading *reading = desc->arg.data;
	struct weir_check *check = reading->check;
	size_t done = 0, used;

	while (done < len && reading->verdict == HTTP_MORE) {
		if (!check->gather) {
			check->gather = weir_gather_begin(WEIR_CHECK_HEADER_COUNT,
							  check->leg.wn->stats);
			http_reply_init(&check->gather->head, &limits, check->gather->fields,
					WEIR_CHECK_HEADER_COUNT, HTTP_METHOD_GET, false);
		}
		reading->verdict = weir_gather_skb(&check->gather, WEIR_CHECK_HEADER_TOTAL, skb,
						   offset + done, len - done, &used);
		done += used;
		if (reading->verdict != HTTP_DONE)
			continue;
		reading->status = check->gather->head.status;
		if (http_reply_is_interim(&check->gather->head))
			reading->verdict = HTTP_MORE;
		weir_gather_free(check->gather);
		check->gather = NULL;
	}
	return done;
}

static void weir_check_read(struct weir_check *check)
{
	struct weir_check_reading reading = { .check = check, .verdict = HTTP_MORE };
	read_descriptor_t desc = { .arg.data = &reading, .count = 1 };

	tcp_read_sock(check->leg.sk, &desc, weir_check_actor);
	if (reading.verdict == HTTP_DONE) {
		weir_check_end(check, check->status ? reading.status == check->status :
			       reading.status >= 200 && reading.status < 400);
	} else if (reading.verdict == HTTP_ERROR || weir_leg_at_end(&check->leg)) {
		weir_check_end(check, false);
	}
}

static void weir_check_run(struct weir_leg *leg, unsigned int events)
{
	struct weir_check *check = weir_check(leg);
	struct sock *sk = leg->sk;
	struct weir_sent sent;
	int err;

	if (leg->closed || leg->lingering)
		return;
	if (events & WEIR_EVENT_ABORT || sk->sk_state == TCP_CLOSE ||
	    (events & WEIR_EVENT_TIMER && weir_timer_expired(leg))) {
		weir_check_end(check, false);
		return;
	}
	if (sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_CLOSE_WAIT)
		return;
	err = weir_send(leg, &check->request, false, &sent);
	if (err && err != -EAGAIN)
		weir_check_end(check, false);
	else
		weir_check_read(check);
}

static void weir_check_destroy(struct weir_leg *leg)
{
	struct weir_check *check = weir_check(leg);
	struct weir_net *wn = leg->wn;

	spin_lock_bh(&wn->connections_lock);
	list_del_init(&check->node);
	spin_unlock_bh(&wn->connections_lock);
	sock_release(check->socket);
	check->socket = NULL;
}

static void weir_check_free(struct weir_leg *leg)
{
	struct weir_check *check = weir_check(leg);

	weir_pipe_purge(&check->request);
	weir_count(leg->wn, WEIR_STAT_memory_bytes, -(s64)sizeof(*check));
	weir_server_put(check->server);
	kfree_rcu(check, leg.rcu);
}

static const struct weir_leg_ops weir_check_ops = {
	.run = weir_check_run,
	.destroy = weir_check_destroy,
	.free = weir_check_free,
};

/* The request, whole, into its pipe.  An address is the host that a client would name. */
static int weir_check_compose(struct weir_check *check,
			      const struct weir_health_settings *settings)
{
	char *text;
	size_t len, put;

	text = settings->host[0] ?
	       kasprintf(GFP_KERNEL, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
			 settings->uri, settings->host) :
	       kasprintf(GFP_KERNEL, "GET %s HTTP/1.1\r\nHost: %pISpc\r\nConnection: close\r\n\r\n",
			 settings->uri, &check->server->address);
	if (!text)
		return -ENOMEM;
	len = strlen(text);
	local_bh_disable();
	put = weir_pipe_put(&check->request, text, len);
	local_bh_enable();
	kfree(text);
	weir_pipe_end(&check->request, false);
	return put == len ? 0 : -ENOMEM;
}

int weir_check_open(struct weir_server *server, const struct weir_health_settings *settings)
{
	struct weir_net *wn = server->group->wn;
	struct weir_check *check;
	struct sock *sk;
	int err;

	check = kzalloc(sizeof(*check), GFP_KERNEL);
	if (!check)
		return -ENOMEM;
	check->server = server;
	check->status = settings->status;
	weir_pipe_setup(&check->request, wn->stats);
	err = weir_check_compose(check, settings);
	if (err)
		goto purge;
	err = sock_create_kern(wn->net, server->address.sa.sa_family, SOCK_STREAM, IPPROTO_TCP,
			       &check->socket);
	if (err)
		goto purge;
	err = weir_leg_setup(&check->leg, &weir_check_ops, wn);
	if (err)
		goto release;
	refcount_inc(&server->refs);
	weir_count(wn, WEIR_STAT_memory_bytes, sizeof(*check));
	sk = check->socket->sk;
	weir_leg_prepare(sk);
	lock_sock(sk);
	weir_leg_attach(&check->leg, sk, NULL);
	weir_timer_set(&check->leg, settings->timeout);
	spin_lock_bh(&wn->connections_lock);
	list_add_tail(&check->node, &wn->checks);
	spin_unlock_bh(&wn->connections_lock);
	weir_leg_connect(&check->leg, check->socket, &server->address);
	release_sock(sk);
	return 0;
release:
	sock_release(check->socket);
purge:
	weir_pipe_purge(&check->request);
	kfree(check);
	return err;
}

void weir_check_abort_all(struct weir_net *wn)
{
	struct weir_check *check;

	spin_lock_bh(&wn->connections_lock);
	list_for_each_entry(check, &wn->checks, node)
		weir_leg_kick(&check->leg, WEIR_EVENT_ABORT);
	spin_unlock_bh(&wn->connections_lock);
}

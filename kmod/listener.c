// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listening sockets.
 *
 * TCP calls a listener's sk_data_ready without its lock while holding that of
 * a child, possibly another than the one that heads the accept queue.  So
 * nothing is done there: the listener's leg is put on the queue like any
 * other, and the drain accepts, with no socket lock held.  Until a child is
 * taken over it has the listener's sk_data_ready, which finds no leg and does
 * nothing, and what it has received by then is found when it is first run.
 */

#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include <net/request_sock.h>
#include <net/tcp.h>

#include "client.h"
#include "listener.h"
#include "net.h"

enum {
	/* Bounded by net.core.somaxconn in turn. */
	WEIR_LISTENER_BACKLOG	= 4096,
	/* Connections accepted before others have their turn. */
	WEIR_LISTENER_ROW	= 64,
};

static struct weir_listener *weir_listener(struct weir_leg *leg)
{
	return container_of(leg, struct weir_listener, leg);
}

/* Take the next child out of the accept queue, as inet_csk_accept() does. */
static struct sock *weir_listener_next(struct sock *sk)
{
	struct request_sock_queue *queue = &inet_csk(sk)->icsk_accept_queue;
	struct request_sock *req = reqsk_queue_remove(queue, sk);
	struct sock *child;

	if (!req)
		return NULL;
	child = req->sk;
	if (tcp_rsk(req)->tfo_listener) {
		spin_lock_bh(&queue->fastopenq.lock);
		if (tcp_rsk(req)->tfo_listener) {
			/* The handshake is not over: the child keeps the request. */
			req->sk = NULL;
			req = NULL;
		}
		spin_unlock_bh(&queue->fastopenq.lock);
	}
	if (req)
		reqsk_put(req);
	return child;
}

static void weir_listener_run(struct weir_leg *leg, unsigned int events)
{
	struct sock *child;
	unsigned int row;

	for (row = 0; row < WEIR_LISTENER_ROW; row++) {
		child = weir_listener_next(leg->sk);
		if (!child)
			return;
		weir_client_accept(weir_listener(leg), child);
	}
	weir_leg_kick(leg, WEIR_EVENT_READ);
}

static void weir_listener_destroy(struct weir_leg *leg)
{
	sock_release(weir_listener(leg)->socket);
}

static void weir_listener_free(struct weir_leg *leg)
{
	weir_meter_put(weir_listener(leg)->meter);
	kfree_rcu(weir_listener(leg), leg.rcu);
}

static const struct weir_leg_ops weir_listener_ops = {
	.unlocked = true,
	.run = weir_listener_run,
	.destroy = weir_listener_destroy,
	.free = weir_listener_free,
};

static int weir_listener_start(struct weir_listener *listener, struct netlink_ext_ack *extack)
{
	union weir_address *address = &listener->address;
	struct sock *sk = listener->socket->sk;
	int err;

	weir_leg_prepare(sk);
	sock_set_reuseaddr(sk);
	/* A change from one address to all of them has both for a moment. */
	sock_set_reuseport(sk);
	if (address->sa.sa_family == AF_INET6)
		ip6_sock_set_v6only(sk);
	err = kernel_bind(listener->socket, &address->sa,
			  address->sa.sa_family == AF_INET6 ? sizeof(address->in6) :
			  sizeof(address->in));
	if (err) {
		NL_SET_ERR_MSG_FMT(extack, "cannot bind to %pISpc: error %d%s", address, err,
				   err == -EADDRINUSE ? " (address in use)" : "");
		return err;
	}
	lock_sock(sk);
	weir_leg_attach_listener(&listener->leg, sk);
	weir_gate_attach(&listener->gate, sk);
	release_sock(sk);
	err = kernel_listen(listener->socket, WEIR_LISTENER_BACKLOG);
	if (err)
		NL_SET_ERR_MSG_FMT(extack, "cannot listen at %pISpc: error %d", address, err);
	return err;
}

struct weir_listener *weir_listener_open(struct weir_net *wn,
					 const struct weir_listener_config *config,
					 struct netlink_ext_ack *extack)
{
	struct weir_listener *listener = kzalloc(sizeof(*listener), GFP_KERNEL);
	const union weir_address *address = &config->address;
	int err;

	if (!listener)
		return ERR_PTR(-ENOMEM);
	listener->address = *address;
	listener->tls = config->tls;
	INIT_LIST_HEAD(&listener->node);
	listener->meter = weir_meter_get(wn->meters, WEIR_METER_LISTENER, "", address);
	if (!listener->meter) {
		kfree(listener);
		return ERR_PTR(-ENOMEM);
	}
	err = sock_create_kern(wn->net, address->sa.sa_family, SOCK_STREAM, IPPROTO_TCP,
			       &listener->socket);
	if (err) {
		weir_meter_put(listener->meter);
		kfree(listener);
		NL_SET_ERR_MSG_FMT(extack, "cannot make a socket for %pISpc: error %d", address,
				   err);
		return ERR_PTR(err);
	}
	err = weir_leg_setup(&listener->leg, &weir_listener_ops, wn);
	if (err) {
		sock_release(listener->socket);
		weir_meter_put(listener->meter);
		kfree(listener);
		return ERR_PTR(err);
	}
	err = weir_listener_start(listener, extack);
	if (!err)
		return listener;
	if (listener->leg.sk) {
		weir_leg_close(&listener->leg);
	} else {
		sock_release(listener->socket);
		weir_leg_abandon(&listener->leg);
	}
	return ERR_PTR(err);
}

void weir_listener_close(struct weir_listener *listener)
{
	weir_leg_close(&listener->leg);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Legs: taking a TCP socket over, being told of its events, and closing it. */

#include <linux/net.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "config.h"
#include "leg.h"
#include "net.h"
#include "queue.h"
#include "timer.h"

/* How long the peer may take to acknowledge the end of what was sent, microseconds. */
#define WEIR_LINGER_US (5 * (u64)USEC_PER_SEC)

enum {
	/* Bytes that a peer has to take in that time for it to begin anew. */
	WEIR_LINGER_LEAST	= 4096,
};

/* A leg is run on this CPU, and may use what this CPU has but once; softirqs off. */
static DEFINE_PER_CPU(bool, weir_leg_running);

/* Legs on their way to process context. */
static LLIST_HEAD(weir_leg_closing);
static struct workqueue_struct *weir_leg_wq;

static void weir_leg_close_work(struct work_struct *work)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&weir_leg_closing));
	struct weir_leg *leg, *next;

	llist_for_each_entry_safe(leg, next, list, close_node) {
		timer_shutdown_sync(&leg->timer);
		leg->ops->destroy(leg);
		weir_leg_put(leg);
		cond_resched();
	}
}

static DECLARE_WORK(weir_leg_work, weir_leg_close_work);

int weir_leg_setup(struct weir_leg *leg, const struct weir_leg_ops *ops, struct weir_net *wn)
{
	if (!weir_net_get(wn))
		return -ESHUTDOWN;
	refcount_set(&leg->refs, 1);
	leg->ops = ops;
	leg->wn = wn;
	weir_timer_setup(leg);
	return 0;
}

void weir_leg_abandon(struct weir_leg *leg)
{
	timer_shutdown_sync(&leg->timer);
	weir_leg_put(leg);
}

void weir_leg_free(struct weir_leg *leg)
{
	struct weir_net *wn = leg->wn;

	if (leg->sk)
		sock_put(leg->sk);
	leg->ops->free(leg);
	weir_net_put(wn);
}

void weir_leg_kick(struct weir_leg *leg, unsigned int events)
{
	if (atomic_fetch_or(events, &leg->events))
		return;
	if (refcount_inc_not_zero(&leg->refs))
		weir_queue_add(leg);
}

void weir_leg_kick_behind(struct weir_leg *leg, unsigned int events)
{
	if (atomic_fetch_or(events, &leg->events))
		return;
	if (refcount_inc_not_zero(&leg->refs))
		weir_queue_add_behind(leg);
}

void weir_leg_kick_later(struct weir_leg *leg, unsigned int events)
{
	if (atomic_fetch_or(events, &leg->events))
		return;
	if (refcount_inc_not_zero(&leg->refs))
		weir_queue_add_later(leg);
}

void weir_leg_prepare(struct sock *sk)
{
	sk->sk_allocation = GFP_ATOMIC;
	sk->sk_use_task_frag = false;
	WRITE_ONCE(tcp_sk(sk)->notsent_lowat, WEIR_LEG_UNSENT_MAX);
	tcp_sock_set_nodelay(sk);
}

/* Socket callbacks.  Softirq, or process context from release_sock(). */

static void weir_leg_callback(struct sock *sk, unsigned int events)
{
	struct weir_leg *leg;

	rcu_read_lock();
	leg = rcu_dereference_sk_user_data(sk);
	if (leg)
		weir_leg_kick(leg, events);
	rcu_read_unlock();
}

/*
 * Run a leg for what has just come, if nothing else is to be done first.  False:
 * it is for the drain.  TCP holds the socket lock, and is done with the packet
 * (unless that has urgent data).
 */
static bool weir_leg_run_at_once(struct weir_leg *leg)
{
	if (!leg->ops->is_prompt || atomic_read(&leg->events) || tcp_sk(leg->sk)->urg_data ||
	    this_cpu_read(weir_leg_running) || !leg->ops->is_prompt(leg))
		return false;
	weir_leg_hold(leg);
	this_cpu_write(weir_leg_running, true);
	leg->ops->run(leg, WEIR_EVENT_READ);
	this_cpu_write(weir_leg_running, false);
	weir_leg_put(leg);
	return true;
}

static void weir_leg_data_ready(struct sock *sk)
{
	struct weir_leg *leg;

	/* Then RCU read lock is not held, either. */
	if (sock_owned_by_user(sk)) {
		weir_leg_callback(sk, WEIR_EVENT_READ);
		return;
	}
	leg = rcu_dereference_sk_user_data(sk);
	if (leg && !weir_leg_run_at_once(leg))
		weir_leg_kick(leg, WEIR_EVENT_READ);
}

/* Of a listener, which nobody has locked. */
static void weir_leg_accept_ready(struct sock *sk)
{
	weir_leg_callback(sk, WEIR_EVENT_READ);
}

static void weir_leg_state_change(struct sock *sk)
{
	weir_leg_callback(sk, WEIR_EVENT_STATE);
}

static void weir_leg_write_space(struct sock *sk)
{
	struct weir_leg *leg;

	rcu_read_lock();
	leg = rcu_dereference_sk_user_data(sk);
	if (leg && !leg->sending && sk->sk_socket && sk_stream_is_writeable(sk)) {
		clear_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		weir_leg_kick(leg, WEIR_EVENT_WRITE);
	}
	rcu_read_unlock();
}

void weir_leg_attach(struct weir_leg *leg, struct sock *sk, const struct weir_leg *model)
{
	sock_hold(sk);
	leg->sk = sk;
	write_lock_bh(&sk->sk_callback_lock);
	leg->saved_data_ready = model ? model->saved_data_ready : sk->sk_data_ready;
	leg->saved_write_space = sk->sk_write_space;
	leg->saved_state_change = sk->sk_state_change;
	leg->saved_error_report = sk->sk_error_report;
	sk->sk_data_ready = weir_leg_data_ready;
	sk->sk_write_space = weir_leg_write_space;
	sk->sk_state_change = weir_leg_state_change;
	sk->sk_error_report = weir_leg_state_change;
	rcu_assign_sk_user_data(sk, leg);
	write_unlock_bh(&sk->sk_callback_lock);
}

void weir_leg_connect(struct weir_leg *leg, struct socket *socket,
		      const union weir_address *address)
{
	union weir_address to = *address;
	int len = to.sa.sa_family == AF_INET6 ? sizeof(to.in6) : sizeof(to.in);
	int err = __inet_stream_connect(socket, &to.sa, len, O_NONBLOCK, 0);

	/* Refused by the kernel itself (no route, no port): it ends as any other failure. */
	if (err && err != -EINPROGRESS)
		weir_leg_kick(leg, WEIR_EVENT_STATE);
}

void weir_leg_attach_listener(struct weir_leg *leg, struct sock *sk)
{
	sock_hold(sk);
	leg->sk = sk;
	write_lock_bh(&sk->sk_callback_lock);
	leg->saved_data_ready = sk->sk_data_ready;
	leg->saved_write_space = sk->sk_write_space;
	leg->saved_state_change = sk->sk_state_change;
	leg->saved_error_report = sk->sk_error_report;
	sk->sk_data_ready = weir_leg_accept_ready;
	__rcu_assign_sk_user_data_with_flags(sk, leg, SK_USER_DATA_NOCOPY);
	write_unlock_bh(&sk->sk_callback_lock);
}

static void weir_leg_detach(struct weir_leg *leg)
{
	struct sock *sk = leg->sk;

	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = leg->saved_data_ready;
	sk->sk_write_space = leg->saved_write_space;
	sk->sk_state_change = leg->saved_state_change;
	sk->sk_error_report = leg->saved_error_report;
	rcu_assign_sk_user_data(sk, NULL);
	write_unlock_bh(&sk->sk_callback_lock);
}

/* What tcp_close() does with a socket that has nothing left to say or to wait for. */
static void weir_leg_release(struct weir_leg *leg)
{
	struct sock *sk = leg->sk;

	/* It takes no lock but the queue's. */
	timer_shutdown_sync(&leg->timer);
	leg->ops->gone(leg);
	sock_orphan(sk);
	this_cpu_inc(*sk->sk_prot->orphan_count);
	tcp_done(sk);
	weir_leg_put(leg);
}

/*
 * Socket lock held, callbacks detached.  A flood of connections that are refused
 * wakes nobody and leaves nothing behind; else the rest is for process context.
 */
static void weir_leg_finish(struct weir_leg *leg)
{
	leg->closed = true;
	leg->armed = false;
	if (leg->ops->gone && leg->sk->sk_state == TCP_CLOSE)
		weir_leg_release(leg);
	else if (llist_add(&leg->close_node, &weir_leg_closing))
		queue_work(weir_leg_wq, &weir_leg_work);
}

void weir_leg_reset(struct weir_leg *leg)
{
	struct sock *sk = leg->sk;

	if (leg->closed)
		return;
	weir_leg_detach(leg);
	/* As inet_child_forget() does it from softirq. */
	if (sk->sk_state != TCP_CLOSE)
		sk->sk_prot->disconnect(sk, O_NONBLOCK);
	weir_leg_finish(leg);
}

void weir_leg_drop(struct weir_leg *leg)
{
	if (leg->closed)
		return;
	/* TCP sends nothing for a connection that is being moved to another host. */
	tcp_sk(leg->sk)->repair = 1;
	weir_leg_reset(leg);
	tcp_sk(leg->sk)->repair = 0;
}

bool weir_leg_has_input(const struct weir_leg *leg)
{
	return tcp_inq(leg->sk) > 0;
}

void weir_leg_mark(struct weir_leg *leg, u32 mark)
{
	if (leg->sk->sk_mark == mark)
		return;
	WRITE_ONCE(leg->sk->sk_mark, mark);
	sk_dst_reset(leg->sk);
}

bool weir_leg_at_end(const struct weir_leg *leg)
{
	const struct sock *sk = leg->sk;

	return (sk->sk_shutdown & RCV_SHUTDOWN || sk->sk_state == TCP_CLOSE) && !tcp_inq(leg->sk);
}

struct sk_buff *weir_leg_peek(const struct weir_leg *leg, unsigned int *offset, size_t *len)
{
	const struct tcp_sock *tp = tcp_sk(leg->sk);
	struct sk_buff *skb;

	/* So ends nearly every run: without a look into the queue. */
	if (tp->copied_seq == tp->rcv_nxt)
		return NULL;
	skb = skb_peek(&leg->sk->sk_receive_queue);
	*offset = 0;
	if (!skb || TCP_SKB_CB(skb)->seq != tp->copied_seq)
		skb = tcp_recv_skb(leg->sk, tp->copied_seq, offset);
	/* A FIN alone is a packet, too. */
	if (!skb || *offset >= skb->len)
		return NULL;
	*len = skb->len - *offset;
	/* As tcp_read_sock(): no further than to urgent data. */
	if (unlikely(tp->urg_data))
		*len = min_t(size_t, *len, tp->urg_seq - tp->copied_seq);
	return *len ? skb : NULL;
}

static int weir_leg_drop_actor(read_descriptor_t *desc, struct sk_buff *skb, unsigned int offset,
			       size_t len)
{
	len = min(len, desc->count);
	desc->count -= len;
	return len;
}

/*
 * Whether tcp_close() would leave nothing behind that needs a timer: on a
 * kernel socket it stops them all, so a lost FIN would never be resent.
 */
static bool weir_leg_can_close(const struct sock *sk)
{
	return sk->sk_state == TCP_FIN_WAIT2 && tcp_fin_time(sk) <= TCP_TIMEWAIT_LEN;
}

/* Whether the peer is still taking what was sent, and not for ever. */
static bool weir_leg_is_taken(struct weir_leg *leg)
{
	const struct tcp_sock *tp = tcp_sk(leg->sk);
	bool enough = tp->bytes_acked - leg->linger_acked >= WEIR_LINGER_LEAST;

	leg->linger_acked = tp->bytes_acked;
	return enough && tp->snd_una != tp->write_seq;
}

static void weir_leg_linger_run(struct weir_leg *leg, bool expired)
{
	struct sock *sk = leg->sk;

	if (leg->linger_left && weir_leg_has_input(leg)) {
		read_descriptor_t desc = { .count = leg->linger_left };

		tcp_read_sock(sk, &desc, weir_leg_drop_actor);
		leg->linger_left = desc.count;
	}
	if (sk->sk_state == TCP_CLOSE ||
	    (weir_leg_can_close(sk) &&
	     (expired || (!leg->linger_for_fin && !weir_leg_has_input(leg))))) {
		weir_leg_detach(leg);
		weir_leg_finish(leg);
	} else if (sk->sk_err || (expired && !weir_leg_is_taken(leg))) {
		weir_leg_reset(leg);
	} else if (expired) {
		weir_timer_set(leg, WEIR_LINGER_US);
	}
}

void weir_leg_shutdown(struct weir_leg *leg)
{
	struct sock *sk = leg->sk;

	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | SEND_SHUTDOWN);
	sk->sk_prot->shutdown(sk, SEND_SHUTDOWN);
}

void weir_leg_linger(struct weir_leg *leg, bool for_fin, u32 drain)
{
	struct sock *sk = leg->sk;

	if (leg->closed || leg->lingering)
		return;
	leg->lingering = true;
	leg->linger_for_fin = for_fin;
	leg->linger_left = drain;
	leg->linger_acked = tcp_sk(sk)->bytes_acked;
	if (sk->sk_state == TCP_SYN_SENT) {
		weir_leg_reset(leg);
		return;
	}
	weir_timer_set(leg, WEIR_LINGER_US);
	weir_leg_shutdown(leg);
	weir_leg_linger_run(leg, false);
}

void weir_leg_run(struct weir_leg *leg)
{
	struct sock *sk = leg->sk;
	unsigned int events;

	/* For the configuration and the tables that it comes with. */
	rcu_read_lock();
	if (leg->ops->unlocked) {
		leg->ops->run(leg, atomic_xchg(&leg->events, 0));
		goto put;
	}
	bh_lock_sock(sk);
	if (sock_owned_by_user(sk)) {
		/* A diagnostic tool holds it for a moment. */
		bh_unlock_sock(sk);
		rcu_read_unlock();
		weir_queue_add_later(leg);
		return;
	}
	events = atomic_xchg(&leg->events, 0);
	if (leg->lingering && !leg->closed) {
		if (events & WEIR_EVENT_BLOCKED)
			weir_leg_drop(leg);
		else if (events & WEIR_EVENT_ABORT)
			weir_leg_reset(leg);
		else
			weir_leg_linger_run(leg, events & WEIR_EVENT_TIMER &&
					    weir_timer_expired(leg));
	}
	this_cpu_write(weir_leg_running, true);
	leg->ops->run(leg, events);
	this_cpu_write(weir_leg_running, false);
	bh_unlock_sock(sk);
put:
	rcu_read_unlock();
	weir_leg_put(leg);
}

void weir_leg_close(struct weir_leg *leg)
{
	lock_sock(leg->sk);
	weir_leg_detach(leg);
	leg->closed = true;
	release_sock(leg->sk);
	timer_shutdown_sync(&leg->timer);
	leg->ops->destroy(leg);
	weir_leg_put(leg);
}

int weir_leg_init(void)
{
	weir_leg_wq = alloc_workqueue("weir_close", WQ_MEM_RECLAIM, 0);
	return weir_leg_wq ? 0 : -ENOMEM;
}

void weir_leg_exit(void)
{
	destroy_workqueue(weir_leg_wq);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A leg: one TCP socket that Weir has taken over.  Client connections, upstream
 * connections and listeners have one each.
 *
 * References: one of the socket (from weir_leg_attach() until it is closed, mostly in
 * process context), one while the leg is queued, one of each list that says so.
 * The memory is freed after an RCU grace period, since socket callbacks find
 * the leg without a reference.
 */
#ifndef _WEIR_LEG_H
#define _WEIR_LEG_H

#include <linux/atomic.h>
#include <linux/llist.h>
#include <linux/refcount.h>
#include <linux/tcp.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <net/tcp.h>

struct socket;
struct weir_leg;
struct weir_net;
union weir_address;

/* What may have happened to a leg.  Bits; the leg looks for itself what is true. */
enum weir_event {
	WEIR_EVENT_READ		= BIT(0),	/* bytes or the peer's FIN came */
	WEIR_EVENT_WRITE	= BIT(1),	/* there is room to send again */
	WEIR_EVENT_STATE	= BIT(2),	/* TCP state changed, or an error came */
	WEIR_EVENT_TIMER	= BIT(3),
	WEIR_EVENT_EXCHANGE	= BIT(4),	/* the exchange has news of the other leg */
	WEIR_EVENT_ASSIGN	= BIT(5),	/* an upstream connection was given an exchange */
	WEIR_EVENT_ABORT	= BIT(6),	/* close now, with a reset */
	WEIR_EVENT_RETIRE	= BIT(7),	/* close as soon as idle */
	WEIR_EVENT_BLOCKED	= BIT(8),	/* its client is: forget it without a word */
};

/**
 * struct weir_leg_ops - what kind of leg it is
 * @unlocked: @run is called without the socket lock (listeners)
 * @run: handle events; softirq, socket lock held and not owned by a user.
 *	Also called, for the sake of messages, when the leg lingers or is closed.
 * @is_prompt: whether what has just come can be dealt with where it came, as by @run
 *	for %WEIR_EVENT_READ: softirq, socket lock held, inside TCP.  NULL: never
 * @destroy: release the socket; process context, no locks.  After it the leg
 *	is still there for those who hold references.
 * @gone: instead of @destroy for a socket that TCP is done with, which is released
 *	where it is; softirq, socket lock held.  NULL: there is no such way
 * @free: give the memory back, after a grace period
 */
struct weir_leg_ops {
	bool unlocked;
	void (*run)(struct weir_leg *leg, unsigned int events);
	bool (*is_prompt)(struct weir_leg *leg);
	void (*destroy)(struct weir_leg *leg);
	void (*gone)(struct weir_leg *leg);
	void (*free)(struct weir_leg *leg);
};

/**
 * struct weir_leg - one socket taken over
 * @refs: see above
 * @events: pending weir_event bits; nonzero if and only if the leg is queued
 * @queue_next: behind it in a queue; owned by whoever made @events nonzero
 * @ops: its kind
 * @wn: its namespace
 * @sk: its socket, with a reference of the leg's own; never NULL once attached
 * @closed: weir_leg_close() was called.  This and all below: socket lock
 * @lingering: the sending side is shut down, the end is awaited
 * @linger_for_fin: the peer may still be sending: wait for its FIN
 * @sending: inside tcp_sendmsg_locked(), which may call the write-space callback
 * @linger_left: bytes of input that are still read, and thrown away
 * @linger_acked: bytes that the peer had acknowledged when last looked at
 * @armed: @deadline counts
 * @deadline: jiffies
 * @timer: fires at @deadline or before, re-armed lazily
 * @saved_data_ready: the socket's own callbacks
 * @saved_write_space: ditto
 * @saved_state_change: ditto
 * @saved_error_report: ditto
 * @close_node: on the way to process context
 * @rcu: frees it
 */
struct weir_leg {
	refcount_t			refs;
	atomic_t			events;
	struct weir_leg			*queue_next;
	const struct weir_leg_ops	*ops;
	struct weir_net			*wn;
	struct sock			*sk;
	bool				closed;
	bool				lingering;
	bool				linger_for_fin;
	bool				armed;
	bool				sending;
	u32				linger_left;
	u64				linger_acked;
	unsigned long			deadline;
	struct timer_list		timer;
	void (*saved_data_ready)(struct sock *sk);
	void (*saved_write_space)(struct sock *sk);
	void (*saved_state_change)(struct sock *sk);
	void (*saved_error_report)(struct sock *sk);
	union {
		struct llist_node	close_node;
		struct rcu_head		rcu;
	};
};

enum {
	/* Bytes that TCP holds of what it could not send yet; the rest is held back. */
	WEIR_LEG_UNSENT_MAX	= 128 * 1024,
};

int weir_leg_init(void);
void weir_leg_exit(void);

/* Make a new socket fit to be used in softirq; children of a listener inherit it.  Sleeps. */
void weir_leg_prepare(struct sock *sk);

/*
 * Make @leg a leg of @wn with one reference, that of its socket.  Fails with
 * -ESHUTDOWN when the namespace is going away: nothing is to be undone then.
 */
int weir_leg_setup(struct weir_leg *leg, const struct weir_leg_ops *ops, struct weir_net *wn);
/* Undo weir_leg_setup() of a leg without socket. */
void weir_leg_abandon(struct weir_leg *leg);

/*
 * Point the socket's callbacks at @leg.  @model: the listener's leg whose
 * callbacks the socket inherited, or NULL.  Socket lock held, or nobody else
 * knows the socket.
 */
void weir_leg_attach(struct weir_leg *leg, struct sock *sk, const struct weir_leg *model);
/*
 * Begin to connect a leg's own socket.  The socket lock has been held since
 * weir_leg_attach(): a run would take a socket that is not connecting yet for one
 * that has failed, and release it under our feet.  Sleeps.
 */
void weir_leg_connect(struct weir_leg *leg, struct socket *socket,
		      const union weir_address *address);
/* For a listener: data_ready alone, and children do not inherit the pointer. */
void weir_leg_attach_listener(struct weir_leg *leg, struct sock *sk);

/* Tell a leg that something happened.  Any context; caller holds a reference or RCU. */
void weir_leg_kick(struct weir_leg *leg, unsigned int events);
/* The same when others have nothing to do, see queue.h.  Softirq. */
void weir_leg_kick_behind(struct weir_leg *leg, unsigned int events);
/* The same a jiffy later, for what cannot go on just now. */
void weir_leg_kick_later(struct weir_leg *leg, unsigned int events);
/* The drain's part: run a dequeued leg and drop the queue's reference. */
void weir_leg_run(struct weir_leg *leg);
static inline void weir_leg_hold(struct weir_leg *leg)
{
	refcount_inc(&leg->refs);
}

/* For weir_leg_put(). */
void weir_leg_free(struct weir_leg *leg);
static inline void weir_leg_put(struct weir_leg *leg)
{
	if (refcount_dec_and_test(&leg->refs))
		weir_leg_free(leg);
}

/*
 * The end of a leg, from its run() only.  weir_leg_reset() sends an RST;
 * weir_leg_linger() sends what is queued and a FIN, reads and drops at most
 * @drain bytes (if @for_fin, until the peer's FIN), and ends when all is
 * acknowledged, or after a time in which the peer has taken next to nothing.
 */
void weir_leg_reset(struct weir_leg *leg);
/* The same without an RST, or anything else. */
void weir_leg_drop(struct weir_leg *leg);
void weir_leg_linger(struct weir_leg *leg, bool for_fin, u32 drain);
/* Send a FIN after what is queued, and go on reading; again does nothing.  From run(), too. */
void weir_leg_shutdown(struct weir_leg *leg);
/* Close a leg that never ran, or a listener; process context. */
void weir_leg_close(struct weir_leg *leg);

/* Mark what is sent from now on; it may take another route then.  Socket lock held. */
void weir_leg_mark(struct weir_leg *leg, u32 mark);

/* Whether the peer's FIN was received and all before it read. */
bool weir_leg_at_end(const struct weir_leg *leg);
/* Whether bytes, or the end, are there to be read. */
static inline bool weir_leg_has_news(const struct weir_leg *leg)
{
	const struct tcp_sock *tp = tcp_sk(leg->sk);

	return tp->copied_seq != tp->rcv_nxt || leg->sk->sk_shutdown & RCV_SHUTDOWN ||
	       leg->sk->sk_state == TCP_CLOSE;
}

/* Whether unread bytes wait. */
bool weir_leg_has_input(const struct weir_leg *leg);

/*
 * The packet that the next unread bytes are in: from @offset on, @len of them;
 * NULL: there are none.  They are there until weir_leg_take() takes the first
 * @len of them, unless the leg is at its end meanwhile.  Socket lock held.
 */
struct sk_buff *weir_leg_peek(const struct weir_leg *leg, unsigned int *offset, size_t *len);
static inline void weir_leg_take(struct weir_leg *leg, size_t len)
{
	if (!leg->closed && !leg->lingering)
		tcp_read_done(leg->sk, len);
}

#endif /* _WEIR_LEG_H */

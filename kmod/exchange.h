/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An exchange: one request and its reply, and the only thing that the two legs
 * share.  Each leg holds a reference, changes its own side under its own socket
 * lock and tells the other by kicking it; neither ever takes the other's lock.
 */
#ifndef _WEIR_EXCHANGE_H
#define _WEIR_EXCHANGE_H

#include <linux/list.h>
#include <linux/refcount.h>

#include "http_parser.h"
#include "pages.h"
#include "pipe.h"

struct http_watch;
struct weir_group;
struct weir_leg;
struct weir_net;
struct weir_server;

/* What an exchange can be told about its request's way upstream. */
enum weir_failure {
	WEIR_FAILURE_UNSENT,	/* nothing was sent: another connection may do */
	WEIR_FAILURE_STALE,	/* an idle connection's end crossed with the request */
	WEIR_FAILURE_GATEWAY,	/* refused, reset, or garbage: 502 */
	WEIR_FAILURE_BUSY,	/* no connection was free in time: 503 */
	WEIR_FAILURE_TIMEOUT,	/* no connection or no reply in time: 504 */
};

/**
 * struct weir_exchange - one request and its reply
 * @refs: one of the client leg, one of the upstream side (the queue of those
 *	that wait, then the upstream leg)
 * @lock: protects @client, @upstream, @status; softirqs off; inside socket
 *	locks, outside the pipes' and queues'
 * @wn: the namespace
 * @client: the client leg, NULL once it has left.  No reference: a leg leaves
 *	before its socket's reference is dropped
 * @upstream: the upstream leg, likewise
 * @status: reply to make because upstream failed, 0: none
 * @request: the request, head and body
 * @reply: the reply
 * @wait_node: among those that wait for an upstream connection
 * @waiting: it is
 * @ticket: since when; these and the next are protected by the group's lock
 * @bound: the only server that may serve it, or NULL.  No reference: a server
 *	that goes sends away who waits for it first
 * @avoid: a server that it failed at, to be compared only; upstream side
 * @tries: connections it was given so far; upstream side
 * @repeats: how often it was sent again; upstream side
 * @again: the whole request, kept for another try, or no page; upstream side
 *
 * Set before the exchange is submitted, not changed afterwards:
 * @group: where the request goes, NULL: nowhere.  No reference: to be followed
 *	in the RCU section in which it was set, while the exchange waits, and by
 *	the connection that serves it
 * @hash: of what its group looks at to choose a server
 * @sticks: its group keeps clients at their servers
 * @sticky: the id of the server that the client's cookie names, or 0
 * @began: when its head was whole, by TCP's clock (see weir_client_clock())
 * @method: enum http_method of the request
 * @minor: the client's HTTP/1.@minor
 * @keepalive: the client's connection may live on after the reply
 * @mark: what the upstream connection's packets are marked with meanwhile
 * @vhost: index of the virtual host that it is for, or WEIR_PAGE_EVERYWHERE
 * @pages: bodies of error replies, of the configuration that its head was
 *	judged by; NULL: none
 * @upgrade: the request asks for WebSocket, and says so upstream
 * @watch: what its body is looked at for, or NULL
 *
 * Set by the upstream leg before it puts the reply's first byte:
 * @reply_keepalive: the reply lets the client's connection live on
 * @reply_truncates: the end of the connection is the only end of the reply
 * @answer: the final reply's class, 1 to 5; where Weir makes the reply, the client leg's
 * @code: its status; 0: not to be counted
 * @failed: Weir makes the reply because upstream failed; ditto
 *
 * Set by the upstream leg after it has put the head of a 101 reply:
 * @tunnel: the exchange is a tunnel from now on: both pipes hold bytes of any
 *	kind, and their ends are the ends of the two directions
 */
struct weir_exchange {
	refcount_t		refs;
	spinlock_t		lock; /* protects what is said above */
	struct weir_net		*wn;
	struct weir_leg		*client;
	struct weir_leg		*upstream;
	struct weir_group	*group;
	u16			status;
	u8			method;
	u8			minor;
	bool			keepalive;
	bool			sticks;
	bool			upgrade;
	bool			reply_keepalive;
	bool			reply_truncates;
	bool			failed;
	u8			answer;
	u16			code;
	bool			tunnel;
	u8			tries;
	u8			repeats;
	bool			waiting;
	u32			ticket;
	u64			began;
	struct list_head	wait_node;
	struct weir_server	*bound;
	const struct weir_server	*avoid;
	u64			hash;
	u64			sticky;
	struct bio_vec		again;
	u32			mark;
	u32			vhost;
	struct weir_pages	*pages;
	struct http_watch	*watch;
	struct weir_pipe	request;
	struct weir_pipe	reply;
};

static inline u16 weir_failure_status(enum weir_failure failure)
{
	return failure == WEIR_FAILURE_TIMEOUT ? 504 : failure == WEIR_FAILURE_BUSY ? 503 : 502;
}

/* One with the client leg's reference, or NULL.  Softirq. */
struct weir_exchange *weir_exchange_alloc(struct weir_net *wn, struct weir_leg *client);
void weir_exchange_put(struct weir_exchange *x);
/* Give back what is kept for reuse.  When no exchange is left. */
void weir_exchange_exit(void);
/* Say whose pages its error replies have; a reference is taken. */
static inline void weir_exchange_judged(struct weir_exchange *x, struct weir_pages *pages,
					u32 vhost)
{
	x->vhost = vhost;
	x->pages = weir_pages_get(pages);
}

/* Tell the other leg.  It looks for itself what has changed.  Softirq. */
void weir_exchange_tell_client(struct weir_exchange *x);
void weir_exchange_tell_upstream(struct weir_exchange *x);

/*
 * The client leg leaves, its reference is dropped.  If the upstream side is
 * still at it, it is told that nobody waits for the reply.
 */
void weir_exchange_leave_client(struct weir_exchange *x);
/*
 * The upstream leg leaves with all said in the reply pipe (eof or broken); the
 * reference is dropped.
 */
void weir_exchange_leave_upstream(struct weir_exchange *x);
/*
 * The upstream side gives up before any byte of a reply: tries again where
 * that is safe, else has the client leg make an error reply.  Its reference
 * is passed on or dropped.  Returns whether it tries again.  Softirq, no lock
 * but a socket's.
 */
bool weir_exchange_fail(struct weir_exchange *x, enum weir_failure failure);

#endif /* _WEIR_EXCHANGE_H */

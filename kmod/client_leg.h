/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One client connection, for the files that make up its leg: client.c (its life),
 * client_request.c (what it reads), client_reply.c (what it sends),
 * client_wait.c (what it waits for) and client_tell.c (what is told of it).  All
 * of it is called from the leg's run(): softirq, its socket's lock and the RCU
 * read lock held.
 */
#ifndef _WEIR_CLIENT_LEG_H
#define _WEIR_CLIENT_LEG_H

#include <linux/net.h>
#include <linux/tcp.h>

#include "events.h"
#include "http_parts.h"
#include "http_write.h"
#include "leg.h"
#include "net.h"
#include "pace.h"
#include "relay.h"

struct weir_exchange;
struct weir_gather;
struct weir_group;
struct weir_tls;

enum {
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
	WEIR_WAIT_HANDSHAKE,	/* the end of that of TLS */
	WEIR_WAIT_FIRST,	/* the first request's first byte */
	WEIR_WAIT_IDLE,		/* the next request's first byte */
	WEIR_WAIT_HEAD,		/* the end of a head */
	WEIR_WAIT_BODY,		/* the next bytes of a body */
	WEIR_WAIT_MORE,		/* the beginning of the reply's body, to go with its head */
	WEIR_WAIT_ROOM,		/* the client to take more of the reply */
	WEIR_WAIT_TAKEN,	/* the client to take what TCP still has of the reply before */
	WEIR_WAIT_UPSTREAM,	/* an upstream connection */
	WEIR_WAIT_TUNNEL,	/* either side of a tunnel to say something */
	WEIR_WAIT_TUNNEL_END,	/* ditto, after the other has ended */
};

/**
 * struct weir_session - the session that was last found good on a connection
 * @hash: keyed, of all that it was judged by; 0: there was none
 * @issued: when it was begun, seconds since 1970
 * @generation: of the secrets by which it was judged
 */
struct weir_session {
	u64	hash;
	u64	issued;
	u64	generation;
};

/**
 * struct weir_client - one client connection
 * @leg: its socket
 * @socket: what TCP dereferences as the socket's owner; there is no file
 * @node: in the namespace's clients
 * @address: the client's, IPv4 mapped; with proxies this and @name: socket lock
 * @name: that of @peer, as text
 * @name_len: its length
 * @meter: counts of the listener that accepted it, with a reference
 * @account: its client's, in which it is counted as open; NULL: not yet.  Socket lock
 *
 * Socket lock:
 * @peer: who is at the other end, or for whom that end says that it asks
 * @proxied: that is a trusted proxy
 * @awaits_proxy: the connection begins with a header of the PROXY protocol
 * @secure: it speaks TLS
 * @tls: that, once the client has sent something; NULL also when it is over
 * @x: the exchange in progress, with the client leg's reference
 * @gather: the request head being read
 * @relay: the request body being read
 * @reading: what is being read
 * @wait: what the deadline is for
 * @acked: bytes that the client had acknowledged when last looked at
 * @stalls: how often in a row that was no more than before
 * @session: what need not be looked at again
 * @gap: when the silence that is allowed is over, jiffies; where a least rate is measured as well
 * @body_pace: how the body being read keeps up
 * @send_pace: how the client takes replies
 * @pieces: in how many the head, or the body, has come
 * @left: more had come than could be read when the body was last read
 * @holds: the group that @x goes to once enough of its body is there, with a reference, or NULL
 * @enough: bytes of @x's request that are
 * @requests: requests so far, saturating
 * @accepted_mark: the socket's mark when it was accepted
 * @mark: that of the packet in which the head being read began
 * @head_came: there was one, so @mark is known
 * @blocked: the socket takes no more for now
 * @tunnel: the exchange is a tunnel: what the client sends is its body, without end
 * @moved: bytes of a body were read in this run, or any moved through a tunnel
 * @replied: some of this reply was sent
 * @refused: the request in progress was, by Weir itself
 * @vhost: counts of the last request's virtual host, with a reference, or NULL
 * @began: when the head of the request in progress was whole, in microseconds
 *	of TCP's clock; 0: none is
 * @bytes_in: received since the last request was counted
 * @bytes_out: sent since then
 */
struct weir_client {
	struct weir_leg			leg;
	struct socket_alloc		socket;
	struct list_head		node;
	struct in6_addr			address;
	u8				name[WEIR_CLIENT_NAME];
	u8				name_len;
	struct weir_meter		*meter;
	struct weir_account		*account;
	struct in6_addr			peer;
	bool				proxied;
	bool				awaits_proxy;
	bool				secure;
	struct weir_tls			*tls;
	struct weir_exchange		*x;
	struct weir_gather		*gather;
	struct weir_relay		relay;
	enum weir_client_reading	reading;
	enum weir_client_wait		wait;
	u64				acked;
	u8				stalls;
	struct weir_session		session;
	bool				left;
	u32				gap;
	struct weir_pace		body_pace;
	struct weir_pace		send_pace;
	u32				pieces;
	u32				enough;
	struct weir_group		*holds;
	u32				requests;
	u32				accepted_mark;
	u32				mark;
	bool				head_came;
	bool				blocked;
	bool				tunnel;
	bool				moved;
	bool				replied;
	bool				refused;
	struct weir_meter		*vhost;
	u64				began;
	u64				bytes_in;
	u64				bytes_out;
};

/* The configuration. */
static inline const struct weir_config *weir_client_config(const struct weir_client *client)
{
	return rcu_dereference(client->leg.wn->config);
}

/* Microseconds; when TCP last received or sent anything, which costs nothing to ask. */
static inline u64 weir_client_clock(const struct weir_client *client)
{
	return tcp_sk(client->leg.sk)->tcp_mstamp;
}

/* client.c */
/* Of a socket's other end, IPv4 mapped.  Any context. */
struct in6_addr weir_client_address(const struct sock *sk);
/* The end of an exchange, or of the connection. */
void weir_client_leave(struct weir_client *client);
/* The request in progress is for a virtual host with this meter; NULL: for none. */
static inline void weir_client_visits(struct weir_client *client, struct weir_meter *vhost)
{
	if (client->vhost == vhost)
		return;
	weir_meter_put(client->vhost);
	client->vhost = vhost ? weir_meter_hold(vhost) : NULL;
}

/* Count the request in progress, if there is one.  @whole: all of its reply was sent. */
void weir_client_settle(struct weir_client *client, bool whole);
/* The same for one that was refused without an exchange, and is no virtual host's. */
void weir_client_settle_own(struct weir_client *client, u16 status);
/* @address has become another. */
void weir_client_rename(struct weir_client *client);
void weir_client_reset(struct weir_client *client);
/* The same, and nobody is told. */
void weir_client_drop(struct weir_client *client);
/* @sending: the client may still be sending what nobody will read. */
void weir_client_close(struct weir_client *client, bool sending);

/* client_check.c */
/* Count the reply to the request in progress, if replies with its code are. */
void weir_client_count_code(struct weir_client *client);
/* Whether the client had too many such replies from a virtual host, by its index. */
bool weir_client_had_codes(struct weir_client *client, const struct weir_config *config, u32 vhost);
/*
 * A request is over a limit, or does not pass a check.  @vhost: of the virtual
 * host that it is for, @detail: what a parser did not like; or NULL.  True: it
 * is to be answered.  False: the connection is gone.
 */
bool weir_client_over(struct weir_client *client, const struct weir_config *config,
		      enum weir_limit over, const struct weir_meter *vhost,
		      const char *detail);
/* The same for what a parser refuses; @status: of the answer. */
bool weir_client_wrong(struct weir_client *client, enum http_error error, u16 *status);
/* Look at the body of the exchange's request for what its policy says.  False: no memory. */
bool weir_client_watch(struct weir_client *client, const struct http_policy *policy);

/* client_proxy.c */
/* Read the header that a proxy begins with.  Returns whether to go on. */
bool weir_client_read_proxy(struct weir_client *client);
/* Find out whose request a proxy passes on. */
void weir_client_forwarded(struct weir_client *client, const struct weir_config *config,
			   const struct http_head *head, const u8 *buf);

/* client_request.c */
/* Read a head; when it is whole there is an exchange.  Returns whether to go on. */
bool weir_client_read_head(struct weir_client *client);
/* Read what has come of the request's body, as far as there is room for it. */
void weir_client_read_body(struct weir_client *client);

/* The exchange has become a tunnel: from now on what the client sends goes to the server. */
void weir_client_switch(struct weir_client *client);

/* A request that goes no further: a body would have to be read first, to find the next one. */
bool weir_client_is_last(struct weir_client *client, const struct http_head *head);
/* Answer a request over a limit, whose head is whole, with this status. */
void weir_client_limited(struct weir_client *client, const struct weir_config *config, u16 status);

/* client_challenge.c */
/*
 * Whether a request may go on: its client has a session, or needs none.  @over: a
 * limit that it is over and whose action is to challenge, or WEIR_LIMIT_NONE.
 * False: it is answered.
 */
bool weir_client_verified(struct weir_client *client, const struct weir_config *config,
			  enum weir_limit over);

/* client_reply.c */
/**
 * struct weir_redirect - what a reply's Location is made of
 * @location: with its variables
 * @head: the request
 * @buf: what it was parsed from
 * @fields: further lines of the reply, whole, or none
 */
struct weir_redirect {
	struct http_text	location;
	const struct http_head	*head;
	const u8		*buf;
	struct http_text	fields;
};

/* Put an error reply into an exchange that has no upstream side any more; false: no memory. */
bool weir_client_put_error(struct weir_client *client, u16 status, bool close);
/* Answer a request that goes no further.  @head: what is known of it, or NULL. */
void weir_client_refuse(struct weir_client *client, const struct http_head *head, u16 status,
			bool close);
/*
 * The same with a reply that many get (stock.h), without an exchange; the connection
 * stays open.  For a request of HTTP/1.1 without a body, when there is no exchange.
 */
void weir_client_refuse_from_stock(struct weir_client *client, const struct http_head *head,
				   u16 status);
/* As the first for a virtual host, by its index. */
void weir_client_refuse_for(struct weir_client *client, const struct http_head *head, u32 vhost,
			    u16 status, bool close);
/* Answer a request by saying where to ask. */
void weir_client_redirect(struct weir_client *client, const struct weir_redirect *redirect,
			  u16 status, bool no_store, bool close);
/*
 * Answer a request with a body of @count parts, of the length and type that @own
 * says; what they are is nobody's error.
 */
void weir_client_say(struct weir_client *client, const struct http_head *head,
		     struct http_own *own, const struct http_text *parts, unsigned int count,
		     bool close);
/* Send what there is of the reply.  Returns whether the exchange or the connection is over. */
bool weir_client_send(struct weir_client *client);

/* client_tell.c */
/*
 * What an event says of the connection, and of @head as far as it was read from
 * @buf; both may be NULL.
 */
struct weir_incident weir_client_incident(const struct weir_client *client,
					  const struct http_head *head, const u8 *buf);
/* Tell of what was refused; with @status 0 by a reset.  @detail: what a parser did not like. */
void weir_client_tell_bad(const struct weir_client *client, const struct http_head *head,
			  const u8 *buf, const char *detail, u16 status);
/* Tell that the client was too slow; likewise. */
void weir_client_tell_slow(const struct weir_client *client, u16 status);

/* client_pace.c: limits of one connection by itself. */
/*
 * Something passes the limit @over.  Returns whether anything was done about it:
 * the connection is gone then, or a reply and a close are on their way.
 */
bool weir_client_offends(struct weir_client *client, enum weir_limit over);
/* All that has come was read, and a head, or a body, is not whole. */
void weir_client_head_piece(struct weir_client *client);
bool weir_client_body_piece(struct weir_client *client, int bytes);
/* Whether the client has to take something that TCP holds, and how fast matters. */
static inline bool weir_client_owes(const struct weir_client *client)
{
	const struct tcp_sock *tp = tcp_sk(client->leg.sk);

	return weir_client_config(client)->limits.send_pace.rate && tp->snd_una != tp->write_seq;
}

/* Whether a clock goes. */
static inline bool weir_client_is_paced(const struct weir_client *client)
{
	return client->body_pace.waiting || client->send_pace.waiting;
}

/* Only that of what is waited for now goes on. */
void weir_client_pace_rest(struct weir_client *client, enum weir_client_wait wait);
/* Set the deadline of @client->wait, for which the peer may be silent @us; 0: for ever. */
void weir_client_pace_arm(struct weir_client *client, u64 us);
/* The deadline has passed.  Returns whether only a look was due, and what follows is done. */
bool weir_client_pace_expired(struct weir_client *client);

/* client_wait.c */
/* Set the deadline of what the connection waits for now. */
void weir_client_arm(struct weir_client *client);
/* The deadline has passed. */
void weir_client_expired(struct weir_client *client);

#endif /* _WEIR_CLIENT_LEG_H */

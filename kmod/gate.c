// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections that are refused before they are.
 *
 * TCP calls these in a softirq, under RCU, without the listener's lock.  What is
 * refused here never becomes a socket, so it needs no end.  The client cannot
 * know of a refusal without a packet: it takes the connection for open, and
 * what it sends gets TCP's answer to a stray segment, a reset.
 */

#include <net/ipv6.h>
#include <net/request_sock.h>
#include <net/tcp.h>

#include "gate.h"
#include "limit.h"
#include "listener.h"
#include "net.h"

/* The listener whose socket this is, or NULL: it is being closed. */
static const struct weir_listener *weir_gate_listener(const struct sock *sk)
{
	struct weir_leg *leg = rcu_dereference_sk_user_data(sk);

	return leg ? container_of(leg, struct weir_listener, leg) : NULL;
}

static struct in6_addr weir_gate_address(const struct request_sock *req)
{
	struct in6_addr address;

#if IS_ENABLED(CONFIG_IPV6)
	if (req->rsk_ops->family == AF_INET6)
		return inet_rsk(req)->ir_v6_rmt_addr;
#endif
	ipv6_addr_set_v4mapped(inet_rsk(req)->ir_rmt_addr, &address);
	return address;
}

static enum weir_action weir_gate_refused(const struct weir_listener *listener,
					  const struct weir_config *config, enum weir_limit over,
					  const struct in6_addr *address, const struct tcphdr *tcp)
{
	struct weir_incident event = {
		.address = address,
		.port = ntohs(tcp->source),
		.listener = &listener->address,
	};

	return weir_limit_refused(listener->leg.wn, &config->limits, over, &event);
}

/* A SYN.  What is returned is not looked at. */
static int weir_gate_syn(struct sock *sk, struct sk_buff *skb)
{
	const struct weir_listener *listener = weir_gate_listener(sk);
	const struct weir_config *config;
	struct in6_addr address, key;
	struct weir_net *wn;
	enum weir_limit over;

	if (!listener)
		return 0;
	wn = listener->leg.wn;
	config = rcu_dereference(wn->config);
	if (!config->limits.counts_connections)
		return listener->gate.tcp->conn_request(sk, skb);
	if (sk->sk_family == AF_INET6)
		address = ipv6_hdr(skb)->saddr;
	else
		ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, &address);
	key = weir_limit_key(&config->limits, &address);
	over = weir_accounts_probe(wn->accounts, &key, config->limits.most);
	if (over == WEIR_LIMIT_NONE || weir_limit_spares(config, &address))
		return listener->gate.tcp->conn_request(sk, skb);
	tcp_listendrop(sk);
	if (weir_gate_refused(listener, config, over, &address, tcp_hdr(skb)) == WEIR_ACTION_RESET)
		sk->sk_prot->rsk_prot->send_reset(sk, skb, SK_RST_REASON_NOT_SPECIFIED);
	return 0;
}

/*
 * Whether a connection may come about: its listener's gate, or NULL.  This is
 * what TCP makes of a lack of memory, too: it keeps the request, if there is one
 * (there is none behind a SYN cookie), and tries again with the next packet.
 */
static const struct weir_gate *weir_gate_pass(const struct sock *sk, struct sk_buff *skb,
					      struct request_sock *req, struct dst_entry *dst,
					      const struct request_sock *unhash)
{
	const struct weir_listener *listener = weir_gate_listener(sk);
	enum weir_limit over = WEIR_LIMIT_NONE;
	const struct weir_config *config;
	struct in6_addr address, key;
	struct weir_net *wn;

	if (!listener)
		goto refuse;
	wn = listener->leg.wn;
	config = rcu_dereference(wn->config);
	/* For the full queue of those that nobody has accepted yet TCP asks again. */
	if (config->limits.counts_connections && !sk_acceptq_is_full(sk)) {
		address = weir_gate_address(req);
		key = weir_limit_key(&config->limits, &address);
		if (!weir_accounts_connect(wn->accounts, &key, config->limits.most, &over))
			goto refuse;
	}
	if (over == WEIR_LIMIT_NONE || weir_limit_spares(config, &address))
		return &listener->gate;
	/* A SYN with data: the handshake goes on without, and ends here again. */
	if (!tcp_hdr(skb)->syn &&
	    weir_gate_refused(listener, config, over, &address, tcp_hdr(skb)) == WEIR_ACTION_RESET)
		req->rsk_ops->send_reset(sk, skb, SK_RST_REASON_NOT_SPECIFIED);
	if (unhash)
		inet_csk_reqsk_queue_drop(req->rsk_listener, req);
refuse:
	dst_release(dst);
	tcp_listendrop(sk);
	return NULL;
}

/*
 * A child has its listener's operations; from now on it has nothing to do with the gate.
 * Its lock is held.  The reply acknowledges the request; the first, too, needs no packet
 * for that alone, even if it is here before the connection is accepted.
 */
static struct sock *weir_gate_let_go(const struct weir_gate *gate, struct sock *child)
{
	if (child) {
		inet_csk(child)->icsk_af_ops = gate->tcp;
		inet_csk_enter_pingpong_mode(child);
	}
	return child;
}

/*
 * The last packet of a handshake, or the SYN of one that brings data along.
 * Later releases of 6.12 have one parameter more.
 */
#ifdef WEIR_SYN_RECV_CHILD_INIT
static struct sock *weir_gate_handshake(const struct sock *sk, struct sk_buff *skb,
					struct request_sock *req, struct dst_entry *dst,
					struct request_sock *unhash, bool *own,
					void (*init)(struct sock *child, const struct sock *sk))
{
	const struct weir_gate *gate = weir_gate_pass(sk, skb, req, dst, unhash);

	if (!gate)
		return NULL;
	return weir_gate_let_go(gate, gate->tcp->syn_recv_sock(sk, skb, req, dst, unhash, own,
							       init));
}
#else
static struct sock *weir_gate_handshake(const struct sock *sk, struct sk_buff *skb,
					struct request_sock *req, struct dst_entry *dst,
					struct request_sock *unhash, bool *own)
{
	const struct weir_gate *gate = weir_gate_pass(sk, skb, req, dst, unhash);

	if (!gate)
		return NULL;
	return weir_gate_let_go(gate, gate->tcp->syn_recv_sock(sk, skb, req, dst, unhash, own));
}
#endif

void weir_gate_attach(struct weir_gate *gate, struct sock *sk)
{
	gate->tcp = inet_csk(sk)->icsk_af_ops;
	gate->ops = *gate->tcp;
	gate->ops.conn_request = weir_gate_syn;
	gate->ops.syn_recv_sock = weir_gate_handshake;
	inet_csk(sk)->icsk_af_ops = &gate->ops;
}

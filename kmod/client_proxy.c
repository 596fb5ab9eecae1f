// SPDX-License-Identifier: GPL-2.0-only
/*
 * Client legs: for whom a trusted proxy asks.  A connection's client is then who
 * the proxy says: limits, rules and hashes take him for it.
 */

#include <linux/skbuff.h>
#include <net/tcp.h>

#include "client_leg.h"
#include "forwarded.h"
#include "limit.h"

static_assert(sizeof(struct in6_addr) == FORWARDED_ADDRESS);

/* From now on somebody else asks: what he does is not that client's. */
static void weir_client_is(struct weir_client *client, const struct in6_addr *address)
{
	if (ipv6_addr_equal(&client->address, address))
		return;
	client->address = *address;
	if (client->account)
		weir_limit_close(client->leg.wn, client->account);
	client->account = NULL;
}

/* Copy what has come, which stays unread; how many bytes. */
static size_t weir_client_peek(const struct weir_client *client, u8 *to, size_t size)
{
	struct sock *sk = client->leg.sk;
	u32 seq = tcp_sk(sk)->copied_seq;
	size_t done = 0, len;
	struct sk_buff *skb;
	u32 offset;

	/* Not by tcp_recv_skb(), which frees what is before. */
	skb_queue_walk(&sk->sk_receive_queue, skb) {
		offset = seq + done - TCP_SKB_CB(skb)->seq;
		if (offset >= skb->len)
			continue;
		len = min_t(size_t, skb->len - offset, size - done);
		if (skb_copy_bits(skb, offset, to + done, len))
			break;
		done += len;
		if (done == size)
			break;
	}
	return done;
}

/* A connection of this client is open only now that he is known. */
static bool weir_client_admit_forwarded(struct weir_client *client,
					const struct weir_config *config)
{
	struct in6_addr key = weir_limit_key(&config->limits, &client->address);
	struct weir_net *wn = client->leg.wn;
	struct weir_incident event;
	enum weir_limit over;

	if (!config->limits.counts_connections)
		return true;
	if (!weir_accounts_connect(wn->accounts, &key, config->limits.most, &over)) {
		weir_client_reset(client);
		return false;
	}
	if (over == WEIR_LIMIT_NONE)
		client->account = weir_limit_open(wn, &config->limits, &client->address, true,
						  &over);
	if (client->account || (over != WEIR_LIMIT_NONE &&
				weir_limit_spares(config, &client->address)))
		return true;
	event = weir_client_incident(client, NULL, NULL);
	/* Of that client's, and for it: the proxy itself is never blocked for others. */
	if (over != WEIR_LIMIT_NONE &&
	    weir_limit_refused(wn, &config->limits, over, &event) == WEIR_ACTION_DROP)
		weir_client_drop(client);
	else
		weir_client_reset(client);
	return false;
}

bool weir_client_read_proxy(struct weir_client *client)
{
	const struct weir_config *config = weir_client_config(client);
	u8 bytes[PROXY_HEADER_READ];
	struct in6_addr address;
	size_t len, total;

	len = weir_client_peek(client, bytes, sizeof(bytes));
	if (len == sizeof(bytes))
		len = tcp_inq(client->leg.sk);
	switch (proxy_header_read(bytes, len, address.s6_addr, &total)) {
	case PROXY_MORE:
		if (weir_leg_at_end(&client->leg) || client->leg.sk->sk_shutdown & RCV_SHUTDOWN)
			weir_client_close(client, false);
		return false;
	case PROXY_ERROR:
		/* There is nobody who would understand a reply. */
		weir_count(client->leg.wn, WEIR_STAT_rejected_bad_request, 1);
		weir_client_tell_bad(client, NULL, NULL, "malformed PROXY header", 0);
		weir_client_reset(client);
		return false;
	case PROXY_LOCAL:
		break;
	case PROXY_CLIENT:
		weir_client_is(client, &address);
		weir_client_rename(client);
		client->peer = address;
		/* Another proxy may be behind this one. */
		client->proxied = weir_firewall_trusts(&config->firewall, &address);
		break;
	}
	client->awaits_proxy = false;
	client->bytes_in += total;
	weir_count(client->leg.wn, WEIR_STAT_bytes_client_in, total);
	tcp_read_done(client->leg.sk, total);
	return client->proxied || weir_client_admit_forwarded(client, config);
}

/*
 * The last address that no trusted proxy has, of those that such have added: from
 * there on to the left anything may have been written by anybody.
 */
void weir_client_forwarded(struct weir_client *client, const struct weir_config *config,
			   const struct http_head *head, const u8 *buf)
{
	struct in6_addr address = client->peer, next;
	u16 i = head->known & BIT_ULL(HTTP_FIELD_X_FORWARDED_FOR) ? head->n_fields : 0;

	while (i--) {
		const struct http_field *field = &head->fields[i];
		size_t left = field->value.len;

		if (field->id != HTTP_FIELD_X_FORWARDED_FOR)
			continue;
		while (left) {
			if (!weir_firewall_trusts(&config->firewall, &address) ||
			    !forwarded_last(buf + field->value.off, &left, next.s6_addr))
				goto done;
			address = next;
		}
	}
done:
	weir_client_is(client, &address);
}

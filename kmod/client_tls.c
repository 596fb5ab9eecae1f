// SPDX-License-Identifier: GPL-2.0-only
/* Client legs: TLS. */

#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/tcp.h>

#include "client_tls.h"
#include "exchange.h"
#include "gather.h"
#include "http_chars.h"
#include "identities.h"
#include "limit.h"
#include "queue.h"
#include "send.h"
#include "signer.h"
#include "tls_fingerprint.h"
#include "tls_kernel.h"

enum {
	/* Encrypted ahead of what TCP takes. */
	WEIR_TLS_AHEAD	= 32 * 1024,
	/* So many handshakes wait on this CPU: who comes now first has to return a cookie. */
	WEIR_TLS_PRESSURE = 64,
	/* Of a reply, encrypted at a time: one record, unless the client wants them small. */
	WEIR_TLS_PIECE	= 4 * 4096,
};

/* What is left of a configuration when a handshake is over. */
static const struct tls_config weir_tls_open_config = {
#ifdef CONFIG_WEIR_TLS_MBEDTLS
	.charge = weir_tls_charge,
#endif
};

/* Beginning and end. */

static bool weir_tls_begin(struct weir_client *client)
{
	struct weir_net *wn = client->leg.wn;
	struct weir_identities *identities = weir_client_config(client)->identities;
	struct weir_tls *tls;

	/* It may have come before the configuration was changed. */
	if (!identities)
		return false;
	tls = kzalloc(sizeof(*tls), GFP_ATOMIC | __GFP_NOWARN);
	if (!tls)
		goto no_memory;
	tls->arena = kzalloc(sizeof(*tls->arena), GFP_ATOMIC | __GFP_NOWARN);
	if (!tls->arena) {
		kfree(tls);
		goto no_memory;
	}
	weir_identities_get(identities);
	tls->identities = identities;
	tls->client = client;
	tls_server_init(&tls->server, &identities->tls, tls->arena);
	tls->over = WEIR_LIMIT_NONE;
	tls->server.cookie = weir_queue_behind() >= WEIR_TLS_PRESSURE;
	if (tls->server.cookie)
		weir_count(wn, WEIR_STAT_tls_cookies, 1);
	weir_pipe_setup(&tls->sealed, wn->stats);
	client->tls = tls;
	weir_count(wn, WEIR_STAT_memory_bytes, sizeof(*tls) + sizeof(*tls->arena));
	return true;
no_memory:
	weir_count(wn, WEIR_STAT_allocation_failures, 1);
	return false;
}

/* The engine has wiped the arena by then. */
static void weir_tls_drop_arena(struct weir_client *client)
{
	struct weir_tls *tls = client->tls;

	if (!tls->arena)
		return;
	weir_count(client->leg.wn, WEIR_STAT_memory_bytes, -(s64)sizeof(*tls->arena));
	kfree(tls->arena);
	tls->arena = NULL;
	tls->server.config = &weir_tls_open_config;
	weir_identities_put(tls->identities);
	tls->identities = NULL;
}

/* A handshake comes to nothing. */
static void weir_tls_incomplete(struct weir_client *client)
{
	const struct weir_limits *limits = &weir_client_config(client)->limits;

	weir_count(client->leg.wn, WEIR_STAT_tls_incomplete, 1);
	/* One that was refused is no fault of its own. */
	if (limits->counts_handshakes && client->account && client->tls->over == WEIR_LIMIT_NONE)
		weir_account_incomplete(client->account, limits->most);
}

/* The room for a record that is gathered. */
static void weir_tls_drop_room(struct weir_client *client)
{
	struct tls_server *server = &client->tls->server;
	struct page *page;

	if (!server->record)
		return;
	page = virt_to_head_page(server->record);
	weir_count(client->leg.wn, WEIR_STAT_memory_bytes, -(s64)page_size(page));
	put_page(page);
	tls_server_lend(server, NULL, 0);
}

static void weir_tls_drop_plain(struct weir_client *client)
{
	struct weir_tls *tls = client->tls;

	if (!tls->plain)
		return;
	weir_count(client->leg.wn, WEIR_STAT_memory_bytes, -(s64)tls->plain->truesize);
	consume_skb(tls->plain);
	tls->plain = NULL;
}

void weir_tls_free(struct weir_client *client)
{
	struct weir_tls *tls = client->tls;

	if (!tls)
		return;
	if (tls->arena)
		weir_tls_incomplete(client);
	if (tls->signing)
		weir_signing_put(tls->signing);
	tls_server_end(&tls->server);
	weir_tls_drop_arena(client);
	weir_tls_drop_room(client);
	weir_tls_drop_plain(client);
	weir_pipe_purge(&tls->sealed);
	weir_count(client->leg.wn, WEIR_STAT_memory_bytes, -(s64)sizeof(*tls));
	weir_tls_drop_fingerprint(client);
	kfree(tls->name.at);
	client->tls = NULL;
	kfree(tls);
}

u64 weir_tls_held(struct weir_tls *tls)
{
	u64 bytes = sizeof(*tls) + weir_pipe_held(&tls->sealed) + tls_server_held(&tls->server);

	if (tls->arena)
		bytes += sizeof(*tls->arena);
	if (tls->server.record)
		bytes += page_size(virt_to_head_page(tls->server.record));
	if (tls->plain)
		bytes += tls->plain->truesize;
	if (tls->fingerprint)
		bytes += TLS_FINGERPRINT;
	return bytes;
}

/* Sending. */

/* Hand to TCP what is encrypted: as weir_send(). */
static int weir_tls_flush(struct weir_client *client, bool last)
{
	struct weir_sent sent;

	return weir_send(&client->leg, &client->tls->sealed, last, &sent);
}

/* Say that nothing more follows.  False: no memory. */
static bool weir_tls_put_close(struct weir_tls *tls)
{
	struct tls_out out = { .room = TLS_OUT_ROOM };
	struct bio_vec piece;

	if (tls->server.close_sent || tls->server.state == TLS_CLOSED)
		return true;
	out.at = weir_pipe_reserve(out.room, &piece);
	if (!out.at)
		return false;
	tls_server_close(&tls->server, &out);
	return weir_pipe_commit(&tls->sealed, &piece, out.len, false);
}

void weir_tls_close(struct weir_client *client)
{
	struct weir_tls *tls = client->tls;

	if (!tls || tls->server.close_sent || client->leg.closed || client->leg.lingering ||
	    !weir_tls_kernel_usable())
		return;
	if (tls->server.state == TLS_OPEN || tls->server.state == TLS_HALF_CLOSED)
		weir_tls_put_close(tls);
	weir_tls_flush(client, true);
}

/* Encrypt some of a reply: 0; -ENOMEM; or -EPIPE, then the connection is of no use. */
static int weir_tls_seal(struct weir_client *client, struct weir_pipe *reply,
			 struct weir_sent *sent)
{
	struct weir_tls *tls = client->tls;
	const struct bio_vec *pieces;
	struct tls_out out = {};
	struct bio_vec piece;
	size_t bytes, start;
	bool more;
	size_t len = 0;

	weir_pipe_peek(reply, &pieces, &bytes, &more);
	bytes = min(bytes, tls_server_fits(&tls->server, WEIR_TLS_PIECE));
	out.room = tls_server_cost(&tls->server, bytes);
	out.at = weir_pipe_reserve(out.room, &piece);
	if (!out.at) {
		weir_count(client->leg.wn, WEIR_STAT_allocation_failures, 1);
		return -ENOMEM;
	}
	if (!tls_server_begin(&tls->server, &out, &start)) {
		weir_pipe_commit(&tls->sealed, &piece, 0, false);
		return -EPIPE;
	}
	for (; len < bytes; pieces++) {
		size_t part = min_t(size_t, pieces->bv_len, bytes - len);

		tls_put_bytes(&out, page_address(pieces->bv_page) + pieces->bv_offset, part);
		len += part;
	}
	if (!tls_server_finish(&tls->server, &out, start)) {
		weir_pipe_commit(&tls->sealed, &piece, 0, false);
		return -EPIPE;
	}
	if (!weir_pipe_commit(&tls->sealed, &piece, out.len, false))
		return -EPIPE;
	sent->bytes += bytes;
	sent->tell_producer |= weir_pipe_consume(reply, bytes);
	return 0;
}

static bool weir_pipe_has_some(const struct weir_pipe *pipe)
{
	return READ_ONCE(pipe->head) != READ_ONCE(pipe->tail);
}

int weir_tls_send(struct weir_client *client, bool last, struct weir_sent *sent)
{
	struct weir_pipe *reply = &client->x->reply;
	struct weir_tls *tls = client->tls;
	int err;

	memset(sent, 0, sizeof(*sent));
	if (!tls)
		return -EPIPE;
	do {
		err = 0;
		while (!err && weir_pipe_has_some(reply) && tls->sealed.bytes < WEIR_TLS_AHEAD &&
		       weir_pipe_has_room(&tls->sealed))
			err = weir_tls_seal(client, reply, sent);
		if (!err && last && weir_pipe_finished(reply) && !weir_tls_put_close(tls))
			err = -ENOMEM;
		if (err == -EPIPE)
			return err;
		if (err == -ENOMEM)
			weir_leg_kick_later(&client->leg, WEIR_EVENT_WRITE);
		err = weir_tls_flush(client, last && weir_pipe_finished(reply)) ?:
		      (err ? -EAGAIN : 0);
	} while (!err && weir_pipe_has_some(reply));
	sent->finished = !err && weir_pipe_finished(reply);
	return err;
}

/* Receiving. */

/* Lend room for the record that comes, with what a packet has behind its bytes. */
static bool weir_tls_lend(struct weir_client *client)
{
	struct tls_server *server = &client->tls->server;
	size_t need = SKB_DATA_ALIGN(tls_server_wants(server)) +
		      SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	struct page *page;

	weir_tls_drop_room(client);
	page = alloc_pages(GFP_ATOMIC | __GFP_NOWARN | __GFP_COMP, get_order(need));
	if (!page) {
		weir_count(client->leg.wn, WEIR_STAT_allocation_failures, 1);
		return false;
	}
	weir_count(client->leg.wn, WEIR_STAT_memory_bytes, page_size(page));
	tls_server_lend(server, page_address(page), page_size(page) -
			SKB_DATA_ALIGN(sizeof(struct skb_shared_info)));
	return true;
}

/* Make a packet of a record that was decrypted. */
static bool weir_tls_keep(struct weir_client *client, struct http_text data, u32 mark)
{
	struct weir_tls *tls = client->tls;
	size_t size = page_size(virt_to_head_page(tls->server.record));

	tls->plain = build_skb(tls->server.record, size);
	if (!tls->plain) {
		weir_count(client->leg.wn, WEIR_STAT_allocation_failures, 1);
		return false;
	}
	weir_count(client->leg.wn, WEIR_STAT_memory_bytes, tls->plain->truesize - size);
	/* TLS 1.2 may have a nonce before them. */
	skb_reserve(tls->plain, data.at - tls->server.record);
	tls_server_lend(&tls->server, NULL, 0);
	skb_put(tls->plain, data.len);
	tls->plain->mark = mark;
	tls->plain_at = 0;
	return true;
}

/* The engine gave up: what it said of that is sent. */
static void weir_tls_failed(struct weir_client *client)
{
	enum weir_limit over = client->tls->over;

	if (over != WEIR_LIMIT_NONE) {
		weir_client_over(client, weir_client_config(client), over, NULL, NULL);
		return;
	}
	if (client->tls->arena)
		weir_count(client->leg.wn, WEIR_STAT_tls_handshake_failures, 1);
	/* Amid a request, or in the handshake: there is nobody to answer. */
	weir_client_close(client, true);
}

static void weir_tls_handshake_done(struct weir_client *client)
{
	weir_count(client->leg.wn, WEIR_STAT_tls_handshakes, 1);
	if (client->tls->server.resumed)
		weir_count(client->leg.wn, WEIR_STAT_tls_resumptions, 1);
	if (client->tls->server.stapled)
		weir_count(client->leg.wn, WEIR_STAT_tls_staples, 1);
	weir_tls_drop_arena(client);
}

/* A full handshake is about to begin: see struct tls_config. */
bool weir_tls_admit(struct tls_server *server)
{
	struct weir_tls *tls = container_of(server, struct weir_tls, server);
	struct weir_client *client = tls->client;
	const struct weir_config *config = weir_client_config(client);
	enum weir_limit over;

	if (!config->limits.counts_handshakes)
		return true;
	/* Its connection was accepted when no limit was counted. */
	if (!client->account)
		client->account = weir_limit_open(client->leg.wn, &config->limits,
						  &client->address, false, &over);
	if (!client->account)
		return false;
	over = weir_account_handshake(client->account, config->limits.most);
	if (over == WEIR_LIMIT_NONE || weir_limit_spares(config, &client->address))
		return true;
	tls->over = over;
	return false;
}

void weir_tls_named(struct tls_server *server, struct http_text name)
{
	struct weir_tls *tls = container_of(server, struct weir_tls, server);

	/* As a host that is compared with it is written. */
	if (name.len && name.at[name.len - 1] == '.')
		name.len--;
	tls->name.at = name.len ? kmemdup(name.at, name.len, GFP_ATOMIC | __GFP_NOWARN) : NULL;
	tls->name.len = tls->name.at ? name.len : 0;
}

#ifdef CONFIG_WEIR_TLS_MBEDTLS
void weir_tls_charge(struct tls_server *server, s64 bytes)
{
	struct weir_tls *tls = container_of(server, struct weir_tls, server);

	weir_count(tls->client->leg.wn, WEIR_STAT_memory_bytes, bytes);
}
#endif

bool weir_tls_names_agree(const struct weir_client *client, const struct http_head *head,
			  const u8 *buf)
{
	const struct weir_tls *tls = client->tls;
	struct http_text host;

	if (!tls || !tls->name.len || !http_host_of(head, buf, &host) || !host.len)
		return true;
	return http_equal(host.at, host.len, tls->name.at, tls->name.len);
}

/* Have a signature made, which takes its time. */
static bool weir_tls_sign(struct weir_client *client)
{
	struct weir_tls *tls = client->tls;

	tls->signing = weir_signer_ask(&client->leg, tls->identities, &tls->arena->job);
	if (!tls->signing)
		weir_count(client->leg.wn, WEIR_STAT_tls_signatures_refused, 1);
	return tls->signing;
}

/* Go on with it once it is there.  Returns whether to go on. */
static bool weir_tls_signed(struct weir_client *client)
{
	struct weir_tls *tls = client->tls;
	struct tls_out out = { .room = TLS_OUT_ROOM };
	const struct tls_sign_job *job = weir_signing_result(tls->signing);
	enum tls_event event;
	struct bio_vec piece;

	if (!job)
		return false;
	out.at = weir_pipe_reserve(out.room, &piece);
	if (!out.at) {
		weir_count(client->leg.wn, WEIR_STAT_allocation_failures, 1);
		weir_client_reset(client);
		return false;
	}
	event = tls_server_signed(&tls->server, job, &out);
	weir_signing_put(tls->signing);
	tls->signing = NULL;
	if (!weir_pipe_commit(&tls->sealed, &piece, out.len, false)) {
		weir_client_reset(client);
		return false;
	}
	if (event == TLS_FAILED)
		weir_tls_failed(client);
	return event != TLS_FAILED;
}

/* Whether TCP has taken all that is encrypted: who does not take our answers is asked no more. */
static bool weir_tls_pushed(struct weir_client *client)
{
	struct weir_tls *tls = client->tls;
	int err;

	if (!weir_pipe_has_some(&tls->sealed))
		return true;
	/* Tickets may wait for what is sent next, in whose packet they fit. */
	err = weir_tls_flush(client, tls->server.state == TLS_OPEN);
	if (err && err != -EAGAIN)
		weir_client_reset(client);
	return !err;
}

/* Give the engine bytes that have come.  Returns whether to go on. */
static bool weir_tls_feed(struct weir_client *client, struct sk_buff *skb, unsigned int offset,
			  size_t len)
{
	struct weir_tls *tls = client->tls;
	struct tls_server *server = &tls->server;
	struct tls_out out = { .room = tls_server_answers(server) };
	struct http_text in = {}, data;
	enum tls_event event;
	struct bio_vec piece;

	if (skb_frags_readable(skb))
		in = weir_skb_span(skb, offset);
	out.at = in.at ? weir_pipe_reserve(out.room, &piece) : NULL;
	if (!out.at) {
		weir_count(client->leg.wn, WEIR_STAT_allocation_failures, 1);
		weir_client_reset(client);
		return false;
	}
	in.len = min(in.len, len);
	len = in.len;
	event = tls_server_read(server, &in, &out, &data);
	if (out.len && !weir_pipe_commit(&tls->sealed, &piece, out.len, false)) {
		weir_client_reset(client);
		return false;
	}
	if (!out.len)
		weir_pipe_commit(&tls->sealed, &piece, 0, false);
	if (tls->arena && server->state >= TLS_OPEN && event != TLS_FAILED)
		weir_tls_handshake_done(client);
	if ((event == TLS_WANTS_ROOM && !weir_tls_lend(client)) ||
	    (event == TLS_DATA && !weir_tls_keep(client, data, skb->mark)) ||
	    (event == TLS_SIGN && !weir_tls_sign(client))) {
		weir_client_reset(client);
		return false;
	}
	weir_leg_take(&client->leg, len - in.len);
	if (event == TLS_FAILED) {
		weir_tls_failed(client);
		return false;
	}
	tls->ended |= event == TLS_END;
	/* Between records a connection holds no room, whyever the engine stopped there. */
	if (!server->in_header)
		weir_tls_drop_room(client);
	if (event == TLS_SIGN) {
		/* The client may look at the certificate meanwhile. */
		weir_tls_pushed(client);
		return false;
	}
	return event != TLS_BLOCKED || out.len;
}

/*
 * Whether a connection has to wait: work with public keys is for when connections that
 * stand have nothing to do.
 */
static bool weir_tls_waits(struct weir_client *client)
{
	struct weir_tls *tls = client->tls;

	if (tls->server.state > TLS_WAIT_SECOND_HELLO &&
	    tls->server.state != TLS_WAIT_KEY_EXCHANGE)
		return false;
	if (tls->turn) {
		tls->turn = false;
		return false;
	}
	tls->turn = true;
	weir_leg_kick_behind(&client->leg, WEIR_EVENT_READ);
	return true;
}

/* Decrypt until there is something to read. */
static void weir_tls_pull(struct weir_client *client)
{
	struct weir_tls *tls = client->tls;
	unsigned int offset;
	struct sk_buff *skb;
	size_t len;

	if (tls->signing && !weir_tls_signed(client))
		return;
	for (;;) {
		if (!weir_tls_pushed(client) || tls->plain)
			return;
		skb = weir_leg_peek(&client->leg, &offset, &len);
		if (!skb || !weir_tls_feed(client, skb, offset, len))
			return;
	}
}

struct sk_buff *weir_tls_peek(struct weir_client *client, unsigned int *offset, size_t *len)
{
	struct weir_tls *tls = client->tls;

	if (!tls) {
		/* Nothing is held for a connection that says nothing. */
		if (client->leg.closed || client->leg.lingering ||
		    !weir_leg_has_input(&client->leg))
			return NULL;
		if (!weir_tls_begin(client)) {
			weir_client_reset(client);
			return NULL;
		}
		tls = client->tls;
	}
	if (!tls->plain && weir_leg_has_input(&client->leg) && weir_tls_waits(client))
		return NULL;
	if (!tls->plain)
		weir_tls_pull(client);
	/* The connection may be gone. */
	tls = client->tls;
	if (!tls || !tls->plain)
		return NULL;
	*offset = tls->plain_at;
	*len = tls->plain->len - tls->plain_at;
	return tls->plain;
}

void weir_tls_take(struct weir_client *client, size_t len)
{
	struct weir_tls *tls = client->tls;

	if (!tls || !tls->plain)
		return;
	tls->plain_at += len;
	if (tls->plain_at == tls->plain->len)
		weir_tls_drop_plain(client);
}

bool weir_tls_at_end(const struct weir_client *client)
{
	const struct weir_tls *tls = client->tls;

	if (tls && tls->plain)
		return false;
	return (tls && tls->ended) || weir_leg_at_end(&client->leg);
}

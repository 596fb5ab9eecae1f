// SPDX-License-Identifier: GPL-2.0-only
/* Client legs: replies of Weir's own, and sending any. */

#include <linux/mm.h>

#include "checks.h"
#include "client_tls.h"
#include "date.h"
#include "exchange.h"
#include "http_rules.h"
#include "http_write.h"
#include "pages.h"
#include "send.h"
#include "stock.h"
#include "timer.h"

enum {
	/* Bytes of Location; a request that needs more is refused with 414. */
	WEIR_REDIRECT_MAX	= 32768,
};

/* Replies of Weir's own. */

static void weir_client_count_reply(struct weir_net *wn, u16 status)
{
	weir_count(wn, WEIR_STAT_responses, 1);
	weir_count(wn, WEIR_STAT_responses_1xx + status / 100 - 1, 1);
}

/* What replies of Weir's own count besides, from 400 on. */
static const enum weir_stat weir_own_stats[] = {
	[400 - 400] = WEIR_STAT_rejected_bad_request,
	[408 - 400] = WEIR_STAT_timeouts_client,
	[413 - 400] = WEIR_STAT_rejected_bad_request,
	[414 - 400] = WEIR_STAT_rejected_bad_request,
	[417 - 400] = WEIR_STAT_rejected_bad_request,
	[431 - 400] = WEIR_STAT_rejected_bad_request,
	[501 - 400] = WEIR_STAT_rejected_bad_request,
	[502 - 400] = WEIR_STAT_errors_502,
	[503 - 400] = WEIR_STAT_errors_503,
	[504 - 400] = WEIR_STAT_errors_504,
	[505 - 400] = WEIR_STAT_rejected_bad_request,
};

static void weir_client_count_own(struct weir_net *wn, u16 status)
{
	unsigned int row = status - 400;

	/* What is 0 is no row of these. */
	if (row < ARRAY_SIZE(weir_own_stats) && weir_own_stats[row])
		weir_count(wn, weir_own_stats[row], 1);
	weir_client_count_reply(wn, status);
}

/* What a reply of Weir's own says of the connection, and when. */
static void weir_client_set_own(const struct weir_exchange *x, struct http_own *own, bool close)
{
	if (close)
		own->flags |= HTTP_WRITE_CLOSE;
	else if (!x->minor)
		own->flags |= HTTP_WRITE_KEEPALIVE;
	if (x->method == HTTP_METHOD_HEAD)
		own->flags |= HTTP_WRITE_NO_BODY;
	own->date = weir_date();
}

/*
 * Put a reply into the exchange.  @own: its status, and NO_STORE.  @redirect:
 * where it leads to, which needs @room bytes, or NULL.
 */
static bool weir_client_put_own(struct weir_client *client, struct http_own *own, bool close,
				const struct weir_redirect *redirect, size_t room)
{
	struct weir_exchange *x = client->x;
	const struct weir_page *page = weir_pages_find(x->pages, x->vhost, own->status);
	size_t size = HTTP_OWN_MAX + room + own->fields_len + WEIR_CONTENT_TYPE_MAX, need;
	struct bio_vec piece;
	u8 *out;

	weir_client_set_own(x, own, close);
	if (own->status == 200 || own->status == 405) {
		own->flags |= HTTP_WRITE_ALLOW;
		own->allow = weir_checks_of(weir_client_config(client), x->vhost)->methods;
		size += strlen(own->allow);
	}
	if (page) {
		own->content_type = page->content_type;
		own->content_length = page->len;
	}
	out = weir_pipe_reserve(size + room, &piece);
	if (!out)
		return false;
	if (redirect) {
		/* Behind where the reply will be, of which it is a part then. */
		http_location(out + size, room, redirect->location, redirect->head, redirect->buf);
		own->location = out + size;
		own->location_len = room;
	}
	need = http_write_own(out, size, own);
	if (!weir_pipe_commit(&x->reply, &piece, need <= size ? need : 0, false))
		return false;
	if (page && x->method != HTTP_METHOD_HEAD && !weir_page_send(page, &x->reply))
		return false;
	x->reply_keepalive = !close;
	x->answer = own->status / 100;
	x->code = own->status;
	weir_pipe_end(&x->reply, false);
	weir_client_count_own(client->leg.wn, own->status);
	return true;
}

bool weir_client_put_error(struct weir_client *client, u16 status, bool close)
{
	struct http_own own = { .status = status, .flags = HTTP_WRITE_NO_STORE };

	return weir_client_put_own(client, &own, close, NULL, 0);
}

/* An exchange for a reply of Weir's own, instead of the one that there may be. */
static bool weir_client_answer(struct weir_client *client, const struct http_head *head)
{
	u8 method = head ? head->method : HTTP_METHOD_OTHER;
	u8 minor = head ? head->minor : 1;
	struct weir_exchange *old = client->x, *x;

	if (!client->began) {
		client->began = weir_client_clock(client);
		weir_client_visits(client, NULL);
	}
	x = weir_exchange_alloc(client->leg.wn, &client->leg);
	if (x) {
		x->method = method;
		x->minor = minor;
		if (old)
			weir_exchange_judged(x, old->pages, old->vhost);
		else
			weir_exchange_judged(x, weir_client_config(client)->pages,
					     WEIR_PAGE_EVERYWHERE);
	}
	weir_client_leave(client);
	client->x = x;
	return x;
}

/* Nothing more is read of a request that is answered with a close. */
static void weir_client_answered(struct weir_client *client, bool done, bool close)
{
	if (!done)
		weir_client_reset(client);
	else if (close && client->reading != WEIR_READING_NOTHING)
		client->reading = WEIR_READING_REFUSED;
}

void weir_client_refuse(struct weir_client *client, const struct http_head *head, u16 status,
			bool close)
{
	bool done = weir_client_answer(client, head) &&
		    weir_client_put_error(client, status, close);

	client->refused = status >= 400;
	weir_client_answered(client, done, close);
}

void weir_client_refuse_for(struct weir_client *client, const struct http_head *head, u32 vhost,
			    u16 status, bool close)
{
	bool done = weir_client_answer(client, head);

	client->refused = status >= 400;
	if (done) {
		client->x->vhost = vhost;
		done = weir_client_put_error(client, status, close);
	}
	weir_client_answered(client, done, close);
}

/* Leave what TCP did not take of a reply to an exchange; @sent: bytes that it took. */
static noinline bool
weir_client_put_rest(struct weir_client *client, const struct http_head *head, u16 status,
		     const struct bio_vec *piece, unsigned int sent)
{
	struct weir_exchange *x;

	if (!weir_client_answer(client, head))
		return false;
	x = client->x;
	get_page(piece->bv_page);
	if (!weir_pipe_put_page(&x->reply, piece->bv_page, piece->bv_offset + sent,
				piece->bv_len - sent)) {
		put_page(piece->bv_page);
		return false;
	}
	x->reply_keepalive = true;
	x->answer = status / 100;
	x->code = status;
	weir_pipe_end(&x->reply, false);
	client->replied = sent;
	client->reading = WEIR_READING_NOTHING;
	return true;
}

void weir_client_refuse_from_stock(struct weir_client *client, const struct http_head *head,
				   u16 status)
{
	struct weir_net *wn = client->leg.wn;
	const struct bio_vec *piece = weir_stock_find(status, head->method != HTTP_METHOD_HEAD);
	int sent;

	if (!piece) {
		weir_count(wn, WEIR_STAT_allocation_failures, 1);
		weir_client_reset(client);
		return;
	}
	sent = weir_send_piece(&client->leg, piece);
	if (sent < 0 && sent != -EAGAIN) {
		weir_client_reset(client);
		return;
	}
	sent = max(sent, 0);
	client->bytes_out += sent;
	weir_count(wn, WEIR_STAT_bytes_client_out, sent);
	weir_client_count_own(wn, status);
	if (likely(sent == piece->bv_len)) {
		weir_client_settle_own(client, status);
		/* It goes on waiting, but anew. */
		if (client->wait == WEIR_WAIT_IDLE)
			weir_timer_set(&client->leg,
				       weir_client_config(client)->timeouts.keepalive);
		else
			client->wait = WEIR_WAIT_NOTHING;
	} else if (!weir_client_put_rest(client, head, status, piece, sent)) {
		weir_client_reset(client);
	}
}

void weir_client_redirect(struct weir_client *client, const struct weir_redirect *redirect,
			  u16 status, bool no_store, bool close)
{
	struct http_own own = {
		.status = status,
		.flags = no_store ? HTTP_WRITE_NO_STORE : 0,
		.fields = redirect->fields.at,
		.fields_len = redirect->fields.len,
	};
	size_t room = http_location(NULL, 0, redirect->location, redirect->head, redirect->buf);
	bool done;

	if (!room || room > WEIR_REDIRECT_MAX) {
		weir_client_tell_bad(client, redirect->head, redirect->buf,
				     room ? "redirect too long" : "no host to redirect to",
				     room ? 414 : 400);
		weir_client_refuse(client, redirect->head, room ? 414 : 400, close);
		return;
	}
	done = weir_client_answer(client, redirect->head) &&
	       weir_client_put_own(client, &own, close, redirect, room);
	weir_client_answered(client, done, close);
}

static bool weir_client_put_said(struct weir_client *client, struct http_own *own,
				 const struct http_text *parts, unsigned int count, bool close)
{
	size_t size = HTTP_OWN_MAX + own->fields_len + strlen(own->content_type), need;
	struct weir_exchange *x = client->x;
	struct bio_vec piece;
	unsigned int i;
	u8 *out;

	weir_client_set_own(x, own, close);
	out = weir_pipe_reserve(size, &piece);
	if (!out)
		return false;
	need = http_write_own(out, size, own);
	if (!weir_pipe_commit(&x->reply, &piece, need <= size ? need : 0, false))
		return false;
	for (i = 0; i < count && x->method != HTTP_METHOD_HEAD; i++)
		if (weir_pipe_put(&x->reply, parts[i].at, parts[i].len) != parts[i].len)
			return false;
	x->reply_keepalive = !close;
	x->answer = own->status / 100;
	x->code = own->status;
	weir_pipe_end(&x->reply, false);
	weir_client_count_reply(client->leg.wn, own->status);
	return true;
}

void weir_client_say(struct weir_client *client, const struct http_head *head,
		     struct http_own *own, const struct http_text *parts, unsigned int count,
		     bool close)
{
	bool done = weir_client_answer(client, head) &&
		    weir_client_put_said(client, own, parts, count, close);

	weir_client_answered(client, done, close);
}

/* Sending. */

/* Whether the connection lives on after the reply; known from the reply's first byte on. */
static bool weir_client_stays(const struct weir_client *client)
{
	return client->x->reply_keepalive && client->reading == WEIR_READING_NOTHING;
}

bool weir_client_send(struct weir_client *client)
{
	struct weir_exchange *x = client->x;
	bool broken = READ_ONCE(x->reply.broken);
	bool last = weir_pipe_ended(&x->reply) && !weir_client_stays(client);
	struct weir_sent sent;
	int err;

	if (weir_pipe_more_soon(&x->reply))
		return false;
	if (client->secure)
		err = weir_tls_send(client, last, &sent);
	else
		err = weir_send(&client->leg, &x->reply, last, &sent);
	client->blocked = err == -EAGAIN;
	if (sent.bytes) {
		client->replied = true;
		client->bytes_out += sent.bytes;
		client->moved |= client->tunnel;
		weir_count(client->leg.wn, WEIR_STAT_bytes_client_out, sent.bytes);
	}
	if (err && err != -EAGAIN) {
		weir_client_reset(client);
		return true;
	}
	if (sent.tell_producer)
		weir_exchange_tell_upstream(x);
	if (err)
		return false;
	if (sent.finished) {
		weir_client_settle(client, true);
		if (weir_client_stays(client)) {
			weir_client_leave(client);
			client->reading = WEIR_READING_HEAD;
			/* For the next one it waits anew, even if it never waited for this. */
			client->wait = WEIR_WAIT_NOTHING;
			return true;
		}
		if (client->tunnel && !broken && client->reading != WEIR_READING_NOTHING) {
			/* The server's direction is over, the client's is not. */
			weir_leg_shutdown(&client->leg);
			return false;
		}
		/* If that was reset, so is the client's. */
		if (client->tunnel && broken)
			weir_client_reset(client);
		else
			weir_client_close(client, client->reading != WEIR_READING_NOTHING);
		return true;
	}
	if (broken) {
		/* Where the connection's end is the reply's, a reset tells it is cut short. */
		if (x->reply_truncates)
			weir_client_reset(client);
		else
			weir_client_close(client, client->reading != WEIR_READING_NOTHING);
		return true;
	}
	return false;
}

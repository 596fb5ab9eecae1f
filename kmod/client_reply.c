// SPDX-License-Identifier: GPL-2.0-only
/* Client legs: replies of Weir's own, and sending any. */

#include "client_leg.h"
#include "date.h"
#include "exchange.h"
#include "http_write.h"
#include "send.h"

/* Replies of Weir's own. */

static void weir_client_count_error(struct weir_net *wn, u16 status)
{
	switch (status) {
	case 400:
	case 413:
	case 414:
	case 417:
	case 431:
	case 501:
	case 505:
		weir_count(wn, WEIR_STAT_rejected_bad_request, 1);
		break;
	case 408:
		weir_count(wn, WEIR_STAT_timeouts_client, 1);
		break;
	case 502:
		weir_count(wn, WEIR_STAT_errors_502, 1);
		break;
	case 503:
		weir_count(wn, WEIR_STAT_errors_503, 1);
		break;
	case 504:
		weir_count(wn, WEIR_STAT_errors_504, 1);
		break;
	}
	weir_count(wn, WEIR_STAT_responses, 1);
	weir_count(wn, WEIR_STAT_responses_1xx + status / 100 - 1, 1);
}

bool weir_client_put_error(struct weir_client *client, u16 status, bool close)
{
	struct weir_exchange *x = client->x;
	unsigned int flags = 0;
	struct bio_vec piece;
	size_t need;
	u8 *out;

	if (close)
		flags |= HTTP_WRITE_CLOSE;
	else if (!x->minor)
		flags |= HTTP_WRITE_KEEPALIVE;
	if (x->method == HTTP_METHOD_HEAD)
		flags |= HTTP_WRITE_NO_BODY;
	if (status == 200 || status == 405)
		flags |= HTTP_WRITE_ALLOW;
	out = weir_pipe_reserve(HTTP_ERROR_REPLY_MAX, &piece);
	if (!out)
		return false;
	need = http_write_error(out, HTTP_ERROR_REPLY_MAX, status, flags, weir_date());
	if (need > HTTP_ERROR_REPLY_MAX)
		need = 0;
	if (!weir_pipe_commit(&x->reply, &piece, need, false))
		return false;
	x->reply_keepalive = !close;
	x->answer = status;
	weir_pipe_end(&x->reply, false);
	weir_client_count_error(client->leg.wn, status);
	return true;
}

void weir_client_refuse(struct weir_client *client, const struct http_head *head, u16 status,
			bool close)
{
	u8 method = head ? head->method : HTTP_METHOD_OTHER;
	u8 minor = head ? head->minor : 1;

	weir_client_leave(client);
	client->x = weir_exchange_alloc(client->leg.wn, &client->leg);
	if (!client->began)
		client->began = weir_client_clock(client);
	if (client->x) {
		client->x->method = method;
		client->x->minor = minor;
	}
	if (!client->x || !weir_client_put_error(client, status, close)) {
		weir_client_reset(client);
		return;
	}
	if (close && client->reading != WEIR_READING_NOTHING)
		client->reading = WEIR_READING_REFUSED;
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

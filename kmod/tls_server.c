// SPDX-License-Identifier: GPL-2.0-only
#include "tls_12_flight.h"
#include "tls_flight.h"
#include "tls_resume.h"

/* Levels of alerts; in TLS 1.3 they mean nothing. */
enum { WARNING = 1, FATAL = 2 };

void tls_server_init(struct tls_server *server, const struct tls_config *config,
		     struct tls_arena *arena)
{
	memset(server, 0, sizeof(*server));
	server->config = config;
	server->arena = arena;
}

/* What was agreed on; nothing has been so far: no. */
static bool is_1_2(const struct tls_server *server)
{
	return server->suite && server->suite->tls_1_2;
}

static void end_arena(struct tls_server *server)
{
	if (server->arena)
		memzero_explicit(server->arena, sizeof(*server->arena));
	server->arena = NULL;
}

void tls_server_end(struct tls_server *server)
{
	end_arena(server);
	tls_half_end(&server->in);
	tls_half_end(&server->out);
	server->state = TLS_CLOSED;
}

static void put_alert(struct tls_server *server, u8 alert, struct tls_out *out)
{
	size_t start = tls_record_begin(&server->out, out);

	tls_put(out, alert == TLS_CLOSE_NOTIFY ? WARNING : FATAL, 1);
	tls_put(out, alert, 1);
	tls_record_finish(&server->out, out, start, TLS_ALERT);
}

static enum tls_event fail(struct tls_server *server, u8 alert, struct tls_out *out)
{
	if (!server->close_sent)
		put_alert(server, alert, out);
	tls_server_end(server);
	server->alert = alert;
	server->sent_alert = !server->close_sent;
	return TLS_FAILED;
}

/* A record that carries nothing: fine, unless there are too many. */
static u8 count_idle(struct tls_server *server)
{
	if (server->idle == TLS_IDLE_MAX)
		return TLS_UNEXPECTED_MESSAGE;
	server->idle++;
	return TLS_FINE;
}

/* With keys everything is encrypted; in TLS 1.3 a header says what is. */
static bool is_sealed_1_2(const struct tls_server *server)
{
	return server->in.suite && server->in.suite->tls_1_2;
}

/* A change_cipher_spec may come: in TLS 1.3 between the first hello and the client's Finished. */
static bool may_change(const struct tls_server *server)
{
	if (is_1_2(server))
		return server->state == TLS_WAIT_CHANGE;
	return server->state == TLS_WAIT_SECOND_HELLO || server->state == TLS_WAIT_FINISHED;
}

/* What a header alone says: TLS_FINE, or the alert that is due. */
static u8 check_header(const struct tls_server *server, size_t len)
{
	u8 type = server->header[0];

	if (is_sealed_1_2(server)) {
		if (type != TLS_ALERT && type != TLS_HANDSHAKE && type != TLS_APPLICATION_DATA)
			return TLS_UNEXPECTED_MESSAGE;
		return len > TLS_CIPHER_MAX ? TLS_RECORD_OVERFLOW : TLS_FINE;
	}
	switch (type) {
	case TLS_CHANGE_CIPHER_SPEC:
		if (!may_change(server))
			return TLS_UNEXPECTED_MESSAGE;
		break;
	case TLS_ALERT:
		/* A client that could not make sense of the ServerHello has no keys. */
		if (server->in.suite && (server->state != TLS_WAIT_FINISHED || server->in.sequence))
			return TLS_UNEXPECTED_MESSAGE;
		break;
	case TLS_HANDSHAKE:
		if (server->in.suite)
			return TLS_UNEXPECTED_MESSAGE;
		break;
	case TLS_APPLICATION_DATA:
		if (!server->in.suite && !(server->state == TLS_WAIT_SECOND_HELLO && server->skip))
			return TLS_UNEXPECTED_MESSAGE;
		return len > TLS_CIPHER_MAX ? TLS_RECORD_OVERFLOW : TLS_FINE;
	default:
		return TLS_UNEXPECTED_MESSAGE;
	}
	if (len > TLS_PLAIN_MAX)
		return TLS_RECORD_OVERFLOW;
	return len ? TLS_FINE : TLS_UNEXPECTED_MESSAGE;
}

/* What the first four bytes of a message say. */
static u8 check_message(const struct tls_server *server, const u8 *message, size_t *len)
{
	u8 type = message[0];

	*len = (size_t)message[1] << 16 | message[2] << 8 | message[3];
	switch (server->state) {
	case TLS_WAIT_HELLO:
	case TLS_WAIT_SECOND_HELLO:
		if (type != TLS_CLIENT_HELLO)
			return TLS_UNEXPECTED_MESSAGE;
		/* The length is well formed: there is just no sense in it. */
		if (*len > TLS_HELLO_MAX - TLS_MESSAGE_HEADER)
			return TLS_ILLEGAL_PARAMETER;
		break;
	case TLS_WAIT_KEY_EXCHANGE:
		if (type != TLS_CLIENT_KEY_EXCHANGE)
			return TLS_UNEXPECTED_MESSAGE;
		if (*len > TLS12_KEY_EXCHANGE_MAX)
			return TLS_DECODE_ERROR;
		break;
	case TLS_WAIT_CHANGE:
		return TLS_UNEXPECTED_MESSAGE;
	case TLS_WAIT_FINISHED:
		if (type != TLS_FINISHED)
			return TLS_UNEXPECTED_MESSAGE;
		if (*len != (is_1_2(server) ? TLS12_VERIFY : tls_hash_size(server->suite->hash)))
			return TLS_DECODE_ERROR;
		break;
	default:
		if (is_1_2(server))
			return type == TLS_CLIENT_HELLO ? TLS_NO_RENEGOTIATION :
							  TLS_UNEXPECTED_MESSAGE;
		if (type != TLS_KEY_UPDATE)
			return TLS_UNEXPECTED_MESSAGE;
		if (*len != 1)
			return TLS_DECODE_ERROR;
		break;
	}
	*len += TLS_MESSAGE_HEADER;
	return TLS_FINE;
}

static u8 take_finished(struct tls_server *server, const u8 *message, struct tls_out *out)
{
	struct tls_arena *arena = server->arena;
	size_t size = tls_hash_size(server->suite->hash);
	bool set;
	u8 alert;

	if (is_1_2(server)) {
		alert = tls12_take_finished(server, message, out);
		if (alert == TLS_FINE) {
			end_arena(server);
			server->state = TLS_OPEN;
		}
		return alert;
	}
	if (!tls_equal(message + TLS_MESSAGE_HEADER, arena->verify, size))
		return TLS_DECRYPT_ERROR;
	tls_schedule_add(&arena->schedule, message, TLS_MESSAGE_HEADER + size);
	set = tls_half_set(&server->in, server->suite, &arena->schedule.client) &&
	      tls_resume_later(server, out);
	end_arena(server);
	server->state = TLS_OPEN;
	return set ? TLS_FINE : TLS_INTERNAL_ERROR;
}

/* Ours; ours are never asked for in return. */
static bool put_key_update(struct tls_server *server, struct tls_out *out)
{
	size_t start = tls_record_begin(&server->out, out);

	tls_put(out, TLS_KEY_UPDATE, 1);
	tls_put(out, 1, 3);
	tls_put(out, 0, 1);
	return tls_record_finish(&server->out, out, start, TLS_HANDSHAKE) &&
	       tls_half_update(&server->out);
}

static u8 take_key_update(struct tls_server *server, const u8 *message, struct tls_out *out)
{
	u8 requested = message[TLS_MESSAGE_HEADER];

	if (requested > 1)
		return TLS_ILLEGAL_PARAMETER;
	if (!tls_half_update(&server->in))
		return TLS_INTERNAL_ERROR;
	if (requested && !server->close_sent && !put_key_update(server, out))
		return TLS_INTERNAL_ERROR;
	return count_idle(server);
}

static u8 take_message(struct tls_server *server, const u8 *message, size_t len,
		       struct tls_out *out)
{
	switch (server->state) {
	case TLS_WAIT_HELLO:
	case TLS_WAIT_SECOND_HELLO:
		return tls_flight(server, message, len, out);
	case TLS_WAIT_KEY_EXCHANGE:
		return tls12_take_key_exchange(server, message, len);
	case TLS_WAIT_FINISHED:
		return take_finished(server, message, out);
	default:
		return take_key_update(server, message, out);
	}
}

/* Content of a record: a message, or a part of one. Each of ours changes keys: none follows it. */
static u8 take_handshake(struct tls_server *server, const u8 *data, size_t len,
			 struct tls_out *out)
{
	u8 *message = server->arena ? server->arena->message : server->small;
	size_t missing, whole;
	u8 alert;

	if (!len)
		return TLS_UNEXPECTED_MESSAGE;
	if (!server->in_message && len >= TLS_MESSAGE_HEADER) {
		alert = check_message(server, data, &whole);
		if (alert != TLS_FINE)
			return alert;
		if (len > whole)
			return TLS_UNEXPECTED_MESSAGE;
		if (len == whole)
			return take_message(server, data, len, out);
	}
	/* First its header, then the rest that this says there is. */
	for (int part = 0; part < 2; part++) {
		whole = TLS_MESSAGE_HEADER;
		if (part) {
			alert = check_message(server, message, &whole);
			if (alert != TLS_FINE)
				return alert;
		}
		if (server->in_message >= whole)
			continue;
		missing = min_t(size_t, whole - server->in_message, len);
		memcpy(message + server->in_message, data, missing);
		server->in_message += missing;
		data += missing;
		len -= missing;
		if (server->in_message < whole)
			return TLS_FINE;
	}
	if (len)
		return TLS_UNEXPECTED_MESSAGE;
	server->in_message = 0;
	return take_message(server, message, whole, out);
}

static enum tls_event take_alert(struct tls_server *server, const u8 *data, size_t len,
				 struct tls_out *out)
{
	if (len != 2)
		return fail(server, TLS_DECODE_ERROR, out);
	if (data[1] == TLS_USER_CANCELED ||
	    (is_1_2(server) && data[0] == WARNING && data[1] != TLS_CLOSE_NOTIFY)) {
		u8 alert = count_idle(server);

		return alert == TLS_FINE ? TLS_HUNGRY : fail(server, alert, out);
	}
	if (data[1] == TLS_CLOSE_NOTIFY && server->state == TLS_OPEN) {
		server->state = TLS_HALF_CLOSED;
		return TLS_END;
	}
	tls_server_end(server);
	server->alert = data[1];
	return TLS_FAILED;
}

/* A record that is whole. TLS_HUNGRY: there is nothing in it for the caller. */
static enum tls_event take_record(struct tls_server *server, size_t len, struct tls_out *out,
				  struct http_text *content)
{
	u8 type = server->header[0];
	bool encrypted = type == TLS_APPLICATION_DATA || is_sealed_1_2(server);
	struct http_text plain = { .at = server->record, .len = len };
	u8 alert = TLS_FINE;

	if (encrypted && !server->in.suite) {
		/* Early data before the second hello: nobody has its keys. */
		if (len > server->skip)
			return fail(server, TLS_UNEXPECTED_MESSAGE, out);
		server->skip -= len;
		return TLS_HUNGRY;
	}
	if (encrypted) {
		alert = tls_record_open(&server->in, server->header, server->record, len, &type,
					&plain);
		if (alert == TLS_BAD_RECORD_MAC && server->skip && len <= server->skip) {
			server->skip -= len;
			return TLS_HUNGRY;
		}
		server->skip = 0;
	}
	if (alert != TLS_FINE)
		return fail(server, alert, out);
	if (type == TLS_ALERT)
		return take_alert(server, plain.at, plain.len, out);
	/* No other record stands between the parts of a message. */
	if (server->in_message && type != TLS_HANDSHAKE)
		return fail(server, TLS_UNEXPECTED_MESSAGE, out);
	switch (type) {
	case TLS_HANDSHAKE:
		alert = take_handshake(server, plain.at, plain.len, out);
		break;
	case TLS_CHANGE_CIPHER_SPEC:
		if (encrypted || plain.len != 1 || plain.at[0] != 1)
			alert = TLS_UNEXPECTED_MESSAGE;
		else if (is_1_2(server))
			alert = tls12_take_change(server);
		else
			alert = count_idle(server);
		break;
	case TLS_APPLICATION_DATA:
		if (server->state != TLS_OPEN)
			return fail(server, TLS_UNEXPECTED_MESSAGE, out);
		if (plain.len) {
			server->idle = 0;
			*content = plain;
			return TLS_DATA;
		}
		alert = count_idle(server);
		break;
	default:
		alert = TLS_UNEXPECTED_MESSAGE;
	}
	return alert == TLS_FINE ? TLS_HUNGRY : fail(server, alert, out);
}

/* Takes bytes until there are so many. */
static bool gather(u8 *to, size_t have, size_t want, struct http_text *in, size_t *taken)
{
	*taken = min_t(size_t, want - have, in->len);
	if (*taken)
		memcpy(to + have, in->at, *taken);
	in->at += *taken;
	in->len -= *taken;
	return have + *taken == want;
}

/* Of so many bytes in records with that many at most. */
static size_t cost_of(size_t len, size_t most)
{
	return len + (len / most + 1) * TLS_RECORD_COST;
}

size_t tls_server_answers(const struct tls_server *server)
{
	size_t most = server->config->chain_most ? server->config->chain_most : TLS_CHAIN_MAX;
	size_t apart;

	if (server->state > TLS_WAIT_SECOND_HELLO)
		return TLS_OUT_ROOM;
	/* The client may want it in records as small as can be. */
	apart = TLS_FLIGHT_CLEAR + cost_of(most + TLS_FLIGHT_SEALED, TLS_RECORD_LIMIT_MIN - 1);
	return apart > TLS_OUT_ROOM + most ? apart : TLS_OUT_ROOM + most;
}

enum tls_event tls_server_read(struct tls_server *server, struct http_text *in,
			       struct tls_out *out, struct http_text *data)
{
	enum tls_event event = TLS_HUNGRY;

	while (event == TLS_HUNGRY) {
		size_t len, taken;
		bool whole;
		u8 alert;

		if (server->state == TLS_CLOSED)
			return TLS_FAILED;
		if (server->state == TLS_HALF_CLOSED) {
			in->at += in->len;
			in->len = 0;
			return TLS_END;
		}
		if (server->state == TLS_WAIT_SIGNATURE)
			return TLS_SIGN;
		if (out->room - out->len < TLS_OUT_ROOM)
			return TLS_BLOCKED;
		if (server->in_header < TLS_RECORD_HEADER) {
			whole = gather(server->header, server->in_header, TLS_RECORD_HEADER, in,
				       &taken);
			server->in_header += taken;
			if (!whole)
				return TLS_HUNGRY;
			alert = check_header(server, tls_server_wants(server));
			if (alert != TLS_FINE)
				return fail(server, alert, out);
		}
		len = tls_server_wants(server);
		if (len > server->record_room)
			return TLS_WANTS_ROOM;
		whole = gather(server->record, server->in_record, len, in, &taken);
		server->in_record += taken;
		if (!whole)
			return TLS_HUNGRY;
		if (out->room - out->len < tls_server_answers(server))
			return TLS_BLOCKED;
		server->in_header = 0;
		server->in_record = 0;
		event = take_record(server, len, out, data);
	}
	return event;
}

void tls_server_sign(struct tls_sign_job *job, struct rsa_scratch *scratch)
{
	bool done;

	if (job->scheme == TLS_RSA_PKCS1_SHA256)
		done = rsa_sign_pkcs1(scratch, job->key, job->signature, job->digest);
	else
		done = rsa_sign_pss(scratch, job->key, job->signature, job->digest, job->salt);

	job->len = done ? rsa_size(job->key) : 0;
}

enum tls_event tls_server_signed(struct tls_server *server, const struct tls_sign_job *job,
				 struct tls_out *out)
{
	u8 alert;

	if (server->state != TLS_WAIT_SIGNATURE)
		return TLS_FAILED;
	alert = job->len ? tls_flight_signed(server, job, out) : TLS_INTERNAL_ERROR;
	return alert == TLS_FINE ? TLS_HUNGRY : fail(server, alert, out);
}

static bool is_key_old(const struct tls_server *server)
{
	u64 most = server->config->key_records;

	if (!most)
		most = is_1_2(server) ? TLS12_KEY_RECORDS : TLS_KEY_RECORDS;
	return server->out.sequence >= most;
}

size_t tls_server_cost(const struct tls_server *server, size_t len)
{
	size_t cost = cost_of(len, tls_half_most(&server->out));

	return is_key_old(server) ? cost + TLS_RECORD_COST + TLS_MESSAGE_HEADER + 1 : cost;
}

size_t tls_server_fits(const struct tls_server *server, size_t room)
{
	size_t most = tls_half_most(&server->out), whole = most + TLS_RECORD_COST;
	size_t rest;

	room -= tls_server_cost(server, 0) - TLS_RECORD_COST;
	rest = room % whole;
	return room / whole * most + (rest > TLS_RECORD_COST ? rest - TLS_RECORD_COST : 0);
}

bool tls_server_begin(struct tls_server *server, struct tls_out *out, size_t *start)
{
	if ((server->state != TLS_OPEN && server->state != TLS_HALF_CLOSED) || server->close_sent)
		return false;
	if (is_key_old(server) && (is_1_2(server) || !put_key_update(server, out)))
		return false;
	*start = tls_record_begin(&server->out, out);
	return true;
}

bool tls_server_finish(struct tls_server *server, struct tls_out *out, size_t start)
{
	return tls_record_finish(&server->out, out, start, TLS_APPLICATION_DATA);
}

void tls_server_close(struct tls_server *server, struct tls_out *out)
{
	if (server->close_sent || server->state == TLS_CLOSED ||
	    out->room - out->len < TLS_OUT_ROOM)
		return;
	put_alert(server, TLS_CLOSE_NOTIFY, out);
	server->close_sent = true;
}

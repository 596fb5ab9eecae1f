// SPDX-License-Identifier: GPL-2.0-only
#include "tls_12_flight.h"
#include "tls_12_record.h"
#include "tls_12_resume.h"
#include "tls_exchange.h"
#include "tls_keylog.h"
#include "tls_message.h"
#include "tls_staple.h"

/* RFC 8422, section 5.4. */
enum { NAMED_CURVE = 3 };

/*
 * RFC 8446, section 4.1.3: the end of our random number where TLS 1.3 could have been spoken. A
 * client that offered it sees that somebody has taken the offer away.
 */
static const u8 downgrade[] = "DOWNGRD\x01";

/* An identity of the suite's kind, with what signs for it; NULL: the client cannot verify it. */
static const struct tls_identity *find_identity(const struct tls_identities *found,
						const struct tls_suite *suite,
						const struct tls_hello *hello, u16 *scheme)
{
	if (suite->rsa) {
		*scheme = hello->rsa_pss ? TLS_RSA_PSS_RSAE_SHA256 : TLS_RSA_PKCS1_SHA256;
		return hello->rsa_pss || hello->rsa_pkcs1 ? found->rsa : NULL;
	}
	/* RFC 8422, section 5.3: the groups are those of certificates, too. */
	*scheme = TLS_ECDSA_P256_SHA256;
	return hello->ecdsa_p256 && hello->groups & BIT(TLS_GROUP_P256) ? found->ecdsa : NULL;
}

static u8 choose_protocol(struct tls_server *server, const struct tls_hello *hello)
{
	if (hello->alpn && !(hello->protocols & BIT(TLS_HTTP_1_1)))
		return TLS_NO_APPLICATION_PROTOCOL;
	server->protocol = hello->alpn;
	return TLS_FINE;
}

/* Suite, identity and group, by our preference; where a session goes on its own, and no others. */
static u8 negotiate(struct tls_server *server, const struct tls_hello *hello,
		    const struct tls_identity **identity)
{
	const struct tls_config *config = server->config;
	struct tls_identities found = config->find(config, hello->name);
	struct tls_arena *arena = server->arena;
	u8 alert;

	*identity = NULL;
	if (!found.ecdsa && !found.rsa)
		return TLS_UNRECOGNIZED_NAME;
	alert = tls12_resume(server, hello);
	if (alert != TLS_FINE)
		return alert;
	if (server->resumed)
		return choose_protocol(server, hello);
	for (int i = 0; i < TLS12_SUITES && !*identity; i++) {
		if (!(hello->old_suites & BIT(i)))
			continue;
		server->suite = &tls12_suites[i];
		*identity = find_identity(&found, server->suite, hello, &arena->tls12.scheme);
	}
	if (!*identity || !(hello->groups))
		return TLS_HANDSHAKE_FAILURE;
	for (int i = TLS_GROUPS - 1; i >= 0; i--)
		if (hello->groups & BIT(config->groups[i]))
			server->group = config->groups[i];
	return choose_protocol(server, hello);
}

static void make_random(struct tls12_schedule *schedule, const struct tls_hello *hello)
{
	u8 *own = schedule->randoms + TLS_RANDOM;
	size_t free_len = TLS_RANDOM - sizeof(downgrade) + 1;

	memcpy(schedule->randoms, hello->random, TLS_RANDOM);
	tls_random(own, free_len);
	memcpy(own + free_len, downgrade, sizeof(downgrade) - 1);
}

static void put_empty(struct tls_out *out, u16 type)
{
	tls_put(out, type, 2);
	tls_put(out, 0, 2);
}

static void write_hello(struct tls_server *server, const struct tls_hello *hello,
			struct tls_out *out)
{
	struct tls_arena *arena = server->arena;
	size_t message = tls_message_open(out, TLS_SERVER_HELLO);
	/* RFC 5077, section 3.4: by its own identifier a client sees that its session goes on. */
	size_t session = server->resumed ? hello->session.len : 0;
	size_t extensions;

	tls_put(out, TLS_1_2, 2);
	tls_put_bytes(out, arena->tls12.schedule.randoms + TLS_RANDOM, TLS_RANDOM);
	/* Else there is none: no session is kept. */
	tls_put(out, session, 1);
	tls_put_bytes(out, hello->session.at, session);
	tls_put(out, server->suite->code, 2);
	tls_put(out, 0, 1);
	extensions = tls_open_vector(out, 2);
	if (hello->renegotiation) {
		tls_put(out, TLS_RENEGOTIATION_INFO, 2);
		tls_put(out, 1, 2);
		tls_put(out, 0, 1);
	}
	/* RFC 6066, section 3: not where a session goes on, which is for that name alone. */
	if (hello->name.len && !server->resumed)
		put_empty(out, TLS_SERVER_NAME);
	if (server->stapled)
		put_empty(out, TLS_STATUS_REQUEST);
	if (hello->extended_master)
		put_empty(out, TLS_EXTENDED_MASTER_SECRET);
	if (arena->wants_ticket)
		put_empty(out, TLS_SESSION_TICKET);
	if (hello->point_formats) {
		tls_put(out, TLS_POINT_FORMATS, 2);
		tls_put(out, 2, 2);
		tls_put(out, 1, 1);
		tls_put(out, 0, 1);
	}
	if (server->protocol)
		tls_message_put_protocol(out);
	if (hello->record_limit)
		tls_message_put_record_limit(out, TLS_PLAIN_MAX);
	tls_close_vector(out, extensions, 2);
	/* Who has said nothing in extensions may not expect any. */
	if (out->len == extensions)
		out->len -= 2;
	tls_message_close(&arena->schedule, out, message);
}

/* An identity's list has extensions, which are those of TLS 1.3. */
static void write_certificate(struct tls_server *server, const struct tls_identity *identity,
			      struct tls_out *out)
{
	struct tls_in chain = { .at = identity->chain, .left = identity->chain_len };
	size_t message = tls_message_open(out, TLS_CERTIFICATE);
	size_t list = tls_open_vector(out, 3);

	while (chain.left) {
		struct tls_in one = tls_read_vector(&chain, 3, 0);

		tls_read_vector(&chain, 2, 0);
		tls_put(out, one.left, 3);
		tls_put_bytes(out, one.at, one.left);
	}
	tls_close_vector(out, list, 3);
	tls_message_close(&server->arena->schedule, out, message);
}

/* Of the first of them. */
static void write_status(struct tls_server *server, const struct tls_identity *identity,
			 struct tls_out *out)
{
	size_t message = tls_message_open(out, TLS_CERTIFICATE_STATUS);

	tls_staple_put(out, identity);
	tls_message_close(&server->arena->schedule, out, message);
}

static bool make_params(struct tls_server *server)
{
	struct tls12_handshake *tls12 = &server->arena->tls12;
	u16 code = tls_exchange_code(server->group);
	size_t len = tls_exchange_new(&server->arena->scratch, server->group, tls12->secret,
				      tls12->params + TLS12_PARAMS_HEAD);

	tls12->params[0] = NAMED_CURVE;
	tls12->params[1] = code >> 8;
	tls12->params[2] = (u8)code;
	tls12->params[3] = len;
	tls12->params_len = TLS12_PARAMS_HEAD + len;
	return len;
}

/* Of what is signed: both random numbers, and the exchange's parameters. */
static void hash_signed(const struct tls12_handshake *tls12, u8 *digest)
{
	struct tls_hash hash;

	tls_hash_init(&hash, TLS_SHA256);
	tls_hash_update(&hash, tls12->schedule.randoms, sizeof(tls12->schedule.randoms));
	tls_hash_update(&hash, tls12->params, tls12->params_len);
	tls_hash_final(&hash, digest);
}

/* ServerKeyExchange and ServerHelloDone, and the end of the record. */
static u8 write_exchange(struct tls_server *server, const u8 *signature, size_t len,
			 struct tls_out *out, size_t record)
{
	struct tls_arena *arena = server->arena;
	size_t message = tls_message_open(out, TLS_SERVER_KEY_EXCHANGE);

	tls_put_bytes(out, arena->tls12.params, arena->tls12.params_len);
	tls_put(out, arena->tls12.scheme, 2);
	tls_put(out, len, 2);
	tls_put_bytes(out, signature, len);
	tls_message_close(&arena->schedule, out, message);
	message = tls_message_open(out, TLS_SERVER_HELLO_DONE);
	tls_message_close(&arena->schedule, out, message);
	server->state = TLS_WAIT_KEY_EXCHANGE;
	return tls_record_finish(&server->out, out, record, TLS_HANDSHAKE) ? TLS_FINE :
									    TLS_INTERNAL_ERROR;
}

static u8 sign(struct tls_server *server, const struct tls_identity *identity,
	       struct tls_out *out, size_t record)
{
	u8 digest[TLS_HASH_MAX], random[P256_BYTES], signature[P256_SIGNATURE_MAX];
	size_t len;

	hash_signed(&server->arena->tls12, digest);
	tls_random(random, sizeof(random));
	len = p256_sign(&server->arena->scratch, signature, identity->key, digest, random);
	memzero_explicit(random, sizeof(random));
	if (len)
		return write_exchange(server, signature, len, out, record);
	out->len = record;
	return TLS_INTERNAL_ERROR;
}

/* What a side's Finished says behind the messages so far. */
static void make_verify(struct tls_server *server, bool client, u8 *verify)
{
	struct tls_arena *arena = server->arena;
	u8 hash[TLS_HASH_MAX];

	tls_schedule_hash(&arena->schedule, hash);
	tls12_schedule_finished(&arena->tls12.schedule, server->suite->hash, client, hash, verify);
}

/* The change of keys, and our Finished. */
static bool write_finished(struct tls_server *server, struct tls_out *out)
{
	struct tls_arena *arena = server->arena;
	size_t record = tls_record_begin(&server->out, out);
	u8 verify[TLS12_VERIFY];
	size_t message;

	tls_put(out, 1, 1);
	if (!tls_record_finish(&server->out, out, record, TLS_CHANGE_CIPHER_SPEC) ||
	    !tls12_half_set(&server->out, server->suite, arena->tls12.schedule.keys, false))
		return false;
	make_verify(server, false, verify);
	record = tls_record_begin(&server->out, out);
	message = tls_message_open(out, TLS_FINISHED);
	tls_put_bytes(out, verify, sizeof(verify));
	tls_message_close(&arena->schedule, out, message);
	return tls_record_finish(&server->out, out, record, TLS_HANDSHAKE);
}

/* A session goes on: our Finished comes first. */
static u8 go_on(struct tls_server *server, const struct tls_hello *hello, struct tls_out *out)
{
	struct tls_arena *arena = server->arena;
	size_t record = tls_record_begin(&server->out, out);

	tls12_schedule_again(&arena->tls12.schedule, server->suite);
	tls_keylog_master(server);
	write_hello(server, hello, out);
	if (arena->wants_ticket)
		tls12_put_ticket(server, out);
	if (!tls_record_finish(&server->out, out, record, TLS_HANDSHAKE) ||
	    !write_finished(server, out))
		return TLS_INTERNAL_ERROR;
	server->state = TLS_WAIT_CHANGE;
	return TLS_FINE;
}

u8 tls12_flight(struct tls_server *server, const struct tls_hello *hello, const u8 *message,
		size_t len, struct tls_out *out)
{
	const struct tls_config *config = server->config;
	struct tls_arena *arena = server->arena;
	struct tls12_handshake *tls12 = &arena->tls12;
	const struct tls_identity *identity;
	size_t record;
	u8 alert;

	if (config->min_version > TLS_1_2)
		return TLS_PROTOCOL_VERSION;
	if (hello->fallback)
		return TLS_INAPPROPRIATE_FALLBACK;
	alert = negotiate(server, hello, &identity);
	if (alert != TLS_FINE)
		return alert;
	if (!server->resumed && config->admit && !config->admit(server))
		return TLS_HANDSHAKE_FAILURE;
	if (config->named)
		config->named(server, hello->name);
	tls_schedule_init(&arena->schedule, server->suite->hash);
	tls_schedule_add(&arena->schedule, message, len);
	tls12->extended = hello->extended_master;
	server->out.most = min_t(u16, hello->record_limit, TLS_PLAIN_MAX);
	make_random(&tls12->schedule, hello);
	if (server->resumed)
		return go_on(server, hello, out);
	if (!make_params(server))
		return TLS_INTERNAL_ERROR;
	server->stapled = tls_staple_due(server, hello, identity);
	record = tls_record_begin(&server->out, out);
	write_hello(server, hello, out);
	write_certificate(server, identity, out);
	if (server->stapled)
		write_status(server, identity, out);
	if (!identity->rsa)
		return sign(server, identity, out, record);
	arena->job.key = identity->rsa;
	arena->job.scheme = tls12->scheme;
	arena->job.len = 0;
	hash_signed(tls12, arena->job.digest);
	tls_random(arena->job.salt, sizeof(arena->job.salt));
	server->state = TLS_WAIT_SIGNATURE;
	return tls_record_finish(&server->out, out, record, TLS_HANDSHAKE) ? TLS_FINE :
									    TLS_INTERNAL_ERROR;
}

u8 tls12_flight_signed(struct tls_server *server, const struct tls_sign_job *job,
		       struct tls_out *out)
{
	return write_exchange(server, job->signature, job->len, out,
			      tls_record_begin(&server->out, out));
}

u8 tls12_take_key_exchange(struct tls_server *server, const u8 *message, size_t len)
{
	struct tls_in in = { .at = message + TLS_MESSAGE_HEADER, .left = len - TLS_MESSAGE_HEADER };
	struct tls_arena *arena = server->arena;
	struct tls12_handshake *tls12 = &arena->tls12;
	struct tls_in point = tls_read_vector(&in, 1, 1);
	u8 shared[TLS_EXCHANGE_SECRET], session[TLS_HASH_MAX];
	bool done;

	if (in.bad || in.left)
		return TLS_DECODE_ERROR;
	done = tls_exchange_shared(&arena->scratch, server->group, shared, tls12->secret,
				   point.at, point.left);
	memzero_explicit(tls12->secret, sizeof(tls12->secret));
	if (done) {
		tls_schedule_add(&arena->schedule, message, len);
		tls_schedule_hash(&arena->schedule, session);
		tls12_schedule_keys(&tls12->schedule, server->suite, shared, sizeof(shared),
				    tls12->extended ? session : NULL);
		tls_keylog_master(server);
	}
	memzero_explicit(shared, sizeof(shared));
	server->state = TLS_WAIT_CHANGE;
	return done ? TLS_FINE : TLS_ILLEGAL_PARAMETER;
}

u8 tls12_take_change(struct tls_server *server)
{
	server->state = TLS_WAIT_FINISHED;
	return tls12_half_set(&server->in, server->suite, server->arena->tls12.schedule.keys,
			      true) ? TLS_FINE : TLS_INTERNAL_ERROR;
}

u8 tls12_take_finished(struct tls_server *server, const u8 *message, struct tls_out *out)
{
	struct tls_arena *arena = server->arena;
	u8 verify[TLS12_VERIFY];
	size_t record;
	bool right;

	make_verify(server, true, verify);
	right = tls_equal(message + TLS_MESSAGE_HEADER, verify, sizeof(verify));
	tls_declassify(&right, sizeof(right));
	if (!right)
		return TLS_DECRYPT_ERROR;
	if (server->resumed)
		return TLS_FINE;
	tls_schedule_add(&arena->schedule, message, TLS_MESSAGE_HEADER + TLS12_VERIFY);
	if (arena->wants_ticket) {
		record = tls_record_begin(&server->out, out);
		tls12_put_ticket(server, out);
		if (!tls_record_finish(&server->out, out, record, TLS_HANDSHAKE))
			return TLS_INTERNAL_ERROR;
	}
	return write_finished(server, out) ? TLS_FINE : TLS_INTERNAL_ERROR;
}

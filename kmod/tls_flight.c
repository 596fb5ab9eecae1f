// SPDX-License-Identifier: GPL-2.0-only
#include "tls_12_flight.h"
#include "tls_exchange.h"
#include "tls_flight.h"
#include "tls_keylog.h"
#include "tls_message.h"
#include "tls_resume.h"
#include "tls_staple.h"

/* RFC 8446, section 4.1.3: a ServerHello with this for a random number is a HelloRetryRequest. */
static const u8 retry_random[TLS_RANDOM] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8,
	0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8,
	0x33, 0x9c,
};

/**
 * struct share - our part of an exchange
 * @public: our public key
 * @public_len: how many bytes
 * @shared: the secret that both know then
 */
struct share {
	u8 public[TLS_EXCHANGE_PUBLIC_MAX];
	u8 public_len;
	u8 shared[TLS_EXCHANGE_SECRET];
};

/* Suite and group, by our preference. The group may be one that the client sent no key for. */
static u8 negotiate(struct tls_server *server, const struct tls_hello *hello)
{
	const struct tls_config *config = server->config;
	int group = -1;
	int suite = 0;

	while (suite < TLS_SUITES && !(hello->suites & BIT(suite)))
		suite++;
	if (suite == TLS_SUITES)
		return TLS_HANDSHAKE_FAILURE;
	/* A group with a key comes before one without: it saves a round trip. */
	for (int i = TLS_GROUPS - 1; i >= 0; i--)
		if (hello->groups & BIT(config->groups[i]))
			group = config->groups[i];
	for (int i = TLS_GROUPS - 1; i >= 0; i--)
		if (hello->shares[config->groups[i]])
			group = config->groups[i];
	if (group < 0)
		return TLS_HANDSHAKE_FAILURE;
	if (hello->alpn && !(hello->protocols & BIT(TLS_HTTP_1_1)))
		return TLS_NO_APPLICATION_PROTOCOL;
	server->suite = &tls_suites[suite];
	server->group = group;
	server->protocol = hello->alpn;
	return TLS_FINE;
}

/* Section 4.1.2: what a client may change between its hellos is little. */
static u8 check_second(const struct tls_server *server, const struct tls_hello *hello,
		       const struct tls_suite *suite, u8 group)
{
	const struct tls_arena *arena = server->arena;

	if (memcmp(arena->random, hello->random, TLS_RANDOM) ||
	    arena->session_len != hello->session.len ||
	    memcmp(arena->session, hello->session.at, arena->session_len) ||
	    suite != server->suite || group != server->group || hello->early_data ||
	    hello->n_shares != arena->n_shares || !hello->shares[group])
		return TLS_ILLEGAL_PARAMETER;
	if (!server->cookie)
		return TLS_FINE;
	if (!hello->cookie.len)
		return TLS_MISSING_EXTENSION;
	if (hello->cookie.len != sizeof(arena->cookie) ||
	    !tls_equal(hello->cookie.at, arena->cookie, sizeof(arena->cookie)))
		return TLS_ILLEGAL_PARAMETER;
	return TLS_FINE;
}

/* TLS_FINE, or the alert that is due. */
static u8 exchange(struct tls_server *server, struct share *share, const struct tls_hello *hello)
{
	u8 group = server->group;

	if (tls_exchange_both(&server->arena->scratch, group, share->public, &share->public_len,
			      share->shared, hello->shares[group]))
		return TLS_FINE;
	return share->public_len ? TLS_ILLEGAL_PARAMETER : TLS_INTERNAL_ERROR;
}

/* A ServerHello; without a share, a HelloRetryRequest. */
static bool write_hello(struct tls_server *server, const struct tls_hello *hello,
			const struct share *share, struct tls_out *out)
{
	struct tls_arena *arena = server->arena;
	size_t record = tls_record_begin(&server->out, out);
	size_t message = tls_message_open(out, TLS_SERVER_HELLO);
	size_t extensions, key;
	u8 random[TLS_RANDOM];

	tls_put(out, TLS_1_2, 2);
	if (share)
		tls_random(random, sizeof(random));
	tls_put_bytes(out, share ? random : retry_random, TLS_RANDOM);
	tls_put(out, hello->session.len, 1);
	tls_put_bytes(out, hello->session.at, hello->session.len);
	tls_put(out, server->suite->code, 2);
	tls_put(out, 0, 1);
	extensions = tls_open_vector(out, 2);
	if (share && server->resumed) {
		tls_put(out, TLS_PRE_SHARED_KEY, 2);
		tls_put(out, 2, 2);
		tls_put(out, arena->selected, 2);
	}
	/* A retry asks for a key only if it was not there. */
	if (share || !hello->shares[server->group]) {
		tls_put(out, TLS_KEY_SHARE, 2);
		key = tls_open_vector(out, 2);
		tls_put(out, tls_exchange_code(server->group), 2);
		if (share) {
			tls_put(out, share->public_len, 2);
			tls_put_bytes(out, share->public, share->public_len);
		}
		tls_close_vector(out, key, 2);
	}
	if (!share && server->cookie) {
		tls_put(out, TLS_COOKIE, 2);
		tls_put(out, 2 + sizeof(arena->cookie), 2);
		tls_put(out, sizeof(arena->cookie), 2);
		tls_put_bytes(out, arena->cookie, sizeof(arena->cookie));
	}
	tls_put(out, TLS_SUPPORTED_VERSIONS, 2);
	tls_put(out, 2, 2);
	tls_put(out, TLS_1_3, 2);
	tls_close_vector(out, extensions, 2);
	tls_message_close(&arena->schedule, out, message);
	if (!tls_record_finish(&server->out, out, record, TLS_HANDSHAKE))
		return false;
	/* Appendix D.4: for what stands between, and only if the client plays along. */
	if (hello->session.len && !server->sent_compat) {
		record = tls_record_begin(&server->out, out);
		tls_put(out, 1, 1);
		server->sent_compat = true;
		return tls_record_finish(&server->out, out, record, TLS_CHANGE_CIPHER_SPEC);
	}
	return true;
}

static void write_extensions(struct tls_server *server, const struct tls_hello *hello,
			     struct tls_out *out)
{
	size_t message = tls_message_open(out, TLS_ENCRYPTED_EXTENSIONS);
	size_t extensions = tls_open_vector(out, 2);

	if (hello->name.len) {
		tls_put(out, TLS_SERVER_NAME, 2);
		tls_put(out, 0, 2);
	}
	if (server->protocol)
		tls_message_put_protocol(out);
	/* RFC 8449: with the type. */
	if (hello->record_limit)
		tls_message_put_record_limit(out, TLS_PLAIN_MAX + 1);
	tls_close_vector(out, extensions, 2);
	tls_message_close(&server->arena->schedule, out, message);
}

/* With the status of the first of the chain, if that is due, in the place of its extensions. */
static void write_chain(struct tls_server *server, const struct tls_hello *hello,
			const struct tls_identity *identity, struct tls_out *out)
{
	struct tls_in chain = { .at = identity->chain, .left = identity->chain_len };
	size_t first, extensions, status;

	if (!tls_staple_due(server, hello, identity)) {
		tls_put_bytes(out, chain.at, chain.left);
		return;
	}
	tls_read_vector(&chain, 3, 0);
	first = chain.at - identity->chain;
	tls_read_vector(&chain, 2, 0);
	tls_put_bytes(out, identity->chain, first);
	extensions = tls_open_vector(out, 2);
	tls_put(out, TLS_STATUS_REQUEST, 2);
	status = tls_open_vector(out, 2);
	tls_staple_put(out, identity);
	tls_close_vector(out, status, 2);
	tls_close_vector(out, extensions, 2);
	tls_put_bytes(out, chain.at, chain.left);
	server->stapled = true;
}

static void write_certificate(struct tls_server *server, const struct tls_hello *hello,
			      const struct tls_identity *identity, struct tls_out *out)
{
	size_t message = tls_message_open(out, TLS_CERTIFICATE);
	size_t chain;

	tls_put(out, 0, 1);
	chain = tls_open_vector(out, 3);
	write_chain(server, hello, identity, out);
	tls_close_vector(out, chain, 3);
	tls_message_close(&server->arena->schedule, out, message);
}

/* Of what a CertificateVerify signs. */
static void hash_signed(struct tls_server *server, u8 *digest)
{
	static const char context[] = "TLS 1.3, server CertificateVerify";
	u8 hash[TLS_HASH_MAX], spaces[64];
	struct tls_hash signed_hash;

	tls_schedule_hash(&server->arena->schedule, hash);
	memset(spaces, ' ', sizeof(spaces));
	tls_hash_init(&signed_hash, TLS_SHA256);
	tls_hash_update(&signed_hash, spaces, sizeof(spaces));
	/* And the 0 that ends it. */
	tls_hash_update(&signed_hash, context, sizeof(context));
	tls_hash_update(&signed_hash, hash, tls_hash_size(server->suite->hash));
	tls_hash_final(&signed_hash, digest);
}

static void write_verify(struct tls_server *server, u16 scheme, const u8 *signature, size_t len,
			 struct tls_out *out)
{
	size_t message = tls_message_open(out, TLS_CERTIFICATE_VERIFY);

	tls_put(out, scheme, 2);
	tls_put(out, len, 2);
	tls_put_bytes(out, signature, len);
	tls_message_close(&server->arena->schedule, out, message);
}

/* Signs at once: that is what P-256 is quick enough for. */
static bool sign(struct tls_server *server, const struct tls_identity *identity,
		 struct tls_out *out)
{
	u8 digest[TLS_HASH_MAX], random[P256_BYTES], signature[P256_SIGNATURE_MAX];
	size_t len;

	hash_signed(server, digest);
	tls_random(random, sizeof(random));
	len = p256_sign(&server->arena->scratch, signature, identity->key, digest, random);
	memzero_explicit(random, sizeof(random));
	write_verify(server, TLS_ECDSA_P256_SHA256, signature, len, out);
	return len;
}

static void prepare_job(struct tls_server *server, const struct rsa_key *key)
{
	struct tls_sign_job *job = &server->arena->job;

	job->key = key;
	job->scheme = TLS_RSA_PSS_RSAE_SHA256;
	job->len = 0;
	hash_signed(server, job->digest);
	tls_random(job->salt, sizeof(job->salt));
}

static void write_finished(struct tls_server *server, struct tls_out *out)
{
	struct tls_schedule *schedule = &server->arena->schedule;
	u8 verify[TLS_HASH_MAX], hash[TLS_HASH_MAX];
	size_t message;

	tls_schedule_hash(schedule, hash);
	tls_schedule_finished(&schedule->server.key, hash, verify);
	message = tls_message_open(out, TLS_FINISHED);
	tls_put_bytes(out, verify, tls_hash_size(server->suite->hash));
	tls_message_close(schedule, out, message);
}

/* Finished, and the end of the record. */
static bool write_end(struct tls_server *server, struct tls_out *out, size_t record)
{
	struct tls_schedule *schedule = &server->arena->schedule;
	u8 hash[TLS_HASH_MAX];

	write_finished(server, out);
	tls_schedule_hash(schedule, hash);
	/* Before the client's traffic secret gives way to the next one. */
	tls_schedule_finished(&schedule->client.key, hash, server->arena->verify);
	if (!tls_record_finish(&server->out, out, record, TLS_HANDSHAKE))
		return false;
	tls_schedule_application(schedule, hash);
	tls_keylog_traffic(server, false);
	server->state = TLS_WAIT_FINISHED;
	return tls_half_set(&server->out, server->suite, &schedule->server);
}

/*
 * From EncryptedExtensions on, in one record; with an identity of RSA, the first one of two. No
 * identity: none is needed.
 */
static bool write_rest(struct tls_server *server, const struct tls_hello *hello,
		       const struct tls_identity *identity, struct tls_out *out)
{
	size_t record = tls_record_begin(&server->out, out);

	write_extensions(server, hello, out);
	if (!identity)
		return write_end(server, out, record);
	write_certificate(server, hello, identity, out);
	if (identity->rsa) {
		prepare_job(server, identity->rsa);
		server->state = TLS_WAIT_SIGNATURE;
		return tls_record_finish(&server->out, out, record, TLS_HANDSHAKE);
	}
	if (!sign(server, identity, out)) {
		/* What was to be encrypted is not sent as it is. */
		out->len = record;
		return false;
	}
	return write_end(server, out, record);
}

u8 tls_flight_signed(struct tls_server *server, const struct tls_sign_job *job,
		     struct tls_out *out)
{
	size_t record;

	if (server->suite->tls_1_2)
		return tls12_flight_signed(server, job, out);
	record = tls_record_begin(&server->out, out);
	write_verify(server, TLS_RSA_PSS_RSAE_SHA256, job->signature, job->len, out);
	return write_end(server, out, record) ? TLS_FINE : TLS_INTERNAL_ERROR;
}

/* The one of them whose signature the client can verify; where a session goes on, none. */
static u8 choose_identity(const struct tls_server *server, const struct tls_hello *hello,
			  const struct tls_identity **chosen)
{
	struct tls_identities found = server->config->find(server->config, hello->name);

	*chosen = NULL;
	if (!found.ecdsa && !found.rsa)
		return TLS_UNRECOGNIZED_NAME;
	if (server->resumed)
		return TLS_FINE;
	if (!hello->schemes)
		return TLS_MISSING_EXTENSION;
	if (hello->ecdsa_p256 && found.ecdsa)
		*chosen = found.ecdsa;
	else if (hello->rsa_pss)
		*chosen = found.rsa;
	return *chosen ? TLS_FINE : TLS_HANDSHAKE_FAILURE;
}

static u8 retry(struct tls_server *server, const struct tls_hello *hello, struct tls_out *out)
{
	struct tls_arena *arena = server->arena;
	const struct tls_identity *identity;
	u8 alert;

	/* Not for who can verify nothing of ours; with a ticket it is seen later if that counts. */
	alert = hello->identities.left ? TLS_FINE : choose_identity(server, hello, &identity);
	if (alert != TLS_FINE)
		return alert;
	memcpy(arena->random, hello->random, TLS_RANDOM);
	arena->session_len = hello->session.len;
	if (hello->session.len)
		memcpy(arena->session, hello->session.at, hello->session.len);
	arena->n_shares = hello->shares[server->group] ? hello->n_shares : 1;
	if (server->cookie)
		tls_random(arena->cookie, sizeof(arena->cookie));
	tls_schedule_retry(&arena->schedule);
	server->state = TLS_WAIT_SECOND_HELLO;
	return write_hello(server, hello, NULL, out) ? TLS_FINE : TLS_INTERNAL_ERROR;
}

static u8 answer(struct tls_server *server, const struct tls_hello *hello, struct tls_out *out)
{
	struct tls_schedule *schedule = &server->arena->schedule;
	const struct tls_identity *identity;
	struct share share;
	bool done;
	u8 alert;

	alert = choose_identity(server, hello, &identity);
	if (alert != TLS_FINE)
		return alert;
	if (!server->resumed && server->config->admit && !server->config->admit(server))
		return TLS_HANDSHAKE_FAILURE;
	if (server->config->named)
		server->config->named(server, hello->name);
	alert = exchange(server, &share, hello);
	if (alert != TLS_FINE)
		return alert;
	done = write_hello(server, hello, &share, out);
	tls_schedule_handshake(schedule, share.shared, sizeof(share.shared));
	tls_keylog_hello(server, hello);
	tls_keylog_traffic(server, true);
	memzero_explicit(&share, sizeof(share));
	done = done && tls_half_set(&server->out, server->suite, &schedule->server) &&
	       tls_half_set(&server->in, server->suite, &schedule->client) &&
	       write_rest(server, hello, identity, out);
	return done ? TLS_FINE : TLS_INTERNAL_ERROR;
}

u8 tls_flight(struct tls_server *server, const u8 *message, size_t len, struct tls_out *out)
{
	struct tls_schedule *schedule = &server->arena->schedule;
	bool second = server->state == TLS_WAIT_SECOND_HELLO;
	const struct tls_suite *suite = server->suite;
	u8 group = server->group;
	struct http_text body = {
		.at = message + TLS_MESSAGE_HEADER, .len = len - TLS_MESSAGE_HEADER,
	};
	struct tls_hello hello;
	size_t partial;
	bool ready;
	u8 alert;

	alert = tls_hello_read(&hello, body.at, body.len);
	if (alert == TLS_FINE && !second && server->config->greeted &&
	    !server->config->greeted(server, body))
		return TLS_HANDSHAKE_FAILURE;
	if (alert == TLS_FINE && !hello.tls_1_3)
		return second ? TLS_ILLEGAL_PARAMETER :
				tls12_flight(server, &hello, message, len, out);
	if (alert == TLS_FINE)
		alert = negotiate(server, &hello);
	if (alert == TLS_FINE && second)
		alert = check_second(server, &hello, suite, group);
	if (alert != TLS_FINE)
		return alert;
	if (!second)
		tls_schedule_init(schedule, server->suite->hash);
	partial = TLS_MESSAGE_HEADER + hello.partial;
	tls_schedule_add(schedule, message, partial);
	ready = hello.shares[server->group] && (second || !server->cookie);
	if (ready)
		alert = tls_resume(server, &hello);
	if (alert != TLS_FINE)
		return alert;
	tls_schedule_add(schedule, message + partial, len - partial);
	/* One byte of it is the type's. */
	server->out.most = hello.record_limit ?
			   min_t(u16, hello.record_limit - 1, TLS_PLAIN_MAX) : 0;
	server->skip = hello.early_data ? TLS_PLAIN_MAX : 0;
	return ready ? answer(server, &hello, out) : retry(server, &hello, out);
}

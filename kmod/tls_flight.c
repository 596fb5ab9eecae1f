// SPDX-License-Identifier: GPL-2.0-only
#include "tls_flight.h"

/* RFC 8446, section 4.1.3: a ServerHello with this for a random number is a HelloRetryRequest. */
static const u8 retry_random[TLS_RANDOM] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8,
	0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8,
	0x33, 0x9c,
};

static const u16 group_codes[] = {
	[TLS_GROUP_X25519] = TLS_X25519, [TLS_GROUP_P256] = TLS_P256,
};

/**
 * struct share - our part of an exchange
 * @public: our public key
 * @public_len: how many bytes
 * @shared: the secret that both know then; X25519 and P-256 have them of the same length
 */
struct share {
	u8 public[P256_PUBLIC];
	u8 public_len;
	u8 shared[P256_BYTES];
};

static size_t open_message(struct tls_out *out, u8 type)
{
	tls_put(out, type, 1);
	return tls_open_vector(out, 3);
}

/* Ends it, and adds it to the transcript. */
static void close_message(struct tls_schedule *schedule, struct tls_out *out, size_t start)
{
	tls_close_vector(out, start, 3);
	if (!out->full)
		tls_schedule_add(schedule, out->at + start - TLS_MESSAGE_HEADER,
				 out->len - start + TLS_MESSAGE_HEADER);
}

/* Suite and group, by our preference. The group may be one that the client sent no key for. */
static u8 negotiate(struct tls_server *server, const struct tls_hello *hello)
{
	const struct tls_config *config = server->config;
	int group = -1;
	int suite = 0;

	while (suite < TLS_SUITES && !(hello->suites & BIT(suite)))
		suite++;
	if (suite == TLS_SUITES || !hello->ecdsa_p256)
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
	    hello->n_shares != 1 || !hello->shares[group])
		return TLS_ILLEGAL_PARAMETER;
	return TLS_FINE;
}

/* A secret of P-256 is a random number that one in 2^32 is not: eight in a row are no accident. */
static bool exchange_p256(struct p256_scratch *scratch, struct share *share, const u8 *peer,
			  u8 *alert)
{
	u8 secret[P256_BYTES];
	bool done = false;

	*alert = TLS_INTERNAL_ERROR;
	for (int tries = 0; tries < 8 && !done; tries++) {
		tls_random(secret, sizeof(secret));
		done = p256_public(scratch, share->public, secret);
	}
	if (done && !p256_shared(scratch, share->shared, secret, peer)) {
		*alert = TLS_ILLEGAL_PARAMETER;
		done = false;
	}
	share->public_len = P256_PUBLIC;
	memzero_explicit(secret, sizeof(secret));
	return done;
}

static bool exchange_x25519(struct share *share, const u8 *peer, u8 *alert)
{
	u8 secret[X25519_BYTES];
	bool done;

	*alert = TLS_ILLEGAL_PARAMETER;
	tls_random(secret, sizeof(secret));
	tls_x25519_public(share->public, secret);
	done = tls_x25519_shared(share->shared, secret, peer);
	share->public_len = X25519_BYTES;
	memzero_explicit(secret, sizeof(secret));
	return done;
}

/* A ServerHello; without a share, a HelloRetryRequest. */
static bool write_hello(struct tls_server *server, const struct tls_hello *hello,
			const struct share *share, struct tls_out *out)
{
	size_t record = tls_record_begin(out);
	size_t message = open_message(out, TLS_SERVER_HELLO);
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
	tls_put(out, TLS_KEY_SHARE, 2);
	key = tls_open_vector(out, 2);
	tls_put(out, group_codes[server->group], 2);
	if (share) {
		tls_put(out, share->public_len, 2);
		tls_put_bytes(out, share->public, share->public_len);
	}
	tls_close_vector(out, key, 2);
	tls_put(out, TLS_SUPPORTED_VERSIONS, 2);
	tls_put(out, 2, 2);
	tls_put(out, TLS_1_3, 2);
	tls_close_vector(out, extensions, 2);
	close_message(&server->arena->schedule, out, message);
	if (!tls_record_finish(&server->out, out, record, TLS_HANDSHAKE))
		return false;
	/* Appendix D.4: for what stands between, and only if the client plays along. */
	if (hello->session.len && !server->sent_compat) {
		record = tls_record_begin(out);
		tls_put(out, 1, 1);
		server->sent_compat = true;
		return tls_record_finish(&server->out, out, record, TLS_CHANGE_CIPHER_SPEC);
	}
	return true;
}

static void write_extensions(struct tls_server *server, const struct tls_hello *hello,
			     struct tls_out *out)
{
	static const char http_1_1[] = "\x08http/1.1";
	size_t message = open_message(out, TLS_ENCRYPTED_EXTENSIONS);
	size_t extensions = tls_open_vector(out, 2);

	if (hello->name.len) {
		tls_put(out, TLS_SERVER_NAME, 2);
		tls_put(out, 0, 2);
	}
	if (server->protocol) {
		tls_put(out, TLS_ALPN, 2);
		tls_put(out, sizeof(http_1_1) - 1 + 2, 2);
		tls_put(out, sizeof(http_1_1) - 1, 2);
		tls_put_bytes(out, http_1_1, sizeof(http_1_1) - 1);
	}
	tls_close_vector(out, extensions, 2);
	close_message(&server->arena->schedule, out, message);
}

static void write_certificate(struct tls_server *server, const struct tls_identity *identity,
			      struct tls_out *out)
{
	size_t message = open_message(out, TLS_CERTIFICATE);

	tls_put(out, 0, 1);
	tls_put(out, identity->chain_len, 3);
	tls_put_bytes(out, identity->chain, identity->chain_len);
	close_message(&server->arena->schedule, out, message);
}

static bool write_verify(struct tls_server *server, const struct tls_identity *identity,
			 struct tls_out *out)
{
	static const char context[] = "TLS 1.3, server CertificateVerify";
	struct tls_arena *arena = server->arena;
	u8 hash[TLS_HASH_MAX], spaces[64], random[P256_BYTES], signature[P256_SIGNATURE_MAX];
	struct tls_hash signed_hash;
	size_t message, len;

	tls_schedule_hash(&arena->schedule, hash);
	memset(spaces, ' ', sizeof(spaces));
	tls_hash_init(&signed_hash, TLS_SHA256);
	tls_hash_update(&signed_hash, spaces, sizeof(spaces));
	/* And the 0 that ends it. */
	tls_hash_update(&signed_hash, context, sizeof(context));
	tls_hash_update(&signed_hash, hash, tls_hash_size(server->suite->hash));
	tls_hash_final(&signed_hash, hash);
	tls_random(random, sizeof(random));
	len = p256_sign(&arena->scratch, signature, identity->key, hash, random);
	memzero_explicit(random, sizeof(random));
	message = open_message(out, TLS_CERTIFICATE_VERIFY);
	tls_put(out, TLS_ECDSA_P256_SHA256, 2);
	tls_put(out, len, 2);
	tls_put_bytes(out, signature, len);
	close_message(&arena->schedule, out, message);
	return len;
}

static void write_finished(struct tls_server *server, struct tls_out *out)
{
	struct tls_schedule *schedule = &server->arena->schedule;
	u8 verify[TLS_HASH_MAX];
	size_t message;

	tls_schedule_finished(schedule, schedule->server, verify);
	message = open_message(out, TLS_FINISHED);
	tls_put_bytes(out, verify, tls_hash_size(server->suite->hash));
	close_message(schedule, out, message);
}

/* From EncryptedExtensions on, in one record. */
static bool write_rest(struct tls_server *server, const struct tls_hello *hello,
		       const struct tls_identity *identity, struct tls_out *out)
{
	struct tls_schedule *schedule = &server->arena->schedule;
	size_t record = tls_record_begin(out);

	write_extensions(server, hello, out);
	write_certificate(server, identity, out);
	if (!write_verify(server, identity, out)) {
		/* What was to be encrypted is not sent as it is. */
		out->len = record;
		return false;
	}
	write_finished(server, out);
	/* Before the client's traffic secret gives way to the next one. */
	tls_schedule_finished(schedule, schedule->client, server->arena->verify);
	if (!tls_record_finish(&server->out, out, record, TLS_HANDSHAKE))
		return false;
	tls_schedule_application(schedule);
	return tls_half_set(&server->out, server->suite, schedule->server);
}

static u8 retry(struct tls_server *server, const struct tls_hello *hello, struct tls_out *out)
{
	struct tls_arena *arena = server->arena;

	memcpy(arena->random, hello->random, TLS_RANDOM);
	arena->session_len = hello->session.len;
	if (hello->session.len)
		memcpy(arena->session, hello->session.at, hello->session.len);
	tls_schedule_retry(&arena->schedule);
	server->state = TLS_WAIT_SECOND_HELLO;
	return write_hello(server, hello, NULL, out) ? TLS_FINE : TLS_INTERNAL_ERROR;
}

static u8 answer(struct tls_server *server, const struct tls_hello *hello, struct tls_out *out)
{
	const struct tls_identity *identity = server->config->find(server->config, hello->name);
	struct tls_schedule *schedule = &server->arena->schedule;
	const u8 *peer = hello->shares[server->group];
	struct share share;
	u8 alert;
	bool done;

	if (!identity)
		return TLS_UNRECOGNIZED_NAME;
	if (server->group == TLS_GROUP_P256)
		done = exchange_p256(&server->arena->scratch, &share, peer, &alert);
	else
		done = exchange_x25519(&share, peer, &alert);
	if (!done)
		return alert;
	done = write_hello(server, hello, &share, out);
	tls_schedule_handshake(schedule, share.shared, sizeof(share.shared));
	memzero_explicit(&share, sizeof(share));
	done = done && tls_half_set(&server->out, server->suite, schedule->server) &&
	       tls_half_set(&server->in, server->suite, schedule->client) &&
	       write_rest(server, hello, identity, out);
	server->state = TLS_WAIT_FINISHED;
	return done ? TLS_FINE : TLS_INTERNAL_ERROR;
}

u8 tls_flight(struct tls_server *server, const u8 *message, size_t len, struct tls_out *out)
{
	struct tls_schedule *schedule = &server->arena->schedule;
	bool second = server->state == TLS_WAIT_SECOND_HELLO;
	const struct tls_suite *suite = server->suite;
	u8 group = server->group;
	struct tls_hello hello;
	u8 alert;

	alert = tls_hello_read(&hello, message + TLS_MESSAGE_HEADER, len - TLS_MESSAGE_HEADER);
	if (alert == TLS_FINE)
		alert = negotiate(server, &hello);
	if (alert == TLS_FINE && second)
		alert = check_second(server, &hello, suite, group);
	if (alert != TLS_FINE)
		return alert;
	if (!second)
		tls_schedule_init(schedule, server->suite->hash);
	tls_schedule_add(schedule, message, len);
	server->skip = hello.early_data ? TLS_PLAIN_MAX : 0;
	if (!hello.shares[server->group])
		return retry(server, &hello, out);
	return answer(server, &hello, out);
}

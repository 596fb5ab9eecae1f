// SPDX-License-Identifier: GPL-2.0-only
/* mbed TLS behind tls_server.h. */

#include <linux/random.h>

#include "context.h"
#include "mbedtls/platform.h"
#include "ssl_misc.h"

enum {
	/* Of a handshake, beside the chain: each message is a record; four tickets at most. */
	WEIR_MBEDTLS_ANSWERS = 4096,
};

static const int weir_suites[] = {
	MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
	MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
	MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	0,
};

static const u16 weir_schemes[] = {
	MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
	MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
	MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
	MBEDTLS_TLS1_3_SIG_NONE,
};

static const char * const weir_protocols[] = { "http/1.1", NULL };

/* What mbed TLS asks for. */

static int weir_rng(void *context, unsigned char *at, size_t len)
{
	get_random_bytes(at, len);
	return 0;
}

/* It asks for a record's header, then for what that says: never for more than one record. */
static int weir_recv(void *context, unsigned char *at, size_t len)
{
	struct weir_mbedtls *mbedtls = context;
	struct tls_server *server = mbedtls->server;
	struct http_text *in = mbedtls->in;
	size_t left;

	if (mbedtls->given < server->in_header) {
		len = min_t(size_t, len, server->in_header - mbedtls->given);
		memcpy(at, server->header + mbedtls->given, len);
		mbedtls->given += len;
		return len;
	}
	left = tls_server_wants(server) - server->in_record;
	if (!in || server->in_header < TLS_RECORD_HEADER || !left || !in->len)
		return MBEDTLS_ERR_SSL_WANT_READ;
	len = min3(len, left, in->len);
	memcpy(at, in->at, len);
	in->at += len;
	in->len -= len;
	server->in_record += len;
	return len;
}

/* Whether a record that is sent, of so many bytes, is an alert: nothing else is as short. */
static bool weir_is_alert(size_t len)
{
	switch (len - TLS_RECORD_HEADER) {
	case 2:			/* in the clear */
	case 2 + 1 + TLS_TAG:	/* of TLS 1.3 */
	case 2 + TLS_TAG:	/* of TLS 1.2 */
	case 2 + 8 + TLS_TAG:	/* the same, with a nonce */
		return true;
	default:
		return false;
	}
}

static int weir_send_out(void *context, const unsigned char *at, size_t len)
{
	struct weir_mbedtls *mbedtls = context;
	struct tls_out *out = mbedtls->out;

	if (!out || len > out->room - out->len)
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	tls_put_bytes(out, at, len);
	mbedtls->alerted = weir_is_alert(len);
	return len;
}

struct http_text weir_mbedtls_asked(struct weir_mbedtls *mbedtls)
{
	struct http_text name = {};

	name.at = mbedtls_ssl_get_hs_sni(&mbedtls->ssl, &name.len);
	if (!name.at)
		name.len = 0;
	return name;
}

static int weir_refuse(struct weir_mbedtls *mbedtls, u8 alert)
{
	/* Where something is still to be sent it would send that alone. */
	if (!mbedtls_ssl_flush_output(&mbedtls->ssl))
		mbedtls_ssl_send_alert_message(&mbedtls->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, alert);
	return MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE;
}

static int weir_show(struct weir_mbedtls *mbedtls, struct weir_mbedtls_identity *identity,
		     const struct tls_identity *ours)
{
	if (!ours)
		return 0;
	if (!weir_mbedtls_identity_set(identity, ours))
		return MBEDTLS_ERR_SSL_ALLOC_FAILED;
	return mbedtls_ssl_set_hs_own_cert(&mbedtls->ssl, &identity->leaf, &identity->key);
}

/* The one that is read, without its header. */
static struct http_text weir_hello_message(const mbedtls_ssl_context *ssl)
{
	return (struct http_text){
		.at = ssl->in_msg + TLS_MESSAGE_HEADER, .len = ssl->in_hslen - TLS_MESSAGE_HEADER,
	};
}

/*
 * In TLS 1.3 it would go by the client's order, and see behind its ServerHello only that none of
 * them will do. In TLS 1.2 it goes by the order of suites.
 */
static void weir_choose(const mbedtls_ssl_context *ssl, struct tls_identities *found)
{
	if (ssl->tls_version != MBEDTLS_SSL_VERSION_TLS1_3)
		return;
	if (!mbedtls_ssl_sig_alg_is_received(ssl, MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256))
		found->ecdsa = NULL;
	if (found->ecdsa ||
	    !mbedtls_ssl_sig_alg_is_received(ssl, MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256))
		found->rsa = NULL;
}

/* Whether the session goes on that mbed TLS would go on with: for TLS 1.3 it has been asked. */
static bool weir_goes_on(const struct weir_mbedtls *mbedtls, const struct tls_identities *found)
{
	const mbedtls_ssl_context *ssl = &mbedtls->ssl;
	const mbedtls_ssl_ciphersuite_t *suite;

	if (!ssl->handshake->resume || ssl->tls_version == MBEDTLS_SSL_VERSION_TLS1_3)
		return ssl->handshake->resume;
	if (memcmp(mbedtls->name, mbedtls->ticket_name, sizeof(mbedtls->name)))
		return false;
	suite = mbedtls_ssl_ciphersuite_from_id(ssl->session_negotiate->ciphersuite);
	return suite && (suite->key_exchange == MBEDTLS_KEY_EXCHANGE_ECDHE_RSA ? found->rsa :
									       found->ecdsa);
}

/*
 * A session goes on. In TLS 1.2 mbed TLS chooses a suite even so, by the certificates that there
 * are, and does not compare whether both handshakes extend the master secret.
 */
static int weir_resume(struct weir_mbedtls *mbedtls, const struct tls_identities *found)
{
	mbedtls_ssl_context *ssl = &mbedtls->ssl;

	if (ssl->tls_version == MBEDTLS_SSL_VERSION_TLS1_3)
		return 0;
	if (ssl->handshake->extended_ms != MBEDTLS_SSL_EXTENDED_MS_ENABLED)
		return weir_refuse(mbedtls, TLS_ILLEGAL_PARAMETER);
	mbedtls->resumed_suite[0] = ssl->session_negotiate->ciphersuite;
	mbedtls_ssl_conf_ciphersuites(&mbedtls->conf, mbedtls->resumed_suite);
	return weir_show(mbedtls, &mbedtls->ecdsa, found->ecdsa) ?:
	       weir_show(mbedtls, &mbedtls->rsa, found->rsa);
}

/* A ClientHello was read: whose certificates are shown. Comes again for a second one. */
static int weir_hello(mbedtls_ssl_context *ssl)
{
	struct weir_mbedtls *mbedtls = container_of(ssl, struct weir_mbedtls, ssl);
	struct tls_server *server = mbedtls->server;
	const struct tls_config *config = server->config;
	struct http_text name = weir_mbedtls_asked(mbedtls);
	struct tls_identities found;

	if (mbedtls->named) {
		server->resumed = ssl->handshake->resume;
		return 0;
	}
	mbedtls->named = true;
	if (config->greeted && !config->greeted(server, weir_hello_message(ssl)))
		return MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE;
	weir_mbedtls_hash_name(mbedtls->name, name);
	if (config->named)
		config->named(server, name);
	found = config->find(config, name);
	if (!found.ecdsa && !found.rsa)
		return weir_refuse(mbedtls, TLS_UNRECOGNIZED_NAME);
	if (weir_goes_on(mbedtls, &found)) {
		server->resumed = true;
		return weir_resume(mbedtls, &found);
	}
	if (ssl->handshake->resume) {
		ssl->handshake->resume = 0;
		ssl->handshake->new_session_ticket = 1;
	}
	weir_choose(ssl, &found);
	if (!found.ecdsa && !found.rsa)
		return weir_refuse(mbedtls, TLS_HANDSHAKE_FAILURE);
	if (config->admit && !config->admit(server))
		return MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE;
	return weir_show(mbedtls, &mbedtls->ecdsa, found.ecdsa) ?:
	       weir_show(mbedtls, &mbedtls->rsa, found.rsa);
}

/* Beginning and end. */

static int weir_configure(struct weir_mbedtls *mbedtls, const struct tls_config *config)
{
	static const u16 groups[] = {
		[TLS_GROUP_X25519] = MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
		[TLS_GROUP_P256] = MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
	};
	const struct tls_ticket_keys *keys = config->tickets ? config->tickets(config) : NULL;
	mbedtls_ssl_config *conf = &mbedtls->conf;
	int err, i;

	err = mbedtls_ssl_config_defaults(conf, MBEDTLS_SSL_IS_SERVER,
					  MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
	if (err)
		return err;
	for (i = 0; i < TLS_GROUPS; i++)
		mbedtls->groups[i] = groups[config->groups[i]];
	mbedtls_ssl_conf_groups(conf, mbedtls->groups);
	mbedtls_ssl_conf_rng(conf, weir_rng, NULL);
	mbedtls_ssl_conf_ciphersuites(conf, weir_suites);
	mbedtls_ssl_conf_sig_algs(conf, weir_schemes);
	mbedtls_ssl_conf_cert_cb(conf, weir_hello);
	if (config->min_version == TLS_1_3)
		mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_3);
	if (keys && keys->n_keys) {
		mbedtls_ssl_conf_session_tickets_cb(conf, weir_mbedtls_ticket_write,
						    weir_mbedtls_ticket_parse, mbedtls);
		mbedtls_ssl_conf_new_session_tickets(conf, keys->count);
	}
	return mbedtls_ssl_conf_alpn_protocols(conf, (const char **)weir_protocols) ?:
	       mbedtls_ssl_setup(&mbedtls->ssl, conf);
}

static void weir_mbedtls_drop(struct tls_server *server)
{
	struct weir_mbedtls *mbedtls = server->mbedtls;

	if (!mbedtls)
		return;
	mbedtls_ssl_free(&mbedtls->ssl);
	mbedtls_ssl_config_free(&mbedtls->conf);
	weir_mbedtls_identity_free(&mbedtls->ecdsa);
	weir_mbedtls_identity_free(&mbedtls->rsa);
	server->mbedtls = NULL;
	mbedtls_zeroize_and_free(mbedtls, sizeof(*mbedtls));
	WARN_ONCE(server->held, "weir: mbed TLS keeps %u bytes of a connection\n", server->held);
}

static void weir_begin(struct tls_server *server)
{
	struct weir_mbedtls *mbedtls = mbedtls_calloc(1, sizeof(*mbedtls));

	if (!mbedtls)
		return;
	server->mbedtls = mbedtls;
	mbedtls->server = server;
	mbedtls_ssl_init(&mbedtls->ssl);
	mbedtls_ssl_config_init(&mbedtls->conf);
	mbedtls_ssl_set_bio(&mbedtls->ssl, mbedtls, weir_send_out, weir_recv, NULL);
	if (weir_configure(mbedtls, server->config))
		weir_mbedtls_drop(server);
}

void tls_server_init(struct tls_server *server, const struct tls_config *config,
		     struct tls_arena *arena)
{
	memset(server, 0, sizeof(*server));
	server->config = config;
	server->arena = arena;
	weir_mbedtls_enter(server);
	weir_begin(server);
	weir_mbedtls_leave(server);
}

static enum tls_event weir_fail(struct tls_server *server)
{
	weir_mbedtls_drop(server);
	server->arena = NULL;
	server->state = TLS_CLOSED;
	return TLS_FAILED;
}

void tls_server_end(struct tls_server *server)
{
	weir_mbedtls_enter(server);
	weir_fail(server);
	weir_mbedtls_leave(server);
}

/* Receiving. */

/* What is said of an error that mbed TLS returned without an alert. */
static u8 weir_alert(int err)
{
	switch (err) {
	case MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE:
	case MBEDTLS_ERR_SSL_UNEXPECTED_RECORD:
	case MBEDTLS_ERR_SSL_INVALID_RECORD:
		return TLS_UNEXPECTED_MESSAGE;
	case MBEDTLS_ERR_SSL_INVALID_MAC:
		return TLS_BAD_RECORD_MAC;
	case MBEDTLS_ERR_SSL_DECODE_ERROR:
		return TLS_DECODE_ERROR;
	case MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER:
	case MBEDTLS_ERR_SSL_BAD_INPUT_DATA:	/* a key share */
		return TLS_ILLEGAL_PARAMETER;
	case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE:
		return TLS_HANDSHAKE_FAILURE;
	case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
		return TLS_PROTOCOL_VERSION;
	default:
		return TLS_INTERNAL_ERROR;
	}
}

/* The state as callers see it: what work with public keys comes next. */
static u8 weir_state(const mbedtls_ssl_context *ssl)
{
	switch (ssl->state) {
	case MBEDTLS_SSL_HELLO_REQUEST:
	case MBEDTLS_SSL_CLIENT_HELLO:
		return TLS_WAIT_HELLO;
	case MBEDTLS_SSL_CLIENT_KEY_EXCHANGE:
		return TLS_WAIT_KEY_EXCHANGE;
	case MBEDTLS_SSL_HANDSHAKE_OVER:
		return TLS_OPEN;
	default:
		return TLS_WAIT_FINISHED;
	}
}

/* What mbed TLS says of the bytes there are: its error, 0, or how many bytes of data. */
static int weir_step(struct tls_server *server)
{
	struct weir_mbedtls *mbedtls = server->mbedtls;
	int ret;

	if (server->state == TLS_OPEN)
		return mbedtls_ssl_read(&mbedtls->ssl, server->record, server->record_room);
	ret = mbedtls_ssl_handshake(&mbedtls->ssl);
	server->state = weir_state(&mbedtls->ssl);
	if (server->state == TLS_OPEN) {
		weir_mbedtls_identity_free(&mbedtls->ecdsa);
		weir_mbedtls_identity_free(&mbedtls->rsa);
		server->arena = NULL;
	}
	return ret;
}

size_t tls_server_answers(const struct tls_server *server)
{
	size_t most = server->config->chain_most ? server->config->chain_most : TLS_CHAIN_MAX;

	return server->state < TLS_OPEN ? WEIR_MBEDTLS_ANSWERS + most : TLS_OUT_ROOM;
}

/* It gave up: most of its alerts it has sent itself. */
static enum tls_event weir_failed(struct tls_server *server, int err)
{
	struct weir_mbedtls *mbedtls = server->mbedtls;

	if (err != MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE && !mbedtls->alerted && !server->close_sent)
		weir_refuse(mbedtls, weir_alert(err));
	return weir_fail(server);
}

/* A record has been read to its end, with or without data in it. */
static enum tls_event weir_end_record(struct tls_server *server, bool idle)
{
	server->in_header = 0;
	server->in_record = 0;
	server->mbedtls->given = 0;
	server->idle = idle ? server->idle + 1 : 0;
	if (server->idle > TLS_IDLE_MAX)
		return weir_failed(server, MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE);
	return TLS_HUNGRY;
}

/* Let mbed TLS have what has come of a record. */
static enum tls_event weir_take(struct tls_server *server, struct http_text *data)
{
	int ret = weir_step(server);
	bool whole;

	if (ret > 0) {
		*data = (struct http_text){ .at = server->record, .len = ret };
		weir_end_record(server, false);
		return TLS_DATA;
	}
	if (ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY && server->state == TLS_OPEN) {
		server->state = TLS_HALF_CLOSED;
		weir_end_record(server, false);
		return TLS_END;
	}
	if (ret && ret != MBEDTLS_ERR_SSL_WANT_READ)
		return weir_failed(server, ret);
	/* Nothing may come in a record behind the last message of a handshake. */
	if (!ret && mbedtls_ssl_check_pending(&server->mbedtls->ssl))
		return weir_failed(server, MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE);
	whole = server->in_header == TLS_RECORD_HEADER &&
		server->in_record == tls_server_wants(server);
	if (!whole)
		return TLS_HUNGRY;
	/* Messages of a handshake may come in parts. */
	return weir_end_record(server, server->state == TLS_OPEN ||
				       server->header[0] == TLS_CHANGE_CIPHER_SPEC);
}

static bool weir_gather_header(struct tls_server *server, struct http_text *in)
{
	size_t len = min_t(size_t, TLS_RECORD_HEADER - server->in_header, in->len);

	memcpy(server->header + server->in_header, in->at, len);
	server->in_header += len;
	in->at += len;
	in->len -= len;
	return server->in_header == TLS_RECORD_HEADER;
}

/* Whether a record is, by its header, of a kind that there is, and longer than it may be. */
static bool weir_too_long(const struct tls_server *server, size_t len)
{
	u8 kind = server->header[0];
	bool clear = server->state < TLS_OPEN && kind != TLS_APPLICATION_DATA;

	return kind >= TLS_CHANGE_CIPHER_SPEC && kind <= TLS_APPLICATION_DATA &&
	       len > (clear ? TLS_PLAIN_MAX : TLS_CIPHER_MAX);
}

static enum tls_event weir_read(struct tls_server *server, struct http_text *in,
				struct tls_out *out, struct http_text *data)
{
	size_t len;

	if (server->state == TLS_HALF_CLOSED) {
		in->at += in->len;
		in->len = 0;
		return TLS_END;
	}
	if (out->room - out->len < tls_server_answers(server))
		return TLS_BLOCKED;
	if (!weir_gather_header(server, in))
		return TLS_HUNGRY;
	len = tls_server_wants(server);
	/* mbed TLS has buffers that are longer. */
	if (weir_too_long(server, len)) {
		weir_refuse(server->mbedtls, TLS_RECORD_OVERFLOW);
		return weir_fail(server);
	}
	if (server->state == TLS_OPEN && len > server->record_room && len <= TLS_CIPHER_MAX)
		return TLS_WANTS_ROOM;
	return weir_take(server, data);
}

enum tls_event tls_server_read(struct tls_server *server, struct http_text *in,
			       struct tls_out *out, struct http_text *data)
{
	struct weir_mbedtls *mbedtls = server->mbedtls;
	enum tls_event event;

	if (!mbedtls)
		return weir_fail(server);
	mbedtls->in = in;
	mbedtls->out = out;
	mbedtls->alerted = false;
	weir_mbedtls_enter(server);
	do {
		event = weir_read(server, in, out, data);
	} while (event == TLS_HUNGRY && in->len);
	weir_mbedtls_leave(server);
	/* Who failed has none any more. */
	if (server->mbedtls) {
		mbedtls->in = NULL;
		mbedtls->out = NULL;
	}
	return event;
}

void tls_server_sign(struct tls_sign_job *job, struct rsa_scratch *scratch)
{
	job->len = 0;
}

enum tls_event tls_server_signed(struct tls_server *server, const struct tls_sign_job *job,
				 struct tls_out *out)
{
	return TLS_FAILED;
}

/* Sending. */

size_t tls_server_cost(const struct tls_server *server, size_t len)
{
	return len + TLS_RECORD_COST;
}

size_t tls_server_fits(const struct tls_server *server, size_t room)
{
	return room - TLS_RECORD_COST;
}

bool tls_server_begin(struct tls_server *server, struct tls_out *out, size_t *start)
{
	if ((server->state != TLS_OPEN && server->state != TLS_HALF_CLOSED) || server->close_sent)
		return false;
	*start = out->len;
	return true;
}

/* It copies them before it writes the record, which takes their place. */
bool tls_server_finish(struct tls_server *server, struct tls_out *out, size_t start)
{
	struct weir_mbedtls *mbedtls = server->mbedtls;
	size_t len = out->len - start;
	int written;

	if (out->full || len > TLS_PLAIN_MAX)
		return false;
	out->len = start;
	mbedtls->out = out;
	weir_mbedtls_enter(server);
	written = mbedtls_ssl_write(&mbedtls->ssl, out->at + start, len);
	weir_mbedtls_leave(server);
	mbedtls->out = NULL;
	return written >= 0 && (size_t)written == len;
}

void tls_server_close(struct tls_server *server, struct tls_out *out)
{
	struct weir_mbedtls *mbedtls = server->mbedtls;

	if (!mbedtls || server->close_sent || server->state == TLS_CLOSED ||
	    out->room - out->len < TLS_OUT_ROOM)
		return;
	mbedtls->out = out;
	weir_mbedtls_enter(server);
	mbedtls_ssl_close_notify(&mbedtls->ssl);
	weir_mbedtls_leave(server);
	mbedtls->out = NULL;
	server->close_sent = true;
}

// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls.h"

enum { CHAIN_MAX = 8 };

static const char suite[] = "TLS_AES_128_GCM_SHA256";
/* A browser without HTTP/2. */
static const unsigned char protocols[] = "\x08http/1.1";

static struct {
	const struct tls_offer *offer;
	SSL_CTX *context;
	SSL_SESSION *session;
	X509 *chain[CHAIN_MAX];
	int chain_length;
	int group;		/* as the negotiated one is told */
} t;

/* With what OpenSSL says about it. */
static void __attribute__((noreturn)) failed(const struct tally *tally, const char *what, int error)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	if (!reason && error == SSL_ERROR_SYSCALL)
		reason = errno ? strerror(errno) : "the connection ended";
	problem(tally, "%s: %s", what, reason ? reason : "the peer ended it");
}

static void read_chain(const char *path)
{
	BIO *file = BIO_new_file(path, "r");
	X509 *one;

	if (!file)
		usage("cannot read %s", path);
	while (t.chain_length < CHAIN_MAX && (one = PEM_read_bio_X509(file, NULL, NULL, NULL)))
		t.chain[t.chain_length++] = one;
	BIO_free(file);
	ERR_clear_error();	/* the last one was none */
	if (!t.chain_length)
		usage("no certificate in %s", path);
}

void secure_setup(const struct tls_offer *offer)
{
	SSL_CTX *context;

	/* There are no files of OpenSSL's in a guest. */
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	context = SSL_CTX_new(TLS_client_method());
	if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
	    !SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) ||
	    !SSL_CTX_set_ciphersuites(context, suite) || !SSL_CTX_set1_groups_list(context, offer->group) ||
	    SSL_CTX_set_alpn_protos(context, protocols, sizeof(protocols) - 1))
		usage("OpenSSL does not offer %s with %s", suite, offer->group);
	/* Whether the server has the key of its certificate is checked in any case. */
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	/* Reading returns behind a ticket. */
	SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	t.group = OBJ_sn2nid(offer->group);
	if (t.group == NID_undef)
		t.group = EC_curve_nist2nid(offer->group);
	t.offer = offer;
	t.context = context;
	read_chain(offer->chain);
}

static void check_chain(SSL *ssl, const struct tally *tally)
{
	STACK_OF(X509) *shown = SSL_get_peer_cert_chain(ssl);
	int length = shown ? sk_X509_num(shown) : 0;

	if (length != t.chain_length)
		problem(tally, "%d certificates instead of %d", length, t.chain_length);
	for (int i = 0; i < length; i++)
		if (X509_cmp(sk_X509_value(shown, i), t.chain[i]))
			problem(tally, "certificate %d is another", i + 1);
}

static void check(SSL *ssl, const struct tally *tally)
{
	const unsigned char *protocol;
	unsigned int length;

	if (SSL_get_negotiated_group(ssl) != t.group)
		problem(tally, "the group is not %s", t.offer->group);
	SSL_get0_alpn_selected(ssl, &protocol, &length);
	if (length != protocols[0] || memcmp(protocol, protocols + 1, length))
		problem(tally, "the protocol is not http/1.1");
	if (SSL_session_reused(ssl) != !!t.session)
		problem(tally, t.session ? "the session was not resumed" : "a session was resumed");
	if (!t.session)
		check_chain(ssl, tally);
}

SSL *secure_connect(int fd, const struct tally *tally)
{
	SSL *ssl = SSL_new(t.context);
	int done;

	if (!ssl || !SSL_set_fd(ssl, fd) || !SSL_set_tlsext_host_name(ssl, t.offer->name) ||
	    (t.session && !SSL_set_session(ssl, t.session)))
		problem(tally, "no memory for TLS");
	done = SSL_connect(ssl);
	if (done != 1)
		failed(tally, "no handshake", SSL_get_error(ssl, done));
	check(ssl, tally);
	return ssl;
}

void secure_free(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	SSL_free(ssl);
	close(fd);
}

static void say_end(SSL *ssl, const struct tally *tally)
{
	if (SSL_shutdown(ssl) < 0)
		failed(tally, "cannot say that it is over", SSL_ERROR_SSL);
}

/* Some say theirs, some just close; tickets may come before. */
static void await_end(SSL *ssl, const struct tally *tally)
{
	char rest[4096];
	ssize_t got;

	do {
		got = recv(SSL_get_fd(ssl), rest, sizeof(rest), 0);
	} while (got > 0);
	if (got < 0)
		problem(tally, "the connection was not closed in order: %s", strerror(errno));
	secure_free(ssl);
}

void secure_leave(SSL *ssl, const struct tally *tally)
{
	say_end(ssl, tally);
	await_end(ssl, tally);
}

void secure_learn(int fd, const struct tally *tally)
{
	SSL *ssl = secure_connect(fd, tally);
	char byte;

	/* A ticket comes before the peer's end. */
	say_end(ssl, tally);
	SSL_set_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
	while (!SSL_SESSION_is_resumable(SSL_get0_session(ssl))) {
		int got;

		errno = 0;
		got = SSL_read(ssl, &byte, sizeof(byte));
		if (got > 0)
			problem(tally, "data before a request");
		if (SSL_get_error(ssl, got) != SSL_ERROR_WANT_READ || errno == EAGAIN)
			failed(tally, "no session to resume", SSL_get_error(ssl, got));
	}
	t.session = SSL_get1_session(ssl);
	await_end(ssl, tally);
}

void secure_send(SSL *ssl, const void *data, size_t len, const struct tally *tally)
{
	size_t written;

	if (!SSL_write_ex(ssl, data, len, &written))
		failed(tally, "cannot send", SSL_get_error(ssl, 0));
}

size_t secure_recv(SSL *ssl, void *data, size_t room, const struct tally *tally)
{
	size_t got;

	for (;;) {
		errno = 0;
		if (SSL_read_ex(ssl, data, room, &got))
			return got;
		switch (SSL_get_error(ssl, 0)) {
		case SSL_ERROR_ZERO_RETURN: return 0;
		case SSL_ERROR_WANT_READ:
			/* Behind a ticket; or nothing has come for too long. */
			if (errno != EAGAIN)
				continue;
			problem(tally, "no reply: %s", strerror(errno));
		default: failed(tally, "no reply", SSL_get_error(ssl, 0));
		}
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A web server made of the engine, for clients that want a socket:
 *
 *	serve CHAIN KEY COMMAND...
 *
 * listens on a free port of the loopback interface, runs the command, whose
 * environment has the port's number in PORT, and serves one connection at a time
 * until it has ended; the exit status is the command's. A GET of /N is answered
 * with N bytes, anything else with what was asked. CHAIN is the certificates'
 * list as struct tls_identity has it, KEY 32 bytes, or a key of RSA (rsa_key.h).
 * STAPLE in the environment names a file with the certificate's status. With WEIR_TLS_KEYLOG the
 * secrets of all connections are written into a file "keylog".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../tls_server.h"
#include "rsa_key.h"
#include "write.h"

enum { OUT_ROOM = 1 << 16, REQUEST_MAX = 1 << 14 };

static struct tls_identity identity;
static struct rsa_key rsa_key;
static struct rsa_scratch rsa_scratch;

static struct tls_identities find(const struct tls_config *config, struct http_text name)
{
	return (struct tls_identities){
		.ecdsa = identity.rsa ? NULL : &identity, .rsa = identity.rsa ? &identity : NULL,
	};
}

static const struct tls_ticket_keys ticket_keys = {
	.keys = { { .name = "serve", .key = "of no consequence" } }, .n_keys = 1, .count = 1,
};

static const struct tls_ticket_keys *tickets(const struct tls_config *config)
{
	return &ticket_keys;
}

static u64 now(void)
{
	return time(NULL);
}

#ifdef WEIR_TLS_KEYLOG
static void keylog(struct tls_server *server, const u8 *line, size_t len)
{
	FILE *file = fopen("keylog", "ab");

	if (!file || fwrite(line, 1, len, file) != len || fclose(file))
		exit(2);
}
#endif

static const struct tls_config config = {
	.find = find, .tickets = tickets, .now = now,
	.groups = { TLS_GROUP_X25519, TLS_GROUP_P256 },
#ifdef WEIR_TLS_KEYLOG
	.keylog = keylog,
#endif
};

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static size_t read_file(const char *name, u8 *at, size_t room)
{
	FILE *file = fopen(name, "rb");
	size_t len = file ? fread(at, 1, room, file) : 0;

	if (!len || ferror(file))
		fail(name);
	fclose(file);
	return len;
}

static bool send_all(int fd, struct tls_out *out)
{
	size_t sent = 0;

	while (sent < out->len) {
		ssize_t len = write(fd, out->at + sent, out->len - sent);

		if (len < 0)
			return false;
		sent += len;
	}
	out->len = 0;
	return true;
}

static bool send_data(int fd, struct tls_server *server, const void *data, size_t len,
		      struct tls_out *out)
{
	return tls_server_write(server, data, len, out) && send_all(fd, out);
}

/* False if the connection is broken. */
static bool reply(int fd, struct tls_server *server, const char *request, struct tls_out *out)
{
	static const char filler[TLS_PLAIN_MAX];
	unsigned long count = 0;
	bool counted = sscanf(request, "GET /%lu ", &count) == 1;
	char head[128];

	if (!counted)
		count = strlen(request);
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %lu\r\n\r\n", count);
	if (!send_data(fd, server, head, strlen(head), out))
		return false;
	if (!counted)
		return send_data(fd, server, request, count, out);
	while (count) {
		size_t len = min_t(size_t, count, sizeof(filler));

		if (!send_data(fd, server, filler, len, out))
			return false;
		count -= len;
	}
	return true;
}

/* Gathers requests, and answers each that is whole. False: the connection is to be closed. */
static bool take_data(int fd, struct tls_server *server, struct http_text data, char *request,
		      struct tls_out *out)
{
	size_t len = strlen(request);

	for (size_t i = 0; i < data.len && len < REQUEST_MAX; i++) {
		request[len++] = data.at[i];
		request[len] = 0;
		if (len >= 4 && !strcmp(request + len - 4, "\r\n\r\n")) {
			if (!reply(fd, server, request, out))
				return false;
			if (strstr(request, "Connection: close")) {
				tls_server_close(server, out);
				send_all(fd, out);
				return false;
			}
			*request = 0;
			len = 0;
		}
	}
	return len < REQUEST_MAX;
}

/* TLS_SIGN, to go on reading, or TLS_FAILED. */
static enum tls_event sign(struct tls_server *server, struct tls_out *out)
{
	struct tls_sign_job job = server->arena->job;

	tls_server_sign(&job, &rsa_scratch);
	return tls_server_signed(server, &job, out) == TLS_FAILED ? TLS_FAILED : TLS_SIGN;
}

static void serve(int fd, struct tls_server *server)
{
	static u8 room[OUT_ROOM];
	struct tls_out out = { .at = room, .room = sizeof(room) };
	char request[REQUEST_MAX + 1] = "";
	u8 bytes[4096];
	ssize_t len;

	while ((len = read(fd, bytes, sizeof(bytes))) > 0) {
		struct http_text in = { .at = bytes, .len = len };
		struct http_text data;
		enum tls_event event;

		do {
			event = tls_server_read(server, &in, &out, &data);
			if (event == TLS_DATA && !take_data(fd, server, data, request, &out))
				return;
			if (event == TLS_BLOCKED && !send_all(fd, &out))
				return;
			if (event == TLS_SIGN)
				event = sign(server, &out);
		} while (event == TLS_DATA || event == TLS_BLOCKED || event == TLS_SIGN);
		if (event == TLS_END)
			tls_server_close(server, &out);
		if (!send_all(fd, &out) || event == TLS_END || event == TLS_FAILED)
			return;
	}
}

static void serve_one(int listener)
{
	struct tls_server *server = malloc(sizeof(*server));
	struct tls_arena *arena = malloc(sizeof(*arena));
	u8 *record = malloc(TLS_RECORD_ROOM);
	int fd = accept(listener, NULL, NULL);

	if (!server || !arena || !record || fd < 0)
		fail("connection");
	tls_server_init(server, &config, arena);
	tls_server_lend(server, record, TLS_RECORD_ROOM);
	serve(fd, server);
	fprintf(stderr, "serve: suite %04x group %u state %u alert %u resumed %u\n",
		server->suite ? server->suite->code : 0, server->group, server->state,
		server->alert, server->resumed);
	tls_server_end(server);
	close(fd);
	free(record);
	free(arena);
	free(server);
}

static pid_t run(char **command, unsigned int port)
{
	pid_t child = fork();
	char number[8];

	if (child)
		return child;
	snprintf(number, sizeof(number), "%u", port);
	setenv("PORT", number, 1);
	execvp(command[0], command);
	fail(command[0]);
	return 0;
}

int main(int argc, char **argv)
{
	static u8 chain[TLS_CHAIN_MAX], key[8 * RSA_BYTES_MAX], staple[TLS_STAPLE_MAX];
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int status = 0;
	pid_t child;

	if (argc < 4)
		return 2;
	identity.chain = chain;
	identity.chain_len = read_file(argv[1], chain, sizeof(chain));
	if (read_file(argv[2], key, sizeof(key)) != sizeof(identity.key)) {
		identity.rsa = &rsa_key;
		if (!read_rsa_key(&rsa_key, key, &rsa_scratch))
			return 2;
	}
	memcpy(identity.key, key, sizeof(identity.key));
	if (getenv("STAPLE")) {
		identity.staple = staple;
		identity.staple_len = read_file(getenv("STAPLE"), staple, sizeof(staple));
		identity.staple_until = U64_MAX;
	}
	signal(SIGPIPE, SIG_IGN);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 16) || getsockname(listener, (struct sockaddr *)&address, &len))
		fail("listen");
	child = run(argv + 3, ntohs(address.sin_port));
	while (!waitpid(child, &status, WNOHANG)) {
		struct pollfd pollfd = { .fd = listener, .events = POLLIN };

		if (poll(&pollfd, 1, 50) > 0)
			serve_one(listener);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

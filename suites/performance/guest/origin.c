// SPDX-License-Identifier: Apache-2.0
/*
 * load origin: answers each request with the same reply, on connections that stay open, until it is told to end
 * (SIGTERM); then it says, like a client, how many requests it had.
 *
 * It wants of each request what a reverse proxy adds. Without that a device under test did less work than the others,
 * and the first such request is answered 500, which no client expects.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum {
	HEAD_MAX = 8192,
	SCRATCH = 256 * 1024,
	EVENTS = 64,
	BACKLOG = 1024,
	CONNECTIONS = 4096,
	FIELDS_MAX = 8,
};

struct connection {
	char head[HEAD_MAX];	/* of the request that is coming in */
	size_t len;		/* of what is in it */
	uint64_t body;		/* bytes of the request's body still to come */
	const char *reply;	/* being sent, or NULL */
	size_t reply_len, sent;
	bool reading_body, waits_to_write;
	int fd;
};

static struct {
	struct connection *by_fd[CONNECTIONS];
	char *reply;
	size_t reply_len;
	const char *fields[FIELDS_MAX];
	unsigned int n_fields;
	unsigned long incomplete;
	char missing[64];
	char scratch[SCRATCH];
	int epoll;
	struct tally tally;
} o = { .tally.who = "origin" };

static const char refusal[] = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";

static void make_reply(size_t body)
{
	char head[512];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 200 OK\r\n"
			 "Server: origin\r\n"
			 "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			 "Content-Type: application/octet-stream\r\n"
			 "Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT\r\n"
			 "ETag: \"2ebc61a0\"\r\n"
			 "Content-Length: %zu\r\n"
			 "\r\n", body);

	o.reply_len = (size_t)n + body;
	o.reply = malloc(o.reply_len);
	if (!o.reply)
		usage("no memory");
	memcpy(o.reply, head, (size_t)n);
	for (size_t i = 0; i < body; i++)
		o.reply[(size_t)n + i] = (char)('a' + i % 26);
}

static void drop(struct connection *c)
{
	o.by_fd[c->fd] = NULL;
	close(c->fd);
	free(c);
}

static void watch(struct connection *c, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = c->fd };

	epoll_ctl(o.epoll, EPOLL_CTL_MOD, c->fd, &event);
}

/* False when the connection is gone. */
static bool send_reply(struct connection *c)
{
	while (c->sent < c->reply_len) {
		ssize_t n = send(c->fd, c->reply + c->sent, c->reply_len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (!c->waits_to_write)
				watch(c, EPOLLOUT);
			c->waits_to_write = true;
			return true;
		}
		if (n < 0) {
			drop(c);
			return false;
		}
		c->sent += (size_t)n;
	}
	if (c->waits_to_write)
		watch(c, EPOLLIN);
	c->waits_to_write = false;
	c->reply = NULL;
	return true;
}

static void choose_reply(struct connection *c, const struct head *head)
{
	c->reply = o.reply;
	c->reply_len = o.reply_len;
	c->sent = 0;
	o.tally.requests++;
	for (unsigned int i = 0; i < o.n_fields; i++) {
		if (has_field(c->head, head->length, o.fields[i]))
			continue;
		if (!o.incomplete++)
			snprintf(o.missing, sizeof(o.missing), "%s", o.fields[i]);
		c->reply = refusal;
		c->reply_len = sizeof(refusal) - 1;
	}
}

/* What is in `head` may begin a request, or several. False when the connection is gone. */
static bool answer(struct connection *c)
{
	struct head head;

	while (!c->reply) {
		if (!c->reading_body) {
			size_t taken;

			if (!c->len || !find_head(c->head, c->len, &head)) {
				if (c->len < HEAD_MAX)
					return true;
				problem(&o.tally, "the origin was sent a head of more than %d bytes", HEAD_MAX);
			}
			if (bad_head(c->head, &head))
				problem(&o.tally, "the origin was sent a request with a transfer coding");
			o.tally.bytes += head.body;
			taken = c->len - head.length < head.body ? c->len - head.length : (size_t)head.body;
			c->body = head.body - taken;
			c->reading_body = true;
			choose_reply(c, &head);
			c->len -= head.length + taken;
			memmove(c->head, c->head + head.length + taken, c->len);
		}
		if (c->body) {
			/* Answered when all of it is there: a device sees the same order each time. */
			return true;
		}
		c->reading_body = false;
		if (!send_reply(c))
			return false;
	}
	return true;
}

static void readable(struct connection *c)
{
	for (;;) {
		ssize_t got;

		if (c->reading_body) {
			got = recv(c->fd, o.scratch, c->body < SCRATCH ? (size_t)c->body : SCRATCH, MSG_DONTWAIT);
		} else {
			got = recv(c->fd, c->head + c->len, HEAD_MAX - c->len, MSG_DONTWAIT);
		}
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (got <= 0) {
			drop(c);
			return;
		}
		if (!c->reading_body) {
			c->len += (size_t)got;
			if (!answer(c))
				return;
		} else {
			c->body -= (uint64_t)got;
			if (!c->body) {
				c->reading_body = false;
				if (!send_reply(c) || (!c->reply && !answer(c)))
					return;
			}
		}
		if (c->waits_to_write)
			return;
	}
}

static void welcome(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), one = 1;
	struct epoll_event event = { .events = EPOLLIN };
	struct connection *c;

	if (fd < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c || fd >= CONNECTIONS)
		usage("more than %d connections to the origin", CONNECTIONS);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->fd = event.data.fd = fd;
	o.by_fd[fd] = c;
	o.tally.connections++;
	epoll_ctl(o.epoll, EPOLL_CTL_ADD, fd, &event);
}

static int listen_at(struct sockaddr_in address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, BACKLOG))
		usage("cannot listen: %s", strerror(errno));
	return fd;
}

static int terminations(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Whoever started it goes on when it listens. */
static void go_to_background(const char *pid_file)
{
	pid_t pid = fork();

	if (pid < 0)
		usage("cannot fork: %s", strerror(errno));
	if (pid) {
		FILE *file = fopen(pid_file, "we");

		if (!file || fprintf(file, "%d\n", pid) < 0 || fclose(file)) {
			kill(pid, SIGKILL);
			usage("cannot write %s: %s", pid_file, strerror(errno));
		}
		exit(0);
	}
}

static void add(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	epoll_ctl(o.epoll, EPOLL_CTL_ADD, fd, &event);
}

void origin(int argc, char **argv)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "body", required_argument, NULL, 'b' },
		{ "field", required_argument, NULL, 'f' },
		{ "pid-file", required_argument, NULL, 'p' },
		{ }
	};
	struct epoll_event events[EVENTS];
	struct sockaddr_in address = { };
	const char *pid_file = NULL;
	int option, listener, ends;
	size_t body = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'l': address = endpoint(optarg); break;
		case 'b': body = number(optarg); break;
		case 'f':
			if (o.n_fields == FIELDS_MAX)
				usage("more than %d fields", FIELDS_MAX);
			o.fields[o.n_fields++] = optarg;
			break;
		case 'p': pid_file = optarg; break;
		default: usage("load origin --listen=ADDRESS:PORT [--body=BYTES] [--field=NAME]... [--pid-file=FILE]");
		}
	}
	if (!address.sin_port)
		usage("load origin: --listen is needed");
	pin(CPU);
	make_reply(body);
	listener = listen_at(address);
	if (pid_file)
		go_to_background(pid_file);
	ends = terminations();
	o.epoll = epoll_create1(EPOLL_CLOEXEC);
	add(listener);
	add(ends);
	for (;;) {
		int n = epoll_wait(o.epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			struct connection *c;

			if (fd == ends) {
				if (o.incomplete)
					problem(&o.tally, "%lu requests reached the origin without %s",
						o.incomplete, o.missing);
				report(&o.tally);
			} else if (fd == listener) {
				welcome(listener);
			} else {
				c = o.by_fd[fd];
				if (c && c->waits_to_write && (!send_reply(c) || c->waits_to_write))
					continue;
				if (c && answer(c))
					readable(c);
			}
		}
	}
}

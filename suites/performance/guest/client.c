// SPDX-License-Identifier: Apache-2.0
/*
 * load client: sends the same bytes again and again, one connection at a time, and checks each reply; or, on a new
 * connection each time, that none comes (--refused); or opens connections, and resets them itself (--leave). With
 * --group all of that is said in TLS, or handshakes are all that happens (--handshakes).
 *
 * A unit is one sending of the request file and all its replies: one request, or a pipelined volley of them. Replies
 * are counted by the byte, so a short or a long body, a wrong status or an early end is a surprise, and ends the run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls.h"

enum {
	BUFFER = 256 * 1024,
	ACCEPTED_US = 500,	/* until the device has accepted a connection, and waits for what it brings */
};

struct client {
	struct sockaddr_in target;
	char *request;
	size_t request_length;
	unsigned long replies;		/* to one sending */
	unsigned long status;		/* of each reply */
	unsigned long also;		/* another status that may come `at_most` times */
	unsigned long at_most;
	long long body;			/* bytes of each expected reply's body; -1: as many as in the first one */
	const char *field;		/* that each expected reply has, or NULL */
	const char *cookie;		/* that the device gives, and wants to see again, or NULL */
	bool fresh;			/* a new connection for each unit, which the device closes */
	bool refused;			/* the same, without having said anything */
	bool leave;			/* a new connection for each unit, which the client resets */
	bool handshakes;		/* a new connection for each unit, and nothing but a handshake */
	struct tls_offer offer;		/* without a group there is no TLS */
	int fd;
	SSL *ssl;
	char *buffer;
	size_t start, end;		/* what is in the buffer and not yet read as a reply */
	struct tally tally;
};

static void open_connection(struct client *c)
{
	c->fd = connect_to(&c->target, &c->tally);
	c->start = c->end = 0;
	if (c->offer.group)
		c->ssl = secure_connect(c->fd, &c->tally);
}

static void close_connection(struct client *c)
{
	if (c->ssl)
		secure_free(c->ssl);
	else
		close(c->fd);
	c->ssl = NULL;
}

/* The device closes: reset, more bytes and silence are surprises. */
static void expect_end(struct client *c)
{
	ssize_t got;

	if (c->start != c->end)
		problem(&c->tally, "%zu bytes after the last reply", c->end - c->start);
	got = c->ssl ? (ssize_t)secure_recv(c->ssl, c->buffer, BUFFER, &c->tally) : 0;
	if (!got)
		got = recv(c->fd, c->buffer, BUFFER, 0);
	if (got > 0)
		problem(&c->tally, "%zd bytes after the last reply", got);
	if (got < 0)
		problem(&c->tally, "the connection was not closed in order: %s", strerror(errno));
	close_connection(c);
}

static void send_all(struct client *c)
{
	if (c->ssl)
		return secure_send(c->ssl, c->request, c->request_length, &c->tally);
	for (size_t sent = 0; sent < c->request_length;) {
		ssize_t n = send(c->fd, c->request + sent, c->request_length - sent, MSG_NOSIGNAL);

		if (n < 0)
			problem(&c->tally, "cannot send: %s", strerror(errno));
		sent += (size_t)n;
	}
}

/* At least one byte more, behind what is there. */
static size_t receive(struct client *c)
{
	ssize_t got;

	if (c->start == c->end)
		c->start = c->end = 0;
	if (c->end == BUFFER) {
		memmove(c->buffer, c->buffer + c->start, c->end - c->start);
		c->end -= c->start;
		c->start = 0;
	}
	if (c->end == BUFFER)
		problem(&c->tally, "a reply's head of more than %d bytes", BUFFER);
	got = c->ssl ? (ssize_t)secure_recv(c->ssl, c->buffer + c->end, BUFFER - c->end, &c->tally) :
		       recv(c->fd, c->buffer + c->end, BUFFER - c->end, 0);
	if (got < 0)
		problem(&c->tally, "no reply: %s", strerror(errno));
	if (!got)
		problem(&c->tally, "the connection was closed inside or before a reply");
	c->end += (size_t)got;
	return (size_t)got;
}

static void check_head(struct client *c, const struct head *head)
{
	const char *text = c->buffer + c->start, *bad = bad_head(text, head);

	if (head->status < STATUS_MIN || head->status > STATUS_MAX)
		problem(&c->tally, "not a status line: %.40s", text);
	c->tally.status[head->status]++;
	if (bad)
		problem(&c->tally, "a reply that is not expected: %s", bad);
	if (!head->has_body_length)
		problem(&c->tally, "a reply without Content-Length, status %u", head->status);
	if (head->status == c->also && c->tally.status[c->also] <= c->at_most)
		return;
	if (head->status != c->status)
		problem(&c->tally, "status %u instead of %lu", head->status, c->status);
	if (c->body < 0)
		c->body = (long long)head->body;
	if (head->body != (uint64_t)c->body)
		problem(&c->tally, "a body of %llu bytes instead of %lld", (unsigned long long)head->body, c->body);
	if (c->field && !has_field(text, head->length, c->field))
		problem(&c->tally, "a reply without the field %s", c->field);
}

static void read_reply(struct client *c)
{
	struct head head;
	uint64_t rest;

	while (!find_head(c->buffer + c->start, c->end - c->start, &head))
		receive(c);
	check_head(c, &head);
	c->start += head.length;
	rest = head.body;
	while (rest > c->end - c->start) {
		rest -= c->end - c->start;
		c->start = c->end;
		receive(c);
	}
	c->start += rest;
	c->tally.bytes += head.body;
	c->tally.requests++;
}

/* Whether the device ended the connection without a byte: by a reset, or in order. */
static bool ended_at_once(struct client *c)
{
	ssize_t got = send(c->fd, c->request, c->request_length, MSG_NOSIGNAL);

	if (got == (ssize_t)c->request_length)
		got = recv(c->fd, c->buffer, BUFFER, MSG_PEEK);
	else if (got >= 0)
		problem(&c->tally, "cannot send all at once");
	if (got < 0 && errno != ECONNRESET && errno != EPIPE)
		problem(&c->tally, "not refused: %s", strerror(errno));
	return got <= 0;
}

/* Of these no more than `at_most` may be served. */
static void be_refused(struct client *c)
{
	c->start = c->end = 0;
	c->fd = try_connect(&c->target, &c->tally);
	if (c->fd < 0) {
		c->tally.refused++;
		return;
	}
	if (ended_at_once(c))
		c->tally.refused++;
	else
		read_reply(c);
	close(c->fd);
}

static void leave(struct client *c)
{
	struct linger reset = { .l_onoff = 1 };

	open_connection(c);
	usleep(ACCEPTED_US);
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(c->fd);
	c->tally.left++;
}

static void shake_hands(struct client *c)
{
	open_connection(c);
	secure_leave(c->ssl, &c->tally);
	c->ssl = NULL;
	c->tally.handshakes++;
}

static void step(void *data)
{
	struct client *c = data;

	if (c->handshakes)
		return shake_hands(c);
	if (c->refused)
		return be_refused(c);
	if (c->leave)
		return leave(c);
	if (c->fresh)
		open_connection(c);
	send_all(c);
	for (unsigned long i = 0; i < c->replies; i++)
		read_reply(c);
	if (c->fresh)
		expect_end(c);
	else if (c->start != c->end)
		problem(&c->tally, "%zu bytes after the last reply", c->end - c->start);
}

/*
 * Ask once without it, and put the cookie that the reply sets where the request has one of that name and length. That
 * is no part of what is counted.
 */
static void learn(struct client *c)
{
	size_t n = strlen(c->cookie), length;
	const char *set, *end;
	struct head head;
	char *place;

	open_connection(c);
	send_all(c);
	while (!find_head(c->buffer, c->end, &head))
		receive(c);
	set = memmem(c->buffer, head.length, c->cookie, n);
	place = memmem(c->request, c->request_length, c->cookie, n);
	if (!set || !place || set[n] != '=' || place[n] != '=')
		problem(&c->tally, "no cookie %s in reply and request", c->cookie);
	end = strpbrk(set, ";\r");
	length = (size_t)(end - set);
	if (place[length] != '\r')
		problem(&c->tally, "a cookie of %zu bytes", length);
	memcpy(place, set, length);
	close_connection(c);
	c->start = c->end = 0;
}

void client(int argc, char **argv)
{
	static const struct option options[] = {
		{ "target", required_argument, NULL, 't' },
		{ "request", required_argument, NULL, 'r' },
		{ "replies", required_argument, NULL, 'n' },
		{ "status", required_argument, NULL, 's' },
		{ "also", required_argument, NULL, 'a' },
		{ "at-most", required_argument, NULL, 'm' },
		{ "body", required_argument, NULL, 'b' },
		{ "field", required_argument, NULL, 'f' },
		{ "cookie", required_argument, NULL, 'C' },
		{ "fresh", no_argument, NULL, 'F' },
		{ "refused", no_argument, NULL, 'R' },
		{ "leave", no_argument, NULL, 'L' },
		{ "handshakes", no_argument, NULL, 'H' },
		{ "group", required_argument, NULL, 'G' },
		{ "server-name", required_argument, NULL, 'N' },
		{ "chain", required_argument, NULL, 'K' },
		{ "resume", no_argument, NULL, 'S' },
		{ "warm-up", required_argument, NULL, 'w' },
		{ "count", required_argument, NULL, 'c' },
		{ "parts", required_argument, NULL, 'p' },
		{ }
	};
	static struct client c = { .replies = 1, .status = 200, .body = -1, .tally.who = "load" };
	struct course course = { .warm_up = 100, .count = 1000, .parts = 5 };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't': c.target = endpoint(optarg); break;
		case 'r': c.request = read_file(optarg, &c.request_length); break;
		case 'n': c.replies = number(optarg); break;
		case 's': c.status = number(optarg); break;
		case 'a': c.also = number(optarg); break;
		case 'm': c.at_most = number(optarg); break;
		case 'b': c.body = (long long)number(optarg); break;
		case 'f': c.field = optarg; break;
		case 'C': c.cookie = optarg; break;
		case 'F': c.fresh = true; break;
		case 'R': c.refused = true; break;
		case 'L': c.leave = true; break;
		case 'H': c.handshakes = true; break;
		case 'G': c.offer.group = optarg; break;
		case 'N': c.offer.name = optarg; break;
		case 'K': c.offer.chain = optarg; break;
		case 'S': c.offer.resume = true; break;
		case 'w': course.warm_up = number(optarg); break;
		case 'c': course.count = number(optarg); break;
		case 'p': course.parts = (unsigned int)number(optarg); break;
		default: usage("load client --target=ADDRESS:PORT --request=FILE [OPTION]...");
		}
	}
	if (!c.target.sin_port || !(c.request_length || c.handshakes) || !c.replies)
		usage("load client: --target and --request are needed");
	if (c.offer.group ? !c.offer.name || !c.offer.chain || c.refused || c.leave : c.handshakes || c.offer.resume)
		usage("load client: TLS takes --group, --server-name and --chain, and is not refused nor left");
	c.buffer = malloc(BUFFER);
	if (!c.buffer)
		usage("no memory");
	memset(c.buffer, 0, BUFFER);	/* no page fault falls into a counted part */
	pin(CPU);
	if (c.offer.group)
		secure_setup(&c.offer);
	if (c.offer.resume)
		secure_learn(connect_to(&c.target, &c.tally), &c.tally);
	if (c.cookie)
		learn(&c);
	if (!c.fresh && !c.refused && !c.leave && !c.handshakes)
		open_connection(&c);
	run_course(&course, step, &c);
	report(&c.tally);
}

// SPDX-License-Identifier: Apache-2.0
/*
 * load idle: opens connections, has one request answered on each, then lets them lie. A unit is a second in which
 * nothing is sent. At the end each connection must still serve a request: a device that closed some was not measured.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { REPLY_MAX = 64 * 1024, SPARE_FDS = 16 };

struct idle {
	const char *request;
	size_t request_length;
	unsigned long connections;
	uint64_t body;
	int *fds;
	struct tally tally;
};

static void ask(struct idle *idle, int fd)
{
	static char buffer[REPLY_MAX];
	struct head head;
	size_t len = 0;

	if (send(fd, idle->request, idle->request_length, 0) != (ssize_t)idle->request_length)
		problem(&idle->tally, "cannot send: %s", strerror(errno));
	for (;;) {
		ssize_t got = recv(fd, buffer + len, sizeof(buffer) - len, 0);

		if (got < 0)
			problem(&idle->tally, "no reply: %s", strerror(errno));
		if (!got)
			problem(&idle->tally, "an idle connection was closed");
		len += (size_t)got;
		if (find_head(buffer, len, &head) && len >= head.length + head.body)
			break;
	}
	if (head.status > STATUS_MAX)
		head.status = 0;
	idle->tally.status[head.status]++;
	if (head.status != 200 || head.body != idle->body || len != head.length + head.body)
		problem(&idle->tally, "not the reply that was expected: status %u, %zu bytes", head.status, len);
	idle->tally.requests++;
	idle->tally.bytes += head.body;
}

static void step(void *data)
{
	(void)data;
	sleep(1);
}

void idle(int argc, char **argv)
{
	static const struct option options[] = {
		{ "target", required_argument, NULL, 't' },
		{ "request", required_argument, NULL, 'r' },
		{ "connections", required_argument, NULL, 'n' },
		{ "body", required_argument, NULL, 'b' },
		{ "warm-up", required_argument, NULL, 'w' },
		{ "count", required_argument, NULL, 'c' },
		{ "parts", required_argument, NULL, 'p' },
		{ }
	};
	static struct idle idle = { .connections = 100, .tally.who = "load" };
	struct course course = { .warm_up = 1, .count = 2, .parts = 5 };
	struct sockaddr_in target = { };
	struct rlimit files;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't': target = endpoint(optarg); break;
		case 'r': idle.request = read_file(optarg, &idle.request_length); break;
		case 'n': idle.connections = number(optarg); break;
		case 'b': idle.body = number(optarg); break;
		case 'w': course.warm_up = number(optarg); break;
		case 'c': course.count = number(optarg); break;
		case 'p': course.parts = (unsigned int)number(optarg); break;
		default: usage("load idle --target=ADDRESS:PORT --request=FILE [OPTION]...");
		}
	}
	if (!target.sin_port || !idle.request_length || !idle.connections)
		usage("load idle: --target, --request and --connections are needed");
	files.rlim_cur = files.rlim_max = idle.connections + SPARE_FDS;
	idle.fds = calloc(idle.connections, sizeof(*idle.fds));
	if (!idle.fds || setrlimit(RLIMIT_NOFILE, &files))
		usage("cannot have %lu connections: %s", idle.connections, strerror(errno));
	pin(CPU);
	for (unsigned long i = 0; i < idle.connections; i++) {
		idle.fds[i] = connect_to(&target, &idle.tally);
		ask(&idle, idle.fds[i]);
	}
	run_course(&course, step, NULL);
	for (unsigned long i = 0; i < idle.connections; i++)
		ask(&idle, idle.fds[i]);
	report(&idle.tally);
}

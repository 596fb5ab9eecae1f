// SPDX-License-Identifier: Apache-2.0
/*
 * load flood: SYN segments from addresses that the device has blocked. A unit is one segment. None may be answered:
 * every address is this host's (a local route), so that an answer would arrive here.
 *
 * Segments go out in bursts with a pause after each, as long as the device needs to drop them: a receive queue that
 * runs over would drop for free.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { SOURCES = 64, PORT_FIRST = 20000, PORTS = 32768, TTL = 64, WINDOW = 64240 };

struct segment {
	struct iphdr ip;
	struct tcphdr tcp;
};

struct flood {
	struct sockaddr_in target;
	uint32_t sources;		/* the first source address, in host order */
	unsigned long burst;
	unsigned int pause_us;
	int raw, answers;
	struct segment segment;
	struct tally tally;
};

/* RFC 1071. */
static uint32_t sum(const void *data, size_t len, uint32_t total)
{
	const uint8_t *at = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		total += (uint32_t)at[i] << 8 | at[i + 1];
	return total;
}

static uint16_t fold(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return htons((uint16_t)~total);
}

static void send_one(struct flood *flood)
{
	struct segment *s = &flood->segment;
	unsigned long n = flood->tally.packets;
	uint32_t pseudo;

	s->ip.saddr = htonl(flood->sources + (uint32_t)(n % SOURCES));
	s->tcp.source = htons((uint16_t)(PORT_FIRST + n % PORTS));
	s->tcp.seq = htonl((uint32_t)n * 1000);
	s->tcp.check = 0;
	pseudo = sum(&s->ip.saddr, 2 * sizeof(s->ip.saddr), IPPROTO_TCP + sizeof(s->tcp));
	s->tcp.check = fold(sum(&s->tcp, sizeof(s->tcp), pseudo));
	if (sendto(flood->raw, s, sizeof(*s), 0, (struct sockaddr *)&flood->target, sizeof(flood->target)) < 0)
		problem(&flood->tally, "cannot send: %s", strerror(errno));
	flood->tally.packets++;
}

static void step(void *data)
{
	struct flood *flood = data;

	send_one(flood);
	if (!(flood->tally.packets % flood->burst))
		usleep(flood->pause_us);
}

static void expect_silence(struct flood *flood)
{
	struct segment answer;
	ssize_t got;

	while ((got = recv(flood->answers, &answer, sizeof(answer), MSG_DONTWAIT)) >= (ssize_t)sizeof(answer)) {
		if (answer.ip.saddr == flood->segment.ip.daddr)
			problem(&flood->tally, "the device answered a blocked address (TCP flags %#x)",
				((uint8_t *)&answer.tcp)[13]);
	}
}

void flood(int argc, char **argv)
{
	static const struct option options[] = {
		{ "target", required_argument, NULL, 't' },
		{ "sources", required_argument, NULL, 's' },
		{ "burst", required_argument, NULL, 'b' },
		{ "pause", required_argument, NULL, 'u' },
		{ "warm-up", required_argument, NULL, 'w' },
		{ "count", required_argument, NULL, 'c' },
		{ "parts", required_argument, NULL, 'p' },
		{ }
	};
	static struct flood f = { .burst = 16, .pause_us = 1000, .tally.who = "load" };
	struct course course = { .warm_up = 100, .count = 1000, .parts = 5 };
	struct in_addr sources = { };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't': f.target = endpoint(optarg); break;
		case 's':
			if (inet_pton(AF_INET, optarg, &sources) != 1)
				usage("not an address: %s", optarg);
			break;
		case 'b': f.burst = number(optarg); break;
		case 'u': f.pause_us = (unsigned int)number(optarg); break;
		case 'w': course.warm_up = number(optarg); break;
		case 'c': course.count = number(optarg); break;
		case 'p': course.parts = (unsigned int)number(optarg); break;
		default: usage("load flood --target=ADDRESS:PORT --sources=ADDRESS [OPTION]...");
		}
	}
	if (!f.target.sin_port || !sources.s_addr || !f.burst)
		usage("load flood: --target, --sources and --burst are needed");
	f.sources = ntohl(sources.s_addr);
	f.segment.ip = (struct iphdr) {
		.version = 4, .ihl = 5, .ttl = TTL, .protocol = IPPROTO_TCP,
		.tot_len = htons(sizeof(f.segment)), .daddr = f.target.sin_addr.s_addr,
	};
	f.segment.tcp = (struct tcphdr) {
		.dest = f.target.sin_port, .doff = sizeof(f.segment.tcp) / 4, .syn = 1, .window = htons(WINDOW),
	};
	f.raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	f.answers = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	if (f.raw < 0 || f.answers < 0)
		usage("no raw socket: %s", strerror(errno));
	pin(CPU);
	run_course(&course, step, &f);
	expect_silence(&f);
	report(&f.tally);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load program of counting guests: a client that asks for one thing over and over, an origin that answers one
 * thing, and what else a guest needs to be measured. Static, without threads, cheap to run: each instruction that it
 * spends is simulated too, though none of them is in a figure.
 */
#ifndef LOAD_H
#define LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CPU = 1,			/* of client and origin; the device under test has CPU 0 to itself */
	PATIENCE_S = 20,		/* before a peer that does not answer counts as dead */
	STATUS_MIN = 100,
	STATUS_MAX = 599,
	PAUSE_US = 20000,		/* around a marker: what the last request set off is over by then */
};

/* How the counted parts of a run follow each other: warm-up, marker, part, marker, part, ..., marker. */
struct course {
	unsigned long warm_up, count;	/* units before the first marker, and in each part */
	unsigned int parts;
};

/* A head and what of it matters. */
struct head {
	unsigned int status;		/* of a reply */
	size_t length;			/* of the head, with the empty line */
	uint64_t body;			/* Content-Length; 0 without one */
	bool has_body_length;
};

/* What came back. The first surprise ends the run: problem() does not return. */
struct tally {
	const char *who;		/* how its line begins: "load" or "origin" */
	unsigned long requests;
	unsigned long status[STATUS_MAX + 1];
	unsigned long packets;		/* unanswered ones, of a flood */
	unsigned long refused;		/* connections that the device ended without a byte */
	unsigned long left;		/* connections that the client ended without a byte */
	unsigned long handshakes;	/* connections on which nothing else happened */
	unsigned long connections;	/* accepted by the origin, opened by a client */
	uint64_t bytes;			/* of bodies */
};

/* text.c */
bool find_head(const char *text, size_t len, struct head *head);	/* false: not whole yet */
bool has_field(const char *text, size_t len, const char *name);
const char *bad_head(const char *text, const struct head *head);	/* why its framing is not ours, or NULL */

/* report.c: one line for people and programs, then the end */
void __attribute__((noreturn, format(printf, 2, 3))) problem(const struct tally *tally, const char *format, ...);
void __attribute__((noreturn)) report(const struct tally *tally);
void __attribute__((noreturn, format(printf, 1, 2))) usage(const char *format, ...);
/* A connection to the device, or the end of the run. */
int connect_to(const struct sockaddr_in *target, struct tally *tally);
/* The same, or -1 if the device refuses it. */
int try_connect(const struct sockaddr_in *target, struct tally *tally);
char *read_file(const char *path, size_t *len);
unsigned long number(const char *text);
struct sockaddr_in endpoint(const char *text);

/* course.c */
void run_course(const struct course *course, void (*step)(void *), void *data);
void marker(unsigned int id);
void pin(unsigned int cpu);

/* The modes. */
void client(int argc, char **argv);
void origin(int argc, char **argv);
void idle(int argc, char **argv);
void flood(int argc, char **argv);
void prepare(int argc, char **argv);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accounts of clients: what each client key (an address, or an IPv6 prefix) has
 * done lately and has open, for limits to be measured against.
 *
 * An account exists while its client has a connection open, and after that
 * until its windows are over.  Connections hold a pointer to it, so a request
 * is counted without a lookup, and touches no memory that other clients'
 * requests write to.
 *
 * Exact: counts are one for all CPUs, under a lock, so a client never gets more
 * than its limit by using several CPUs, connections, or source ports.
 *
 * Bounded: accounts with open connections are bounded by those, each of which
 * costs ten times as much.  Of those without, each bucket of the table keeps
 * WEIR_ACCOUNTS_IDLE.  For one more, the account that is least near to a limit
 * gives way, and what it had done is merged into its bucket's floor (the
 * greater of both in each slot of a window), which every account starts from
 * that is made in the bucket.  So
 *
 * - nobody gains by having his account pushed out, or by coming from ever new
 *   addresses: whoever has no account has done no more than the floor says;
 * - an account with an open connection never gives way, nor one that is over a
 *   limit while another without connections in its bucket is not;
 * - a client is refused for others' sake only if its account is made while
 *   so many others come and go that the floor is near the limit.  Buckets are
 *   chosen by a keyed hash, so it takes several times as many clients a second
 *   as the table remembers (tests/test_clients.py has figures).
 *
 * Memory: WEIR_ACCOUNT_SIZE bytes for an account, and as much for eight of them.
 */
#ifndef _WEIR_CLIENTS_H
#define _WEIR_CLIENTS_H

#include <linux/in6.h>
#include <linux/types.h>

#include "http_policy.h"

struct weir_account;
struct weir_accounts;
struct weir_stats;

/* What a client is limited in.  Of several limits that are passed, the first is to blame. */
enum weir_limit {
	/* In windows. */
	WEIR_LIMIT_REQUEST_BURST,
	WEIR_LIMIT_REQUEST_RATE,
	WEIR_LIMIT_CONNECTION_BURST,
	WEIR_LIMIT_CONNECTION_RATE,
	WEIR_LIMIT_CHALLENGE_MISSES,
	WEIR_LIMIT_TLS_HANDSHAKE_BURST,
	WEIR_LIMIT_TLS_HANDSHAKE_RATE,
	WEIR_LIMIT_TLS_INCOMPLETE_RATE,
	WEIR_LIMIT_WINDOWS,
	/* At the moment. */
	WEIR_LIMIT_CONCURRENT_CONNECTIONS = WEIR_LIMIT_WINDOWS,
	/* Of one connection, by itself: measured there, not in the account. */
	WEIR_LIMIT_MIN_BODY_RATE,
	WEIR_LIMIT_MIN_SEND_RATE,
	WEIR_LIMIT_HEADER_CHUNKS,
	WEIR_LIMIT_BODY_CHUNKS,
	WEIR_LIMIT_TLS_FINGERPRINT_DENY,
	/* In what its requests are like: enum http_check from here on. */
	WEIR_LIMIT_CHECKS,
	WEIR_LIMIT_COUNT = WEIR_LIMIT_CHECKS + HTTP_CHECK_COUNT,
	WEIR_LIMIT_NONE = WEIR_LIMIT_COUNT,
};

/* What is counted for them. */
enum weir_limit_event {
	WEIR_LIMIT_REQUEST,
	WEIR_LIMIT_CONNECTION,
	WEIR_LIMIT_MISS,	/* a challenge that is not met yet */
	WEIR_LIMIT_HANDSHAKE,	/* a full one of TLS that begins */
	WEIR_LIMIT_INCOMPLETE,	/* one of TLS that comes to nothing */
	WEIR_LIMIT_TRANSFER,	/* nothing in accounts */
};

enum {
	/* Accounts without open connections in a bucket. */
	WEIR_ACCOUNTS_IDLE	= 8,
	WEIR_ACCOUNT_SIZE	= 384,
	/* Accounts without open connections in all. */
	WEIR_ACCOUNTS_DEFAULT	= 65536,
	WEIR_ACCOUNTS_MAX	= 1 << 22,
};

/* What is counted for a limit. */
enum weir_limit_event weir_limit_event(enum weir_limit limit);

/*
 * A table for @clients that have no connection open, rounded up to a power of
 * two; its memory is counted in @stats.  NULL: no memory.  Process context.
 */
struct weir_accounts *weir_accounts_alloc(unsigned int clients, struct weir_stats __percpu *stats);
/* No connection has an account any more.  NULL is no table.  Process context. */
void weir_accounts_free(struct weir_accounts *accounts);

/*
 * In all of these @most has the limits, by enum weir_limit, 0 for none; @key is
 * the client's.  They return the limit that is passed, or WEIR_LIMIT_NONE; what
 * is refused is not counted.  Softirq, or process context without locks.
 */

/* Whether a connection would be refused just now.  Counts nothing, takes no memory. */
enum weir_limit weir_accounts_probe(struct weir_accounts *accounts, const struct in6_addr *key,
				    const u32 *most);
/*
 * Count a connection whose handshake is over in the client's windows; it is not
 * counted as open yet.  @over: out.  False: no memory, nothing is counted.
 */
bool weir_accounts_connect(struct weir_accounts *accounts, const struct in6_addr *key,
			   const u32 *most, enum weir_limit *over);
/*
 * Count a connection as open, until weir_accounts_close(), unless @bounded and
 * there are as many as may be: then @over says so.  The client's account, or
 * NULL: @over, or no memory.
 */
struct weir_account *weir_accounts_open(struct weir_accounts *accounts, const struct in6_addr *key,
					const u32 *most, bool bounded, enum weir_limit *over);
void weir_accounts_close(struct weir_accounts *accounts, struct weir_account *account,
			 const u32 *most);

/* Count a request of one of the account's open connections.  Softirq. */
enum weir_limit weir_account_request(struct weir_account *account, const u32 *most);
/* Count a challenge that is put to one of them; forget all of them.  Softirq. */
enum weir_limit weir_account_miss(struct weir_account *account, const u32 *most);
void weir_account_forgive(struct weir_account *account);
/* Count a full handshake of one of them, unless too many began or came to nothing.  Softirq. */
enum weir_limit weir_account_handshake(struct weir_account *account, const u32 *most);
/* One came to nothing.  Softirq. */
void weir_account_incomplete(struct weir_account *account, const u32 *most);

/* Accounts without open connections that a namespace may have: a parameter of the module. */
extern unsigned int weir_clients_max;

/* For main.c. */
int weir_accounts_init(void);
/* When no namespace has a table. */
void weir_accounts_exit(void);

#endif /* _WEIR_CLIENTS_H */

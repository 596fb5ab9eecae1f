// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several threads and few clients in a table for eight: what each client gets in
 * all is counted, and may not be more than one thread alone would get.  The clock
 * stands still, so nothing is forgotten.  Built with the thread sanitizer.
 */

#include <stdio.h>

#include "shim.h"
#include "clients.h"
#include "stats.h"

enum {
	THREADS		= 4,
	CLIENTS		= 12,
	STEPS		= 20000,
	HELD		= 3,
	LIMIT		= 50,
	CONCURRENT	= 5,
	/* A client whose account is there all the time gets exactly its limit. */
	REGULAR		= 0,
};

static const u32 most[WEIR_LIMIT_COUNT] = {
	[WEIR_LIMIT_REQUEST_RATE] = LIMIT,
	[WEIR_LIMIT_CONCURRENT_CONNECTIONS] = CONCURRENT,
};

static struct weir_accounts *accounts;
static int requests[CLIENTS];
static int connections[CLIENTS];

static struct in6_addr key_of(unsigned int client)
{
	struct in6_addr key = { .s6_addr = { 0x20, 1, [15] = client } };

	return key;
}

/**
 * struct held - a connection of a thread
 * @account: its client's; NULL: none
 * @client: which
 */
struct held {
	struct weir_account *account;
	unsigned int client;
};

static void give_up(struct held *held)
{
	if (!held->account)
		return;
	__atomic_fetch_sub(&connections[held->client], 1, __ATOMIC_SEQ_CST);
	weir_accounts_close(accounts, held->account, most);
	held->account = NULL;
}

static void take(struct held *held, unsigned int client)
{
	struct in6_addr key = key_of(client);
	enum weir_limit over;

	give_up(held);
	if (weir_accounts_probe(accounts, &key, most) != WEIR_LIMIT_NONE ||
	    !weir_accounts_connect(accounts, &key, most, &over) || over != WEIR_LIMIT_NONE)
		return;
	held->account = weir_accounts_open(accounts, &key, most, true, &over);
	held->client = client;
	/* Counted after it is open and before it is closed: never more than are. */
	if (held->account &&
	    __atomic_add_fetch(&connections[client], 1, __ATOMIC_SEQ_CST) > CONCURRENT)
		abort();
}

static void *run(void *seed)
{
	struct held held[HELD] = { 0 };
	u32 chance = (size_t)seed;
	unsigned int i;

	for (i = 0; i < STEPS; i++) {
		struct held *one = &held[i % HELD];

		chance = chance * 1664525 + 1013904223;
		if (chance >> 30 == 0)
			take(one, 1 + (chance >> 8) % (CLIENTS - 1));
		else if (chance >> 30 == 1)
			give_up(one);
		else if (one->account && weir_account_request(one->account, most) ==
			 WEIR_LIMIT_NONE)
			__atomic_fetch_add(&requests[one->client], 1, __ATOMIC_RELAXED);
	}
	for (i = 0; i < HELD; i++)
		give_up(&held[i]);
	return NULL;
}

/* The threads of a client that is connected all the time. */
static void *run_regular(void *account)
{
	unsigned int i;

	for (i = 0; i < LIMIT; i++)
		if (weir_account_request(account, most) == WEIR_LIMIT_NONE)
			__atomic_fetch_add(&requests[REGULAR], 1, __ATOMIC_RELAXED);
	return NULL;
}

int main(void)
{
	struct in6_addr key = key_of(REGULAR);
	struct weir_account *regular;
	pthread_t threads[2 * THREADS];
	enum weir_limit over;
	size_t i;

	shim_clock = 1000000000000ULL;
	if (weir_accounts_init())
		return 1;
	accounts = weir_accounts_alloc(WEIR_ACCOUNTS_IDLE, shim_counters());
	regular = weir_accounts_open(accounts, &key, most, true, &over);
	for (i = 0; i < THREADS; i++) {
		pthread_create(&threads[i], NULL, run, (void *)(i + 1));
		pthread_create(&threads[THREADS + i], NULL, run_regular, regular);
	}
	for (i = 0; i < 2 * THREADS; i++)
		pthread_join(threads[i], NULL);
	weir_accounts_close(accounts, regular, most);
	weir_accounts_free(accounts);
	for (i = 0; i < CLIENTS; i++)
		printf("%d ", requests[i]);
	printf("%d %lld\n", shim_objects, (long long)shim_stat(WEIR_STAT_memory_bytes));
	weir_accounts_exit();
	return 0;
}

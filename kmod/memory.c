// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bounds of the memory held for clients.
 *
 * A round goes through all connections and adds up bytes, in total and in
 * buckets chosen by a keyed hash of the client, so that a table of fixed size
 * does for any number of clients.  No client has more than its bucket, so if
 * none of these is over the bound, nor the total, that is all.  Else the fullest
 * buckets are looked into by going through all connections again: of a few
 * clients in each, exactly what they have, and their greediest connections.
 * Whom there was no room for is found in the next round, which comes at once
 * and hashes with another key.
 */

#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <net/ipv6.h>

#include "client.h"
#include "client_tls.h"
#include "config.h"
#include "evict.h"
#include "exchange.h"
#include "gather.h"
#include "limit.h"
#include "memory.h"
#include "net.h"

enum {
	WEIR_MEMORY_PERIOD_MS	= 100,
	WEIR_MEMORY_BUCKETS	= 1 << 16,
	/* Of a round: buckets that are looked into, clients of each, ... */
	WEIR_MEMORY_HOT		= 64,
	WEIR_MEMORY_SUSPECTS	= 4,
	/* ... and connections of one that are closed. */
	WEIR_MEMORY_VICTIMS	= 8,
};

/* In a bucket, instead of a sum: it is that one of the hot ones. */
#define WEIR_MEMORY_IS_HOT BIT_ULL(63)

/**
 * struct weir_victim - a connection that may have to go
 * @client: it, with a reference to its leg
 * @bytes: held for it
 */
struct weir_victim {
	struct weir_client	*client;
	u64			bytes;
};

/**
 * struct weir_suspect - a client in a hot bucket
 * @key: who
 * @bytes: held for all its connections, less those that were closed
 * @count: used entries of @victims
 * @next: the first that is not closed
 * @victims: the greediest of its connections, these first
 */
struct weir_suspect {
	struct in6_addr		key;
	u64			bytes;
	unsigned int		count;
	unsigned int		next;
	struct weir_victim	victims[WEIR_MEMORY_VICTIMS];
};

/**
 * struct weir_hot - a bucket that is looked into
 * @index: which
 * @bytes: its sum
 * @count: used entries of @suspects
 * @suspects: clients in it
 */
struct weir_hot {
	u32			index;
	u64			bytes;
	unsigned int		count;
	struct weir_suspect	suspects[WEIR_MEMORY_SUSPECTS];
};

/**
 * struct weir_memory - what a namespace needs for it; all of it the worker's
 * @key: of this round's hash
 * @config: of this round, with a reference
 * @total: bytes held for all
 * @shown: of these, what statistics say
 * @hot_count: used entries of @hot
 * @hot: the fullest buckets, these first
 * @buckets: bytes by hash; or see WEIR_MEMORY_IS_HOT
 */
struct weir_memory {
	siphash_key_t			key;
	const struct weir_config	*config;
	u64				total;
	u64				shown;
	unsigned int			hot_count;
	struct weir_hot			hot[WEIR_MEMORY_HOT];
	u64				buckets[WEIR_MEMORY_BUCKETS];
};

static u64 weir_memory_of_socket(const struct sock *sk)
{
	return (u64)atomic_read(&sk->sk_rmem_alloc) + READ_ONCE(sk->sk_wmem_queued);
}

static u64 weir_memory_of_exchange(struct weir_exchange *x)
{
	u64 bytes = sizeof(*x) + weir_pipe_held(&x->request) + weir_pipe_held(&x->reply);

	spin_lock(&x->lock);
	if (x->upstream)
		bytes += weir_memory_of_socket(x->upstream->sk);
	spin_unlock(&x->lock);
	return bytes;
}

/* Bytes held for a connection that goes on, else 0; @address: for whom. */
static u64 weir_memory_of(struct weir_client *client, struct in6_addr *address)
{
	struct sock *sk = client->leg.sk;
	u64 bytes = 0;

	local_bh_disable();
	bh_lock_sock(sk);
	*address = client->address;
	if (!client->leg.closed) {
		bytes = sizeof(*client) + weir_memory_of_socket(sk);
		if (client->gather)
			bytes += weir_gather_held(client->gather);
		if (client->tls)
			bytes += weir_tls_held(client->tls);
		if (client->x)
			bytes += weir_memory_of_exchange(client->x);
	}
	bh_unlock_sock(sk);
	local_bh_enable();
	return bytes;
}

static u64 *weir_memory_bucket(struct weir_memory *memory, const struct in6_addr *key)
{
	return &memory->buckets[siphash(key, sizeof(*key), &memory->key) % WEIR_MEMORY_BUCKETS];
}

static void weir_memory_add(struct weir_client *client, void *data)
{
	struct weir_memory *memory = data;
	struct in6_addr address, key;
	u64 bytes;

	bytes = weir_memory_of(client, &address);
	memory->total += bytes;
	if (weir_limit_spares(memory->config, &address))
		return;
	key = weir_limit_key(&memory->config->limits, &address);
	*weir_memory_bucket(memory, &key) += bytes;
}

/* Remember a bucket among the fullest, if it is one of them. */
static void weir_memory_rank(struct weir_memory *memory, u32 index)
{
	struct weir_hot *hot = memory->hot;
	u64 bytes = memory->buckets[index];
	unsigned int at = memory->hot_count;

	if (at == WEIR_MEMORY_HOT && bytes <= hot[at - 1].bytes)
		return;
	if (at < WEIR_MEMORY_HOT)
		memory->hot_count++;
	else
		at--;
	for (; at && hot[at - 1].bytes < bytes; at--) {
		hot[at].index = hot[at - 1].index;
		hot[at].bytes = hot[at - 1].bytes;
	}
	hot[at].index = index;
	hot[at].bytes = bytes;
}

/* Find the buckets that have to be looked into; whether there are any. */
static bool weir_memory_heat(struct weir_memory *memory, u64 client_most, u64 excess)
{
	unsigned int i;

	memory->hot_count = 0;
	for (i = 0; i < WEIR_MEMORY_BUCKETS; i++)
		if (memory->buckets[i] && (excess || memory->buckets[i] > client_most))
			weir_memory_rank(memory, i);
	for (i = 0; i < memory->hot_count; i++) {
		struct weir_hot *hot = &memory->hot[i];

		if (!excess && hot->bytes <= client_most)
			break;
		excess -= min(excess, hot->bytes);
		hot->count = 0;
		memory->buckets[hot->index] = WEIR_MEMORY_IS_HOT | i;
	}
	memory->hot_count = i;
	return i;
}

static struct weir_suspect *weir_memory_suspect(struct weir_hot *hot, const struct in6_addr *key)
{
	struct weir_suspect *suspect;
	unsigned int i;

	for (i = 0; i < hot->count; i++)
		if (ipv6_addr_equal(&hot->suspects[i].key, key))
			return &hot->suspects[i];
	if (hot->count == WEIR_MEMORY_SUSPECTS)
		return NULL;
	suspect = &hot->suspects[hot->count++];
	suspect->key = *key;
	suspect->bytes = 0;
	suspect->count = 0;
	suspect->next = 0;
	return suspect;
}

static void weir_memory_look(struct weir_client *client, void *data)
{
	struct weir_memory *memory = data;
	struct weir_suspect *suspect;
	struct in6_addr address, key;
	u64 bytes, bucket;
	unsigned int at;

	bytes = weir_memory_of(client, &address);
	if (!bytes || weir_limit_spares(memory->config, &address))
		return;
	key = weir_limit_key(&memory->config->limits, &address);
	bucket = *weir_memory_bucket(memory, &key);
	if (!(bucket & WEIR_MEMORY_IS_HOT))
		return;
	suspect = weir_memory_suspect(&memory->hot[bucket & ~WEIR_MEMORY_IS_HOT], &key);
	if (!suspect)
		return;
	suspect->bytes += bytes;
	at = suspect->count;
	if (at < WEIR_MEMORY_VICTIMS) {
		suspect->count++;
	} else {
		at--;
		if (bytes <= suspect->victims[at].bytes)
			return;
		weir_leg_put(&suspect->victims[at].client->leg);
	}
	for (; at && suspect->victims[at - 1].bytes < bytes; at--)
		suspect->victims[at] = suspect->victims[at - 1];
	weir_leg_hold(&client->leg);
	suspect->victims[at].client = client;
	suspect->victims[at].bytes = bytes;
}

/* Reset the greediest connection of a client that is left; how much that gives back. */
static u64 weir_memory_close(struct weir_suspect *suspect, enum weir_reason reason)
{
	struct weir_victim *victim = &suspect->victims[suspect->next++];
	struct weir_client *client = victim->client;
	struct sock *sk = client->leg.sk;
	struct weir_incident incident;

	rcu_read_lock();
	local_bh_disable();
	bh_lock_sock(sk);
	incident = weir_client_incident(client, NULL, NULL);
	incident.reason = reason;
	incident.action = WEIR_EVENT_ACTION_RESET;
	if (!client->leg.closed)
		weir_events_tell(client->leg.wn, &incident);
	bh_unlock_sock(sk);
	local_bh_enable();
	rcu_read_unlock();
	weir_count(client->leg.wn, reason == WEIR_REASON_CLIENT_MEMORY ?
		   WEIR_STAT_rejected_client_memory : WEIR_STAT_rejected_total_memory, 1);
	weir_leg_kick(&client->leg, WEIR_EVENT_ABORT);
	suspect->bytes -= min(suspect->bytes, victim->bytes);
	return victim->bytes;
}

/* Of all suspects with connections that are left the greediest. */
static struct weir_suspect *weir_memory_greediest(struct weir_memory *memory)
{
	struct weir_suspect *found = NULL, *suspect;
	unsigned int i, j;

	for (i = 0; i < memory->hot_count; i++) {
		for (j = 0; j < memory->hot[i].count; j++) {
			suspect = &memory->hot[i].suspects[j];
			if (suspect->next < suspect->count &&
			    (!found || suspect->bytes > found->bytes))
				found = suspect;
		}
	}
	return found;
}

/* Reset what is over the bounds, the greediest first; whether there was anything. */
static bool weir_memory_judge(struct weir_memory *memory, u64 client_most, u64 excess)
{
	struct weir_suspect *suspect;
	bool any = false;

	while ((suspect = weir_memory_greediest(memory))) {
		u64 freed;

		if (suspect->bytes > client_most)
			freed = weir_memory_close(suspect, WEIR_REASON_CLIENT_MEMORY);
		else if (excess)
			freed = weir_memory_close(suspect, WEIR_REASON_TOTAL_MEMORY);
		else
			break;
		excess -= min(excess, freed);
		any = true;
		cond_resched();
	}
	return any;
}

static void weir_memory_forget(struct weir_memory *memory)
{
	unsigned int i, j, k;

	for (i = 0; i < memory->hot_count; i++)
		for (j = 0; j < memory->hot[i].count; j++)
			for (k = 0; k < memory->hot[i].suspects[j].count; k++)
				weir_leg_put(&memory->hot[i].suspects[j].victims[k].client->leg);
}

/* Whether anything had to be reset. */
static bool weir_memory_round(struct weir_net *wn, struct weir_memory *memory)
{
	const struct weir_limits *limits = &memory->config->limits;
	u64 client_most = limits->client_memory ?: U64_MAX;
	u64 total_most = limits->total_memory ?: U64_MAX;
	u64 excess;
	bool any;

	get_random_bytes(&memory->key, sizeof(memory->key));
	memory->total = 0;
	memset(memory->buckets, 0, sizeof(memory->buckets));
	weir_evict_each(wn, weir_memory_add, memory);
	weir_count(wn, WEIR_STAT_client_memory_bytes, memory->total - memory->shown);
	memory->shown = memory->total;
	excess = memory->total - min(memory->total, total_most);
	if (!weir_memory_heat(memory, client_most, excess))
		return false;
	weir_evict_each(wn, weir_memory_look, memory);
	any = weir_memory_judge(memory, client_most, excess);
	weir_memory_forget(memory);
	return any;
}

static bool weir_memory_wanted(const struct weir_limits *limits)
{
	return limits->client_memory || limits->total_memory;
}

static void weir_memory_work(struct work_struct *work)
{
	struct weir_net *wn = container_of(to_delayed_work(work), struct weir_net, measuring);
	struct weir_config *config = weir_config_current(wn->net);
	struct weir_memory *memory = wn->memory;
	u64 began = ktime_get_ns();
	unsigned long rest = 0;

	memory->config = config;
	if (weir_memory_wanted(&config->limits)) {
		if (!weir_memory_round(wn, memory))
			rest = msecs_to_jiffies(WEIR_MEMORY_PERIOD_MS);
		rest = max(rest, weir_evict_rest(ktime_get_ns() - began));
		queue_delayed_work(system_unbound_wq, &wn->measuring, rest);
	} else {
		weir_count(wn, WEIR_STAT_client_memory_bytes, -(s64)memory->shown);
		memory->shown = 0;
	}
	weir_config_put(config);
}

int weir_memory_prepare(struct weir_net *wn, const struct weir_limits *limits)
{
	if (wn->memory || !weir_memory_wanted(limits))
		return 0;
	wn->memory = kvzalloc(sizeof(*wn->memory), GFP_KERNEL_ACCOUNT);
	if (!wn->memory)
		return -ENOMEM;
	weir_count(wn, WEIR_STAT_memory_bytes, sizeof(*wn->memory));
	return 0;
}

void weir_memory_start(struct weir_net *wn, const struct weir_limits *limits)
{
	if (weir_memory_wanted(limits))
		queue_delayed_work(system_unbound_wq, &wn->measuring, 0);
}

void weir_memory_begin(struct weir_net *wn)
{
	INIT_DELAYED_WORK(&wn->measuring, weir_memory_work);
}

void weir_memory_end(struct weir_net *wn)
{
	cancel_delayed_work_sync(&wn->measuring);
	kvfree(wn->memory);
}

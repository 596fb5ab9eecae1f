// SPDX-License-Identifier: GPL-2.0-only
/*
 * Choosing the server that a request goes to, and a connection to it.
 *
 * Servers are ranked; only those of the best rank that any has take part.
 * Round-robin and least-connections then pass over a server without an idle
 * connection, whose pool grows for the next time; a request that has to go to
 * one server (by its hash or its cookie) waits for it.
 */

#include <linux/ctype.h>
#include <linux/siphash.h>

#include "balance.h"
#include "choose.h"
#include "exchange.h"
#include "group.h"
#include "health.h"
#include "http_parser.h"
#include "http_sticky.h"
#include "net.h"
#include "pool.h"
#include "server.h"

enum {
	/* So much of a host's name tells servers apart: all that DNS has. */
	WEIR_HOST_MAX	= 256,
};

/* How welcome a server is; less is more. */
enum weir_rank {
	WEIR_RANK_PRIMARY,
	WEIR_RANK_BACKUP,
	WEIR_RANK_FAILED_IT,	/* it has failed this request already */
	WEIR_RANK_LEFT_OUT,	/* it fails requests: better than nobody */
	WEIR_RANK_NONE,
};

static enum weir_rank weir_choose_rank(const struct weir_member *member,
				       const struct weir_exchange *x)
{
	const struct weir_server *server = member->server;

	if (!weir_server_usable(server))
		return WEIR_RANK_NONE;
	if (weir_health_is_out(server))
		return WEIR_RANK_LEFT_OUT;
	if (x && x->avoid == server)
		return WEIR_RANK_FAILED_IT;
	return member->backup ? WEIR_RANK_BACKUP : WEIR_RANK_PRIMARY;
}

/* A member's weight as balance.h has it; keys of a hash stay where they are while it grows. */
static u32 weir_choose_weight(const struct weir_servers *servers, unsigned int index)
{
	const struct weir_group_settings *settings = &servers->settings;
	struct weir_server *server = servers->member[index].server;
	u32 weight = servers->member[index].weight;
	u64 elapsed;

	if (likely(!READ_ONCE(server->ramping)) || settings->balance == WEIR_BALANCE_HASH)
		return weight * BALANCE_UNIT;
	elapsed = jiffies_to_usecs(jiffies - READ_ONCE(server->back));
	if (elapsed >= settings->slow_start)
		WRITE_ONCE(server->ramping, false);
	return balance_ramp(weight, elapsed, settings->slow_start);
}

/* The weights of those of the best rank, 0 for the others.  Returns whether there are any. */
static bool weir_choose_weigh(const struct weir_servers *servers, const struct weir_exchange *x,
			      u32 *weight)
{
	enum weir_rank best = WEIR_RANK_NONE, rank;
	unsigned int i;

	for (i = 0; i < servers->count; i++) {
		rank = weir_choose_rank(&servers->member[i], x);
		best = min(best, rank);
		weight[i] = rank;
	}
	if (best == WEIR_RANK_NONE)
		return false;
	for (i = 0; i < servers->count; i++)
		weight[i] = weight[i] == best ? weir_choose_weight(servers, i) : 0;
	return true;
}

/* Keep the weights of those only that have the fewest busy connections for theirs. */
static void weir_choose_least(const struct weir_servers *servers, u32 *weight)
{
	u32 busy[WEIR_SERVERS_MAX];
	unsigned int i;
	int best = -1;

	for (i = 0; i < servers->count; i++) {
		if (!weight[i])
			continue;
		busy[i] = weir_server_busy(servers->member[i].server);
		if (best < 0 || balance_less(busy[i], weight[i], busy[best], weight[best]))
			best = i;
	}
	for (i = 0; i < servers->count; i++)
		if (weight[i] && balance_less(busy[best], weight[best], busy[i], weight[i]))
			weight[i] = 0;
}

/*
 * An idle connection of the one whose turn it is among those with a weight,
 * or, if that has none, of the next.  Under the group's turn lock.
 */
static struct weir_connection *weir_choose_turn(const struct weir_servers *servers,
						const u32 *weight)
{
	struct weir_connection *connection;
	u32 left[WEIR_SERVERS_MAX], spent;
	int turn[WEIR_SERVERS_MAX], best;
	unsigned int i;

	for (i = 0; i < servers->count; i++) {
		turn[i] = servers->member[i].server->turn;
		left[i] = weight[i];
	}
	spent = balance_add(turn, weight, servers->count);
	for (;;) {
		best = balance_best(turn, left, servers->count);
		if (best < 0)
			return NULL;
		connection = weir_pool_take(servers->member[best].server);
		if (connection)
			break;
		weir_server_want(servers->member[best].server);
		spent -= balance_pass(turn, left, best);
	}
	turn[best] -= spent;
	for (i = 0; i < servers->count; i++)
		servers->member[i].server->turn = turn[i];
	return connection;
}

static struct weir_connection *weir_choose_any(const struct weir_servers *servers, u32 *weight)
{
	struct weir_connection *connection;
	u32 least[WEIR_SERVERS_MAX];
	bool left = true;
	unsigned int i;

	if (servers->settings.balance != WEIR_BALANCE_LEAST_CONNECTIONS)
		return weir_choose_turn(servers, weight);
	while (left) {
		memcpy(least, weight, servers->count * sizeof(*weight));
		weir_choose_least(servers, least);
		connection = weir_choose_turn(servers, least);
		if (connection)
			return connection;
		left = false;
		for (i = 0; i < servers->count; i++) {
			if (least[i])
				weight[i] = 0;
			left |= weight[i];
		}
	}
	return NULL;
}

/* The server with a weight that the hash is nearest to. */
static struct weir_server *weir_choose_nearest(const struct weir_servers *servers,
					       const u32 *weight, u64 hash)
{
	const siphash_key_t *key = &servers->member[0].server->group->wn->key;
	u32 distance, nearest = 0;
	unsigned int i;
	int best = -1;

	for (i = 0; i < servers->count; i++) {
		if (!weight[i])
			continue;
		distance = balance_distance(siphash_2u64(hash, servers->member[i].server->id, key));
		if (best < 0 || balance_less(distance, weight[i], nearest, weight[best])) {
			nearest = distance;
			best = i;
		}
	}
	return servers->member[best].server;
}

/* The server that the client's cookie names, if requests may go there. */
static struct weir_server *weir_choose_sticky(const struct weir_servers *servers,
					      const struct weir_exchange *x)
{
	unsigned int i;

	for (i = 0; i < servers->count; i++)
		if (servers->member[i].server->id == x->sticky &&
		    weir_choose_rank(&servers->member[i], x) <= WEIR_RANK_BACKUP)
			return servers->member[i].server;
	return NULL;
}

struct weir_connection *weir_choose(struct weir_group *group, struct weir_exchange *x)
{
	struct weir_connection *connection = NULL;
	const struct weir_servers *servers;
	u32 weight[WEIR_SERVERS_MAX];

	rcu_read_lock();
	servers = rcu_dereference(group->servers);
	x->bound = NULL;
	if (!servers)
		goto unlock;
	if (servers->count == 1) {
		if (!READ_ONCE(servers->member[0].server->sick))
			connection = weir_pool_take(servers->member[0].server);
		goto unlock;
	}
	if (!weir_choose_weigh(servers, x, weight))
		goto unlock;
	if (x->sticks)
		x->bound = weir_choose_sticky(servers, x);
	if (!x->bound && servers->settings.balance == WEIR_BALANCE_HASH)
		x->bound = weir_choose_nearest(servers, weight, x->hash);
	if (x->bound) {
		connection = weir_pool_take(x->bound);
	} else {
		spin_lock_bh(&group->turn_lock);
		connection = weir_choose_any(servers, weight);
		spin_unlock_bh(&group->turn_lock);
	}
	if (connection)
		weir_health_try(connection);
unlock:
	rcu_read_unlock();
	return connection;
}

bool weir_choose_suits(struct weir_group *group, const struct weir_exchange *x,
		       const struct weir_server *server)
{
	const struct weir_servers *servers;
	u32 weight[WEIR_SERVERS_MAX];
	bool suits = false;
	unsigned int i;

	rcu_read_lock();
	servers = rcu_dereference(group->servers);
	if (servers && weir_choose_weigh(servers, x, weight)) {
		for (i = 0; i < servers->count; i++)
			suits |= servers->member[i].server == server && weight[i];
	}
	rcu_read_unlock();
	return suits;
}

struct weir_server *weir_choose_growing(const struct weir_servers *servers)
{
	struct weir_server *server, *best = NULL;
	u32 weight[WEIR_SERVERS_MAX], total, least = 0, heaviest = 0;
	unsigned int i;

	if (!weir_choose_weigh(servers, NULL, weight))
		return NULL;
	for (i = 0; i < servers->count; i++) {
		server = servers->member[i].server;
		if (!weight[i] || !weir_server_can_grow(server))
			continue;
		total = atomic_read(&server->total);
		if (!best || balance_less(total, weight[i], least, heaviest)) {
			best = server;
			least = total;
			heaviest = weight[i];
		}
	}
	return best;
}

/* Keys of requests. */

static u64 weir_choose_hash(const siphash_key_t *key, const struct http_head *head,
			    const u8 *bytes, const struct in6_addr *client,
			    enum weir_hash_key by)
{
	u8 host[WEIR_HOST_MAX];
	size_t len, i;

	switch (by) {
	case WEIR_HASH_KEY_URI:
		return siphash(bytes + head->path.off, head->path.len, key);
	case WEIR_HASH_KEY_HOST:
		len = min_t(size_t, head->host.len, sizeof(host));
		for (i = 0; i < len; i++)
			host[i] = tolower(bytes[head->host.off + i]);
		return siphash(host, len, key);
	default:
		return siphash(client, sizeof(*client), key);
	}
}

void weir_choose_key(struct weir_exchange *x, const struct http_head *head, const u8 *bytes,
		     const struct in6_addr *client)
{
	const struct weir_servers *servers;

	if (!x->group)
		return;
	servers = rcu_dereference(x->group->servers);
	if (!servers)
		return;
	if (servers->settings.sticky_cookie[0]) {
		x->sticks = true;
		x->sticky = http_sticky_read(head, bytes, servers->settings.sticky_cookie);
	}
	if (servers->settings.balance == WEIR_BALANCE_HASH)
		x->hash = weir_choose_hash(&x->wn->key, head, bytes, client,
					   servers->settings.hash_key);
}

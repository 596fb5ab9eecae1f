// SPDX-License-Identifier: GPL-2.0-only
/* Exchanges: what a client leg and an upstream leg share. */

#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "exchange.h"
#include "group.h"
#include "http_watch.h"
#include "leg.h"
#include "net.h"
#include "pool.h"

enum {
	/* Connections that one request may be given in vain, unsent, before it fails. */
	WEIR_TRIES_MAX		= 8,
};

/* One that was given back, for the next: it saves the allocator's work per request. */
static DEFINE_PER_CPU(struct weir_exchange *, weir_exchange_spare);

struct weir_exchange *weir_exchange_alloc(struct weir_net *wn, struct weir_leg *client)
{
	struct weir_exchange *x = this_cpu_read(weir_exchange_spare);

	if (x)
		this_cpu_write(weir_exchange_spare, NULL);
	else
		x = kmalloc(sizeof(*x), GFP_ATOMIC | __GFP_NOWARN);
	if (!x) {
		weir_count(wn, WEIR_STAT_allocation_failures, 1);
		return NULL;
	}
	memset(x, 0, offsetof(struct weir_exchange, request));
	refcount_set(&x->refs, 1);
	spin_lock_init(&x->lock);
	INIT_LIST_HEAD(&x->wait_node);
	x->wn = wn;
	x->client = client;
	weir_pipe_setup(&x->request, wn->stats);
	weir_pipe_setup(&x->reply, wn->stats);
	weir_count(wn, WEIR_STAT_memory_bytes, sizeof(*x));
	return x;
}

void weir_exchange_put(struct weir_exchange *x)
{
	if (!refcount_dec_and_test(&x->refs))
		return;
	weir_pipe_purge(&x->request);
	weir_pipe_purge(&x->reply);
	if (x->again.bv_page)
		put_page(x->again.bv_page);
	weir_pages_put(x->pages);
	if (unlikely(x->watch)) {
		weir_count(x->wn, WEIR_STAT_memory_bytes, -(s64)x->watch->size);
		kfree(x->watch);
	}
	weir_count(x->wn, WEIR_STAT_memory_bytes, -(s64)sizeof(*x));
	local_bh_disable();
	if (this_cpu_read(weir_exchange_spare))
		kfree(x);
	else
		this_cpu_write(weir_exchange_spare, x);
	local_bh_enable();
}

void weir_exchange_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		kfree(per_cpu(weir_exchange_spare, cpu));
}

void weir_exchange_tell_client(struct weir_exchange *x)
{
	spin_lock(&x->lock);
	if (x->client)
		weir_leg_kick(x->client, WEIR_EVENT_EXCHANGE);
	spin_unlock(&x->lock);
}

void weir_exchange_tell_upstream(struct weir_exchange *x)
{
	spin_lock(&x->lock);
	if (x->upstream)
		weir_leg_kick(x->upstream, WEIR_EVENT_EXCHANGE);
	spin_unlock(&x->lock);
}

void weir_exchange_leave_client(struct weir_exchange *x)
{
	weir_pool_cancel(x);
	spin_lock(&x->lock);
	x->client = NULL;
	if (x->upstream)
		weir_leg_kick(x->upstream, WEIR_EVENT_EXCHANGE);
	spin_unlock(&x->lock);
	weir_exchange_put(x);
}

void weir_exchange_leave_upstream(struct weir_exchange *x)
{
	spin_lock(&x->lock);
	x->upstream = NULL;
	if (x->client)
		weir_leg_kick(x->client, WEIR_EVENT_EXCHANGE);
	spin_unlock(&x->lock);
	weir_exchange_put(x);
}

/* Whether the request can be given to another connection; it is whole in its pipe then. */
static bool weir_exchange_rewind(struct weir_exchange *x, enum weir_failure failure)
{
	if (x->tries - x->repeats >= WEIR_TRIES_MAX)
		return false;
	if (failure == WEIR_FAILURE_UNSENT) {
		weir_pipe_want(&x->request);
		return true;
	}
	/* A repeated request may reach an origin that has served it: RFC 9110, 9.2.2. */
	if (failure != WEIR_FAILURE_STALE || !x->again.bv_page ||
	    x->repeats >= weir_group_retries(x->group))
		return false;
	x->repeats++;
	weir_pipe_purge(&x->request);
	weir_pipe_want(&x->request);
	get_page(x->again.bv_page);
	if (weir_pipe_put_page(&x->request, x->again.bv_page, x->again.bv_offset, x->again.bv_len))
		return true;
	put_page(x->again.bv_page);
	return false;
}

bool weir_exchange_fail(struct weir_exchange *x, enum weir_failure failure)
{
	bool wanted;

	spin_lock_bh(&x->lock);
	x->upstream = NULL;
	wanted = x->client;
	spin_unlock_bh(&x->lock);
	if (wanted && weir_exchange_rewind(x, failure)) {
		/* The client leg may have to wait for a connection again, with a deadline. */
		refcount_inc(&x->refs);
		weir_pool_submit(x);
		weir_exchange_tell_client(x);
		weir_exchange_put(x);
		return true;
	}
	spin_lock_bh(&x->lock);
	x->status = weir_failure_status(failure);
	x->failed = true;
	if (x->client)
		weir_leg_kick(x->client, WEIR_EVENT_EXCHANGE);
	spin_unlock_bh(&x->lock);
	weir_exchange_put(x);
	return false;
}

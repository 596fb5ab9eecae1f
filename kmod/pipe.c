// SPDX-License-Identifier: GPL-2.0-only
/* Pipes between legs, and the pages that small pieces are copied into. */

#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>

#include "pipe.h"
#include "stats.h"

/* Packet pages are read by their kernel address. */
#ifdef CONFIG_HIGHMEM
#error "Weir needs a 64-bit kernel"
#endif

/*
 * Where this CPU copies small pieces to, one after the other; not written again
 * while anybody has one, so pieces of several connections may share a page.  Softirq.
 */
struct weir_store {
	struct page	*page;
	struct page	*other;	/* the one before, to be used again once it is ours alone */
	unsigned int	used;	/* of @page */
};

static DEFINE_PER_CPU(struct weir_store, weir_stores);

static struct weir_store *weir_store_get(unsigned int least)
{
	struct weir_store *store = this_cpu_ptr(&weir_stores);

	if (store->page && PAGE_SIZE - store->used >= least)
		return store;
	swap(store->page, store->other);
	store->used = 0;
	if (store->page && page_ref_count(store->page) != 1) {
		put_page(store->page);
		store->page = NULL;
	}
	if (!store->page)
		store->page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
	return store->page ? store : NULL;
}

void weir_pipe_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct weir_store *store = per_cpu_ptr(&weir_stores, cpu);

		if (store->page)
			put_page(store->page);
		if (store->other)
			put_page(store->other);
		store->page = NULL;
		store->other = NULL;
	}
}

void weir_pipe_setup(struct weir_pipe *pipe, struct weir_stats __percpu *stats)
{
	spin_lock_init(&pipe->lock);
	pipe->stats = stats;
	pipe->head = 0;
	pipe->tail = 0;
	pipe->bytes = 0;
	pipe->eof = false;
	pipe->broken = false;
	pipe->abandoned = false;
	pipe->more_soon = false;
	pipe->starved = false;
}

static struct bio_vec *weir_pipe_slot(struct weir_pipe *pipe, u16 index)
{
	return &pipe->slots[index % WEIR_PIPE_SLOTS];
}

/*
 * A piece is charged with the whole of the page that it pins, even if others
 * pin the same: a bound, not a sum.
 */
static void weir_pipe_drop_slot(struct weir_pipe *pipe)
{
	struct page *page = weir_pipe_slot(pipe, pipe->head++)->bv_page;

	weir_stats_add(pipe->stats, WEIR_STAT_memory_bytes, -(s64)page_size(compound_head(page)));
	put_page(page);
}

u64 weir_pipe_held(struct weir_pipe *pipe)
{
	u64 bytes = 0;
	u16 i;

	spin_lock(&pipe->lock);
	for (i = pipe->head; i != pipe->tail; i++)
		bytes += page_size(compound_head(weir_pipe_slot(pipe, i)->bv_page));
	spin_unlock(&pipe->lock);
	return bytes;
}

static bool weir_pipe_empty(const struct weir_pipe *pipe)
{
	return READ_ONCE(pipe->head) == READ_ONCE(pipe->tail);
}

static bool weir_pipe_full(const struct weir_pipe *pipe)
{
	return (u16)(pipe->tail - pipe->head) == WEIR_PIPE_SLOTS;
}

void weir_pipe_purge(struct weir_pipe *pipe)
{
	while (pipe->head != pipe->tail)
		weir_pipe_drop_slot(pipe);
	pipe->bytes = 0;
}

/* A few slots are left for the framing around a run. */
static bool weir_pipe_roomy(const struct weir_pipe *pipe)
{
	return READ_ONCE(pipe->bytes) < WEIR_PIPE_BYTES &&
	       (u16)(pipe->tail - READ_ONCE(pipe->head)) <= WEIR_PIPE_SLOTS - 8;
}

bool weir_pipe_has_room(struct weir_pipe *pipe)
{
	bool room;

	/* The consumer can only make more of it. */
	if (weir_pipe_roomy(pipe))
		return true;
	spin_lock(&pipe->lock);
	room = weir_pipe_roomy(pipe);
	if (!room)
		pipe->starved = true;
	spin_unlock(&pipe->lock);
	return room;
}

/* @more: see weir_pipe_commit(). */
static bool weir_pipe_add(struct weir_pipe *pipe, struct page *page, unsigned int offset,
			  unsigned int len, bool more)
{
	bool done = true;

	spin_lock(&pipe->lock);
	WRITE_ONCE(pipe->more_soon, more);
	if (pipe->tail != pipe->head) {
		struct bio_vec *last = weir_pipe_slot(pipe, pipe->tail - 1);

		if (last->bv_page == page && last->bv_offset + last->bv_len == offset) {
			last->bv_len += len;
			pipe->bytes += len;
			put_page(page);
			goto unlock;
		}
	}
	if (weir_pipe_full(pipe)) {
		pipe->starved = true;
		done = false;
		goto unlock;
	}
	bvec_set_page(weir_pipe_slot(pipe, pipe->tail), page, len, offset);
	pipe->tail++;
	pipe->bytes += len;
	weir_stats_add(pipe->stats, WEIR_STAT_memory_bytes, page_size(compound_head(page)));
unlock:
	spin_unlock(&pipe->lock);
	return done;
}

bool weir_pipe_put_page(struct weir_pipe *pipe, struct page *page, unsigned int offset,
			unsigned int len)
{
	return weir_pipe_add(pipe, page, offset, len, false);
}

size_t weir_pipe_put(struct weir_pipe *pipe, const void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct weir_store *store = weir_store_get(1);
		unsigned int part;

		if (!store)
			break;
		part = min_t(size_t, len - done, PAGE_SIZE - store->used);
		memcpy(page_address(store->page) + store->used, data + done, part);
		get_page(store->page);
		if (!weir_pipe_put_page(pipe, store->page, store->used, part)) {
			put_page(store->page);
			break;
		}
		store->used += part;
		done += part;
	}
	return done;
}

/* A run of a packet that lies in one page, or in its linear part. */
static size_t weir_pipe_put_run(struct weir_pipe *pipe, void *data, size_t len, bool copy)
{
	struct page *page;

	if (copy || len < WEIR_PIPE_COPY)
		return weir_pipe_put(pipe, data, len);
	page = virt_to_head_page(data);
	get_page(page);
	if (weir_pipe_put_page(pipe, page, data - page_address(page), len))
		return len;
	put_page(page);
	return 0;
}

size_t weir_pipe_put_skb(struct weir_pipe *pipe, const struct sk_buff *skb, unsigned int offset,
			 size_t len, bool copy)
{
	size_t done = 0, part, put;
	struct sk_buff *next;
	unsigned int i;

	if (offset < skb_headlen(skb)) {
		part = min_t(size_t, len, skb_headlen(skb) - offset);
		done = weir_pipe_put_run(pipe, skb->data + offset, part, copy || !skb->head_frag);
		if (done < part)
			return done;
		offset = 0;
	} else {
		offset -= skb_headlen(skb);
	}
	for (i = 0; i < skb_shinfo(skb)->nr_frags && done < len; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		if (offset >= skb_frag_size(frag)) {
			offset -= skb_frag_size(frag);
			continue;
		}
		part = min_t(size_t, len - done, skb_frag_size(frag) - offset);
		put = weir_pipe_put_run(pipe, skb_frag_address(frag) + offset, part, copy);
		done += put;
		if (put < part)
			return done;
		offset = 0;
	}
	skb_walk_frags(skb, next) {
		if (done == len)
			break;
		if (offset >= next->len) {
			offset -= next->len;
			continue;
		}
		part = min_t(size_t, len - done, next->len - offset);
		put = weir_pipe_put_skb(pipe, next, offset, part, copy);
		done += put;
		if (put < part)
			return done;
		offset = 0;
	}
	return done;
}

void *weir_pipe_reserve(size_t size, struct bio_vec *piece)
{
	struct weir_store *store;
	struct page *page;

	if (size <= PAGE_SIZE) {
		store = weir_store_get(size);
		if (!store)
			return NULL;
		get_page(store->page);
		bvec_set_page(piece, store->page, size, store->used);
	} else {
		page = alloc_pages(GFP_ATOMIC | __GFP_NOWARN | __GFP_COMP, get_order(size));
		if (!page)
			return NULL;
		bvec_set_page(piece, page, size, 0);
	}
	return page_address(piece->bv_page) + piece->bv_offset;
}

bool weir_pipe_commit(struct weir_pipe *pipe, struct bio_vec *piece, size_t len, bool more)
{
	struct weir_store *store = this_cpu_ptr(&weir_stores);

	if (!len || !weir_pipe_add(pipe, piece->bv_page, piece->bv_offset, len, more)) {
		put_page(piece->bv_page);
		return false;
	}
	if (store->page == piece->bv_page)
		store->used = piece->bv_offset + len;
	return true;
}

unsigned int weir_pipe_peek(struct weir_pipe *pipe, const struct bio_vec **pieces, size_t *bytes,
			    bool *more)
{
	unsigned int first, count, n, i;

	spin_lock(&pipe->lock);
	first = pipe->head % WEIR_PIPE_SLOTS;
	count = (u16)(pipe->tail - pipe->head);
	n = min_t(unsigned int, count, WEIR_PIPE_SLOTS - first);
	*pieces = &pipe->slots[first];
	*bytes = 0;
	for (i = first; i < first + n; i++)
		*bytes += pipe->slots[i].bv_len;
	*more = n < count;
	spin_unlock(&pipe->lock);
	return n;
}

bool weir_pipe_finished(const struct weir_pipe *pipe)
{
	return weir_pipe_ended(pipe) && weir_pipe_empty(pipe);
}

void weir_pipe_end(struct weir_pipe *pipe, bool broken)
{
	WRITE_ONCE(pipe->more_soon, false);
	if (broken)
		WRITE_ONCE(pipe->broken, true);
	else
		smp_store_release(&pipe->eof, true); /* pairs with that in weir_pipe_ended() */
}

void weir_pipe_reopen(struct weir_pipe *pipe)
{
	WRITE_ONCE(pipe->eof, false);
}

bool weir_pipe_consume(struct weir_pipe *pipe, size_t len)
{
	bool tell = false;

	spin_lock(&pipe->lock);
	pipe->bytes -= len;
	while (len) {
		struct bio_vec *first = weir_pipe_slot(pipe, pipe->head);

		if (len < first->bv_len) {
			first->bv_offset += len;
			first->bv_len -= len;
			break;
		}
		len -= first->bv_len;
		weir_pipe_drop_slot(pipe);
	}
	if (pipe->starved && pipe->bytes <= WEIR_PIPE_BYTES / 2 &&
	    (u16)(pipe->tail - pipe->head) <= WEIR_PIPE_SLOTS / 2) {
		pipe->starved = false;
		tell = true;
	}
	spin_unlock(&pipe->lock);
	return tell;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Message heads on their way from packets to the parser. */

#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <linux/slab.h>

#include "config.h"
#include "gather.h"
#include "stats.h"

enum {
	/* First allocation, all in; most heads fit. */
	WEIR_GATHER_BYTES	= 2048,
	/* At least so many bytes beyond those that are there fit then. */
	WEIR_GATHER_LEAST	= 512,
};

/**
 * struct weir_gather_local - one CPU's, lent for as long as a packet is looked at; softirq
 * @gather: is lent
 * @fields: its table
 */
struct weir_gather_local {
	struct weir_gather	gather;
	struct http_field	fields[WEIR_HEADER_COUNT_MAX];
};

static DEFINE_PER_CPU(struct weir_gather_local, weir_gather_locals);

struct weir_gather *weir_gather_begin(u16 capacity, struct weir_stats __percpu *stats)
{
	struct weir_gather_local *local = this_cpu_ptr(&weir_gather_locals);

	local->gather.fields = local->fields;
	local->gather.capacity = capacity;
	local->gather.borrowed = true;
	local->gather.stats = stats;
	return &local->gather;
}

static size_t weir_gather_overhead(u16 capacity)
{
	return sizeof(struct weir_gather) + capacity * sizeof(struct http_field);
}

static u8 *weir_gather_buffer(struct weir_gather *gather)
{
	return (u8 *)(gather->fields + gather->capacity);
}

size_t weir_gather_held(const struct weir_gather *gather)
{
	return weir_gather_overhead(gather->capacity) + gather->size;
}

static void weir_gather_charge(const struct weir_gather *gather, int sign)
{
	weir_stats_add(gather->stats, WEIR_STAT_memory_bytes,
		       sign * (s64)weir_gather_held(gather));
}

void weir_gather_release(struct weir_gather *gather)
{
	weir_gather_charge(gather, -1);
	kfree(gather);
}

/* One with a buffer of @size bytes and the first @len bytes of @old's, whose place it takes. */
static struct weir_gather *weir_gather_move(struct weir_gather *old, u32 len, u32 size)
{
	struct weir_gather *new = kmalloc(weir_gather_overhead(old->capacity) + size,
					  GFP_ATOMIC | __GFP_NOWARN);
	/* A line whose value has not come yet is in the table, but not counted. */
	u16 fields = min_t(u16, old->head.n_fields + 1, old->capacity);

	if (!new) {
		old->head.error = HTTP_OK;
		return NULL;
	}
	*new = *old;
	new->borrowed = false;
	new->size = size;
	new->len = len;
	new->fields = (struct http_field *)(new + 1);
	new->head.fields = new->fields;
	memcpy(new->fields, old->fields, fields * sizeof(*new->fields));
	memcpy(weir_gather_buffer(new), old->bytes, len);
	new->bytes = weir_gather_buffer(new);
	weir_gather_charge(new, 1);
	weir_gather_free(old);
	return new;
}

/* Parse where the bytes lie. */
static enum http_verdict weir_gather_place(struct weir_gather **gather, u32 max,
					   const struct sk_buff *skb, unsigned int offset,
					   size_t len, size_t *used)
{
	size_t least = WEIR_GATHER_BYTES - weir_gather_overhead(0);
	struct weir_gather *g = *gather;
	struct http_text text = {};
	enum http_verdict verdict;
	size_t span;
	u32 size;

	if (skb_frags_readable(skb))
		text = weir_skb_span(skb, offset);
	g->bytes = text.at;
	if (!g->bytes) {
		g->head.error = HTTP_OK;
		return HTTP_ERROR;
	}
	span = min3(text.len, len, (size_t)max);
	verdict = http_head_parse(&g->head, g->bytes, span);
	*used = verdict == HTTP_DONE ? g->head.length : span;
	if (verdict != HTTP_MORE)
		return verdict;
	size = max(span + WEIR_GATHER_LEAST, least - g->capacity * sizeof(*g->fields));
	g = weir_gather_move(g, span, min_t(size_t, size, max));
	if (!g)
		return HTTP_ERROR;
	*gather = g;
	return HTTP_MORE;
}

enum http_verdict weir_gather_skb(struct weir_gather **gather, u32 max, const struct sk_buff *skb,
				  unsigned int offset, size_t len, size_t *used)
{
	enum http_verdict verdict = HTTP_MORE;

	*used = 0;
	if ((*gather)->borrowed)
		verdict = weir_gather_place(gather, max, skb, offset, len, used);
	while (*used < len && verdict == HTTP_MORE) {
		struct weir_gather *g = *gather;
		u32 before = g->len;
		size_t part;

		if (g->len == g->size) {
			if (g->size >= max) {
				g->head.error = HTTP_ERR_HEADER_TOTAL;
				return HTTP_ERROR;
			}
			g = weir_gather_move(g, g->len, min(g->size * 2, max));
			if (!g)
				return HTTP_ERROR;
			*gather = g;
			continue;
		}
		part = min_t(size_t, len - *used, g->size - g->len);
		if (skb_copy_bits(skb, offset + *used, weir_gather_buffer(g) + g->len, part)) {
			g->head.error = HTTP_OK;
			return HTTP_ERROR;
		}
		g->len += part;
		verdict = http_head_parse(&g->head, g->bytes, g->len);
		*used += verdict == HTTP_DONE ? g->head.length - before : part;
	}
	return verdict;
}

struct http_text weir_skb_span_paged(const struct sk_buff *skb, unsigned int offset)
{
	struct sk_buff *next;
	unsigned int i;

	offset -= skb_headlen(skb);
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		if (offset < skb_frag_size(frag))
			return (struct http_text){
				.at = (u8 *)skb_frag_address(frag) + offset,
				.len = skb_frag_size(frag) - offset,
			};
		offset -= skb_frag_size(frag);
	}
	skb_walk_frags(skb, next) {
		if (offset < next->len)
			return weir_skb_span(next, offset);
		offset -= next->len;
	}
	return (struct http_text){};
}

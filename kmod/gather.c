// SPDX-License-Identifier: GPL-2.0-only
/* Gathering a message head from packets into one contiguous buffer. */

#include <linux/skbuff.h>
#include <linux/slab.h>

#include "gather.h"
#include "stats.h"

enum {
	/* First allocation, all in; most heads fit. */
	WEIR_GATHER_BYTES	= 2048,
	/* At least so many bytes of head fit then. */
	WEIR_GATHER_LEAST	= 512,
};

static size_t weir_gather_overhead(u16 capacity)
{
	return struct_size_t(struct weir_gather, fields, capacity);
}

static void weir_gather_charge(const struct weir_gather *gather, int sign)
{
	s64 bytes = weir_gather_overhead(gather->capacity) + gather->size;

	weir_stats_add(gather->stats, WEIR_STAT_memory_bytes, sign * bytes);
}

struct weir_gather *weir_gather_alloc(u16 capacity, struct weir_stats __percpu *stats)
{
	size_t total = max_t(size_t, WEIR_GATHER_BYTES,
			     weir_gather_overhead(capacity) + WEIR_GATHER_LEAST);
	struct weir_gather *gather = kmalloc(total, GFP_ATOMIC | __GFP_NOWARN);

	if (!gather)
		return NULL;
	gather->size = total - weir_gather_overhead(capacity);
	gather->len = 0;
	gather->capacity = capacity;
	gather->stats = stats;
	weir_gather_charge(gather, 1);
	return gather;
}

void weir_gather_free(struct weir_gather *gather)
{
	if (!gather)
		return;
	weir_gather_charge(gather, -1);
	kfree(gather);
}

static bool weir_gather_grow(struct weir_gather **gather, u32 max)
{
	struct weir_gather *old = *gather, *new;
	u32 size = min(old->size * 2, max);

	new = kmalloc(weir_gather_overhead(old->capacity) + size, GFP_ATOMIC | __GFP_NOWARN);
	if (!new)
		return false;
	memcpy(new, old, weir_gather_overhead(old->capacity) + old->len);
	weir_gather_charge(old, -1);
	new->size = size;
	weir_gather_charge(new, 1);
	new->head.fields = new->fields;
	kfree(old);
	*gather = new;
	return true;
}

enum http_verdict weir_gather_skb(struct weir_gather **gather, u32 max, const struct sk_buff *skb,
				  unsigned int offset, size_t len, size_t *used)
{
	enum http_verdict verdict = HTTP_MORE;

	*used = 0;
	while (*used < len && verdict == HTTP_MORE) {
		struct weir_gather *g = *gather;
		u32 before = g->len;
		size_t part;

		if (g->len == g->size) {
			if (g->size >= max) {
				g->head.error = HTTP_ERR_HEADER_TOTAL;
				return HTTP_ERROR;
			}
			if (!weir_gather_grow(gather, max)) {
				g->head.error = HTTP_OK;
				return HTTP_ERROR;
			}
			continue;
		}
		part = min_t(size_t, len - *used, g->size - g->len);
		if (skb_copy_bits(skb, offset + *used, weir_gather_bytes(g) + g->len, part)) {
			g->head.error = HTTP_OK;
			return HTTP_ERROR;
		}
		g->len += part;
		verdict = http_head_parse(&g->head, weir_gather_bytes(g), g->len);
		*used += verdict == HTTP_DONE ? g->head.length - before : part;
	}
	return verdict;
}

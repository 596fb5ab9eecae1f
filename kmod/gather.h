/* SPDX-License-Identifier: GPL-2.0-only */
/* Gathering a message head from packets into one contiguous buffer. */
#ifndef _WEIR_GATHER_H
#define _WEIR_GATHER_H

#include <linux/types.h>

#include "http_parser.h"

struct sk_buff;
struct weir_stats;

/**
 * struct weir_gather - a head being gathered; none while a connection is idle
 * @head: the parser
 * @stats: where the memory held is counted
 * @size: bytes that fit
 * @len: bytes gathered
 * @capacity: entries of @fields; the bytes follow them
 * @fields: the parser's table
 */
struct weir_gather {
	struct http_head	head;
	struct weir_stats __percpu *stats;
	u32			size;
	u32			len;
	u16			capacity;
	struct http_field	fields[];
};

/* One for @capacity fields, parser not initialised; NULL: no memory.  Softirq. */
struct weir_gather *weir_gather_alloc(u16 capacity, struct weir_stats __percpu *stats);
void weir_gather_free(struct weir_gather *gather);

static inline u8 *weir_gather_bytes(struct weir_gather *gather)
{
	return (u8 *)(gather->fields + gather->capacity);
}

/*
 * Add bytes of a packet, growing *@gather up to @max bytes of head, and parse.
 * @used: how many bytes belong to the head (all of them unless it is done).
 * An HTTP_ERROR with error HTTP_OK means that memory ran out.
 */
enum http_verdict weir_gather_skb(struct weir_gather **gather, u32 max, const struct sk_buff *skb,
				  unsigned int offset, size_t len, size_t *used);

#endif /* _WEIR_GATHER_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Message heads on their way from packets to the parser.
 *
 * A head that is whole in one run of a packet's bytes is parsed where it lies,
 * with a table of this CPU's: nothing is allocated or copied.  Only one that is
 * cut off is gathered into a buffer of its own.
 */
#ifndef _WEIR_GATHER_H
#define _WEIR_GATHER_H

#include <linux/skbuff.h>
#include <linux/types.h>

#include "http_parser.h"

struct weir_stats;

/**
 * struct weir_gather - a head being read; none while a connection is idle
 * @head: the parser
 * @bytes: the head's: in the packet, or in the buffer
 * @fields: the parser's table
 * @capacity: its entries
 * @borrowed: this CPU's: only for as long as the packet is there and no other head is begun
 *
 * Of one that is not:
 * @stats: where the memory held is counted
 * @size: bytes that fit into the buffer
 * @len: bytes gathered
 */
struct weir_gather {
	struct http_head	head;
	const u8		*bytes;
	struct http_field	*fields;
	u16			capacity;
	bool			borrowed;
	struct weir_stats __percpu *stats;
	u32			size;
	u32			len;
};

/*
 * This CPU's, for @capacity fields (at most WEIR_HEADER_COUNT_MAX), parser not
 * initialised.  It is to be fed by weir_gather_skb() at once.  Softirq.
 */
struct weir_gather *weir_gather_begin(u16 capacity, struct weir_stats __percpu *stats);
/* Bytes held for one that is not borrowed. */
size_t weir_gather_held(const struct weir_gather *gather);
void weir_gather_release(struct weir_gather *gather);
/* NULL is none. */
static inline void weir_gather_free(struct weir_gather *gather)
{
	if (gather && !gather->borrowed)
		weir_gather_release(gather);
}

/*
 * Parse bytes of a packet that follow those before: at most @max bytes of head.
 * @used: how many bytes belong to the head (all of them unless it is done).
 * After HTTP_MORE *@gather is one with a buffer of its own.  After HTTP_DONE
 * gather->bytes are there as long as the packet is.  An HTTP_ERROR with error
 * HTTP_OK means that memory ran out.
 */
enum http_verdict weir_gather_skb(struct weir_gather **gather, u32 max, const struct sk_buff *skb,
				  unsigned int offset, size_t len, size_t *used);

/* Contiguous bytes of a packet from @offset on; NULL: there are none. */
struct http_text weir_skb_span_paged(const struct sk_buff *skb, unsigned int offset);
static inline struct http_text weir_skb_span(const struct sk_buff *skb, unsigned int offset)
{
	const skb_frag_t *frag = skb_shinfo(skb)->frags;
	unsigned int head = skb_headlen(skb);

	if (offset < head)
		return (struct http_text){ .at = skb->data + offset, .len = head - offset };
	/* Mostly what is not in the head is in one piece. */
	if (!skb_shinfo(skb)->nr_frags || offset - head >= skb_frag_size(frag))
		return weir_skb_span_paged(skb, offset);
	return (struct http_text){
		.at = (u8 *)skb_frag_address(frag) + offset - head,
		.len = skb_frag_size(frag) - (offset - head),
	};
}

#endif /* _WEIR_GATHER_H */

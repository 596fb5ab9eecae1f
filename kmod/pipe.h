/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One direction of an exchange: bytes that one leg has read and the other has
 * not sent yet, as references to pages.  One producer, one consumer, each
 * under its own socket lock; the pipe's lock is inside those, and a leaf.
 *
 * Bounded: a producer that finds no room stops reading its socket, and TCP's
 * window tells the peer.
 */
#ifndef _WEIR_PIPE_H
#define _WEIR_PIPE_H

#include <linux/bvec.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct sk_buff;
struct weir_stats;

enum {
	WEIR_PIPE_SLOTS	= 32,		/* pieces; a power of two */
	WEIR_PIPE_BYTES	= 128 * 1024,	/* above it there is no room */
	/* Shorter runs are copied: they would pin more memory than they hold. */
	WEIR_PIPE_COPY	= 512,
};

/**
 * struct weir_pipe - one direction
 * @lock: protects @head, @tail, @bytes, @starved and @slots, which each side may
 *	read alone for what only itself can change; in softirq, or softirqs off
 * @stats: where the memory held is counted
 * @head: slots consumed so far
 * @tail: slots filled so far
 * @bytes: what they hold
 * @eof: the producer has put all there is; as the next two written by one side alone
 * @broken: the producer failed, no more will come
 * @abandoned: the consumer wants no more
 * @more_soon: what is in it is only a beginning, the rest should follow at once
 * @starved: the producer was refused room and wants to be told of it
 * @slots: pieces, each with a page reference
 */
struct weir_pipe {
	spinlock_t	lock; /* protects the rest */
	struct weir_stats __percpu *stats;
	u16		head;
	u16		tail;
	u32		bytes;
	bool		eof;
	bool		broken;
	bool		abandoned;
	bool		more_soon;
	bool		starved;
	struct bio_vec	slots[WEIR_PIPE_SLOTS];
};

/* Give back the pages that small pieces were copied into.  When no pipe is left. */
void weir_pipe_exit(void);

void weir_pipe_setup(struct weir_pipe *pipe, struct weir_stats __percpu *stats);
/* Bytes that it holds, pages as a whole.  Softirqs off. */
u64 weir_pipe_held(struct weir_pipe *pipe);
/* Forget all that it holds, once neither a producer nor a consumer is at it. */
void weir_pipe_purge(struct weir_pipe *pipe);

/* Whether a producer may put at least one more run.  If not, it will be told by the consumer. */
bool weir_pipe_has_room(struct weir_pipe *pipe);
/*
 * Put bytes: how many were taken, which is less than asked for if room or
 * memory ran out.  weir_pipe_put_skb() takes references to pages of the
 * packet where that pays, unless @copy.  All in softirq.
 */
size_t weir_pipe_put(struct weir_pipe *pipe, const void *data, size_t len);
size_t weir_pipe_put_skb(struct weir_pipe *pipe, const struct sk_buff *skb, unsigned int offset,
			 size_t len, bool copy);
/* Put a piece of a page whose reference passes to the pipe; false: no slot, and it does not. */
bool weir_pipe_put_page(struct weir_pipe *pipe, struct page *page, unsigned int offset,
			unsigned int len);
/*
 * Room for a message head of up to @size contiguous bytes: its address, or
 * NULL.  weir_pipe_commit() puts the first @len of them.  Nothing may come
 * between the two on this CPU.  @more: the rest should follow at once, for
 * which the consumer may wait a moment.  Softirq.
 */
void *weir_pipe_reserve(size_t size, struct bio_vec *piece);
bool weir_pipe_commit(struct weir_pipe *pipe, struct bio_vec *piece, size_t len, bool more);

/*
 * The first pieces, how many: they stay as they are until they are consumed, but
 * that the last may grow.  @bytes: their total; @more: whether others follow.
 * No references are taken.
 */
unsigned int weir_pipe_peek(struct weir_pipe *pipe, const struct bio_vec **pieces, size_t *bytes,
			    bool *more);
/* Whether all was put; and all was consumed, too. */
static inline bool weir_pipe_ended(const struct weir_pipe *pipe)
{
	/* Pairs with the release in weir_pipe_end(): all that was put before is seen then. */
	return smp_load_acquire(&pipe->eof);
}

/* Whether there is only a beginning, and more will follow at once. */
static inline bool weir_pipe_more_soon(const struct weir_pipe *pipe)
{
	return READ_ONCE(pipe->more_soon);
}

/* It has not: the consumer waits no longer. */
static inline void weir_pipe_hurry(struct weir_pipe *pipe)
{
	WRITE_ONCE(pipe->more_soon, false);
}

bool weir_pipe_finished(const struct weir_pipe *pipe);
/* Say that no more will come (@broken: though it should). */
void weir_pipe_end(struct weir_pipe *pipe, bool broken);
/* After all more will come.  By the consumer, before the producer is told so. */
void weir_pipe_reopen(struct weir_pipe *pipe);

/* Say that no more is wanted; that it is after all. */
static inline void weir_pipe_abandon(struct weir_pipe *pipe)
{
	WRITE_ONCE(pipe->abandoned, true);
}

static inline void weir_pipe_want(struct weir_pipe *pipe)
{
	WRITE_ONCE(pipe->abandoned, false);
}

/* Drop the first @len bytes.  Returns whether the producer is to be told that there is room. */
bool weir_pipe_consume(struct weir_pipe *pipe, size_t len);

#endif /* _WEIR_PIPE_H */

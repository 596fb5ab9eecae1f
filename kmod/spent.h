/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Puzzles that were solved and may not be used again.
 *
 * A table of a fixed size: each bucket holds WEIR_SPENT_SLOTS nonces until their
 * puzzles have expired.  Buckets are chosen, and nonces told apart, by a keyed
 * hash of 64 bits, so a puzzle that nobody has used is taken for a used one once
 * in 2^60.  Where a bucket is full nothing is remembered, and the answer is not
 * taken: that client is given another puzzle, in another bucket.
 */
#ifndef _WEIR_SPENT_H
#define _WEIR_SPENT_H

#include <linux/types.h>

struct weir_spent;
struct weir_stats;

enum {
	WEIR_SPENT_SLOTS	= 10,
	WEIR_SPENT_BUCKETS	= 16384,
};

enum weir_spending {
	WEIR_SPENT_NOW,
	WEIR_SPENT_BEFORE,
	WEIR_SPENT_NO_ROOM,
};

/* An empty table, whose memory is counted in @stats; NULL: no memory.  Process context. */
struct weir_spent *weir_spent_alloc(struct weir_stats __percpu *stats);
/* Nobody uses it any more.  NULL is no table.  Process context. */
void weir_spent_free(struct weir_spent *spent);

/*
 * Use a nonce of @len bytes, which is to be remembered until after @until; both
 * in seconds.  Softirq, or softirqs off; takes a bucket's lock, a leaf.
 */
enum weir_spending weir_spend(struct weir_spent *spent, const void *nonce, size_t len, u64 now,
			      u64 until);

#endif /* _WEIR_SPENT_H */

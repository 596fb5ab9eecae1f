/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replies with certain codes that clients got lately: who guesses passwords gets
 * many 401s, who looks for holes many 404s.
 *
 * The table has as many entries as there may be accounts (clients.h), in buckets
 * of eight that a keyed hash chooses.  An entry is made by the first such reply.
 * If its bucket is full, the client with the fewest gives way, and the new one
 * starts from what that had: so nobody has more replies than are counted for
 * him, whoever comes and goes.  One that is not there is taken to have as many
 * as the least of a full bucket.
 */
#ifndef _WEIR_CODES_H
#define _WEIR_CODES_H

#include <linux/in6.h>
#include <linux/types.h>

struct weir_codes;
struct weir_stats;

/* For @clients, rounded up; memory is counted in @stats.  NULL: none.  Process context. */
struct weir_codes *weir_codes_alloc(unsigned int clients, struct weir_stats __percpu *stats);
/* NULL is no table.  Process context, nobody uses it any more. */
void weir_codes_free(struct weir_codes *codes);

/*
 * Of the client @key, in the @scope of a virtual host: how many are remembered.
 * Any context but hard interrupts.
 */
u64 weir_codes_count(struct weir_codes *codes, const struct in6_addr *key, u32 scope);
/* One more, to be remembered for @us microseconds, and up to an eighth more.  Ditto. */
void weir_codes_add(struct weir_codes *codes, const struct in6_addr *key, u32 scope, u64 us);

#endif /* _WEIR_CODES_H */

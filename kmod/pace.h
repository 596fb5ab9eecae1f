/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Least rates: whether a peer that Weir waits for keeps up with so many bytes
 * in a second.  Free of kernel types, like window.h; tested in user space.
 *
 * Waiting is paid for: a peer has credit for a grace period, each tick of
 * waiting costs one tick, each byte earns its share of a second, and there is
 * never more than the grace period to spare.  So a peer is
 *
 * - never too slow if every span of waiting of T seconds brings at least
 *   rate * (T - grace) bytes, which who keeps to the rate in each span as long
 *   as the grace period does;
 * - too slow by the time it has been silent for two of these periods and two
 *   ticks, whatever it sent before.
 *
 * Nothing is done for a byte.  A look, at which all of this is worked out, is due
 * when the credit would be gone if nothing came, but no sooner than an eighth of
 * the grace period after the one before, so that who trickles costs little.
 */
#ifndef WEIR_PACE_H
#define WEIR_PACE_H

#include "http_types.h"

/* Ticks in a second.  Their number may wrap around. */
#ifdef __KERNEL__
#define WEIR_PACE_HZ HZ
#else
#define WEIR_PACE_HZ 1000
#endif

enum {
	/* Looks in a grace period, at most. */
	WEIR_PACE_LOOKS	= 8,
	WEIR_PACE_MOST	= 1 << 30,	/* ticks of a grace period */
};

/**
 * struct weir_pace_rule - what is asked for
 * @rate: bytes in a second, not 0
 * @grace: ticks, 1 to WEIR_PACE_MOST
 */
struct weir_pace_rule {
	u32 rate;
	u32 grace;
};

/**
 * struct weir_pace - how a peer keeps up.  Zeroed: it has not begun
 * @bytes: that had come in all when it was last looked at
 * @credit: ticks that it may make Weir wait, as of then
 * @waited: ticks since then, in waits that are over
 * @since: the tick at which the present wait began
 * @due: the tick of the next look
 * @begun: the rest counts
 * @waiting: Weir waits for it
 */
struct weir_pace {
	u64	bytes;
	u32	credit;
	u32	waited;
	u32	since;
	u32	due;
	bool	begun;
	bool	waiting;
};

/* Weir waits for the peer, of which @bytes have come in all.  @now: the present tick. */
void weir_pace_wait(struct weir_pace *pace, const struct weir_pace_rule *rule, u64 bytes, u32 now);
/* It does not any more. */
static inline void weir_pace_rest(struct weir_pace *pace, u32 now)
{
	if (pace->waiting)
		pace->waited += now - pace->since;
	pace->waiting = false;
}

static inline bool weir_pace_is_due(const struct weir_pace *pace, u32 now)
{
	return (int)(now - pace->due) >= 0;
}

/* Look: whether the peer is fast enough.  If it is not, and may be, it begins anew. */
bool weir_pace_look(struct weir_pace *pace, const struct weir_pace_rule *rule, u64 bytes, u32 now);

#endif /* WEIR_PACE_H */

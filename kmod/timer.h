/* SPDX-License-Identifier: GPL-2.0-only */
/* A leg's one deadline. */
#ifndef _WEIR_TIMER_H
#define _WEIR_TIMER_H

#include <linux/types.h>

struct weir_leg;

/* So many microseconds, which are within the bounds of time-outs: at least as many jiffies. */
u32 weir_timer_ticks(u64 us);

void weir_timer_setup(struct weir_leg *leg);
/* The rest: socket lock held.  Set the deadline, @us microseconds from now. */
void weir_timer_set(struct weir_leg *leg, u64 us);
/* The same at a jiffy, of which the lower 32 bits are given; they lie within half of all. */
void weir_timer_set_at(struct weir_leg *leg, u32 at);
/* No deadline any more. */
void weir_timer_clear(struct weir_leg *leg);
/* After WEIR_EVENT_TIMER: whether the deadline has passed; it is cleared then. */
bool weir_timer_expired(struct weir_leg *leg);

#endif /* _WEIR_TIMER_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deadlines of legs.
 *
 * The kernel's timer wheel is per CPU and coarse already; what costs is moving
 * timers.  So a deadline that moves later, or away, leaves the timer where it
 * is: when that fires too early it is armed anew for what is left.  A keep-alive
 * connection moves no timer per request, and an idle one costs one expiry per
 * keep-alive period.
 */

#include <linux/jiffies.h>
#include <linux/timer.h>

#include "leg.h"
#include "timer.h"

static void weir_timer_fire(struct timer_list *timer)
{
	struct weir_leg *leg = from_timer(leg, timer, timer);

	weir_leg_kick(leg, WEIR_EVENT_TIMER);
}

void weir_timer_setup(struct weir_leg *leg)
{
	timer_setup(&leg->timer, weir_timer_fire, 0);
}

u32 weir_timer_ticks(u64 us)
{
	/* One more: the current jiffy is partly over, and "at least" is meant. */
	return nsecs_to_jiffies64(us * NSEC_PER_USEC + TICK_NSEC - 1) + 1;
}

static void weir_timer_arm(struct weir_leg *leg, unsigned long at)
{
	leg->armed = true;
	leg->deadline = at;
	if (!timer_pending(&leg->timer) || time_before(at, leg->timer.expires))
		mod_timer(&leg->timer, at);
}

void weir_timer_set(struct weir_leg *leg, u64 us)
{
	weir_timer_arm(leg, jiffies + weir_timer_ticks(us));
}

void weir_timer_set_at(struct weir_leg *leg, u32 at)
{
	unsigned long now = jiffies;

	weir_timer_arm(leg, now + (s32)(at - (u32)now));
}

void weir_timer_clear(struct weir_leg *leg)
{
	leg->armed = false;
}

bool weir_timer_expired(struct weir_leg *leg)
{
	if (!leg->armed)
		return false;
	if (time_before(jiffies, leg->deadline)) {
		if (!timer_pending(&leg->timer))
			mod_timer(&leg->timer, leg->deadline);
		return false;
	}
	leg->armed = false;
	return true;
}

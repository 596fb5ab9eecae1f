// SPDX-License-Identifier: GPL-2.0-only
/* Least rates. */

#ifdef __KERNEL__
#include <linux/jiffies.h>
#include <linux/math64.h>
#endif

#include "pace.h"

#ifndef __KERNEL__
static u64 div_u64(u64 dividend, u32 divisor)
{
	return dividend / divisor;
}
#endif

static void weir_pace_begin(struct weir_pace *pace, const struct weir_pace_rule *rule, u64 bytes,
			    u32 now)
{
	pace->begun = true;
	pace->bytes = bytes;
	pace->credit = rule->grace;
	pace->waited = 0;
	pace->since = now;
	pace->due = now + rule->grace + 1;
}

void weir_pace_wait(struct weir_pace *pace, const struct weir_pace_rule *rule, u64 bytes, u32 now)
{
	if (!pace->begun)
		weir_pace_begin(pace, rule, bytes, now);
	else if (!pace->waiting)
		pace->since = now;
	pace->waiting = true;
}

/* Ticks that @bytes are worth, the last one whole: nobody is too slow for our rounding. */
static u64 weir_pace_worth(const struct weir_pace_rule *rule, u64 bytes)
{
	return div_u64(bytes * WEIR_PACE_HZ + rule->rate - 1, rule->rate);
}

bool weir_pace_look(struct weir_pace *pace, const struct weir_pace_rule *rule, u64 bytes, u32 now)
{
	u64 spent = (u64)pace->waited + (pace->waiting ? now - pace->since : 0);
	u64 credit = (u64)pace->credit + weir_pace_worth(rule, bytes - pace->bytes);
	u32 least = rule->grace / WEIR_PACE_LOOKS;

	if (credit < spent) {
		weir_pace_begin(pace, rule, bytes, now);
		return false;
	}
	pace->bytes = bytes;
	pace->credit = min_t(u64, credit - spent, rule->grace);
	pace->waited = 0;
	pace->since = now;
	/* One tick more than there is credit for: who has none left is not too slow yet. */
	pace->due = now + (pace->credit > least ? pace->credit : least) + 1;
	return true;
}

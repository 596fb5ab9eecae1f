// SPDX-License-Identifier: GPL-2.0-only
/* Sliding windows. */

#include "window.h"

static void weir_window_move(struct weir_window *window, u32 slot)
{
	u32 ahead = slot - window->slot;

	/* No time has passed, or another CPU's clock is a little behind. */
	if (!ahead || ahead > U32_MAX - WEIR_WINDOW_SLOTS)
		return;
	window->slot = slot;
	if (ahead > WEIR_WINDOW_SLOTS) {
		memset(window->counts, 0, sizeof(window->counts));
		return;
	}
	memmove(window->counts + ahead, window->counts,
		sizeof(window->counts) - ahead * sizeof(window->counts[0]));
	memset(window->counts, 0, ahead * sizeof(window->counts[0]));
}

u64 weir_window_count(struct weir_window *window, u32 slot)
{
	unsigned int i;
	u64 sum = 0;

	if (window->slot != slot)
		weir_window_move(window, slot);
	/* Written out it is a third of the instructions, and each request pays them. */
#pragma GCC unroll 9
	for (i = 0; i < ARRAY_SIZE(window->counts); i++)
		sum += window->counts[i];
	return sum;
}

void weir_window_raise(struct weir_window *window, struct weir_window *other, u32 slot)
{
	unsigned int i;

	weir_window_move(window, slot);
	/* Both in the later of their slots, should the clock have stepped back. */
	weir_window_move(other, window->slot);
	weir_window_move(window, other->slot);
	for (i = 0; i < ARRAY_SIZE(window->counts); i++)
		if (window->counts[i] < other->counts[i])
			window->counts[i] = other->counts[i];
}

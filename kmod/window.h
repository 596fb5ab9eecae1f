/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sliding windows: how many events the last while had.  Free of kernel types,
 * like the HTTP code; the same file is tested in user space.
 *
 * A window is as long as eight slots of time.  What happened in a slot is
 * forgotten as one, once all of the slot is a window's length ago.  So, if an
 * event passes only while weir_window_count() is below a limit,
 *
 * - no more than the limit pass in any span of a window's length, wherever it
 *   begins;
 * - who never asks for more than the limit in any nine eighths of that is
 *   never refused.
 *
 * Callers number slots by a clock of their own.  A number may wrap around, and
 * a clock may seem to step back a little from one CPU to the next.
 */
#ifndef WEIR_WINDOW_H
#define WEIR_WINDOW_H

#include "http_types.h"

enum {
	WEIR_WINDOW_SLOTS = 8,
};

/**
 * struct weir_window - what happened lately.  Zeroed: nothing
 * @slot: number of the slot of @counts[0]
 * @counts: events of that slot and of those before it, backwards
 */
struct weir_window {
	u32 slot;
	u32 counts[WEIR_WINDOW_SLOTS + 1];
};

/* Events since a window's length ago, up to an eighth more.  @slot: the present one. */
u64 weir_window_count(struct weir_window *window, u32 slot);
/* One more, in the slot that weir_window_count() was last asked about. */
static inline void weir_window_add(struct weir_window *window)
{
	window->counts[0]++;
}

/* Make @window at least as full as @other in every slot. */
void weir_window_raise(struct weir_window *window, struct weir_window *other, u32 slot);

#endif /* WEIR_WINDOW_H */

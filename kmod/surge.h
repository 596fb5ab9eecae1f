/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When a scope is under attack: judged by how many requests it had in a window,
 * and how many of them were not served.  Free of kernel types, like the HTTP
 * code; the same file is tested in user space.
 *
 * It is over a threshold, or below a lower one; between the two nothing
 * changes.  It has to be below the lower one, all the time, for as long as is
 * asked for until an attack is over.
 */
#ifndef WEIR_SURGE_H
#define WEIR_SURGE_H

#include "http_types.h"

enum {
	SURGE_SAMPLES = 4,	/* spaces between samples that make a window */
};

/**
 * struct surge_settings - thresholds; 0 = not looked at
 * @requests_on: requests in a second from which on it is under attack
 * @requests_off: below so many an attack is over, at most @requests_on
 * @failures_on: per cent of requests not served, likewise
 * @failures_off: likewise, at most @failures_on
 * @failures_min: requests that a window must have for its failures to say anything
 * @hold: how long both have to be below, microseconds
 */
struct surge_settings {
	u32 requests_on;
	u32 requests_off;
	u32 failures_on;
	u32 failures_off;
	u32 failures_min;
	u64 hold;
};

/* All that was ever counted, at a moment. */
struct surge_sample {
	u64 time;	/* microseconds */
	u64 requests;
	u64 failures;	/* of these */
};

/**
 * struct surge - what is known of a scope.  Zeroed: nothing
 * @samples: a ring
 * @next: where the next sample goes: over the oldest one, once there are enough
 * @taken: how many there are, but for the last one
 * @on: it is under attack
 * @calm: it was below the lower thresholds when last looked at
 * @calm_since: and has been since then
 */
struct surge {
	struct surge_sample samples[SURGE_SAMPLES + 1];
	u32 next;
	u32 taken;
	bool on;
	bool calm;
	u64 calm_since;
};

/*
 * Take a sample and judge by it and the oldest one kept; until there are enough
 * of them, and while time stands still, nothing changes.  Returns @on.
 */
bool surge_judge(struct surge *surge, const struct surge_settings *settings,
		 const struct surge_sample *now);

#endif /* WEIR_SURGE_H */

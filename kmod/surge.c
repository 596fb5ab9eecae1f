// SPDX-License-Identifier: GPL-2.0-only
/* When a scope is under attack. */

#include "surge.h"

enum {
	SURGE_SECOND	= 1000000,	/* microseconds */
	SURGE_PER_CENT	= 100,
};

/* What happened between two samples. */
struct surge_span {
	u64 time;
	u64 requests;
	u64 failures;
};

/* Whether there are @least requests in a second. */
static bool surge_is_busy(const struct surge_span *span, u32 least)
{
	return span->requests * SURGE_SECOND >= (u64)least * span->time;
}

/* Whether @least per cent failed. */
static bool surge_is_failing(const struct surge_span *span, const struct surge_settings *settings,
			     u32 least)
{
	return span->requests >= settings->failures_min &&
	       span->failures * SURGE_PER_CENT >= least * span->requests;
}

static bool surge_is_over(const struct surge_span *span, const struct surge_settings *settings,
			  u32 requests, u32 failures)
{
	return (settings->requests_on && surge_is_busy(span, requests)) ||
	       (settings->failures_on && surge_is_failing(span, settings, failures));
}

/* Take the sample; false: there is nothing yet to compare it with. */
static bool surge_take(struct surge *surge, const struct surge_sample *now, struct surge_span *span)
{
	const struct surge_sample *oldest;

	surge->samples[surge->next] = *now;
	surge->next = (surge->next + 1) % ARRAY_SIZE(surge->samples);
	if (surge->taken < SURGE_SAMPLES) {
		surge->taken++;
		return false;
	}
	oldest = &surge->samples[surge->next];
	if (now->time <= oldest->time)
		return false;
	span->time = now->time - oldest->time;
	span->requests = now->requests - oldest->requests;
	/* A failure may be taken back. */
	span->failures = now->failures > oldest->failures ? now->failures - oldest->failures : 0;
	return true;
}

bool surge_judge(struct surge *surge, const struct surge_settings *settings,
		 const struct surge_sample *now)
{
	struct surge_span span;

	if (!surge_take(surge, now, &span))
		return surge->on;
	if (surge_is_over(&span, settings, settings->requests_on, settings->failures_on)) {
		surge->on = true;
		surge->calm = false;
	} else if (surge_is_over(&span, settings, settings->requests_off, settings->failures_off)) {
		surge->calm = false;
	} else if (!surge->calm) {
		surge->calm = true;
		surge->calm_since = now->time;
	}
	if (surge->calm && now->time - surge->calm_since >= settings->hold)
		surge->on = false;
	return surge->on;
}

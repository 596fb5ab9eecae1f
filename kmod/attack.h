/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * "Under attack": a listener or a virtual host that has more requests, or fails
 * more of them, than its configuration takes for normal (surge.h judges).
 *
 * Nothing is counted for this alone: a few times in a window a work item looks
 * at the scopes' meters, which are counted per CPU, and sets a flag in them.
 */
#ifndef _WEIR_ATTACK_H
#define _WEIR_ATTACK_H

#include <linux/types.h>
#include <linux/workqueue.h>

#include "surge.h"

struct netlink_ext_ack;
struct weir_meter;
struct weir_net;

enum weir_attack_bounds {
	WEIR_ATTACK_REQUESTS_MAX	= 1 << 30,
	WEIR_ATTACK_PER_CENT		= 100,
};

#define WEIR_ATTACK_WINDOW_MIN_US	100000ULL		/* 100 ms */
#define WEIR_ATTACK_WINDOW_MAX_US	(60ULL * 1000000)	/* a minute */

/* Whose requests are looked at. */
enum weir_attack_watched {
	WEIR_ATTACK_LISTENERS,
	WEIR_ATTACK_VHOSTS,
	__WEIR_ATTACK_WATCHED_COUNT,
};

/**
 * struct weir_attack_settings - a part of a configuration
 * @scope: of what each has thresholds of its own
 * @window: microseconds over which requests are counted
 * @given: thresholds as they were given: of the lower ones, 0 is half the upper one
 *
 * Set while the configuration is applied, and not changed afterwards:
 * @surge: the same without such zeros
 * @on: there is a threshold
 */
struct weir_attack_settings {
	enum weir_attack_watched	scope;
	u64			window;
	struct surge_settings	given;
	struct surge_settings	surge;
	bool			on;
};

/**
 * struct weir_attack - a namespace's watch over its scopes
 * @work: looks at them; process context, never twice at a time
 * @period: microseconds from one look to the next; 0: nobody looks.  wn->lock
 * @active: how many scopes are under attack; @work's own
 */
struct weir_attack {
	struct delayed_work	work;
	u64			period;
	u32			active;
};

/* The defaults. */
void weir_attack_defaults(struct weir_attack_settings *settings);
/* Check it, and fill in what follows from it: 0, or -EINVAL and a message. */
int weir_attack_finish(struct weir_attack_settings *settings, struct netlink_ext_ack *extack);

void weir_attack_setup(struct weir_net *wn);
/* A configuration with these settings was published.  Under the namespace's lock. */
void weir_attack_apply(struct weir_net *wn, const struct weir_attack_settings *settings);
/* Nobody looks any more; none is applied any more.  Sleeps. */
void weir_attack_stop(struct weir_net *wn);

/*
 * Whether a request that came by @listener for @vhost, which may be NULL, is one
 * of a scope under attack.  Any context; reads a flag of each.
 */
bool weir_attack_active(const struct weir_meter *listener, const struct weir_meter *vhost);

#endif /* _WEIR_ATTACK_H */

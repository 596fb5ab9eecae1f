// SPDX-License-Identifier: GPL-2.0-only
/* "Under attack": looking at the meters, a few times in a window. */

#include <linux/ktime.h>
#include <linux/netlink.h>
#include <linux/slab.h>

#include "attack.h"
#include "meter.h"
#include "net.h"

/* Whose meters are looked at. */
static const enum weir_meter_kind weir_attack_kinds[__WEIR_ATTACK_WATCHED_COUNT] = {
	[WEIR_ATTACK_LISTENERS] = WEIR_METER_LISTENER,
	[WEIR_ATTACK_VHOSTS] = WEIR_METER_VHOST,
};

void weir_attack_defaults(struct weir_attack_settings *settings)
{
	settings->window = 2ULL * USEC_PER_SEC;
	settings->given.failures_min = 100;
	settings->given.hold = 60ULL * USEC_PER_SEC;
}

static u32 weir_attack_lower(u32 off, u32 on)
{
	return off ?: DIV_ROUND_UP(on, 2);
}

int weir_attack_finish(struct weir_attack_settings *settings, struct netlink_ext_ack *extack)
{
	const struct surge_settings *given = &settings->given;

	if (settings->scope >= __WEIR_ATTACK_WATCHED_COUNT ||
	    given->requests_on > WEIR_ATTACK_REQUESTS_MAX ||
	    given->failures_on > WEIR_ATTACK_PER_CENT ||
	    !given->failures_min || given->failures_min > WEIR_ATTACK_REQUESTS_MAX) {
		NL_SET_ERR_MSG(extack, "attack: a threshold is out of bounds");
		return -EINVAL;
	}
	if (given->requests_off > given->requests_on || given->failures_off > given->failures_on) {
		NL_SET_ERR_MSG(extack, "attack: a lower threshold is above its upper one");
		return -EINVAL;
	}
	if (settings->window < WEIR_ATTACK_WINDOW_MIN_US ||
	    settings->window > WEIR_ATTACK_WINDOW_MAX_US ||
	    given->hold < WEIR_TIMEOUT_MIN_US || given->hold > WEIR_TIMEOUT_MAX_US) {
		NL_SET_ERR_MSG(extack, "attack: window or hold is out of bounds");
		return -EINVAL;
	}
	settings->surge = *given;
	settings->surge.requests_off = weir_attack_lower(given->requests_off, given->requests_on);
	settings->surge.failures_off = weir_attack_lower(given->failures_off, given->failures_on);
	settings->on = given->requests_on || given->failures_on;
	return 0;
}

/* Set the flag that requests see, and say so in the statistics.  Returns it. */
static bool weir_attack_set(struct weir_net *wn, struct weir_meter *meter, bool on)
{
	if (on == meter->attacked)
		return on;
	WRITE_ONCE(meter->attacked, on);
	weir_meter_add(meter, WEIR_METER_under_attack, on ? 1 : -1);
	weir_count(wn, WEIR_STAT_attack_switches, 1);
	return on;
}

/* Look at one meter.  Returns whether it is under attack now. */
static bool weir_attack_look(struct weir_net *wn, const struct weir_attack_settings *settings,
			     struct weir_meter *meter)
{
	struct surge_sample now;

	if (!settings->on || meter->kind != weir_attack_kinds[settings->scope]) {
		memset(&meter->surge, 0, sizeof(meter->surge));
		return weir_attack_set(wn, meter, false);
	}
	/* In this order: of what is counted meanwhile none is a failure and no request. */
	now.failures = weir_meter_total(meter, WEIR_METER_unserved);
	/* Who was given a puzzle and solves it is no failure. */
	now.failures -= min(now.failures, weir_meter_total(meter, WEIR_METER_solved));
	now.requests = weir_meter_total(meter, WEIR_METER_requests);
	now.time = ktime_to_us(ktime_get());
	return weir_attack_set(wn, meter, surge_judge(&meter->surge, &settings->surge, &now));
}

static void weir_attack_look_around(struct weir_net *wn,
				    const struct weir_attack_settings *settings)
{
	struct weir_meter **meters;
	unsigned int count, i;
	u32 active = 0;

	meters = weir_meters_list(wn->meters, &count);
	if (!meters) {
		weir_count(wn, WEIR_STAT_allocation_failures, 1);
		return;
	}
	for (i = 0; i < count; i++) {
		active += weir_attack_look(wn, settings, meters[i]);
		weir_meter_put(meters[i]);
	}
	kvfree(meters);
	/* Not counted where it is set: a meter that goes takes its flag along. */
	weir_count(wn, WEIR_STAT_under_attack, (s64)active - wn->attack.active);
	wn->attack.active = active;
}

static unsigned long weir_attack_delay(u64 period)
{
	return max(usecs_to_jiffies(period), 1UL);
}

static void weir_attack_work(struct work_struct *work)
{
	struct weir_net *wn = container_of(to_delayed_work(work), struct weir_net, attack.work);
	struct weir_attack_settings settings;

	rcu_read_lock();
	settings = rcu_dereference(wn->config)->attack;
	rcu_read_unlock();
	weir_attack_look_around(wn, &settings);
	if (settings.on)
		queue_delayed_work(system_highpri_wq, &wn->attack.work,
				   weir_attack_delay(settings.window / SURGE_SAMPLES));
}

void weir_attack_setup(struct weir_net *wn)
{
	INIT_DELAYED_WORK(&wn->attack.work, weir_attack_work);
}

void weir_attack_apply(struct weir_net *wn, const struct weir_attack_settings *settings)
{
	u64 period = settings->on ? settings->window / SURGE_SAMPLES : 0;

	if (period == wn->attack.period)
		return;
	wn->attack.period = period;
	/* Without thresholds it looks once more, to end what there is. */
	mod_delayed_work(system_highpri_wq, &wn->attack.work,
			 period ? weir_attack_delay(period) : 0);
}

bool weir_attack_active(const struct weir_meter *listener, const struct weir_meter *vhost)
{
	return READ_ONCE(listener->attacked) || (vhost && READ_ONCE(vhost->attacked));
}

void weir_attack_stop(struct weir_net *wn)
{
	cancel_delayed_work_sync(&wn->attack.work);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Code that does not move on: only the kernel's watchdogs notice. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/mutex.h>
#include <linux/nmi.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "crash_test.h"

static DEFINE_SPINLOCK(held);
static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

noinline void weir_crash_soft_lockup(void)
{
	preempt_disable();
	for (;;)
		cpu_relax();
}

noinline void weir_crash_hard_lockup(void)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

/*
 * Keeps the lockup watchdog content, so that it is RCU that complains: of a grace period that
 * cannot end.
 */
noinline void weir_crash_rcu_stall(void)
{
	start_poll_synchronize_rcu();
	rcu_read_lock();
	preempt_disable();
	for (;;) {
		touch_softlockup_watchdog();
		cpu_relax();
	}
}

noinline void weir_crash_hung_task(void)
{
	DECLARE_COMPLETION_ONSTACK(never);

	wait_for_completion(&never);
}

/*
 * As a softirq that sleeps: every kernel counts it, which a mere spin lock
 * is not. The scheduler, having complained, resets the count.
 */
noinline void weir_crash_sleep_in_atomic(void)
{
	spin_lock_bh(&held);
	msleep(20);
	spin_unlock(&held);
}

/* Seen by kernels built with DEBUG_ATOMIC_SLEEP alone. What it asks for is never slept on. */
noinline void weir_crash_sleep_under_spinlock(void)
{
	spin_lock(&held);
	might_sleep();
	spin_unlock(&held);
}

/* Harmless with one task; a possible deadlock to a kernel built with PROVE_LOCKING. */
noinline void weir_crash_lock_inversion(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WEIR_CRASH_TEST_H
#define WEIR_CRASH_TEST_H

/*
 * Every function below breaks the running kernel in one way, in process context of the task that
 * wrote its word to /proc/weir_crash_test. Those that return leave a report on the console; the
 * others never return.
 */

/* faults.c: traps, and reports of the kernel's own making */
void weir_crash_oops(void);
void weir_crash_call_null(void);
void weir_crash_protection(void);
void weir_crash_divide(void);
void weir_crash_bug(void);
void weir_crash_warn(void);
void weir_crash_panic(void);
void weir_crash_softirq_oops(void);
void weir_crash_stack_overflow(void);
void weir_crash_taint(void);

/* hangs.c: nothing moves any more; what notices is one of the kernel's watchdogs */
void weir_crash_soft_lockup(void);
void weir_crash_hard_lockup(void);
void weir_crash_rcu_stall(void);
void weir_crash_hung_task(void);
void weir_crash_sleep_in_atomic(void);
void weir_crash_sleep_under_spinlock(void);
void weir_crash_lock_inversion(void);

/* memory.c: broken lists, counts and memory; some are seen by debugging options only */
void weir_crash_list_add(void);
void weir_crash_list_del(void);
void weir_crash_refcount(void);
void weir_crash_leak(void);
void weir_crash_out_of_bounds(void);
void weir_crash_use_after_free(void);
void weir_crash_index(void);

#endif

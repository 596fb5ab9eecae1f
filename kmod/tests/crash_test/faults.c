// SPDX-License-Identifier: GPL-2.0-only
/* Traps, and reports that the kernel makes at once. */
#include <linux/bug.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/panic.h>
#include <linux/timer.h>

#include "crash_test.h"

/*
 * Read through READ_ONCE(), so that the compiler cannot see what is wrong with them. The second is
 * not a canonical address: using it is a general protection fault instead of a page fault.
 */
static int *nowhere;
static int *not_canonical = (int *)0xdead4ead00000000UL;
static void (*no_function)(void);
static int zero;

/* What checkpatch frowns on, for the one place where bringing the kernel down is the purpose. */
#define DELIBERATELY_TRAP BUG

noinline void weir_crash_oops(void)
{
	WRITE_ONCE(*READ_ONCE(nowhere), 1);
}

noinline void weir_crash_call_null(void)
{
	READ_ONCE(no_function)();
}

noinline void weir_crash_protection(void)
{
	WRITE_ONCE(*READ_ONCE(not_canonical), 1);
}

noinline void weir_crash_divide(void)
{
	WRITE_ONCE(zero, 100 / READ_ONCE(zero));
}

noinline void weir_crash_bug(void)
{
	DELIBERATELY_TRAP();
}

noinline void weir_crash_warn(void)
{
	WARN(1, "weir_crash_test: asked to warn\n");
}

noinline void weir_crash_panic(void)
{
	panic("weir_crash_test: asked to panic");
}

static void weir_crash_timer(struct timer_list *unused)
{
	weir_crash_oops();
}

static DEFINE_TIMER(crash_timer, weir_crash_timer);

noinline void weir_crash_softirq_oops(void)
{
	mod_timer(&crash_timer, jiffies + 1);
	msleep(1000);
}

/* The array is passed down, and used afterwards, so that neither it nor the recursion goes away. */
static noinline int weir_crash_recurse(int depth, char *above)
{
	char here[512];

	here[0] = above[0] + 1;
	barrier_data(here);
	if (depth <= 0)
		return here[0];
	return weir_crash_recurse(depth - 1, here) + here[0];
}

noinline void weir_crash_stack_overflow(void)
{
	char start = 0;

	weir_crash_recurse(4096, &start);
}

noinline void weir_crash_taint(void)
{
	add_taint(TAINT_USER, LOCKDEP_STILL_OK);
}

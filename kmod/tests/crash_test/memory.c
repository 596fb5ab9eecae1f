// SPDX-License-Identifier: GPL-2.0-only
/* Broken lists, counts and memory. An allocation that fails makes its crash not happen, no more. */
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/slab.h>

#include "crash_test.h"

enum { BUFFER = 24 };

static int length_that_lies = BUFFER;
static char *forgotten;
static int table[4];
static int index_outside = 7;

noinline void weir_crash_list_add(void)
{
	LIST_HEAD(head);
	LIST_HEAD(stranger);
	LIST_HEAD(entry);

	head.next = &stranger;
	list_add(&entry, &head);
}

noinline void weir_crash_list_del(void)
{
	LIST_HEAD(head);
	LIST_HEAD(entry);

	list_add(&entry, &head);
	list_del(&entry);
	list_del(&entry);
}

noinline void weir_crash_refcount(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	refcount_inc(&count);
}

/* Overwriting the only pointer is the leak; kmemleak reports it after two scans. */
noinline void weir_crash_leak(void)
{
	WRITE_ONCE(forgotten, kmalloc(BUFFER, GFP_KERNEL));
	WRITE_ONCE(forgotten, NULL);
}

noinline void weir_crash_out_of_bounds(void)
{
	char *buffer = kmalloc(BUFFER, GFP_KERNEL);

	if (!buffer)
		return;
	WRITE_ONCE(buffer[READ_ONCE(length_that_lies)], 1);
	kfree(buffer);
}

noinline void weir_crash_use_after_free(void)
{
	char *buffer = kmalloc(BUFFER, GFP_KERNEL);

	if (!buffer)
		return;
	WRITE_ONCE(forgotten, buffer);
	kfree(buffer);
	WRITE_ONCE(*READ_ONCE(forgotten), 1);
	WRITE_ONCE(forgotten, NULL);
}

noinline void weir_crash_index(void)
{
	WRITE_ONCE(table[READ_ONCE(index_outside)], 1);
}

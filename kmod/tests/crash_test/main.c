// SPDX-License-Identifier: GPL-2.0-only
/*
 * Crashes the kernel on demand, so that the lab can show that it notices.
 *
 * Writing a word to /proc/weir_crash_test does what the word says, in the writer's context; reading
 * the file lists the words. Only root may, and only a guest that can be thrown away should have
 * this module.
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "crash_test.h"

enum { WORD_LEN = 32 };

static const struct weir_crash_word {
	const char *word;
	void (*act)(void);
} words[] = {
	{ "oops", weir_crash_oops },
	{ "call_null", weir_crash_call_null },
	{ "protection", weir_crash_protection },
	{ "divide", weir_crash_divide },
	{ "bug", weir_crash_bug },
	{ "warn", weir_crash_warn },
	{ "panic", weir_crash_panic },
	{ "softirq_oops", weir_crash_softirq_oops },
	{ "stack_overflow", weir_crash_stack_overflow },
	{ "taint", weir_crash_taint },
	{ "soft_lockup", weir_crash_soft_lockup },
	{ "hard_lockup", weir_crash_hard_lockup },
	{ "rcu_stall", weir_crash_rcu_stall },
	{ "hung_task", weir_crash_hung_task },
	{ "sleep_in_atomic", weir_crash_sleep_in_atomic },
	{ "sleep_under_spinlock", weir_crash_sleep_under_spinlock },
	{ "lock_inversion", weir_crash_lock_inversion },
	{ "list_add", weir_crash_list_add },
	{ "list_del", weir_crash_list_del },
	{ "refcount", weir_crash_refcount },
	{ "leak", weir_crash_leak },
	{ "out_of_bounds", weir_crash_out_of_bounds },
	{ "use_after_free", weir_crash_use_after_free },
	{ "index", weir_crash_index },
};

static ssize_t weir_crash_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	char word[WORD_LEN];
	size_t i;

	if (len >= sizeof(word))
		return -EINVAL;
	if (copy_from_user(word, from, len))
		return -EFAULT;
	word[len] = '\0';

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (!sysfs_streq(word, words[i].word))
			continue;
		words[i].act();
		return len;
	}
	return -EINVAL;
}

static int weir_crash_show(struct seq_file *seq, void *unused)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		seq_printf(seq, "%s\n", words[i].word);
	return 0;
}

static int weir_crash_open(struct inode *inode, struct file *file)
{
	return single_open(file, weir_crash_show, NULL);
}

static const struct proc_ops weir_crash_ops = {
	.proc_open	= weir_crash_open,
	.proc_read	= seq_read,
	.proc_lseek	= seq_lseek,
	.proc_release	= single_release,
	.proc_write	= weir_crash_write,
};

static int __init weir_crash_init(void)
{
	if (!proc_create("weir_crash_test", 0600, NULL, &weir_crash_ops))
		return -ENOMEM;
	return 0;
}

static void __exit weir_crash_exit(void)
{
	remove_proc_entry("weir_crash_test", NULL);
}

module_init(weir_crash_init);
module_exit(weir_crash_exit);

MODULE_DESCRIPTION("Crashes a test guest on demand");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0-only
/*
 * How deep stacks were used, by what is left on them; for a test guest.
 *
 * The kernel's stack tracer looks at tasks' stacks alone, and softirqs run on a stack of their
 * CPU's.  That, and a task's, is zero until it is used, so its deepest use ends at the lowest word
 * that is not.  Reading /proc/weir_stack_depth gives lines of a name, bytes used and bytes there
 * are: "irq/N" of each CPU, then the kernel's tasks by their own names.  Writing to it clears the
 * CPUs' stacks, so that their count starts afresh.
 */
#include <linux/cpu.h>
#include <linux/irqflags.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <linux/string.h>

static unsigned long *weir_stack_irq(unsigned int cpu)
{
	/* It is where the topmost word lies. */
	return per_cpu(pcpu_hot.hardirq_stack_ptr, cpu) + sizeof(long) - IRQ_STACK_SIZE;
}

/* Words that nobody uses any more lie there, which KASAN is not to be asked about. */
static size_t weir_stack_used(const unsigned long *bottom, size_t size)
{
	size_t at;

	for (at = 0; at < size / sizeof(*bottom); at++) {
		if (READ_ONCE_NOCHECK(bottom[at]))
			break;
	}
	return size - at * sizeof(*bottom);
}

static int weir_stack_show(struct seq_file *seq, void *unused)
{
	struct task_struct *task;
	unsigned int cpu;

	for_each_online_cpu(cpu)
		seq_printf(seq, "irq/%u %zu %lu\n", cpu,
			   weir_stack_used(weir_stack_irq(cpu), IRQ_STACK_SIZE), IRQ_STACK_SIZE);
	rcu_read_lock();
	for_each_process(task) {
		/* Of one that ends it is unmapped a grace period later. */
		unsigned long *bottom = READ_ONCE(task->stack);

		if (!bottom || !(task->flags & PF_KTHREAD))
			continue;
		/* The lowest word is a mark of the kernel's. */
		seq_printf(seq, "%s %zu %lu\n", task->comm,
			   weir_stack_used(bottom + 1, THREAD_SIZE - sizeof(*bottom)), THREAD_SIZE);
	}
	rcu_read_unlock();
	return 0;
}

/* A task of its CPU runs this, so without interrupts nobody is on the other stack. */
static int weir_stack_clear(void *unused)
{
	unsigned long flags;

	local_irq_save(flags);
	memset(weir_stack_irq(smp_processor_id()), 0, IRQ_STACK_SIZE);
	local_irq_restore(flags);
	return 0;
}

static ssize_t weir_stack_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	unsigned int cpu;
	int err = 0;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		err = err ?: smp_call_on_cpu(cpu, weir_stack_clear, NULL, false);
	cpus_read_unlock();
	return err ?: len;
}

static int weir_stack_open(struct inode *inode, struct file *file)
{
	return single_open(file, weir_stack_show, NULL);
}

static const struct proc_ops weir_stack_ops = {
	.proc_open	= weir_stack_open,
	.proc_read	= seq_read,
	.proc_lseek	= seq_lseek,
	.proc_release	= single_release,
	.proc_write	= weir_stack_write,
};

static int __init weir_stack_init(void)
{
	if (!proc_create("weir_stack_depth", 0600, NULL, &weir_stack_ops))
		return -ENOMEM;
	return 0;
}

static void __exit weir_stack_exit(void)
{
	remove_proc_entry("weir_stack_depth", NULL);
}

module_init(weir_stack_init);
module_exit(weir_stack_exit);

MODULE_DESCRIPTION("Tells how deep a test guest's stacks were used");
MODULE_LICENSE("GPL");

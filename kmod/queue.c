// SPDX-License-Identifier: GPL-2.0-only
/*
 * Per-CPU queues of legs that have something to do.
 *
 * Whatever happens to a leg (its socket's callbacks, its timer, a message of
 * the other leg) only sets an event bit and puts the leg here; all the work is
 * done by the drain: a function run in softirq that takes one socket lock at a
 * time.  A leg is on at most one queue, that of the CPU where its first
 * pending event was seen, so no other CPU is interrupted.
 */

#include <linux/percpu.h>
#include <linux/sched/clock.h>
#include <linux/timer.h>

#include "drain.h"
#include "leg.h"
#include "queue.h"

enum {
	/* One drain gives way to other softirqs after as many rounds ... */
	WEIR_DRAIN_ROUNDS	= 10,
	/* ... or so many nanoseconds, as the softirq loop itself does ... */
	WEIR_DRAIN_NS		= 2 * NSEC_PER_MSEC,
	/*
	 * ... or so many legs: what they send over a virtual device waits in a
	 * queue of net.core.netdev_max_backlog (1000) packets for our end.
	 */
	WEIR_DRAIN_LEGS		= 256,
	/* Looks at the clock after so many legs; divides the above. */
	WEIR_DRAIN_LOOKS	= 4,
};

/**
 * struct weir_queue_list - legs in the order of their first event
 * @first: by way of their queue_next
 * @last: of a list that is not empty
 */
struct weir_queue_list {
	struct weir_leg *first;
	struct weir_leg *last;
};

static void weir_queue_append(struct weir_queue_list *list, struct weir_queue_list *more)
{
	if (list->first)
		list->last->queue_next = more->first;
	else
		list->first = more->first;
	list->last = more->last;
}

/**
 * struct weir_queue - one CPU's queue
 * @lock: protects all; a leaf lock, taken with softirqs off
 * @legs: to be run
 * @behind: to be run when @legs is empty, and one of them in each drain
 * @behind_count: so many
 * @later: to be run at the next jiffy, since their socket was in use
 * @draining: the drain runs or is scheduled, and will see what is added
 * @drain: runs @legs
 * @timer: moves @later to @legs
 */
struct weir_queue {
	spinlock_t		lock; /* protects the rest */
	struct weir_queue_list	legs;
	struct weir_queue_list	behind;
	unsigned int		behind_count;
	struct weir_queue_list	later;
	bool			draining;
	struct weir_drain	drain;
	struct timer_list	timer;
};

static DEFINE_PER_CPU(struct weir_queue, weir_queues);

/* Its lock is held. */
static void weir_queue_schedule(struct weir_queue *queue)
{
	if (queue->draining)
		return;
	queue->draining = true;
	weir_drain_schedule(&queue->drain);
}

void weir_queue_add(struct weir_leg *leg)
{
	struct weir_queue_list one = { leg, leg };
	struct weir_queue *queue;

	leg->queue_next = NULL;
	local_bh_disable();
	queue = this_cpu_ptr(&weir_queues);
	spin_lock(&queue->lock);
	weir_queue_append(&queue->legs, &one);
	weir_queue_schedule(queue);
	spin_unlock(&queue->lock);
	local_bh_enable();
}

void weir_queue_add_behind(struct weir_leg *leg)
{
	struct weir_queue *queue = this_cpu_ptr(&weir_queues);
	struct weir_queue_list one = { leg, leg };

	leg->queue_next = NULL;
	spin_lock(&queue->lock);
	weir_queue_append(&queue->behind, &one);
	queue->behind_count++;
	weir_queue_schedule(queue);
	spin_unlock(&queue->lock);
}

unsigned int weir_queue_behind(void)
{
	return READ_ONCE(this_cpu_ptr(&weir_queues)->behind_count);
}

void weir_queue_add_later(struct weir_leg *leg)
{
	struct weir_queue_list one = { leg, leg };
	struct weir_queue *queue;

	leg->queue_next = NULL;
	local_bh_disable();
	queue = this_cpu_ptr(&weir_queues);
	spin_lock(&queue->lock);
	weir_queue_append(&queue->later, &one);
	if (!timer_pending(&queue->timer))
		mod_timer(&queue->timer, jiffies + 1);
	spin_unlock(&queue->lock);
	local_bh_enable();
}

static void weir_queue_timer(struct timer_list *timer)
{
	struct weir_queue *queue = from_timer(queue, timer, timer);

	spin_lock(&queue->lock);
	if (queue->later.first)
		weir_queue_append(&queue->legs, &queue->later);
	queue->later.first = NULL;
	if (queue->legs.first)
		weir_queue_schedule(queue);
	spin_unlock(&queue->lock);
}

/* The first of those that wait behind all others, or none.  The lock is held. */
static struct weir_queue_list weir_queue_take_behind(struct weir_queue *queue)
{
	struct weir_queue_list one = { queue->behind.first, queue->behind.first };

	if (one.first) {
		queue->behind.first = one.first->queue_next;
		one.first->queue_next = NULL;
		queue->behind_count--;
	}
	return one;
}

/* Softirq; the queue's own CPU but for one that has gone. */
static void weir_queue_drain(struct weir_drain_entry *entry)
{
	struct weir_queue *queue = container_of(weir_drain_of(entry), struct weir_queue, drain);
	struct weir_queue_list batch = {};
	unsigned int round, legs = 0;
	bool behind = false, dear;
	struct weir_leg *leg;
	u64 end = 0;

	for (round = 0; round < WEIR_DRAIN_ROUNDS; round++) {
		spin_lock(&queue->lock);
		batch = queue->legs;
		queue->legs.first = NULL;
		dear = !batch.first;
		if (dear)
			batch = weir_queue_take_behind(queue);
		behind |= dear;
		if (!batch.first)
			queue->draining = false;
		spin_unlock(&queue->lock);
		if (!batch.first)
			return;
		while (batch.first) {
			leg = batch.first;
			batch.first = leg->queue_next;
			weir_leg_run(leg);
			if (++legs % WEIR_DRAIN_LOOKS && !dear)
				continue;
			/* The clock costs more than a short run: the first few are free. */
			if (!end)
				end = local_clock() + WEIR_DRAIN_NS;
			else if (legs >= WEIR_DRAIN_LEGS || local_clock() > end)
				goto yield;
		}
	}
yield:
	spin_lock(&queue->lock);
	if (!behind && queue->behind.first) {
		struct weir_queue_list one = weir_queue_take_behind(queue);

		if (batch.first)
			weir_queue_append(&one, &batch);
		batch = one;
	}
	if (batch.first) {
		/* What is left of it was there before what came meanwhile. */
		if (queue->legs.first)
			weir_queue_append(&batch, &queue->legs);
		queue->legs = batch;
	}
	if (queue->legs.first || queue->behind.first)
		weir_drain_schedule(&queue->drain);
	else
		queue->draining = false;
	spin_unlock(&queue->lock);
}

int weir_queue_init(void)
{
	int cpu, err;

	err = weir_drain_init();
	if (err)
		return err;
	for_each_possible_cpu(cpu) {
		struct weir_queue *queue = per_cpu_ptr(&weir_queues, cpu);

		spin_lock_init(&queue->lock);
		weir_drain_setup(&queue->drain, weir_queue_drain);
		timer_setup(&queue->timer, weir_queue_timer, 0);
	}
	return 0;
}

/* By now no leg is left, so the queues are empty; only a last drain may be about to see that. */
void weir_queue_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct weir_queue *queue = per_cpu_ptr(&weir_queues, cpu);

		timer_shutdown_sync(&queue->timer);
		weir_drain_flush(&queue->drain);
	}
	weir_drain_exit();
}

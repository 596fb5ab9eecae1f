/* SPDX-License-Identifier: GPL-2.0-only */
/* Per-CPU queues of legs that have something to do, drained in softirq. */
#ifndef _WEIR_QUEUE_H
#define _WEIR_QUEUE_H

struct weir_leg;

int weir_queue_init(void);
void weir_queue_exit(void);

/* Put a leg, with a reference, on this CPU's queue.  Any context but hard interrupts. */
void weir_queue_add(struct weir_leg *leg);
/*
 * Put it behind all that have less to do, now and later, as far as that leaves it any time:
 * it has its turn when they have nothing to do, and at least one of its kind each time that
 * the drain runs.  Softirq.
 */
void weir_queue_add_behind(struct weir_leg *leg);
/* How many wait so on this CPU.  Softirq. */
unsigned int weir_queue_behind(void);
/* Put it there a jiffy later.  Softirq. */
void weir_queue_add_later(struct weir_leg *leg);

#endif /* _WEIR_QUEUE_H */

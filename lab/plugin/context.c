// SPDX-License-Identifier: Apache-2.0
/*
 * On whose account each CPU runs. Version 1 of the plugin interface shows no registers, so the context follows from
 * the code alone: interrupts begin at known addresses and end with iret, softirqs begin and end with handle_softirqs(),
 * tasks change at __switch_to(). Whose task it was is known only when it ends, by what it ran; until then its runs are
 * pending.
 */
#include <stdlib.h>

#include "context.h"

enum { DEPTH = 16 };

struct context {
	/* Interrupts, exceptions and softirqs on top of the task, the innermost last. */
	struct frame {
		enum account account;
		bool softirq;
		bool of_task;	/* an exception with nothing but the task below it */
	} frames[DEPTH];
	unsigned int depth;
	uint32_t seen;		/* flags of all blocks that the task ran */
	struct block **touched;	/* blocks with pending runs */
	size_t count, room;
};

static struct context contexts[CPUS];
static uint64_t anomalies;

static enum account task_account(uint32_t seen)
{
	if (seen & BLOCK_IDLE)
		return ACCOUNT_IDLE;
	if (seen & BLOCK_USER)
		return ACCOUNT_PROCESS;
	return seen & BLOCK_MODULE ? ACCOUNT_WORK : ACCOUNT_KTHREAD;
}

static void end_task(unsigned int cpu, struct context *context)
{
	enum account account = task_account(context->seen);

	for (size_t i = 0; i < context->count; i++) {
		struct block *block = context->touched[i];

		block->runs[cpu][account] += block->pending[cpu];
		block->pending[cpu] = 0;
	}
	context->count = 0;
	context->seen = 0;
	/* A task that is switched away from an interrupt's way back to it ends its interrupt later, as an unknown one. */
	context->depth = 0;
}

static void push(struct context *context, enum account account, bool softirq, bool of_task)
{
	if (context->depth == DEPTH) {
		anomalies++;
		return;
	}
	context->frames[context->depth++] = (struct frame){ account, softirq, of_task };
}

static void begin(struct context *context, uint32_t flags)
{
	struct frame *top = context->depth ? &context->frames[context->depth - 1] : NULL;

	if (flags & BLOCK_SOFTIRQ)
		push(context, ACCOUNT_SOFTIRQ, true, false);
	else if (flags & BLOCK_TICK)
		push(context, ACCOUNT_TICK, false, false);
	else if (flags & BLOCK_IPI)
		push(context, ACCOUNT_IPI, false, false);
	else if (flags & BLOCK_IRQ)
		push(context, ACCOUNT_IRQ, false, false);
	else if (flags & BLOCK_EXCEPTION)
		push(context, top ? top->account : ACCOUNT_PROCESS, false, !top || top->of_task);
}

static void end(struct context *context, uint32_t flags)
{
	if (flags & BLOCK_SOFTIRQ_END) {
		if (context->depth && context->frames[context->depth - 1].softirq)
			context->depth--;
		else
			anomalies++;
	} else if ((flags & BLOCK_IRET) && context->depth) {
		/* Nothing to end is in order: a system call may return by iret, and see end_task(). */
		while (context->depth > 1 && context->frames[context->depth - 1].softirq) {
			anomalies++;
			context->depth--;
		}
		context->depth--;
	}
}

static void touch(struct context *context, struct block *block)
{
	if (context->count == context->room) {
		size_t more = context->room ? 2 * context->room : 1 << 12;
		struct block **grown = realloc(context->touched, more * sizeof(*grown));

		if (!grown)
			abort();	/* A figure with a hole in it would be worse than none. */
		context->touched = grown;
		context->room = more;
	}
	context->touched[context->count++] = block;
}

void context_run(unsigned int cpu, struct block *block)
{
	struct context *context = &contexts[cpu];
	struct frame *top;

	if (block->flags & BLOCK_SWITCH)
		end_task(cpu, context);
	else if (block->flags & BLOCK_ACTS)
		begin(context, block->flags);
	top = context->depth ? &context->frames[context->depth - 1] : NULL;
	if (top && !top->of_task) {
		block->runs[cpu][top->account]++;
	} else {
		if (!block->pending[cpu]++)
			touch(context, block);
		context->seen |= block->flags;
	}
	if (block->flags & (BLOCK_SOFTIRQ_END | BLOCK_IRET))
		end(context, block->flags);
}

uint64_t context_anomalies(void)
{
	return anomalies;
}

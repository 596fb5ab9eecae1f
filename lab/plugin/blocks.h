/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LAB_PLUGIN_BLOCKS_H
#define LAB_PLUGIN_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { CPUS = 2 };

/* On whose account an instruction goes. lab/profile.py has the same list, in the same order. */
enum account {
	ACCOUNT_SOFTIRQ,	/* first, see struct block */
	ACCOUNT_PROCESS,	/* task context of a task that ran user code since it was switched to */
	ACCOUNT_WORK,		/* task context of a kernel thread that ran a loaded module's code */
	ACCOUNT_KTHREAD,	/* task context of any other kernel thread */
	ACCOUNT_IDLE,		/* task context of the idle task */
	ACCOUNT_IPI,		/* one CPU calls another: what receive packet steering does */
	ACCOUNT_TICK,		/* timer interrupt, without the softirqs that follow it */
	ACCOUNT_IRQ,		/* any other interrupt */
	ACCOUNTS
};

/* What running a block does beyond being counted, and what it tells of its task. */
enum block_flags {
	BLOCK_SWITCH = 1 << 0,		/* begins __switch_to(): the task before it ends here */
	BLOCK_SOFTIRQ = 1 << 1,		/* begins handle_softirqs() */
	BLOCK_SOFTIRQ_END = 1 << 2,	/* returns from it */
	BLOCK_TICK = 1 << 3,		/* begins the timer interrupt */
	BLOCK_IPI = 1 << 4,
	BLOCK_IRQ = 1 << 5,
	BLOCK_EXCEPTION = 1 << 6,	/* belongs to whatever it interrupts */
	BLOCK_IRET = 1 << 7,		/* ends an interrupt or an exception */
	BLOCK_ACTS = (1 << 8) - 1,
	BLOCK_USER = 1 << 8,
	BLOCK_IDLE = 1 << 9,
	BLOCK_MODULE = 1 << 10,
	/* Begins with a string move: each run of the block moves one unit of 1, 2, 4 or 8 bytes. */
	BLOCK_MOVES_1 = 1 << 12,
	BLOCK_MOVES_2 = 1 << 13,
	BLOCK_MOVES_4 = 1 << 14,
	BLOCK_MOVES_8 = 1 << 15,
};

enum { CACHE_LINE = 64 };

/*
 * A run of instructions without a branch inside. Blocks never die: a new translation of the same code is the same block.
 * What is written for most runs shares the first cache line with what is read.
 */
struct block {
	uint64_t address;
	uint32_t instructions;
	uint32_t flags;
	uint64_t pending[CPUS];		/* runs by the present task, whose account is not known yet */
	uint64_t runs[CPUS][ACCOUNTS];
	struct block *next;
} __attribute__((aligned(CACHE_LINE)));

/* The block of this identity, made if it is new. NULL: out of memory. */
struct block *block_get(uint64_t address, uint32_t instructions, uint32_t flags);
/* Append what was run since the last call to @out as a snapshot numbered @marker, and start from zero. */
bool blocks_write_snapshot(FILE *out, uint32_t marker);
/* Append what each block's number stands for, and the mark of a complete file. */
bool blocks_write_table(FILE *out, uint64_t anomalies);

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * Counts what a guest runs, by block, CPU and account, between marker instructions (lab/counting.py). For QEMU 7.2,
 * whose callbacks name the CPU that runs a block (later ones name the one that translated it), one thread for all CPUs.
 *
 * Arguments: out=FILE (written: the counts), code=FILE (read: lines "ROLE START END", addresses in hexadecimal, of the
 * kernel's code that has a role here; END is the first address behind it).
 *
 * Instructions are counted as a block begins. One that an exception cuts short counts whole, and so do the rest of a
 * block that QEMU starts again behind a device access.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qemu-plugin.h>

#include "blocks.h"
#include "context.h"

#define MARKER 0x57454900u	/* the low byte is the number */
#define MARKER_LENGTH 7

enum { MAX_RANGES = 64 };

/*
 * x86-64 gives the kernel the upper half. Modules lie behind the 512 MB of the kernel's own image, or of 1 GB with KASLR
 * compiled in (arch/x86/include/asm/pgtable_64_types.h); no image is so large that the difference matters.
 */
#define KERNEL_HALF (1ULL << 63)
#define MODULES_START 0xffffffffa0000000ULL

enum role { ROLE_SWITCH, ROLE_SOFTIRQ, ROLE_TICK, ROLE_IPI, ROLE_IRQ, ROLE_EXCEPTION, ROLE_ENTRY, ROLE_IDLE, ROLES };

static const char * const role_names[ROLES] = {
	[ROLE_SWITCH] = "switch", [ROLE_SOFTIRQ] = "softirq", [ROLE_TICK] = "tick", [ROLE_IPI] = "ipi",
	[ROLE_IRQ] = "irq", [ROLE_EXCEPTION] = "exception", [ROLE_ENTRY] = "entry", [ROLE_IDLE] = "idle",
};

static struct range {
	enum role role;
	uint64_t start, end;
} ranges[MAX_RANGES];
static size_t range_count;

static FILE *out;
static bool armed;

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static uint32_t role_flags(const struct range *range, uint64_t address, bool returns, bool iret)
{
	bool begins = address == range->start;

	switch (range->role) {
	case ROLE_SWITCH:
		return begins ? BLOCK_SWITCH : 0;
	case ROLE_SOFTIRQ:
		return (begins ? BLOCK_SOFTIRQ : 0) | (returns ? BLOCK_SOFTIRQ_END : 0);
	case ROLE_TICK:
		return begins ? BLOCK_TICK : 0;
	case ROLE_IPI:
		return begins ? BLOCK_IPI : 0;
	case ROLE_IRQ:
		return begins ? BLOCK_IRQ : 0;
	case ROLE_EXCEPTION:
		return begins ? BLOCK_EXCEPTION : 0;
	case ROLE_ENTRY:
		/* iret elsewhere is the kernel's way to synchronise a core: it ends nothing */
		return iret ? BLOCK_IRET : 0;
	case ROLE_IDLE:
		return BLOCK_IDLE;
	default:
		return 0;
	}
}

static uint32_t moves(const struct qemu_plugin_insn *insn)
{
	const uint8_t *bytes = qemu_plugin_insn_data(insn);
	size_t size = qemu_plugin_insn_size(insn);

	if (size == 2 && bytes[0] == 0xf3 && bytes[1] == 0xa4)
		return BLOCK_MOVES_1;
	if (size == 3 && bytes[0] == 0x66 && bytes[1] == 0xf3 && bytes[2] == 0xa5)
		return BLOCK_MOVES_2;
	if (size == 2 && bytes[0] == 0xf3 && bytes[1] == 0xa5)
		return BLOCK_MOVES_4;
	if (size == 3 && bytes[0] == 0xf3 && bytes[1] == 0x48 && bytes[2] == 0xa5)
		return BLOCK_MOVES_8;
	return 0;
}

static uint32_t flags_of(const struct qemu_plugin_tb *tb)
{
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	size_t count = qemu_plugin_tb_n_insns(tb);
	const struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, count - 1);
	const uint8_t *bytes = qemu_plugin_insn_data(last);
	size_t size = qemu_plugin_insn_size(last);
	bool returns = size == 1 && bytes[0] == 0xc3;
	bool iret = size == 2 && bytes[0] == 0x48 && bytes[1] == 0xcf;
	uint32_t flags = moves(qemu_plugin_tb_get_insn(tb, 0));

	if (address < KERNEL_HALF)
		return flags | BLOCK_USER;
	if (address >= MODULES_START)
		flags |= BLOCK_MODULE;
	for (size_t i = 0; i < range_count; i++)
		if (address >= ranges[i].start && address < ranges[i].end)
			flags |= role_flags(&ranges[i], address, returns, iret);
	return flags;
}

static void on_block(unsigned int cpu, void *data)
{
	if (armed && cpu < CPUS)
		context_run(cpu, data);
}

static void on_marker(unsigned int cpu, void *data)
{
	uint32_t number = (uintptr_t)data;

	(void)cpu;
	armed = true;
	if (!blocks_write_snapshot(out, number)) {
		perror("weir count: cannot write a snapshot");
		abort();
	}
}

static void look_for_marker(struct qemu_plugin_insn *insn)
{
	static const uint8_t nopl[] = { 0x0f, 0x1f, 0x80 };
	const uint8_t *bytes = qemu_plugin_insn_data(insn);
	uint32_t value;

	if (qemu_plugin_insn_size(insn) != MARKER_LENGTH || memcmp(bytes, nopl, sizeof(nopl)))
		return;
	memcpy(&value, bytes + sizeof(nopl), sizeof(value));
	if ((value & ~0xffu) == MARKER)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_marker, QEMU_PLUGIN_CB_NO_REGS,
						       (void *)(uintptr_t)(value & 0xff));
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);
	struct block *block;

	(void)id;
	if (!count)
		return;
	block = block_get(qemu_plugin_tb_vaddr(tb), count, flags_of(tb));
	if (!block)
		abort();
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
	if (block->flags & BLOCK_USER)
		for (size_t i = 0; i < count; i++)
			look_for_marker(qemu_plugin_tb_get_insn(tb, i));
}

static void finish(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	if (!blocks_write_table(out, context_anomalies()) || fclose(out))
		perror("weir count: cannot write the table");
}

static bool read_code(const char *path)
{
	FILE *file = fopen(path, "re");
	uint64_t start, end;
	char name[32];

	if (!file)
		return false;
	while (fscanf(file, "%31s %" SCNx64 " %" SCNx64, name, &start, &end) == 3) {
		size_t role = 0;

		while (role < ROLES && strcmp(name, role_names[role]))
			role++;
		if (role == ROLES || range_count == MAX_RANGES)
			break;
		ranges[range_count++] = (struct range){ role, start, end };
	}
	if (!feof(file))
		range_count = 0;
	fclose(file);
	return range_count > 0;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	const char *code = NULL;

	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "we");
		else if (!strncmp(argv[i], "code=", 5))
			code = argv[i] + 5;
	}
	if (!info->system_emulation || info->system.max_vcpus > CPUS) {
		fprintf(stderr, "weir count: wants a system of at most %d CPUs\n", CPUS);
		return -1;
	}
	if (!out || !code || !read_code(code)) {
		fprintf(stderr, "weir count: out=%s or code=%s is not as it should be\n", out ? "(open)" : "(not open)",
			code ? code : "(missing)");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Every block of code that the guest ran, how often, on which CPU and on whose account; and the file of it all. The
 * file is a sequence of records, each a header and @count entries; lab/profile.py reads it.
 */
#include <stdlib.h>

#include "blocks.h"

enum { HASH_SIZE = 1 << 16 };

enum record_type {
	RECORD_SNAPSHOT = 1,
	RECORD_TABLE,
	RECORD_END,
};

struct record {
	uint32_t type;
	uint32_t marker;	/* of a snapshot */
	uint64_t count;		/* of the entries that follow; of the end: anomalies */
};

struct snapshot_entry {
	uint32_t block;
	uint8_t cpu;
	uint8_t account;
	uint16_t reserved;
	uint64_t runs;
};

struct table_entry {
	uint64_t address;
	uint32_t instructions;
	uint32_t flags;
};

static struct block *hash[HASH_SIZE];
static struct block **all;
static size_t total, room;

static struct block *block_new(uint64_t address, uint32_t instructions, uint32_t flags)
{
	struct block *block;

	if (total == room) {
		size_t more = room ? 2 * room : 1 << 14;
		struct block **grown = realloc(all, more * sizeof(*all));

		if (!grown)
			return NULL;
		all = grown;
		room = more;
	}
	block = aligned_alloc(CACHE_LINE, sizeof(*block));
	if (!block)
		return NULL;
	*block = (struct block){
		.address = address, .instructions = instructions, .flags = flags,
	};
	all[total++] = block;
	return block;
}

struct block *block_get(uint64_t address, uint32_t instructions, uint32_t flags)
{
	struct block **head = &hash[(address ^ address >> 16 ^ instructions << 7) % HASH_SIZE];
	struct block *block;

	for (block = *head; block; block = block->next)
		if (block->address == address && block->instructions == instructions && block->flags == flags)
			return block;
	block = block_new(address, instructions, flags);
	if (block) {
		block->next = *head;
		*head = block;
	}
	return block;
}

static uint64_t snapshot_size(void)
{
	uint64_t count = 0;

	for (size_t i = 0; i < total; i++)
		for (int cpu = 0; cpu < CPUS; cpu++)
			for (int account = 0; account < ACCOUNTS; account++)
				count += all[i]->runs[cpu][account] != 0;
	return count;
}

bool blocks_write_snapshot(FILE *out, uint32_t marker)
{
	struct record record = { .type = RECORD_SNAPSHOT, .marker = marker, .count = snapshot_size() };

	fwrite(&record, sizeof(record), 1, out);
	for (size_t i = 0; i < total; i++) {
		for (int cpu = 0; cpu < CPUS; cpu++) {
			for (int account = 0; account < ACCOUNTS; account++) {
				struct snapshot_entry entry = {
					.block = i, .cpu = cpu, .account = account, .runs = all[i]->runs[cpu][account],
				};

				if (!entry.runs)
					continue;
				fwrite(&entry, sizeof(entry), 1, out);
				all[i]->runs[cpu][account] = 0;
			}
		}
	}
	return !ferror(out);
}

bool blocks_write_table(FILE *out, uint64_t anomalies)
{
	struct record record = { .type = RECORD_TABLE, .count = total };
	struct record end = { .type = RECORD_END, .count = anomalies };

	fwrite(&record, sizeof(record), 1, out);
	for (size_t i = 0; i < total; i++) {
		struct table_entry entry = {
			.address = all[i]->address, .instructions = all[i]->instructions, .flags = all[i]->flags,
		};

		fwrite(&entry, sizeof(entry), 1, out);
	}
	fwrite(&end, sizeof(end), 1, out);
	return !fflush(out) && !ferror(out);
}

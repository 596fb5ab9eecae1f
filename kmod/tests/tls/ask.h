/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program that answers questions on standard input (tests/tls_programs.py): a
 * letter, two lengths of four bytes each, and so many bytes; the answer is a
 * length and so many bytes.
 */
#ifndef WEIR_TEST_TLS_ASK_H
#define WEIR_TEST_TLS_ASK_H

#include <stdio.h>
#include <stdlib.h>

#include "../../http_types.h"

/* Each run lies in memory of just its size, which is freed behind the answer. */
void ask(u8 letter, const u8 *first, size_t first_len, const u8 *second, size_t second_len);

static inline void answer(const void *at, size_t len)
{
	u32 length = len;

	fwrite(&length, 1, sizeof(length), stdout);
	fwrite(at, 1, len, stdout);
	fflush(stdout);
}

static inline u8 *read_bytes(size_t len)
{
	u8 *bytes = malloc(len ? len : 1);

	if (!bytes || fread(bytes, 1, len, stdin) != len)
		exit(2);
	return bytes;
}

static inline int answer_all(void)
{
	int letter;

	while ((letter = getchar()) != EOF) {
		u32 lengths[2];
		u8 *first, *second;

		if (fread(lengths, sizeof(u32), 2, stdin) != 2)
			return 2;
		first = read_bytes(lengths[0]);
		second = read_bytes(lengths[1]);
		ask(letter, first, lengths[0], second, lengths[1]);
		free(first);
		free(second);
	}
	return 0;
}

#endif /* WEIR_TEST_TLS_ASK_H */

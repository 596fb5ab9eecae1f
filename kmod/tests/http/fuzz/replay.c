// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's checks without libFuzzer: each file given, each of its
 * beginnings, and each of its bytes replaced by some that matter in HTTP.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 16 };

static size_t replay(u8 *data, size_t size)
{
	static const u8 bytes[] = { 0, '\t', '\n', '\r', ' ', ',', ':', ';', '0', '9', 0xff };
	size_t count = 0;

	for (size_t len = 0; len <= size; len++, count++)
		LLVMFuzzerTestOneInput(data, len);
	for (size_t at = 0; at < size; at++) {
		u8 old = data[at];

		for (size_t i = 0; i < ARRAY_SIZE(bytes); i++, count++) {
			data[at] = bytes[i];
			LLVMFuzzerTestOneInput(data, size);
		}
		data[at] = old;
	}
	return count;
}

int main(int argc, char **argv)
{
	static u8 data[INPUT_MAX];
	size_t count = 0;

	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");

		if (!file) {
			perror(argv[i]);
			return 1;
		}
		fprintf(stderr, "%s\n", argv[i]);
		count += replay(data, fread(data, 1, sizeof(data), file));
		fclose(file);
	}
	printf("%zu inputs\n", count);
	return 0;
}

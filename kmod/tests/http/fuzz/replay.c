// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's checks without libFuzzer: each file given and, behind the word
 * --vary, each of its beginnings and each of its bytes replaced by some that
 * matter in HTTP.
 */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

enum { INPUT_MAX = 1 << 16 };

static size_t vary(u8 *data, size_t size)
{
	static const u8 bytes[] = { 0, '\t', '\n', '\r', ' ', '"', ',', ':', ';', '0', '9', '\\',
				    0xff };
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
	bool varied = false;
	size_t count = 0;

	for (int i = 1; i < argc; i++) {
		FILE *file;
		size_t size;

		if (!strcmp(argv[i], "--vary")) {
			varied = true;
			continue;
		}
		file = fopen(argv[i], "rb");
		if (!file) {
			perror(argv[i]);
			return 1;
		}
		fprintf(stderr, "%s\n", argv[i]);
		size = fread(data, 1, sizeof(data), file);
		fclose(file);
		LLVMFuzzerTestOneInput(data, size);
		count++;
		if (varied)
			count += vary(data, size);
	}
	printf("%zu inputs\n", count);
	return 0;
}

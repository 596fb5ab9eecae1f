// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

static u32 random_state;
static u8 given_seed;

void fuzz_seed(u8 seed)
{
	random_state = seed;
	given_seed = seed;
}

size_t fuzz_piece(size_t left)
{
	size_t len;

	random_state = random_state * 1664525 + 1013904223;
	len = random_state >> 28 ? (random_state >> 24 & 7) + 1 : (random_state >> 20 & 0xff) + 1;
	/* Each piece is copied with all that came before it. */
	len += left / 64;
	return len < left ? len : left;
}

void *fuzz_alloc(size_t len)
{
	void *memory = malloc(len ? len : 1);

	if (!memory)
		abort();
	return memory;
}

u8 *fuzz_copy(const u8 *data, size_t len)
{
	u8 *copy = fuzz_alloc(len);

	if (len)
		memcpy(copy, data, len);
	return copy;
}

struct http_limits fuzz_limits(u8 options)
{
	/* Beyond what there is room for: no bounds but those of the parser's own. */
	if (!(options & OPTION_LIMITS))
		return (struct http_limits){ .header_total = HTTP_HEAD_MAX + 1,
					     .header_count = FUZZ_FIELDS + 1 };
	if (given_seed & 1)
		return (struct http_limits){ .header_total = 64, .header_count = 2,
					     .body_length = 8 };
	return (struct http_limits){ .header_total = 256, .header_count = 6, .uri_length = 32,
				     .body_length = 64 };
}

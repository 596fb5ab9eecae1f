// SPDX-License-Identifier: GPL-2.0-only
#include "balance.h"

enum {
	FRACTION_BITS = 24,
};

u32 balance_add(int *turns, const u32 *weight, unsigned int count)
{
	u32 sum = 0;
	unsigned int i;

	for (i = 0; i < count; i++)
		sum += weight[i];
	for (i = 0; i < count; i++)
		turns[i] += weight[i];
	return sum;
}

u32 balance_pass(int *turns, u32 *weight, unsigned int index)
{
	u32 gained = weight[index];

	turns[index] -= gained;
	weight[index] = 0;
	return gained;
}

int balance_best(const int *turns, const u32 *weight, unsigned int count)
{
	unsigned int i;
	int best = -1;

	for (i = 0; i < count; i++)
		if (weight[i] && (best < 0 || turns[i] > turns[best]))
			best = i;
	return best;
}

bool balance_less(u32 load_a, u32 weight_a, u32 load_b, u32 weight_b)
{
	return (u64)load_a * weight_b < (u64)load_b * weight_a;
}

u32 balance_distance(u64 hash)
{
	u32 log = 0, mantissa;
	unsigned int i, zeros;

	hash |= 1;
	zeros = __builtin_clzll(hash);
	/* Between 1 and 2, with 31 fractional bits. */
	mantissa = hash << zeros >> 32;
	/* Squaring doubles the logarithm: its integer part is the next binary digit. */
	for (i = 0; i < FRACTION_BITS; i++) {
		u64 square = (u64)mantissa * mantissa >> 31;

		log <<= 1;
		if (square >> 32) {
			log |= 1;
			square >>= 1;
		}
		mantissa = square;
	}
	return ((zeros + 1) << FRACTION_BITS) - log;
}

u32 balance_ramp(u32 weight, u64 elapsed, u64 duration)
{
	u32 share;

	if (elapsed >= duration)
		return weight * BALANCE_UNIT;
	/* So that nothing below overflows; what is lost is less than anybody can see. */
	while (duration >> 20) {
		duration >>= 1;
		elapsed >>= 1;
	}
	share = weight * ((u32)elapsed * BALANCE_UNIT / (u32)duration);
	return share ? share : 1;
}

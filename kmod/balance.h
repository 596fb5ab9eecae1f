/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arithmetic of choosing a server: turns, loads, shares of a hash, and the
 * way back to full weight.  Free of kernel types, like the HTTP code; the same
 * file is tested in user space.
 */
#ifndef WEIR_BALANCE_H
#define WEIR_BALANCE_H

#include "http_types.h"

enum {
	BALANCE_WEIGHT_MAX	= 1000,
	/* A configured weight of 1, so that a part of it can be said. */
	BALANCE_UNIT		= 256,
};

/**
 * balance_add - begin a turn: everybody who takes part gains his weight
 * @turns: what each has gained and not spent.  Kept from turn to turn; a turn
 *	in which nobody is chosen is not kept
 * @weight: weights; 0: takes no part
 * @count: how many
 *
 * Returns what whoever is chosen spends: the sum of the weights.
 *
 * Smooth weighted round-robin: in each row of as many turns as the sum of the
 * weights, everybody has as many as his weight says, as far apart as can be.
 */
u32 balance_add(int *turns, const u32 *weight, unsigned int count);

/**
 * balance_pass - whose turn it is cannot take it
 * @turns: as for balance_add()
 * @weight: the same weights
 * @index: who
 *
 * He takes no part in this turn then.  Returns how much less is spent.
 */
u32 balance_pass(int *turns, u32 *weight, unsigned int index);

/* Whose turn it is, the first of equals; -1 if nobody takes part. */
int balance_best(const int *turns, const u32 *weight, unsigned int count);

/* Whether @load_a for @weight_a is less than @load_b for @weight_b. */
bool balance_less(u32 load_a, u32 weight_a, u32 load_b, u32 weight_b);

/**
 * balance_distance - how far a hash is from the server that it was made for
 * @hash: of the key and the server, all values equally likely
 *
 * Returns the binary logarithm of 1/x with 24 fractional bits, x being the hash
 * as a number between 0 and 1.  The server with the least distance for its
 * weight, as balance_less() compares them, has the key (weighted rendezvous):
 * shares are as the weights, and a server that comes or goes moves its own
 * keys only.
 */
u32 balance_distance(u64 hash);

/**
 * balance_ramp - a weight on its way back
 * @weight: as configured
 * @elapsed: since the server came back
 * @duration: until it has its full weight again, in the same unit; 0: at once
 *
 * Returns the weight in parts of BALANCE_UNIT, never 0.
 */
u32 balance_ramp(u32 weight, u64 elapsed, u64 duration);

#endif /* WEIR_BALANCE_H */

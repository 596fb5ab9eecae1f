// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures how long a primitive takes with one secret and with others, for
 * lab/timing.py, which does the statistics: Reparaz, Balasch, Verbauwhede, "Dude,
 * is my code constant time?" (2017).
 *
 *	timing PRIMITIVE SECONDS CPU [CENTRE LIMIT...]
 *
 * Without limits: prints the class and the cycles of each measurement. With
 * them, in rising order: how many cycles lie below each and not below the one
 * before it, and above all of them, for each class: how many, their sum and that of their
 * squares; and, last, the same of the squared distances from the centre.
 *
 * "leak" is a comparison that ends where two secrets differ. A signature of RSA takes
 * so long that few are measured; the steps which its secrets go into are, too, by
 * themselves: "rsa-power", with an exponent of one limb, and "rsa-combine".
 *
 * "public-control" and "rsa-combine-control" take a secret as the primitive does, and then
 * work with numbers that are always the same: if their time differs between the classes,
 * what is done ahead of the clock tells, and not the primitive. "unfair" is such a control
 * where one class loses the table that the primitive has in the cache.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../tls_p256.h"
#include "../../tls_p256_point.h"
#include "../../tls_rsa.c"
#include "../../tls_x25519.h"

enum {
	BATCH = 200,
	KEYS = 16,
	PRIME_LIMBS = 16,
	LIMITS_MAX = 100,
	/* What took longer was interrupted; squares of squares have to fit. */
	LONGEST = 1 << 26,
};

struct sums {
	u64 count;
	__uint128_t sum;
	__uint128_t squares;
};

/* What is no secret is random in both classes: so that no time which depends on it tells. */
struct sample {
	u8 secret[P256_BYTES];
	u8 salt[RSA_SALT];
	u8 key;
	u8 class;
	u8 wait;
};

static const u8 fixed[P256_BYTES] = "one secret, that is the same eac";
static const u8 hash[P256_BYTES];
static u8 peer[P256_PUBLIC], out[RSA_BYTES_MAX];
static struct p256_scratch scratch;
static struct rsa_scratch rsa_scratch, spare_scratch;
static struct rsa_key keys[KEYS], key, spare_key;
static struct sample batch[BATCH];
/* What is measured lies here, whichever of the batch it is: so caches do not tell. */
static struct sample now __attribute__((aligned(64)));
/* What a control works with. */
static struct sample same __attribute__((aligned(64)));

static u64 limits[LIMITS_MAX], centre;
static int n_limits;
static struct sums buckets[LIMITS_MAX + 1][2], distances[2];

static void public(const struct sample *sample)
{
	p256_public(&scratch, out, sample->secret);
}

static void shared(const struct sample *sample)
{
	p256_shared(&scratch, out, sample->secret, peer);
}

static void sign(const struct sample *sample)
{
	p256_sign(&scratch, out, sample->secret, hash, sample->salt);
}

static void x25519(const struct sample *sample)
{
	x25519_public(out, sample->secret);
}

static void x25519_secret(const struct sample *sample)
{
	x25519_shared(out, sample->secret, fixed);
}

/* This part of the key: all keys are read, whichever it is, so that the caches do not tell. */
static void take_part(const struct sample *sample, struct rsa_key *into, size_t offset, size_t len)
{
	u64 *to = (u64 *)((u8 *)into + offset);

	memset(to, 0, len);
	for (u64 i = 0; i < KEYS; i++) {
		const u64 *from = (const u64 *)((u8 *)&keys[i] + offset);
		u64 mask = tls_is_zero(i ^ sample->key);

		for (size_t j = 0; j < len / sizeof(u64); j++)
			to[j] |= from[j] & mask;
	}
}

static void take_key(const struct sample *sample)
{
	take_part(sample, &key, 0, sizeof(key));
}

static void take_prime(const struct sample *sample, struct rsa_key *to, size_t prime)
{
	take_part(sample, to, prime, offsetof(struct rsa_modulus, value[PRIME_LIMBS]));
	take_part(sample, to, prime + offsetof(struct rsa_modulus, square),
		  PRIME_LIMBS * sizeof(u64));
}

/* Many numbers of a secret. */
static void expand(const struct sample *sample, u64 *to)
{
	u64 state;

	memcpy(&state, sample->secret, sizeof(state));
	for (int i = 0; i < PRIME_LIMBS; i++) {
		state = state * 6364136223846793005 + 1442695040888963407;
		to[i] = state ^ state >> 32;
	}
}

static void take_power(const struct sample *sample)
{
	take_prime(sample, &key, offsetof(struct rsa_key, p));
	memcpy(key.dp, sample->secret, sizeof(*key.dp));
	memset(rsa_scratch.message, 0x5a, sizeof(rsa_scratch.message));
}

static void rsa_power(const struct sample *sample)
{
	power_by(&rsa_scratch, rsa_scratch.by_p, key.dp, 8 * sizeof(*key.dp), &key.p);
}

static void take_halves_to(const struct sample *sample, struct rsa_scratch *parts,
			   struct rsa_key *to)
{
	take_prime(sample, to, offsetof(struct rsa_key, p));
	take_prime(sample, to, offsetof(struct rsa_key, q));
	take_part(sample, to, offsetof(struct rsa_key, qinv), PRIME_LIMBS * sizeof(u64));
	expand(sample, parts->by_p);
	expand(sample, parts->by_q);
}

static void take_halves(const struct sample *sample)
{
	take_halves_to(sample, &rsa_scratch, &key);
}

static void rsa_combine(const struct sample *sample)
{
	combine(&rsa_scratch, &key);
}

/* The secret last: it is what there is ahead of the clock. */
static void take_control(const struct sample *sample)
{
	take_halves_to(&same, &rsa_scratch, &key);
	take_halves_to(sample, &spare_scratch, &spare_key);
}

static void public_control(const struct sample *sample)
{
	p256_public(&scratch, out, same.secret);
}

static void make_unfair(const struct sample *sample)
{
	const u8 *table = (const u8 *)p256_base_multiples;

	for (size_t i = 0; sample->class && i < sizeof(p256_base_multiples); i += 64)
		__asm__ __volatile__("clflush %0" : : "m" (table[i]));
}

static void rsa(const struct sample *sample)
{
	rsa_sign_pss(&rsa_scratch, &key, out, hash, sample->salt);
}

static void leak(const struct sample *sample)
{
	int i = 0;

	while (i < P256_BYTES && !tls_hide(sample->secret[i] ^ fixed[i]))
		i++;
}

static const struct {
	const char *name;
	void (*prepare)(const struct sample *sample);
	void (*run)(const struct sample *sample);
	bool with_keys;
} primitives[] = {
	{ "public", NULL, public },
	{ "shared", NULL, shared },
	{ "sign", NULL, sign },
	{ "x25519", NULL, x25519 },
	{ "x25519-shared", NULL, x25519_secret },
	{ "rsa", take_key, rsa, true },
	{ "rsa-power", take_power, rsa_power, true },
	{ "rsa-combine", take_halves, rsa_combine, true },
	{ "public-control", NULL, public_control },
	{ "rsa-combine-control", take_control, rsa_combine, true },
	{ "leak", NULL, leak },
	{ "unfair", make_unfair, public_control },
};

static struct http_text number(EVP_PKEY *pair, const char *name, u8 *room)
{
	BIGNUM *value = NULL;
	struct http_text text = { .at = room };

	if (!EVP_PKEY_get_bn_param(pair, name, &value))
		abort();
	text.len = BN_bn2bin(value, room);
	BN_free(value);
	return text;
}

static void make_key(struct rsa_key *to)
{
	static u8 rooms[7][RSA_BYTES_MAX];
	EVP_PKEY *pair = EVP_RSA_gen(2048);
	struct rsa_numbers numbers;

	if (!pair)
		abort();
	numbers = (struct rsa_numbers){
		.n = number(pair, OSSL_PKEY_PARAM_RSA_N, rooms[0]),
		.e = number(pair, OSSL_PKEY_PARAM_RSA_E, rooms[1]),
		.p = number(pair, OSSL_PKEY_PARAM_RSA_FACTOR1, rooms[2]),
		.q = number(pair, OSSL_PKEY_PARAM_RSA_FACTOR2, rooms[3]),
		.dp = number(pair, OSSL_PKEY_PARAM_RSA_EXPONENT1, rooms[4]),
		.dq = number(pair, OSSL_PKEY_PARAM_RSA_EXPONENT2, rooms[5]),
		.qinv = number(pair, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, rooms[6]),
	};
	if (!rsa_key_set(to, &numbers, &rsa_scratch))
		abort();
	EVP_PKEY_free(pair);
}

/* All of a batch is made before any of it is measured. */
static void fill(void)
{
	if (RAND_bytes((u8 *)batch, sizeof(batch)) != 1)
		abort();
	for (int i = 0; i < BATCH; i++) {
		struct sample *sample = &batch[i];

		sample->class &= 1;
		sample->key = sample->class ? 1 + sample->key % (KEYS - 1) : 0;
		if (!sample->class)
			memcpy(sample->secret, fixed, sizeof(fixed));
	}
}

/*
 * The counter may tick every 26 cycles only. What is done for a sample ahead of it may take some
 * cycles more for one class than for the other, and would choose between two ticks: so each
 * measurement begins at a random distance from one. And the clock's own fence does not wait for
 * what was stored to leave the processor's buffer, which may take longer than what is stored here
 * and would then belong to what is measured.
 */
static void wait(const struct sample *sample)
{
	__asm__ __volatile__("mfence" : : : "memory");
	for (u8 left = sample->wait; left; left--)
		__asm__ __volatile__("" : : : "memory");
}

static u64 cycles(void)
{
	u32 low, high;

	/* Nothing before it runs on, nothing behind it has begun. */
	__asm__ __volatile__("lfence\n\trdtsc\n\tlfence" : "=a" (low), "=d" (high) : : "memory");
	return (u64)high << 32 | low;
}

/* Not time(): its first second may be over at once. */
static u64 nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void add(struct sums *to, __uint128_t value)
{
	to->count++;
	to->sum += value;
	to->squares += value * value;
}

static void take(const struct sample *sample, u64 took)
{
	u64 distance = took > centre ? took - centre : centre - took;
	int from = 0, to = n_limits;

	while (from < to) {
		int middle = (from + to) / 2;

		if (took < limits[middle])
			to = middle;
		else
			from = middle + 1;
	}
	add(&buckets[from][sample->class], took);
	add(&distances[sample->class], (__uint128_t)distance * distance);
}

static void print(const struct sums *sums)
{
	printf("%llx %llx%016llx %llx%016llx\n", (unsigned long long)sums->count,
	       (unsigned long long)(sums->sum >> 64), (unsigned long long)sums->sum,
	       (unsigned long long)(sums->squares >> 64), (unsigned long long)sums->squares);
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		exit(2);
}

int main(int argc, char **argv)
{
	size_t chosen = 0;
	u64 end;

	while (chosen < ARRAY_SIZE(primitives) && argc > 3 &&
	       strcmp(argv[1], primitives[chosen].name))
		chosen++;
	if (argc < 4 || chosen == ARRAY_SIZE(primitives) || argc > 5 + LIMITS_MAX)
		return 2;
	stay_on(atoi(argv[3]));
	for (int i = 4; i < argc; i++) {
		if (i == 4)
			centre = strtoull(argv[i], NULL, 10);
		else
			limits[n_limits++] = strtoull(argv[i], NULL, 10);
	}
	if (!p256_public(&scratch, peer, fixed))
		return 2;
	for (int i = 0; primitives[chosen].with_keys && i < KEYS; i++)
		make_key(&keys[i]);
	if (RAND_bytes(same.secret, sizeof(same.secret)) != 1)
		abort();
	same.key = KEYS - 1;
	end = nanoseconds() + strtoull(argv[2], NULL, 10) * 1000000000;
	do {
		fill();
		for (int i = 0; i < BATCH; i++) {
			u64 begin, took;

			now = batch[i];
			if (primitives[chosen].prepare)
				primitives[chosen].prepare(&now);
			wait(&now);
			begin = cycles();
			primitives[chosen].run(&now);
			took = cycles() - begin;
			if (took > LONGEST)
				continue;
			if (n_limits)
				take(&now, took);
			else
				printf("%u %llu\n", now.class, (unsigned long long)took);
		}
	} while (nanoseconds() < end);
	for (int i = 0; n_limits && i <= n_limits; i++)
		for (int class = 0; class < 2; class++)
			print(&buckets[i][class]);
	for (int class = 0; n_limits && class < 2; class++)
		print(&distances[class]);
	return 0;
}

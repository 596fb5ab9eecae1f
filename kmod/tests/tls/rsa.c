// SPDX-License-Identifier: GPL-2.0-only
/*
 * RSA for tests/test_tls_rsa.py:
 *
 *	k NUMBERS	a key (rsa_key.h): 1 if it is one
 *	x PLAIN FAULT	with 0 the processor's BMI2 and ADX are not used; and, if FAULT is not
 *			empty, the bit with this number (four bytes) in struct rsa_key is changed:
 *			1 if that is used
 *	r MESSAGE	to the power of the private exponent
 *	s HASH SALT	signature with PSS
 *	p HASH		with PKCS #1 v1.5
 *	m MODULUS AB	the product and the square in Montgomery's form, the first reduced and put
 *			below the modulus, each with ADX (where there is such) and without
 *	i INDEX SIZE	which of RSA_POWERS numbers was selected, in both ways
 */
#include "../../tls_adx.h"
#include "ask.h"
#include "rsa_key.h"

static struct rsa_scratch scratch;
static struct rsa_key key;

/* Nothing of a secret may be left behind. */
static void check_wiped(void)
{
	static const struct rsa_scratch wiped;

	if (memcmp(&scratch, &wiped, sizeof(wiped)))
		abort();
}

static void set_key(const u8 *at)
{
	static const struct rsa_key no_key;
	u8 set;

	memset(&key, 0xaa, sizeof(key));
	set = read_rsa_key(&key, at, &scratch);
	if (!set && memcmp(&key, &no_key, sizeof(key)))
		abort();
	answer(&set, 1);
}

static void change_key(bool adx, const u8 *fault, size_t len)
{
	u8 used;
	u32 bit;

	key.n.adx = adx && tls_adx_usable();
	key.p.adx = key.n.adx;
	key.q.adx = key.n.adx;
	if (len == sizeof(bit)) {
		memcpy(&bit, fault, sizeof(bit));
		((u8 *)&key)[bit / 8] ^= 1 << bit % 8;
	}
	used = key.n.adx;
	answer(&used, 1);
}

static void load(u64 *to, const u8 *bytes, u32 limbs)
{
	for (u32 i = 0; i < limbs; i++)
		to[i] = tls_get64(bytes + 8 * (limbs - 1 - i));
}

static u8 *store(u8 *to, const u64 *from, u32 limbs)
{
	for (u32 i = 0; i < limbs; i++)
		tls_put64(to + 8 * (limbs - 1 - i), from[i]);
	return to + 8 * limbs;
}

static void multiply(const u8 *modulus_bytes, u32 limbs, const u8 *ab)
{
	static struct rsa_modulus modulus;
	static u64 a[RSA_LIMBS_MAX], b[RSA_LIMBS_MAX], r[RSA_LIMBS_MAX];
	static u64 product[2 * RSA_LIMBS_MAX];
	static u8 results[2 * 3 * RSA_LIMBS_MAX * 8];
	u8 *to = results;

	for (int adx = 0; adx < 2; adx++) {
		modulus.limbs = limbs;
		modulus.adx = adx && tls_adx_usable();
		load(modulus.value, modulus_bytes, limbs);
		rsa_modulus_set(&modulus, product);
		load(a, ab, limbs);
		load(b, ab + 8 * limbs, limbs);
		rsa_mul(r, a, b, &modulus, product);
		rsa_below(r, r, &modulus);
		to = store(to, r, limbs);
		rsa_sqr(r, a, &modulus, product);
		rsa_below(r, r, &modulus);
		to = store(to, r, limbs);
		rsa_below(r, a, &modulus);
		to = store(to, r, limbs);
	}
	answer(results, to - results);
}

static void select_one(u8 index, u8 limbs)
{
	static u64 numbers[RSA_POWERS * RSA_PRIME_LIMBS_MAX];
	static struct rsa_modulus modulus;
	u64 chosen[RSA_PRIME_LIMBS_MAX];
	u8 found[2] = { 0xff, 0xff };

	for (u32 i = 0; i < RSA_POWERS * limbs; i++)
		numbers[i] = i;
	modulus.limbs = limbs;
	for (int adx = 0; adx < 2; adx++) {
		modulus.adx = adx && tls_adx_usable();
		rsa_select(chosen, numbers, index, &modulus);
		for (u8 i = 0; i < RSA_POWERS; i++)
			if (!memcmp(chosen, numbers + i * limbs, limbs * sizeof(u64)))
				found[adx] = i;
	}
	answer(found, sizeof(found));
}

void ask(u8 letter, const u8 *first, size_t first_len, const u8 *second, size_t second_len)
{
	u8 bytes[RSA_BYTES_MAX];
	bool done;

	switch (letter) {
	case 'k':
		set_key(first);
		check_wiped();
		return;
	case 'x':
		change_key(*first, second, second_len);
		return;
	case 'm':
		multiply(first, first_len / 8, second);
		return;
	case 'i':
		select_one(*first, *second);
		return;
	case 'r':
		if (first_len != rsa_size(&key))
			abort();
		done = rsa_private(&scratch, &key, bytes, first);
		break;
	case 's':
		done = rsa_sign_pss(&scratch, &key, bytes, first, second);
		break;
	case 'p':
		done = rsa_sign_pkcs1(&scratch, &key, bytes, first);
		break;
	default:
		abort();
	}
	check_wiped();
	answer(bytes, done ? rsa_size(&key) : 0);
}

int main(void)
{
	return answer_all();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * By the two primes apart, then by Garner's formula. What is signed is not
 * blinded: an attacker does not choose it, since it is a hash that our own
 * random numbers went into, and with PSS a salt; and blinding would take an
 * inverse for each signature, or a state of the key that all of them share.
 */
#include "tls_adx.h"
#include "tls_rsa.h"

/* All ones if a is below b. */
static u64 is_below(const u64 *a, const u64 *b, u32 limbs)
{
	u64 borrow = 0;

	for (u32 i = 0; i < limbs; i++)
		tls_sub_borrow(a[i], b[i], &borrow);
	return tls_mask(borrow);
}

/* All ones if they are equal. */
static u64 is_equal(const u64 *a, const u64 *b, u32 limbs)
{
	u64 different = 0;

	for (u32 i = 0; i < limbs; i++)
		different |= a[i] ^ b[i];
	return tls_is_zero(different);
}

static void from_bytes(u64 *r, const u8 *bytes, u32 limbs)
{
	for (u32 i = 0; i < limbs; i++)
		r[i] = tls_get64(bytes + 8 * (limbs - 1 - i));
}

static void to_bytes(u8 *bytes, const u64 *a, u32 limbs)
{
	for (u32 i = 0; i < limbs; i++)
		tls_put64(bytes + 8 * (limbs - 1 - i), a[i]);
}

/*
 * r = base^exponent, both but the exponent, of so many bits, in Montgomery's form; r is not the
 * base.
 */
static void power(struct rsa_scratch *scratch, u64 *r, const u64 *base, const u64 *exponent,
		  int bits, const struct rsa_modulus *modulus)
{
	u32 limbs = modulus->limbs;
	u64 *powers = scratch->powers[0];
	u64 *product = scratch->product;

	/* 1 is R^2 by 1. */
	memset(powers, 0, limbs * sizeof(*powers));
	powers[0] = 1;
	rsa_mul(powers, powers, modulus->square, modulus, product);
	memcpy(powers + limbs, base, limbs * sizeof(*powers));
	for (u32 i = 2; i < RSA_POWERS; i++) {
		if (i & 1)
			rsa_mul(powers + i * limbs, powers + (i - 1) * limbs, base, modulus,
				product);
		else
			rsa_sqr(powers + i * limbs, powers + i / 2 * limbs, modulus, product);
	}
	for (int at = (bits - 1) / RSA_WINDOW * RSA_WINDOW; at >= 0; at -= RSA_WINDOW) {
		u64 digit = exponent[at / 64] >> at % 64;

		if (at % 64 > 64 - RSA_WINDOW && at / 64 + 1 < bits / 64)
			digit |= exponent[at / 64 + 1] << (64 - at % 64);
		digit &= RSA_POWERS - 1;
		if (at + RSA_WINDOW >= bits) {
			rsa_select(r, powers, digit, modulus);
			continue;
		}
		for (int i = 0; i < RSA_WINDOW; i++)
			rsa_sqr(r, r, modulus, product);
		rsa_select(scratch->chosen, powers, digit, modulus);
		rsa_mul(r, r, scratch->chosen, modulus, product);
	}
}

/* r = the message to the power of the exponent, modulo one prime, in Montgomery's form. */
static void power_by(struct rsa_scratch *scratch, u64 *r, const u64 *exponent, int bits,
		     const struct rsa_modulus *modulus)
{
	u64 *base = scratch->check;

	memcpy(scratch->product, scratch->message, 2 * modulus->limbs * sizeof(u64));
	rsa_reduce(base, modulus, scratch->product);
	/* What was divided by R becomes itself, and then is brought to Montgomery's form. */
	rsa_mul(base, base, modulus->square, modulus, scratch->product);
	rsa_mul(base, base, modulus->square, modulus, scratch->product);
	power(scratch, r, base, exponent, bits, modulus);
}

/* r = a - b modulo the modulus, for those below it. */
static void subtract(u64 *r, const u64 *a, const u64 *b, const struct rsa_modulus *modulus)
{
	u64 borrow = 0, carry = 0;
	u64 mask;

	for (u32 i = 0; i < modulus->limbs; i++)
		r[i] = tls_sub_borrow(a[i], b[i], &borrow);
	mask = tls_mask(borrow);
	for (u32 i = 0; i < modulus->limbs; i++)
		r[i] = tls_add_carry(r[i], modulus->value[i] & mask, &carry);
}

/* With s the result: s = by_q + q ((by_p - by_q) / q modulo p) */
static void combine(struct rsa_scratch *scratch, const struct rsa_key *key)
{
	const struct rsa_modulus *p = &key->p, *q = &key->q;
	u64 *product = scratch->product;
	u32 limbs = p->limbs;
	u64 carry = 0;

	/* The second one as it is, */
	memcpy(product, scratch->by_q, limbs * sizeof(u64));
	memset(product + limbs, 0, limbs * sizeof(u64));
	rsa_reduce(scratch->by_q, q, product);
	rsa_below(scratch->by_q, scratch->by_q, q);
	/* and, modulo p, in Montgomery's form. */
	rsa_mul(scratch->chosen, scratch->by_q, p->square, p, product);
	rsa_below(scratch->chosen, scratch->chosen, p);
	rsa_below(scratch->by_p, scratch->by_p, p);
	subtract(scratch->by_p, scratch->by_p, scratch->chosen, p);
	rsa_mul(scratch->by_p, scratch->by_p, key->qinv, p, product);
	rsa_below(scratch->by_p, scratch->by_p, p);
	rsa_product(product, q->value, scratch->by_p, p);
	for (u32 i = 0; i < 2 * limbs; i++)
		scratch->result[i] = tls_add_carry(product[i], i < limbs ? scratch->by_q[i] : 0,
						   &carry);
}

/* result = message^d */
static void decrypt(struct rsa_scratch *scratch, const struct rsa_key *key)
{
	int bits = 64 * key->p.limbs;

	power_by(scratch, scratch->by_p, key->dp, bits, &key->p);
	power_by(scratch, scratch->by_q, key->dq, bits, &key->q);
	combine(scratch, key);
}

/* Whether result^e is the message. */
static u64 is_right(struct rsa_scratch *scratch, const struct rsa_key *key)
{
	const struct rsa_modulus *n = &key->n;
	u64 *base = scratch->powers[0];
	u64 *r = scratch->check;
	int bit = 63;

	rsa_mul(base, scratch->result, n->square, n, scratch->product);
	memcpy(r, base, n->limbs * sizeof(u64));
	while (!(key->e >> bit))
		bit--;
	while (bit--) {
		rsa_sqr(r, r, n, scratch->product);
		if (key->e >> bit & 1)
			rsa_mul(r, r, base, n, scratch->product);
	}
	memcpy(scratch->product, r, n->limbs * sizeof(u64));
	memset(scratch->product + n->limbs, 0, n->limbs * sizeof(u64));
	rsa_reduce(r, n, scratch->product);
	rsa_below(r, r, n);
	return is_equal(r, scratch->message, n->limbs);
}

bool rsa_private(struct rsa_scratch *scratch, const struct rsa_key *key, u8 *result,
		 const u8 *message)
{
	u32 limbs = key->n.limbs;
	u64 right;

	from_bytes(scratch->message, message, limbs);
	right = is_below(scratch->message, key->n.value, limbs);
	decrypt(scratch, key);
	right &= is_right(scratch, key);
	/* It is right unless the hardware or the caller is wrong. */
	tls_declassify(&right, sizeof(right));
	if (right)
		to_bytes(result, scratch->result, limbs);
	memzero_explicit(scratch, sizeof(*scratch));
	return right;
}

/* False if the number has more limbs. */
static bool read_number(u64 *r, struct http_text number, u32 limbs)
{
	memset(r, 0, limbs * sizeof(*r));
	while (number.len && !*number.at) {
		number.at++;
		number.len--;
	}
	if (number.len > 8 * (size_t)limbs)
		return false;
	for (size_t i = 0; i < number.len; i++)
		r[i / 8] |= (u64)number.at[number.len - 1 - i] << 8 * (i % 8);
	return true;
}

static bool read_modulus(struct rsa_modulus *modulus, struct http_text number, u32 limbs)
{
	modulus->limbs = limbs;
	modulus->adx = tls_adx_usable();
	return read_number(modulus->value, number, limbs) && modulus->value[0] & 1 &&
	       modulus->value[limbs - 1] >> 63;
}

static bool read_sizes(u32 *limbs, struct http_text n)
{
	while (n.len && !*n.at) {
		n.at++;
		n.len--;
	}
	*limbs = n.len / 8;
	return n.len == 256 || n.len == 384 || n.len == 512;
}

static bool read_key(struct rsa_key *key, const struct rsa_numbers *numbers,
		     struct rsa_scratch *scratch)
{
	u32 limbs, half;

	if (!read_sizes(&limbs, numbers->n))
		return false;
	half = limbs / 2;
	/* If n has its highest bit and the primes have half as many bits, they have theirs, too. */
	if (!read_modulus(&key->n, numbers->n, limbs) ||
	    !read_modulus(&key->p, numbers->p, half) ||
	    !read_modulus(&key->q, numbers->q, half) ||
	    !read_number(&key->e, numbers->e, 1) || key->e < 3 || key->e > U32_MAX ||
	    !(key->e & 1) || !read_number(key->dp, numbers->dp, half) ||
	    !read_number(key->dq, numbers->dq, half) ||
	    !read_number(key->qinv, numbers->qinv, half))
		return false;
	if (!is_below(key->dp, key->p.value, half) || !is_below(key->dq, key->q.value, half) ||
	    !is_below(key->qinv, key->p.value, half))
		return false;
	rsa_product(scratch->product, key->p.value, key->q.value, &key->p);
	return is_equal(scratch->product, key->n.value, limbs);
}

bool rsa_key_set(struct rsa_key *key, const struct rsa_numbers *numbers,
		 struct rsa_scratch *scratch)
{
	u8 *encoded = scratch->encoded;
	bool set;

	memset(key, 0, sizeof(*key));
	set = read_key(key, numbers, scratch);
	if (set) {
		rsa_modulus_set(&key->n, scratch->product);
		rsa_modulus_set(&key->p, scratch->product);
		rsa_modulus_set(&key->q, scratch->product);
		/* Exponents and inverse are right if a signature is, of whatever number. */
		memset(encoded, 0x5a, sizeof(scratch->encoded));
		set = rsa_private(scratch, key, scratch->encoded, encoded);
	}
	if (!set)
		memzero_explicit(key, sizeof(*key));
	memzero_explicit(scratch, sizeof(*scratch));
	return set;
}

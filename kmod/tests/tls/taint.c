// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs one primitive with its secrets marked as undefined memory: valgrind's
 * memcheck then reports every branch and every address that depends on them,
 * in the code as it was compiled. Idea: Langley, "ctgrind" (2010). Prints how
 * many were reported, and the result.
 *
 * "leak" is what must be reported: a table looked up by a secret byte. "rsa"
 * signs with a key that is read from standard input: see rsa_key.h; "rsa-leak"
 * computes a power with a branch on the exponent. TLS_ADX says whether BMI2 and
 * ADX are used, which valgrind knows, but does not say that it does.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../tls_p256.h"
#include "rsa_key.h"
#include "taint.h"
#include "../../tls_x25519.h"

/* The requests that are used here, by their published numbers. */
enum {
	NOT_THERE = 0xffffffff,
	COUNT_ERRORS = 0x1201,
	MAKE_UNDEFINED = 'M' << 24 | 'C' << 16 | 1,
	MAKE_DEFINED = 'M' << 24 | 'C' << 16 | 2,
};

/* Valgrind's way of being asked on amd64: rotations by 128 bits, which do nothing elsewhere. */
static u64 ask_valgrind(u64 request, const void *at, u64 len)
{
	u64 arguments[6] = { request, (u64)at, len };
	u64 result = NOT_THERE;

	__asm__ __volatile__("rolq $3, %%rdi\n\trolq $13, %%rdi\n\t"
			     "rolq $61, %%rdi\n\trolq $51, %%rdi\n\t"
			     "xchgq %%rbx, %%rbx"
			     : "+d" (result)
			     : "a" (arguments)
			     : "cc", "memory", "rdi");
	return result;
}

void tls_declassify(const void *at, size_t len)
{
	ask_valgrind(MAKE_DEFINED, at, len);
}

void make_secret(const void *at, size_t len)
{
	ask_valgrind(MAKE_UNDEFINED, at, len);
}

static struct p256_scratch scratch;
static struct rsa_scratch rsa_scratch;
static struct rsa_key key;

static void read_key(void)
{
	static u8 bytes[8 * RSA_BYTES_MAX];

	if (!fread(bytes, 1, sizeof(bytes), stdin) || !read_rsa_key(&key, bytes, &rsa_scratch))
		abort();
}

/* All that is not public of it; how large it is, is. */
static void make_modulus_secret(struct rsa_modulus *modulus)
{
	modulus->adx = tls_adx_usable();
	make_secret(&modulus->inverse, sizeof(modulus->inverse));
	make_secret(modulus->value, sizeof(modulus->value));
	make_secret(modulus->square, sizeof(modulus->square));
}

static size_t sign_rsa(u8 *out, const u8 *hash, const u8 *salt)
{
	read_key();
	key.n.adx = tls_adx_usable();
	make_modulus_secret(&key.p);
	make_modulus_secret(&key.q);
	make_secret(key.dp, sizeof(key.dp));
	make_secret(key.dq, sizeof(key.dq));
	make_secret(key.qinv, sizeof(key.qinv));
	return rsa_sign_pss(&rsa_scratch, &key, out, hash, salt) ? rsa_size(&key) : 0;
}

/* What must be reported: the plain way to compute a power. */
static size_t power_with_branches(u8 *out)
{
	const u64 *base = key.p.square;
	u64 *r = rsa_scratch.by_p;

	read_key();
	make_secret(key.dp, sizeof(key.dp));
	memcpy(r, base, sizeof(key.dp));
	for (int bit = 0; bit < 64; bit++) {
		rsa_sqr(r, r, &key.p, rsa_scratch.product);
		if (key.dp[0] >> bit & 1)
			rsa_mul(r, r, base, &key.p, rsa_scratch.product);
	}
	memcpy(out, r, P256_BYTES);
	return P256_BYTES;
}

int main(int argc, char **argv)
{
	static const u8 table[256] = { 1, 2, 3 };
	const char *what = argc > 1 ? argv[1] : "";
	u8 secret[P256_BYTES], random[P256_BYTES], hash[P256_BYTES];
	u8 out[RSA_BYTES_MAX] = {};
	u8 peer[P256_PUBLIC];
	u64 before = ask_valgrind(COUNT_ERRORS, NULL, 0);
	size_t len = 0;

	/* What starts a static program has errors of its own. */
	if (before == NOT_THERE)
		return 2;
	memset(secret, 0x37, sizeof(secret));
	memset(random, 0x99, sizeof(random));
	memset(hash, 0xab, sizeof(hash));
	if (!p256_public(&scratch, peer, hash))
		abort();

	make_secret(secret, sizeof(secret));
	make_secret(random, sizeof(random));
	if (!strcmp(what, "public"))
		len = p256_public(&scratch, out, secret) ? P256_PUBLIC : 0;
	else if (!strcmp(what, "shared"))
		len = p256_shared(&scratch, out, secret, peer) ? P256_BYTES : 0;
	else if (!strcmp(what, "sign"))
		len = p256_sign(&scratch, out, secret, hash, random);
	else if (!strcmp(what, "x25519"))
		x25519_public(out, secret), len = X25519_BYTES;
	else if (!strcmp(what, "x25519-shared"))
		len = x25519_shared(out, secret, hash) ? X25519_BYTES : 0;
	else if (!strcmp(what, "x25519-exchange"))
		len = x25519_exchange(out, out + X25519_BYTES, secret, hash) ? 2 * X25519_BYTES : 0;
	else if (!strcmp(what, "resume"))
		len = taint_resume(out);
	else if (!strcmp(what, "tls-1.2"))
		len = taint_12(out);
	else if (!strcmp(what, "rsa"))
		len = sign_rsa(out, hash, random);
	else if (!strcmp(what, "rsa-leak"))
		len = power_with_branches(out);
	else if (!strcmp(what, "leak"))
		out[0] = table[secret[0]], len = 1;
	else
		return 2;

	tls_declassify(out, sizeof(out));
	printf("%llu ", (unsigned long long)(ask_valgrind(COUNT_ERRORS, NULL, 0) - before));
	for (size_t i = 0; i < len; i++)
		printf("%02x", out[i]);
	printf("\n");
	return !len;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs one primitive with its secrets marked as undefined memory: valgrind's
 * memcheck then reports every branch and every address that depends on them,
 * in the code as it was compiled. Idea: Langley, "ctgrind" (2010). Prints how
 * many were reported, and the result.
 *
 * "leak" is what must be reported: a table looked up by a secret byte.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../tls_p256.h"

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

static void make_secret(const void *at, size_t len)
{
	ask_valgrind(MAKE_UNDEFINED, at, len);
}

static struct p256_scratch scratch;

int main(int argc, char **argv)
{
	static const u8 table[256] = { 1, 2, 3 };
	const char *what = argc > 1 ? argv[1] : "";
	u8 secret[P256_BYTES], random[P256_BYTES], hash[P256_BYTES];
	u8 out[P256_PUBLIC + P256_SIGNATURE_MAX] = {};
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

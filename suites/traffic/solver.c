// SPDX-License-Identifier: Apache-2.0
/*
 * What an attacker does about a puzzle who does not want to run a browser:
 *
 *	solver TEXT BITS MOST
 *
 * prints the first number n below MOST for which the SHA-256 of TEXT followed by
 * n begins with BITS zero bits, how many were tried, and the microseconds of CPU
 * time that this took.  Exit status 1: there is none.  One thread: an attacker
 * with several cores runs several.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static unsigned long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

static bool has_zero_bits(const unsigned char *digest, unsigned int bits)
{
	unsigned int i;

	for (i = 0; i < bits / 8; i++)
		if (digest[i])
			return false;
	return !(bits % 8) || !(digest[i] >> (8 - bits % 8));
}

int main(int argc, char **argv)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	unsigned long long n, most, began = now_us();
	SHA256_CTX beginning, rest;
	unsigned int bits;
	char digits[24];
	int len;

	if (argc != 4) {
		fprintf(stderr, "usage: solver TEXT BITS MOST\n");
		return 2;
	}
	bits = strtoul(argv[2], NULL, 10);
	most = strtoull(argv[3], NULL, 10);
	if (bits > 64) {
		fprintf(stderr, "solver: at most 64 bits\n");
		return 2;
	}
	/* What does not change is hashed once. */
	SHA256_Init(&beginning);
	SHA256_Update(&beginning, argv[1], strlen(argv[1]));
	for (n = 0; n < most; n++) {
		len = snprintf(digits, sizeof(digits), "%llu", n);
		rest = beginning;
		SHA256_Update(&rest, digits, len);
		SHA256_Final(digest, &rest);
		if (!has_zero_bits(digest, bits))
			continue;
		printf("%llu %llu %llu\n", n, n + 1, now_us() - began);
		return 0;
	}
	return 1;
}

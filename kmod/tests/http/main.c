// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the suites in user space: "harness" all of them, "harness SUITE.CASE"
 * one; "harness --seeds" prints their messages for the fuzzer instead. Prints
 * "ok NAME" or "not ok NAME" with the reason before it; a sanitizer report
 * ends the run and belongs to the name printed last ("run NAME").
 */
#include <setjmp.h>
#include <time.h>

#include "harness.h"
#include "fuzz/check.h"

/* A body is seen behind a head. */
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

static jmp_buf failed;

void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	printf("# %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	longjmp(failed, 1);
}

void format_date(char *text, size_t size, u64 seconds)
{
	time_t when = (time_t)seconds;
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(text, size, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static bool run_one(const struct test_suite *suite, const struct test_case *test)
{
	printf("run %s.%s\n", suite->name, test->name);
	fflush(stdout);
	if (setjmp(failed)) {
		printf("not ok %s.%s\n", suite->name, test->name);
		return false;
	}
	(test->run ? test->run : suite->run)(test);
	printf("ok %s.%s\n", suite->name, test->name);
	return true;
}

static void print_bytes(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		u8 byte = text[i];

		if (isprint(byte) && byte != '\\')
			putchar(byte);
		else
			printf("\\x%02x", byte);
	}
}

/* The message of a row, if it has one, as a line that lab/fuzz_corpus.py knows. */
static void print_seed(const struct test_suite *suite, const struct test_case *test)
{
	if (!test->in)
		return;
	/* The second byte is one of no meaning: how the input is cut. */
	printf("%02x %02x ", suite == &reply ? OPTION_REPLY : OPTION_UPGRADE | OPTION_SMALL,
	       (u8)test->len);
	if (suite == &body)
		print_bytes(CHUNKED, strlen(CHUNKED));
	print_bytes(test->in, test->len);
	printf("\n");
}

int main(int argc, char **argv)
{
	bool seeds = argc > 1 && !strcmp(argv[1], "--seeds");
	size_t failures = 0, count = 0;
	char name[128];

	for (size_t s = 0; test_suites[s]; s++) {
		for (size_t i = 0; i < test_suites[s]->count; i++) {
			const struct test_case *test = &test_suites[s]->cases[i];

			if (seeds) {
				print_seed(test_suites[s], test);
				continue;
			}
			snprintf(name, sizeof(name), "%s.%s", test_suites[s]->name, test->name);
			if (argc > 1 && strcmp(argv[1], name))
				continue;
			count++;
			failures += !run_one(test_suites[s], test);
		}
	}
	if (seeds)
		return 0;
	printf("# %zu of %zu failed\n", failures, count);
	return failures || !count;
}

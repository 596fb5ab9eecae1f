// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the cases of ../http in the kernel: one parameter of one KUnit case for
 * each row of their tables, named SUITE.CASE. In process context, one by one.
 */
#include <kunit/test-bug.h>
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/time.h>

#include "../http/harness.h"

void test_fail(const char *file, int line, const char *format, ...)
{
	struct kunit *test = kunit_get_current_test();
	static char reason[4096];
	va_list args;

	va_start(args, format);
	vscnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	KUNIT_FAIL_AND_ABORT(test, "%s:%d: %s", file, line, reason);
}

void abort(void)
{
	test_fail(__FILE__, __LINE__, "out of memory");
}

void format_date(char *text, size_t size, u64 seconds)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm;

	time64_to_tm(seconds, 0, &tm);
	snprintf(text, size, "%.3s, %02d %.3s %04ld %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
		 tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		 tm.tm_sec);
}

/* The row that runs: KUnit asks for them in order, and runs each before the next. */
static struct {
	size_t suite;
	size_t row;
} at;

static const void *next_row(const void *previous, char *name)
{
	const struct test_suite *suite;

	if (!previous) {
		at.suite = 0;
		at.row = 0;
	} else if (++at.row == test_suites[at.suite]->count) {
		at.suite++;
		at.row = 0;
	}
	if (!test_suites[at.suite])
		return NULL;
	suite = test_suites[at.suite];
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%s.%s", suite->name, suite->cases[at.row].name);
	return &suite->cases[at.row];
}

static void run_row(struct kunit *test)
{
	const struct test_case *row = test->param_value;

	(row->run ? row->run : test_suites[at.suite]->run)(row);
}

static struct kunit_case rows[] = {
	KUNIT_CASE_PARAM(run_row, next_row),
	{ }
};

static struct kunit_suite weir_http = {
	.name = "weir_http",
	.test_cases = rows,
};

kunit_test_suite(weir_http);

MODULE_DESCRIPTION("Tests of the HTTP code, in the kernel");
MODULE_LICENSE("GPL");

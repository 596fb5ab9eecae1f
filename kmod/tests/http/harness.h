/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases of the HTTP code's tests, and what they share.
 *
 * A file holds one table of struct test_case, made with the macros below, so
 * that suites/http_cases.py finds the names without compiling anything.
 * CHECK() ends the case; the message says what was expected and what came.
 * The cases run in user space (main.c) and in the kernel (../kunit).
 */
#ifndef WEIR_TEST_HARNESS_H
#define WEIR_TEST_HARNESS_H

#include "../../http_body.h"
#include "../../http_parser.h"
#include "../../http_write.h"
#include "platform.h"

enum {
	TEST_FIELDS = 64,
	TEST_TEXT = 1 << 17,
};

/**
 * struct test_case - one row
 * @name: identifier, unique in its suite
 * @in: message; may hold NUL
 * @len: its length
 * @expect: description of the result, or what the function makes of it
 * @error: expected error, HTTP_OK if it is to be accepted
 * @run: the check; NULL: that of the suite
 */
struct test_case {
	const char *name;
	const char *in;
	size_t len;
	const char *expect;
	enum http_error error;
	void (*run)(const struct test_case *test);
};

struct test_suite {
	const char *name;
	const struct test_case *cases;
	size_t count;
	void (*run)(const struct test_case *test);
};

#define OK(id, text, expected) \
	{ .name = #id, .in = (text), .len = sizeof(text) - 1, .expect = (expected) }
#define BAD(id, text, err) \
	{ .name = #id, .in = (text), .len = sizeof(text) - 1, .error = (err) }
#define TEST(id) { .name = #id, .run = id }
#define SUITE(id, table, function) \
	const struct test_suite id = { #id, table, ARRAY_SIZE(table), function }

extern const struct test_suite request;
extern const struct test_suite reply;
extern const struct test_suite body;
extern const struct test_suite forward;
extern const struct test_suite own;
extern const struct test_suite parts;
extern const struct test_suite sticky;
extern const struct test_suite policy;

/* All of them; the end is NULL. */
extern const struct test_suite *const test_suites[];

__noreturn __printf(3, 4)
void test_fail(const char *file, int line, const char *format, ...);

#define CHECK(condition, ...) \
	do { \
		if (!(condition)) \
			test_fail(__FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

/* snprintf() onto the end of a text of TEST_TEXT bytes. */
__printf(2, 3)
void append(char *text, const char *format, ...);

/* RFC 9110 section 5.6.2, written out of the RFC and not out of the parser's table. */
bool is_tchar(int byte);

/* A copy of exactly len bytes, so that the sanitizer sees any read beyond them. */
u8 *exact_copy(const void *data, size_t len);

/* A date in HTTP's format, by the platform's own calendar. */
void format_date(char *text, size_t size, u64 seconds);

/* "GET origin /path host=a 1.1 none keepalive": the verdict of an accepted head. */
void describe(char *text, const struct http_head *head, const u8 *buf);

/* The same, with every field. */
void describe_all(char *text, const struct http_head *head, const u8 *buf);

extern const struct http_limits no_limits;

#endif /* WEIR_TEST_HARNESS_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Says what rules would see.  A question on standard input: a letter, two
 * lengths of four bytes each, little-endian, and so many bytes; the answer: a
 * length of four bytes and so many bytes.  tests/test_http_parts.py compares it
 * with a second reading.
 *
 *	m PATTERN TEXT	"1" or "0": matches
 *	i PATTERN TEXT	the same, whatever the case
 *	p TARGET ""	"1" and the path's normal form, or "0"
 *	q TARGET ""	the query's
 *	c COOKIES NAME	contents of the cookies of that name, a NUL behind each
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../../http_match.h"
#include "../../../http_parts.h"

enum { PART_MAX = 1 << 16 };

static u8 *answer;
static size_t answer_len;

static void say(const void *data, size_t len)
{
	memcpy(answer + answer_len, data, len);
	answer_len += len;
}

static u32 number(void)
{
	u8 bytes[4];

	if (fread(bytes, 1, sizeof(bytes), stdin) != sizeof(bytes))
		exit(1);
	return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (u32)bytes[3] << 24;
}

/* Memory of its own, for the sanitizer. */
static struct http_text part(size_t len)
{
	u8 *copy = malloc(len ? len : 1);

	if (!copy || len > PART_MAX || fread(copy, 1, len, stdin) != len)
		exit(1);
	return (struct http_text){ .at = copy, .len = len };
}

static void match(struct http_text pattern, struct http_text text, bool fold)
{
	u8 *store = malloc(2 * pattern.len + !pattern.len);
	struct http_pattern compiled;

	http_pattern_compile(&compiled, pattern.at, pattern.len, fold, store);
	say(http_pattern_matches(&compiled, text.at, text.len) ? "1" : "0", 1);
	free(store);
}

/* The target of a head that no parser has made: all that is looked at. */
static struct http_head head_of(struct http_text target)
{
	return (struct http_head){ .path = { .len = target.len } };
}

static void normal_path(struct http_text target)
{
	struct http_head head = head_of(target);
	u8 *out = malloc(target.len ? target.len : 1);
	struct http_text path;
	bool clear = http_path_of(&head, target.at, out, target.len, &path);

	say(clear ? "1" : "0", 1);
	if (clear)
		say(path.at, path.len);
	free(out);
}

static void normal_query(struct http_text target)
{
	struct http_head head = head_of(target);
	size_t room = target.len - http_path_len(&head, target.at);
	u8 *out = malloc(room ? room : 1);
	struct http_text query;

	http_query_of(&head, target.at, out, room, &query);
	say(query.at, query.len);
	free(out);
}

static void cookies(struct http_text value, struct http_text wanted)
{
	struct http_text name, content;
	size_t at = 0;

	while (http_cookie_next(value, &at, &name, &content)) {
		if (name.len != wanted.len || memcmp(name.at, wanted.at, name.len))
			continue;
		say(content.at, content.len);
		say("", 1);
	}
}

int main(void)
{
	int letter;

	answer = malloc(2 * PART_MAX);
	while (answer && (letter = getchar()) != EOF) {
		size_t first_len = number(), second_len = number();
		struct http_text first = part(first_len), second = part(second_len);

		answer_len = 0;
		if (letter == 'm' || letter == 'i')
			match(first, second, letter == 'i');
		else if (letter == 'p')
			normal_path(first);
		else if (letter == 'q')
			normal_query(first);
		else
			cookies(first, second);
		for (int shift = 0; shift < 32; shift += 8)
			putchar(answer_len >> shift & 0xff);
		fwrite(answer, 1, answer_len, stdout);
		fflush(stdout);
		free((void *)first.at);
		free((void *)second.at);
	}
	free(answer);
	return 0;
}

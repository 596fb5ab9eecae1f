// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer harness of challenges. A token that is not, to the byte, one that was
 * made is never good; a page is what plain replacing makes of its template; of a
 * request that is forwarded the challenge's cookies are gone, and nothing else is.
 *
 * Input: one byte of options, one that means nothing, then what is brought instead of a token, or a
 * template, or a request's fields, their lines ended by LF alone.
 */
#include "../../../http_challenge.h"
#include "check.h"
#include "message.h"
#include "plain.h"

enum {
	WHAT_MASK = 3,		/* options: what the input is */
	WHAT_TOKEN = 0,
	WHAT_PAGE = 1,
	OPTION_OVER = BIT(2),	/* of a token: the bytes are laid over one that is good */
	NOW = 1700000000,
	LIFETIME = 60,
	DIFFICULTY = 1,
	PAGE_MAX = FUZZ_INPUT_MAX * (HTTP_PUZZLE_TEXT + 1),
	SIZES_MAX = 256,
};

#define NAME "srv"

static const u8 client[HTTP_CLIENT_SIZE] = { 1 }, nonce[HTTP_NONCE_SIZE] = { 2 };
static const struct http_bearer bearer = { .client = client, .agent = HTTP_TEXT("agent") };

/* Tokens. */

static bool is_digits(const u8 *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (at[i] < '0' || at[i] > '9')
			return false;
	return len && len <= HTTP_PROOF_DIGITS;
}

/* Whether the text begins with a zero bit's digest: the difficulty here. */
static bool is_solved(struct http_text text)
{
	u8 digest[SHA256_DIGEST_SIZE];

	sha256(text.at, text.len, digest);
	return !(digest[0] & 0x80);
}

static void check_token(const u8 *data, size_t len, bool over)
{
	static const u8 bytes[2][HTTP_SECRET_SIZE] = { { 3 }, { 4 } };
	char session[HTTP_SESSION_TEXT + 1], puzzle[HTTP_PUZZLE_TEXT + 1];
	struct http_secrets secrets;
	struct http_answer answer;
	struct http_text text;
	bool same;
	u64 issued;
	u8 *copy;

	http_secret_set(&secrets.newer, 1, bytes[0]);
	http_secret_set(&secrets.older, 0, bytes[1]);
	http_session_write(session, &secrets.newer, HTTP_TOKEN_COOKIE, NOW, &bearer);
	http_puzzle_write(puzzle, &secrets.newer, nonce, NOW, DIFFICULTY, &bearer);

	copy = fuzz_copy(data, len);
	for (size_t i = 0; over && i < len && i < HTTP_SESSION_TEXT; i++)
		copy[i] ^= session[i];
	text = (struct http_text){ copy, len };
	same = len == HTTP_SESSION_TEXT && !memcmp(copy, session, len);
	ENSURE((http_session_check(&secrets, text, HTTP_TOKEN_COOKIE, NOW, LIFETIME, &bearer,
				   &issued) == HTTP_TOKEN_GOOD) == same, "a session");
	free(copy);

	copy = fuzz_copy(data, len);
	for (size_t i = 0; over && i < len && i < HTTP_PUZZLE_TEXT; i++)
		copy[i] ^= puzzle[i];
	text = (struct http_text){ copy, len };
	same = len > HTTP_PUZZLE_TEXT && !memcmp(copy, puzzle, HTTP_PUZZLE_TEXT) &&
	       copy[HTTP_PUZZLE_TEXT] == '.' &&
	       is_digits(copy + HTTP_PUZZLE_TEXT + 1, len - HTTP_PUZZLE_TEXT - 1) &&
	       is_solved(text);
	ENSURE((http_answer_check(&secrets, text, NOW, 0, LIFETIME, &bearer, &answer) ==
		HTTP_TOKEN_GOOD) == same, "an answer");
	if (same)
		ENSURE(answer.issued == NOW && !memcmp(answer.nonce, nonce, sizeof(nonce)),
		       "another puzzle's answer");
	free(copy);
}

/* Pages. */

/* What stands for a place at the front of @text, and how long that is; NULL: none does. */
static const char *plain_place(struct http_text text, size_t *len)
{
	static const struct {
		const char *place, *value;
	} rows[] = {
		{ "{{token}}", "" },
		{ "{{cookie}}", NAME "_pow" },
		{ "{{difficulty}}", "17" },
		{ "{{min_time_ms}}", "1500" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		*len = strlen(rows[i].place);
		if (text.len >= *len && !memcmp(text.at, rows[i].place, *len))
			return rows[i].value;
	}
	return NULL;
}

/* Into memory of PAGE_MAX bytes, zeros for each token; how many tokens. */
static size_t plain_page(struct http_text template, u8 *out, size_t *len)
{
	size_t tokens = 0, place;

	*len = 0;
	while (template.len) {
		const char *value = plain_place(template, &place);

		if (!value) {
			out[(*len)++] = template.at[0];
			place = 1;
		} else if (!*value) {
			memset(out + *len, 0, HTTP_PUZZLE_TEXT);
			*len += HTTP_PUZZLE_TEXT;
			tokens++;
		} else {
			memcpy(out + *len, value, strlen(value));
			*len += strlen(value);
		}
		template.at += place;
		template.len -= place;
	}
	return tokens;
}

static void check_page(struct http_text template)
{
	static const struct http_page_values values = {
		.cookie = NAME, .difficulty = 17, .min_time_ms = 1500,
	};
	size_t len, tokens, need;
	struct http_page page = { 0 };
	u8 *expect = fuzz_alloc(PAGE_MAX);

	tokens = plain_page(template, expect, &len);
	need = http_page_fill(&page, 0, template, &values);
	ENSURE(need == (tokens && tokens <= HTTP_PAGE_TOKENS ? len : 0), "needs %zu", need);
	for (size_t size = 0; need < SIZES_MAX && size < need; size++) {
		page.text = fuzz_alloc(size);
		ENSURE(http_page_fill(&page, size, template, &values) == need, "hangs on room");
		free(page.text);
	}
	if (need) {
		page.text = fuzz_alloc(need);
		memset(page.text, 0, need);
		http_page_fill(&page, need, template, &values);
		ENSURE(page.len == len && page.token_count == tokens, "%zu bytes", page.len);
		ENSURE(!memcmp(page.text, expect, len), "another page");
		/* The sanitizer sees whether they fit in. */
		for (u32 i = 0; i < page.token_count; i++)
			memset(page.text + page.tokens[i], 1, HTTP_PUZZLE_TEXT);
		free(page.text);
	}
	free(expect);
}

/* Requests. */

static bool equal(struct http_text a, struct http_text b)
{
	return a.len == b.len && !memcmp(a.at, b.at, a.len);
}

static bool is_hidden(struct http_text pair)
{
	static const struct http_text names[] = { HTTP_TEXT(NAME), HTTP_TEXT(NAME "_pow") };
	struct http_text name = plain_trimmed(message_take(&pair, '='));

	return equal(name, names[0]) || equal(name, names[1]);
}

/* The next cookie of a message that is not hidden, and is not nothing. */
static bool next_cookie(const struct message *message, size_t *at, struct http_text *line,
			struct http_text *pair)
{
	static const struct http_text nothing = HTTP_TEXT("=");

	for (;;) {
		while (line->len) {
			*pair = plain_trimmed(message_take(line, ';'));
			if (pair->len && !is_hidden(*pair) && !equal(*pair, nothing))
				return true;
		}
		if (!message_find(message, "Cookie", at, line))
			return false;
	}
}

static void check_cookies(const struct message *before, const struct message *after)
{
	struct http_text old_line = { 0 }, new_line = { 0 }, old, new;
	size_t old_at = 0, new_at = 0, at = 0;
	struct http_text line;
	bool more;

	do {
		more = next_cookie(before, &old_at, &old_line, &old);
		ENSURE(next_cookie(after, &new_at, &new_line, &new) == more, "cookies are lost");
		ENSURE(!more || equal(old, new), "%.*s became %.*s", (int)old.len, old.at,
		       (int)new.len, new.at);
	} while (more);
	while (message_find(after, "Cookie", &at, &line))
		while (line.len)
			ENSURE(!is_hidden(message_take(&line, ';')), "a cookie is forwarded");
}

static void check_request(struct http_text lines)
{
	static const struct http_limits no_limits;
	static u8 text[MESSAGE_MAX];
	struct http_forward how = {
		.via = HTTP_VIA("weir"), .proto = HTTP_TEXT("http"), .hidden_cookie = NAME,
	};
	size_t len = message_write(text, "GET / HTTP/1.1\r\nHost: a\r\n", lines), need;
	struct http_field fields[FUZZ_FIELDS];
	struct message before, after;
	struct http_text content;
	struct http_head head;
	u8 *copy, *out;

	if (!len)
		return;
	copy = fuzz_copy(text, len);
	http_request_init(&head, &no_limits, fields, FUZZ_FIELDS);
	/* A Cookie that Connection names is not forwarded. */
	if (http_head_parse(&head, copy, len) == HTTP_DONE &&
	    !http_head_find(&head, HTTP_FIELD_CONNECTION)) {
		how.framing = head.framing;
		http_accepts_html(&head, copy);
		need = http_write_request(NULL, 0, &head, copy, &how);
		out = fuzz_alloc(need);
		ENSURE(http_write_request(out, need, &head, copy, &how) == need, "need changes");
		message_read(&before, copy, head.length);
		message_read(&after, out, need);
		check_cookies(&before, &after);
		if (http_cookie_find(&head, copy, NAME, "", &content))
			ENSURE(content.at >= copy && content.at + content.len <= copy + len,
			       "a cookie from elsewhere");
		free(out);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct http_text text = { data + 2, size - 2 };

	if (size < 2 || size > FUZZ_INPUT_MAX)
		return 0;
	switch (data[0] & WHAT_MASK) {
	case WHAT_TOKEN:
		check_token(text.at, text.len, data[0] & OPTION_OVER);
		break;
	case WHAT_PAGE:
		check_page(text);
		break;
	default:
		check_request(text);
	}
	return 0;
}

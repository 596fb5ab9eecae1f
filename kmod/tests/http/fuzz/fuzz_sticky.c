// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer harness of the cookies that keep a client at its server. What is
 * read from a request is what a second reading (plain.h) finds; and the line
 * that is written into a reply, however full of other cookies that is, makes a
 * client send a request that the number is read from again.
 *
 * Input: one byte of options; one that says where the cookie's name ends; the
 * name; of a reply eight bytes of the number; then the fields of the message,
 * their lines ended by LF alone.
 */
#include <ctype.h>
#include <inttypes.h>

#include "../../../http_sticky.h"
#include "check.h"
#include "message.h"
#include "plain.h"

enum {
	/* OPTION_REPLY and OPTION_CLOSE are those of the target `http`. */
	STATUS_SHIFT = 1,
	STATUS_MASK = 3,
	NAME_MAX = 128,		/* WEIR_TEXT_MAX */
	NUMBER_BYTES = 8,
	JAR_MAX = MESSAGE_FIELDS,
	/* A longer head is not written into every size of buffer. */
	SIZES_MAX = 256,
};

/* RFC 9110 section 5.6.2: what the configuration takes for a cookie's name. */
static bool take_name(char *name, struct http_text text)
{
	if (!text.len || text.len >= NAME_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] <= ' ' || text.at[i] > '~' ||
		    strchr("()<>@,;:\\\"/[]?={}", text.at[i]))
			return false;
		name[i] = text.at[i];
	}
	name[text.len] = '\0';
	return true;
}

static u64 plain_number(struct http_text content)
{
	char digits[HTTP_STICKY_DIGITS + 1] = "";

	if (content.len != HTTP_STICKY_DIGITS)
		return 0;
	for (size_t i = 0; i < content.len; i++)
		if (!isxdigit(content.at[i]))
			return 0;
	memcpy(digits, content.at, content.len);
	return strtoull(digits, NULL, 16);
}

/* Of the first cookie of the name, in whichever field. */
static u64 plain_sticky(const struct message *message, const char *name)
{
	struct http_text wanted = { (const u8 *)name, strlen(name) }, value, content;
	size_t at = 0;

	while (message_find(message, "Cookie", &at, &value))
		if (plain_cookie(value, wanted, 0, &content))
			return plain_number(content);
	return 0;
}

static u64 read_back(const u8 *text, size_t len, const char *name, bool must_parse)
{
	static const struct http_limits no_limits;
	struct http_field fields[FUZZ_FIELDS];
	u8 *copy = fuzz_copy(text, len);
	struct message message;
	struct http_head head;
	u64 id = 0;

	http_request_init(&head, &no_limits, fields, FUZZ_FIELDS);
	if (http_head_parse(&head, copy, len) == HTTP_DONE) {
		id = http_sticky_read(&head, copy, name);
		message_read(&message, copy, head.length);
		ENSURE(id == plain_sticky(&message, name), "read %" PRIx64 ", not %" PRIx64, id,
		       plain_sticky(&message, name));
	} else {
		ENSURE(!must_parse, "refused (%s)\n%.*s", http_text_of(head.error), (int)len, text);
	}
	free(copy);
	return id;
}

static void check_request(const char *name, struct http_text lines)
{
	static u8 text[MESSAGE_MAX];
	size_t len = message_write(text, "GET / HTTP/1.1\r\nHost: a\r\n", lines);

	read_back(text, len, name, false);
}

static bool equal(struct http_text a, struct http_text b)
{
	return a.len == b.len && !memcmp(a.at, b.at, a.len);
}

/* RFC 6265 section 5.2; false: to be ignored. The attributes stay behind in @line. */
static bool take_cookie(struct http_text *line, struct http_text *name, struct http_text *value)
{
	struct http_text pair = message_take(line, ';');

	if (!pair.len || !memchr(pair.at, '=', pair.len))
		return false;
	*name = plain_trimmed(message_take(&pair, '='));
	*value = plain_trimmed(pair);
	return name->len;
}

/* For all of the site, not for scripts, nothing more. */
static void check_attributes(struct http_text attributes)
{
	static const struct http_text path = HTTP_TEXT("Path=/"), script = HTTP_TEXT("HttpOnly");

	ENSURE(equal(plain_trimmed(message_take(&attributes, ';')), path), "no path");
	ENSURE(equal(plain_trimmed(message_take(&attributes, ';')), script), "for scripts");
	ENSURE(!attributes.len, "an attribute more");
}

/*
 * What a client sends that keeps the last value of each name: a Cookie field, into
 * memory of MESSAGE_MAX bytes, for message_write(). The last line is Weir's.
 */
static struct http_text client_cookies(const struct message *reply, u8 *out)
{
	struct http_text names[JAR_MAX], values[JAR_MAX], line = { 0 };
	size_t count = 0, at = 0;
	int len = 0;

	while (message_find(reply, "Set-Cookie", &at, &line)) {
		struct http_text name, value;
		size_t i = 0;

		if (!take_cookie(&line, &name, &value))
			continue;
		while (i < count && !equal(names[i], name))
			i++;
		names[i] = name;
		values[i] = value;
		count += i == count;
	}
	check_attributes(line);
	for (size_t i = 0; i < count; i++) {
		const char *before = i ? "; " : "Cookie: ";

		memcpy(out + len, before, strlen(before));
		len += strlen(before);
		memcpy(out + len, names[i].at, names[i].len);
		len += names[i].len;
		out[len++] = '=';
		memcpy(out + len, values[i].at, values[i].len);
		len += values[i].len;
	}
	return (struct http_text){ out, len };
}

static size_t count_cookies(const struct message *message)
{
	struct http_text value;
	size_t at = 0, count = 0;

	while (message_find(message, "Set-Cookie", &at, &value))
		count++;
	return count;
}

/* The origin's cookies in their order, then Weir's if there is to be one. */
static void check_cookies(const struct message *before, const struct message *after, bool one_more)
{
	size_t old_at = 0, new_at = 0;
	struct http_text old, new;

	ENSURE(count_cookies(after) == count_cookies(before) + one_more, "%zu cookies, of %zu",
	       count_cookies(after), count_cookies(before));
	while (message_find(before, "Set-Cookie", &old_at, &old)) {
		message_find(after, "Set-Cookie", &new_at, &new);
		ENSURE(equal(old, new), "the origin's cookie is %.*s, not %.*s", (int)new.len,
		       new.at, (int)old.len, old.at);
	}
}

static u8 *write_reply(const struct http_head *head, const u8 *buf, const struct http_forward *how,
		       size_t *len)
{
	size_t need = http_write_reply(NULL, 0, head, buf, how);
	u8 *out;

	for (size_t size = 0; need < SIZES_MAX && size < need; size++) {
		out = fuzz_alloc(size);
		ENSURE(http_write_reply(out, size, head, buf, how) == need, "need hangs on room");
		free(out);
	}
	out = fuzz_alloc(need);
	*len = http_write_reply(out, need, head, buf, how);
	ENSURE(*len == need, "need changes");
	return out;
}

/* The origin's reply, with the cookie; read by the client, which comes again. */
static void check_reply(const char *name, u8 options, u64 id, const struct http_head *head,
			const u8 *buf)
{
	static u8 cookies[2 * MESSAGE_MAX], request[MESSAGE_MAX];
	char number[HTTP_STICKY_DIGITS + 1];
	struct http_forward how = {
		.via = HTTP_VIA("weir"), .framing = head->framing, .cookie = name,
		.cookie_value = number, .flags = options & OPTION_CLOSE ? HTTP_WRITE_CLOSE : 0,
	};
	bool interim = http_reply_is_interim(head);
	struct message before, after;
	size_t len;
	u8 *out;

	http_sticky_write(number, id);
	out = write_reply(head, buf, &how, &len);
	message_read(&before, buf, head->length);
	message_read(&after, out, len);
	check_cookies(&before, &after, !interim);
	if (!interim) {
		struct http_text line = client_cookies(&after, cookies);

		len = message_write(request, "GET / HTTP/1.1\r\nHost: a\r\n", line);
		ENSURE(!len || read_back(request, len, name, true) == id,
		       "the client comes with another number than %" PRIx64, id);
	}
	free(out);
}

static void check_forwarding(const char *name, u8 options, struct http_text text)
{
	static const char *const starts[] = {
		"HTTP/1.1 200 OK\r\n", "HTTP/1.0 404 \r\n", "HTTP/1.1 103 Early Hints\r\n",
		"HTTP/1.1 204 No Content\r\n",
	};
	static const struct http_limits no_limits;
	struct http_field fields[FUZZ_FIELDS];
	static u8 reply[MESSAGE_MAX];
	struct http_head head;
	size_t len;
	u64 id = 0;
	u8 *copy;

	if (text.len < NUMBER_BYTES)
		return;
	for (size_t i = 0; i < NUMBER_BYTES; i++)
		id = id << 8 | text.at[i];
	text.at += NUMBER_BYTES;
	text.len -= NUMBER_BYTES;
	len = message_write(reply, starts[options >> STATUS_SHIFT & STATUS_MASK], text);
	copy = fuzz_copy(reply, len);
	http_reply_init(&head, &no_limits, fields, FUZZ_FIELDS, HTTP_METHOD_GET, false);
	/* One that Connection names is taken out of the reply, as any such field. */
	if (http_head_parse(&head, copy, len) == HTTP_DONE &&
	    !http_head_find(&head, HTTP_FIELD_CONNECTION))
		check_reply(name, options, id, &head, copy);
	free(copy);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct http_text text = { data + 2, size - 2 };
	char name[NAME_MAX];
	size_t cut;

	if (size < 2 || size > FUZZ_INPUT_MAX)
		return 0;
	cut = min_t(size_t, data[1], text.len);
	if (!take_name(name, (struct http_text){ text.at, cut }))
		return 0;
	text.at += cut;
	text.len -= cut;
	if (data[0] & OPTION_REPLY)
		check_forwarding(name, data[0], text);
	else
		check_request(name, text);
	return 0;
}

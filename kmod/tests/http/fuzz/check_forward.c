// SPDX-License-Identifier: GPL-2.0-only
/*
 * What Weir sends for an accepted message: the parser reads the same message
 * from it (roundtrip.h), a second reader does, and the most careless readers
 * (lenient.h) see it end at the same byte. Forwarded once more it stays what it
 * is, but for what each hop adds.
 */
#include "check.h"
#include "lenient.h"
#include "strict.h"
#include "../roundtrip.h"

#define FORWARDED "for=\"[2001:db8::1]\";proto=http"
#define NEXT "GET /next HTTP/1.1\r\nHost: b\r\n\r\n"

enum {
	/* The head may grow by what is added and by white space, the body by chunk lines. */
	MESSAGE_MAX = 4 * FUZZ_INPUT_MAX + 4096,
	/* A longer head is not written into every size of buffer. */
	SIZES_MAX = 192,
};

static struct http_forward how_to_forward(const struct http_head *head, u8 options)
{
	struct http_forward how = {
		.via = HTTP_VIA("weir"), .host = "origin", .framing = head->framing,
	};

	if (!(options & OPTION_SMALL)) {
		how.proto = (struct http_text)HTTP_TEXT("http");
		how.client = (struct http_text)HTTP_TEXT("2001:db8::1");
		how.forwarded = how.client;
		how.date = "Sun, 06 Nov 1994 08:49:37 GMT";
	}
	if (options & OPTION_UPGRADE)
		how.flags |= HTTP_WRITE_UPGRADE;
	if (options & OPTION_CLOSE)
		how.flags |= HTTP_WRITE_CLOSE;
	if (options & OPTION_NO_EXPECT)
		how.flags |= head->is_reply ? HTTP_WRITE_KEEPALIVE : HTTP_WRITE_NO_EXPECT;
	if (options & OPTION_REFRAME && head->is_reply) {
		if (head->framing == HTTP_FRAMING_CHUNKED)
			how.framing = HTTP_FRAMING_CLOSE;
		else if (head->framing == HTTP_FRAMING_CLOSE)
			how.framing = HTTP_FRAMING_CHUNKED;
	}
	return how;
}

static void check_reading(const struct http_head *head, const struct forwarded *result,
			  const struct http_forward *how)
{
	struct http_limits limits = { .header_count = FUZZ_FIELDS * 2 };
	bool interim = head->is_reply && http_reply_is_interim(head);
	bool close = how->flags & HTTP_WRITE_CLOSE || how->framing == HTTP_FRAMING_CLOSE;
	static struct strict_head strict;
	enum strict_result read;

	if (head->is_reply)
		read = strict_reply(&strict, result->text, result->len, &limits, head->method,
				    head->flags & HTTP_UPGRADE);
	else
		read = strict_request(&strict, result->text, result->len, &limits);
	ENSURE(read == STRICT_ACCEPTED && strict.length == result->len,
	       "the second reader says %d to\n%.*s", read, (int)result->len, result->text);
	ENSURE(strict.minor == 1, "not HTTP/1.1");
	ENSURE(strict.framing == how->framing, "framing %u, not %u", strict.framing, how->framing);
	ENSURE(strict.framing != HTTP_FRAMING_LENGTH ||
	       strict.content_length == head->content_length, "length");
	ENSURE(strict.keepalive == (interim || !close), "persistence\n%.*s", (int)result->len,
	       result->text);
	if (head->is_reply)
		return;
	ENSURE(strict.expects == (head->flags & HTTP_EXPECT_CONTINUE &&
				  !(how->flags & HTTP_WRITE_NO_EXPECT)), "Expect");
	ENSURE(strict.upgrade == (head->flags & HTTP_UPGRADE &&
				  how->flags & HTTP_WRITE_UPGRADE), "Upgrade");
}

/* The last member of a list, to a reader for whom any quote opens a string, or none does. */
static const u8 *last_member(const u8 *text, size_t len, bool quotes)
{
	const u8 *last = text;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (quotes && text[i] == '"')
			quoted = !quoted;
		else if (quoted && text[i] == '\\')
			i++;
		else if (!quoted && text[i] == ',')
			last = text + i + 1;
	}
	return last;
}

/* Whatever the client has sent, the last element of Forwarded is ours, and there is one field. */
static void check_forwarded(const struct forwarded *result, const struct http_forward *how)
{
	const u8 *value = NULL;
	size_t len = 0;

	if (result->head.is_reply || !how->forwarded.at)
		return;
	for (u16 i = 0; i < result->head.n_fields; i++) {
		const struct http_field *field = &result->head.fields[i];

		if (field->id != HTTP_FIELD_FORWARDED)
			continue;
		ENSURE(!value, "Forwarded twice\n%.*s", (int)result->len, result->text);
		value = result->text + field->value.off;
		len = field->value.len;
	}
	ENSURE(value, "no Forwarded");
	for (int quotes = 0; quotes < 2; quotes++) {
		const u8 *last = last_member(value, len, quotes);

		last += *last == ' ';
		ENSURE(value + len - last == strlen(FORWARDED) &&
		       !memcmp(last, FORWARDED, strlen(FORWARDED)), "%.*s", (int)len, value);
	}
}

/* A field that stays as it is at every hop, and at its place among the others. */
static bool stays(const struct http_field *field)
{
	return field->id != HTTP_FIELD_VIA && field->id != HTTP_FIELD_X_FORWARDED_FOR &&
	       field->id != HTTP_FIELD_FORWARDED &&
	       field->id != HTTP_FIELD_MAX_FORWARDS && field->id != HTTP_FIELD_DATE;
}

static const struct http_field *next_that_stays(const struct http_head *head, u16 *at)
{
	while (*at < head->n_fields) {
		const struct http_field *field = &head->fields[(*at)++];

		if (stays(field))
			return field;
	}
	return NULL;
}

static bool same(const u8 *a, struct http_span a_span, const u8 *b, struct http_span b_span)
{
	return a_span.len == b_span.len && !memcmp(a + a_span.off, b + b_span.off, a_span.len);
}

/* A second hop that does as the first: one more Via, and nothing else that stays. */
static void check_second_hop(const struct forwarded *first, struct http_forward how)
{
	const struct http_field *a, *b;
	struct forwarded second;
	const char *wrong;
	u16 i = 0, k = 0;

	how.framing = first->head.framing;
	wrong = forward_and_check(&second, &first->head, first->text, &how, false);
	ENSURE(!wrong, "second hop: %s\n%.*s", wrong, (int)second.len, second.text);
	ENSURE(second.head.n_fields == first->head.n_fields + 1, "second hop: %u fields of %u",
	       second.head.n_fields, first->head.n_fields);
	ENSURE(same(first->text, first->head.target, second.text, second.head.target), "target");
	ENSURE(first->head.flags == second.head.flags, "second hop: flags %x, %x",
	       first->head.flags, second.head.flags);
	do {
		a = next_that_stays(&first->head, &i);
		b = next_that_stays(&second.head, &k);
		ENSURE(!a == !b, "second hop: a field more or less");
		ENSURE(!a || (same(first->text, a->name, second.text, b->name) &&
			      same(first->text, a->value, second.text, b->value)),
		       "second hop: another field\n%.*s", (int)second.len, second.text);
	} while (a);
	forwarded_free(&second);
}

static size_t put_chunks(u8 *out, const u8 *payload, size_t len)
{
	size_t used = 0;

	/* One chunk: pieces are check_body.c's to try. */
	if (len) {
		used = http_write_chunk_head(out, HTTP_CHUNK_HEAD_MAX, len);
		memcpy(out + used, payload, len);
		memcpy(out + used + len, "\r\n", 2);
		used += len + 2;
	}
	memcpy(out + used, HTTP_LAST_CHUNK, strlen(HTTP_LAST_CHUNK));
	return used + strlen(HTTP_LAST_CHUNK);
}

void fuzz_forwarding(const struct http_head *head, const u8 *buf, u8 options)
{
	struct http_forward how = how_to_forward(head, options);
	struct forwarded result;
	const char *wrong;

	wrong = forward_and_check(&result, head, buf, &how,
				  options & OPTION_SMALL && head->length < SIZES_MAX);
	ENSURE(!wrong, "%s\n%.*s", wrong, (int)result.len, result.text);
	check_reading(head, &result, &how);
	check_forwarded(&result, &how);
	check_second_hop(&result, how);
	forwarded_free(&result);
}

static size_t put_body(u8 *out, const struct http_head *head, enum http_framing framing,
		       const u8 *behind, size_t len, const struct strict_body *body)
{
	if (framing == head->framing) {
		memcpy(out, behind, len);
		return len;
	}
	if (framing == HTTP_FRAMING_CHUNKED)
		return put_chunks(out, body->payload, body->payload_len);
	memcpy(out, body->payload, body->payload_len);
	return body->payload_len;
}

/* The message as it goes out, and behind it the next; every reader must part them alike. */
void fuzz_bounds(const struct http_head *head, const u8 *buf, u8 options, const u8 *behind,
		 size_t len)
{
	static u8 message[MESSAGE_MAX], payload[HTTP_HEAD_MAX];
	struct http_forward how = how_to_forward(head, options);
	struct http_limits limits = fuzz_limits(options);
	struct strict_body body = { .payload = payload };
	size_t used, end = SIZE_MAX;
	bool complete;

	if (head->is_reply)
		limits.body_length = 0;
	complete = strict_body(&body, head->framing, head->content_length, behind, len,
			       &limits) == STRICT_ACCEPTED;
	if (head->is_reply)
		used = http_write_reply(message, MESSAGE_MAX, head, buf, &how);
	else
		used = http_write_request(message, MESSAGE_MAX, head, buf, &how);
	used += put_body(message + used, head, how.framing, behind, complete ? body.length : len,
			 &body);
	/* What the connection's end completes was put into chunks. */
	complete |= head->framing == HTTP_FRAMING_CLOSE;
	if (complete && how.framing != HTTP_FRAMING_CLOSE) {
		end = used;
		memcpy(message + used, NEXT, strlen(NEXT));
		used += strlen(NEXT);
	}
	for (unsigned int bit = 1; bit <= LENIENT_ALL + 1; bit <<= 1) {
		unsigned int reader = bit > LENIENT_ALL ? LENIENT_ALL : bit;
		size_t seen = lenient_end(message, used, reader, head->is_reply, head->method);

		ENSURE(seen == end, "reader %#x: ends at %zd, not %zd, of\n%.*s", reader, seen,
		       end, (int)used, message);
	}
}

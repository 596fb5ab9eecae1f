// SPDX-License-Identifier: GPL-2.0-only
/* What the cases share, in user space and in the kernel. */
#include "harness.h"

const struct test_suite *const test_suites[] = {
	&request, &reply, &body, &forward, &own, &parts, &sticky, &policy, NULL
};

const struct http_limits no_limits;

void append(char *text, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, TEST_TEXT - used, format, args);
	va_end(args);
}

u8 *exact_copy(const void *data, size_t len)
{
	u8 *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	return copy;
}

bool is_tchar(int byte)
{
	return byte < 128 && byte && (isalnum(byte) || strchr("!#$%&'*+-.^_`|~", byte));
}

static void append_flags(char *text, u16 flags)
{
	static const struct {
		u16 flag;
		const char *name;
	} names[] = {
		{ HTTP_KEEPALIVE, "keepalive" },
		{ HTTP_EXPECT_CONTINUE, "expect" },
		{ HTTP_UPGRADE, "upgrade" },
		{ HTTP_HAS_LENGTH, "length" },
		{ HTTP_HAS_CODING, "coding" },
		{ HTTP_HOST_MISMATCH, "mismatch" },
		{ HTTP_TE_TRAILERS, "trailers" },
		{ HTTP_HAS_MAX_FORWARDS, "max-forwards" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			append(text, " %s", names[i].name);
}

static void append_span(char *text, const u8 *buf, struct http_span span)
{
	append(text, "%.*s", span.len, (const char *)buf + span.off);
}

void describe(char *text, const struct http_head *head, const u8 *buf)
{
	static const char *const forms[] = { "origin", "absolute", "asterisk" };
	static const char *const framings[] = { "none", "length", "chunked", "close" };

	*text = 0;
	if (head->is_reply) {
		append(text, "%u [", head->status);
		append_span(text, buf, head->reason);
		append(text, "]");
	} else {
		append(text, "%u:", head->method);
		append_span(text, buf, head->method_text);
		append(text, " %s [", forms[head->target_form]);
		append_span(text, buf, head->path);
		append(text, "] host=");
		append_span(text, buf, head->host);
	}
	append(text, " 1.%u %s", head->minor, framings[head->framing]);
	if (head->flags & HTTP_HAS_LENGTH)
		append(text, "=%llu", (unsigned long long)head->content_length);
	append_flags(text, head->flags);
}

void describe_all(char *text, const struct http_head *head, const u8 *buf)
{
	describe(text, head, buf);
	append(text, " length=%u target=", head->length);
	append_span(text, buf, head->target);
	for (u16 i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];

		append(text, "\n%u/%u [", field->id, field->flags);
		append_span(text, buf, field->name);
		append(text, "]=[");
		append_span(text, buf, field->value);
		append(text, "]");
	}
}

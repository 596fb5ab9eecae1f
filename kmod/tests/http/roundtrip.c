// SPDX-License-Identifier: GPL-2.0-only
#include "platform.h"
#include "roundtrip.h"

enum { CANARY = 0x5a };

static size_t write_head(u8 *out, size_t size, const struct http_head *head, const u8 *buf,
			 const struct http_forward *how)
{
	if (head->is_reply)
		return http_write_reply(out, size, head, buf, how);
	return http_write_request(out, size, head, buf, how);
}

static bool same(const u8 *a_buf, struct http_span a, const u8 *b_buf, struct http_span b)
{
	return a.len == b.len && !memcmp(a_buf + a.off, b_buf + b.off, a.len);
}

static bool same_field(const u8 *a_buf, const struct http_field *a, const u8 *b_buf,
		       const struct http_field *b)
{
	return same(a_buf, a->name, b_buf, b->name) && same(a_buf, a->value, b_buf, b->value);
}

/* Fields that only the neighbour may see, or that are written anew. */
static bool is_rewritten(const struct http_head *head, const struct http_field *field,
			 const struct http_forward *how)
{
	static const u8 ids[] = {
		HTTP_FIELD_CONNECTION, HTTP_FIELD_CONTENT_LENGTH, HTTP_FIELD_TRANSFER_ENCODING,
		HTTP_FIELD_UPGRADE, HTTP_FIELD_TE, HTTP_FIELD_KEEP_ALIVE,
		HTTP_FIELD_PROXY_CONNECTION, HTTP_FIELD_PROXY_AUTHENTICATE,
		HTTP_FIELD_PROXY_AUTHORIZATION, HTTP_FIELD_TRAILER,
	};
	static const u8 request_ids[] = {
		HTTP_FIELD_HOST, HTTP_FIELD_EXPECT, HTTP_FIELD_MAX_FORWARDS,
		HTTP_FIELD_X_FORWARDED_FOR, HTTP_FIELD_X_FORWARDED_PROTO,
	};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (field->id == ids[i])
			return true;
	for (size_t i = 0; !head->is_reply && i < ARRAY_SIZE(request_ids); i++)
		if (field->id == request_ids[i])
			return true;
	if (!head->is_reply && field->id == HTTP_FIELD_FORWARDED && how->forwarded.at)
		return true;
	return field->flags & HTTP_FIELD_NOMINATED;
}

/* End-to-end fields come out in their order, unchanged. */
static const char *check_fields(const struct http_head *in, const u8 *in_buf,
				const struct http_head *out, const u8 *out_buf,
				const struct http_forward *how)
{
	u16 next = 0;

	for (u16 i = 0; i < in->n_fields; i++) {
		if (is_rewritten(in, &in->fields[i], how))
			continue;
		while (next < out->n_fields && !same_field(in_buf, &in->fields[i], out_buf,
							   &out->fields[next]))
			next++;
		if (next++ == out->n_fields)
			return "an end-to-end field is missing or out of order";
	}
	for (u16 i = 0; i < out->n_fields; i++) {
		const struct http_field *field = &out->fields[i];

		if (field->flags & HTTP_FIELD_NOMINATED)
			return "a field is nominated by Connection";
		if (field->id == HTTP_FIELD_KEEP_ALIVE || field->id == HTTP_FIELD_PROXY_CONNECTION)
			return "a hop-by-hop field came through";
	}
	return NULL;
}

static const char *check_request(const struct http_head *in, const u8 *in_buf,
				 const struct http_head *out, const u8 *out_buf)
{
	if (in->method != out->method || !same(in_buf, in->method_text, out_buf, out->method_text))
		return "method";
	if (out->target_form == HTTP_TARGET_ABSOLUTE)
		return "target is not in origin-form";
	if (in->path.len && in_buf[in->path.off] == '/' &&
	    !same(in_buf, in->path, out_buf, out->path))
		return "path";
	if (in->host.len && !same(in_buf, in->host, out_buf, out->host))
		return "host";
	if (in->framing != out->framing || in->content_length != out->content_length)
		return "framing";
	if (out->flags & HTTP_UPGRADE && !(in->flags & HTTP_UPGRADE))
		return "upgrade";
	return NULL;
}

static const char *check_reply(const struct http_head *in, const u8 *in_buf,
			       const struct http_head *out, const u8 *out_buf,
			       const struct http_forward *how)
{
	if (in->status != out->status || !same(in_buf, in->reason, out_buf, out->reason))
		return "status line";
	if (out->framing != how->framing)
		return "framing";
	if (out->framing == HTTP_FRAMING_LENGTH && in->content_length != out->content_length)
		return "length";
	return NULL;
}

static const char *check_sizes(const struct forwarded *result, const struct http_head *head,
			       const u8 *buf, const struct http_forward *how)
{
	u8 *small = malloc(result->len + 1);
	const char *wrong = NULL;

	for (size_t size = 0; size <= result->len && !wrong; size++) {
		memset(small, CANARY, result->len + 1);
		if (write_head(small, size, head, buf, how) != result->len)
			wrong = "length needed depends on the room";
		else if (memcmp(small, result->text, size))
			wrong = "output depends on the room";
		else if (small[size] != CANARY)
			wrong = "written beyond the buffer";
	}
	free(small);
	return wrong;
}

const char *forward_and_check(struct forwarded *result, const struct http_head *head,
			      const u8 *buf, const struct http_forward *how, bool all_sizes)
{
	/* Host, framing, Max-Forwards, Connection, TE, Upgrade, Date, Via, X-F-*, Forwarded. */
	u16 capacity = head->n_fields + 11;
	struct http_limits limits = { 0 };
	const char *wrong;

	result->len = write_head(NULL, 0, head, buf, how);
	result->text = malloc(result->len);
	result->fields = calloc(capacity, sizeof(*result->fields));
	if (!result->text || !result->fields)
		abort();
	if (write_head(result->text, result->len, head, buf, how) != result->len)
		return "length needed is not the length written";
	if (result->len > HTTP_HEAD_MAX)
		return NULL;
	if (head->is_reply)
		http_reply_init(&result->head, &limits, result->fields, capacity, head->method,
				head->status == 101);
	else
		http_request_init(&result->head, &limits, result->fields, capacity);
	if (http_head_parse(&result->head, result->text, result->len) != HTTP_DONE)
		return result->head.error ? http_text_of(result->head.error) : "incomplete";
	if (result->head.length != result->len)
		return "a head ends early";
	wrong = head->is_reply ? check_reply(head, buf, &result->head, result->text, how) :
				 check_request(head, buf, &result->head, result->text);
	if (!wrong)
		wrong = check_fields(head, buf, &result->head, result->text, how);
	if (!wrong && all_sizes)
		wrong = check_sizes(result, head, buf, how);
	return wrong;
}

void forwarded_free(struct forwarded *result)
{
	free(result->text);
	free(result->fields);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Checks of requests. */
#include "http_chars.h"
#include "http_parts.h"
#include "http_policy.h"

/* Fields that have a server take a request for one with another method. */
#define OVERRIDES (BIT_ULL(HTTP_FIELD_X_HTTP_METHOD_OVERRIDE) | \
		   BIT_ULL(HTTP_FIELD_X_HTTP_METHOD) | BIT_ULL(HTTP_FIELD_X_METHOD_OVERRIDE))

static const char default_methods[] = "GET, HEAD, POST";

static const struct {
	const char *name;
	enum http_method method;
} method_names[] = {
	{ "GET", HTTP_METHOD_GET }, { "HEAD", HTTP_METHOD_HEAD }, { "POST", HTTP_METHOD_POST },
	{ "PUT", HTTP_METHOD_PUT }, { "DELETE", HTTP_METHOD_DELETE },
	{ "OPTIONS", HTTP_METHOD_OPTIONS }, { "TRACE", HTTP_METHOD_TRACE },
	{ "PATCH", HTTP_METHOD_PATCH },
};

static struct http_text text_of(const char *text)
{
	return (struct http_text){ .at = (const u8 *)text, .len = strlen(text) };
}

static struct http_text text_at(const u8 *buf, struct http_span span)
{
	return (struct http_text){ .at = buf + span.off, .len = span.len };
}

static bool is_text(struct http_text text, const u8 *other, size_t len)
{
	return text.len == len && !memcmp(text.at, other, len);
}

/* Lists as a policy has them. */

/* The next member of a list: false at its end. */
static bool next_word(struct http_text list, size_t *at, struct http_text *word)
{
	size_t member, len;

	if (!list.len || !http_list_next(list.at, at, list.len, &member, &len))
		return false;
	*word = (struct http_text){ .at = list.at + member, .len = len };
	return true;
}

bool http_methods_ok(struct http_text methods)
{
	struct http_text word;
	size_t at = 0;

	if (methods.len >= HTTP_METHODS_MAX)
		return false;
	while (next_word(methods, &at, &word))
		if (!word.len || word.len > HTTP_METHOD_MAX ||
		    http_skip_token(word.at, 0, word.len) != word.len)
			return false;
	return true;
}

bool http_content_types_ok(struct http_text types)
{
	struct http_text word;
	size_t at = 0, i;

	if (types.len >= HTTP_CONTENT_TYPES_MAX)
		return false;
	while (next_word(types, &at, &word)) {
		size_t slash = http_skip_token(word.at, 0, word.len);

		if (!slash || slash + 1 >= word.len || word.at[slash] != '/' ||
		    http_skip_token(word.at, slash + 1, word.len) != word.len)
			return false;
		for (i = 0; i < word.len; i++)
			if (word.at[i] != http_lower(word.at[i]) ||
			    (word.at[i] == '*' && (i != slash + 1 || i + 1 != word.len)))
				return false;
	}
	return true;
}

static bool has_method(const struct http_policy *policy, struct http_text method)
{
	struct http_text word;
	size_t at = 0;

	while (next_word(text_of(policy->methods), &at, &word))
		if (is_text(word, method.at, method.len))
			return true;
	return false;
}

/* Setting up. */

void http_policy_setup(struct http_policy *policy)
{
	memset(policy, 0, sizeof(*policy));
	policy->body_length = 1ULL << 30;
	policy->uri_length = 8192;
	policy->code_time = 60ULL * 1000000;
	policy->host_strict = true;
	memcpy(policy->methods, default_methods, sizeof(default_methods));
	http_bytes_fill(&policy->uri_bytes);
	http_bytes_fill(&policy->name_bytes);
	http_bytes_fill(&policy->value_bytes);
	http_bytes_fill(&policy->form_bytes);
}

void http_policy_finish(struct http_policy *policy, u32 uri_length, u64 body_length)
{
	size_t i;

	policy->known_methods = policy->methods[0] ? 0 : U32_MAX;
	for (i = 0; i < ARRAY_SIZE(method_names); i++)
		if (has_method(policy, text_of(method_names[i].name)))
			policy->known_methods |= BIT(method_names[i].method);
	policy->hosts = policy->host_strict;
	policy->fields = policy->method_override ? 0 : OVERRIDES;
	policy->closely = policy->header_length || policy->content_type_required ||
			  policy->content_types[0] || policy->uri_length < uri_length ||
			  (policy->body_length &&
			   (!body_length || policy->body_length < body_length)) ||
			  !http_bytes_any(&policy->uri_bytes) ||
			  !http_bytes_any(&policy->name_bytes) ||
			  !http_bytes_any(&policy->value_bytes);
}

/* Checks: each returns whether a request does not pass. */

static bool uri_is_long(const struct http_policy *policy, const struct http_head *head,
			const u8 *buf)
{
	return head->target.len > policy->uri_length;
}

/* A declared one; http_body.c counts the others. */
static bool body_is_long(const struct http_policy *policy, const struct http_head *head,
			 const u8 *buf)
{
	return policy->body_length && head->content_length > policy->body_length;
}

static bool field_is_long(const struct http_policy *policy, const struct http_head *head,
			  const u8 *buf)
{
	u16 i;

	for (i = 0; policy->header_length && i < head->n_fields; i++)
		if ((u32)head->fields[i].name.len + head->fields[i].value.len >
		    policy->header_length)
			return true;
	return false;
}

static bool method_is_other(const struct http_policy *policy, const struct http_head *head,
			    const u8 *buf)
{
	return !(policy->known_methods >> head->method & 1) &&
	       !has_method(policy, text_at(buf, head->method_text));
}

static bool method_is_overridden(const struct http_policy *policy, const struct http_head *head,
				 const u8 *buf)
{
	return head->known & policy->fields;
}

/* Without the port that it has anyway: @fallback of the scheme, or an empty one. */
static struct http_text without_port(struct http_text host, const char *fallback)
{
	size_t len = strlen(fallback);

	if (host.len > len && !memcmp(host.at + host.len - len, fallback, len))
		host.len -= len;
	else if (host.len && host.at[host.len - 1] == ':')
		host.len--;
	return host;
}

/* Whether Host says what the target's authority says. */
static bool hosts_agree(const struct http_head *head, const u8 *buf)
{
	/* Of "http:" and "https:" one has a colon here. */
	const char *port = buf[head->target.off + strlen("http")] == ':' ? ":80" : ":443";
	const struct http_field *field = http_head_find(head, HTTP_FIELD_HOST);
	struct http_text host, authority;

	host = without_port(text_at(buf, field->value), port);
	authority = without_port(text_at(buf, head->authority), port);
	return http_equal(host.at, host.len, authority.at, authority.len);
}

/*
 * An IPv6 address is in brackets.  Of IPv4, in whatever way resolvers read it
 * ("127.1", "0x7f.0.0.1", "2130706433"), the last part is a number, as that of
 * no name is.
 */
bool http_is_address(struct http_text host)
{
	size_t from, i;

	if (host.len && host.at[0] == '[')
		return true;
	for (i = 0; i < host.len && host.at[i] != ':'; i++)
		;
	host.len = i;
	if (host.len && host.at[host.len - 1] == '.')
		host.len--;
	for (from = host.len; from && host.at[from - 1] != '.'; from--)
		;
	if (from == host.len)
		return false;
	if (host.len - from > 1 && host.at[from] == '0' && http_lower(host.at[from + 1]) == 'x') {
		for (i = from + 2; i < host.len; i++)
			if (!http_is(host.at[i], HTTP_CHAR_HEX))
				return false;
		return true;
	}
	for (i = from; i < host.len; i++)
		if (!http_is(host.at[i], HTTP_CHAR_DIGIT))
			return false;
	return true;
}

static bool host_is_odd(const struct http_policy *policy, const struct http_head *head,
			const u8 *buf)
{
	struct http_text host = text_at(buf, head->host);
	size_t i;

	if (!policy->host_strict || !host.len)
		return false;
	if (head->flags & HTTP_HOST_MISMATCH && !hosts_agree(head, buf))
		return true;
	/* No name has an escape, and an address may hide in one. */
	for (i = 0; i < host.len; i++)
		if (host.at[i] == '%')
			return true;
	return !policy->host_address && http_is_address(host);
}

static bool type_is_missing(const struct http_policy *policy, const struct http_head *head,
			    const u8 *buf)
{
	return policy->content_type_required && head->framing != HTTP_FRAMING_NONE &&
	       !(head->known & BIT_ULL(HTTP_FIELD_CONTENT_TYPE));
}

/* A field's media type: without parameters, and white space in front of them. */
static struct http_text media_type(struct http_text value)
{
	size_t i;

	for (i = 0; i < value.len && value.at[i] != ';'; i++)
		;
	while (i && http_is_space(value.at[i - 1]))
		i--;
	value.len = i;
	return value;
}

/* Whether a type is @known, whose subtype may be "*". */
static bool type_fits(struct http_text type, struct http_text known)
{
	if (known.at[known.len - 1] != '*')
		return http_equal(type.at, type.len, known.at, known.len);
	known.len--;
	return type.len > known.len && http_equal(type.at, known.len, known.at, known.len);
}

static bool has_type(const struct http_policy *policy, struct http_text type)
{
	struct http_text word;
	size_t at = 0;

	while (next_word(text_of(policy->content_types), &at, &word))
		if (type_fits(type, word))
			return true;
	return false;
}

static bool type_is_other(const struct http_policy *policy, const struct http_head *head,
			  const u8 *buf)
{
	u16 i;

	if (!policy->content_types[0] || head->framing == HTTP_FRAMING_NONE)
		return false;
	/* Of several, servers do not take the same. */
	for (i = 0; i < head->n_fields; i++)
		if (head->fields[i].id == HTTP_FIELD_CONTENT_TYPE &&
		    !has_type(policy, media_type(text_at(buf, head->fields[i].value))))
			return true;
	return false;
}

static bool uri_has_others(const struct http_policy *policy, const struct http_head *head,
			   const u8 *buf)
{
	struct http_escape escape = {};

	return !http_bytes_any(&policy->uri_bytes) &&
	       !(http_bytes_hold_decoded(&policy->uri_bytes, &escape, buf + head->target.off,
					 head->target.len) &&
		 http_bytes_end(&policy->uri_bytes, &escape));
}

static bool name_has_others(const struct http_policy *policy, const struct http_head *head,
			    const u8 *buf)
{
	bool any = http_bytes_any(&policy->name_bytes);
	u16 i;

	for (i = 0; !any && i < head->n_fields; i++)
		if (!http_bytes_hold(&policy->name_bytes, buf + head->fields[i].name.off,
				     head->fields[i].name.len))
			return true;
	return false;
}

static bool value_has_others(const struct http_policy *policy, const struct http_head *head,
			     const u8 *buf)
{
	bool any = http_bytes_any(&policy->value_bytes);
	u16 i;

	for (i = 0; !any && i < head->n_fields; i++)
		if (!http_bytes_hold(&policy->value_bytes, buf + head->fields[i].value.off,
				     head->fields[i].value.len))
			return true;
	return false;
}

/**
 * struct http_check_row - a check
 * @fails: whether a head does not pass; NULL: heads are not looked at for it
 * @status: of the reply, unless it is configured
 */
struct http_check_row {
	bool (*fails)(const struct http_policy *policy, const struct http_head *head,
		      const u8 *buf);
	u16 status;
};

static const struct http_check_row rows[HTTP_CHECK_COUNT] = {
	[HTTP_CHECK_HEADER_TOTAL] = { NULL, 431 },
	[HTTP_CHECK_HEADER_COUNT] = { NULL, 431 },
	[HTTP_CHECK_URI_LENGTH] = { uri_is_long, 414 },
	[HTTP_CHECK_BODY_LENGTH] = { body_is_long, 413 },
	[HTTP_CHECK_HEADER_LENGTH] = { field_is_long, 431 },
	[HTTP_CHECK_METHODS] = { method_is_other, 405 },
	[HTTP_CHECK_METHOD_OVERRIDE] = { method_is_overridden, 403 },
	[HTTP_CHECK_HOST_STRICT] = { host_is_odd, 400 },
	[HTTP_CHECK_CONTENT_TYPE_REQUIRED] = { type_is_missing, 415 },
	[HTTP_CHECK_CONTENT_TYPES] = { type_is_other, 415 },
	[HTTP_CHECK_URI_BYTES] = { uri_has_others, 400 },
	[HTTP_CHECK_HEADER_NAME_BYTES] = { name_has_others, 400 },
	[HTTP_CHECK_HEADER_VALUE_BYTES] = { value_has_others, 400 },
	[HTTP_CHECK_FORM_BYTES] = { NULL, 400 },
	[HTTP_CHECK_TRAILER_SPLIT] = { NULL, 400 },
	[HTTP_CHECK_RESPONSE_CODE] = { NULL, 429 },
};

enum http_check http_policy_judge(const struct http_policy *policy, const struct http_head *head,
				  const u8 *buf)
{
	unsigned int check;

	for (check = 0; check < HTTP_CHECK_COUNT; check++)
		if (rows[check].fails && rows[check].fails(policy, head, buf))
			break;
	return check;
}

u16 http_check_status(enum http_check check)
{
	return rows[check].status;
}

bool http_policy_reads_form(const struct http_policy *policy, const struct http_head *head,
			    const u8 *buf)
{
	u16 i;

	if (likely(http_bytes_any(&policy->form_bytes)) || head->framing == HTTP_FRAMING_NONE)
		return false;
	for (i = 0; i < head->n_fields; i++) {
		struct http_text type;

		if (head->fields[i].id != HTTP_FIELD_CONTENT_TYPE)
			continue;
		type = media_type(text_at(buf, head->fields[i].value));
		if (http_is_word(type.at, type.len, "application/x-www-form-urlencoded"))
			return true;
	}
	return false;
}

enum http_check http_check_of(enum http_error error)
{
	switch (error) {
	case HTTP_ERR_HEADER_TOTAL:
		return HTTP_CHECK_HEADER_TOTAL;
	case HTTP_ERR_HEADER_COUNT:
		return HTTP_CHECK_HEADER_COUNT;
	case HTTP_ERR_URI_LENGTH:
		return HTTP_CHECK_URI_LENGTH;
	case HTTP_ERR_BODY_LENGTH:
		return HTTP_CHECK_BODY_LENGTH;
	case HTTP_ERR_TRAILER_SPLIT:
		return HTTP_CHECK_TRAILER_SPLIT;
	case HTTP_ERR_FORM_BYTES:
		return HTTP_CHECK_FORM_BYTES;
	default:
		return HTTP_CHECK_NONE;
	}
}

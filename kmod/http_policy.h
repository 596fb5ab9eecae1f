/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What requests may look like, whoever sends them: the checks of a virtual host,
 * or of all that have none of their own.  docs/firewall.md says what each is for.
 *
 * A check is a row of enum http_check, of the table in http_policy.c if heads are
 * looked at for it, and of those in limit.c and control_limits.c that say how its
 * refusals are counted and answered.
 */
#ifndef WEIR_HTTP_POLICY_H
#define WEIR_HTTP_POLICY_H

#include "http_bytes.h"
#include "http_parser.h"

/* Of several that a request does not pass, the first is to blame. */
enum http_check {
	HTTP_CHECK_HEADER_TOTAL,	/* by the parser */
	HTTP_CHECK_HEADER_COUNT,	/* ditto */
	HTTP_CHECK_URI_LENGTH,		/* ditto, unless a virtual host has its own */
	HTTP_CHECK_BODY_LENGTH,		/* ditto */
	HTTP_CHECK_HEADER_LENGTH,
	HTTP_CHECK_METHODS,
	HTTP_CHECK_METHOD_OVERRIDE,
	HTTP_CHECK_HOST_STRICT,
	HTTP_CHECK_CONTENT_TYPE_REQUIRED,
	HTTP_CHECK_CONTENT_TYPES,
	HTTP_CHECK_URI_BYTES,
	HTTP_CHECK_HEADER_NAME_BYTES,
	HTTP_CHECK_HEADER_VALUE_BYTES,
	HTTP_CHECK_FORM_BYTES,		/* in bodies */
	HTTP_CHECK_TRAILER_SPLIT,	/* ditto */
	HTTP_CHECK_RESPONSE_CODE,	/* of what a client was answered before */
	HTTP_CHECK_COUNT,
	HTTP_CHECK_NONE = HTTP_CHECK_COUNT,
};

enum {
	HTTP_METHODS_MAX	= 256,	/* bytes, with the closing NUL */
	HTTP_CONTENT_TYPES_MAX	= 512,	/* ditto */
	/* Replies that can be counted: from here on, as many as a set has bits. */
	HTTP_CODES_FROM		= 100,
	HTTP_CODES_WORDS	= 8,
};

/**
 * struct http_policy - what requests have to be like
 * @body_length: bytes of a body; 0: any number
 * @code_time: for how long replies with @codes are remembered, microseconds
 * @uri_length: bytes of a target
 * @header_length: bytes of one field, name and value; 0: any number
 * @code_count: how many of these replies a client may get; 0: any number
 * @code_scope: where they are counted
 * @method_override: fields that name another method than the request's are let through
 * @host_strict: Host and an absolute target agree, and are no address
 * @host_address: they may be one
 * @content_type_required: a body has a type
 * @trailer_split: a field may be in the header and in the trailer
 * @methods: "GET, HEAD": which there may be; empty: any
 * @content_types: "text/plain, image/png" in lower case, "*" for any subtype: those of
 *	bodies; empty: any
 * @uri_bytes: what a target may have, escapes being what they stand for
 * @name_bytes: what a field's name may have
 * @value_bytes: what its value may have
 * @form_bytes: what an URL-encoded form may have, escapes as in @uri_bytes
 * @codes: a bit for each status that is counted, from HTTP_CODES_FROM on
 *
 * Set by http_policy_finish():
 * @known_methods: a bit for each enum http_method of @methods
 * @hosts: the host is to be looked at
 * @closely: heads are to be looked at by http_policy_judge()
 * @fields: a bit for each field that is not let through
 */
struct http_policy {
	u64			body_length;
	u64			code_time;
	u32			uri_length;
	u32			header_length;
	u32			code_count;
	u32			code_scope;
	bool			method_override;
	bool			host_strict;
	bool			host_address;
	bool			content_type_required;
	bool			trailer_split;
	bool			hosts;
	bool			closely;
	u32			known_methods;
	u64			fields;
	u64			codes[HTTP_CODES_WORDS];
	struct http_bytes	uri_bytes;
	struct http_bytes	name_bytes;
	struct http_bytes	value_bytes;
	struct http_bytes	form_bytes;
	char			methods[HTTP_METHODS_MAX];
	char			content_types[HTTP_CONTENT_TYPES_MAX];
};

/* The defaults. */
void http_policy_setup(struct http_policy *policy);

/* Whether this can be @methods, or @content_types: words as these have them, ", " between. */
bool http_methods_ok(struct http_text methods);
bool http_content_types_ok(struct http_text types);

/*
 * Once it is filled in: what follows from it.  @uri_length, @body_length: what
 * the parser refuses already.
 */
void http_policy_finish(struct http_policy *policy, u32 uri_length, u64 body_length);

/* The first check that a request, whose head is done, does not pass. */
enum http_check http_policy_judge(const struct http_policy *policy, const struct http_head *head,
				  const u8 *buf);

/*
 * The same, quickly for requests that are like most: a host that is an address
 * begins with a digit or a bracket.
 */
static inline enum http_check http_policy_check(const struct http_policy *policy,
						const struct http_head *head, const u8 *buf)
{
	u8 byte = buf[head->host.off];
	bool odd = (u8)(byte - '0') < 10 || byte == '[' || byte == '%' ||
		   head->flags & HTTP_HOST_MISMATCH;

	if (likely(policy->known_methods >> head->method & 1 && !policy->closely &&
		   !(head->known & policy->fields) && !(odd && policy->hosts)))
		return HTTP_CHECK_NONE;
	return http_policy_judge(policy, head, buf);
}

/* Whether a request has a form whose bytes are to be looked at. */
bool http_policy_reads_form(const struct http_policy *policy, const struct http_head *head,
			    const u8 *buf);

/* Whether replies with this status are counted. */
static inline bool http_policy_counts(const struct http_policy *policy, u16 status)
{
	u16 bit = status - HTTP_CODES_FROM;

	return status >= HTTP_CODES_FROM && bit < 64 * HTTP_CODES_WORDS &&
	       policy->codes[bit / 64] >> (bit % 64) & 1;
}

/* Whether a host, with or without a port, is an address. */
bool http_is_address(struct http_text host);

/* The check that an error of the parser or of a body stands for. */
enum http_check http_check_of(enum http_error error);

/* The status of a reply to what does not pass, unless it is configured. */
u16 http_check_status(enum http_check check);

#endif /* WEIR_HTTP_POLICY_H */

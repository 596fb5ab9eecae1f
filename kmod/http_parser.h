/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HTTP/1.x message heads (RFC 9110, RFC 9112): start line and header section.
 *
 * The caller gathers a head in one contiguous buffer and calls
 * http_head_parse() again whenever bytes were added. The parser never looks at
 * a byte twice while it scans, keeps O(1) state, allocates nothing, and stores
 * offsets only, so the buffer may move between calls. How the bytes were split
 * over calls never changes the result.
 *
 * It is strict wherever two readers could disagree about where a message ends
 * or whom it is for; docs/http-strictness.md lists what is refused and why.
 * After an error the connection must be closed: its framing is unknown.
 *
 * No locking: a head belongs to whoever owns the connection leg it came from.
 */
#ifndef WEIR_HTTP_PARSER_H
#define WEIR_HTTP_PARSER_H

#include "http_types.h"

enum {
	/* Offsets are 16 bits wide. */
	HTTP_HEAD_MAX = U16_MAX,
	/* A longer method is refused with 501 (RFC 9112 section 3). */
	HTTP_METHOD_MAX = 32,
	/* Empty lines tolerated before a request line (RFC 9112 section 2.2). */
	HTTP_LEADING_LINES_MAX = 2,
	/* Connection options that are not known by name. Bounds the work of matching them. */
	HTTP_NOMINATED_MAX = 16,
};

enum http_verdict {
	HTTP_MORE,	/* everything given was consumed, more is needed */
	HTTP_DONE,	/* complete; bytes after it belong to the body or the next message */
	HTTP_ERROR,	/* refused: see error; the connection must be closed */
};

enum http_method {
	HTTP_METHOD_OTHER,	/* a valid token that is not listed here */
	HTTP_METHOD_GET,
	HTTP_METHOD_HEAD,
	HTTP_METHOD_POST,
	HTTP_METHOD_PUT,
	HTTP_METHOD_DELETE,
	HTTP_METHOD_CONNECT,	/* always refused (501) */
	HTTP_METHOD_OPTIONS,
	HTTP_METHOD_TRACE,
	HTTP_METHOD_PATCH,
};

enum http_target {
	HTTP_TARGET_ORIGIN,	/* /path?query */
	HTTP_TARGET_ABSOLUTE,	/* http://authority/path?query */
	HTTP_TARGET_ASTERISK,	/* OPTIONS * */
	/* The authority form belongs to CONNECT alone, which is refused. */
};

enum http_framing {
	HTTP_FRAMING_NONE,	/* no body bytes follow the head */
	HTTP_FRAMING_LENGTH,	/* content_length (> 0) bytes follow */
	HTTP_FRAMING_CHUNKED,
	HTTP_FRAMING_CLOSE,	/* replies only: the body ends with the connection */
};

enum http_field_id {
	HTTP_FIELD_OTHER,
	HTTP_FIELD_HOST,
	HTTP_FIELD_CONNECTION,
	HTTP_FIELD_CONTENT_LENGTH,
	HTTP_FIELD_TRANSFER_ENCODING,
	HTTP_FIELD_EXPECT,
	HTTP_FIELD_UPGRADE,
	HTTP_FIELD_TE,
	HTTP_FIELD_TRAILER,
	HTTP_FIELD_KEEP_ALIVE,
	HTTP_FIELD_PROXY_CONNECTION,
	HTTP_FIELD_PROXY_AUTHENTICATE,
	HTTP_FIELD_PROXY_AUTHORIZATION,
	HTTP_FIELD_MAX_FORWARDS,
	HTTP_FIELD_VIA,
	HTTP_FIELD_X_FORWARDED_FOR,
	HTTP_FIELD_X_FORWARDED_PROTO,
	HTTP_FIELD_FORWARDED,
	HTTP_FIELD_DATE,
	HTTP_FIELD_SET_COOKIE,
	HTTP_FIELD_COOKIE,
	HTTP_FIELD_AUTHORIZATION,
	HTTP_FIELD_CACHE_CONTROL,
	HTTP_FIELD_CONTENT_TYPE,
	HTTP_FIELD_CONTENT_ENCODING,
	HTTP_FIELD_CONTENT_RANGE,
	HTTP_FIELD_USER_AGENT,
	HTTP_FIELD_X_HTTP_METHOD,
	HTTP_FIELD_X_HTTP_METHOD_OVERRIDE,
	HTTP_FIELD_X_METHOD_OVERRIDE,
	HTTP_FIELD_COUNT,
};

/* http_status_of() and http_text_of() give the reply status and the reason. */
enum http_error {
	HTTP_OK,
	HTTP_ERR_METHOD,		/* not a token */
	HTTP_ERR_METHOD_LENGTH,		/* 501 */
	HTTP_ERR_CONNECT,		/* 501 */
	HTTP_ERR_TARGET,
	HTTP_ERR_TARGET_FORM,		/* form does not fit the method, or bad scheme */
	HTTP_ERR_URI_LENGTH,		/* 414 */
	HTTP_ERR_VERSION,
	HTTP_ERR_VERSION_UNSUPPORTED,	/* 505 */
	HTTP_ERR_STATUS_LINE,
	HTTP_ERR_LEADING_LINES,
	HTTP_ERR_BARE_CR,
	HTTP_ERR_BARE_LF,
	HTTP_ERR_FIELD_NAME,		/* empty, or a byte that is no tchar */
	HTTP_ERR_FIELD_VALUE,		/* a control byte, NUL included */
	HTTP_ERR_FOLD,			/* obs-fold */
	HTTP_ERR_HEADER_TOTAL,		/* 431 */
	HTTP_ERR_HEADER_COUNT,		/* 431 */
	HTTP_ERR_HOST_MISSING,
	HTTP_ERR_HOST_REPEATED,
	HTTP_ERR_HOST,
	HTTP_ERR_LENGTH,		/* Content-Length is not one number that fits */
	HTTP_ERR_LENGTH_REPEATED,
	HTTP_ERR_LENGTH_AND_CHUNKED,	/* Content-Length beside Transfer-Encoding */
	HTTP_ERR_CODING,		/* Transfer-Encoding malformed or not ending in chunked */
	HTTP_ERR_CODING_UNSUPPORTED,	/* 501: a coding other than chunked */
	HTTP_ERR_CODING_VERSION,	/* Transfer-Encoding in HTTP/1.0 */
	HTTP_ERR_BODY_STATUS,		/* Transfer-Encoding or a length in a 1xx or 204 reply */
	HTTP_ERR_CONNECTION,		/* malformed Connection, or too many options */
	HTTP_ERR_EXPECT,		/* 417 */
	HTTP_ERR_UPGRADE,		/* 101 that was not asked for */
	HTTP_ERR_MAX_FORWARDS,
	HTTP_ERR_BODY_LENGTH,		/* 413 */
	HTTP_ERR_CHUNK_SIZE,
	HTTP_ERR_CHUNK_EXTENSION,
	HTTP_ERR_CHUNK_END,		/* chunk data not followed by CRLF */
	HTTP_ERR_TRAILER,		/* malformed, or a field that must not be in a trailer */
	HTTP_ERR_TRAILER_SPLIT,		/* a trailer of a name that the header has, too */
	HTTP_ERR_FORM_BYTES,		/* a byte that forms may not have */
	HTTP_ERR_TRUNCATED,		/* the connection ended inside a message */
	HTTP_ERR_COUNT,
};

/* Flags of a head. */
enum {
	HTTP_KEEPALIVE		= BIT(0),	/* the sender lets the connection live on */
	HTTP_EXPECT_CONTINUE	= BIT(1),	/* request whose body waits for 100 */
	HTTP_UPGRADE		= BIT(2),	/* WebSocket asked for or (101) granted */
	HTTP_HAS_LENGTH		= BIT(3),	/* content_length is valid */
	HTTP_HAS_CODING		= BIT(4),	/* Transfer-Encoding: chunked was present */
	HTTP_HOST_MISMATCH	= BIT(5),	/* absolute-form authority and Host differ */
	HTTP_TE_TRAILERS	= BIT(6),	/* request says TE: trailers */
	HTTP_HAS_MAX_FORWARDS	= BIT(7),	/* max_forwards is valid */
	HTTP_ODD_LINE		= BIT(8),	/* not all fields are just HTTP_FIELD_CANONICAL */
};

/**
 * struct http_span - bytes of the head
 * @off: offset from the start of the buffer
 * @len: length, 0 if absent
 */
struct http_span {
	u16 off;
	u16 len;
};

/* Flags of a field. */
enum {
	HTTP_FIELD_NOMINATED	= BIT(0),	/* named by Connection: not to be forwarded */
	HTTP_FIELD_CANONICAL	= BIT(1),	/* the line reads as it would be written */
};

/**
 * struct http_field - one field line
 * @name: never empty
 * @value: without surrounding white space, may be empty
 * @id: enum http_field_id
 * @flags: HTTP_FIELD_*
 */
struct http_field {
	struct http_span name;
	struct http_span value;
	u8 id;
	u8 flags;
};

/**
 * struct http_limits - bounds set by configuration; 0 means no bound of its own
 * @header_total: bytes of the whole head, start line and final empty line
 *	included; never more than HTTP_HEAD_MAX
 * @header_count: field lines; the capacity of the table given bounds them too
 * @uri_length: bytes of the request target
 * @body_length: payload bytes; a larger Content-Length is refused at once
 */
struct http_limits {
	u32 header_total;
	u32 header_count;
	u32 uri_length;
	u64 body_length;
};

/**
 * struct http_head - a message head, parsed or being parsed
 * @method: enum http_method; in a reply that of the request it answers
 * @target_form: enum http_target
 * @minor: HTTP/1.@minor, 0 or 1
 * @framing: enum http_framing
 * @error: enum http_error, once the verdict was HTTP_ERROR
 * @is_reply: set by http_reply_init()
 * @flags: HTTP_KEEPALIVE and so on
 * @status: replies only, 100 to 599
 * @content_length: value of Content-Length if HTTP_HAS_LENGTH. In replies to
 *	HEAD and in 304 it describes a body that does not follow.
 * @max_forwards: if HTTP_HAS_MAX_FORWARDS (OPTIONS and TRACE only)
 * @method_text: the method as sent
 * @target: the whole request target as sent
 * @authority: of an absolute-form target
 * @path: path and query; empty for * and for an absolute form without path
 * @host: whom the request is for: @authority if there is one, else Host; empty
 *	only in HTTP/1.0
 * @reason: reason phrase of a reply
 * @length: bytes of the head, once done, leading empty lines included
 * @n_fields: used entries of @fields
 * @fields: table given by the caller
 * @known: a bit for each enum http_field_id that occurs
 *
 * Valid from HTTP_DONE on. On HTTP_ERROR only @error and, once they were read,
 * @method, @method_text, @target and @minor have a meaning.
 */
struct http_head {
	u8 method;
	u8 target_form;
	u8 minor;
	u8 framing;
	u8 error;
	bool is_reply;
	u16 flags;
	u16 status;
	u16 length;
	u16 n_fields;
	u32 max_forwards;
	u64 content_length;
	struct http_span method_text;
	struct http_span target;
	struct http_span authority;
	struct http_span path;
	struct http_span host;
	struct http_span reason;
	struct http_field *fields;
	u64 known;

	/* private: progress of the state machine */
	struct http_limits limits;
	u16 capacity;
	u16 pos;
	u16 mark;
	u16 value_end;
	u8 state;
	u8 count;
	u16 seen;
};

/**
 * http_request_init - get ready for a request head
 * @head: to be filled
 * @limits: bounds; copied
 * @fields: table for field lines
 * @capacity: its number of entries
 */
void http_request_init(struct http_head *head, const struct http_limits *limits,
		       struct http_field *fields, u16 capacity);

/**
 * http_reply_init - get ready for a reply head
 * @head: to be filled
 * @limits: bounds; copied; body_length and uri_length are not applied
 * @fields: table for field lines
 * @capacity: its number of entries
 * @method: of the request being answered: decides whether a body follows
 * @upgrade: whether that request was forwarded with its Upgrade, so that 101 may come
 */
void http_reply_init(struct http_head *head, const struct http_limits *limits,
		     struct http_field *fields, u16 capacity,
		     enum http_method method, bool upgrade);

/**
 * http_head_parse - go on with all the bytes there are
 * @head: the head
 * @buf: bytes of the message from its first on (same content as before, plus more)
 * @len: how many; may exceed the head, and need not fit 16 bits
 *
 * A 1xx reply is a head of its own (framing none): forward or drop it, then
 * init for the next one, unless it is 101, after which the connection is a
 * tunnel.
 */
enum http_verdict http_head_parse(struct http_head *head, const u8 *buf, size_t len);

/* Whether a byte of the start line was seen: false for an idle connection that sent only CRLF. */
bool http_head_started(const struct http_head *head);

/* The first field with this id, or NULL. */
const struct http_field *http_head_find(const struct http_head *head, enum http_field_id id);

/* Status to answer a request with after @error (400, 413, 414, 417, 431, 501, 505). */
u16 http_status_of(enum http_error error);

/* What was wrong, a few words for logs and counters. Never NULL. */
const char *http_text_of(enum http_error error);

/* Which known field a name is. Case does not matter. */
enum http_field_id http_field_id(const u8 *name, size_t len);

static inline bool http_reply_is_interim(const struct http_head *head)
{
	return head->status < 200;
}

#endif /* WEIR_HTTP_PARSER_H */

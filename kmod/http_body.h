/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Framing of HTTP/1.x message bodies (RFC 9112 sections 6 and 7).
 *
 * Fed the bytes after a head in runs of any size, the machine says which are
 * framing (chunk sizes, extensions, CRLFs, the trailer section) and which are
 * payload. To relay a body as it is, forward both; to take the chunked coding
 * off (HTTP/1.0 clients), forward payload only. Payload bytes are counted, not
 * read. O(1) state, no allocation, no buffering.
 */
#ifndef WEIR_HTTP_BODY_H
#define WEIR_HTTP_BODY_H

#include "http_watch.h"

enum {
	/* Digits of a chunk size, leading zeros included. */
	HTTP_CHUNK_DIGITS_MAX = 16,
	/* Bytes of all chunk extensions in a body (RFC 9112 section 7.1.1). */
	HTTP_CHUNK_EXTENSIONS_MAX = 4096,
	/* The longest field name that is looked for in trailers. */
	HTTP_TRAILER_NAME_MAX = 22,
};

/**
 * struct http_body - where in a body we are
 * @left: payload bytes left in this chunk, or in a body with a length
 * @payload: payload bytes so far
 * @limit: bound for payload, 0 = none
 * @trailer_left: bytes that the trailer section may still have
 * @trailer_count: field lines that it may still have
 * @extensions: bytes of chunk extensions so far
 * @digits: of the chunk size being read
 * @framing: enum http_framing
 * @error: enum http_error, once the verdict was HTTP_ERROR
 * @state: private
 * @name_len: length of the trailer name being read
 * @name: its first bytes
 * @name_hash: of all of it
 * @escape: how far into an escape of a form the payload is
 * @watch: what else is to be looked at, or NULL
 */
struct http_body {
	u64 left;
	u64 payload;
	u64 limit;
	u32 trailer_left;
	u32 trailer_count;
	u16 extensions;
	u8 digits;
	u8 framing;
	u8 error;
	u8 state;
	u8 name_len;
	u8 name[HTTP_TRAILER_NAME_MAX];
	struct http_escape escape;
	u32 name_hash;
	const struct http_watch *watch;
};

/**
 * struct http_run - what the first bytes given are
 * @framing: so many bytes of framing come first ...
 * @payload: ... and then so many of payload
 */
struct http_run {
	size_t framing;
	size_t payload;
};

/**
 * http_body_init - get ready for the body that follows a head
 * @body: to be filled
 * @head: a head that is done
 * @limits: bounds for payload (requests only) and for trailers; copied
 *
 * Returns HTTP_DONE if no body follows, else HTTP_MORE.
 */
enum http_verdict http_body_init(struct http_body *body, const struct http_head *head,
				 const struct http_limits *limits);

/* Look at more, from now on: @watch has to stay.  Right behind http_body_init(). */
static inline void http_body_watch(struct http_body *body, const struct http_watch *watch)
{
	body->watch = watch;
}

/**
 * http_body_parse - classify the next bytes
 * @body: the machine
 * @data: bytes not given before
 * @len: how many
 * @run: what the first @run->framing + @run->payload of them are
 *
 * Call again with the rest while it returns HTTP_MORE and bytes remain: each
 * call consumes at least one. On HTTP_DONE the rest is the next message. On
 * HTTP_ERROR @run is what came before the offending byte; forward none of it
 * that was not forwarded yet, and close both legs.
 */
enum http_verdict http_body_parse(struct http_body *body, const u8 *data, size_t len,
				  struct http_run *run);

/**
 * http_body_skip - account payload that need not be looked at
 * @body: the machine
 * @len: how many bytes there are
 *
 * Returns how many of the next @len bytes are payload for certain, and counts
 * them as consumed; 0 if http_body_parse() must see the next byte. Never
 * reads memory, so fragments can be spliced without mapping them. The body
 * may be done afterwards: see http_body_done().
 */
size_t http_body_skip(struct http_body *body, size_t len);

/* Whether all of the body was consumed. */
bool http_body_done(const struct http_body *body);

/* The connection ended: HTTP_DONE if the body may end so, else HTTP_ERROR. */
enum http_verdict http_body_finish(struct http_body *body);

#endif /* WEIR_HTTP_BODY_H */

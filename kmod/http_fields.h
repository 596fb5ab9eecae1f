/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What request targets and field values mean for the framing and the routing
 * of a message. Private to http_*.c: called by the state machine in
 * http_parser.c as soon as an element is complete.
 */
#ifndef WEIR_HTTP_FIELDS_H
#define WEIR_HTTP_FIELDS_H

#include "http_parser.h"

/* What was met in the fields so far: bits of http_head.seen. */
enum {
	HTTP_SEEN_HOST			= BIT(0),
	HTTP_SEEN_CLOSE			= BIT(1),	/* Connection: close */
	HTTP_SEEN_KEEP_ALIVE		= BIT(2),	/* Connection: keep-alive */
	HTTP_SEEN_CONNECTION_UPGRADE	= BIT(3),	/* Connection: upgrade */
	HTTP_SEEN_WEBSOCKET		= BIT(4),	/* Upgrade: websocket */
	HTTP_SEEN_OTHER_UPGRADE		= BIT(5),	/* Upgrade: anything else */
	HTTP_SEEN_CONTINUE		= BIT(6),	/* Expect: 100-continue */
};

/* Ids whose values are looked at when their line is complete. */
#define HTTP_CHECKED_REPLY (BIT_ULL(HTTP_FIELD_CONTENT_LENGTH) | \
			    BIT_ULL(HTTP_FIELD_TRANSFER_ENCODING) | \
			    BIT_ULL(HTTP_FIELD_CONNECTION) | BIT_ULL(HTTP_FIELD_UPGRADE))
#define HTTP_CHECKED_REQUEST (HTTP_CHECKED_REPLY | BIT_ULL(HTTP_FIELD_HOST) | \
			      BIT_ULL(HTTP_FIELD_EXPECT) | BIT_ULL(HTTP_FIELD_MAX_FORWARDS) | \
			      BIT_ULL(HTTP_FIELD_TE))

/* The target is head->target; sets target_form, authority, path and host. */
enum http_error http_check_target(struct http_head *head, const u8 *buf);

/* A field line is complete; its id and flags were set. */
enum http_error http_check_field(struct http_head *head, const u8 *buf, struct http_field *field);

/* All field lines are complete: framing, persistence and the rest of the verdict. */
enum http_error http_check_request(struct http_head *head, const u8 *buf);
enum http_error http_check_reply(struct http_head *head, const u8 *buf);

#endif /* WEIR_HTTP_FIELDS_H */

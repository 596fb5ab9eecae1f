/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Heads as an input writes them, one line a line, and read again at their line
 * ends: for the references that rules and cookies are compared with. Shares no
 * code with http_*.c.
 */
#ifndef WEIR_TEST_MESSAGE_H
#define WEIR_TEST_MESSAGE_H

#include "../../../http_parser.h"

enum {
	MESSAGE_FIELDS = 64,
	MESSAGE_MAX = 8192,
};

/**
 * struct message - a head, split at its lines
 * @first: request or status line
 * @names: of the fields
 * @values: of the fields, without white space around them
 * @count: how many
 */
struct message {
	struct http_text first;
	struct http_text names[MESSAGE_FIELDS];
	struct http_text values[MESSAGE_FIELDS];
	size_t count;
};

/* Take the text up to the next @end off the front of @text; all of it if there is none. */
struct http_text message_take(struct http_text *text, u8 end);

/*
 * Write @first and each line of @lines, which end in LF, as a head of at most
 * MESSAGE_MAX bytes. Returns its length, 0 if it would be longer.
 */
size_t message_write(u8 *out, const char *first, struct http_text lines);

/* A head that the parser has taken. */
void message_read(struct message *message, const u8 *text, size_t len);

/* The next field of this name from @at on, which moves behind it; false: none. */
bool message_find(const struct message *message, const char *name, size_t *at,
		  struct http_text *value);

#endif /* WEIR_TEST_MESSAGE_H */

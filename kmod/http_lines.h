/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whole lines at once, for what nearly every message is made of. Each function
 * takes what is whole and certainly right, and leaves all else, be it unusual,
 * wrong or cut off, to the steps in http_parser.c, which are the reference:
 * fed byte by byte a message never comes through here. Private to http_*.c.
 */
#ifndef WEIR_HTTP_LINES_H
#define WEIR_HTTP_LINES_H

#include "http_parser.h"

/* A start line at head->pos; @end: of the bytes there are. Whether it was taken. */
bool http_take_request_line(struct http_head *head, const u8 *buf, size_t end);
bool http_take_status_line(struct http_head *head, const u8 *buf, size_t end);

/* All field lines from head->pos on up to one for the steps. */
enum http_error http_take_fields(struct http_head *head, const u8 *buf, size_t end);

#endif /* WEIR_HTTP_LINES_H */

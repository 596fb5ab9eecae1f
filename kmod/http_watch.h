/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What of a request has to be known while its body is read, when its head is
 * gone: the names of its fields, and which bytes a form may have.
 */
#ifndef WEIR_HTTP_WATCH_H
#define WEIR_HTTP_WATCH_H

#include "http_bytes.h"
#include "http_parser.h"

struct http_policy;

/* FNV-1a.  Who finds two names of one hash has his own request refused. */
#define HTTP_WATCH_HASH 2166136261U
#define HTTP_WATCH_PRIME 16777619U

/**
 * struct http_watch - what a body is looked at for
 * @form: what a form may have
 * @reads_form: it is one, and not any byte will do
 * @size: bytes of all this
 * @count: entries of @names
 * @names: hashes of the header's fields that no trailer may have
 */
struct http_watch {
	struct http_bytes form;
	bool reads_form;
	u16 size;
	u16 count;
	u32 names[];
};

/* The hash of a name, byte by byte; case does not matter. */
static inline u32 http_watch_hash(u32 hash, u8 byte)
{
	return (hash ^ ((u8)(byte - 'A') < 26 ? byte | 0x20 : byte)) * HTTP_WATCH_PRIME;
}

/* Whether a field of this name was in the header. */
bool http_watch_has(const struct http_watch *watch, u32 hash);

/* Bytes that a watch over this request's body needs; 0: there is nothing to look at. */
size_t http_watch_size(const struct http_policy *policy, const struct http_head *head,
		       const u8 *buf);
/* Fill it in. */
void http_watch_init(struct http_watch *watch, const struct http_policy *policy,
		     const struct http_head *head, const u8 *buf);

#endif /* WEIR_HTTP_WATCH_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Configured bodies of error replies.  They lie in pages of their own, which
 * replies refer to instead of copying them.
 */
#ifndef _WEIR_PAGES_H
#define _WEIR_PAGES_H

#include <linux/mm_types.h>
#include <linux/refcount.h>
#include <linux/types.h>

struct netlink_ext_ack;
struct weir_config;
struct weir_pipe;

enum weir_pages_bounds {
	WEIR_PAGES_MAX		= 64,
	WEIR_PAGE_MAX		= 16384,	/* bytes of a body */
	WEIR_CONTENT_TYPE_MAX	= 128,		/* with the closing NUL */
};

/* Instead of a virtual host's index: for all of them, and where none is known. */
#define WEIR_PAGE_EVERYWHERE U32_MAX

/**
 * struct weir_page - the body of one kind of error reply
 * @vhost: index of the virtual host that it is for, or WEIR_PAGE_EVERYWHERE
 * @status: of the reply
 * @len: bytes of the body
 * @content_type: what it is
 * @data: the body
 */
struct weir_page {
	u32		vhost;
	u16		status;
	u32		len;
	char		content_type[WEIR_CONTENT_TYPE_MAX];
	struct page	*data[WEIR_PAGE_MAX / PAGE_SIZE];
};

/**
 * struct weir_pages - all of a configuration
 * @refs: one of the configuration, one of each exchange that was judged by it
 * @limited_apart: a virtual host has one of its own for 429
 * @count: used entries of @pages
 * @pages: in the order in which they were given
 */
struct weir_pages {
	refcount_t		refs;
	bool			limited_apart;
	u32			count;
	struct weir_page	*pages[WEIR_PAGES_MAX];
};

/* Add one to a configuration that is not applied yet, in which the bytes are copied.  Sleeps. */
int weir_pages_add(struct weir_config *config, u32 vhost, u16 status, const char *content_type,
		   const void *body, size_t len, struct netlink_ext_ack *extack);
/* NULL will do for both.  Any context but hard interrupts. */
struct weir_pages *weir_pages_get(struct weir_pages *pages);
void weir_pages_put(struct weir_pages *pages);

/* The page for this virtual host, else the one for all, else NULL. */
const struct weir_page *weir_pages_find(const struct weir_pages *pages, u32 vhost, u16 status);
/* Put the body into a pipe; false: no room, or no memory. */
bool weir_page_send(const struct weir_page *page, struct weir_pipe *pipe);
/* Copy the body to where there is room for it. */
void weir_page_copy(const struct weir_page *page, void *to);

#endif /* _WEIR_PAGES_H */

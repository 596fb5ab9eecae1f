// SPDX-License-Identifier: GPL-2.0-only
/* Configured bodies of error replies. */

#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/slab.h>

#include "config.h"
#include "http_chars.h"
#include "pages.h"
#include "pipe.h"

static void weir_page_free(struct weir_page *page)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(page->data); i++)
		if (page->data[i])
			put_page(page->data[i]);
	kfree(page);
}

static struct weir_page *weir_page_make(const void *body, size_t len)
{
	struct weir_page *page = kzalloc(sizeof(*page), GFP_KERNEL_ACCOUNT);
	unsigned int i;
	size_t part;

	if (!page)
		return NULL;
	page->len = len;
	for (i = 0; len; i++, body += part, len -= part) {
		part = min(len, PAGE_SIZE);
		page->data[i] = alloc_page(GFP_KERNEL_ACCOUNT);
		if (!page->data[i]) {
			weir_page_free(page);
			return NULL;
		}
		memcpy(page_address(page->data[i]), body, part);
	}
	return page;
}

static int weir_pages_check(const struct weir_pages *pages, u32 vhost, u16 status,
			    const char *content_type, size_t len, struct netlink_ext_ack *extack)
{
	size_t type = strlen(content_type);
	u32 i;

	if (len > WEIR_PAGE_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "the body has more than %d bytes", WEIR_PAGE_MAX);
		return -E2BIG;
	}
	if (!type || type >= WEIR_CONTENT_TYPE_MAX ||
	    http_skip_value((const u8 *)content_type, 0, type) != type) {
		NL_SET_ERR_MSG(extack, "the content type is not the value of a field");
		return -EINVAL;
	}
	for (i = 0; i < pages->count; i++) {
		if (pages->pages[i]->vhost != vhost || pages->pages[i]->status != status)
			continue;
		NL_SET_ERR_MSG_FMT(extack, "the page for status %u is given twice", status);
		return -EEXIST;
	}
	if (pages->count < WEIR_PAGES_MAX)
		return 0;
	NL_SET_ERR_MSG_FMT(extack, "more than %d error pages", WEIR_PAGES_MAX);
	return -E2BIG;
}

int weir_pages_add(struct weir_config *config, u32 vhost, u16 status, const char *content_type,
		   const void *body, size_t len, struct netlink_ext_ack *extack)
{
	struct weir_page *page;
	int err;

	if (!config->pages) {
		config->pages = kzalloc(sizeof(*config->pages), GFP_KERNEL_ACCOUNT);
		if (!config->pages)
			return -ENOMEM;
		refcount_set(&config->pages->refs, 1);
	}
	err = weir_pages_check(config->pages, vhost, status, content_type, len, extack);
	if (err)
		return err;
	page = weir_page_make(body, len);
	if (!page)
		return -ENOMEM;
	page->vhost = vhost;
	page->status = status;
	strscpy(page->content_type, content_type);
	config->pages->pages[config->pages->count++] = page;
	config->pages->limited_apart |= status == 429 && vhost != WEIR_PAGE_EVERYWHERE;
	return 0;
}

struct weir_pages *weir_pages_get(struct weir_pages *pages)
{
	if (pages)
		refcount_inc(&pages->refs);
	return pages;
}

void weir_pages_put(struct weir_pages *pages)
{
	u32 i;

	if (!pages || !refcount_dec_and_test(&pages->refs))
		return;
	for (i = 0; i < pages->count; i++)
		weir_page_free(pages->pages[i]);
	kfree(pages);
}

const struct weir_page *weir_pages_find(const struct weir_pages *pages, u32 vhost, u16 status)
{
	const struct weir_page *found = NULL;
	u32 i;

	if (!pages)
		return NULL;
	for (i = 0; i < pages->count; i++) {
		const struct weir_page *page = pages->pages[i];

		if (page->status != status)
			continue;
		if (page->vhost == vhost)
			return page;
		if (page->vhost == WEIR_PAGE_EVERYWHERE)
			found = page;
	}
	return found;
}

bool weir_page_send(const struct weir_page *page, struct weir_pipe *pipe)
{
	size_t left = page->len, part;
	unsigned int i;

	for (i = 0; left; i++, left -= part) {
		part = min(left, PAGE_SIZE);
		get_page(page->data[i]);
		if (weir_pipe_put_page(pipe, page->data[i], 0, part))
			continue;
		put_page(page->data[i]);
		return false;
	}
	return true;
}

void weir_page_copy(const struct weir_page *page, void *to)
{
	size_t left = page->len, part;
	unsigned int i;

	for (i = 0; left; i++, to += part, left -= part) {
		part = min(left, PAGE_SIZE);
		memcpy(to, page_address(page->data[i]), part);
	}
}

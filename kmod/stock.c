// SPDX-License-Identifier: GPL-2.0-only
/* Replies of Weir's own that many requests get. */

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/timekeeping.h>

#include "date.h"
#include "http_write.h"
#include "stock.h"

/**
 * struct weir_stock - one CPU's; softirq
 * @page: where replies are written, one behind the other: what is there may be on its way
 * @used: bytes of it
 * @status: of the last one; the rest is about that
 * @seconds: its date
 * @whole: where it is
 * @head: where its head is
 */
struct weir_stock {
	struct page	*page;
	u32		used;
	u16		status;
	time64_t	seconds;
	struct bio_vec	whole;
	struct bio_vec	head;
};

static DEFINE_PER_CPU(struct weir_stock, weir_stocks);

/* Room for one more: where, or NULL. */
static u8 *weir_stock_reserve(struct weir_stock *stock)
{
	if (stock->page && stock->used + HTTP_OWN_MAX > PAGE_SIZE) {
		if (page_ref_count(stock->page) != 1) {
			put_page(stock->page);
			stock->page = NULL;
		}
		stock->used = 0;
	}
	if (!stock->page) {
		stock->page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
		stock->used = 0;
		/* What was there is gone, whatever comes of this. */
		stock->status = 0;
	}
	return stock->page ? page_address(stock->page) + stock->used : NULL;
}

/* Once a second: not worth a place in what each request runs. */
static noinline bool weir_stock_write(struct weir_stock *stock, u16 status, time64_t now)
{
	struct http_own own = {
		.status = status,
		.flags = HTTP_WRITE_NO_STORE | HTTP_WRITE_NO_BODY,
		.date = weir_date(),
	};
	u8 *out = weir_stock_reserve(stock);

	if (!out)
		return false;
	bvec_set_page(&stock->head, stock->page, http_write_own(out, HTTP_OWN_MAX, &own),
		      stock->used);
	own.flags &= ~HTTP_WRITE_NO_BODY;
	bvec_set_page(&stock->whole, stock->page, http_write_own(out, HTTP_OWN_MAX, &own),
		      stock->used);
	stock->used += stock->whole.bv_len;
	stock->status = status;
	stock->seconds = now;
	return true;
}

const struct bio_vec *weir_stock_find(u16 status, bool body)
{
	struct weir_stock *stock = this_cpu_ptr(&weir_stocks);
	time64_t now = ktime_get_real_seconds();

	if ((stock->seconds != now || stock->status != status) &&
	    !weir_stock_write(stock, status, now))
		return NULL;
	return body ? &stock->whole : &stock->head;
}

void weir_stock_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct weir_stock *stock = per_cpu_ptr(&weir_stocks, cpu);

		if (stock->page)
			put_page(stock->page);
		stock->page = NULL;
	}
}

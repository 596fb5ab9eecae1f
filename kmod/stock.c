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
 * @at: where the last one begins; the rest is about that
 * @seconds: its date
 * @status: its status
 * @head: bytes of its head
 */
struct weir_stock {
	struct page	*page;
	u32		used;
	u32		at;
	time64_t	seconds;
	u16		status;
	u16		head;
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

static bool weir_stock_write(struct weir_stock *stock, u16 status, time64_t now)
{
	struct http_own own = {
		.status = status,
		.flags = HTTP_WRITE_NO_STORE | HTTP_WRITE_NO_BODY,
		.date = weir_date(),
	};
	u8 *out = weir_stock_reserve(stock);

	if (!out)
		return false;
	stock->head = http_write_own(out, HTTP_OWN_MAX, &own);
	own.flags &= ~HTTP_WRITE_NO_BODY;
	stock->at = stock->used;
	stock->used += http_write_own(out, HTTP_OWN_MAX, &own);
	stock->status = status;
	stock->seconds = now;
	return true;
}

bool weir_stock_find(u16 status, bool body, struct bio_vec *piece)
{
	struct weir_stock *stock = this_cpu_ptr(&weir_stocks);
	time64_t now = ktime_get_real_seconds();

	if ((stock->seconds != now || stock->status != status) &&
	    !weir_stock_write(stock, status, now))
		return false;
	bvec_set_page(piece, stock->page, body ? stock->used - stock->at : stock->head, stock->at);
	return true;
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

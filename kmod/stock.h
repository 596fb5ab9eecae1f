/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replies of Weir's own that many requests get: each CPU writes one once a second,
 * as it has the date, and sends it by reference.
 */
#ifndef _WEIR_STOCK_H
#define _WEIR_STOCK_H

#include <linux/bvec.h>
#include <linux/types.h>

/*
 * The reply with the short text of @status, not to be stored, on a connection that
 * stays open by itself (HTTP/1.1); @body: or its head alone.  NULL: no memory.
 * No reference is taken: it is good until the leg's run ends.  Softirq.
 */
const struct bio_vec *weir_stock_find(u16 status, bool body);

/* Give the pages back.  When no client is left. */
void weir_stock_exit(void);

#endif /* _WEIR_STOCK_H */

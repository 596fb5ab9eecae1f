/* SPDX-License-Identifier: GPL-2.0-only */
/* Request rates of client addresses. */
#ifndef _WEIR_LIMIT_H
#define _WEIR_LIMIT_H

#include <linux/types.h>

struct in6_addr;
struct weir_limiter;
struct weir_limits;

enum weir_limit_verdict {
	WEIR_LIMIT_PASS,
	WEIR_LIMIT_RATE,	/* over request_rate */
	WEIR_LIMIT_BURST,	/* over request_burst */
};

/* Process context. */
struct weir_limiter *weir_limiter_alloc(void);
/* No reader is left. */
void weir_limiter_free(struct weir_limiter *limiter);
size_t weir_limiter_size(void);

/* Count a request of a client (IPv4 as a mapped address), unless it is over a limit.  Softirq. */
enum weir_limit_verdict weir_limit_check(struct weir_limiter *limiter,
					 const struct weir_limits *limits,
					 const struct in6_addr *client);

#endif /* _WEIR_LIMIT_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/* Moving a message body from packets into a pipe, checking its framing on the way. */
#ifndef _WEIR_RELAY_H
#define _WEIR_RELAY_H

#include <linux/types.h>

#include "http_body.h"

struct sk_buff;
struct weir_pipe;

/* How a body goes on. */
enum weir_relay_mode {
	WEIR_RELAY_RAW,		/* as it came, framing and all */
	WEIR_RELAY_PAYLOAD,	/* chunks taken off */
	WEIR_RELAY_CHUNK,	/* chunks put on */
};

/**
 * struct weir_relay - a body being relayed
 * @body: its framing
 * @mode: how it goes on
 * @verdict: HTTP_MORE until it is whole or wrong
 * @no_memory: the last bytes could not be put for want of memory
 */
struct weir_relay {
	struct http_body	body;
	enum weir_relay_mode	mode;
	enum http_verdict	verdict;
	bool			no_memory;
};

/* Start; @relay->verdict is HTTP_DONE if there is no body. */
void weir_relay_init(struct weir_relay *relay, const struct http_head *head,
		     const struct http_limits *limits, enum weir_relay_mode mode);
/*
 * Relay bytes of a packet: how many were taken, fewer than @len once the body
 * is over or the pipe is full.  The pipe must have room.  Softirq.
 */
size_t weir_relay_skb(struct weir_relay *relay, struct weir_pipe *pipe, const struct sk_buff *skb,
		      unsigned int offset, size_t len);
/* The sender closed: sets the verdict to HTTP_DONE or HTTP_ERROR. */
void weir_relay_finish(struct weir_relay *relay);
/* Put what ends a body in its new framing, after HTTP_DONE.  False: no memory. */
bool weir_relay_end(struct weir_relay *relay, struct weir_pipe *pipe);

#endif /* _WEIR_RELAY_H */

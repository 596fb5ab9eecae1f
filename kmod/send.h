/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending what is in a pipe, or a page. */
#ifndef _WEIR_SEND_H
#define _WEIR_SEND_H

#include <linux/types.h>

struct bio_vec;
struct weir_leg;
struct weir_pipe;

/**
 * struct weir_sent - what weir_send() did
 * @bytes: handed to TCP
 * @tell_producer: the pipe's producer waits to be told that there is room
 * @finished: all was put into the pipe and all was sent
 */
struct weir_sent {
	size_t	bytes;
	bool	tell_producer;
	bool	finished;
};

/*
 * Send all there is in @pipe: 0; -EAGAIN: the rest when WEIR_EVENT_WRITE comes;
 * else the connection can no longer be written.  @last: no more will be put, and
 * the caller shuts the connection down once all is sent, so the end may wait for
 * that, to go in one packet with the FIN.  Socket lock held, softirq.
 */
int weir_send(struct weir_leg *leg, struct weir_pipe *pipe, bool last, struct weir_sent *sent);

/*
 * Send a piece of a page, past any pipe: bytes handed to TCP, which takes references,
 * -EAGAIN, or another error.  Of what is left, if it was not all, TCP will tell
 * nobody before weir_send() was asked to send it.  Socket lock held, softirq.
 */
int weir_send_piece(struct weir_leg *leg, const struct bio_vec *piece);

#endif /* _WEIR_SEND_H */

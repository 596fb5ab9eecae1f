/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending what is in a pipe. */
#ifndef _WEIR_SEND_H
#define _WEIR_SEND_H

#include <linux/types.h>

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

#endif /* _WEIR_SEND_H */

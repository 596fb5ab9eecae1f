// SPDX-License-Identifier: GPL-2.0-only
/* Sending what is in a pipe: TCP takes references to the same pages. */

#include <linux/uio.h>
#include <net/tcp.h>

#include "leg.h"
#include "pipe.h"
#include "send.h"

int weir_send(struct weir_leg *leg, struct weir_pipe *pipe, bool last, struct weir_sent *sent)
{
	const struct bio_vec *pieces;
	struct sock *sk = leg->sk;
	unsigned int n;
	size_t bytes;
	bool more;
	int ret;

	sent->bytes = 0;
	sent->tell_producer = false;
	sent->finished = false;
	for (;;) {
		struct msghdr msg = {
			.msg_flags = MSG_SPLICE_PAGES | MSG_DONTWAIT | MSG_NOSIGNAL,
		};

		n = weir_pipe_peek(pipe, &pieces, &bytes, &more);
		if (!n) {
			sent->finished = weir_pipe_finished(pipe);
			return 0;
		}
		/* A FIN waits for the end of a handshake that had data (TCP Fast Open). */
		if (more || (last && sk->sk_state != TCP_SYN_RECV))
			msg.msg_flags |= MSG_MORE;
		iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, pieces, n, bytes);
		leg->sending = true;
		ret = tcp_sendmsg_locked(sk, &msg, bytes);
		leg->sending = false;
		if (ret < 0) {
			/* With nothing in flight no ACK will make room: memory is short. */
			if (ret == -EAGAIN && tcp_rtx_and_write_queues_empty(sk))
				weir_leg_kick_later(leg, WEIR_EVENT_WRITE);
			return ret;
		}
		sent->bytes += ret;
		sent->tell_producer |= weir_pipe_consume(pipe, ret);
		sent->finished = weir_pipe_finished(pipe);
		if (sent->finished)
			return 0;
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/* Sending what is in a pipe: TCP takes references to the same pages. */

#include <linux/uio.h>
#include <net/tcp.h>

#include "leg.h"
#include "pipe.h"
#include "send.h"

static __always_inline int
weir_send_pieces(struct weir_leg *leg, const struct bio_vec *pieces, unsigned int n,
		 size_t bytes, unsigned int flags)
{
	struct msghdr msg = {
		.msg_flags = MSG_SPLICE_PAGES | MSG_DONTWAIT | MSG_NOSIGNAL | flags,
	};
	int ret;

	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, pieces, n, bytes);
	leg->sending = true;
	ret = tcp_sendmsg_locked(leg->sk, &msg, bytes);
	leg->sending = false;
	return ret;
}

int weir_send_piece(struct weir_leg *leg, const struct bio_vec *piece)
{
	return weir_send_pieces(leg, piece, 1, piece->bv_len, 0);
}

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
		n = weir_pipe_peek(pipe, &pieces, &bytes, &more);
		if (!n) {
			sent->finished = weir_pipe_finished(pipe);
			return 0;
		}
		/* A FIN waits for the end of a handshake that had data (TCP Fast Open). */
		more = more || (last && sk->sk_state != TCP_SYN_RECV);
		ret = weir_send_pieces(leg, pieces, n, bytes, more ? MSG_MORE : 0);
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

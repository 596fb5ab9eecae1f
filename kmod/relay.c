// SPDX-License-Identifier: GPL-2.0-only
/* Moving a message body from packets into a pipe, checking its framing on the way. */

#include <linux/skbuff.h>

#include "gather.h"
#include "http_write.h"
#include "pipe.h"
#include "relay.h"

enum {
	/* Payload of one chunk that is put on; copied, so it needs few slots. */
	WEIR_RELAY_CHUNK_MAX = 16384,
};

void weir_relay_init(struct weir_relay *relay, const struct http_head *head,
		     const struct http_limits *limits, enum weir_relay_mode mode)
{
	relay->verdict = http_body_init(&relay->body, head, limits);
	relay->mode = mode;
	relay->no_memory = false;
}

/* Feed bytes that were classified before, up to where the pipe was full. */
static void weir_relay_replay(struct weir_relay *relay, const struct http_body *saved,
			      const u8 *data, size_t len)
{
	struct http_run run;

	relay->body = *saved;
	relay->verdict = HTTP_MORE;
	while (len) {
		size_t part;

		relay->verdict = http_body_parse(&relay->body, data, len, &run);
		part = run.framing + run.payload;
		if (!part || relay->verdict == HTTP_ERROR)
			return;
		data += part;
		len -= part;
	}
}

/* Payload for certain, not looked at. */
static size_t weir_relay_payload(struct weir_relay *relay, struct weir_pipe *pipe,
				 const struct sk_buff *skb, unsigned int offset, size_t len)
{
	struct http_body saved = relay->body;
	size_t run = http_body_skip(&relay->body, len);
	size_t put;

	if (!run)
		return 0;
	put = weir_pipe_put_skb(pipe, skb, offset, run, false);
	if (put < run) {
		relay->body = saved;
		http_body_skip(&relay->body, put);
	}
	if (http_body_done(&relay->body))
		relay->verdict = HTTP_DONE;
	return put;
}

/* Bytes that have to be looked at. */
static size_t weir_relay_framing(struct weir_relay *relay, struct weir_pipe *pipe,
				 const struct sk_buff *skb, unsigned int offset, size_t len)
{
	struct http_body saved = relay->body;
	struct http_text data = weir_skb_span(skb, offset);
	size_t skip, want, put;
	struct http_run run;

	if (!data.at) {
		relay->verdict = HTTP_ERROR;
		return 0;
	}
	relay->verdict = http_body_parse(&relay->body, data.at, min(data.len, len), &run);
	if (relay->verdict == HTTP_ERROR)
		return 0;
	skip = relay->mode == WEIR_RELAY_PAYLOAD ? run.framing : 0;
	want = run.framing + run.payload - skip;
	put = want ? weir_pipe_put_skb(pipe, skb, offset + skip, want, false) : 0;
	if (put < want)
		weir_relay_replay(relay, &saved, data.at, skip + put);
	return skip + put;
}

/* Put chunks on a body that is delimited by the connection's end. */
static size_t weir_relay_chunk(struct weir_relay *relay, struct weir_pipe *pipe,
			       const struct sk_buff *skb, unsigned int offset, size_t len)
{
	u8 line[HTTP_CHUNK_HEAD_MAX];
	size_t size;

	len = http_body_skip(&relay->body, min_t(size_t, len, WEIR_RELAY_CHUNK_MAX));
	if (!len)
		return 0;
	size = http_write_chunk_head(line, sizeof(line), len);
	if (weir_pipe_put(pipe, line, size) < size ||
	    weir_pipe_put_skb(pipe, skb, offset, len, true) < len ||
	    weir_pipe_put(pipe, "\r\n", 2) < 2) {
		/* The promise of this chunk cannot be kept. */
		relay->verdict = HTTP_ERROR;
		return 0;
	}
	return len;
}

size_t weir_relay_skb(struct weir_relay *relay, struct weir_pipe *pipe, const struct sk_buff *skb,
		      unsigned int offset, size_t len)
{
	size_t done = 0;

	if (!skb_frags_readable(skb)) {
		/* In a device's own memory. */
		relay->verdict = HTTP_ERROR;
		return 0;
	}
	while (done < len && relay->verdict == HTTP_MORE) {
		size_t part;

		if (!weir_pipe_has_room(pipe))
			break;
		if (relay->mode == WEIR_RELAY_CHUNK) {
			part = weir_relay_chunk(relay, pipe, skb, offset + done, len - done);
		} else {
			part = weir_relay_payload(relay, pipe, skb, offset + done, len - done);
			if (!part && relay->verdict == HTTP_MORE)
				part = weir_relay_framing(relay, pipe, skb, offset + done,
							  len - done);
		}
		if (!part) {
			relay->no_memory = relay->verdict == HTTP_MORE &&
					   weir_pipe_has_room(pipe);
			break;
		}
		done += part;
	}
	return done;
}

void weir_relay_finish(struct weir_relay *relay)
{
	if (relay->verdict == HTTP_MORE)
		relay->verdict = http_body_finish(&relay->body);
}

bool weir_relay_end(struct weir_relay *relay, struct weir_pipe *pipe)
{
	size_t len = strlen(HTTP_LAST_CHUNK);

	return relay->mode != WEIR_RELAY_CHUNK ||
	       weir_pipe_put(pipe, HTTP_LAST_CHUNK, len) == len;
}

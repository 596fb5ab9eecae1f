/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LAB_GUEST_CHANNEL_H
#define LAB_GUEST_CHANNEL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol.h"

enum stream { OUT, ERR, STREAMS };

/*
 * One command, upload or download.
 *
 * @in:		where DATA goes: a pipe, a terminal or the file being put; -1 when closed
 * @from:	where STDOUT and STDERR come from; -1 when closed
 * @drain:	bytes still to be taken from a stream once the command has ended: what it had written by then, and no
 *		more, so that a daemon it left behind with the pipe open does not keep the channel
 * @credit:	bytes of output that the host has room for
 * @pending:	DATA not yet taken by the command, a ring of WINDOW_INITIAL bytes from @head on
 */
struct channel {
	uint32_t id;
	bool used, ended, terminal, end_of_input;
	pid_t pid;
	int status;
	int in;
	int from[STREAMS];
	int drain[STREAMS];
	uint32_t credit;
	uint32_t head, pending;
	char *ring;
	char *path, *temporary;
	struct pollfd *polled[1 + STREAMS];
};

/* Each opens @channel, or returns -errno and leaves it unused. @payload is checked, not trusted. */
int channel_exec(struct channel *channel, const char *payload, uint32_t size);
int channel_put(struct channel *channel, const char *payload, uint32_t size);
int channel_get(struct channel *channel, const char *payload, uint32_t size);

/* Bytes from the host; false if it sent more than its window allows. */
bool channel_data(struct channel *channel, const char *data, uint32_t size);
/* Push pending bytes on; returns how many were disposed of, or -errno where an upload failed. */
int channel_push(struct channel *channel);
/* Signal the command's process group. */
void channel_signal(struct channel *channel, int signal);
/* The command ended with wait status @status. */
void channel_ended(struct channel *channel, int status);
/* An upload is complete: put the file in place; 0 or -errno. */
int channel_finish_put(struct channel *channel);
/* Close a stream. */
void channel_close_stream(struct channel *channel, enum stream stream);
/* Kill what runs and free everything. */
void channel_drop(struct channel *channel);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's wire protocol; lab/agent.py is the other side.
 *
 * A frame is a header and at most MAX_PAYLOAD bytes. Numbers are little-endian. The host opens a channel
 * by EXEC, PUT or GET with a number of its own choosing; the agent's EXIT or ERROR closes it.
 *
 * Flow control is by credit, so that no stream ever holds up another or a PING: each side may have
 * WINDOW_INITIAL bytes of a channel's data on the way (DATA downwards, STDOUT and STDERR together
 * upwards) and gets more by WINDOW as the other side disposes of them.
 */
#ifndef LAB_GUEST_PROTOCOL_H
#define LAB_GUEST_PROTOCOL_H

#include <stdint.h>

#define PORT_NAME	"org.weir.agent"

enum {
	MAX_PAYLOAD	= 64 * 1024,
	MAX_CHANNELS	= 64,
	MAX_PING	= 1024,
	WINDOW_INITIAL	= 64 * 1024,
	SYNC_SIZE	= 16,
};

struct frame {
	uint32_t length;	/* of the payload that follows */
	uint32_t channel;	/* 0 for frames of the connection itself */
	uint8_t type;
	uint8_t zero[3];
};

enum to_agent {
	SYNC = 1,	/* SYNC_SIZE random bytes: drop every channel, answer SYNCED with them */
	PING,		/* at most MAX_PING bytes: answered by PONG with them */
	EXEC,		/* struct exec_request, then strings: working folder, argv..., environment... */
	DATA,		/* for the standard input or the file being put */
	END,		/* no more DATA follows */
	SIGNAL,		/* u32 signal to the process group; ends a PUT or GET */
	PUT,		/* u32 mode, path: write a file from DATA */
	GET,		/* path: read a regular file */
	CLOCK,		/* s64 seconds, s64 nanoseconds since the epoch */
	ENTROPY,	/* random bytes to credit and reseed with */
	RESIZE,		/* u16 rows, u16 columns of the channel's terminal */
	CREDIT,		/* u32 bytes that the agent may send more */
};

enum from_agent {
	SYNCED = 128,
	PONG,
	STARTED,	/* u32 pid */
	STDOUT,
	STDERR,
	EXIT,		/* s32 exit status, s32 signal that ended it or 0 */
	ERROR,		/* s32 errno, text */
	WINDOW,		/* u32 bytes that the host may send more */
	DONE,		/* s32 errno or 0: CLOCK and ENTROPY */
};

enum exec_flags {
	EXEC_TERMINAL = 1,	/* on a pseudo terminal of its own; all output is STDOUT */
	EXEC_NO_INPUT = 2,	/* standard input is /dev/null */
};

struct exec_request {
	uint16_t flags;
	uint16_t argc;
	uint16_t envc;
	uint16_t rows;
	uint16_t columns;
};

#endif

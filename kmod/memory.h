/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bounds of the memory held for clients: client_memory for each, total_memory
 * for all.  A worker adds up what is held, ten times a second, and resets the
 * greediest connections of whoever has too much.  So a bound may be passed by
 * what comes within a tenth of a second; and nothing is done per packet.
 *
 * What is held for a connection is all that is there because of it: its own
 * structures, the head being read, the exchange with its two pipes, and what
 * TCP has in the buffers of its socket and of the upstream connection that
 * serves it.  Pages count as a whole, packets with all their overhead
 * (truesize).
 */
#ifndef _WEIR_MEMORY_H
#define _WEIR_MEMORY_H

struct weir_limits;
struct weir_net;

void weir_memory_begin(struct weir_net *wn);
/* No configuration is applied any more.  Process context, sleeps. */
void weir_memory_end(struct weir_net *wn);

/* Make what these limits need: 0 or -ENOMEM.  Process context, the namespace's lock held. */
int weir_memory_prepare(struct weir_net *wn, const struct weir_limits *limits);
/* They are in force.  Likewise. */
void weir_memory_start(struct weir_net *wn, const struct weir_limits *limits);

#endif /* _WEIR_MEMORY_H */

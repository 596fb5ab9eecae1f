/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keys of a network namespace that TLS sessions are sealed with: random, never
 * shown, replaced once a lifetime.  They survive all changes of the configuration;
 * a ticket is good until its key has been replaced twice, so for its lifetime.
 */
#ifndef _WEIR_TICKETS_H
#define _WEIR_TICKETS_H

#include <linux/types.h>

struct tls_ticket_keys;
struct weir_tickets;

/* New ones; NULL: no memory.  Process context. */
struct weir_tickets *weir_tickets_alloc(void);
/* Nobody reads them any more.  NULL will do.  Process context, sleeps. */
void weir_tickets_free(struct weir_tickets *tickets);
/* Those that are good; RCU read lock held as long as they are looked at. */
const struct tls_ticket_keys *weir_tickets_get(const struct weir_tickets *tickets);

#endif /* _WEIR_TICKETS_H */

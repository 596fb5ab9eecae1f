/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The secrets that a network namespace makes tokens with: random, never shown,
 * replaced after a while.  They belong to the namespace and survive all changes
 * of its configuration; two are good at a time, so a token is good until its
 * secret has been replaced twice.
 */
#ifndef _WEIR_SECRETS_H
#define _WEIR_SECRETS_H

#include <linux/types.h>

#include "http_token.h"

struct weir_secrets;

/* New ones; NULL: no memory.  Process context. */
struct weir_secrets *weir_secrets_alloc(void);
/* Nobody reads them any more.  NULL will do.  Process context, sleeps. */
void weir_secrets_free(struct weir_secrets *secrets);
/* Replace them every @period microseconds.  Under the namespace's lock. */
void weir_secrets_rotate(struct weir_secrets *secrets, u64 period);
/* Those that are good; RCU read lock held as long as they are looked at. */
const struct http_secrets *weir_secrets_get(const struct weir_secrets *secrets);
/* How often they have been replaced.  RCU read lock held. */
u64 weir_secrets_generation(const struct weir_secrets *secrets);

#endif /* _WEIR_SECRETS_H */

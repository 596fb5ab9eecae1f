/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signatures that take too long for a softirq (RSA): made in process context, by a
 * worker a CPU, each with a bounded number of them before it.
 *
 * References: one of the leg that waits, one of the worker.
 */
#ifndef _WEIR_SIGNER_H
#define _WEIR_SIGNER_H

#include <linux/list.h>
#include <linux/refcount.h>

#include "tls_server.h"

struct weir_identities;
struct weir_leg;

enum {
	/* That wait for one worker; of RSA-2048 half a second's work or so. */
	WEIR_SIGNER_WAITING	= 256,
};

/**
 * struct weir_signing - one signature
 * @refs: see above
 * @node: before the worker
 * @leg: that waits, with a reference of the worker's
 * @identities: whose key it is, with a reference
 * @job: what is signed, and the signature
 * @done: the signature is there, or could not be made
 */
struct weir_signing {
	refcount_t		refs;
	struct list_head	node;
	struct weir_leg		*leg;
	struct weir_identities	*identities;
	struct tls_sign_job	job;
	bool			done;
};

/* Get what workers need, for good: 0, or -ENOMEM.  Process context. */
int weir_signer_get(void);
/* When nothing waits any more. */
void weir_signer_exit(void);

/*
 * Have a copy of @job signed with a key of @identities, and tell @leg of it (WEIR_EVENT_READ).
 * NULL: no memory, or too many wait.  Softirq.
 */
struct weir_signing *weir_signer_ask(struct weir_leg *leg, struct weir_identities *identities,
				     const struct tls_sign_job *job);
/* The signature, or NULL: not yet. */
static inline const struct tls_sign_job *weir_signing_result(const struct weir_signing *signing)
{
	/* Pairs with the worker's release: the job is not written any more. */
	return smp_load_acquire(&signing->done) ? &signing->job : NULL;
}

/* Any context but hard interrupts. */
void weir_signing_put(struct weir_signing *signing);

#endif /* _WEIR_SIGNER_H */

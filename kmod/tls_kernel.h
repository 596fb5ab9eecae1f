/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's ciphers and hashes for the TLS engine (tls_crypto.h), one
 * set a CPU.  What tls_crypto.h declares is for softirqs: the sets have no locks.
 */
#ifndef _WEIR_TLS_KERNEL_H
#define _WEIR_TLS_KERNEL_H

#include <asm/fpu/api.h>

struct netlink_ext_ack;

/*
 * Get them, for good, before the engine is first used: 0, or an error and a
 * message that says what the kernel lacks.  Process context, sleeps, may load modules.
 */
int weir_tls_kernel_get(struct netlink_ext_ack *extack);
/* Give them back.  When the engine is used no more. */
void weir_tls_kernel_exit(void);

/*
 * Whether ciphers work here and now.  Not in a softirq that has interrupted the
 * kernel's own use of vector registers, which is over within a jiffy.
 */
static inline bool weir_tls_kernel_usable(void)
{
	return irq_fpu_usable();
}

#endif /* _WEIR_TLS_KERNEL_H */

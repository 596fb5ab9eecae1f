/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Secrets of TLS connections for who looks into what was recorded of them, in
 * /sys/kernel/debug/weir/keylog, which root alone may read.  With WEIR_TLS_KEYLOG alone.
 */
#ifndef _WEIR_KEYLOG_H
#define _WEIR_KEYLOG_H

#ifdef WEIR_TLS_KEYLOG

#include <linux/types.h>

struct tls_server;

/* 0, or -ENOMEM.  Process context. */
int weir_keylog_init(void);
/* Nobody adds to it any more. */
void weir_keylog_exit(void);
/* Add a line; where there is no room for it, it is lost.  Any context but hard interrupts. */
void weir_keylog_add(struct tls_server *server, const u8 *line, size_t len);

#else

static inline int weir_keylog_init(void)
{
	return 0;
}

static inline void weir_keylog_exit(void)
{
}

#endif

#endif /* _WEIR_KEYLOG_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/* What mbed TLS locks with, for a few instructions: softirqs off. */
#ifndef WEIR_MBEDTLS_THREADING_ALT_H
#define WEIR_MBEDTLS_THREADING_ALT_H

#include <linux/spinlock_types.h>
#include <stdint.h>

struct weir_mbedtls_mutex {
	spinlock_t lock; /* protects what mbed TLS says */
};

#define mbedtls_threading_mutex_t struct weir_mbedtls_mutex

#endif /* WEIR_MBEDTLS_THREADING_ALT_H */

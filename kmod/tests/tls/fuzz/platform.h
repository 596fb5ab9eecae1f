/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tls_crypto.h for the fuzzer: a platform whose secrets are none, so that it
 * can get behind them. A record is encrypted as it is, its tag sixteen 0xa5; a
 * Finished is right unless it begins with 0; random numbers are the same ones
 * for each connection; X25519 is an exclusive or; hashes are anything but.
 */
#ifndef WEIR_TEST_TLS_PLATFORM_H
#define WEIR_TEST_TLS_PLATFORM_H

#include "../../../tls_crypto.h"

/* The random numbers begin again. */
void platform_reset(void);

#endif /* WEIR_TEST_TLS_PLATFORM_H */

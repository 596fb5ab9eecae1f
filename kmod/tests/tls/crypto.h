/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WEIR_TEST_TLS_CRYPTO_H
#define WEIR_TEST_TLS_CRYPTO_H

#include "../../tls_crypto.h"

/* These are the next random bytes; behind them real ones come again. They are not copied. */
void inject_random(const u8 *bytes, size_t len);

#endif /* WEIR_TEST_TLS_CRYPTO_H */

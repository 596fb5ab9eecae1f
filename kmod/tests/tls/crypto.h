/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WEIR_TEST_TLS_CRYPTO_H
#define WEIR_TEST_TLS_CRYPTO_H

#include "../../tls_crypto.h"

/* These are the next random bytes; behind them real ones come again. They are not copied. */
void inject_random(const u8 *bytes, size_t len);

/* For one of the next ciphers, the first is 1, there is no memory; 0: for all there is. */
void refuse_cipher(u32 which);

#endif /* WEIR_TEST_TLS_CRYPTO_H */

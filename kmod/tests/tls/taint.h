/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WEIR_TEST_TLS_TAINT_H
#define WEIR_TEST_TLS_TAINT_H

#include "../../tls_types.h"

/* From here on memcheck reports each branch and each address that comes of it. */
void make_secret(const void *at, size_t len);

/* A session goes on; how many bytes the result has, 0 if it does not. */
size_t taint_resume(u8 *out);

/* Likewise, of a handshake of TLS 1.2. */
size_t taint_12(u8 *out);

#endif /* WEIR_TEST_TLS_TAINT_H */

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WEIR_TEST_FUZZ_H
#define WEIR_TEST_FUZZ_H

#include "../../../http_types.h"

/* One input, as libFuzzer calls it; aborts if something does not hold. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#endif /* WEIR_TEST_FUZZ_H */

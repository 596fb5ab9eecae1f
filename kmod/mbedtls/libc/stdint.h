/* SPDX-License-Identifier: GPL-2.0-only */
/* Integer types as mbed TLS asks for them; limits, which it compares in #if, are literals. */
#ifndef WEIR_MBEDTLS_STDINT_H
#define WEIR_MBEDTLS_STDINT_H

#include <linux/limits.h>
#include <linux/types.h>

#undef SIZE_MAX
#define SIZE_MAX 0xffffffffffffffffUL
#undef UINT8_MAX
#define UINT8_MAX 0xff
#undef UINT16_MAX
#define UINT16_MAX 0xffff
#undef UINT32_MAX
#define UINT32_MAX 0xffffffffU
#undef UINT64_MAX
#define UINT64_MAX 0xffffffffffffffffULL
#undef INT32_MAX
#define INT32_MAX 0x7fffffff
#undef INT64_MAX
#define INT64_MAX 0x7fffffffffffffffLL
#undef UINT_MAX
#define UINT_MAX 0xffffffffU
#undef INT_MAX
#define INT_MAX 0x7fffffff
#undef INT_MIN
#define INT_MIN (-INT_MAX - 1)
#undef LONG_MAX
#define LONG_MAX 0x7fffffffffffffffL
#undef ULONG_MAX
#define ULONG_MAX 0xffffffffffffffffUL
#undef USHRT_MAX
#define USHRT_MAX 0xffff
#undef UCHAR_MAX
#define UCHAR_MAX 0xff
#undef CHAR_BIT
#define CHAR_BIT 8

#endif /* WEIR_MBEDTLS_STDINT_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/* For static_assert(). */
#include <linux/build_bug.h>

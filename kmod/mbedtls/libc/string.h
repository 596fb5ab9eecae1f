/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/string.h>
/* What that includes defines limits anew. */
#include <stdint.h>

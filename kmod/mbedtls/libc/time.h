/* SPDX-License-Identifier: GPL-2.0-only */
/* Types are in config.h. */

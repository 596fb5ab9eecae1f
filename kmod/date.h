/* SPDX-License-Identifier: GPL-2.0-only */
/* The time of day as HTTP writes it. */
#ifndef _WEIR_DATE_H
#define _WEIR_DATE_H

/* HTTP_DATE_LEN bytes, valid until this CPU leaves the softirq. */
const char *weir_date(void);

#endif /* _WEIR_DATE_H */

// SPDX-License-Identifier: GPL-2.0-only
/* The time of day as HTTP writes it, formatted once a second on each CPU. */

#include <linux/percpu.h>
#include <linux/timekeeping.h>

#include "date.h"
#include "http_write.h"

/**
 * struct weir_date_text - one CPU's; softirq
 * @seconds: the time it is for
 * @text: the time
 */
struct weir_date_text {
	time64_t	seconds;
	char		text[HTTP_DATE_LEN];
};

static DEFINE_PER_CPU(struct weir_date_text, weir_dates);

const char *weir_date(void)
{
	struct weir_date_text *date = this_cpu_ptr(&weir_dates);
	time64_t now = ktime_get_real_seconds();

	if (date->seconds != now) {
		http_format_date(date->text, now);
		date->seconds = now;
	}
	return date->text;
}

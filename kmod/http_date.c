// SPDX-License-Identifier: GPL-2.0-only
#include "http_write.h"

enum {
	/* 86400 = 128 * 675: the shift leaves 32 bits, which every CPU divides. */
	DAY_SHIFT = 7,
	DAY_REST = 675,
	SECONDS_PER_DAY = 86400,
	DAYS_PER_WEEK = 7,
	EPOCH_WEEKDAY = 4,	/* 1 January 1970 was a Thursday */
	/* Days from 1 March of year 0 to 1 January 1970, in the proleptic Gregorian calendar. */
	EPOCH_DAY = 719468,
	DAYS_PER_ERA = 146097,	/* 400 years */
	DAYS_PER_CENTURY = 36524,
	DAYS_PER_4_YEARS = 1460,
};

struct day {
	u32 year;
	u32 month;	/* 1 to 12 */
	u32 day;	/* 1 to 31 */
};

/* Years are counted from March, so that the leap day is a year's last. */
static struct day day_of(u32 days)
{
	u32 since = days + EPOCH_DAY;
	u32 era = since / DAYS_PER_ERA;
	u32 of_era = since % DAYS_PER_ERA;
	u32 year = (of_era - of_era / DAYS_PER_4_YEARS + of_era / DAYS_PER_CENTURY -
		    of_era / (DAYS_PER_ERA - 1)) / 365;
	u32 of_year = of_era - (365 * year + year / 4 - year / 100);
	/* Five months from March on always have 153 days. */
	u32 month = (5 * of_year + 2) / 153;

	return (struct day){
		.year = era * 400 + year + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = of_year - (153 * month + 2) / 5 + 1,
	};
}

static void two_digits(char *out, u32 number)
{
	out[0] = '0' + number / 10 % 10;
	out[1] = '0' + number % 10;
}

void http_format_date(char out[HTTP_DATE_LEN], u64 seconds)
{
	u32 days = (u32)(seconds >> DAY_SHIFT) / DAY_REST;
	u32 rest = (u32)(seconds - (u64)days * SECONDS_PER_DAY);
	struct day day = day_of(days);

	memcpy(out, "Sun, 00 Jan 0000 00:00:00 GMT", HTTP_DATE_LEN);
	memcpy(out, &"SunMonTueWedThuFriSat"[(days + EPOCH_WEEKDAY) % DAYS_PER_WEEK * 3], 3);
	two_digits(out + 5, day.day);
	memcpy(out + 8, &"JanFebMarAprMayJunJulAugSepOctNovDec"[(day.month - 1) * 3], 3);
	two_digits(out + 12, day.year / 100);
	two_digits(out + 14, day.year % 100);
	two_digits(out + 17, rest / 3600);
	two_digits(out + 20, rest / 60 % 60);
	two_digits(out + 23, rest % 60);
}

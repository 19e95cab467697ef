/* SPDX-License-Identifier: Apache-2.0 */
/* base/time.c: moments as text and back, in UTC; no locale and no time zone of the host takes part. */
#include "base/text.h"

#include <stdio.h>
#include <time.h>

#define FIRST_SECOND (-62167219200) /* 0000-01-01T00:00:00Z */
#define LAST_SECOND 253402300799    /* 9999-12-31T23:59:59Z */

struct date {
	int year, month, day, hour, minute, second;
};

const char *vl_time_text(int64_t t, char out[static 24])
{
	time_t clamped = t < FIRST_SECOND ? FIRST_SECOND : t > LAST_SECOND ? LAST_SECOND : t;
	struct tm tm;

	gmtime_r(&clamped, &tm);
	snprintf(out, 24, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)(tm.tm_year + 1900) % 10000,
		 (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100,
		 (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
	return out;
}

/* Exactly n digits at *s, which moves behind them. */
static bool take_digits(const char **s, unsigned n, int *out)
{
	for (*out = 0; n > 0; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		*out = *out * 10 + (**s - '0');
	}
	return true;
}

static bool take_char(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool date_to_time(const struct date *d, int64_t *t)
{
	struct tm tm = { .tm_year = d->year - 1900, .tm_mon = d->month - 1, .tm_mday = d->day,
			 .tm_hour = d->hour,        .tm_min = d->minute,    .tm_sec = d->second };

	if (d->month < 1 || d->month > 12 || d->day < 1 || d->day > days_in(d->year, d->month))
		return false;
	if (d->hour > 23 || d->minute > 59 || d->second > 59)
		return false;
	*t = timegm(&tm);
	return true;
}

static bool take_clock(const char **s, struct date *d)
{
	return take_digits(s, 2, &d->hour) && take_char(s, ':') && take_digits(s, 2, &d->minute) && take_char(s, ':') &&
	       take_digits(s, 2, &d->second);
}

static bool take_day(const char **s, struct date *d)
{
	return take_digits(s, 4, &d->year) && take_char(s, '-') && take_digits(s, 2, &d->month) && take_char(s, '-') &&
	       take_digits(s, 2, &d->day);
}

bool vl_time_parse(const char *s, int64_t *t)
{
	struct date d;

	return take_day(&s, &d) && take_char(&s, 'T') && take_clock(&s, &d) && take_char(&s, 'Z') && *s == '\0' &&
	       date_to_time(&d, t);
}

/* "Z", "z" or "+hh:mm", then the end. */
static bool take_offset(const char *s, int64_t *seconds)
{
	int sign = *s == '-' ? -1 : 1, hours, minutes;

	*seconds = 0;
	if (*s == 'Z' || *s == 'z')
		return s[1] == '\0';
	if (*s != '+' && *s != '-')
		return false;
	s++;
	if (!take_digits(&s, 2, &hours) || !take_char(&s, ':') || !take_digits(&s, 2, &minutes) || *s)
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return hours <= 23 && minutes <= 59;
}

bool vl_time_parse_loose(const char *s, int64_t *t)
{
	int64_t offset, local;
	struct date d;

	if (!take_day(&s, &d) || (*s != 'T' && *s != 't' && *s != ' '))
		return false;
	s++;
	if (!take_clock(&s, &d))
		return false;
	if (*s == '.') {
		s++;
		if (*s < '0' || *s > '9')
			return false;
		while (*s >= '0' && *s <= '9')
			s++;
	}
	if (d.second == 60) /* a leap second; our clocks have none */
		d.second = 59;
	if (!take_offset(s, &offset) || !date_to_time(&d, &local))
		return false;
	*t = local - offset;
	return true;
}

/* One of the three-letter names packed in `names`; its index. */
static bool take_name(const char **s, const char *names, int *index)
{
	for (*index = 0; *names; names += 3, (*index)++) {
		if (!strncmp(*s, names, 3)) {
			*s += 3;
			return true;
		}
	}
	return false;
}

bool vl_http_date_parse(const char *s, int64_t *t)
{
	struct date d;
	int weekday, month;

	if (!take_name(&s, "MonTueWedThuFriSatSun", &weekday) || !take_char(&s, ',') || !take_char(&s, ' ') ||
	    !take_digits(&s, 2, &d.day) || !take_char(&s, ' ') ||
	    !take_name(&s, "JanFebMarAprMayJunJulAugSepOctNovDec", &month) || !take_char(&s, ' ') ||
	    !take_digits(&s, 4, &d.year) || !take_char(&s, ' ') || !take_clock(&s, &d) || strcmp(s, " GMT"))
		return false;
	d.month = month + 1;
	return date_to_time(&d, t);
}

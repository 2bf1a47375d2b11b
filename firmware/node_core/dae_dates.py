# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Expiry dates in days from 1970-01-01 (UTC). Pure, integers only."""

LEVELS = (90, 30, 7, -1)  # days left at which somebody is told; the day of the date itself still counts


def day_of(text):
    """The day number of an ISO date such as "2027-03-31".

    Raises:
        ValueError: it is no such date.
    """
    parts = text.split("-")
    if [len(part) for part in parts] != [4, 2, 2] or not "".join(parts).isdigit():
        raise ValueError("not a date")
    year, month, day = [int(part) for part in parts]
    if not (2000 <= year < 2200 and 1 <= month <= 12):
        raise ValueError("not a date")
    days = _days_before(year, month)
    if not 1 <= day <= _days_before(year + month // 12, month % 12 + 1) - days:
        raise ValueError("not a date")
    return days + day - 1


def _days_before(year, month):
    """Days from 1970-01-01 to the first of that month; years from March on, as the leap day ends them."""
    if month < 3:
        year -= 1
        month += 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 - 719_468


def date_of(day):
    """The ISO date of a day number."""
    year = 1970 + day // 366
    while _days_before(year + 1, 1) <= day:
        year += 1
    month = 12
    while _days_before(year, month) > day:
        month -= 1
    return "%04d-%02d-%02d" % (year, month, day - _days_before(year, month) + 1)


def level_of(days_left):
    """How many of `LEVELS` have been reached: 0 all is well, 4 expired."""
    return sum([days_left <= days for days in LEVELS])

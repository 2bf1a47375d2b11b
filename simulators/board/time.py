# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`time` as the ESP32 port has it, on the simulated clock. Importing it also makes asyncio use that clock."""

import simclock as _clock
import utime as _host

_EPOCH_2000_S = 946_684_800
_MASK = _clock.TICKS_MASK
_HALF = (_MASK + 1) >> 1


def ticks_ms():
    return ((_clock.look() - _clock.boot_us + _clock.ticks_start_us) // 1000) & _MASK


def ticks_us():
    return (_clock.look() - _clock.boot_us + _clock.ticks_start_us) & _MASK


def ticks_cpu():
    return ((_clock.look() - _clock.boot_us) * 160) & _MASK


def ticks_add(ticks, delta):
    if not -_HALF < delta < _HALF:
        raise OverflowError("ticks interval overflow")
    return (ticks + delta) & _MASK


def ticks_diff(end, start):
    return ((end - start + _HALF) & _MASK) - _HALF


def sleep_us(duration_us):
    _clock.wait(_clock.look(0) + max(0, int(duration_us)))


def sleep_ms(duration_ms):
    _clock.wait(_clock.look(0) + max(0, int(duration_ms)) * 1000)


def sleep(duration_s):
    _clock.wait(_clock.look(0) + max(0, int(duration_s * 1_000_000)))


def time_ns():
    """Nanoseconds since 2000-01-01, as the board's own clock has it."""
    return (_clock.look() - _clock.rtc_offset_us - _EPOCH_2000_S * 1_000_000) * 1000


def time():
    return time_ns() // 1_000_000_000


def gmtime(seconds=None):
    if seconds is None:
        seconds = time()
    return tuple(_host.gmtime(int(seconds) + _EPOCH_2000_S))[:8]


localtime = gmtime  # the ESP32 port knows no time zone


def mktime(parts):
    year, month, day, hour, minute, second = parts[:6]
    year += (month - 1) // 12
    month = (month - 1) % 12 + 1
    shifted = year if month > 2 else year - 1
    era = shifted // 400
    of_era = shifted - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + day_of_year - 719_468
    return days * 86_400 + hour * 3600 + minute * 60 + second - _EPOCH_2000_S


import asyncio_tasks as _tasks  # noqa: E402  (needs the ticks above)

_tasks.install()

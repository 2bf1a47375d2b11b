# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The gateway's only source of time, and what it knows of its own error.

A Raspberry Pi has no clock of its own: after a power cut it starts in the past. So the wall clock is believed only
while the kernel says that something disciplines it (adjtimex: STA_UNSYNC off), and its bound is the kernel's own
`maxerror`. Order and expiry use the monotonic time of this boot alone.
"""

from __future__ import annotations

import asyncio
import ctypes
import math
import os
import time
from pathlib import Path
from typing import Literal, NamedTuple

from gateway_agent.errors import ConfigError
from gateway_agent.model import ClockReading

Trust = Literal["auto", "always", "never"]

UNKNOWN, SYNCHRONISED, WAS_SYNCHRONISED = 0, 1, 2

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIMESYNC_MARK = Path(
    "/run/systemd/timesync/synchronized"
)  # systemd-timesyncd(8): written at the first synchronisation
_STA_UNSYNC = 0x0040  # linux/timex.h
_TIME_ERROR = 5
_DRIFT_PPM = 500  # what the kernel itself assumes of an undisciplined clock (MAXFREQ)
_ASK_KERNEL_EACH_MS = 1_000


class _Timex(ctypes.Structure):
    """struct timex of linux/timex.h; only the first fields are read, the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_long * 32),
    )


class KernelClock(NamedTuple):
    """What the kernel says of its wall clock."""

    is_synchronised: bool
    bound_s: int


def read_kernel_clock() -> KernelClock:
    """Ask adjtimex, changing nothing. Where it cannot be asked, the clock counts as not synchronised."""
    timex = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return KernelClock(False, 0)
    is_synchronised = state not in (-1, _TIME_ERROR) and not timex.status & _STA_UNSYNC
    return KernelClock(is_synchronised, max(1, math.ceil(timex.maxerror / 1_000_000)))


def read_boot_id() -> bytes:
    """The first 8 bytes of the kernel's boot id."""
    return bytes.fromhex(_BOOT_ID.read_text().replace("-", ""))[:8]


def judge(
    kernel: KernelClock, trust: Trust, now_ms: int, last_synchronised_at_ms: int | None, was_synchronised: bool
) -> tuple[int, int | None]:
    """Clock state and bound in seconds, as docs/wire.md section 5 has them. Pure.

    `now_ms` and `last_synchronised_at_ms` are monotonic; the latter is what this process has seen itself.
    """
    if trust == "never":
        return UNKNOWN, None
    if trust == "always":
        return SYNCHRONISED, kernel.bound_s if kernel.is_synchronised else 1
    if kernel.is_synchronised:
        return SYNCHRONISED, kernel.bound_s
    if last_synchronised_at_ms is not None:
        return WAS_SYNCHRONISED, 1 + math.ceil((now_ms - last_synchronised_at_ms) * _DRIFT_PPM / 1e9) + 1
    return (WAS_SYNCHRONISED, None) if was_synchronised else (UNKNOWN, None)


class SystemClock:
    """The machine's clocks."""

    def __init__(self, trust: Trust = "auto") -> None:
        self._trust: Trust = trust
        self._boot_id = read_boot_id()
        self._asked_at_ms: int | None = None
        self._last_synchronised_at_ms: int | None = None
        self._state, self._bound_s = UNKNOWN, None  # type: tuple[int, int | None]

    def monotonic_ms(self) -> int:
        """Milliseconds of this boot, including time spent suspended."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def read(self) -> ClockReading:
        now_ms = self.monotonic_ms()
        if self._asked_at_ms is None or now_ms - self._asked_at_ms >= _ASK_KERNEL_EACH_MS:
            self._asked_at_ms = now_ms
            kernel = read_kernel_clock()
            if kernel.is_synchronised:
                self._last_synchronised_at_ms = now_ms
            self._state, self._bound_s = judge(
                kernel, self._trust, now_ms, self._last_synchronised_at_ms, _TIMESYNC_MARK.exists()
            )
        wall_ms = None if self._state == UNKNOWN else time.time_ns() // 1_000_000
        return ClockReading(self._boot_id, now_ms, wall_ms, self._state, self._bound_s)

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(duration_ms / 1000)


class ScaledClock:
    """A simulation's time, `rate` times faster than the machine's. Wall and monotonic are both scaled, and synchronised."""

    def __init__(self, rate: float, epoch_ms: int, real_ms: int) -> None:
        self._rate = rate
        self._epoch_ms = epoch_ms
        self._real_ms = real_ms
        self._boot_id = read_boot_id()

    def monotonic_ms(self) -> int:
        return int(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000 * self._rate) // 1_000

    def read(self) -> ClockReading:
        wall_ms = self._epoch_ms + int((time.time_ns() // 1_000_000 - self._real_ms) * self._rate)
        return ClockReading(self._boot_id, self.monotonic_ms(), wall_ms, SYNCHRONISED, 1)

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(duration_ms / 1000 / self._rate)


def parse_scaled_clock(text: str) -> ScaledClock:
    """The value of STARTCITY_CLOCK: `rate:<n>,epoch_ms:<wall>,real_ms:<unix time at which the simulation started>`.

    Raises:
        ConfigError: it is not of that form.
    """
    try:
        parts = dict(part.split(":", 1) for part in text.split(","))
        clock = ScaledClock(float(parts["rate"]), int(parts["epoch_ms"]), int(parts["real_ms"]))
        if not 0.001 <= float(parts["rate"]) <= 1_000:
            raise ValueError("rate")
    except (ValueError, KeyError) as error:
        raise ConfigError(
            f"STARTCITY_CLOCK is {text!r}: write rate:<0.001 to 1000>,epoch_ms:<integer>,real_ms:<integer>, or unset it"
        ) from error
    return clock


def make_clock(trust: Trust) -> SystemClock | ScaledClock:
    """The machine's clock, or the simulation's where STARTCITY_CLOCK names one."""
    text = os.environ.get("STARTCITY_CLOCK")
    return parse_scaled_clock(text) if text else SystemClock(trust)

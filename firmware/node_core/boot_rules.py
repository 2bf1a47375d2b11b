# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""When a node starts in safe mode. Pure: one number in, one number out; whoever calls keeps it over power cuts.

Theory of operation
-------------------
A boot is *open* from its start until it has lived for 60 s, and *good* once its application is well, too. How a boot
ended is known at the next one, from the reset's cause, the crash report and whether it was still open:

1. The watchdog bit, or there is a crash report: it failed, however long it had lived.
2. A reset that nobody asked for, while open (a panic of the firmware's C code shows as "hard"): it failed.
3. Power came back, while open: a *short* boot. Somebody plays with the switch, or the supply breaks down when the radio
   starts: a stock ESP32 reports both as a power-on. After a failure it counts as one, too: the crash may be the supply's.
4. Somebody has stopped the program, or nothing runs because something is missing: it is not open any more. A tool that
   copies files and resets the board does the former, and such a reset cannot be told from a panic.
5. Anything else (deep sleep, Ctrl-D at the prompt, power cut after a minute): nothing is counted.

FAILED_MAX failed boots in a row: safe mode. WEAK_AFTER short ones: the radio sends with less power, which a weak supply
may bear, and everything else runs; SHORT_MAX: safe mode, too. So a switch that is played with seven times changes nothing,
and what it can cause at all ends by itself with the first boot that lives for a minute.

Safe mode ends with a command, or by itself after an hour, and after 2, 4, .. 24 hours where that did not help: each time
the next failure leads straight back. A power-on after safe mode has lived for a minute (somebody came to repair it) is such a try.

The number: bits 0-7 failed boots, 8-15 short ones, 16-19 how often safe mode has ended by itself, 20 open. Counts
saturate, so that a loop soon writes nothing any more.
"""

FAILED_MAX = 5
WEAK_AFTER = 10
SHORT_MAX = 20
GOOD_AFTER_MS = 60_000
_RETRY_S = 3600
_RETRY_S_MAX = 86_400
_OPEN = 1 << 20


def _pack(failed: int, short: int, retries: int, is_open: int) -> int:
    return min(failed, FAILED_MAX) | min(short, SHORT_MAX) << 8 | min(retries, 15) << 16 | is_open


def begin(word: int, cause: str, has_crashed: bool) -> int:
    """The number for this boot: `cause` of the reset as the record `reset` says it, and whether there is a crash report."""
    failed = word & 0xFF
    short = word >> 8 & 0xFF
    retries = word >> 16 & 0xF
    if has_crashed or cause == "watchdog":
        failed += 1
    elif cause == "sleep":
        return word
    elif word & _OPEN:
        if cause in ("power", "brownout"):
            short += 1
            failed += failed > 0
        elif cause != "soft":
            failed += 1
    else:
        failed = min(failed, FAILED_MAX - 1)
        short = min(short, SHORT_MAX - 1)
    return _pack(failed, short, retries, _OPEN)


def is_safe(word: int) -> bool:
    return word & 0xFF >= FAILED_MAX or word >> 8 & 0xFF >= SHORT_MAX


def is_weak(word: int) -> bool:
    """Whether the radio should send with less power."""
    return word >> 8 & 0xFF >= WEAK_AFTER


def pause_s(word: int, cause: str) -> int:
    """How long a node with a battery rests before it starts, where power does not outlive its starts: a cell that is cold or has
    rested long needs the time, and a loop would empty it."""
    if cause not in ("power", "brownout") or not is_weak(word):
        return 0
    return _RETRY_S if word >> 8 & 0xFF >= SHORT_MAX else 60


def settled(word: int, is_good: bool) -> int:
    """The number once a boot has lived for 60 s; `is_good` where its application runs and is well."""
    if is_good:
        return 0
    short = word >> 8 & 0xFF
    return _pack(word & 0xFF, short if short >= SHORT_MAX else 0, word >> 16 & 0xF, 0)


def stopped(word: int) -> int:
    """The number where no program runs any more, or none can: whatever ends this boot, it was not the firmware."""
    return word & ~_OPEN


def retry(word: int) -> int:
    """The number with which safe mode tries the whole node once more."""
    return _pack(min(word & 0xFF, FAILED_MAX - 1), min(word >> 8 & 0xFF, SHORT_MAX - 1), (word >> 16 & 0xF) + 1, 0)


def retry_after_s(word: int) -> int:
    """How long safe mode lasts before it tries by itself."""
    return min(_RETRY_S << (word >> 16 & 0xF), _RETRY_S_MAX)

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What ends a run of the board, and what it remembers across it.

The process is killed, not ended: a reset runs no `finally`, flushes no file and closes no socket, exactly like the real
one. Before that `power.json` in the node's directory says why, so that whoever runs the board starts it again
(simulators/vm.py does) and the firmware then reads the right reset cause. Without that file it was a power cut.

Deep sleep is the exception: the chips go on meanwhile, with all that their registers hold, and one of them may wake the
board. So the process stays, `DeepSleep` unwinds the firmware, boot_node.py waits and then starts it anew.

`power.jsonl` in the node's directory gets one line for each run of the board that ended by itself: why it started and ended, how long it was
awake, how long its radio was on, what it wrote to flash, which modules it had loaded.
"""

import binascii
import json
import os

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

directory = None  # of the node; None while a test script runs without one
cause = PWRON_RESET
backup = bytearray(2048)  # RTC slow memory: survives every reset but power-on
rtc_length = 0  # how much of it `RTC.memory` counts as written; it shares the buffer with `mem_backup`
rtc_set_us = None  # true time minus the board's own clock, once somebody set it
exit_hook = None  # tests that want to survive a reset put a function here

can_sleep = False  # boot_node.py says that it catches `DeepSleep`
wake_reason = 0  # 2 ext0, 3 ext1, 4 timer, 7 GPIO
ext0 = None  # (pin number, level) that wakes the board
ext1 = None  # ([pin numbers], is_any_high)
gpio = None  # ([pin numbers], level)
woken_by = None  # wake reason, once a pin has ended the present sleep
is_asleep = False
sleeps = 0
awake_since_us = 0
radio_on_us = 0  # of the runs of the radio that are over
radio_since_us = None
flash = None  # the FlashDevice
nvs_commits = 0
_LOADED_MAX = 300
builtin_modules = ()  # names that were loaded before the firmware
loaded = []  # names that the firmware has loaded in this run, again where it had let go of them
_counted = [0, 0, 0, 0]


class DeepSleep(BaseException):
    """Not an Exception: no firmware catches the end of its own run. The argument is the time in ms, 0 for no timer."""


def restore(node_directory):
    """Read what the last run left, and take it away: the next start is a power-on unless that run says otherwise."""
    global directory, cause, rtc_length, rtc_set_us
    directory = node_directory
    for i in range(len(backup)):  # nobody clears it at power-on
        backup[i] = i * 37 & 0xFF
    path = node_directory + "/power.json"
    try:
        with open(path) as file:
            left = json.load(file)
    except (OSError, ValueError):
        return
    os.remove(path)
    cause = left["cause"]
    backup[:] = binascii.unhexlify(left["backup"])
    rtc_length = left["rtc_length"]
    rtc_set_us = left["rtc_set_us"]


def _die():
    os.system("kill -9 $PPID")  # the shell's parent is this process
    while True:
        pass


def off():
    """Power is gone."""
    if exit_hook is not None:
        return exit_hook("off")
    _die()


def level_changed(number, level):
    """A chip has put this level on a pin: it may end a sleep."""
    global woken_by
    if not is_asleep or woken_by is not None:
        return
    if ext0 is not None and ext0 == (number, level):
        woken_by = 2
    elif ext1 is not None and number in ext1[0]:
        import machine

        levels = [machine.Pin(pin).level() for pin in ext1[0]]
        if any(levels) if ext1[1] else not any(levels):
            woken_by = 3
    elif gpio is not None and number in gpio[0] and level == gpio[1]:
        woken_by = 7


def radio(is_on):
    """The radio's supply was switched."""
    global radio_on_us, radio_since_us
    import simclock

    if is_on and radio_since_us is None:
        radio_since_us = simclock.now_us
    elif not is_on and radio_since_us is not None:
        radio_on_us += simclock.now_us - radio_since_us
        radio_since_us = None


def count_loads():
    """Note from now on what `import` loads."""
    import builtins
    import sys

    load = builtins.__import__

    def counting(*arguments):
        before = set(sys.modules)
        noted = len(loaded)
        try:
            return load(*arguments)
        finally:
            inside = loaded[noted:]
            if noted < _LOADED_MAX:  # a run of a week must not fill the heap with its account
                loaded.extend([name for name in sys.modules if name not in before and name not in inside])

    builtins.__import__ = counting


def note_run(end, sleep_ms):
    """One line about the run that ends now."""
    global radio_on_us, _counted
    if directory is None:
        return
    import simclock

    radio(False)
    counts = [0, 0, 0, nvs_commits]
    if flash is not None:
        counts[:3] = (flash.writes, flash.bytes_written, flash.erases)
    since, _counted = _counted, counts
    line = {
        "cause": cause,
        "wake": wake_reason,
        "end": end,
        "start_ms": awake_since_us // 1000,
        "awake_ms": (simclock.now_us - awake_since_us) // 1000,
        "radio_ms": radio_on_us // 1000,
        "flash_writes": counts[0] - since[0],
        "flash_bytes": counts[1] - since[1],
        "flash_erases": counts[2] - since[2],
        "nvs_commits": counts[3] - since[3],
        "sleep_ms": sleep_ms,
        "modules": sorted(loaded),
    }
    radio_on_us = 0
    del loaded[:]
    with open(directory + "/power.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")


def keep(new_cause, sleep_ms=0):
    """Leave for the next run why this one ends, and what RTC memory holds."""
    global rtc_set_us
    if directory is None:
        return
    import simclock

    rtc_set_us = simclock.rtc_offset_us  # the board's own clock goes on over every reset but power-on
    with open(directory + "/power.json", "w") as file:
        json.dump(
            {
                "cause": new_cause,
                "backup": binascii.hexlify(backup).decode(),
                "rtc_length": rtc_length,
                "rtc_set_us": rtc_set_us,
                "sleep_ms": sleep_ms,
            },
            file,
        )


def restart(new_cause, sleep_ms=0):
    """Reset now; the board starts again after `sleep_ms`."""
    if exit_hook is not None:
        return exit_hook(new_cause)
    note_run(new_cause, sleep_ms)
    if new_cause == DEEPSLEEP_RESET and can_sleep:
        raise DeepSleep(sleep_ms)
    keep(new_cause, sleep_ms)
    _die()

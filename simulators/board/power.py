# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What ends a run of the board, and what it remembers across it.

The process is killed, not ended: a reset runs no `finally`, flushes no file and closes no socket, exactly like the real
one. Before that `power.json` in the node's directory says why, so that whoever runs the board starts it again
(simulators/vm.py does) and the firmware then reads the right reset cause. Without that file it was a power cut.
"""

import json
import os

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

directory = None  # of the node; None while a test script runs without one
cause = PWRON_RESET
rtc_memory = b""  # survives every reset but power-on
rtc_set_us = None  # true time minus the board's own clock, once somebody set it
exit_hook = None  # tests that want to survive a reset put a function here


def restore(node_directory):
    """Read what the last run left, and take it away: the next start is a power-on unless that run says otherwise."""
    global directory, cause, rtc_memory, rtc_set_us
    directory = node_directory
    path = node_directory + "/power.json"
    try:
        with open(path) as file:
            left = json.load(file)
    except (OSError, ValueError):
        return
    os.remove(path)
    cause = left["cause"]
    rtc_memory = bytes(left["rtc"])
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


def restart(new_cause, sleep_ms=0):
    """Reset now; the board starts again after `sleep_ms`."""
    if exit_hook is not None:
        return exit_hook(new_cause)
    if directory is not None:
        with open(directory + "/power.json", "w") as file:
            json.dump(
                {"cause": new_cause, "rtc": list(rtc_memory), "rtc_set_us": rtc_set_us, "sleep_ms": sleep_ms}, file
            )
    _die()

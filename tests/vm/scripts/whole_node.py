# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The whole firmware inside a script, on a flash in memory, the clock jumping: nobody waits for a simulated week.

`boot(app)` runs it until the board is reset or `Over` is raised, and says how it ended.
"""

import json
import sys

import machine
import power
import simclock
import world
from flash_device import FlashDevice

SETTINGS = {"mode": "well", "each_s": 60, "gain": 1.5, "inverted": False, "diagnostics_s": 900, "watchdog_s": 120}
CONFIG = {
    "profile": "bench",
    "app": "inline",
    "board": "esp32_generic",
    "settings": SETTINGS,
    "measurements": {"level": ["m", "n", -2, "record", 5], "tilt": [None, "n", 0, "trend", 300]},
    "node": "aabbccddee77",
    "wifi": [{"ssid": "startcity", "password": "secret"}],
    "mqtt": {"host": "127.0.0.1", "port": 1},
}
CONFIG["measurements"]["taken"] = [None, "b", 0, "alarm", 0]


class Over(BaseException):
    """The script has seen enough."""


class Reset(BaseException):
    pass


class Module:
    def __init__(self, **content):
        for name in content:
            setattr(self, name, content[name])


def mount(path=None, size_bytes=1 << 20, is_new=True):
    """The board's file system, at the current folder."""
    import os
    import uos

    device = FlashDevice(size_bytes, path)
    if is_new:
        uos.VfsLfs2.mkfs(device, progsize=128, readsize=128, lookahead=128)
    uos.mount(uos.VfsLfs2(device, progsize=128, readsize=128, lookahead=128), "/flash")
    os.chdir("/flash")
    return device


def install(**more):
    with open("config.json", "w") as file:
        json.dump(dict(CONFIG, **more), file)
    with open("key.bin", "wb") as file:
        file.write(bytes(range(16)))


def _reset(cause):
    raise Reset(cause)


def boot(app, cause=machine.PWRON_RESET, tick_ms=None):
    """Run the firmware with this application class, out of reach of any network. Returns the cause of the reset that ended it, None
    after `Over`. `tick_ms`: how often it looks after itself; a simulated week has 600,000 of its own seconds."""
    world.values["wifi"] = []
    for name in ("inline", "bench"):
        sys.modules["apps." + name] = Module(App=app)
    simclock.boot_us = simclock.now_us
    power.cause = cause
    power.exit_hook = _reset
    for name in list(sys.modules):
        if name in ("runtime", "version") or name.startswith(("node_core", "node_io", "boards")):
            del sys.modules[name]
    import asyncio

    asyncio.new_event_loop()
    try:
        import runtime

        if tick_ms is not None:
            runtime._TICK_MS = tick_ms
        runtime.main()
    except Reset as ended:
        return ended.args[0]
    except Over:
        return None
    finally:
        if machine.WDT._event is not None:
            simclock.cancel(machine.WDT._event)
            machine.WDT._event = None
    raise AssertionError("the firmware has ended")


def up_s():
    """Since the start of this boot."""
    return (simclock.now_us - simclock.boot_us) // 1_000_000

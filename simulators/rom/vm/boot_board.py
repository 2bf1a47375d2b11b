# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Start MicroPython on a virtual board: `micropython -i boot_board.py`, with these settings in STARTCITY_BOARD, as JSON.

    flash, state        paths: the image of the whole flash, and the folder for what outlives a reset
    chip, title, mac    "esp32", "ESP32", 12 hex digits
    vfs, nvs            [offset, bytes] in the image, or null
    profile, hardware   sensors soldered to the board: by a profile's name ("": as config.json on the board says), as in hardware.json
    terminal            path of the terminal that this runs on
    raw                 whether the raw prompt follows, so that main.py is not run

Then what the ESP32 port does: mount the file system at "/" (an erased one is made first), run boot.py and main.py, and leave the
prompt to the virtual machine. From `_ready` on nothing of this computer can be reached by path: the modules are loaded, and
`power` keeps its own way to the state folder.
"""

import sys

_here = __file__[: __file__.rfind("/")]
sys.path[:] = [_here, _here + "/../../board", _here + "/../../sensors", ".frozen"]

import collections
import gc
import json
import uos

import boot_node
import esp32
import flash_region
import machine
import network
import nvs_partition
import power
import select
import simclock
import socket
import time

_READY = "\x1eready\n"
_HIDDEN = ("system", "getenv", "putenv", "unsetenv", "VfsPosix", "errno")
_BOOT_TEXT = "# This file is executed on every boot.\n"


class _Stand:
    """A module that looks like another one, but for what is said here."""

    def __init__(self, module, **values):
        for name in dir(module):
            if not name.startswith("__") and name not in _HIDDEN:
                setattr(self, name, getattr(module, name))
        for name, value in values.items():
            setattr(self, name, value)


def _stand_in(title, chip):
    """`sys` and `os` as on the chip."""
    found = sys.implementation
    board = "ESP32_GENERIC" + {"esp32s3": "_S3", "esp32c3": "_C3"}.get(chip, "")
    machine_name = "Generic %s module with %s" % (title, title)
    fields = ("name", "version", "_machine", "_mpy", "_build")
    implementation = collections.namedtuple("implementation", fields)(
        found.name, found.version, machine_name, found._mpy, board
    )
    uname = collections.namedtuple("uname", ("sysname", "nodename", "release", "version", "machine"))(
        "esp32", "esp32", ".".join([str(part) for part in found.version[:3]]), sys.version, machine_name
    )
    sys.modules["os"] = _Stand(uos, uname=lambda: uname)
    sys.modules["sys"] = _Stand(sys, platform="esp32", implementation=implementation)


def _profile(region):
    """What the board's own configuration says, before anything is mounted."""
    try:
        with uos.VfsLfs2(region).open("/config.json", "r") as file:
            return json.load(file).get("profile", "")
    except (OSError, ValueError, AttributeError):
        return ""


def _mount(region):
    """As the port's frozen _boot.py and inisetup.py."""
    if region is None:
        return
    try:
        uos.mount(region, "/")
    except OSError:
        if region.read(0, 4096) != b"\xff" * 4096:
            while True:
                print("The filesystem appears to be corrupted. Erase the flash, then write MicroPython again.")
                time.sleep(3)
        print("Performing initial setup")
        uos.VfsLfs2.mkfs(region)
        uos.mount(region, "/")
        with open("/boot.py", "w") as file:
            file.write(_BOOT_TEXT)
    uos.chdir("/")


def _unmount():
    uos.chdir("/")
    uos.umount("/")


def _run_file(name):
    """Whether the next file may run: the port goes on after success, and where there is none."""
    try:
        with open(name) as file:
            source = file.read()
    except OSError:
        return True
    try:
        exec(compile(source, name, "exec"), globals_of_board)
        return True
    except SystemExit:
        raise
    except Exception as error:
        sys.print_exception(error)
    except KeyboardInterrupt as error:
        sys.print_exception(error)
    return False


def _run(is_raw):
    """boot.py and main.py, again after each deep sleep."""
    while True:
        try:
            if _run_file("boot.py") and not is_raw:
                _run_file("main.py")
            return
        except power.DeepSleep as end:
            sleep_ms = end.args[0]
        boot_node.sleep(sleep_ms, state, hardware, _unmount, lambda: _mount(vfs))
        is_raw = False


def _leave():
    """The prompt was left by Ctrl-D or sys.exit(): a soft reset, which a virtual machine does by ending."""
    power.keep(power.SOFT_RESET)


settings = json.loads(uos.getenv("STARTCITY_BOARD"))
# The leader of a session that opens a terminal belongs to it: whoever has started the board may be killed, and this ends too.
_terminal = open(settings["terminal"], "rb")
state = settings["state"]
hardware = settings["hardware"]
vfs = flash_region.FlashRegion(settings["flash"], *settings["vfs"]) if settings["vfs"] else None
profile = settings["profile"] or (_profile(vfs) if vfs else "")
machine.become(settings["chip"])
esp32.become(settings["chip"])
chips = boot_node.power_on(state, hardware, settings["mac"], profile)
machine.simulated_chips = chips
machine.simulated_flash = power.flash = vfs
if settings["nvs"]:
    esp32.storage = nvs_partition.NvsPartition(flash_region.FlashRegion(settings["flash"], *settings["nvs"]))
_stand_in(settings["title"], settings["chip"])
power.builtin_modules = tuple(sys.modules)
power.count_loads()
_host = uos.VfsPosix("/")
power.open = lambda path, mode="r": _host.open(path, mode)
sys.atexit(_leave)
globals_of_board = {"__name__": "__main__"}
gc.collect()
try:
    uos.umount("/")
    sys.path[:] = ["", ".frozen", "/lib"]
    sys.stdout.write(_READY)
    _mount(vfs)
    power.can_sleep = True
    _run(settings["raw"])
except KeyboardInterrupt as error:
    sys.print_exception(error)
finally:
    power.can_sleep = False

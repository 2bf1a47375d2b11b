# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Start a simulated node: `micropython -X heapsize=... boot_node.py NODE_DIR [FIRMWARE_DIR]`.

NODE_DIR holds `files/` (config.json, key.bin: what an installer copies onto a new board), `flash.bin` (the board's file system; made from
`files/` at the first start), optionally `hardware.json` (wiring.py; `"mem_backup": false` is a board with MicroPython before 1.29), and between two starts `power.json` and `nvs.json`; `power.jsonl` is an account of
each run (power.py). hardware.json may also hold `"rtc_drift_ppm"`: how much too fast the slow clock runs that keeps time in deep sleep; `"rtc_decay_sleep"`: in
which sleep a bit of the RTC memory falls over; `"boot_ms"`: from waking to boot.py.
The firmware's code is imported from FIRMWARE_DIR (default: `firmware/` beside the simulators), as if it were frozen into the image.

Environment: STARTCITY_SIM (world.py), STARTCITY_CLOCK (simclock.py), STARTCITY_POWER_CUT=`writes:N,torn:K` (lose power at that write).
"""

import sys

_here = __file__[: __file__.rfind("/")] if "/" in __file__ else "."
for _folder in (_here, _here + "/../sensors"):
    if _folder not in sys.path:
        sys.path.insert(0 if _folder == _here else 1, _folder)

import asyncio
import gc
import json
import os
import uos

import esp32
import flash_device
import machine
import network
import power
import select
import simclock
import socket
import time
import wiring
import world

_FLASH_BYTES = 1 << 20
_LFS_SIZES = {"progsize": 128, "readsize": 128, "lookahead": 128}
# From the end of deep sleep to the first line of boot.py with a stock image that does not validate itself again, measured
# under MicroPython (glenn20/upy-esp32-experiments).
_BOOT_MS = 418


def _absolute(path):
    return path if path.startswith("/") else os.getcwd().rstrip("/") + "/" + path


def _read_json(path, default):
    try:
        with open(path) as file:
            return json.load(file)
    except OSError:
        return default


def _copy_tree(source, target):
    for entry in os.ilistdir(source):
        name = entry[0]
        if entry[1] & 0x4000:
            if name not in (".", ".."):
                os.mkdir(target + "/" + name)
                _copy_tree(source + "/" + name, target + "/" + name)
        else:
            with open(source + "/" + name, "rb") as old, open(target + "/" + name, "wb") as new:
                while True:
                    block = old.read(1024)
                    if not block:
                        break
                    new.write(block)


def mount(directory, hardware):
    """The board's flash as `/flash`, made at the first start. Returns the device."""
    path = directory + "/flash.bin"
    size_bytes = hardware.get("flash_bytes", _FLASH_BYTES)
    try:
        is_new = os.stat(path)[6] != size_bytes
    except OSError:
        is_new = True
    if is_new:  # beside and renamed: a start that is killed here begins again
        beside = path + ".new"
        try:
            os.remove(beside)
        except OSError:
            pass
        device = flash_device.FlashDevice(size_bytes, beside)
        uos.VfsLfs2.mkfs(device, **_LFS_SIZES)
        uos.mount(uos.VfsLfs2(device, **_LFS_SIZES), "/flash")
        _copy_tree(directory + "/files", "/flash")
        uos.umount("/flash")
        os.rename(beside, path)
    device = flash_device.FlashDevice(size_bytes, path, hardware.get("flash_timed", False))
    cut = os.getenv("STARTCITY_POWER_CUT")
    if cut:
        fields = dict(part.split(":") for part in cut.split(","))
        device.on_cut = power.off
        device.cut_after(int(fields["writes"]), int(fields.get("torn", 0)))
    _mount(device)
    return device


def _mount(device):
    uos.mount(uos.VfsLfs2(device, **_LFS_SIZES), "/flash")
    os.chdir("/flash")


def _run(firmware):
    """boot.py and main.py, as at every start."""
    for name in ("boot.py", "main.py"):
        path = firmware + "/" + name
        try:
            os.stat(path)
        except OSError:
            continue
        with open(path) as file:
            source = file.read()
        exec(compile(source, path, "exec"), {"__name__": "__main__", "__file__": path})


def _look_at_pins():
    """A pin that has its level already ends the sleep at once."""
    if power.ext0 is not None and machine.Pin(power.ext0[0]).level() == power.ext0[1]:
        power.woken_by = 2
    elif power.ext1 is not None:
        levels = [machine.Pin(number).level() for number in power.ext1[0]]
        if any(levels) if power.ext1[1] else not any(levels):
            power.woken_by = 3
    elif power.gpio is not None and power.gpio[1] in [machine.Pin(number).level() for number in power.gpio[0]]:
        power.woken_by = 7


def sleep(sleep_ms, directory, hardware, unmount, mount_again):
    """Deep sleep, from the end of one run of the firmware to the beginning of the next."""
    machine.simulated_power_down()
    network.simulated_power_down()
    for name in list(sys.modules):
        if name not in power.builtin_modules:
            del sys.modules[name]
    asyncio.new_event_loop()
    unmount()
    gc.collect()
    print("sleep %d ms" % sleep_ms)
    drift_ppm = hardware.get("rtc_drift_ppm", 0)
    began_us = simclock.now_us
    power.woken_by = None
    power.is_asleep = True
    _look_at_pins()
    # The timer counts by the slow clock, too: one that is fast wakes the board early.
    deadline_us = began_us + sleep_ms * 1000 * 1_000_000 // (1_000_000 + drift_ppm) if sleep_ms else None
    while True:
        try:
            simclock.sleep(deadline_us, lambda: power.woken_by is not None)
            break
        except KeyboardInterrupt:
            pass  # a board that sleeps does not hear its console
    power.is_asleep = False
    simclock.rtc_offset_us -= (simclock.now_us - began_us) * drift_ppm // 1_000_000
    power.cause = power.DEEPSLEEP_RESET
    power.wake_reason = power.woken_by or machine.TIMER_WAKE
    power.ext0 = power.ext1 = power.gpio = None  # to be said again before each sleep
    power.sleeps += 1
    if power.sleeps == hardware.get("rtc_decay_sleep"):
        power.backup[600] ^= 1
    if simclock.skipped_us:
        with open(directory + "/skipped_ms.new", "w") as file:
            file.write(str(simclock.skipped_us // 1000))
        os.rename(directory + "/skipped_ms.new", directory + "/skipped_ms")
    simclock.restart(simclock.now_us)
    power.awake_since_us = simclock.now_us + hardware.get("boot_ms", _BOOT_MS) * 1000
    simclock.wait(power.awake_since_us)
    print("rst:0x5 (DEEPSLEEP_RESET) wake reason %d" % power.wake_reason)
    mount_again()


def power_on(directory, hardware, mac, profile):
    """All but the flash: what the last run has left, the address (12 hex digits), the world, the chips. Returns the chips by name."""
    power.restore(directory)
    if not hardware.get("mem_backup", True):
        del machine.mem_backup
    if power.rtc_set_us is not None:
        simclock.rtc_offset_us = power.rtc_set_us
    power.awake_since_us = simclock.now_us
    machine.set_unique_id(bytes.fromhex(mac))
    world.connect(os.getenv("STARTCITY_SIM"), mac, profile)
    parts = hardware["chips"] if "chips" in hardware else wiring.of_profile(profile, hardware.get("pins"))
    return wiring.solder(parts, hardware.get("seed", int(mac[-6:], 16)))


def _unmount():
    os.chdir("/")
    uos.umount("/flash")


def main():
    directory = _absolute(sys.argv[1])
    firmware = _absolute(sys.argv[2] if len(sys.argv) > 2 else _here + "/../../firmware")
    sys.path[:] = [_absolute(_here), _absolute(_here) + "/../sensors", firmware, ".frozen"]
    hardware = _read_json(directory + "/hardware.json", {})
    simclock.skip(int(_read_json(directory + "/skipped_ms", 0)) * 1000)
    try:
        config = _read_json(directory + "/files/config.json", {})
    except ValueError:
        config = {}  # the firmware is to say so
    mac = hardware.get("mac") or config.get("node") or "240ac4000001"
    chips = power_on(directory, hardware, mac, config.get("profile", ""))
    device = mount(directory, hardware)
    # Tests and figures read these; firmware has no business with them.
    machine.simulated_chips = chips
    machine.simulated_flash = power.flash = device
    power.builtin_modules = tuple(sys.modules)
    power.can_sleep = True
    power.count_loads()
    while True:
        try:
            _run(firmware)
            return
        except power.DeepSleep as end:
            sleep_ms = end.args[0]
        sleep(sleep_ms, directory, hardware, _unmount, lambda: _mount(device))


if __name__ == "__main__":
    main()

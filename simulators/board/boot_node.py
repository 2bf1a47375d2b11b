# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Start a simulated node: `micropython -X heapsize=... boot_node.py NODE_DIR [FIRMWARE_DIR]`.

NODE_DIR holds `files/` (config.json, key.bin: what an installer copies onto a new board), `flash.bin` (the board's file system; made from
`files/` at the first start), optionally `hardware.json` (wiring.py), and between two starts `power.json` and `nvs.json`.
The firmware's code is imported from FIRMWARE_DIR (default: `firmware/` beside the simulators), as if it were frozen into the image.

Environment: STARTCITY_SIM (world.py), STARTCITY_CLOCK (simclock.py), STARTCITY_POWER_CUT=`writes:N,torn:K` (lose power at that write).
"""

import sys

_here = __file__[: __file__.rfind("/")] if "/" in __file__ else "."
for _folder in (_here, _here + "/../sensors"):
    if _folder not in sys.path:
        sys.path.insert(0 if _folder == _here else 1, _folder)

import json
import os
import uos

import flash_device
import machine
import network
import power
import simclock
import time
import wiring
import world

_FLASH_BYTES = 1 << 20
_LFS_SIZES = {"progsize": 128, "readsize": 128, "lookahead": 128}


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
    uos.mount(uos.VfsLfs2(device, **_LFS_SIZES), "/flash")
    os.chdir("/flash")
    return device


def main():
    directory = _absolute(sys.argv[1])
    firmware = _absolute(sys.argv[2] if len(sys.argv) > 2 else _here + "/../../firmware")
    sys.path[:] = [_absolute(_here), _absolute(_here) + "/../sensors", firmware, ".frozen"]
    hardware = _read_json(directory + "/hardware.json", {})
    power.restore(directory)
    if power.rtc_set_us is not None:
        simclock.rtc_offset_us = power.rtc_set_us
    try:
        config = _read_json(directory + "/files/config.json", {})
    except ValueError:
        config = {}  # the firmware is to say so
    mac = hardware.get("mac") or config.get("node") or "240ac4000001"
    machine.set_unique_id(bytes.fromhex(mac))
    world.connect(os.getenv("STARTCITY_SIM"), mac, config.get("profile", ""))
    parts = hardware["chips"] if "chips" in hardware else wiring.of_profile(config.get("profile", ""))
    chips = wiring.solder(parts, hardware.get("seed", int(mac[-6:], 16)))
    device = mount(directory, hardware)
    # Tests and figures read these; firmware has no business with them.
    machine.simulated_chips = chips
    machine.simulated_flash = device
    for name in ("boot.py", "main.py"):
        path = firmware + "/" + name
        try:
            os.stat(path)
        except OSError:
            continue
        with open(path) as file:
            source = file.read()
        exec(compile(source, path, "exec"), {"__name__": "__main__", "__file__": path})


if __name__ == "__main__":
    main()

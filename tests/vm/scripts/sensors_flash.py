# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The flash device: littlefs on it survives a power cut at every single write, whole or torn."""

import sys
import uos
from flash_device import FlashDevice, PowerCut

SIZES = {"progsize": 128, "readsize": 128, "lookahead": 128}


def work(log):
    """Append records one by one; `log` holds what close() has promised."""
    for number in range(12):
        with open("/f/records", "ab") as file:
            file.write(bytes((number,)) * 50)
        log.append(number)
        if number == 6:
            with open("/f/other.new", "wb") as file:
                file.write(b"x" * 700)
            uos.rename("/f/other.new", "/f/other")


def fresh():
    device = FlashDevice(64 * 1024)
    uos.VfsLfs2.mkfs(device, **SIZES)
    uos.mount(uos.VfsLfs2(device, **SIZES), "/f")
    return device


device = fresh()
mounted = device.writes
work([])
total = device.writes - mounted
uos.umount("/f")

cuts = 0
for writes in range(total):
    for torn_bytes in (0, 1, 64):
        device = fresh()
        promised = []
        device.cut_after(writes, torn_bytes)
        try:
            work(promised)
            raise AssertionError("the power stayed on")
        except PowerCut:
            pass
        try:
            device.readblocks(0, bytearray(16))
            raise AssertionError("a chip without power answered")
        except PowerCut:
            pass
        try:
            uos.umount("/f")
        except PowerCut:
            pass
        device.restore_power()
        uos.mount(uos.VfsLfs2(device, **SIZES), "/f")
        data = b""
        try:
            data = open("/f/records", "rb").read()
        except OSError:
            assert not promised
        expected = b"".join(bytes((number,)) * 50 for number in range(12))
        assert len(data) % 50 == 0 and expected.startswith(data), data
        assert len(data) // 50 >= len(promised), (writes, torn_bytes, promised, len(data))
        uos.umount("/f")
        cuts += 1
print("ok", total, cuts)

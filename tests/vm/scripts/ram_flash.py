# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A flash chip in memory, with a power supply that fails at a chosen write."""

import os
import vfs

BLOCK_BYTES = 4096


class PowerCut(BaseException):
    pass


class RamFlash:
    def __init__(self, blocks):
        self.content = bytearray(b"\xff" * (blocks * BLOCK_BYTES))
        self.writes = 0
        self.cut_at = -1
        self.is_off = False
        self.is_worn = False  # refuses to be written
        self.is_gone = False  # the old chip of a node that was restarted: files left open must not reach the new one

    def readblocks(self, block, buffer, offset=0):
        if self.is_gone:
            return -5
        at = block * BLOCK_BYTES + offset
        buffer[:] = self.content[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=None):
        if self.is_gone or self.is_worn:
            return -5
        if self.is_off:
            raise PowerCut
        at = block * BLOCK_BYTES + (offset or 0)
        if self.writes == self.cut_at:
            self.is_off = True
            half = len(buffer) // 2
            self.content[at : at + half] = buffer[:half]
            raise PowerCut
        self.writes += 1
        self.content[at : at + len(buffer)] = buffer

    def ioctl(self, operation, argument):
        if operation == 4:
            return len(self.content) // BLOCK_BYTES
        if operation == 5:
            return BLOCK_BYTES
        if operation == 6:  # erase
            if self.is_gone or self.is_worn:
                return -5
            if self.is_off:
                raise PowerCut
            if self.writes == self.cut_at:
                self.is_off = True
                raise PowerCut
            self.writes += 1
            at = argument * BLOCK_BYTES
            self.content[at : at + BLOCK_BYTES] = b"\xff" * BLOCK_BYTES
            return 0
        return 0


def format_and_mount(flash):
    unmount()
    vfs.VfsLfs2.mkfs(flash)
    mount(flash)


def unmount():
    os.chdir("/")
    try:
        vfs.umount("/board")
    except (PowerCut, OSError):
        pass  # it was not there


def mount(flash):
    vfs.mount(vfs.VfsLfs2(flash), "/board")
    os.chdir("/board")


def power_again(flash):
    """Power comes back: RAM is forgotten, and the file system is mounted anew. Returns the chip to go on with."""
    unmount()
    flash.is_gone = True
    again = RamFlash(0)
    again.content = flash.content
    flash.content = b""
    mount(again)
    return again

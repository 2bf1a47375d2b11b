# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The flash partition of the file system: a block device in RAM or in a file, which can lose power at any write.

`FlashDevice(bytes)` or `FlashDevice(bytes, path)`; `cut_after(n, torn_bytes)` lets n more operations (programming or erasing one
run) complete, does only the first `torn_bytes` bytes of the next one, and calls `on_cut`. After that the chip
has no power: every access raises `PowerCut`, until `restore_power`.

Erased flash reads 0xFF. That programming can only clear bits is not modelled: littlefs programs erased places only. Times are of a common 4 MB chip (GD25Q32C data sheet, 8.8):
45 ms to erase 4 KiB, 0.5 ms to program 256 bytes. They count only with `is_timed`: then the CPU hears no interrupt meanwhile, as on the board.
"""

import simclock as _clock

BLOCK_BYTES = 4096
_ERASE_US = 45_000
_PROGRAM_US_256 = 500


class PowerCut(BaseException):
    """Not an Exception: no firmware catches the end of its own power."""


class FlashDevice:
    def __init__(self, size_bytes, path=None, is_timed=False):
        self.size_bytes = size_bytes
        self.is_timed = is_timed
        self.writes = 0  # programs and erases so far
        self.bytes_written = 0
        self.erases = 0
        self.on_cut = None
        self._cut_at = None
        self._torn_bytes = 0
        self._is_dead = False
        self._file = None
        self._memory = None
        if path is None:
            self._memory = bytearray(size_bytes)
            for index in range(0, size_bytes, BLOCK_BYTES):
                self._memory[index : index + BLOCK_BYTES] = b"\xff" * BLOCK_BYTES
        else:
            try:
                self._file = open(path, "r+b")
            except OSError:
                with open(path, "wb") as new:
                    blank = b"\xff" * BLOCK_BYTES
                    for _ in range(size_bytes // BLOCK_BYTES):
                        new.write(blank)
                self._file = open(path, "r+b")

    def cut_after(self, writes, torn_bytes=0):
        self._cut_at = self.writes + writes
        self._torn_bytes = torn_bytes

    def restore_power(self):
        self._is_dead = False
        self._cut_at = None

    def _put(self, offset, data):
        if self._memory is not None:
            self._memory[offset : offset + len(data)] = data
        else:
            self._file.seek(offset)
            self._file.write(data)
            self._file.flush()

    def _operate(self, offset, data):
        if self._is_dead:
            raise PowerCut()
        if self._cut_at is not None and self.writes >= self._cut_at:
            self._is_dead = True
            self._put(offset, bytes(memoryview(data)[: self._torn_bytes]))
            if self.on_cut is not None:
                self.on_cut()
            raise PowerCut()
        self.writes += 1
        self._put(offset, data)

    def readblocks(self, block, buffer, offset=0):
        if self._is_dead:
            raise PowerCut()
        start = block * BLOCK_BYTES + offset
        if self._memory is not None:
            buffer[:] = memoryview(self._memory)[start : start + len(buffer)]
        else:
            self._file.seek(start)
            self._file.readinto(buffer)

    def writeblocks(self, block, data, offset=None):
        if offset is None:
            for index in range(len(data) // BLOCK_BYTES):
                self._erase(block + index)
            offset = 0
        start = block * BLOCK_BYTES + offset
        self.bytes_written += len(data)
        if self.is_timed:
            _clock.busy((len(data) + 255) // 256 * _PROGRAM_US_256)
        self._operate(start, data)

    def _erase(self, block):
        self.erases += 1
        if self.is_timed:
            _clock.busy(_ERASE_US)
        self._operate(block * BLOCK_BYTES, b"\xff" * BLOCK_BYTES)

    def ioctl(self, operation, argument):
        if operation == 4:
            return self.size_bytes // BLOCK_BYTES
        if operation == 5:
            return BLOCK_BYTES
        if operation == 6:
            self._erase(argument)
            return 0
        return 0  # 1 init, 2 shutdown, 3 sync: nothing is buffered here

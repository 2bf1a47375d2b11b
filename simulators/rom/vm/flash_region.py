# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A partition of the board's flash file as a block device. Programming only clears bits; what is outside the partition cannot be reached."""

import flash_device

_ERASED = b"\xff" * flash_device.BLOCK_BYTES


class FlashRegion(flash_device.FlashDevice):
    def __init__(self, path, start, size_bytes):
        super().__init__(size_bytes, path)
        self._start = start

    def _require(self, offset, length):
        if offset < 0 or offset + length > self.size_bytes:
            raise OSError(22)

    def read(self, offset, length):
        self._require(offset, length)
        self._file.seek(self._start + offset)
        return self._file.read(length)

    def program(self, offset, data):
        self._operate(offset, data)

    def erase(self, block):
        self._erase(block)

    def _put(self, offset, data):
        self._require(offset, len(data))
        if data is not _ERASED:
            old = int.from_bytes(self.read(offset, len(data)), "little")
            data = (old & int.from_bytes(bytes(data), "little")).to_bytes(len(data), "little")
        self._file.seek(self._start + offset)
        self._file.write(data)
        self._file.flush()

    def readblocks(self, block, buffer, offset=0):
        start = block * flash_device.BLOCK_BYTES + offset
        self._require(start, len(buffer))
        self._file.seek(self._start + start)
        self._file.readinto(buffer)

    def _erase(self, block):
        self.erases += 1
        self._operate(block * flash_device.BLOCK_BYTES, _ERASED)

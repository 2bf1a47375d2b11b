# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A NOR flash chip in a file: erased it reads 0xFF, programming only clears bits, erasing takes whole sectors."""

from __future__ import annotations

import hashlib
import mmap
from pathlib import Path

SECTOR_BYTES = 4096
_MIB = 1 << 20
_MANUFACTURER = 0xEF
_KIND = 0x40


class FlashImageError(Exception):
    """The file cannot be this chip's content."""


def make_blank(path: Path, size_mb: int) -> None:
    """Write an erased chip, for its owner alone: a board's flash holds its keys."""
    path.touch(mode=0o600)
    with path.open("r+b") as file:
        for _ in range(size_mb):
            file.write(b"\xff" * _MIB)


class NorFlash:
    """The content stays in the file; another process sees each change.

    `true_bytes` is less than the size where the chip is smaller than it says: it then ignores the upper address lines, so that what is
    written beyond its end lands at its beginning.
    """

    def __init__(self, path: Path, size_mb: int) -> None:
        """Open `path`, or make an erased chip there.

        Raises:
            FlashImageError: the file has another size, or the size is no power of two from 1 to 16 MB.
        """
        if size_mb not in (1, 2, 4, 8, 16):
            raise FlashImageError(f"a flash of {size_mb} MB does not exist: 1, 2, 4, 8 or 16")
        if not path.exists():
            make_blank(path, size_mb)
        found = path.stat().st_size
        if found != size_mb * _MIB:
            raise FlashImageError(f"{path} has {found} bytes, and a flash of {size_mb} MB has {size_mb * _MIB}")
        self.path = path
        self.size_bytes = self.true_bytes = found
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), found)

    def close(self) -> None:
        self._map.close()

    @property
    def identification(self) -> int:
        """Answer to the command 0x9F, first byte lowest: manufacturer, kind, capacity as a power of two."""
        return _MANUFACTURER | _KIND << 8 | (self.size_bytes.bit_length() - 1) << 16

    def _runs(self, offset: int, length: int) -> list[tuple[int, int]]:
        """(offset, length) in the chip's own cells."""
        runs = []
        while length:
            start = offset % self.true_bytes
            part = min(length, self.true_bytes - start)
            runs.append((start, part))
            offset += part
            length -= part
        return runs

    def holds(self, offset: int, length: int) -> bool:
        """Whether the chip that it says it is has this range."""
        return offset >= 0 and length >= 0 and offset + length <= self.size_bytes

    def read(self, offset: int, length: int) -> bytes:
        return b"".join(self._map[start : start + part] for start, part in self._runs(offset, length))

    def program(self, offset: int, data: bytes) -> None:
        """Clear the bits that are 0 in `data`; a bit that is 0 already stays so."""
        for start, part in self._runs(offset, len(data)):
            old = int.from_bytes(self._map[start : start + part], "little")
            new = int.from_bytes(data[:part], "little")
            self._map[start : start + part] = (old & new).to_bytes(part, "little")
            data = data[part:]

    def erase(self, offset: int, length: int) -> None:
        """Whole sectors: the one that `offset` lies in, up to the one of the last byte."""
        first = offset - offset % SECTOR_BYTES
        last = -(-(offset + length) // SECTOR_BYTES) * SECTOR_BYTES
        for start, part in self._runs(first, last - first):
            self._map[start : start + part] = b"\xff" * part

    def md5(self, offset: int, length: int) -> bytes:
        digest = hashlib.md5(usedforsecurity=False)
        for start, part in self._runs(offset, length):
            digest.update(memoryview(self._map)[start : start + part])
        return digest.digest()

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The flash chip, the partition table and the program images in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.rom import boot_image, partitions
from simulators.rom.chips import CHIPS
from simulators.rom.nor_flash import SECTOR_BYTES, FlashImageError, NorFlash
from simulators.rom.partitions import Partition, TableError
from simulators.rom.stand_in import LAYOUTS, stand_in


def test_programming_only_clears_bits_and_erasing_takes_sectors(tmp_path: Path) -> None:
    """Two writes give the AND of both; the neighbours of an erased sector keep theirs; all of it is in the file."""
    flash = NorFlash(tmp_path / "flash.bin", 1)
    assert flash.read(0, 16) == b"\xff" * 16
    flash.program(SECTOR_BYTES - 1, b"\xf0\x0f\xaa")
    flash.program(SECTOR_BYTES - 1, b"\xcc\xff\x55")
    assert flash.read(SECTOR_BYTES - 1, 3) == b"\xc0\x0f\x00"
    flash.erase(SECTOR_BYTES + 100, 1)
    assert flash.read(SECTOR_BYTES - 1, 3) == b"\xc0\xff\xff"
    flash.close()
    assert (tmp_path / "flash.bin").read_bytes()[SECTOR_BYTES - 1 : SECTOR_BYTES + 2] == b"\xc0\xff\xff"
    assert (tmp_path / "flash.bin").stat().st_mode & 0o777 == 0o600, "a flash holds keys"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 3 * SECTOR_BYTES), st.binary(min_size=1, max_size=300)), max_size=12
    )
)
def test_flash_agrees_with_a_simple_model(tmp_path: Path, steps: list[tuple[bool, int, bytes]]) -> None:
    """Any sequence of writing and erasing."""
    (tmp_path / "flash.bin").unlink(missing_ok=True)
    flash = NorFlash(tmp_path / "flash.bin", 1)
    model = bytearray(b"\xff" * (4 * SECTOR_BYTES))
    for is_erase, offset, data in steps:
        if is_erase:
            flash.erase(offset, len(data))
            for sector in range(offset // SECTOR_BYTES, (offset + len(data) - 1) // SECTOR_BYTES + 1):
                model[sector * SECTOR_BYTES : (sector + 1) * SECTOR_BYTES] = b"\xff" * SECTOR_BYTES
        else:
            flash.program(offset, data)
            for place, byte in enumerate(data, offset):
                model[place] &= byte
    assert flash.read(0, len(model)) == bytes(model)
    flash.close()


def test_a_chip_that_is_smaller_than_it_says_wraps_around(tmp_path: Path) -> None:
    """It tells the size that it does not have, and writes over the end land at the beginning."""
    flash = NorFlash(tmp_path / "flash.bin", 4)
    flash.true_bytes = 2 << 20
    assert flash.identification == 0x1640EF
    flash.program((2 << 20) - 2, b"abcd")
    assert flash.read(0, 2) == b"cd" and flash.read((2 << 20) - 2, 4) == b"abcd"
    flash.close()


@pytest.mark.parametrize(("size_mb", "existing"), [(3, None), (4, 100), (32, None)])
def test_a_flash_that_cannot_be_is_refused(size_mb: int, existing: int | None, tmp_path: Path) -> None:
    """Sizes that no chip has, and a file of another size: nothing is cut or filled up."""
    path = tmp_path / "flash.bin"
    if existing is not None:
        path.write_bytes(bytes(existing))
    with pytest.raises(FlashImageError):
        NorFlash(path, size_mb)
    assert not path.exists() if existing is None else path.stat().st_size == existing


def test_the_file_system_lies_where_the_port_puts_it() -> None:
    """In the entry `vfs`, else behind the last partition up to the end of this flash."""
    one = list(LAYOUTS["one-app"])
    assert partitions.file_system(one, 4 << 20) == (0x200000, 0x200000)
    assert partitions.file_system(one, 8 << 20) == (0x200000, 0x600000)
    assert partitions.file_system(list(LAYOUTS["two-ota"]), 4 << 20) == (0x310000, 0xF0000)
    assert partitions.file_system([*one, Partition("vfs", 1, 0x81, 0x300000, 0x80000)], 4 << 20) == (0x300000, 0x80000)
    assert partitions.file_system(one, 2 << 20) is None


def test_a_table_is_read_as_it_was_built_and_a_spoilt_one_is_refused() -> None:
    """With its digest; without one; erased; with one bit changed."""
    entries = list(LAYOUTS["two-ota"])
    table = partitions.build(entries)
    assert partitions.parse(table) == entries
    assert partitions.parse(table[: 32 * len(entries)].ljust(0xC00, b"\xff")) == entries
    for spoilt in (b"\xff" * 0xC00, table[:40] + bytes([table[40] ^ 1]) + table[41:], b"\0" * 0xC00, b""):
        with pytest.raises(TableError):
            partitions.parse(spoilt)


@pytest.mark.parametrize("chip", CHIPS)
def test_a_stand_in_is_bootable_by_its_own_chip_alone_and_only_whole(chip: str) -> None:
    """At its offsets; not by another chip; not with its last byte, or one in the middle, missing."""
    kind = CHIPS[chip]
    image = b"\xff" * kind.bootloader_offset + stand_in(chip, "two-ota", app_bytes=0x1000)

    def starts(content: bytes, chip_id: int, offset: int = 0x10000) -> bool:
        return boot_image.is_bootable(lambda at, length: content[at : at + length], offset, chip_id)

    assert starts(image, kind.chip_id) and starts(image, kind.chip_id, kind.bootloader_offset)
    assert not any(starts(image, other.chip_id) for other in CHIPS.values() if other is not kind)
    assert not starts(image[:-1], kind.chip_id)
    assert not starts(image[:0x10800] + b"\xff" * 16 + image[0x10810:], kind.chip_id)
    assert image[0x9000:0x10000] == b"\xff" * 0x7000, "as in the port's image, NVS is wiped with it"

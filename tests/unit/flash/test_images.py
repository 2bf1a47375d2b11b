# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""MicroPython images, partition tables, file systems and NVS partitions as they go onto a board."""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from littlefs import LittleFS

from simulators.rom.stand_in import stand_in
from tests.support.board_tools import nvs_image as other_nvs_image
from tools.flash.chips import CHIPS
from tools.flash.file_system import littlefs_image, room_for
from tools.flash.flash_fault import FlashFault
from tools.flash.micropython_image import ImageError, choose, read_image
from tools.flash.nvs_image import nvs_image, read_key
from tools.flash.partition_table import Region, TableError, files_of, parse_table
from tools.flash.program import private_folder

MASTER = bytes(range(16))  # TEST-ONLY
NODE = bytes.fromhex("240ac4000001")
MB = 1 << 20


@pytest.mark.parametrize("chip", CHIPS)
def test_an_image_is_read_and_cut_around_its_settings(chip: str) -> None:
    """The pieces are the image without the NVS partition, each at its place, and begin and end with sectors where they are cut."""
    data = stand_in(chip, app_bytes=0x1000)
    image = read_image(data)
    start = CHIPS[chip].image_offset
    assert image.chip.name == chip and image.slots == 0
    (first, head), (second, tail) = image.pieces()
    assert (first, second) == (start, 0xF000) and start + len(head) == 0x9000
    assert head + b"\xff" * 0x6000 + tail == data


def test_an_image_with_two_slots_keeps_the_erased_choice_of_slot() -> None:
    """What says which slot starts is written as erased, so that the first one does."""
    image = read_image(stand_in("esp32", "two-ota", app_bytes=0x1000))
    assert image.slots == 2 and image.nvs.size == 0x4000
    assert [offset for offset, _ in image.pieces()] == [0x1000, 0xD000]
    assert image.pieces()[1][1][:0x2000] == b"\xff" * 0x2000


def test_the_version_is_found_in_the_program() -> None:
    """As the image describes itself; nothing where it does not."""
    assert read_image(stand_in("esp32", app_bytes=0x1000, version="v1.26.1")).version == "1.26.1"
    assert read_image(stand_in("esp32", app_bytes=0x1000)).version == ""


def damaged(place: int, content: bytes) -> bytes:
    data = bytearray(stand_in("esp32", app_bytes=0x1000))
    data[place : place + len(content)] = content
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "boot loader"),
        (stand_in("esp32")[0xF000:], "no partition table"),
        (damaged(12, b"\x63\x00"), "chip of number 99"),
        (damaged(0x7000, bytes(32)), "no partition table"),
        (damaged(0x7004, b"\x00\xa0"), "digest|overlap"),
        (stand_in("esp32")[:0xF000], "ends before its program"),
        (damaged(0xF000, b"\x00"), "no program begins"),
    ],
)
def test_another_file_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    """An .app-bin, a cut download, an image of a chip that is not known."""
    with pytest.raises(ImageError, match=reason):
        read_image(data)


@given(st.binary(max_size=0xC00))
def test_any_bytes_are_a_table_or_a_table_error(data: bytes) -> None:
    """Garbage gives nothing else."""
    with contextlib.suppress(TableError):
        assert parse_table(data)


@pytest.mark.parametrize(
    ("layout", "flash_mb", "region"),
    [
        ("one-app", 4, Region(0x200000, 2 * MB)),
        ("one-app", 8, Region(0x200000, 6 * MB)),
        ("one-app", 2, None),
        ("two-ota", 4, Region(0x310000, MB - 0x10000)),
        ("two-ota", 16, Region(0x310000, 13 * MB - 0x10000)),
    ],
)
def test_the_files_begin_behind_the_last_partition_and_end_with_the_flash(
    layout: str, flash_mb: int, region: Region | None
) -> None:
    """As MicroPython's ESP32 port computes it from the flash that it detects."""
    image = read_image(stand_in("esp32", layout, app_bytes=0x1000))  # type: ignore[arg-type]
    assert files_of(image.table, flash_mb * MB) == region


@pytest.mark.parametrize(
    ("chip", "flash_mb", "layout", "slots"),
    [
        ("esp32", 4, "auto", 2),
        ("esp32", 4, "one-app", 0),
        ("esp32", 2, "auto", None),
        ("esp32c3", 4, "auto", 0),
        ("esp32c3", 4, "two-ota", None),
        ("esp32s3", 4, "auto", None),
    ],
)
def test_the_image_is_chosen_for_chip_flash_and_layout(
    chip: str, flash_mb: int, layout: str, slots: int | None
) -> None:
    """Two slots where the flash has the room, one where it has not or nobody gave such an image; none rather than a wrong one."""
    made = (("esp32", "one-app"), ("esp32", "two-ota"), ("esp32c3", "one-app"))
    images = [read_image(stand_in(name, kind, app_bytes=0x1000)) for name, kind in made]  # type: ignore[arg-type]
    found = choose(images, CHIPS[chip], flash_mb * MB, MB // 2, layout)
    assert (None if found is None else found.slots) == slots
    if chip == "esp32" and flash_mb == 4 and layout == "auto":
        smaller = choose(images, CHIPS[chip], flash_mb * MB, MB, layout)
        assert smaller is not None and smaller.slots == 0


def test_a_file_system_is_exactly_as_large_as_asked_holds_its_files_and_is_the_same_each_time() -> None:
    """MicroPython mounts no other size; the same bytes each time can be pinned."""
    files = {"main.py": b"print(1)\n", "node_io/nvs.mpy": bytes(5000), "apps/x/y.py": b""}
    image = littlefs_image(MB, files)
    assert len(image) == MB and littlefs_image(MB, dict(reversed(files.items()))) == image
    system = LittleFS(block_size=4096, block_count=MB // 4096, mount=False)
    system.context.buffer = bytearray(image)
    system.mount()
    assert {name: system.open(name, "rb").read() for name in files} == files


def test_files_that_do_not_fit_are_a_fault_and_room_for_is_enough() -> None:
    """What `room_for` says always holds the files; less than their bytes never does."""
    files = {f"apps/part{n}.mpy": bytes([n]) * 3000 for n in range(60)}
    littlefs_image(room_for(files) // 4096 * 4096, files)
    with pytest.raises(FlashFault) as caught:
        littlefs_image(16 * 4096, files)
    assert caught.value.name == "flash_small"


async def test_the_key_goes_into_nvs_and_is_read_back_and_nothing_of_it_stays() -> None:
    """The partition has its exact size; the table that it was made of is gone; the folder is private, and gone afterwards."""
    with private_folder() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        image = await nvs_image(folder, 0x6000, NODE, MASTER)
        data = image.read_bytes()
        assert len(data) == 0x6000 and read_key(data) == MASTER and NODE in data
        assert [path.name for path in folder.iterdir()] == ["nvs.bin"]
    assert not folder.exists()


def test_a_key_is_only_read_where_its_checksums_hold(tmp_path: Path) -> None:
    """An erased partition, one of another program, and one with a changed byte have none."""
    assert read_key(b"\xff" * 0x6000) is None
    rows = [("node", "namespace", "", ""), ("key", "data", "hex2bin", MASTER.hex())]
    data = bytearray(other_nvs_image(tmp_path, 0x6000, rows))
    assert read_key(bytes(data)) == MASTER
    data[data.index(MASTER)] ^= 1
    assert read_key(bytes(data)) is None
    other = [("node", "namespace", "", ""), ("kei", "data", "hex2bin", MASTER.hex())]
    assert read_key(other_nvs_image(tmp_path, 0x6000, other)) is None

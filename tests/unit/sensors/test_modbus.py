# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Modbus frames and register maps: the same pure code that runs on the node."""

from __future__ import annotations

import math
import os
import random
import struct
from fractions import Fraction

import pytest

from device_profiles import load_profiles
from tests.support.firmware_module import firmware_module
from tests.support.single_precision import load_single

modbus = firmware_module("node_core/modbus_rtu.py")
registers = firmware_module("node_core/registers.py")
SEED = int(os.environ.get("STARTCITY_SEED", "20261122"))
ASKED = modbus.request(1, 4, 0x48, 2)
GOOD = modbus.with_crc(bytes.fromhex("01 04 04 46 40 e6 b7"))


def test_the_crc_is_that_of_the_standard() -> None:
    """The published examples: a request for two registers, and the empty frame's start value."""
    assert modbus.request(1, 4, 0, 2).hex() == "01040000000271cb"
    assert modbus.request(0x11, 3, 0x6B, 3).hex() == "1103006b00037687"
    assert modbus.crc16(b"") == 0xFFFF and modbus.crc16(b"123456789") == 0x4B37


def test_an_answer_is_found_wherever_it_lies() -> None:
    """Noise before and after, and an echo of the request, change nothing."""
    dice = random.Random(SEED)
    for _ in range(300):
        before = dice.randbytes(dice.randint(0, 6))
        after = dice.randbytes(dice.randint(0, 4))
        for raw in (GOOD, ASKED + GOOD):
            noisy = raw if raw != GOOD else before + GOOD + after
            assert modbus.find_answer(noisy, ASKED) == (GOOD[3:-2], ""), f"STARTCITY_SEED={SEED} {noisy.hex()}"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "no answer"),
        (ASKED, "only our own request came back"),
        (GOOD[:-1] + bytes((GOOD[-1] ^ 1,)), "wrong checksum"),
        (GOOD[:-2], "answer cut short"),
        (GOOD[:3], "answer cut short"),
        (modbus.with_crc(b"\x02" + GOOD[1:-2]), "another meter answered (address 2)"),
        (modbus.with_crc(b"\x01\x03" + GOOD[2:-2]), "wrong function"),
        (modbus.with_crc(bytes.fromhex("01 04 02 46 40")), "wrong length"),
        (modbus.with_crc(bytes.fromhex("01 84 02")), "exception 2: illegal data address"),
        (modbus.with_crc(bytes.fromhex("01 84 06")), "exception 6: busy"),
        (modbus.with_crc(bytes.fromhex("01 84 63")), "exception 99: unknown"),
    ],
)
def test_what_is_no_answer_is_named(raw: bytes, reason: str) -> None:
    """Each way in which an answer can be missing has a name of its own."""
    assert modbus.find_answer(raw, ASKED) == (None, reason)


def test_any_bytes_are_an_answer_or_a_reason() -> None:
    """Garbage of any length, and good frames with any bits flipped, never raise and never pass as another value."""
    dice = random.Random(SEED)
    for _ in range(3000):
        if dice.random() < 0.5:
            raw = dice.randbytes(dice.randint(0, 40))
        else:
            raw = bytearray(GOOD)
            for _ in range(dice.randint(1, 3)):
                raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
        data, reason = modbus.find_answer(bytes(raw), ASKED)
        assert (data is None) == bool(reason), f"STARTCITY_SEED={SEED}"
        assert data is None or modbus.crc16(bytes(raw)) == 0 or len(raw) > len(GOOD), f"STARTCITY_SEED={SEED}"


def steps(value: float, places: int) -> int:
    """What a person with a pencil would write: the float's exact value, rounded half away from zero."""
    size = math.floor(Fraction(abs(value)) * 10**places + Fraction(1, 2))
    return -size if value < 0 else size


def test_floats_become_decimals_exactly() -> None:
    """Any 32-bit float, in 0 to 4 places, is the decimal nearest to its exact value; no float arithmetic takes part."""
    dice = random.Random(SEED)
    single = load_single("firmware/node_core/registers.py")
    edges = [0, 0x80000000, 1, 0x007FFFFF, 0x00800000, 0x3F000000, 0xBF000000, 0x7F7FFFFF, 0x4B7FFFFF, 0x3FC00000]
    for bits in edges + [dice.getrandbits(32) for _ in range(3000)]:
        value = struct.unpack(">f", bits.to_bytes(4, "big"))[0]
        for places in range(5):
            expected = steps(value, places) if math.isfinite(value) else None
            assert registers.float_steps(bits, places) == expected, f"STARTCITY_SEED={SEED} {bits:08x}"
            assert single.float_steps(bits, places) == expected


def test_what_the_display_shows_comes_out() -> None:
    """A meter's decimals survive its float of 24 bits: 12,345.67 kWh are 44,444,412,000 J, not the float's 44,444,411,718."""
    entry = registers.Entry("energy_in=0x48:f32.3*36")
    assert entry.value(struct.pack(">f", 12345.67)) * 100 == 44_444_412_000


@pytest.mark.parametrize(
    ("text", "raw", "value"),
    [
        ("a=0:u16", "fffe", 65534),
        ("a=0:s16", "fffe", -2),
        ("a=0:u32", "0001 0002", 65538),
        ("a=0:u32l", "0001 0002", 131073),
        ("a=0:s32l", "ff83 ffff", -125),
        ("a=0:s32l*3600", "d687 0012", 4_444_441_200),
        ("a=0:s64*36", "0000 0002 dfdc 1c35", 444_444_440_436),
        ("a=0:u64l", "0001 0000 0000 0000", 1),
        ("a=0:s16/10", "fff1", -2),
        ("a=0:s16/10", "000f", 2),
        ("a=0:f32l.1", "3333 4366", 2302),
        ("a=0:f32.1", "7fc0 0000", None),
        ("a=0:f32.1", "ff80 0000", None),
    ],
)
def test_registers_mean_what_their_text_says(text: str, raw: str, value: int | None) -> None:
    """Width, sign, word order and scale of each form; NaN and infinity are no value."""
    assert registers.Entry(text).value(bytes.fromhex(raw)) == value


@pytest.mark.parametrize(
    "text",
    ["a", "a=:u16", "a=0", "a=0:", "a=0:x16", "a=0:f16", "a=0:u16.2", "a=0:u128", "a=70000:u16", "a=-1:u16",
     "=0:u16", "a=0:u16*0", "a=0:u16/0", "a=0:u16*x", "a=0x:u16", "a=0:f32.x", ""],
)  # fmt: skip
def test_a_mistake_in_a_map_names_the_entry(text: str) -> None:
    """A map that a person got wrong is refused as a whole, with the entry's text."""
    with pytest.raises(ValueError, match="registers: "):
        registers.parse(f"v=0:u16 {text}" if text else "")


def test_entries_that_touch_are_read_together_and_holes_are_not() -> None:
    """A register that nobody named is never asked for: some meters refuse the whole request then."""
    entries = registers.parse("c=0x0A:f32 a=0:f32 b=2:f32 d=0x0C:u16 e=0x0F:u16 f=0:f32")
    found = [(first, count, [each.name for each in inside]) for first, count, inside in registers.blocks(entries)]
    assert found == [(0, 4, ["a", "f", "b"]), (0x0A, 3, ["c", "d"]), (0x0F, 1, ["e"])]
    many = registers.parse(" ".join(f"x{i}={2 * i}:f32" for i in range(50)))
    assert [count for _, count, _ in registers.blocks(many)] == [40, 40, 20]


def test_every_profile_s_map_names_its_measurements() -> None:
    """A profile's map is readable, and has an entry for each measurement and no other."""
    names = [name for name in load_profiles() if name.startswith("energy-") and name != "energy-s0"]
    assert len(names) >= 6
    for name in names:
        profile = load_profiles()[name]
        entries = registers.parse(profile.settings["registers"].default)
        own = {measurement.name for measurement in profile.measurements.values() if not measurement.is_own}
        assert {entry.name for entry in entries} == own, name
        assert len(entries) == len(own)

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The short ways that nearly every frame and pack takes say what the long ways say, of good bytes and of bad ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway_agent.errors import WireError
from gateway_agent.model import Field, Kid, Kind, Pack
from gateway_agent.wire import cbor, frame, keys, pack_layout, pack_pattern, senml
from gateway_agent.wire.limits import SEQUENCE_MAX

KID = Kid(bytes(range(14)))
UP = keys.derive_up(keys.derive_root(bytes(16), 0), KID)
SHAPE = (Field("temperature", "Cel", Kind.NUMBER, -2), Field("flow", "l", Kind.NUMBER, 0))
TIME_MS = 1_790_000_000_000


def outcome(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except WireError as error:
        return error.name


def long_way(data: bytes) -> Any:
    def read() -> frame.OpenedFrame:
        sealed = frame.parse_frame(data)
        assert sealed.kid == KID
        return frame.open_frame(sealed, UP)

    return outcome(read)


@pytest.mark.parametrize("sequence", [0, 23, 24, 255, 256, 65_535, 65_536, SEQUENCE_MAX])
def test_a_frame_is_the_same_by_the_short_way(sequence: int) -> None:
    """Sequences and floors at each change of length, packs of 0 to 300 bytes: the short way says the same, and takes the usual sizes."""
    for behind in {0, min(sequence, 23), min(sequence, 24), min(sequence, 255), min(sequence, 256), sequence}:
        for size in (0, 5, 6, 7, 8, 100, 234, 235, 238, 239, 240, 300):
            data = frame.seal_frame(UP, sequence, sequence - behind, bytes(size))
            found = frame.open_usual(data, UP)
            assert found in (None, long_way(data))
            assert found is not None or not 8 <= size <= 234, size


def test_a_damaged_frame_is_the_same_by_the_short_way() -> None:
    """Each bit of a frame flipped, each byte cut or doubled: what the short way says is what the long way says."""
    data = frame.seal_frame(UP, 300, 280, senml.encode_pack(Pack(None, TIME_MS, SHAPE, (0, 0), (1, 2))))
    taken = 0
    for place in range(len(data)):
        flipped = [data[:place] + bytes((data[place] ^ 1 << bit,)) + data[place + 1 :] for bit in range(8)]
        for damaged in [*flipped, data[:place] + data[place + 1 :], data[: place + 1] + data[place:], data[:place]]:
            found = outcome(lambda damaged=damaged: frame.open_usual(damaged, UP))  # type: ignore[misc]
            if found is not None:
                taken += 1
                assert found == long_way(damaged) == "FrameTag"
    assert taken > 300


def test_a_floor_in_a_longer_form_than_needed_is_refused_by_both_ways() -> None:
    """A node that writes its floor in two bytes where one would do is told so by name, also on the short way."""
    for plaintext in (b"\x18\x17" + bytes(30), b"\x19\x00\xff" + bytes(30), b"\x18", b"", b"\x20" + bytes(30)):
        data = frame.envelope(UP, 400, plaintext)
        found = outcome(lambda data=data: frame.open_usual(data, UP))  # type: ignore[misc]
        assert found in (None, long_way(data))
        assert isinstance(long_way(data), str)


@pytest.fixture
def forgetful() -> Iterator[None]:
    """No form learned yet, and none left behind."""
    pack_pattern.forget()
    yield
    pack_pattern.forget()


VALUES = (
    -(1 << 63),
    -70_000,
    -257,
    -256,
    -25,
    -24,
    -1,
    0,
    23,
    24,
    255,
    256,
    65_535,
    65_536,
    (1 << 32) - 1,
    1 << 32,
    (1 << 63) - 1,
)


@pytest.mark.parametrize("time_ms", [TIME_MS, TIME_MS + 1, 65_535_000, 65_536_000, (1 << 53) - 1, 1001, -5000])
def test_a_pack_is_the_same_by_its_layout(time_ms: int, forgetful: None) -> None:
    """Values at each change of length, times of both forms: the third reading, by fixed places, is the first one, by the strict reader."""
    by_layout = 0
    for first in VALUES:
        for second in VALUES:
            raw = senml.encode_pack(Pack(None, time_ms, SHAPE, (0, 0), (first, second)))
            strict = senml._read(cbor.decode(raw))
            assert [senml.decode_pack(raw) for _ in range(3)] == [strict] * 3
            by_layout += pack_layout.read(raw) == strict
    assert (by_layout > 100) == (time_ms >= 65_536_000)


def test_a_damaged_pack_is_the_same_by_its_layout(forgetful: None) -> None:
    """Bytes of packs whose layouts are known, changed at random: what is read by them means what the strict reader says."""
    seed = random.SystemRandom().getrandbits(32)
    print("seed", seed)
    chance = random.Random(seed)
    packs = []
    for first, second in ((5, 300), (70, 5), (300, 70_000), (-30, -70_000)):
        raw = senml.encode_pack(Pack(None, TIME_MS, SHAPE, (0, 0), (first, second)))
        for _ in range(2):
            senml.decode_pack(raw)
        assert pack_layout.read(raw) is not None
        packs.append(raw)
    for _ in range(20_000):
        damaged = bytearray(chance.choice(packs))
        for _ in range(chance.choice((1, 1, 2))):
            damaged[chance.randrange(len(damaged))] = chance.choice((0, 0xFF, 0x18, 0x19, 0x1A, chance.randrange(256)))
        data = bytes(damaged)
        found = pack_layout.read(data)
        if found is not None:
            assert found == senml._read(cbor.decode(data)), data.hex()


def test_layouts_are_bounded(forgetful: None) -> None:
    """A node that varies the lengths of its numbers for ever makes us keep 8 layouts a form and length, and is still read."""
    names = [f"v{letter}" for letter in "abcdefghijkl"]
    shape = tuple(Field(name, None, Kind.NUMBER, 0) for name in names)
    for number in range(0, 1 << 12, 7):
        values = tuple(300 if number >> place & 1 else 30 for place in range(12))
        pack = Pack(None, TIME_MS, shape, (0,) * 12, values)
        assert senml.decode_pack(senml.encode_pack(pack)) == pack
    assert max(map(len, pack_layout._layouts.values())) == 8
    assert sum(map(len, pack_layout._layouts.values())) <= pack_layout.LAYOUTS_MAX

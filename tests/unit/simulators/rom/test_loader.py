# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The boot loader's answers, frame by frame, without a serial line."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.rom import faults as named
from simulators.rom import slip
from simulators.rom.chips import CHIPS
from simulators.rom.faults import FaultError, Faults
from simulators.rom.loader import SYNC_FRAME, Command, Event, Loader
from simulators.rom.nor_flash import NorFlash

MAC = bytes.fromhex("240ac4a1b2c3")


class Answer(NamedTuple):
    command: int
    value: int
    body: bytes
    status: bytes


@pytest.fixture
def flash(tmp_path: Path) -> Iterator[NorFlash]:
    made = NorFlash(tmp_path / "flash.bin", 1)
    yield made
    made.close()


class Line:
    """Sends requests as a tool does."""

    def __init__(
        self, flash: NorFlash, chip: str = "esp32", faults: Faults | None = None, *, stub: bool = False
    ) -> None:
        self.loader = Loader(CHIPS[chip], MAC, flash, faults or Faults())
        self.frames = self.raw(SYNC_FRAME)
        if stub:
            self.ask(Command.MEM_BEGIN, struct.pack("<4I", 4, 1, 4, 0x40090000))
            self.block(Command.MEM_DATA, b"stub")
            assert self.raw(self.request(Command.MEM_END, struct.pack("<2I", 0, 0x40090000)))[-1] == b"OHAI"

    def raw(self, data: bytes) -> list[bytes]:
        """Frames of the answer."""
        reader = slip.FrameReader()
        found = list(self.loader.take(data))
        self.events = [item for item in found if isinstance(item, Event)]
        return reader.take(b"".join(item for item in found if isinstance(item, bytes)))

    @staticmethod
    def request(command: int, body: bytes, checksum: int = 0) -> bytes:
        return slip.encode(struct.pack("<BBHI", 0, command, len(body), checksum) + body)

    def ask(self, command: int, body: bytes = b"", checksum: int = 0) -> Answer | None:
        """The one answer, or None where there is none."""
        frames = self.raw(self.request(command, body, checksum))
        if not frames:
            return None
        assert len(frames) == 1
        direction, answered, length, value = struct.unpack_from("<BBHI", frames[0])
        assert (direction, length) == (1, len(frames[0]) - 8)
        tail = 2 if self.loader.is_stub else 4
        return Answer(answered, value, frames[0][8:-tail], frames[0][-tail:][:2])

    def block(self, command: int, data: bytes, number: int = 0) -> Answer | None:
        checksum = 0xEF
        for byte in data:
            checksum ^= byte
        return self.ask(command, struct.pack("<4I", len(data), number, 0, 0) + data, checksum)


OK = b"\0\0"


def test_synchronisation_is_answered_eight_times_and_tells_rom_from_stub(flash: NorFlash) -> None:
    """By the value: not zero from the ROM, zero from the stub."""
    line = Line(flash)
    assert len(line.frames) == 8
    assert all(struct.unpack_from("<I", frame, 4)[0] for frame in line.frames)
    stub = Line(flash, stub=True).raw(SYNC_FRAME)
    assert len(stub) == 8 and not any(struct.unpack_from("<I", frame, 4)[0] for frame in stub)


def test_before_synchronisation_nothing_is_answered(flash: NorFlash) -> None:
    """The ROM measures the line's speed by it."""
    assert list(Loader(CHIPS["esp32"], MAC, flash, Faults()).take(Line.request(Command.READ_REG, bytes(4)))) == []


@pytest.mark.parametrize(("chip", "low"), [("esp32", 0x3FF5A004), ("esp32s3", 0x60007044), ("esp32c3", 0x60008844)])
def test_the_base_address_is_in_the_efuses(chip: str, low: int, flash: NorFlash) -> None:
    """Its low four bytes in one word, the high two in the next."""
    line = Line(flash, chip)
    words = [line.ask(Command.READ_REG, struct.pack("<I", low + step)) for step in (0, 4)]
    assert [word and word.value for word in words] == [0xC4A1B2C3, 0x240A]
    info = line.ask(Command.GET_SECURITY_INFO)
    assert info is not None
    if chip == "esp32":
        assert info.status[0] == 1
    else:
        assert info.status == OK and len(info.body) == 20
        assert int.from_bytes(info.body[12:16], "little") == CHIPS[chip].chip_id


def test_a_write_needs_its_checksum_its_begin_and_its_range(flash: NorFlash) -> None:
    """Errors have their codes, and nothing of what was refused is written."""
    line = Line(flash)
    early = line.block(Command.FLASH_DATA, b"early")
    assert early is not None and early.status == b"\x01\x06"
    for block_bytes in (0, 0x8000):
        odd = line.ask(Command.FLASH_BEGIN, struct.pack("<4I", 8, 2, block_bytes, 0x1000))
        assert odd is not None and odd.status == b"\x01\x05"
    begun = line.ask(Command.FLASH_BEGIN, struct.pack("<4I", 8, 2, 4, 0x1000))
    assert begun is not None and begun.status == OK
    wrong = line.ask(Command.FLASH_DATA, struct.pack("<4I", 4, 0, 0, 0) + b"abcd", 0)
    assert wrong is not None and wrong.status == b"\x01\x07"
    assert flash.read(0x1000, 8) == b"\xff" * 8
    for number, data in enumerate((b"abcd", b"efgh")):
        done = line.block(Command.FLASH_DATA, data, number)
        assert done is not None and done.status == OK
    assert flash.read(0x1000, 8) == b"abcdefgh"
    beyond = line.block(Command.FLASH_DATA, b"ijkl", 2)
    assert beyond is not None and beyond.status[0] == 1
    outside = line.ask(Command.FLASH_BEGIN, struct.pack("<4I", 0x2000, 8, 0x400, flash.size_bytes - 0x1000))
    assert outside is not None and outside.status == b"\x01\x06"


def test_a_packed_write_is_unpacked_and_its_length_held_to(flash: NorFlash) -> None:
    """A stream that is no stream, one that is too long, and one that ends too early are refused."""
    plain = bytes(range(256)) * 16
    line = Line(flash, stub=True)

    def begin(length: int) -> None:
        done = line.ask(Command.FLASH_DEFL_BEGIN, struct.pack("<4I", length, 1, 0x4000, 0x2000))
        assert done is not None and done.status == OK

    begin(len(plain))
    done = line.block(Command.FLASH_DEFL_DATA, zlib.compress(plain))
    assert done is not None and done.status == OK and flash.read(0x2000, len(plain)) == plain
    end = line.ask(Command.FLASH_DEFL_END, struct.pack("<I", 1))
    assert end is not None and end.status == OK and line.events == []
    begin(100)
    long = line.block(Command.FLASH_DEFL_DATA, zlib.compress(plain))
    assert long is not None and long.status == b"\x01\xc9"
    begin(100)
    rubbish = line.block(Command.FLASH_DEFL_DATA, b"rubbish")
    assert rubbish is not None and rubbish.status == b"\x01\xc7"
    begin(len(plain))
    early = line.ask(Command.FLASH_DEFL_END, struct.pack("<I", 0))
    assert early is not None and early.status == b"\x01\xc8"


def test_digests_have_the_form_of_rom_and_of_stub(flash: NorFlash) -> None:
    """32 characters, or 16 bytes."""
    digest = hashlib.md5(b"\xff" * 256, usedforsecurity=False)
    about = struct.pack("<4I", 0, 256, 0, 0)
    rom, stub = Line(flash).ask(Command.SPI_FLASH_MD5, about), Line(flash, stub=True).ask(Command.SPI_FLASH_MD5, about)
    assert rom is not None and rom.body == digest.hexdigest().encode()
    assert stub is not None and stub.body == digest.digest()


def test_a_stubs_read_keeps_to_its_window(flash: NorFlash) -> None:
    """So many blocks ahead of what was confirmed and no more, then the digest."""
    flash.program(0, bytes(range(256)))
    line = Line(flash, stub=True)
    frames = line.raw(line.request(Command.READ_FLASH, struct.pack("<4I", 0, 256, 64, 2)))
    assert frames[1:] == [bytes(range(64)), bytes(range(64, 128))]
    assert line.raw(slip.encode(struct.pack("<I", 64))) == [bytes(range(128, 192))]
    assert line.raw(slip.encode(struct.pack("<I", 192))) == [bytes(range(192, 256))]
    digest = hashlib.md5(bytes(range(256)), usedforsecurity=False).digest()
    assert line.raw(slip.encode(struct.pack("<I", 256))) == [digest]


def test_the_rom_refuses_what_only_the_stub_can(flash: NorFlash) -> None:
    """Erasing and reading in a stream; and both leave for the application as they are told."""
    line = Line(flash)
    refused = line.ask(Command.ERASE_FLASH)
    assert refused is not None and refused.status == b"\x01\x05"
    assert line.ask(Command.FLASH_END, struct.pack("<I", 1)) is not None and line.events == [Event.RUN]
    stub = Line(flash, stub=True)
    assert stub.ask(Command.FLASH_END, struct.pack("<I", 1)) is not None and stub.events == []
    assert stub.ask(Command.FLASH_END, struct.pack("<I", 0)) is not None and stub.events == [Event.RUN]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    st.lists(
        st.tuples(st.sampled_from([*map(int, Command), 0x77]), st.binary(max_size=60), st.booleans()), max_size=10
    ),
    st.booleans(),
    st.binary(max_size=40),
)
def test_no_bytes_break_it(
    flash: NorFlash, requests: list[tuple[int, bytes, bool]], is_stub: bool, noise: bytes
) -> None:
    """Any commands with any bodies, and noise between them: every answer is well-formed, and a synchronisation still works."""
    line = Line(flash, "esp32c3", stub=is_stub)
    for command, body, is_noisy in requests:
        for frame in line.raw((noise if is_noisy else b"") + line.request(command, body)):
            is_data = len(frame) < 8 or frame[0] != 1
            assert is_data or struct.unpack_from("<H", frame, 2)[0] == len(frame) - 8 or command == Command.READ_FLASH
    assert len(line.raw(b"\xc0" + SYNC_FRAME)) >= 8 or line.events


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("smoke", "lost-reply"),
        ("slow:us=5", "ms"),
        ("slow:ms=fast", "no number"),
        ("gone:after=-1", "range"),
        ("wrong-chip:chip=esp8266", "esp32s3"),
        ("full:mb=4", "less than 4"),
    ],
)
def test_a_fault_that_does_not_exist_is_refused_with_those_that_do(text: str, part: str) -> None:
    """The message says what to write."""
    with pytest.raises(FaultError, match=part):
        named.apply(Faults(), text, chip="esp32", size_mb=4)


def test_faults_strike_after_as_many_blocks_as_they_say(flash: NorFlash) -> None:
    """One block passes, the answer to the next is lost although it is written, the third is refused, the fourth passes."""
    faults = Faults()
    named.apply(faults, "lost-reply:after=1", chip="esp32", size_mb=4)
    line = Line(flash, faults=faults)
    line.ask(Command.FLASH_BEGIN, struct.pack("<4I", 16, 4, 4, 0))
    answers = [line.block(Command.FLASH_DATA, b"abcd", number) for number in range(2)]
    named.apply(faults, "bad-checksum", chip="esp32", size_mb=4)
    answers += [line.block(Command.FLASH_DATA, b"abcd", number) for number in range(2, 4)]
    assert [answer and answer.status for answer in answers] == [OK, None, b"\x01\x07", OK]
    assert flash.read(0, 16) == b"abcdabcd\xff\xff\xff\xffabcd"

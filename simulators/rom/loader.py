# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The serial boot loader: what it answers to which bytes. It touches the flash and nothing else.

Two states: the chip's ROM, and the "stub" that a tool loads into RAM and starts for more commands and bigger blocks. Whatever is
started from RAM counts as the stub: nothing that is uploaded is executed here.

Request: 0x00, command, length of the data (2 bytes), checksum (4), data. Answer: 0x01, command, length, value (4), data, status; the
status is four bytes from the ROM and two from the stub, the first of them 0 where all is well and the second the error.
"""

from __future__ import annotations

import enum
import hashlib
import struct
import zlib
from collections.abc import Callable, Iterator

from simulators.rom import chips, slip
from simulators.rom.chips import CHIPS, Chip
from simulators.rom.faults import Faults
from simulators.rom.nor_flash import SECTOR_BYTES, NorFlash

SYNC_DATA = b"\x07\x07\x12\x20" + b"\x55" * 32
SYNC_FRAME = slip.encode(b"\x00\x08\x24\x00" + bytes(4) + SYNC_DATA)

_HEAD = struct.Struct("<BBHI")
_WORDS2 = struct.Struct("<2I")
_WORDS4 = struct.Struct("<4I")
_BLOCK_BYTES_MAX = 0x4000
_CHECKSUM_SEED = 0xEF
_SPI_START = 1 << 18
_SLOW_READ_BYTES = 64
_ROM_VALUE = 0x20120707  # the ROM answers a synchronisation with a number, the stub with 0


class Command(enum.IntEnum):
    FLASH_BEGIN = 0x02
    FLASH_DATA = 0x03
    FLASH_END = 0x04
    MEM_BEGIN = 0x05
    MEM_END = 0x06
    MEM_DATA = 0x07
    SYNC = 0x08
    WRITE_REG = 0x09
    READ_REG = 0x0A
    SPI_SET_PARAMS = 0x0B
    SPI_ATTACH = 0x0D
    READ_FLASH_SLOW = 0x0E
    CHANGE_BAUDRATE = 0x0F
    FLASH_DEFL_BEGIN = 0x10
    FLASH_DEFL_DATA = 0x11
    FLASH_DEFL_END = 0x12
    SPI_FLASH_MD5 = 0x13
    GET_SECURITY_INFO = 0x14
    ERASE_FLASH = 0xD0
    ERASE_REGION = 0xD1
    READ_FLASH = 0xD2
    RUN_USER_CODE = 0xD3


class Event(enum.Enum):
    RUN = "run"  # the application is to start
    GONE = "gone"  # the port vanishes


class _Failure(enum.Enum):
    """Error codes: (of the ROM, of the stub)."""

    INVALID = (0x05, 0xC0)
    BAD_CHECKSUM = (0x07, 0xC1)
    UNKNOWN = (0x05, 0xFF)
    OUT_OF_RANGE = (0x06, 0xC4)
    NOT_BEGUN = (0x06, 0xC6)
    BAD_STREAM = (0x0B, 0xC7)
    TOO_LITTLE = (0x06, 0xC8)
    TOO_MUCH = (0x06, 0xC9)


class _Refused(Exception):
    def __init__(self, failure: _Failure) -> None:
        super().__init__(failure.name)
        self.failure = failure


class _Write:
    """A run of blocks into flash."""

    def __init__(self, offset: int, length: int, block_bytes: int, *, is_packed: bool) -> None:
        self.offset = offset
        self.length = length
        self.block_bytes = block_bytes
        self.inflater = zlib.decompressobj() if is_packed else None
        self.written = 0  # of a packed stream


class _Read:
    """A stub's answer in blocks of which only so many may be on their way."""

    def __init__(self, data: bytes, block_bytes: int, blocks_ahead: int) -> None:
        self.data = data
        self.block_bytes = block_bytes
        self.ahead_bytes = block_bytes * blocks_ahead
        self.sent = 0


class Loader:
    """One stay in download mode, from the reset to the start of the application."""

    def __init__(self, chip: Chip, mac: bytes, flash: NorFlash, faults: Faults) -> None:
        """`mac` is the base address, 6 bytes."""
        self.is_stub = False
        self.has_synced = False
        self._flash = flash
        self._faults = faults
        self._chip = CHIPS[faults.answers_as] if faults.answers_as else chip
        self._registers = chips.efuses(self._chip, mac)
        self._baud = 115_200
        self._frames = slip.FrameReader()
        self._write: _Write | None = None
        self._read: _Read | None = None
        self._memory_blocks: int | None = None
        self._commands: dict[int, Callable[[bytes], tuple[int, bytes]]] = {
            Command.FLASH_BEGIN: self._flash_begin,
            Command.FLASH_DATA: self._flash_data,
            Command.MEM_BEGIN: self._memory_begin,
            Command.MEM_DATA: self._memory_data,
            Command.WRITE_REG: self._write_register,
            Command.READ_REG: self._read_register,
            Command.SPI_SET_PARAMS: self._nothing,
            Command.SPI_ATTACH: self._nothing,
            Command.READ_FLASH_SLOW: self._read_slowly,
            Command.CHANGE_BAUDRATE: self._change_speed,
            Command.FLASH_DEFL_BEGIN: self._packed_begin,
            Command.FLASH_DEFL_DATA: self._packed_data,
            Command.SPI_FLASH_MD5: self._digest,
        }
        if self._chip.has_security_info:
            self._commands[Command.GET_SECURITY_INFO] = self._security_info

    def take(self, data: bytes) -> Iterator[bytes | Event]:
        """Answers to the line's next bytes, in their order, ready for the line; and what else happens."""
        for frame in self._frames.take(data):
            for answer in self._take_frame(frame):
                yield answer
                if isinstance(answer, Event):
                    return

    def _take_frame(self, frame: bytes) -> Iterator[bytes | Event]:
        if self._faults.is_silent:
            return
        if self._read is not None and len(frame) == 4:
            yield from self._continue_read(int.from_bytes(frame, "little"))
            return
        if len(frame) < _HEAD.size:
            return
        direction, command, length, checksum = _HEAD.unpack_from(frame)
        body = frame[_HEAD.size :]
        if direction != 0 or length != len(body):
            return
        self._read = None
        if command == Command.SYNC:
            self.has_synced = True
            for _ in range(8):
                yield self._answer(command, 0 if self.is_stub else _ROM_VALUE)
        elif not self.has_synced:
            return  # the ROM has not found the line's speed yet
        elif command in (Command.FLASH_DATA, Command.FLASH_DEFL_DATA, Command.MEM_DATA):
            yield from self._take_block(Command(command), body, checksum)
        elif command in (Command.MEM_END, Command.FLASH_END, Command.FLASH_DEFL_END):
            yield from self._take_end(Command(command), body)
        elif command == Command.RUN_USER_CODE and self.is_stub:
            yield Event.RUN
        elif self.is_stub and command in (Command.ERASE_FLASH, Command.ERASE_REGION, Command.READ_FLASH):
            yield from self._take_stub_command(Command(command), body)
        else:
            yield self._do(command, body)

    def _do(self, command: int, body: bytes) -> bytes:
        handler = self._commands.get(command)
        try:
            if handler is None:
                raise _Refused(_Failure.UNKNOWN)
            return self._answer(command, *handler(body))
        except _Refused as refused:
            return self._refusal(command, refused.failure)
        except struct.error:
            return self._refusal(command, _Failure.INVALID)

    def _answer(self, command: int, value: int = 0, body: bytes = b"", status: tuple[int, int] = (0, 0)) -> bytes:
        tail = bytes(status) + bytes(0 if self.is_stub else 2)
        return slip.encode(_HEAD.pack(1, command, len(body) + len(tail), value) + body + tail)

    def _refusal(self, command: int, failure: _Failure) -> bytes:
        return self._answer(command, status=(1, failure.value[1 if self.is_stub else 0]))

    # ---- blocks

    def _take_block(self, command: Command, body: bytes, checksum: int) -> Iterator[bytes | Event]:
        faults = self._faults
        may_fail = command is not Command.MEM_DATA and faults.pass_block()
        if command is not Command.MEM_DATA and faults.takes_port():
            yield Event.GONE
            return
        expected = _CHECKSUM_SEED
        for byte in body[_WORDS4.size :]:
            expected ^= byte
        is_spoilt = checksum != expected
        if may_fail and faults.bad_checksums:
            faults.bad_checksums -= 1
            is_spoilt = True
        if is_spoilt:
            yield self._refusal(command, _Failure.BAD_CHECKSUM)
            return
        answer = self._do(command, body)
        if may_fail and faults.lost_replies:
            faults.lost_replies -= 1
            return
        yield answer

    @staticmethod
    def _block(body: bytes) -> tuple[int, bytes]:
        length, number, _, _ = _WORDS4.unpack_from(body)
        data = body[_WORDS4.size :]
        if length != len(data) or length > _BLOCK_BYTES_MAX:
            raise _Refused(_Failure.INVALID)
        return number, data

    def _require(self, offset: int, length: int) -> None:
        if not self._flash.holds(offset, length):
            raise _Refused(_Failure.OUT_OF_RANGE)

    def _flash_begin(self, body: bytes) -> tuple[int, bytes]:
        self._write = self._begin(body, is_packed=False)
        return 0, b""

    def _begin(self, body: bytes, *, is_packed: bool) -> _Write | None:
        """Erase for a run of blocks; None for the empty one that tools begin before they end."""
        length, _, block_bytes, offset = _WORDS4.unpack_from(body)
        if length and not 0 < block_bytes <= _BLOCK_BYTES_MAX:
            raise _Refused(_Failure.INVALID)
        self._require(offset, length)
        self._flash.erase(offset, length)
        return _Write(offset, length, block_bytes, is_packed=is_packed) if length else None

    def _flash_data(self, body: bytes) -> tuple[int, bytes]:
        number, data = self._block(body)
        write = self._write
        if write is None or write.inflater is not None:
            raise _Refused(_Failure.NOT_BEGUN)
        at = number * write.block_bytes
        if at + len(data) > -(-write.length // write.block_bytes) * write.block_bytes:
            raise _Refused(_Failure.TOO_MUCH)
        self._require(write.offset + at, len(data))
        self._flash.program(write.offset + at, data)
        return 0, b""

    def _packed_begin(self, body: bytes) -> tuple[int, bytes]:
        self._write = self._begin(body, is_packed=True)
        return 0, b""

    def _packed_data(self, body: bytes) -> tuple[int, bytes]:
        _, data = self._block(body)
        write = self._write
        if write is None or write.inflater is None:
            raise _Refused(_Failure.NOT_BEGUN)
        room = write.length - write.written
        try:
            plain = write.inflater.decompress(data, room + 1)
        except zlib.error:
            raise _Refused(_Failure.BAD_STREAM) from None
        if len(plain) > room:
            raise _Refused(_Failure.TOO_MUCH)
        self._flash.program(write.offset + write.written, plain)
        write.written += len(plain)
        return 0, b""

    def _memory_begin(self, body: bytes) -> tuple[int, bytes]:
        self._memory_blocks = _WORDS4.unpack_from(body)[1]
        return 0, b""

    def _memory_data(self, body: bytes) -> tuple[int, bytes]:
        self._block(body)
        if not self._memory_blocks:
            raise _Refused(_Failure.NOT_BEGUN)
        self._memory_blocks -= 1
        return 0, b""

    def _take_end(self, command: Command, body: bytes) -> Iterator[bytes | Event]:
        if len(body) < 4:
            yield self._refusal(command, _Failure.INVALID)
            return
        flag = int.from_bytes(body[:4], "little")
        if command is Command.MEM_END:
            if self._memory_blocks is None:
                yield self._refusal(command, _Failure.NOT_BEGUN)
                return
            yield self._answer(command)
            self._memory_blocks = None
            if flag == 0:
                self.is_stub = True
                self._write = None
                yield slip.encode(b"OHAI")
            return
        write, self._write = self._write, None
        if write is not None and write.inflater is not None and write.written < write.length:
            yield self._refusal(command, _Failure.TOO_LITTLE)
            return
        yield self._answer(command)
        if not self.is_stub or flag == 0:  # the ROM leaves in both cases
            yield Event.RUN

    # ---- registers

    def _read_register(self, body: bytes) -> tuple[int, bytes]:
        (address,) = struct.unpack_from("<I", body)
        if address == chips.UART_DIVIDER and self._chip.name == "esp32":
            return chips.CRYSTAL_HZ // self._baud, b""
        return self._registers.get(address, 0), b""

    def _write_register(self, body: bytes) -> tuple[int, bytes]:
        # Several writes may come in one command: address, value, mask, delay.
        for at in range(0, len(body) - _WORDS4.size + 1, _WORDS4.size):
            address, value, mask, _ = _WORDS4.unpack_from(body, at)
            spi = self._chip.spi
            if address == spi.command:
                if value & mask & _SPI_START:
                    self._run_spi()
                continue  # the bit is cleared by the time anybody looks
            if address in self._registers or spi.command <= address < spi.data + 64:
                self._registers[address] = (self._registers.get(address, 0) & ~mask) | (value & mask)
        return 0, b""

    def _run_spi(self) -> None:
        spi = self._chip.spi
        for index in range(16):
            self._registers[spi.data + 4 * index] = 0
        if self._registers.get(spi.user2, 0) & 0xFF == 0x9F:
            self._registers[spi.data] = self._flash.identification

    def _security_info(self, body: bytes) -> tuple[int, bytes]:
        return 0, chips.security_info(self._chip)

    def _change_speed(self, body: bytes) -> tuple[int, bytes]:
        self._baud = max(300, _WORDS2.unpack_from(body)[0])
        return 0, b""

    def _nothing(self, body: bytes) -> tuple[int, bytes]:
        return 0, b""

    # ---- reading and erasing

    def _digest(self, body: bytes) -> tuple[int, bytes]:
        offset, length = _WORDS2.unpack_from(body)
        self._require(offset, length)
        digest = self._flash.md5(offset, length)
        if self._faults.wrong_md5s:
            self._faults.wrong_md5s -= 1
            digest = hashlib.md5(digest, usedforsecurity=False).digest()
        return 0, digest if self.is_stub else digest.hex().encode()

    def _read_slowly(self, body: bytes) -> tuple[int, bytes]:
        offset, length = _WORDS2.unpack_from(body)
        if length > _SLOW_READ_BYTES:
            raise _Refused(_Failure.INVALID)
        self._require(offset, length)
        return 0, self._flash.read(offset, length).ljust(_SLOW_READ_BYTES, b"\0")

    def _take_stub_command(self, command: Command, body: bytes) -> Iterator[bytes]:
        try:
            if command is Command.ERASE_FLASH:
                self._flash.erase(0, self._flash.size_bytes)
                yield self._answer(command)
                return
            if command is Command.ERASE_REGION:
                offset, length = _WORDS2.unpack_from(body)
                if offset % SECTOR_BYTES or length % SECTOR_BYTES:
                    raise _Refused(_Failure.INVALID)
                self._require(offset, length)
                self._flash.erase(offset, length)
                yield self._answer(command)
                return
            offset, length, block_bytes, blocks_ahead = _WORDS4.unpack_from(body)
            if not 0 < block_bytes <= _BLOCK_BYTES_MAX or not blocks_ahead:
                raise _Refused(_Failure.INVALID)
            self._require(offset, length)
        except _Refused as refused:
            yield self._refusal(command, refused.failure)
            return
        except struct.error:
            yield self._refusal(command, _Failure.INVALID)
            return
        yield self._answer(command)
        self._read = _Read(self._flash.read(offset, length), block_bytes, blocks_ahead)
        yield from self._continue_read(0)

    def _continue_read(self, acknowledged: int) -> Iterator[bytes]:
        read = self._read
        assert read is not None
        total = len(read.data)
        while read.sent < total and read.sent - acknowledged < read.ahead_bytes:
            part = read.data[read.sent : read.sent + read.block_bytes]
            read.sent += len(part)
            yield slip.encode(part)
        if acknowledged >= total:
            self._read = None
            yield slip.encode(hashlib.md5(read.data, usedforsecurity=False).digest())

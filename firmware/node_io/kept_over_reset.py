# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Memory that outlives a reset, a watchdog's bite and deep sleep, but not a power cut: 2,048 bytes in two areas.

    0..511      crash    the report of the last crash (at most 504 bytes)
    512..2047   sleep    what a sleeping node remembers (at most 1,528 bytes)

Each area is `length u16 | crc32 u32 | 2 zero bytes | data`, big-endian, and the CRC covers length and data, so what a
power-on leaves in there, or a reset in the middle of a write, reads as nothing. `machine.mem_backup` is used where it
exists (MicroPython 1.29), else the RTC's memory, which is the same buffer behind another interface: never both. Where
there is neither, only `crash` is kept, in a file.
"""

import binascii
import os
import struct

import machine

_SIZE = 2048
_AREAS = {"crash": (0, 512), "sleep": (512, 1536)}
_HEAD_BYTES = 8
_PATH = "crash.bin"


def read_area(name: str):
    """The bytes that `write_area` left, or None where there are none or they are damaged."""
    start, size = _AREAS[name]
    memory = _memory()
    if memory is None:
        raw = _read_file() if name == "crash" else b""
    else:
        raw = memory[start : start + size]
    if len(raw) < _HEAD_BYTES:
        return None
    length, crc, _ = struct.unpack(">HIH", raw)
    if not 0 < length <= len(raw) - _HEAD_BYTES:
        return None
    data = bytes(raw[_HEAD_BYTES : _HEAD_BYTES + length])
    return data if crc == _crc(data) else None


def write_area(name: str, data: bytes) -> bool:
    """Keep `data`; empty data forgets the area. False where there is no memory for it, or it is too long."""
    start, size = _AREAS[name]
    if len(data) > size - _HEAD_BYTES:
        return False
    raw = struct.pack(">HIH", len(data), _crc(data), 0) + data
    memory = _backup()
    if memory is not None:
        memory[start : start + len(raw)] = raw
        return True
    rtc = _rtc()
    if rtc is not None:
        old = rtc.memory()
        rest = old[start + size :]
        before = old[:start]
        # No longer than it has to be: what lies behind the last area that is in use is not written.
        rtc.memory(before + bytes(start - len(before)) + raw + (bytes(size - len(raw)) + rest if rest else b""))
        return True
    return _write_file(raw if data else b"") if name == "crash" else False


def _crc(data: bytes) -> int:
    return binascii.crc32(data, len(data)) & 0xFFFFFFFF


def _memory():
    memory = _backup()
    if memory is None:
        rtc = _rtc()
        if rtc is not None:
            memory = rtc.memory()
    return memory


def _backup():
    mem_backup = getattr(machine, "mem_backup", None)
    memory = mem_backup() if mem_backup is not None else b""
    return memory if len(memory) >= _SIZE else None


def _rtc():
    kind = getattr(machine, "RTC", None)
    return kind() if hasattr(kind, "memory") else None


def _read_file() -> bytes:
    try:
        with open(_PATH, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _write_file(raw: bytes) -> bool:
    try:
        if raw:
            with open(_PATH, "wb") as file:
                file.write(raw)
        elif _read_file():
            os.remove(_PATH)
    except OSError:
        return False
    return True

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Frames on the boot loader's serial line (SLIP, RFC 1055): 0xC0 ends one, 0xDB escapes."""

from __future__ import annotations

END = 0xC0
_ESCAPE = 0xDB
_ESCAPED = {0xDC: END, 0xDD: _ESCAPE}
FRAME_BYTES_MAX = 0x8000  # the longest that a stub takes is a block of 0x4000 with its two headers


def encode(frame: bytes) -> bytes:
    """One frame for the line."""
    inner = frame.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
    return b"\xc0" + inner + b"\xc0"


class FrameReader:
    """Takes the line's bytes in any pieces. What is outside a frame, wrongly escaped or too long is dropped."""

    def __init__(self) -> None:
        self.dropped_bytes = 0
        self._frame: bytearray | None = None
        self._is_escaped = False
        self._is_spoilt = False

    def take(self, data: bytes) -> list[bytes]:
        """The frames that end in `data`."""
        frames = []
        for byte in data:
            frame = self._frame
            if frame is None:
                if byte == END:
                    self._begin()
                else:
                    self.dropped_bytes += 1
            elif byte == END:
                if not frame:
                    continue  # the end of one frame and the beginning of the next may be one byte or two
                if not self._is_spoilt and not self._is_escaped:
                    frames.append(bytes(frame))
                    self._frame = None
                else:
                    self.dropped_bytes += len(frame)
                    self._begin()  # it may have been the beginning of another
            elif self._is_escaped:
                self._is_escaped = False
                self._is_spoilt |= byte not in _ESCAPED
                frame.append(_ESCAPED.get(byte, byte))
            elif byte == _ESCAPE:
                self._is_escaped = True
            else:
                frame.append(byte)
                if len(frame) > FRAME_BYTES_MAX:
                    self.dropped_bytes += len(frame)
                    self._frame = None
        return frames

    def _begin(self) -> None:
        self._frame = bytearray()
        self._is_escaped = self._is_spoilt = False

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Frames on the boot loader's line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulators.rom import slip


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=8), st.integers(1, 50))
def test_frames_survive_the_line_in_any_pieces(frames: list[bytes], piece: int) -> None:
    """What was encoded comes out again, whatever bytes it has and however the line cuts it."""
    line = b"".join(map(slip.encode, frames))
    reader = slip.FrameReader()
    found = [frame for at in range(0, len(line), piece) for frame in reader.take(line[at : at + piece])]
    assert found == frames
    assert reader.dropped_bytes == 0


def test_rubbish_is_counted_and_the_next_frame_found() -> None:
    """Noise before a frame, a wrong escape and a frame without end cost themselves, not what follows."""
    reader = slip.FrameReader()
    assert reader.take(b"noise" + slip.encode(b"first")) == [b"first"]
    assert reader.dropped_bytes == 5
    assert reader.take(b"\xc0bad\xdb\x00\xc0" + slip.encode(b"second")) == [b"second"]
    assert reader.take(b"\xc0" + bytes(slip.FRAME_BYTES_MAX + 1) + slip.encode(b"third")) == [b"third"]
    assert reader.dropped_bytes > slip.FRAME_BYTES_MAX

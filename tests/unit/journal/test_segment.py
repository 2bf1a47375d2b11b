# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The framing of entries, and finding good ones among bad bytes."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_agent.journal.segment import (
    BODY_BYTES_MAX,
    HEAD_BYTES,
    BatchEntry,
    Entry,
    GapEntry,
    Header,
    NewerVersionError,
    decode_body,
    decode_stored,
    encode_batch,
    encode_gap,
    encode_header,
    frame,
    scan,
)
from gateway_agent.model import GatewayId, Kid, Lane, Received
from gateway_agent.wire import cbor

HEADER = Header(GatewayId("gw-1"), Lane.RECORD, b"instance", 7, bytes(32), 6)
KID = Kid(bytes(range(14)))
BATCHES = [
    BatchEntry(number, (Received(KID, 1, ((number, number + 2),)),), b"batch %d" % number) for number in (7, 8, 9)
]
FILE = encode_header(HEADER) + b"".join(map(encode_batch, BATCHES))
STARTS = [piece.start for piece in scan(FILE).pieces]

numbers = st.integers(0, 2**40)
ranges = st.lists(st.tuples(numbers, numbers), max_size=3).map(tuple)
received = st.lists(st.builds(Received, st.binary(min_size=14, max_size=14).map(Kid), numbers, ranges), max_size=3)


def test_an_entry_has_marker_length_and_checksum_of_both() -> None:
    """The bytes are those of docs/wire.md section 12."""
    body = b"body"
    assert frame(body) == b"SCe1" + struct.pack(">II", 4, zlib.crc32(struct.pack(">I", 4) + body)) + body


def test_a_batch_is_written_as_the_general_encoder_would_write_it() -> None:
    """The fast encoder and the wire's encoder agree byte for byte."""
    entry = BatchEntry(300, (Received(KID, 5, ((5, 9), (70000, 70001))),), bytes(300))
    expected = frame(cbor.encode([300, bytes(300), [[KID, 5, [5, 9, 70000, 70001]]]]))
    assert encode_batch(entry) == expected


@given(st.builds(BatchEntry, numbers, received.map(tuple), st.binary(max_size=300)))
def test_a_batch_comes_back_as_it_was_written(entry: BatchEntry) -> None:
    """Encoding and scanning a batch entry is the identity."""
    data = encode_batch(entry)
    assert [piece.entry for piece in scan(data).pieces] == [entry]
    assert decode_stored(data[HEAD_BYTES:]) == entry._replace(received=())


@pytest.mark.parametrize(
    "entry",
    [HEADER, HEADER._replace(link=None, ended=None), GapEntry(9, 3, b"gap", bytes(32))],
)
def test_headers_and_gaps_come_back_as_they_were_written(entry: Entry) -> None:
    """The other two kinds round-trip too."""
    data = encode_header(entry) if isinstance(entry, Header) else encode_gap(entry)  # type: ignore[arg-type]
    assert [piece.entry for piece in scan(data).pieces] == [entry]


def test_a_later_format_is_refused_and_not_called_damage() -> None:
    """A header with a higher version raises, so that recovery does not quarantine what a newer program wrote."""
    with pytest.raises(NewerVersionError):
        scan(frame(cbor.encode([2, "gw-1", {}, "whatever"])))


@pytest.mark.parametrize(
    "body", [b"", b"\xff", cbor.encode(1), cbor.encode([1, 2]), cbor.encode([1, b"", [[1, 2, 3]]])]
)
def test_a_body_of_another_form_is_a_value_error(body: bytes) -> None:
    """Whatever bytes a body has, reading it gives an entry or ValueError."""
    with pytest.raises(ValueError):
        decode_body(body)
    with pytest.raises(ValueError):
        decode_stored(body if body[:1] != b"\x83" else b"\x83\x01")


@given(st.binary(max_size=200))
def test_scanning_any_bytes_accounts_for_all_of_them(data: bytes) -> None:
    """Pieces, damage and tail together cover the file, without overlap, and garbage never raises."""
    found = scan(data)
    covered = sum(piece.end - piece.start for piece in found.pieces) + sum(end - start for start, end in found.damage)
    assert covered + found.tail_bytes == found.size == len(data)


@pytest.mark.parametrize("position", range(len(FILE)))
def test_a_flipped_byte_costs_its_own_entry_only(position: int) -> None:
    """Whichever byte is bad, every entry but the one around it is found."""
    data = bytearray(FILE)
    data[position] ^= 0x41
    hit = max(index for index, start in enumerate(STARTS) if start <= position)
    whole = [HEADER, *BATCHES]
    assert [piece.entry for piece in scan(bytes(data)).pieces] == whole[:hit] + whole[hit + 1 :]


@pytest.mark.parametrize("size", range(len(FILE)))
def test_a_cut_file_gives_the_entries_before_the_cut(size: int) -> None:
    """Wherever a file ends, the whole entries before are found and the rest is the tail."""
    found = scan(FILE[:size])
    ends = [*STARTS[1:], len(FILE)]
    assert len(found.pieces) == sum(end <= size for end in ends)
    assert found.damage == []


def test_bytes_of_a_batch_that_look_like_an_entry_are_not_taken_for_one() -> None:
    """A damaged entry's own length is believed first, so an entry inside its batch stays hidden."""
    inner = encode_batch(BatchEntry(99, (), b"fake"))
    data = bytearray(encode_batch(BatchEntry(1, (), b"x" * 40 + inner + b"y" * 40)) + encode_batch(BATCHES[1]))
    data[HEAD_BYTES + 10] ^= 1
    assert [piece.entry for piece in scan(bytes(data)).pieces] == [BATCHES[1]]


def test_a_length_beyond_the_limit_is_damage() -> None:
    """A length field cannot make the reader ask for more than the limit."""
    data = b"SCe1" + struct.pack(">II", BODY_BYTES_MAX + 1, 0) + bytes(100)
    assert scan(data).pieces == []

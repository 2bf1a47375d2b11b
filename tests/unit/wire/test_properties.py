# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Round trips, one encoding for each meaning, and what garbage does. Hypothesis prints the seed that replays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from gateway_agent.errors import WireError
from gateway_agent.model import Body, Field, GatewayId, Kid, Kind, Pack
from gateway_agent.wire import batch, cbor, frame, gap, keys, receipt, senml, state
from gateway_agent.wire.body import NodeTable, decode_body, encode_body
from gateway_agent.wire.signer import Signer
from tests.support import vectors
from tests.support.wire_data import CBOR_VALUES, INT64, SEQUENCES, Between, bodies, lanes, packs
from tests.vectors.forms import body_form, form, pack_form, table_form

ROOT = keys.derive_root(bytes(16), 0)
KID = Kid(bytes(range(14)))
UP = keys.derive_up(ROOT, KID)
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))


@given(CBOR_VALUES)
def test_cbor_round_trip_and_one_encoding(value: Any) -> None:
    """What we encode we decode to the same, and a decoded item encodes to the same bytes."""
    raw = cbor.encode(value)
    decoded = cbor.decode(raw)
    assert cbor.encode(decoded) == raw
    assert form(decoded) == form(cbor.decode(cbor.encode(decoded)))


@given(st.one_of(st.integers(-(1 << 64), (1 << 64) - 1), st.floats(allow_nan=False, allow_infinity=False), st.text()))
def test_cbor_scalars_are_those_of_cbor2(value: Any) -> None:
    """An encoder that is not ours gives the same bytes for integers, floats and text."""
    if isinstance(value, str) and not value.isascii():
        value = value.encode("utf-8", "ignore").decode()
    assert cbor.encode(value) == cbor2.dumps(value, canonical=True)


@given(st.binary(max_size=40))
def test_accepted_bytes_are_the_only_encoding(data: bytes) -> None:
    """Bytes that `decode` accepts are the bytes that `encode` makes of the value: there is no second form."""
    try:
        value = cbor.decode(data)
    except WireError:
        return
    assert cbor.encode(value) == data


@given(packs())
def test_pack_round_trip(pack: Pack) -> None:
    """A pack survives encoding, the strict reader and the learned pattern."""
    raw = senml.encode_pack(pack)
    for _ in range(2):
        assert pack_form(senml.decode_pack(raw)) == pack_form(pack)


NEAR_LIMIT = st.one_of(
    st.integers(-3000, 3000).map(lambda ms: (1 << 53) - 1 + ms),
    st.integers(-3000, 3000).map(lambda ms: ms - (1 << 53) + 1),
    st.integers(-3000, 3000),
)


@given(NEAR_LIMIT, NEAR_LIMIT, NEAR_LIMIT, st.booleans())
def test_no_learned_pattern_takes_a_time_that_the_strict_reader_refuses(
    base_ms: int, first_ms: int, second_ms: int, is_boot: bool
) -> None:
    """Times near 2^53 ms in all places: the learned pattern agrees with the rule, that each time, sum and distance is within it."""

    def item(time_ms: int) -> int | cbor.Tag:
        return cbor.Tag(4, [-3, time_ms]) if time_ms % 1000 else time_ms // 1000

    def raw(*times_ms: int) -> bytes:
        base, first, second = map(item, times_ms)
        start = {"boot_": [7, base]} if is_boot else {-3: base}
        return cbor.encode([{0: "flow", 2: 5, 6: first, **start}, {0: "flow", 2: 6, 6: second}])

    # The same forms of time, so that the pattern of the absurd pack has been learned.
    learned = [1 if time_ms % 1000 else 0 for time_ms in (base_ms, first_ms, second_ms)]
    senml.decode_pack(raw(*learned))
    times = (base_ms + first_ms, base_ms + second_ms)
    judged = (base_ms, first_ms, second_ms, *times, times[1] - times[0])
    if max(map(abs, judged)) < 1 << 53:
        pack = senml.decode_pack(raw(base_ms, first_ms, second_ms))
        assert (pack.time_ms, pack.offsets_ms) == (times[0], (0, times[1] - times[0]))
    else:
        with pytest.raises(WireError, match="SenmlTime"):
            senml.decode_pack(raw(base_ms, first_ms, second_ms))


@given(packs(), packs())
def test_a_learned_pattern_reads_as_the_strict_reader(learned: Pack, other: Pack) -> None:
    """After one pack of a shape, any other values of that shape are read alike by pattern and by strict reader."""
    senml.decode_pack(senml.encode_pack(learned))
    again = learned._replace(time_ms=other.time_ms)
    raw = senml.encode_pack(again)
    assert pack_form(senml.decode_pack(raw)) == pack_form(senml._read(cbor.decode(raw))) == pack_form(again)


MIXED = (Field("temperature", "Cel", int(Kind.NUMBER), -2), Field("occupied", None, int(Kind.BOOLEAN), 0))


@given(st.integers(0, 60), st.integers(0, 255))
def test_a_changed_byte_is_judged_alike_by_pattern_and_reader(place: int, byte: int) -> None:
    """Any one byte of a learned pack changed: pattern and strict reader agree, on the value or on the refusal."""
    raw = bytearray(senml.encode_pack(Pack(None, 1_790_000_000_250, MIXED, (0, 1500), (2150, True))))
    senml.decode_pack(bytes(raw))
    raw[place % len(raw)] = byte

    def judged(read: Callable[[], Pack]) -> Any:
        try:
            return pack_form(read())
        except WireError as error:
            return error.name

    data = bytes(raw)
    assert judged(lambda: senml.decode_pack(data)) == judged(lambda: senml._read(cbor.decode(data)))


@given(SEQUENCES, st.data(), st.binary(max_size=200))
def test_frame_round_trip(sequence: int, data: st.DataObject, pack_bytes: bytes) -> None:
    """Numbers and pack bytes come out of a frame as they went in."""
    floor = data.draw(st.integers(0, sequence))
    sealed = frame.parse_frame(frame.seal_frame(UP, sequence, floor, pack_bytes))
    assert frame.open_frame(sealed, UP) == (KID, sequence, floor, pack_bytes)


@given(st.integers(0, 200), st.integers(1, 255))
def test_no_changed_byte_of_a_frame_is_authentic(place: int, change: int) -> None:
    """A frame with any one byte changed is refused."""
    raw = bytearray(frame.seal_frame(UP, 70000, 69000, bytes(30)))
    raw[place % len(raw)] ^= change
    with pytest.raises(WireError):
        sealed = frame.parse_frame(bytes(raw))
        frame.open_frame(sealed, keys.derive_up(ROOT, sealed.kid))


@given(st.lists(INT64, max_size=50))
def test_waveform_round_trip(samples: list[int]) -> None:
    """Samples survive, unless a difference is beyond 64 bits, which is refused before it is sent."""
    try:
        raw = senml.encode_waveform(samples)
    except ValueError:
        return
    assert senml.decode_waveform(raw) == samples


def sorted_frames(body: Body) -> list[Any]:
    return sorted(body_form(body)["frames"], key=repr)


@given(lanes())
def test_bodies_of_a_lane_round_trip(lane: list[tuple[Body, Between]]) -> None:
    """Bodies that share a table come back complete, wherever the table starts anew or is kept over a restart.

    Every frame once, in groups; opaque and own in order; writer and reader hold the same table; and what was read is written
    again as the same bytes.
    """
    ours, theirs = NodeTable(), NodeTable()
    for body, between in lane:
        if between is Between.NEW_TABLE:
            ours = NodeTable()
        elif between is Between.READER_RESTARTS:
            theirs = NodeTable.load(theirs.dump())
        again = NodeTable.load(ours.dump())
        raw = encode_body(body, ours)
        decoded = decode_body(raw, theirs)
        assert Counter(map(repr, sorted_frames(decoded))) == Counter(map(repr, sorted_frames(body)))
        assert body_form(decoded)["opaque"] == body_form(body)["opaque"]
        assert body_form(decoded)["own"] == body_form(body)["own"]
        assert table_form(ours) == table_form(theirs)
        assert ours.dump() == theirs.dump()
        reordered = body._replace(frames=decoded.frames)
        if list(dict.fromkeys(row.kid for row in decoded.frames)) == list(
            dict.fromkeys(row.kid for row in body.frames)
        ):
            assert encode_body(reordered, again) == raw


@given(lanes(), st.integers(0, 200), st.binary(max_size=3))
def test_a_changed_body_has_another_meaning_or_none(
    lane: list[tuple[Body, Between]], place: int, change: bytes
) -> None:
    """The last body of a lane with some bytes changed is refused and leaves the table as it was, or it means something else."""
    ours, theirs = NodeTable(), NodeTable()
    for body, _ in lane[:-1]:
        decode_body(encode_body(body, ours), theirs)
    raw = encode_body(lane[-1][0], ours)
    place %= len(raw)
    changed = raw[:place] + change + raw[place + len(change) :]
    known = theirs.dump()
    table = NodeTable.load(known)
    meaning = body_form(decode_body(raw, table))
    try:
        other = body_form(decode_body(changed, theirs))
    except WireError:
        assert theirs.dump() == known
    else:
        assert changed == raw or (other, theirs.dump()) != (meaning, table.dump())


@given(bodies(), bodies(), bodies())
def test_a_reader_without_the_batch_before_says_so(first: Body, second: Body, third: Body) -> None:
    """A body that leans on a batch that the reader lacks is refused by name, also where that batch named no new node."""
    table, reader = NodeTable(), NodeTable()
    decode_body(encode_body(first, table), reader)
    encode_body(second, table)
    raw = encode_body(third, table)
    for lacking in (NodeTable(), reader):
        known = lacking.dump()
        with pytest.raises(WireError, match="TableMissing"):
            decode_body(raw, lacking)
        assert lacking.dump() == known


# ------------------------------------------------------------------------------------------------------ garbage

READERS: dict[str, Callable[[bytes], Any]] = {
    "cbor": cbor.decode,
    "sequence": cbor.decode_sequence,
    "frame": lambda data: frame.open_frame(frame.parse_frame(data), UP),
    "plaintext": lambda data: frame.open_frame(frame.parse_frame(frame.envelope(UP, 9, data)), UP),
    "pack": senml.decode_pack,
    "waveform": senml.decode_waveform,
    "down": lambda data: frame.open_down(data, ROOT),
    "body": lambda data: decode_body(data, NodeTable()),
    "table": NodeTable.load,
    "batch": lambda data: batch.parse_batch(data).opened_body(),
    "receipt": lambda data: receipt.open_receipt(data, SIGNER.public_key),
    "state": lambda data: state.open_state(data, SIGNER.public_key),
    "gap": lambda data: gap.open_gap(data, SIGNER.public_key),
}

_HEXES = [
    bytes.fromhex(item.get("hex", item.get("frame", item.get("down", ""))))
    for name in ("cbor", "pack", "frame", "down", "body", "batch", "receipt", "state", "gap")
    for item in vectors.items(name)
]
_SEEDS = sorted({raw for raw in _HEXES if len(raw) < 2000})


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A vector with some bytes overwritten, inserted or cut."""
    raw = bytearray(draw(st.sampled_from(_SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(raw)))
        raw[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(raw)


@pytest.mark.parametrize("reader", READERS)
@given(data=st.binary(max_size=120) | mangled() | CBOR_VALUES.map(cbor.encode))
@example(data=b"\xc4" * 2000)
@example(data=b"\x81" * 2000)
@example(data=b"\xff" * 1280)
def test_garbage_gives_a_value_or_a_wire_error(reader: str, data: bytes) -> None:
    """Any bytes into any reader give a value or a WireError, and nothing else."""
    try:
        READERS[reader](data)
    except WireError as error:
        assert error.name


@pytest.mark.parametrize("kind", ["cmd", "argument"])
def test_a_down_frame_that_says_nothing_is_our_mistake(kind: str) -> None:
    """Sealing what no node would accept is a ValueError here, not an error there."""
    commands = [] if kind == "cmd" else [frame.Command(1, 1, [])]  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        frame.seal_down(bytes(16), GatewayId("a"), KID, bytes(13), 0, commands=commands)

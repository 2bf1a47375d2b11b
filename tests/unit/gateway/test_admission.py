# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""From a frame's bytes to an admitted frame, or to a refusal with a name and a count."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles import load_profiles
from gateway_agent.admit.admission import (
    BACKLOG_RANGES,
    BACKLOG_WAIT_MS,
    NODE_FRAME_EACH_MS,
    NODE_FRAMES_BURST,
    Admission,
)
from gateway_agent.admit.keyring import UNKNOWN_NODES_MAX, Keyring
from gateway_agent.admit.profile_check import ProfileCheck
from gateway_agent.admit.received import NumberTable
from gateway_agent.model import FrameRow, Kind, Lane, OpaqueRow, Pack
from gateway_agent.registry.sqlite_registry import NodeRecord
from gateway_agent.wire.senml import decode_pack, encode_waveform
from gateway_agent.wire.waveform import decode_waveform
from tests.support.profile_folder import write_profile
from tests.support.sealing_node import SealingNode, level_pack, open_pack, pack


class Bench:
    """An admission with one registered node."""

    def __init__(self, folder: Path, node: SealingNode) -> None:
        write_profile(folder)
        self.node = node
        self.keyring = Keyring()
        self.register(node)
        self.received = NumberTable()
        self.counters: Counter[str] = Counter()
        check = ProfileCheck(load_profiles(folder), decode_waveform)
        self.admission = Admission(self.keyring, self.received, check, decode_pack, self.counters)

    def register(self, *nodes: SealingNode) -> None:
        self.keyring.replace_nodes(NodeRecord(n.node_id, n.profile, n.generation, n.root) for n in nodes)

    def admit(self, data: bytes, now_ms: int = 1_000):
        arrivals = self.admission.admit([data], now_ms)
        return arrivals[0] if arrivals else None

    def counts(self) -> dict[str, int]:
        # What did not happen is not counted.
        return {name: count for name, count in self.counters.items() if count}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, SealingNode())


def test_a_good_frame_is_admitted_with_lane_and_deadline(bench: Bench) -> None:
    """A new authentic frame becomes a row, in its measurement's lane, to be sealed within its deadline."""
    arrival = bench.admit(bench.node.seal(level_pack(250)))
    assert arrival is not None
    assert arrival.admitted is not None
    assert arrival.admitted.row == FrameRow(bench.node.kid, 0, level_pack(250))
    assert (arrival.admitted.lane, arrival.admitted.deadline_ms) == (Lane.TREND, 301_000)
    assert bench.counts() == {"admitted": 1, "readings": 1}


@pytest.mark.parametrize(
    ("content", "lane", "deadline_ms"),
    [
        pytest.param(level_pack(1_150), Lane.TREND, 300_000, id="at the threshold is no alarm"),
        pytest.param(level_pack(1_151), Lane.ALARM, 0, id="above the threshold is an alarm"),
        pytest.param(open_pack(False), Lane.RECORD, 5_000, id="a change of state"),
        pytest.param(open_pack(True), Lane.ALARM, 0, id="a state that is an alarm"),
        pytest.param(pack(("level", "m", Kind.NUMBER, -3, 11_501)), Lane.ALARM, 0, id="an alarm in finer steps"),
        pytest.param(pack(("level", "m", Kind.NUMBER, 0, 11)), Lane.TREND, 300_000, id="no alarm in coarser steps"),
        pytest.param(
            pack(("level", "m", Kind.NUMBER, -2, 5), ("open", None, Kind.BOOLEAN, 0, False)),
            Lane.RECORD,
            5_000,
            id="a frame goes where its most urgent reading belongs",
        ),
        pytest.param(
            pack(("level", "m", Kind.NUMBER, -2, 5), ("boot", None, Kind.NUMBER, 0, 3)),
            Lane.TREND,
            300_000,
            id="what a node says of itself is known to every profile",
        ),
    ],
)
def test_lane_and_deadline_come_from_the_profile(bench: Bench, content: Pack, lane: Lane, deadline_ms: int) -> None:
    """The most urgent reading decides the lane, the earliest deadline the wait; alarm conditions are judged by value."""
    arrival = bench.admit(bench.node.seal(content), now_ms=0)
    assert arrival is not None
    assert arrival.admitted is not None
    assert (arrival.admitted.lane, arrival.admitted.deadline_ms) == (lane, deadline_ms)


@pytest.mark.parametrize(
    ("content", "count"),
    [
        pytest.param(level_pack(1_200), 0, id="the upper bound is inside"),
        pytest.param(level_pack(1_201), 1, id="above the upper bound"),
        pytest.param(level_pack(-16), 1, id="below the lower bound"),
        pytest.param(pack(("level", "m", Kind.NUMBER, -3, 12_001)), 1, id="in finer steps"),
        pytest.param(pack(("level", "m", Kind.NUMBER, 0, 12)), 0, id="in coarser steps"),
        pytest.param(pack(("wave", "m", Kind.BYTES, 0, encode_waveform([0, 1_000]))), 0, id="a waveform inside"),
        pytest.param(pack(("wave", "m", Kind.BYTES, 0, encode_waveform([0, 1_001]))), 1, id="one sample outside"),
        pytest.param(pack(("wave", "m", Kind.BYTES, 0, b"\xff")), 1, id="bytes that are no waveform"),
    ],
)
def test_a_reading_outside_its_profile_is_kept_and_counted(bench: Bench, content: Pack, count: int) -> None:
    """Implausible is not invalid: the row is unchanged, and `out_of_range` counts the reading."""
    arrival = bench.admit(bench.node.seal(content))
    assert arrival is not None
    assert arrival.admitted is not None
    assert isinstance(arrival.admitted.row, FrameRow)
    assert bench.counters["out_of_range"] == count


@pytest.mark.parametrize(
    ("content", "reason", "counter"),
    [
        pytest.param(pack(("colour", None, Kind.TEXT, 0, "red")), 1, "opaque_unknown_name", id="unknown name"),
        pytest.param(pack(("level", "cm", Kind.NUMBER, 0, 1)), 2, "opaque_wrong_unit_or_kind", id="wrong unit"),
        pytest.param(pack(("level", "m", Kind.BOOLEAN, 0, True)), 2, "opaque_wrong_unit_or_kind", id="wrong kind"),
        pytest.param(b"\xff\xff", 3, "opaque_invalid_pack", id="not CBOR"),
        pytest.param(b"\x81\xa0", 3, "opaque_invalid_pack", id="CBOR, but no pack"),
        pytest.param(b"", 3, "opaque_invalid_pack", id="nothing"),
    ],
)
def test_an_authentic_frame_that_we_cannot_use_is_kept_whole(bench: Bench, content, reason: int, counter: str) -> None:
    """Unknown names, wrong units and packs that are none are stored as they came, with the reason."""
    from gateway_agent.wire.senml import encode_pack

    arrival = bench.admit(bench.node.seal(content))
    assert arrival is not None
    assert arrival.admitted is not None
    data = content if isinstance(content, bytes) else encode_pack(content)
    assert arrival.admitted.row == OpaqueRow(bench.node.kid, 0, reason, data)
    assert bench.counts() == {"admitted": 1, counter: 1}


def test_a_node_of_an_unknown_profile_is_stored_opaque(bench: Bench) -> None:
    """A profile that is not installed loses nothing: the frame is kept for the day when it is."""
    bench.node.profile = "not-installed"
    bench.register(bench.node)
    arrival = bench.admit(bench.node.seal(level_pack(1)))
    assert arrival is not None
    assert arrival.admitted is not None
    assert isinstance(arrival.admitted.row, OpaqueRow)
    assert bench.counts() == {"admitted": 1, "opaque_unknown_profile": 1}


def test_an_unknown_node_is_refused_and_named(bench: Bench) -> None:
    """A node that the registry does not have is counted and its id kept for the installer; at most 64 ids are."""
    stranger = SealingNode(node_id=b"strang")
    for _ in range(3):
        assert bench.admit(stranger.seal(level_pack(1))) is None
    assert bench.counts() == {"refused_UnknownNode": 3}
    assert bench.keyring.unknown_nodes == {b"strang": 3}
    for number in range(2 * UNKNOWN_NODES_MAX):
        bench.admit(SealingNode(node_id=number.to_bytes(6, "big")).seal(level_pack(1)))
    assert len(bench.keyring.unknown_nodes) == UNKNOWN_NODES_MAX


def test_a_node_is_no_longer_unknown_once_it_is_registered(bench: Bench) -> None:
    """After `node add` its frames are admitted without a restart, and it leaves the list of strangers."""
    stranger = SealingNode(node_id=b"strang")
    bench.admit(stranger.seal(level_pack(1)))
    bench.register(bench.node, stranger)
    assert not bench.keyring.unknown_nodes
    assert bench.admit(stranger.seal(level_pack(1))) is not None


def test_a_frame_that_does_not_authenticate_leaves_nothing_behind(bench: Bench) -> None:
    """A foreign key, a changed byte, an invented epoch: counted as FrameTag, and nothing about that epoch is remembered."""
    forger = SealingNode(generation=7, epoch=b"invented")
    assert bench.admit(forger.seal(level_pack(1))) is None
    good = bytearray(bench.node.seal(level_pack(1)))
    good[-1] ^= 1
    assert bench.admit(bytes(good)) is None
    assert bench.counts() == {"refused_FrameTag": 2}
    assert list(bench.received.kids()) == []
    assert bench.keyring.find(forger.kid) is None


def test_old_and_new_generations_of_a_key_are_both_accepted(bench: Bench) -> None:
    """While a city moves to the next generation, a backlog under the old root is still admitted."""
    old, new = SealingNode(), SealingNode(generation=1, epoch=b"epoch-02")
    bench.register(old, new)
    assert bench.admit(new.seal(level_pack(1))) is not None
    assert bench.admit(old.seal(level_pack(2))) is not None


def test_a_repeat_is_counted_and_told_apart(bench: Bench) -> None:
    """The same frame again has nothing to admit, but it may be acknowledged again."""
    frame = bench.node.seal(level_pack(1))
    bench.admit(frame)
    arrival = bench.admit(frame)
    assert arrival is not None
    assert arrival.is_repeat
    assert arrival.admitted is None
    assert bench.counts() == {"admitted": 1, "readings": 1, "repeats": 1}


def test_a_run_of_frames_is_judged_in_order(bench: Bench) -> None:
    """Good, foreign, garbage, repeated and good again in one run: the good ones come out in order, the rest is counted."""
    first, second = bench.node.seal(level_pack(1)), bench.node.seal(level_pack(2))
    run = [first, SealingNode(generation=7).seal(level_pack(1)), b"x", first, second, SealingNode(b"other1").seal(b"")]
    arrivals = bench.admission.admit(run, 0)
    assert [(arrival.sequence, arrival.is_repeat) for arrival in arrivals] == [(0, False), (0, True), (1, False)]
    assert bench.counters["refused_FrameTag"] == bench.counters["refused_UnknownNode"] == bench.counters["repeats"] == 1
    assert bench.counters["admitted"] == 2


def test_an_alarm_finds_room_where_a_trend_does_not(bench: Bench) -> None:
    """32 ranges above the limit are kept for frames of the alarm lane, so that a mixed backlog never holds an alarm up."""
    for sequence in range(0, 128, 2):
        assert bench.admit(bench.node.seal(level_pack(1), sequence)) is not None
    alarm = pack(("lost", None, Kind.BYTES, 0, b"x"))
    for sequence in range(1_000, 1_064, 2):
        assert bench.admit(bench.node.seal(alarm, sequence)) is not None
    assert bench.admit(bench.node.seal(alarm, 2_000)) is None
    assert bench.admit(bench.node.seal(level_pack(1), 2_000)) is None
    assert bench.counters["refused_TooManyRanges"] == 2


def test_a_node_with_a_backlog_is_sealed_sooner(bench: Bench) -> None:
    """With 16 holes in its numbers, or 512 of them unconfirmed, a frame's deadline is two seconds at most."""

    def wait_ms(sequence: int, floor: int = 0) -> int:
        arrival = bench.admit(bench.node.seal(level_pack(1), sequence, floor), 0)
        assert arrival is not None and arrival.admitted is not None
        return int(arrival.admitted.deadline_ms)

    waits = [wait_ms(sequence) for sequence in range(0, 34, 2)]
    assert waits == [300_000] * BACKLOG_RANGES + [BACKLOG_WAIT_MS]
    assert wait_ms(5_000, floor=4_488) == BACKLOG_WAIT_MS
    assert wait_ms(5_001, floor=4_490) == 300_000


def test_a_65th_range_is_refused_by_name(bench: Bench) -> None:
    """Numbers with 64 holes between them are too many ranges; one that fills a hole is admitted, and then there is room."""
    for sequence in range(0, 128, 2):
        assert bench.admit(bench.node.seal(level_pack(1), sequence)) is not None
    assert bench.admit(bench.node.seal(level_pack(1), 1_000)) is None
    assert bench.counters["refused_TooManyRanges"] == 1
    assert bench.admit(bench.node.seal(level_pack(1), 1)) is not None
    assert bench.admit(bench.node.seal(level_pack(1), 1_000)) is not None


def test_a_number_below_the_floor_is_refused_by_name(bench: Bench) -> None:
    """What a node has closed for good does not come in late."""
    bench.admit(bench.node.seal(level_pack(1), 10, floor=8))
    assert bench.admit(bench.node.seal(level_pack(1), 7, floor=0)) is None
    assert bench.counters["refused_BelowFloor"] == 1
    assert bench.admit(bench.node.seal(level_pack(1), 8, floor=0)) is not None


@given(st.binary(max_size=1_400))
def test_garbage_is_refused_and_counted(data: bytes) -> None:
    """Any bytes give no arrival and exactly one counted refusal."""
    counters: Counter[str] = Counter()
    admission = Admission(Keyring(), NumberTable(), ProfileCheck({}, decode_waveform), decode_pack, counters)
    assert admission.admit([data], 0) == []
    assert sum(counters.values()) == 1
    assert all(name.startswith("refused_") for name in counters)


@given(st.binary(max_size=300), st.integers(0, 2**20 - 1))
def test_authentic_nonsense_is_refused_or_kept(plaintext: bytes, sequence: int) -> None:
    """A broken node with a good key: each frame is refused by name or kept, never an error of ours."""
    node = SealingNode()
    keyring = Keyring()
    keyring.replace_nodes([NodeRecord(node.node_id, "tank-l1", 0, node.root)])
    counters: Counter[str] = Counter()
    admission = Admission(keyring, NumberTable(), ProfileCheck({}, decode_waveform), decode_pack, counters)
    arrivals = admission.admit([node.seal_nonsense(plaintext, sequence)], 0)
    assert len(arrivals) == counters["admitted"]


def test_no_secret_shows_in_a_key(bench: Bench) -> None:
    """repr of what the keyring hands out has neither key nor root."""
    bench.admit(bench.node.seal(level_pack(1)))
    key = bench.keyring.find(bench.node.kid)
    assert key is not None
    assert bench.node.root.hex() not in repr(key)
    assert repr(bench.node.root) not in repr(key)
    assert repr(key.up_key.key) not in repr(key)


def test_a_node_that_floods_is_refused_by_name_and_nothing_is_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above its burst a node's frames are refused and not received, so their repeats are new once it slows down; another node is
    not concerned."""
    monkeypatch.setattr("gateway_agent.admit.admission.NODE_FRAMES_BURST", 50)
    other = SealingNode(node_id=b"other.")
    bench.register(bench.node, other)
    frames = [bench.node.seal(level_pack(number)) for number in range(60)]
    taken = [bench.admit(frame) is not None for frame in frames]
    assert taken == [True] * 50 + [False] * 10
    assert bench.counts()["refused_TooFast"] == 10
    assert bench.admit(other.seal(level_pack(1))) is not None
    later_ms = 1_000 + 50 * NODE_FRAME_EACH_MS
    assert all(bench.admit(frame, later_ms) is not None for frame in frames[50:])
    assert NODE_FRAMES_BURST > 50_000, "a backlog and a benchmark are no flood"

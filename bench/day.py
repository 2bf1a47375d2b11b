# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A day of 200 nodes at their profiles' rates: what it costs the memory card. Real profiles, lanes, sealer, journal and receipts on a
simulated clock; the disk does not sync, it counts.

Assumed, on purpose more than usual: a node with an interval reports every time (a climate node reports changes only); each stall changes
44 times between 7 and 21 h; each cabinet's door opens twice; each bridge feels 60 loads; four alarms in the city. Diagnostics
each 900 s, of nodes that sleep once a day. The collector receipts each batch at once.
"""

from __future__ import annotations

import heapq
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.stage import GATEWAY_ID, SEED, Figure, Keys
from device_profiles import Profile, load_profiles
from gateway_agent.admit.profile_check import ProfileCheck
from gateway_agent.journal import Journal, JournalLimits
from gateway_agent.journal.files import OsFiles
from gateway_agent.model import (
    AdmittedFrame,
    ClockReading,
    Field,
    FrameRow,
    GatewayId,
    Kid,
    Kind,
    Lane,
    Pack,
    Receipt,
    Value,
)
from gateway_agent.operate.write_budget import DAY_S, Card, Written, write_budget
from gateway_agent.seal.lanes import Lanes
from gateway_agent.seal.sealer import Sealer
from gateway_agent.wire.batch import link_of
from gateway_agent.wire.senml import encode_pack
from gateway_agent.wire.signer import Signer
from gateway_agent.wire.waveform import decode_waveform

_DAY_MS = DAY_S * 1_000
_START_MS = 1_790_000_000_000
_RECEIPT_BYTES = 150  # docs/wire.md, 9: id, lane, instance, number, hash and signature


class Habit(NamedTuple):
    """Nodes of one profile: what they send each so many seconds, and so many times a day."""

    nodes: int
    regular: tuple[str, ...] = ()
    each: str | int = 0  # a setting of the profile, or seconds
    event: tuple[str, ...] = ()
    events_per_day: int = 0


_STALL = ("occupied", "occupancy_known", "confidence", "deviation", "field_x", "field_y", "field_z")
HABITS = {
    "parking-mmc5983ma": Habit(60, _STALL, "heartbeat_s", _STALL, 44),
    "parking-loading-mmc5983ma": Habit(10, _STALL, "heartbeat_s", _STALL, 44),
    "parking-lis3mdl": Habit(40, _STALL, "heartbeat_s", _STALL, 44),
    "climate-sht4x": Habit(40, ("temperature", "humidity", "self_heat_s"), "interval_s"),
    "climate-sht4x-battery": Habit(10, ("temperature", "humidity", "self_heat_s"), "interval_s"),
    "energy-sdm630": Habit(15, ("voltage_1", "voltage_2", "voltage_3", "current_1", "current_2", "current_3", "power_1", "power_2",
                                "power_3", "power", "power_factor", "frequency", "energy_in", "energy_out"), "interval_s"),
    "water-pulse": Habit(10, ("volume", "pulses", "consumption", "flow"), "interval_s", ("leak",), 0),
    "water-pulse-battery": Habit(5, ("volume", "pulses", "consumption", "flow"), "interval_s"),
    "dae-cabinet": Habit(6, ("presence", "weight", "temperature", "battery_voltage", "cabinet_voltage", "status"), "heartbeat_s",
                         ("door_open",), 4),
    "strain-hx711": Habit(4, ("samples", "missed", "noise", "strain_static", "strain", "strain_rate", "live_low", "live_high"),
                          "interval_s", ("event_number", "event_duration", "step", "strain"), 60),
}  # fmt: skip
_DIAGNOSTICS = ("rssi", "heap")
_ALARMS = (
    ("dae-cabinet", "removed"),
    ("dae-cabinet", "power_lost"),
    ("strain-hx711", "live_level"),
    ("water-pulse", "leak"),
)


class CountingFiles(OsFiles):
    """A disk that does not sync: the journal counts for itself."""

    def sync(self, handle: int) -> None:
        pass

    def sync_directory(self, path: Path) -> None:
        pass


class _Node:
    def __init__(self, index: int, profile: Profile) -> None:
        self.profile = profile
        self.kid = Kid(index.to_bytes(6, "big") + b"oneepoch")
        self.sequence = 0

    def pack(self, names: tuple[str, ...], at_ms: int, chance: random.Random) -> Pack:
        rows = [self.profile.measurements[name] for name in names]
        shape = tuple(Field(row.name, row.unit, row.wire_kind, row.wire_exponent) for row in rows)
        return Pack(None, at_ms, shape, (0,) * len(rows), tuple(_value(row.wire_kind, chance) for row in rows))


def _value(kind: int, chance: random.Random) -> Value:
    if kind == Kind.BOOLEAN:
        return True
    if kind == Kind.TEXT:
        return "present"
    return float(chance.randrange(100)) if kind == Kind.FLOAT else chance.randrange(1_000)


def _every(each_ms: int, chance: random.Random) -> Iterator[int]:
    """From anywhere in the first period on, with a crystal's and a scheduler's unevenness."""
    at_ms = chance.randrange(each_ms)
    while at_ms < _DAY_MS:
        yield at_ms
        at_ms += each_ms + chance.randrange(50)


def _frames(profiles: dict[str, Profile], chance: random.Random) -> Iterator[tuple[int, _Node, tuple[str, ...]]]:
    """(time, node, names) of the day's frames, in order."""
    streams: list[Iterator[tuple[int, int, _Node, tuple[str, ...]]]] = []
    nodes: list[_Node] = []

    def add(times: Iterator[int], node: _Node, names: tuple[str, ...]) -> None:
        index = len(streams)  # decides between equal times
        streams.append((at_ms, index, node, names) for at_ms in times)

    for profile_id, habit in HABITS.items():
        profile = profiles[profile_id]
        for _ in range(habit.nodes):
            node = _Node(len(nodes) + 1, profile)
            nodes.append(node)
            each = habit.each
            each_s = int(str(profile.settings[each].default)) if isinstance(each, str) else each
            add(_every(each_s * 1_000, chance), node, habit.regular)
            diagnostics_s = DAY_S if profile.power.sleeps else 900
            add(_every(diagnostics_s * 1_000, chance), node, _DIAGNOSTICS)
            open_ms, close_ms = (7 * 3_600_000, 21 * 3_600_000) if habit.event is _STALL else (0, _DAY_MS)
            add(
                iter(sorted(chance.randrange(open_ms, close_ms) for _ in range(habit.events_per_day))),
                node,
                habit.event,
            )
    for profile_id, name in _ALARMS:
        node = next(node for node in nodes if node.profile.id == profile_id)
        add(iter([chance.randrange(_DAY_MS)]), node, (name,))
    for at_ms, _, node, names in heapq.merge(*streams):
        yield at_ms, node, names


class _Gateway:
    """Lanes, sealer and journal joined as the committer joins them, and a collector that receipts at once."""

    def __init__(self, directory: Path) -> None:
        self.id = GatewayId(GATEWAY_ID)
        self.journal = Journal.open(directory, self.id, JournalLimits(), CountingFiles())
        self.lanes = Lanes()
        self._sealer = Sealer(self.id, Signer(Keys().gateway))
        self.batch_bytes = 0

    def run_until(self, end_ms: int) -> None:
        """Seal what becomes due before `end_ms`."""
        while (due_ms := self.lanes.next_deadline_ms()) is not None and due_ms <= end_ms:
            sealed = []
            clock = ClockReading(b"simulate", due_ms, _START_MS + due_ms, 1, 1)
            for lane in self.lanes.due(due_ms):
                frames = self.lanes.take(lane, due_ms)
                sealed += self._sealer.seal(self.journal.head(lane), self.journal.is_segment_start(lane), frames, clock)
            self.journal.append(sealed)
            for batch in sealed:
                self.batch_bytes += len(batch.batch)
                receipt = Receipt(self.id, batch.lane, batch.instance, batch.number, link_of(batch.batch))
                self.journal.note_receipt(receipt, bytes(_RECEIPT_BYTES))
            self.journal.trim()


def measure(directory: Path) -> dict[str, float]:
    """One day. Syncs are those of files and directories; the kernel's own writing back of receipts stands beside them."""
    directory.mkdir(parents=True)
    chance = random.Random(SEED)
    gateway = _Gateway(directory / "journal")
    check = ProfileCheck(load_profiles(), decode_waveform)
    frames = readings = by_alarm = 0
    for at_ms, node, names in _frames(load_profiles(), chance):
        gateway.run_until(at_ms)
        pack = node.pack(names, _START_MS + at_ms, chance)
        reason, lane, wait_ms, _ = check.judge(node.profile.id, pack)
        if reason is not None:
            raise ValueError(f"{node.profile.id}: {names} is opaque ({reason})")
        row = FrameRow(node.kid, node.sequence, pack)
        node.sequence += 1
        size_bytes = len(encode_pack(pack))
        gateway.lanes.add([AdmittedFrame(row, max(0, node.sequence - 64), lane, at_ms + wait_ms, size_bytes)], at_ms)
        frames += 1
        readings += len(names)
        by_alarm += lane is Lane.ALARM
    gateway.run_until(_DAY_MS)
    counters = gateway.journal.counters
    written = Written(DAY_S, counters.syncs, counters.bytes_written, counters.receipt_writes, readings)
    budget = write_budget(written, Card())
    gateway.journal.close()
    shutil.rmtree(directory)
    assert budget.life_days is not None
    return {
        "syncs_of_batches": counters.syncs,
        "syncs_and_receipts_written_back": written.flushes,
        "frames": frames,
        "readings": readings,
        "alarms": by_alarm,
        "batches": counters.batches,
        "bytes": counters.bytes_written,
        "bytes_disk_per_reading": round(counters.bytes_written / readings, 2),
        "bytes_batches_per_reading": round(gateway.batch_bytes / readings, 2),
        "days_in_512_mb": round(JournalLimits().bytes_max / counters.bytes_written, 1),
        "card_life_years": round(budget.life_days / 365.25, 1),
        "nodes": sum(habit.nodes for habit in HABITS.values()),
    }


def run(directory: Path) -> list[Figure]:
    own = measure(directory)
    return [
        Figure("day", "syncs/day", own["syncs_of_batches"], own["frames"], "a store that syncs each message (arithmetic)", "less",
               "<= 10,000", dict(own))
    ]  # fmt: skip

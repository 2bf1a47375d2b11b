# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Plays recorded bridge strain through the whole path in fast time, and compares what is stored with what was played.

Strain to code: a quarter bridge of gauge factor 2 puts out 2/4 x strain of its excitation; the HX711 at gain 128 has its end of
scale (2^23 codes) at 0.5/128 of the same voltage, so one code is 2^-30 = 931e-12 of strain, the profile's `pstrain_per_code`.

Three records are compared, and only the collector's export comes from the parts under test: the export, the converter's
log of its own conversions (instant and code), and the recording's file, which is read here without the simulators' code.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import psutil

from collector.reading_room import ReadingRoom
from gateway_agent.wire.cbor import decode
from simulators.clock import SimulationClock
from simulators.vm import SimulatedNode
from simulators.world.bridge import RecordedBridge, load_recording
from simulators.world.place_strain import StrainPoint
from simulators.world.world import Message, World
from tests.support.command_line import succeed
from tests.support.compiled_firmware import compile_firmware
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import wait_until

REPO = Path(__file__).parents[2]
RECORDING = "UniBw_2022-04-11_ref_support_load_01DMS_CNAt100Hz.csv.zip"  # 720 s
NODE = "24dcc3000001"
STRAIN_PER_CODE = 931e-12
PERIOD_US = 12_500  # the converter's, at 80 a second
RECORDING_PERIOD_US = 10_000
DROPPED_AT_START = 4  # conversions that the driver drops after it has switched the converter on
TRUTH_LINE_MS = 500  # the converter's log comes in lines of 40 conversions: the board's lag is seen that often
DRIFT_PPM = 50  # what the node itself adds to its bound


class Sample(NamedTuple):
    """One code and its instant, microseconds since 1970."""

    at_us: int
    code: int


class Run(NamedTuple):
    """One stored waveform."""

    at_ms: int
    period_us: int
    codes: list[int]


class Stored(NamedTuple):
    """What the collector exports."""

    runs: list[Run]
    readings: int
    identities: int  # different (epoch, sequence, index)
    missed: int  # conversions that the node itself says it lost
    round_trips_ms: list[int]
    faults: list[str]


class Played(NamedTuple):
    """What was played, and what the simulation says of itself."""

    truth: list[Sample]
    start_ms: int  # of the recording
    lag_ms: int  # the most that the board was behind the host
    produced: int  # readings, counted on the node's console
    verified: int  # readings, by `startcity verify`
    export: str
    real_s: float  # host time from the node's start to its unplugging
    cpu_s: float  # of virtual machine, gateway and collector


def recording_file() -> Path:
    """Where the recording should be; it may be absent."""
    folder = Path(os.environ.get("STARTCITY_TEST_DATA") or REPO.parent / "shared" / "data")
    return folder / "bridge-strain" / RECORDING


def read_strain(path: Path) -> list[float]:
    """The recording's strain (a ratio), 100 a second, read without the simulators' code."""
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        rows = csv.reader(io.TextIOWrapper(file, "latin-1"))
        assert "um/m" in next(rows)[1]
        return [float(row[1]) / 1e6 for row in rows]


def recorded_code(strains: Sequence[float], offset_us: int) -> float:
    """The recording's value so long after its start, on the straight line between two samples, in codes (not rounded)."""
    place, part_us = divmod(offset_us, RECORDING_PERIOD_US)
    first, second = strains[place], strains[place + 1]
    return (first + (second - first) * part_us / RECORDING_PERIOD_US) / STRAIN_PER_CODE


def to_keep(truth: Sequence[Sample]) -> list[Sample]:
    """Of the converter's log what the node has to keep: all but the first few after the driver has switched it on."""
    starts = [
        0,
        *(place for place in range(1, len(truth)) if truth[place].at_us - truth[place - 1].at_us > 2 * PERIOD_US),
    ]
    assert len(starts) <= 2, f"the converter was switched on again in the middle: {starts}"
    return list(truth[starts[-1] + DROPPED_AT_START :])


def samples_of(runs: Sequence[Run]) -> list[Sample]:
    """Every stored sample, in the order of identities."""
    return [
        Sample(run.at_ms * 1000 + place * run.period_us, code) for run in runs for place, code in enumerate(run.codes)
    ]


def differences(stored: Sequence[Sample], played: Sequence[Sample], bound_ms: float, behind_ms: float = 0) -> list[str]:
    """What is wrong with the stored samples: one sentence for each kind of mistake, none where all is well.

    The n-th stored sample has to be the n-th played one: its code within one, its time within `bound_ms`.
    A board that was up to `behind_ms` behind the gateway's clock may have learnt a time that is as much too late.
    """
    found = []
    if len(stored) != len(played):
        found.append(f"{len(played)} samples were played and {len(stored)} are stored")
    pairs = list(zip(stored, played, strict=False))
    wrong = [place for place, (mine, true) in enumerate(pairs) if abs(mine.code - true.code) > 1]
    if wrong:
        mine, true = pairs[wrong[0]]
        found.append(f"{len(wrong)} codes differ, first sample {wrong[0]}: {mine.code} stored, {true.code} played")
    low_us, high_us = -bound_ms * 1000, (bound_ms + behind_ms) * 1000
    late = [place for place, (mine, true) in enumerate(pairs) if not low_us <= mine.at_us - true.at_us <= high_us]
    if late:
        mine, true = pairs[late[0]]
        found.append(f"{len(late)} times differ, first sample {late[0]}: by {(mine.at_us - true.at_us) / 1000} ms")
    if any(later.at_us <= earlier.at_us for earlier, later in pairwise(played)):
        found.append("the played samples are not in order")
    return found


def unpack(data: bytes) -> list[int]:
    """docs/wire.md section 3, "Waveform": LEB128, zig-zag, differences."""
    codes, code, word, shift = [], 0, 0, 0
    for byte in data:
        word |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            code += word >> 1 if word % 2 == 0 else -((word + 1) >> 1)
            codes.append(code)
            word = shift = 0
    return codes


def read_export(text: str) -> Stored:
    """The CSV of `startcity collector export`. A waveform and the `sample_period` behind it make one run."""
    runs: list[Run] = []
    waiting: tuple[int, list[int]] | None = None
    identities = set()
    missed, readings = 0, 0
    round_trips_ms, faults = [], []
    for row in csv.DictReader(io.StringIO(text)):
        readings += 1
        identities.add((row["epoch"], row["sequence"], row["index"]))
        value = row["value"]
        match row["name"]:
            case "waveform":
                assert waiting is None, "a waveform without its sample_period"
                at_ms = round(datetime.fromisoformat(row["time"]).timestamp() * 1000)
                waiting = at_ms, unpack(bytes.fromhex(value))
            case "sample_period":
                assert waiting is not None, "a sample_period without its waveform"
                runs.append(Run(waiting[0], round(float(value) * 1e6), waiting[1]))
                waiting = None
            case "missed":
                missed += int(value)
            case "anchor":
                anchor = decode(bytes.fromhex(value))
                assert isinstance(anchor, list)
                round_trips_ms.append(int(anchor[3]))
            case "fault":
                faults.append(value)
            case "lost":
                faults.append(f"lost {value}")
    return Stored(runs, readings, len(identities), missed, round_trips_ms, faults)


class _Log(list[tuple[int, int]]):
    """The converter's log as it arrives; notes how far behind the world's clock the board is."""

    def __init__(self, clock: SimulationClock) -> None:
        super().__init__()
        self._clock = clock
        self.lag_ms = 0

    def extend(self, samples: object) -> None:
        super().extend(samples)  # type: ignore[arg-type]
        self.lag_ms = max(self.lag_ms, self._clock.now_ms() - self[-1][0] // 1000)


class UnpluggedBridge(StrainPoint):
    """A place on a bridge until an instant of the board's own time, however far behind the host the board is."""

    def __init__(self, bridge: RecordedBridge, end_ms: int) -> None:
        self._end_ms = end_ms
        super().__init__(bridge)

    def restart(self) -> None:
        super().restart()
        self._has_said_end = False

    def messages(self, now_ms: int, ahead_ms: int) -> Iterator[Message]:
        if not self._has_said_end:
            self._has_said_end = True
            yield {"at_ms": self._end_ms, "set": {"absent": ["hx711", "sht4x"]}}
        yield from super().messages(now_ms, ahead_ms)


class WholePath:
    """Folders and configurations of the whole path, made with the commands that people use."""

    def __init__(self, folder: Path, local_port: int, city_port: int) -> None:
        self.gateway, self.collector = folder / "gateway" / "gateway.toml", folder / "collector" / "collector.toml"
        self.node = folder / "node"
        gateway_key = self.gateway.parent / "gateway.pub.pem"
        succeed("gateway", "init", "--id", "bridge-01", "--config", self.gateway,
                "--nodes-broker", f"127.0.0.1:{local_port}", "--city-broker", f"127.0.0.1:{city_port}")  # fmt: skip
        succeed("collector", "init", "--dir", self.collector.parent, "--host", "127.0.0.1", "--port", city_port,
                "--gateway", f"bridge-01={gateway_key}")  # fmt: skip
        public = self.collector.parent / "collector.pub.pem"
        (self.gateway.parent / "collector.pub.pem").write_bytes(public.read_bytes())
        succeed("vault", "init", folder / "vault")
        succeed("node", "add", NODE, "--profile", "strain-hx711", "--set", "stream=true", "--out", self.node / "files",
                "--config", self.gateway, "--vault", folder / "vault", "--wifi-ssid", "bridge",
                "--mqtt-host", "127.0.0.1", "--mqtt-port", local_port, "--log", "debug",
                env={"STARTCITY_WIFI_PASSWORD": "TEST-ONLY"})  # fmt: skip

    @contextmanager
    def process(self, name: str, config: Path, ready: str, env: dict[str, str]) -> Iterator[psutil.Process]:
        """`startcity NAME run` until the block ends."""
        log = config.parent / "log"
        with log.open("wb") as out:
            running = subprocess.Popen(
                [sys.executable, "-m", "startcity", name, "run", "--config", str(config)],
                cwd=REPO, env={**os.environ, **env}, stdout=out, stderr=out,
            )  # fmt: skip
        try:
            wait_until(lambda: running.poll() is not None or ready in log.read_text(), f"the {name} to connect")
            assert running.poll() is None, log.read_text()
            yield psutil.Process(running.pid)
        finally:
            running.kill()
            running.wait()

    def stored_count(self) -> int:
        """Readings that the collector has committed."""
        room = ReadingRoom(self.collector.parent / "data" / "collector.sqlite")
        try:
            return sum(source.readings for source in room.sources())
        finally:
            room.close()

    def verified_count(self) -> int:
        """Readings that `startcity verify` finds in the collector's archive; it has to be intact."""
        archive, key = self.collector.parent / "data" / "archive", self.gateway.parent / "gateway.pub.pem"
        return int(json.loads(succeed("verify", archive, "--key", key, "--json"))["readings"])


async def until(condition: Callable[[], object], what: str, timeout_s: float) -> None:
    """Wait for a condition while the world runs in this event loop.

    Raises:
        AssertionError: it does not hold within `timeout_s`.
    """
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, f"waited {timeout_s} s in vain for: {what}"
        await asyncio.sleep(0.02)


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


async def play(folder: Path, recording: Path, rate: int, end_s: int) -> Played:
    """Play the recording up to `end_s`, pull the converter's plug there and wait until everything is stored.

    Every process shares one clock that runs `rate` times faster than the host's.
    """
    with Mosquitto(folder / "local") as local, Mosquitto(folder / "city") as city:
        path = WholePath(folder, local.port, city.port)
        clock = SimulationClock(rate)
        with (
            tempfile.TemporaryDirectory(prefix="sc-") as short,  # a socket's path has at most 100 bytes
            path.process("collector", path.collector, "connected to", clock.env()) as collector,
            path.process("gateway", path.gateway, "nodes_broker: connected", clock.env()) as gateway,
        ):
            socket_folder, strains = Path(short), load_recording(recording)
            async with World(socket_folder / "world.sock", clock) as world:
                log = world.truth[NODE] = _Log(clock)
                start_ms = clock.now_ms() // 1000 * 1000
                bridge = UnpluggedBridge(RecordedBridge(strains, start_ms), start_ms + end_s * 1000)
                world.add(NODE, bridge, truth=True)
                # Compiled, as on a board: reading a source file takes a second of the fast time, and the converter's ring holds 1.6.
                compiled = compile_firmware(folder / "firmware")
                node = SimulatedNode(
                    path.node, world_socket=socket_folder / "world.sock", clock_env=clock.env(), firmware=compiled
                )
                began_s = time.monotonic()
                await node.start()
                try:
                    assert await node.wait_for_line("fault hx711", 110), "the recording has not come to its end"
                    real_s = time.monotonic() - began_s
                    assert node.pid is not None
                    cpu_s = _cpu_s([psutil.Process(node.pid), gateway, collector])
                    assert await node.wait_for_line("fault sht4x"), "the node has not noticed the unplugged thermometer"
                    await until(lambda: not node.unacknowledged, "every frame to be acknowledged", 40)
                    await until(lambda: path.stored_count() >= node.produced, "every reading to be stored", 20)
                finally:
                    await node.stop()
            return Played(
                [Sample(*pair) for pair in log], start_ms, log.lag_ms, node.produced, path.verified_count(),
                succeed("collector", "export", "--config", path.collector), real_s, cpu_s,
            )  # fmt: skip

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What happens to a gateway's process and its lines: stopped, starved, misled about the time, half-open, scrambled.

SIGKILL storms are in test_gateway_kill.py, brokers that go and come in test_broker_gone.py, two gateways on one journal in
tests/system/test_gateway.py. `make faults` runs the long ones (proof), too.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import socket
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from gateway_agent.model import Lane
from gateway_agent.wire.batch import open_batch
from tests.support.collector_process import CollectorProcess
from tests.support.fast_clock import fast_clock
from tests.support.field_and_city import Client, Field
from tests.support.gateway_process import GATEWAY_ID, GatewayProcess
from tests.support.hardship import Hardship
from tests.support.mosquitto import Mosquitto
from tests.support.sealing_node import SealingNode, open_pack, pack
from tests.support.stepped_clock import set_wall_time, use_stepped_clock
from tests.support.waiting import wait_until
from tests.support.whole_city import WholeCity

TEN_YEARS_MS = 3_652 * 86_400_000
NOW_MS = 1_790_000_000_000


@pytest.fixture
def source() -> random.Random:
    seed = int(os.environ.get("STARTCITY_SEED", random.SystemRandom().randrange(2**32)))
    print(f"replay with STARTCITY_SEED={seed}")
    return random.Random(seed)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes sixty times faster: a second is a minute."""
    monkeypatch.setenv("STARTCITY_CLOCK", fast_clock(60))


def test_stopped_for_minutes_it_goes_on_and_nothing_is_doubled(tmp_path: Path, source: random.Random) -> None:
    """SIGSTOP for two minutes of its time, SIGCONT: the watchdog hears nothing meanwhile and is fed again afterwards; what the nodes
    repeated in vain is stored once."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears,
        Hardship(tmp_path, source, trend_deadline_s=20) as town,
    ):
        ears.bind(str(tmp_path / "notify"))
        town.gateway.start(environment={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"})
        town.produce(30)
        wait_until(lambda: town.field.acknowledged, "a first acknowledgement")
        os.kill(town.gateway.pid, signal.SIGSTOP)
        wait_until(lambda: psutil.Process(town.gateway.pid).status() == psutil.STATUS_STOPPED, "the process to stop")
        ears.setblocking(False)
        try:
            while True:
                ears.recv(100)
        except BlockingIOError:
            pass
        town.produce_for(2)
        with pytest.raises(BlockingIOError):
            ears.recv(100)
        os.kill(town.gateway.pid, signal.SIGCONT)
        ears.settimeout(10)
        assert ears.recv(100) == b"WATCHDOG=1"
        town.settle()
        assert town.gateway.status()["counters"]["repeats"] > 0


@pytest.mark.proof
@pytest.mark.timeout(240)
def test_without_memory_it_dies_or_refuses_and_loses_nothing(tmp_path: Path, source: random.Random) -> None:
    """The address space ends under a burst: whether the process ends or refuses, nothing that was acknowledged is lost, and with
    memory again everything arrives once."""
    # As many nodes as it takes: each has 200 frames under way, and what a process has free when the limit falls holds some hundreds.
    with Hardship(tmp_path, source, nodes=40, trend_deadline_s=60) as town:
        town.gateway.start()
        town.produce(30)
        wait_until(lambda: town.field.acknowledged, "a first acknowledgement")
        used = psutil.Process(town.gateway.pid).memory_info().vms
        resource.prlimit(town.gateway.pid, resource.RLIMIT_AS, (used, resource.RLIM_INFINITY))
        for number in range(8_000):
            town.field.produce(town.nodes[number % 40], pack(("fault", None, 2, 0, f"{number}: {'x' * 200}")))
        wait_until(lambda: not town.gateway.is_running or "MemoryError" in town.gateway.log(), "the memory to end", 60)
        print("still running" if town.gateway.is_running else "ended", town.gateway.log()[-500:])
        if town.gateway.is_running:
            resource.prlimit(town.gateway.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        else:
            town.gateway.start()
        town.settle()


@pytest.mark.proof
def test_without_descriptors_it_refuses_and_goes_on_by_itself(tmp_path: Path, source: random.Random) -> None:
    """No file can be opened and no socket: segments end, acknowledgements stop with the reason in the log, a lost broker stays lost;
    with descriptors again the same process recovers, and everything is stored once."""
    with Hardship(tmp_path, source, trend_deadline_s=10, segment_bytes=16_384) as town:
        town.gateway.start()
        town.produce(30)
        town.wait_acknowledged()
        pid = town.gateway.pid
        limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, limit[1]))

        def is_refusing() -> bool:
            town.produce(20)
            time.sleep(0.1)
            return "the journal takes nothing" in town.gateway.log()

        wait_until(is_refusing, "the journal to refuse", 30)
        town.city_broker.kill()
        town.city_broker.start()
        wait_until(lambda: "cannot reach" in town.gateway.log(), "the city's broker to be out of reach")
        assert town.gateway.is_running
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
        town.settle()
        assert town.gateway.pid == pid and town.gateway.is_running
        assert town.gateway.status()["journal"]["refusal"] == ""


def test_wall_clock_steps_move_neither_order_nor_deadlines_nor_received_numbers(
    tmp_path: Path, source: random.Random
) -> None:
    """A Pi starts in 1970, is told the time, then ten years too much, then twenty too few, in the middle of a backlog: order and
    deadlines stay, each batch says what was believed when it was sealed and is never rewritten, and repeats are known."""
    clock_file = tmp_path / "wall"
    walls = [None, NOW_MS, NOW_MS + TEN_YEARS_MS, NOW_MS - TEN_YEARS_MS]
    with Hardship(tmp_path, source, nodes=1, trend_deadline_s=20) as town:
        (node,) = town.nodes
        set_wall_time(clock_file, walls[0])
        town.gateway.start_forked(partial(use_stepped_clock, clock_file))
        town.gateway.wait_status(lambda status: status["nodes_broker"]["is_connected"], "the link")
        town.city_broker.kill()
        frames = []
        for wall_ms in walls:
            set_wall_time(clock_file, wall_ms)
            frames.append(town.field.produce(node, open_pack(False)))
            town.wait_acknowledged()
        segments = [path.read_bytes() for path in sorted((town.gateway.data / "journal").rglob("*.seg"))]
        town.gateway.kill_forked()
        town.gateway.start_forked(partial(use_stepped_clock, clock_file))
        wait_until(lambda: town.gateway.log().count("nodes_broker: connected") == 2, "the link")
        for frame in frames:
            town.field.send(node, frame)
        known = {"repeats": 1, "refused_BelowFloor": 3}  # the node had closed the first three
        town.gateway.wait_status(lambda status: known.items() <= status["counters"].items(), "four that are known")
        assert "admitted" not in town.gateway.counters()
        town.city_broker.start()
        town.settle()
        opened = [open_batch(batch, town.gateway.signer.public_key).header for batch in town.city.batches]
        records = [header for header in opened if header.lane is Lane.RECORD]
        assert [header.clock.wall_ms for header in records] == walls
        assert [header.clock.state for header in records] == [0, 1, 1, 1]
        moments = [header.clock.monotonic_ms for header in records]
        assert moments == sorted(moments)
        rows = [row.sequence for lane, body in town.city.bodies if lane is Lane.RECORD for row in body.frames]
        assert rows == [0, 1, 2, 3]
        assert all(any(batch in segment for segment in segments) for batch in town.city.batches)


@pytest.mark.proof
def test_half_open_connections_are_noticed_and_replaced(tmp_path: Path, source: random.Random) -> None:
    """Both lines go dead without a word: within one and a half keep-alive times the gateway connects anew, and all is stored once."""
    keepalive = "keepalive_s = 5"
    with Hardship(tmp_path, source, trend_deadline_s=20, nodes_broker=keepalive, city_broker=keepalive) as town:
        town.gateway.start()
        town.produce(30)
        wait_until(lambda: town.city.stored, "a first reading in the city")
        for line in (town.local_line, town.city_line):
            line.cut_silently()
        town.produce(30)
        wait_until(
            lambda: town.local_line.accepted >= 2 and town.city_line.accepted >= 2,
            "both connections to be replaced",
            20,
        )
        town.settle()


@pytest.mark.proof
def test_a_slow_and_stalled_city_holds_no_node_up(tmp_path: Path, source: random.Random) -> None:
    """The city's line takes little and then nothing: nodes are acknowledged at their pace and memory stays bounded; when it goes on,
    everything is stored once."""
    with Hardship(tmp_path, source, trend_deadline_s=10) as town:
        town.gateway.start()
        town.produce(20)
        town.wait_acknowledged()
        process = psutil.Process(town.gateway.pid)
        before = process.memory_info().rss
        town.city_line.bytes_per_s = 2_000
        for _ in range(8):
            town.produce(200)
            town.wait_acknowledged()
        assert town.field.produced - town.city.stored.keys(), "the city was not slow"
        town.city_line.cut_silently()
        for _ in range(4):
            town.produce(200)
            town.wait_acknowledged()
        assert process.memory_info().rss - before < 24 << 20
        town.city_line.bytes_per_s = None
        town.city_line.mend()
        town.settle()


class _Scrambler:
    """Two brokers in place of one: what passes from one to the other is doubled, and its order lost, at random."""

    def __init__(self, gateways_port: int, citys_port: int, source: random.Random) -> None:
        self._source = source
        self.doubled = self.swapped = 0
        self._held: dict[str, list[tuple[str, bytes]]] = {"up": [], "down": []}
        lanes = [f"sc/{GATEWAY_ID}/{word}" for word in ("alarm", "record", "trend", "state")]
        self._gateways = _Ear(gateways_port, lanes, partial(self._pass, "up"))
        self._city = _Ear(citys_port, [f"sc/{GATEWAY_ID}/receipt"], partial(self._pass, "down"))

    def _pass(self, way: str, topic: str, payload: bytes) -> None:
        held = self._held[way]
        held.append((topic, payload))
        if len(held) < 2 and self._source.random() < 0.5:
            return  # until the next one comes, or until it is repeated
        if len(held) > 1 and self._source.random() < 0.5:
            held.reverse()
            self.swapped += 1
        if self._source.random() < 0.3:
            held.append(self._source.choice(held))
            self.doubled += 1
        other = self._city if way == "up" else self._gateways
        for item in held:
            other.publish(*item)
        held.clear()

    def close(self) -> None:
        self._gateways.close()
        self._city.close()


class _Ear(Client):
    def __init__(self, port: int, topics: list[str], on_message: partial[None]) -> None:
        self._on_message = on_message
        super().__init__(port, topics)

    def _take(self, topic: str, payload: bytes) -> None:
        self._on_message(topic, payload)


@pytest.mark.proof
def test_doubled_and_reordered_messages_change_nothing(tmp_path: Path, source: random.Random) -> None:
    """Frames, batches and receipts arrive twice and out of order: the collector has every reading once, all is receipted, and both
    chains are whole."""
    node = SealingNode()
    with (
        Mosquitto(tmp_path / "nodes") as local,
        Mosquitto(tmp_path / "near") as near,
        Mosquitto(tmp_path / "far") as far,
        GatewayProcess(tmp_path / "gateway", local.port, near.port, trend_deadline_s=10) as gateway,
        CollectorProcess(tmp_path / "collector", far.port, {GATEWAY_ID: gateway.signer}) as collector,
    ):
        (gateway.folder / "collector.pub.pem").write_bytes((collector.folder / "collector.pub.pem").read_bytes())
        gateway.register(node)
        collector.start()
        scrambler = _Scrambler(near.port, far.port, source)
        field = Field(local.port, node)
        gateway.start()
        sent = []
        for place in range(8):
            run = [node.seal(open_pack(number == 0)) for number in range(10)]
            sent += run
            scrambled = run + source.choices(sent, k=5)
            source.shuffle(scrambled)
            field.send(node, *scrambled)
            wait_until(lambda place=place: len(node.acknowledged) == 10 * (place + 1), "acknowledgements")  # type: ignore[misc]
        wait_until(lambda: collector.count() == 80, "every reading in the city", 60)
        gateway.wait_status(lambda status: status["journal"]["unreceipted_batches"] == 0, "everything receipted", 60)
        assert scrambler.doubled and scrambler.swapped
        assert [reading.sequence for reading in collector.readings()] == list(range(80))
        assert gateway.counters()["repeats"] > 0
        report = collector.verified()
        assert report.is_intact, report.as_text()
        scrambler.close()
        field.close()


def test_a_gateway_restored_from_an_old_backup_is_found_out_and_doubles_nothing(tmp_path: Path) -> None:
    """Its card is replaced by last week's copy: the city's receipt contradicts it, which is counted and said, the lane goes on under
    a new instance, and what it takes in again is stored once."""
    with WholeCity(tmp_path) as city:
        frames = [city.node.seal(open_pack(True)) for _ in range(8)]

        def deliver(numbers: range) -> None:
            for number in numbers:
                city.send(frames[number])
                city.wait_acknowledged(number)
            wait_until(lambda: city.collector.count() == numbers.stop, "the city to have them")
            city.gateway.wait_status(
                lambda status: status["journal"]["unreceipted_batches"] == 0, "everything receipted"
            )

        city.gateway.start()
        deliver(range(3))
        assert city.gateway.stop() == 0
        shutil.copytree(city.gateway.data, tmp_path / "backup")
        city.gateway.start()
        deliver(range(3, 6))
        assert city.gateway.stop() == 0
        shutil.rmtree(city.gateway.data)
        shutil.copytree(tmp_path / "backup", city.gateway.data)
        city.gateway.start()
        city.send(frames[4], frames[6])  # the acknowledgement of the first was lost, says the node
        city.gateway.wait_status(
            lambda status: status["counters"].get("receipts_contradiction", 0) > 0, "the contradiction"
        )
        assert "contradicts our journal" in city.gateway.log()
        city.send(frames[7])
        city.wait_acknowledged(6, 7)
        city.wait_stored(*((number, True) for number in range(8)))

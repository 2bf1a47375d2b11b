# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The real gateway process between two real brokers: the whole way, and every kind of bad input."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway_agent.journal import Journal, JournalLimits
from gateway_agent.model import GatewayId, Kind, Lane, OpaqueRow, Receipt
from gateway_agent.wire import cbor
from gateway_agent.wire.gap import GapReason
from gateway_agent.wire.loss import read_loss
from gateway_agent.wire.receipt import sign_receipt
from tests.support.fast_clock import fast_clock
from tests.support.field_and_city import City, Field
from tests.support.gateway_process import GATEWAY_ID, GatewayProcess
from tests.support.journal_batches import BatchMaker
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.sealing_node import SealingNode, level_pack, open_pack, pack
from tests.support.waiting import wait_until

ALARM = open_pack(True)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes twenty times faster in every gateway of this file."""
    monkeypatch.setenv("STARTCITY_CLOCK", fast_clock(20))


class Town:
    """Two brokers, a gateway with one node, and both sides of it."""

    def __init__(self, folder: Path, local: Mosquitto, city_broker: Mosquitto, **settings: object) -> None:
        self.local, self.city_broker = local, city_broker
        self.node = SealingNode()
        self.gateway = GatewayProcess(folder, local.port, city_broker.port, **settings)  # type: ignore[arg-type]
        self.gateway.register(self.node)
        self.field = Field(local.port, self.node)
        self.city = City(city_broker.port, self.gateway.signer, self.gateway.collector)

    def send(self, *frames: bytes) -> None:
        self.field.send(self.node, *frames)

    def wait_acknowledged(self, *sequences: int) -> None:
        wait_until(lambda: self.node.acknowledged >= set(sequences), f"acknowledgement of {sequences}")

    def wait_counters(self, **expected: int) -> None:
        self.gateway.wait_status(
            lambda status: all(status["counters"].get(name, 0) == count for name, count in expected.items()),
            f"counters {expected}",
        )

    def close(self) -> None:
        self.field.close()
        self.city.close()
        if self.gateway.is_running:
            self.gateway.kill()


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[tuple[Mosquitto, Mosquitto]]:
    with Mosquitto(tmp_path / "nodes") as local, Mosquitto(tmp_path / "city") as city_broker:
        yield local, city_broker


@pytest.fixture
def make_town(tmp_path: Path, brokers: tuple[Mosquitto, Mosquitto]) -> Iterator[Callable[..., Town]]:
    """A town with settings of its own, closed at the end of the test whatever happens."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(
            contextlib.closing(Town(tmp_path / "gateway", *brokers, **settings))
        )


@pytest.fixture
def town(make_town: Callable[..., Town]) -> Town:
    """Running."""
    town = make_town(trend_deadline_s=20)
    town.gateway.start()
    return town


# The whole way.


def test_a_reading_goes_all_the_way(town: Town) -> None:
    """Sent, acknowledged once synced, verified by the city with its value, receipted: then nothing is owed."""
    town.send(town.node.seal(level_pack(1_170)), town.node.seal(level_pack(250)))
    town.wait_acknowledged(0, 1)
    wait_until(lambda: len(town.city.stored) == 2, "the city to have both")
    rows = {row.sequence: (lane, row.pack.values) for lane, body in town.city.bodies for row in body.frames}
    assert rows == {0: (Lane.ALARM, (1_170,)), 1: (Lane.TREND, (250,))}
    town.gateway.wait_status(lambda status: status["journal"]["unreceipted_batches"] == 0, "everything receipted")
    assert town.city.errors == []


def test_an_acknowledgement_means_that_the_journal_has_it(town: Town) -> None:
    """Killed right after an acknowledgement, with no city in reach: the reading is there after the restart."""
    town.city_broker.kill()
    town.send(town.node.seal(ALARM))
    town.wait_acknowledged(0)
    town.gateway.kill()
    town.gateway.start()
    town.city_broker.start()
    wait_until(lambda: (town.node.kid, 0) in town.city.stored, "the reading to reach the city")


def test_after_a_kill_a_repeat_is_acknowledged_again_and_not_stored_again(town: Town) -> None:
    """The restarted gateway knows from its journal what it has: the node's repeat is answered, the city has it once."""
    frame = town.node.seal(ALARM)
    town.send(frame)
    town.wait_acknowledged(0)
    town.gateway.kill()
    town.gateway.start()
    town.node.acknowledged.clear()
    town.send(frame)
    town.wait_acknowledged(0)
    town.wait_counters(repeats=1, admitted=0)
    wait_until(lambda: town.city.stored[town.node.kid, 0] == 1, "the city to have it")


def test_a_node_that_is_registered_while_the_gateway_runs_is_admitted(town: Town) -> None:
    """`node add` needs no restart: the unknown node's next frame is taken."""
    newcomer = SealingNode(node_id=b"newone")
    town.field.nodes[newcomer.node_id] = newcomer
    frame = newcomer.seal(ALARM)
    town.field.send(newcomer, frame)
    town.wait_counters(refused_UnknownNode=1)
    assert town.gateway.status()["nodes"]["unknown"] == {newcomer.node_id.hex(): 1}
    town.gateway.register(newcomer)
    town.gateway.wait_status(lambda status: status["nodes"]["registered"] == 2, "the new node")
    town.field.send(newcomer, frame)
    wait_until(lambda: 0 in newcomer.acknowledged, "acknowledgement of the new node")
    town.gateway.wait_status(lambda status: status["nodes"]["unknown"] == {}, "no unknown nodes")


def test_a_node_without_time_is_told_the_time_at_once(town: Town) -> None:
    """A frame with node time is answered before its batch is sealed, with city time and a bound and no acknowledgement."""
    town.send(town.node.seal(level_pack(5, 1_000, boot=3)))
    wait_until(lambda: town.field.downs, "a down frame")
    down = town.node.hear(town.field.downs[0][1])
    assert down.answered_sequence == 0
    assert down.acknowledged == ()
    assert down.city_time_ms is not None
    assert down.city_time_ms > 1_790_000_000_000
    assert down.bound_ms == 1_000


def test_a_live_alarm_overtakes_the_backlog(town: Town) -> None:
    """After an outage of the city the alarm lane is sent first, whatever waits in the others."""
    town.city_broker.kill()
    for number in range(30):
        town.send(town.node.seal(open_pack(False)))
        if number % 10 == 9:
            town.wait_acknowledged(town.node.next_sequence - 1)
    town.send(town.node.seal(ALARM))
    town.wait_acknowledged(30)
    town.gateway.wait_status(lambda status: status["lanes"]["alarm"]["number"] == 1, "the alarm in the journal")
    town.city_broker.start()
    wait_until(lambda: len(town.city.stored) == 31, "the city to have everything")
    assert town.city.bodies[0][0] is Lane.ALARM


def test_sigterm_seals_acknowledges_and_sends_what_waits(town: Town) -> None:
    """Frames that wait for a far deadline are synced, acknowledged and sent; it ends within 5 s with exit code 0."""
    town.send(*[town.node.seal(pack(("batt", "%EL", Kind.NUMBER, 0, number))) for number in range(50)])
    town.wait_counters(admitted=50)
    assert not town.node.acknowledged
    started_s = time.monotonic()
    assert town.gateway.stop(timeout_s=5) == 0
    assert time.monotonic() - started_s < 5
    town.wait_acknowledged(*range(50))
    wait_until(lambda: len(town.city.stored) == 50, "the city to have everything")
    assert town.gateway.status()["stopped"]
    wait_until(lambda: not town.city.states[-1].online, "the last word to be offline")
    assert town.city.states[-1].heads[Lane.TREND].number == 1


def test_the_will_tells_of_a_gateway_that_died(town: Town) -> None:
    """While it runs the retained state says online; after SIGKILL the broker publishes the signed will."""
    wait_until(lambda: town.city.states and town.city.states[-1].online, "an online state")
    town.gateway.kill()
    wait_until(lambda: not town.city.states[-1].online, "the will")


def test_a_command_reaches_its_node_until_the_node_reports_it(town: Town) -> None:
    """A command file becomes a command in the node's next down frames; its id rises; the node's report ends it."""
    folder = town.gateway.data / "commands"

    def ask(name: str) -> None:
        (folder / "new").write_text(json.dumps({"node": town.node.node_id.hex(), "command": "identify"}))
        (folder / "new").rename(folder / f"{name}.json")

    def commands() -> list[int]:
        with town.field.lock:
            downs = [town.node.hear(data) for _, data in town.field.downs]
        return [command.command_id for down in downs for command in down.commands if command.code == 1]

    ask("one")
    town.wait_counters(commands_taken=1)
    town.send(town.node.seal(level_pack(1)))
    wait_until(lambda: commands() == [1], "the command")
    report = cbor.encode([GATEWAY_ID, 1, 0])
    town.send(town.node.seal(pack(("cmd", None, Kind.BYTES, 0, report))))
    town.wait_counters(admitted=2)
    town.send(town.node.seal(ALARM))
    town.wait_acknowledged(2)
    assert set(commands()) == {1}
    count = len(commands())
    ask("two")
    town.wait_counters(commands_taken=2)
    town.send(town.node.seal(level_pack(1)))
    wait_until(lambda: commands()[count:] == [2], "the next command")
    (folder / "three.json").write_text("{}")
    town.wait_counters(commands_refused=1)


# Bad input: each has a named counter or error, a message that says what to do, and its test here.


def test_an_epoch_that_does_not_authenticate_is_counted(town: Town) -> None:
    """A known node id under a wrong key: `refused_FrameTag`, and no answer."""
    town.send(SealingNode(epoch=b"invented", generation=3).seal(ALARM))
    town.wait_counters(refused_FrameTag=1, admitted=0)
    assert town.field.downs == []


def test_repeated_and_65th_range_numbers_are_counted(town: Town) -> None:
    """64 ranges are admitted, a 65th is refused by name, a repeat is told apart, and a filled hole makes room."""
    town.send(*[town.node.seal(open_pack(False), number, floor=0) for number in range(0, 128, 2)])
    town.wait_counters(admitted=64)
    late = town.node.seal(open_pack(False), 500, floor=0)
    town.send(late, town.node.seal(open_pack(False), 0, floor=0))
    town.wait_counters(admitted=64, refused_TooManyRanges=1, repeats=1)
    town.send(town.node.seal(open_pack(False), 1, floor=0), late)
    town.wait_acknowledged(1, 500)


def test_a_reading_outside_its_profile_is_stored_and_counted(town: Town) -> None:
    """Above the plausible range: kept with its value, `out_of_range` counts it."""
    town.send(town.node.seal(level_pack(99_999)))
    town.wait_acknowledged(0)
    town.wait_counters(out_of_range=1, admitted=1)
    wait_until(lambda: town.city.bodies, "the city to have it")
    assert town.city.bodies[0][1].frames[0].pack.values == (99_999,)


def test_what_nobody_can_read_is_stored_opaque_and_acknowledged(town: Town) -> None:
    """An unknown name, a wrong unit, a pack that is none and an unknown profile are kept whole with their reasons."""
    other = SealingNode(node_id=b"other1", profile="not-installed")
    town.field.nodes[other.node_id] = other
    town.gateway.register(other)
    town.gateway.wait_status(lambda status: status["nodes"]["registered"] == 2, "the other node")
    town.field.send(other, other.seal(level_pack(1)))
    town.send(
        town.node.seal(pack(("colour", None, Kind.TEXT, 0, "red"))),
        town.node.seal(pack(("level", "cm", Kind.NUMBER, 0, 5))),
        town.node.seal(b"\x01"),
    )
    town.wait_acknowledged(0, 1, 2)
    wait_until(lambda: 0 in other.acknowledged, "acknowledgement of the other node")
    town.wait_counters(
        opaque_unknown_profile=1, opaque_unknown_name=1, opaque_wrong_unit_or_kind=1, opaque_invalid_pack=1
    )
    wait_until(lambda: len(town.city.stored) == 4, "the city to have all four")
    opaque: list[OpaqueRow] = [row for _, body in town.city.bodies for row in body.opaque]
    assert sorted(row.reason for row in opaque) == [0, 1, 2, 3]
    assert [row.pack_bytes for row in opaque if row.reason == 3] == [b"\x01"]


def test_messages_that_are_no_receipts_for_us_are_counted(town: Town) -> None:
    """Garbage, another signer's receipt and another gateway's receipt change nothing and have their counters."""
    topic = f"sc/{GATEWAY_ID}/receipt"
    receipt = Receipt(GatewayId(GATEWAY_ID), Lane.ALARM, bytes(8), 1, bytes(32))
    town.city.publish(topic, b"\xff")
    town.city.publish(topic, sign_receipt(receipt, town.gateway.signer))
    town.city.publish(topic, sign_receipt(receipt._replace(gateway_id=GatewayId("other")), town.gateway.collector))
    town.city.publish(topic, sign_receipt(receipt, town.gateway.collector))
    town.gateway.wait_status(
        lambda status: (
            status["counters"].get("receipts_refused_OtherGateway") == 1
            and status["counters"].get("receipts_stale") == 1
        ),
        "the receipts to be judged",
    )
    refused = {name: count for name, count in town.gateway.counters().items() if name.startswith("receipts_refused_")}
    assert len(refused) == 3
    assert sum(refused.values()) == 3


def test_a_contradicting_receipt_begins_a_new_instance(town: Town) -> None:
    """The city claims a link that we never wrote: counted, said, and the lane goes on under a new instance."""
    town.city.receipts = False
    town.send(town.node.seal(ALARM))
    town.wait_acknowledged(0)
    wait_until(lambda: town.city.heads, "the first batch")
    ((lane, instance),) = town.city.heads
    wrong = Receipt(GatewayId(GATEWAY_ID), lane, instance, 1, b"x" * 32)
    town.city.publish(f"sc/{GATEWAY_ID}/receipt", sign_receipt(wrong, town.gateway.collector))
    town.wait_counters(receipts_contradiction=1)
    assert "startcity verify" in town.gateway.log()
    town.city.publish(f"sc/{GATEWAY_ID}/receipt", sign_receipt(wrong, town.gateway.collector))
    town.wait_counters(receipts_contradiction=2)
    town.city.receipts = True
    town.send(town.node.seal(ALARM))
    town.wait_acknowledged(1)
    wait_until(lambda: (town.node.kid, 1) in town.city.stored, "the next batch")
    assert len({key for key in town.city.heads if key[0] is lane}) == 2


def test_the_end_of_an_older_instance_is_shown_with_each_connection(town: Town) -> None:
    """The state names the present instance alone: without it a collector that was restored from before would never miss the other."""

    def send_one(count: int) -> None:
        town.send(town.node.seal(ALARM))
        town.gateway.wait_status(
            lambda status: (status["journal"]["batches"], status["journal"]["unreceipted_batches"]) == (count, 0),
            f"{count} batches, all of them receipted",
        )

    send_one(1)
    ((lane, instance),) = town.city.heads
    wrong = Receipt(GatewayId(GATEWAY_ID), lane, instance, 9, b"x" * 32)
    town.city.publish(f"sc/{GATEWAY_ID}/receipt", sign_receipt(wrong, town.gateway.collector))
    town.wait_counters(receipts_contradiction=1)
    send_one(2)
    assert len(town.city.heads) == 2 and (lane, instance) not in town.city.repeated
    town.gateway.stop()
    town.gateway.start()
    wait_until(lambda: (lane, instance) in town.city.repeated, "the older one's last batch")
    assert town.city.errors == []


def test_a_running_gateway_keeps_its_key_while_it_owes_an_older_instance(make_town: Callable[..., Town]) -> None:
    """As a stopped one does; the command says why, and the key is the same."""
    town = make_town()
    town.city_broker.kill()
    maker = BatchMaker(1)
    limits = JournalLimits(1 << 20, 1 << 16)
    with contextlib.closing(Journal.open(town.gateway.data / "journal", GatewayId(GATEWAY_ID), limits)) as journal:
        for _ in range(2):
            journal.append(maker.group(journal, Lane.RECORD, 1))
            journal.new_instance(Lane.RECORD)
    town.gateway.start()
    words = ["gateway", "rotate-key", "--config", str(town.gateway.config_path)]
    done = subprocess.run([sys.executable, "-m", "startcity", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "could not change its key" in done.stderr, done
    assert "the instance before the present one" in done.stderr
    shown = town.gateway.status()["signing_key"]
    assert shown == {"key_id": town.gateway.signer.key_id.hex(), "changes": 0}


def test_a_full_journal_stops_acknowledgements_says_so_and_recovers_by_itself(
    make_town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room, no city, and alarms only, which are never given up: frames are refused and counted; once the city is back, all
    is stored, and once."""
    monkeypatch.setenv("STARTCITY_CLOCK", fast_clock(200))
    town = make_town(bytes_max=131_072, segment_bytes=16_384)
    town.gateway.start()
    town.city_broker.kill()
    frames = {
        number: town.node.seal(pack(("lost", None, Kind.BYTES, 0, os.urandom(100))), number, floor=0)
        for number in range(2_000)
    }

    sent_count = 0

    def missing() -> list[int]:
        return sorted(frames.keys() - town.node.acknowledged)

    def heard(status: dict[str, Any]) -> int:
        counters = status["counters"]
        return sum(
            counters[name] for name in counters if name in ("admitted", "repeats") or name.startswith("refused_")
        )

    def offer(numbers: Iterable[int]) -> None:
        """Until the gateway has taken or refused each."""
        nonlocal sent_count
        sent = [frames[number] for number in numbers]
        sent_count += len(sent)
        town.send(*sent)
        town.gateway.wait_status(lambda status: heard(status) >= sent_count, f"{sent_count} frames heard")

    for start in range(0, len(frames), 200):
        offer(range(start, start + 200))
    assert "bytes_max" in town.gateway.status()["journal"]["refusal"]
    town.gateway.wait_status(
        lambda status: status["counters"].get("down_sent") == len(town.field.downs), "every acknowledgement heard"
    )
    acknowledged = len(town.node.acknowledged)
    assert acknowledged < len(frames)
    refused = town.gateway.counters()["refused_JournalUnavailable"]
    offer(missing()[-10:])
    assert town.gateway.counters()["refused_JournalUnavailable"] == refused + 10
    assert len(town.node.acknowledged) == acknowledged
    town.city_broker.start()

    def all_sent() -> bool:
        offer(missing()[:200])
        return not missing()

    wait_until(all_sent, "everything to be acknowledged", 60)
    wait_until(lambda: len(town.city.stored) == len(frames), "the city to have everything", 30)
    assert set(town.city.stored.values()) == {1}
    town.gateway.wait_status(lambda status: status["journal"]["refusal"] == "", "the status to be well")
    assert town.gateway.status()["journal"]["bytes"] <= 131_072


def test_a_long_outage_costs_the_oldest_and_says_which(
    make_town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than the journal holds and no city: every frame is acknowledged; once the city is back it has each of them once, or a
    signed loss record that names it, and a signed gap in each place."""
    monkeypatch.setenv("STARTCITY_CLOCK", fast_clock(200))
    town = make_town(bytes_max=131_072, segment_bytes=16_384)
    town.gateway.start()
    town.city_broker.kill()
    for start in range(0, 1_600, 100):
        numbers = range(start, start + 100)
        records = [pack(("fw", None, Kind.TEXT, 0, os.urandom(100).hex())) for _ in numbers]
        town.send(*[town.node.seal(record, number, floor=0) for record, number in zip(records, numbers, strict=True)])
        town.wait_acknowledged(*numbers)
    town.gateway.wait_status(lambda status: status["journal"]["evicted_batches"] > 0, "an eviction in the status")
    town.city_broker.start()

    def lost() -> set[int]:
        losses = filter(None, map(read_loss, town.city.own))
        return {number for loss in losses for low, high in loss.ranges for number in range(low, high + 1)}

    wait_until(
        lambda: {number for _, number in town.city.stored} | lost() == set(range(1_600)), "the whole account", 60
    )
    assert set(town.city.stored.values()) == {1}
    assert lost() and town.city.gaps and all(gap.reason is GapReason.EVICTED for gap in town.city.gaps)
    assert town.city.errors == []


def test_with_delivery_broker_the_puback_frees_the_journal(make_town: Callable[..., Town]) -> None:
    """Without a collector a batch counts as delivered at the broker, and the status says what that promise is worth."""
    town = make_town(delivery="broker")
    town.city.receipts = False
    town.gateway.start()
    for _ in range(3):
        town.send(town.node.seal(ALARM))
        town.wait_acknowledged(town.node.next_sequence - 1)
    town.gateway.wait_status(
        lambda status: status["lanes"]["alarm"]["number"] == status["lanes"]["alarm"]["receipted"] > 0, "all delivered"
    )
    assert "broker" in town.gateway.status()["city_broker"]["promise"]
    town.gateway.kill()
    before = len(town.city.batches) + town.city.repeats
    town.gateway.start()
    town.send(town.node.seal(ALARM))
    wait_until(lambda: (town.node.kid, 3) in town.city.stored, "the next alarm")
    assert len(town.city.batches) + town.city.repeats == before + 1


# Settings and surroundings.


def start_and_fail(gateway: GatewayProcess) -> str:
    gateway.start(wait=False)
    assert gateway.wait_exit() == 2
    assert "Traceback" not in gateway.log()
    return gateway.log()


def test_a_typo_in_the_configuration_ends_with_the_nearest_key(tmp_path: Path) -> None:
    """Exit code 2, and file, key and the key that was meant."""
    gateway = GatewayProcess(tmp_path, 1883, 1884)
    gateway.config_path.write_text(gateway.config_path.read_text().replace("bytes_max", "byte_max"))
    log = start_and_fail(gateway)
    assert "gateway.toml" in log
    assert "byte_max" in log
    assert "bytes_max" in log


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(lambda path: path.chmod(0o644), "chmod 600", id="others may read it"),
        pytest.param(lambda path: path.unlink(), "cannot read the private key", id="it is missing"),
        pytest.param(lambda path: path.write_text("nonsense"), "not a private key", id="it is no key"),
    ],
)
def test_a_key_file_that_cannot_be_used_ends_with_what_to_do(tmp_path: Path, spoil, words: str) -> None:
    """Exit code 2 and the file's name; no part of a key in the log."""
    gateway = GatewayProcess(tmp_path, 1883, 1884)
    spoil(tmp_path / "gateway.pem")
    log = " ".join(start_and_fail(gateway).split())
    assert words in log
    assert "gateway.pem" in log


def test_a_second_gateway_on_the_same_data_is_refused(town: Town) -> None:
    """Two processes on one journal would destroy each other's promise: the second ends with exit code 2."""
    second = GatewayProcess.__new__(GatewayProcess)
    second.__dict__.update(town.gateway.__dict__)
    second.log_path = town.gateway.folder / "second.log"
    second._process = second._forked = None
    log = start_and_fail(second)
    assert "in use by another process" in " ".join(log.split())


def test_a_broker_that_refuses_is_named_with_what_to_check(
    tmp_path: Path, brokers: tuple[Mosquitto, Mosquitto]
) -> None:
    """A broker that wants a password: the message names the section and the keys; once they are right, it connects."""
    password_file = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(password_file), "gw", "TEST-ONLY"], check=True)
    password_file.chmod(0o644)
    with Mosquitto(tmp_path / "strict", f"password_file {password_file}", anonymous=False) as strict:
        gateway = GatewayProcess(tmp_path / "gateway", brokers[0].port, strict.port)
        with gateway:
            gateway.start()
            gateway.wait_status(lambda status: status["city_broker"]["refusals"] >= 1, "the refusal")
            reason = gateway.status()["city_broker"]["reason"]
            assert "refused" in reason
            assert "`username` and `password_file` in [city_broker]" in reason
            assert gateway.log().count("refused the connection") == 1, "said once, not at each try"
            gateway.stop()
        (tmp_path / "right" / "password").parent.mkdir()
        lines = 'username = "gw"\npassword_file = "password"'
        right = GatewayProcess(tmp_path / "right", brokers[0].port, strict.port, city_broker=lines)
        right._write_private("password", b"TEST-ONLY\n")
        with right:
            right.start()
            right.wait_status(lambda status: status["city_broker"]["is_connected"], "the connection")
            assert "TEST-ONLY" not in right.log() + json.dumps(right.status())


def test_a_broker_that_is_not_there_is_named_and_tried_again(tmp_path: Path) -> None:
    """Nothing listens: address and section are said once; when the broker comes, the gateway connects by itself."""
    local = Mosquitto(tmp_path / "nodes")
    with GatewayProcess(tmp_path / "gateway", local.port, free_port()) as gateway:
        gateway.start(wait=False)
        gateway.wait_status(lambda status: "cannot reach" in status["nodes_broker"]["reason"], "the reason")
        assert f"127.0.0.1:{local.port}" in gateway.log()
        assert "[nodes_broker]" in gateway.log()
        with local:
            gateway.wait_status(lambda status: status["nodes_broker"]["is_connected"], "the connection")


def test_systemd_hears_ready_watchdog_and_stopping(tmp_path: Path, brokers: tuple[Mosquitto, Mosquitto]) -> None:
    """READY once everything is open, WATCHDOG while the path moves, STOPPING at SIGTERM; none while the process is stopped."""
    address = tmp_path / "notify"
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears,
        GatewayProcess(tmp_path / "gateway", brokers[0].port, brokers[1].port) as gateway,
    ):
        ears.bind(str(address))
        ears.settimeout(10)
        gateway.start(environment={"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "200000"})
        words = [ears.recv(100) for _ in range(4)]
        assert words == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"WATCHDOG=1"]
        os.kill(gateway.pid, signal.SIGTERM)
        while (word := ears.recv(100)) == b"WATCHDOG=1":
            pass
        assert word == b"STOPPING=1"
        assert gateway.wait_exit() == 0

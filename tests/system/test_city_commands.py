# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Operators command a real gateway over the city's broker; its key changes; both ends are restored from old copies."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway_agent.model import GatewayId, Kind, NodeId, Pack
from gateway_agent.wire import cbor
from gateway_agent.wire.answer import Answer, AnswerState, open_answer
from gateway_agent.wire.command import CODE_STATUS, CityCommand, sign_command
from gateway_agent.wire.signer import Signer, load_signer
from gateway_agent.wire.state import open_state
from tests.support.city_town import CityTown, Listener
from tests.support.fast_clock import fast_clock
from tests.support.gateway_process import GATEWAY_ID
from tests.support.sealing_node import level_pack, open_pack, pack
from tests.support.waiting import wait_until

ALARM = open_pack(True)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes twenty times faster in every gateway of this file."""
    monkeypatch.setenv("STARTCITY_CLOCK", fast_clock(20))


@pytest.fixture
def make_town(tmp_path: Path) -> Iterator[Callable[..., CityTown]]:
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(contextlib.closing(CityTown(tmp_path, **settings)))


@pytest.fixture
def town(make_town: Callable[..., CityTown]) -> CityTown:
    town = make_town(trend_deadline_s=5)
    town.start()
    return town


def test_an_operator_commands_gateway_and_node_and_every_refusal_has_its_name(town: CityTown) -> None:
    """Status and a node's command come back done; what is repeated, old, foreign, unknown or revoked is refused by name,
    signed, and executed never; nothing is executed again after a kill."""
    status = town.command("status")
    assert status["state"] == "done"
    assert json.loads(status["result"])["gateway"] == GATEWAY_ID

    listener = Listener(town.city_broker.port)
    try:
        wait_until(lambda: listener.of("state"), "the state")
        clock = open_state(listener.of("state")[-1], town.first_key.public_key).clock
        number = int(status["number"])
        far_ms = clock.monotonic_ms + 100_000_000
        base = CityCommand(GatewayId(GATEWAY_ID), clock.boot_id, number + 10, far_ms, CODE_STATUS)
        stranger = Signer.generate()

        def answer_to(raw: bytes) -> Answer:
            known = len(listener.of("answer"))
            town.publish("command", raw)
            wait_until(lambda: len(listener.of("answer")) > known, "an answer")
            return open_answer(listener.of("answer")[-1], town.first_key.public_key)

        good = sign_command(base, town.operator)
        assert answer_to(good).state is AnswerState.DONE
        forged = bytearray(sign_command(base._replace(number=number + 11), town.operator))
        forged[-1] ^= 1
        node_id = NodeId(town.node.node_id)
        refused = {
            "CommandNumber": good,
            "CommandOperator": sign_command(base._replace(number=number + 20), stranger),
            "SignatureInvalid": bytes(forged),
            "CommandGateway": sign_command(
                base._replace(gateway_id=GatewayId("other"), number=number + 21), town.operator
            ),
            "CommandBoot": sign_command(base._replace(boot_id=bytes(8), number=number + 22), town.operator),
            "CommandExpired": sign_command(base._replace(last_ms=1, number=number + 23), town.operator),
            "CommandUnknown": sign_command(base._replace(code=200, number=number + 24), town.operator),
            "CommandRefused": sign_command(base._replace(code=5, node_id=node_id, number=number + 25), town.operator),
        }
        for name, raw in refused.items():
            answer = answer_to(raw)
            assert (answer.state, answer.reason.split(":")[0]) == (AnswerState.REFUSED, name)
            assert answer.highest == (0 if name == "CommandOperator" else number + 10)
        counted = {f"city_commands_refused_{name}": 1 for name in refused}
        town.gateway.wait_status(lambda found: counted.items() <= found["counters"].items(), f"{counted}")
        town.publish("command", b"\xff")
        town.gateway.wait_status(lambda found: found["counters"].get("city_commands_refused_CborReserved"), "garbage")

        # A node's command: taken, and done when the node says so; over a kill of the gateway.
        town.produce(town.node.seal(ALARM))
        waiting = town.command("identify", town.node.node_id.hex(), code=3, wait_s=2)
        assert waiting["state"] == "taken"
        town.gateway.kill()
        town.gateway.start()
        known = len(listener.of("answer"))
        town.field.send(town.node, town.node.seal(level_pack(1)))
        report = cbor.encode([GATEWAY_ID, 1, 0])
        town.field.send(town.node, town.node.seal(command_report(report)))
        wait_until(lambda: len(listener.of("answer")) > known, "the end of the node's command")
        ended = open_answer(listener.of("answer")[-1], town.first_key.public_key)
        assert (ended.number, ended.state, ended.result) == (waiting["number"], AnswerState.DONE, 0)
        assert answer_to(good).reason.startswith("CommandNumber"), "after a restart it is still known"

        town.run("gateway", "operator", "remove", "anna", *town.gateway_config)
        assert "revoked" in town.run("gateway", "operator", "list", *town.gateway_config)
        assert town.command("status", code=1)["reason"].startswith("CommandRevoked")
    finally:
        listener.close()
    kinds = json.loads(town.run("collector", "show", "--json", "--config", str(town.collector.config)))["events"]
    assert {event["kind"] for event in kinds} >= {"command"}


def command_report(report: bytes) -> Pack:
    return pack(("cmd", None, Kind.BYTES, 0, report))


def noise() -> Pack:
    """A reading of the alarm lane that no compression makes small."""
    return pack(("lost", None, Kind.BYTES, 0, os.urandom(100)))


def test_the_signing_key_changes_without_a_gap_running_stopped_and_from_the_city(town: CityTown) -> None:
    """Three changes, one of each way, with readings in between: the collector takes all, and who has the first public key
    alone finds every chain intact, in the archive and in the journal; a batch that the old key signs afterwards is refused."""
    keys = [load_signer(town.gateway.folder / "gateway.pem")]
    town.produce(town.node.seal(ALARM), town.node.seal(level_pack(1)))
    town.run("gateway", "rotate-key", *town.gateway_config)
    keys.append(load_signer(town.gateway.folder / "gateway.pem"))
    town.produce(town.node.seal(ALARM))
    town.gateway.stop()
    town.run("gateway", "rotate-key", *town.gateway_config)
    keys.append(load_signer(town.gateway.folder / "gateway.pem"))
    town.gateway.start()
    town.produce(town.node.seal(ALARM), town.node.seal(level_pack(2)))
    found = town.command("rotate-key")
    keys.append(load_signer(town.gateway.folder / "gateway.pem"))
    assert found["result"] == keys[-1].public_bytes.hex()
    town.produce(town.node.seal(ALARM))
    assert len({key.key_id for key in keys}) == 4
    town.wait_stored(6)
    town.gateway.wait_status(lambda status: status["journal"]["unreceipted_batches"] == 0, "everything receipted")
    told = {"key_id": keys[-1].key_id.hex(), "changes": 3}
    town.gateway.wait_status(lambda status: status["signing_key"] == told, "the key in the status")
    assert not (town.gateway.folder / "gateway.pem.next").exists()
    assert "SignatureInvalid" not in town.collector.log(), "each change came before what it proves"
    town.gateway.stop()
    shown = town.run("journal", "check", *town.gateway_config)
    assert "Intact" in shown, shown
    for path in (None, town.gateway.data / "journal"):
        report = town.verified(path)
        assert report.is_intact, report.problems
        assert {note.kind for note in report.notes} <= {"trimmed", "not_checked"}, report.notes
        assert [old for _, old, _ in report.key_changes] == [key.key_id.hex() for key in keys[:3]]
        assert not any(chain.gaps for chain in report.chains)
    alarms = [chain for chain in town.verified().chains if chain.lane == "alarm"]
    assert len(alarms) == 1 and len(alarms[0].key_ids) == 4


def _copy_with_one_alarm(town: CityTown) -> Path:
    """The collector's data as they are with one alarm; it runs on."""
    town.produce(town.node.seal(ALARM))
    town.wait_stored(1)
    assert town.collector.stop() == 0
    copy = town.folder / "copy"
    shutil.copytree(town.collector.folder / "data", copy)
    town.collector.start()
    return copy


@pytest.mark.proof
def test_a_collector_restored_from_an_older_copy_goes_on_and_names_what_is_gone(
    make_town: Callable[..., CityTown],
) -> None:
    """The gateway has trimmed what the restored collector lacks: a signed gap names it, the rest comes again, nothing is
    stored twice, and new readings are collected."""
    town = make_town(bytes_max=131_072, segment_bytes=16_384)
    town.start()
    copy = _copy_with_one_alarm(town)
    made = 1
    # Until the journal has let go of what the copy lacks.
    while not town.gateway.status().get("journal", {}).get("deleted_segments"):
        town.produce(*[town.node.seal(noise()) for _ in range(200)])
        made += 200
        assert made < 4_000
    town.wait_stored(made)
    town.gateway.wait_status(lambda status: status["journal"]["unreceipted_batches"] == 0, "everything receipted")
    town.collector.kill()
    shutil.rmtree(town.collector.folder / "data")
    shutil.copytree(copy, town.collector.folder / "data")
    town.collector.start()
    town.produce(town.node.seal(ALARM))
    wait_until(lambda: "restored from an older copy" in town.collector.log(), "the collector to say it", 60)
    wait_until(lambda: town.verified().chains and town.verified().chains[0].gaps, "the gap", 60)
    town.gateway.wait_status(lambda status: status["journal"]["unreceipted_batches"] == 0, "everything receipted", 60)
    town.produce(town.node.seal(ALARM))
    town.gateway.wait_status(lambda status: status["journal"]["unreceipted_batches"] == 0, "and what is new")
    report = town.verified()
    assert report.is_intact, report.problems
    (gap,) = report.chains[0].gaps
    assert gap[0] == 2 and gap[2] == 2
    assert "not in this archive: trimmed at the gateway after a receipt" in report.as_text()
    assert town.collector.count() == len({(r.sequence) for r in town.collector.readings()})
    town.gateway.wait_status(lambda status: status["counters"].get("resends_taken") == 1, "one resend")


def _restore(town: CityTown, copy: Path, name: str) -> None:
    """One part of the collector's data from an older copy: `archive` or `collector.sqlite`."""
    data = town.collector.folder / "data"
    for path in data.glob(f"{name}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if (copy / name).is_dir():
        shutil.copytree(copy / name, data / name)
    else:
        shutil.copy(copy / name, data / name)


def _stored(town: CityTown) -> list[tuple[bytes, bytes, int, int, object]]:
    return sorted((one.node, one.epoch, one.sequence, one.place, one.value) for one in town.collector.readings())


def test_a_collectors_database_older_than_its_archive_is_filled_from_it(town: CityTown) -> None:
    """At the start, before anything is asked of a gateway: every reading is there again, once, the archive is as it was, and the
    log says it."""
    copy = _copy_with_one_alarm(town)
    for _ in range(3):
        town.produce(town.node.seal(ALARM), town.node.seal(noise()))
    town.wait_stored(7)
    town.gateway.stop()
    wait_until(
        lambda: all(chain.confirmed_to == chain.last for chain in town.verified().chains),
        "the gateway's last state in the archive",
    )
    town.collector.kill()
    before, report = _stored(town), town.verified().as_text()
    _restore(town, copy, "collector.sqlite")
    assert town.collector.count() == 1
    town.collector.start()
    assert "taken in again from the archive" in town.collector.log()
    assert _stored(town) == before and town.verified().as_text() == report
    town.gateway.start()
    town.produce(town.node.seal(ALARM))
    town.wait_stored(8)
    assert town.verified().is_intact


@pytest.mark.proof
def test_a_collectors_archive_older_than_its_database_is_filled_by_the_gateway(town: CityTown) -> None:
    """The collector says what its archive lacks, and receipts nothing beyond it; the gateway sends that once more; nothing is
    stored twice."""
    copy = _copy_with_one_alarm(town)
    for _ in range(3):
        town.produce(town.node.seal(ALARM))
    town.wait_stored(4)
    before = _stored(town)
    report = town.verified()
    town.collector.kill()
    _restore(town, copy, "archive")
    assert town.verified().chains[0].last < report.chains[0].last
    town.collector.start()
    assert "the archive was restored from an older copy. The gateway is asked for" in town.collector.log()
    town.produce(town.node.seal(ALARM))
    wait_until(lambda: town.collector.count() == 5, "the lane to go on", 60)
    town.gateway.wait_status(lambda status: status["journal"]["unreceipted_batches"] == 0, "everything receipted", 60)
    found = town.verified()
    assert found.is_intact and not found.chains[0].gaps and not found.chains[0].repeats, found.problems
    assert found.chains[0].first == 1 and found.chains[0].last == report.chains[0].last + 1
    assert [reading for reading in _stored(town) if reading in before] == before and len(_stored(town)) == 5
    town.gateway.wait_status(lambda status: status["counters"].get("resends_taken") == 1, "one resend")


@pytest.mark.proof
def test_a_gateway_restored_from_an_older_copy_begins_a_new_instance(town: CityTown) -> None:
    """The collector's receipt tells the restored gateway at once that its numbers were used: the numbering begins anew before a
    batch gets a second meaning, and every reading is stored once."""
    town.produce(town.node.seal(ALARM))
    town.wait_stored(1)
    town.gateway.stop()
    copy = town.folder / "copy"
    shutil.copytree(town.gateway.data, copy)
    town.gateway.start()
    later = []
    for _ in range(3):
        later.append(town.node.seal(ALARM))
        town.produce(later[-1])
    town.wait_stored(4)
    instance = town.gateway.status()["lanes"]["alarm"]["instance"]
    town.gateway.kill()
    shutil.rmtree(town.gateway.data)
    shutil.copytree(copy, town.gateway.data)
    town.gateway.start()
    town.gateway.wait_status(lambda status: status["lanes"]["alarm"]["instance"] != instance, "a new instance")
    town.field.send(town.node, *later)  # the restored gateway does not know them any more, and takes them again
    town.produce(town.node.seal(ALARM))
    town.wait_stored(5)
    report = town.verified()
    assert [problem.kind for problem in report.problems if problem.kind != "identity_twice"] == []
    assert len(report.chains) >= 2

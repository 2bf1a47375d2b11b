# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity gateway status`: one screen, and an exit code that a monitor can use."""

from __future__ import annotations

import copy
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway_agent.config import load_config
from gateway_agent.journal import Journal, JournalLimits
from gateway_agent.model import ClockReading, GatewayId, Lane
from gateway_agent.mqtt.staying_connected import LinkState
from gateway_agent.operate import report
from gateway_agent.uplink.window import Position, Window
from startcity import words_operator
from tests.support.command_line import startcity
from tests.support.signed_journal import SignedJournal
from tests.support.signing_gateway import START_MS, test_only_signer

Status = dict[str, Any]


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Status:
    """The status of a gateway that is well, made by the reporting code itself; it has run for a day."""
    directory = tmp_path_factory.mktemp("well") / "journal"
    journal = Journal.open(directory, GatewayId("test-01"), JournalLimits())
    link = LinkState("nodes_broker", "127.0.0.1:1883")
    link.up()
    window = Window({lane: Position(*journal.unreceipted_from(lane)) for lane in Lane}, 20)
    content = {
        "gateway": "test-01",
        **report.process_report(time.time_ns() // 1_000_000, 86_400_000, stopped=False),
        "clock": {"state": "synchronised", "bound_s": 1, "gives_time_to_nodes": True},
        "nodes_broker": report.link_report(link),
        "city_broker": report.city_report(link, "receipt", 5, 500),
        "journal": report.journal_report(journal, "")
        | {"syncs": 8_640, "bytes_written": 10_000_000, "kept_bytes": 256_000_000},
        "lanes": report.lanes_report(journal, window),
        "nodes": report.nodes_report(3, {}, 4),
        "counters": {"admitted": 200_000, "readings": 1_000_000},
    }
    journal.close()
    return content


def seen(gateway: Path, content: Status, *words: str, lang: str = "en") -> tuple[int, str]:
    """(exit code, screen) of this status, written now unless it says otherwise."""
    content.setdefault("written_at_unix_ms", 0)
    (load_config(gateway).data / "status.json").write_text(json.dumps(content))
    result = startcity("--lang", lang, "gateway", "status", "--config", gateway, *words)
    return result.exit_code, result.output


def fresh(well: Status) -> Status:
    return copy.deepcopy(well) | {"pid": os.getpid(), "written_at_unix_ms": time.time_ns() // 1_000_000}


def test_all_well_is_one_screen_and_exit_code_0(gateway: Path, well: Status) -> None:
    """24 lines at most, none marked; room and the card's life as the formula has them; no colours where there is no terminal."""
    code, screen = seen(gateway, fresh(well))
    assert code == 0, screen
    assert len(screen.splitlines()) <= 24 and "\x1b" not in screen
    assert not [line for line in screen.splitlines() if line.startswith("!")]
    assert "test-01" in screen.splitlines()[0] and "well" in screen.splitlines()[0]
    assert "256.0 MB of 536.9 MB are needed (48 %); room for 28 d" in screen
    assert "10.0 bytes and 0.009 syncs a reading" in screen
    assert "lasts 2.4 years, were it 32.0 GB of 1000 erase cycles" in screen
    _, better = seen(gateway, fresh(well), "--card-gb", "64", "--card-cycles", "3000", "--card-block-kib", "512")
    assert "more than 100 years" in better


def _set(status: Status, path: str, value: object) -> None:
    *folders, name = path.split(".")
    for folder in folders:
        status = status[folder]
    status[name] = value


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("clock.state", "unknown", "timedatectl"),
        ("clock.state", "was synchronised in this boot", "timedatectl"),
        ("nodes_broker.is_connected", False, "127.0.0.1:1883, not connected"),
        ("city_broker.is_connected", False, "not connected"),
        ("journal.refusal", "the disk is full", "takes nothing, so nothing is acknowledged: the disk is full"),
        ("journal.kept_bytes", 500_000_000, "(93 %)"),
        ("journal.evicted_batches", 12, "12 batches were given up"),
        ("journal.losses", {"damaged": 2}, "damaged 2; see `startcity journal check`"),
        ("nodes.unknown", {"aabbccddee09": 7}, "aabbccddee09 (7)"),
        ("counters.errors_of_ours", 1, "a defect of this program"),
        ("counters.restarts_uplink", 1, "restarts_uplink 1"),
    ],
)
def test_what_needs_attention_is_marked(gateway: Path, well: Status, path: str, value: object, says: str) -> None:
    """Exit code 1, the line marked with !, and in both languages what to do; --json gives the same code."""
    status = fresh(well)
    _set(status, path, value)
    code, screen = seen(gateway, status)
    marked = [line for line in screen.splitlines() if line.startswith("!")]
    assert code == 1 and any(says in line for line in marked[1:]), screen
    assert "needs attention" in marked[0]
    code, screen = seen(gateway, fresh(status), lang="it")
    assert code == 1 and "richiede attenzione" in screen
    assert seen(gateway, fresh(status), "--json")[0] == 1


@pytest.mark.parametrize(
    ("change", "says", "begins"),
    [
        (lambda status: status.update(stopped=True), "stopped at", "does not run"),
        (lambda status: status.update(pid=2**22 + 5), "gone without a word", "does not run"),
        (
            lambda status: status.update(written_at_unix_ms=status["written_at_unix_ms"] - 31_000),
            "has not written",
            "gives no sign",
        ),
    ],
)
def test_a_gateway_that_does_not_run_is_exit_code_3(
    gateway: Path, well: Status, change: Callable[[Status], object], says: str, begins: str
) -> None:
    """Stopped, killed, or hanging: said apart, and each is 3."""
    status = fresh(well)
    change(status)
    code, screen = seen(gateway, status)
    assert code == 3 and says in screen and begins in screen.splitlines()[0]


def test_refusals_come_with_what_to_do_and_do_not_alarm(gateway: Path, well: Status) -> None:
    """A counter that rose once since the start is no alarm for ever, but its advice is there."""
    status = fresh(well)
    status["counters"] |= {"refused_FrameTag": 2, "refused_CborTrailing": 1, "opaque_unknown_name": 3, "down_sent": 9}
    code, screen = seen(gateway, status)
    assert code == 0
    assert "refused_FrameTag 2: a foreign key" in screen
    assert "refused_CborTrailing 1: no frames" in screen
    assert "opaque_unknown_name 3: kept" in screen
    assert "down_sent" not in screen


def test_the_oldest_that_waits_is_read_from_the_journal(gateway: Path, well: Status) -> None:
    """Its age is in the lane's line; an hour of it with the broker there needs attention: no receipt comes."""
    config = load_config(gateway)
    signer, collector = test_only_signer("gateway"), test_only_signer("collector")
    journal = SignedJournal(config.data / "journal", GatewayId("piacenza-01"), signer, JournalLimits())
    for _ in range(5):
        journal.append(Lane.RECORD)
    journal.receipt(Lane.RECORD, 3, collector)
    journal.close()
    status = fresh(well)
    status["lanes"]["record"] |= {"number": 5, "receipted": 3}
    code, screen = seen(gateway, status)
    line = next(line for line in screen.splitlines() if "lane record" in line)
    age_days = int((time.time() * 1_000 - START_MS - 4_000) // 86_400_000)
    assert f"{age_days} d" in line and "no receipt comes" in line
    assert code == 1
    status["city_broker"]["is_connected"] = False
    line = next(line for line in seen(gateway, fresh(status))[1].splitlines() if "lane record" in line)
    assert "no receipt comes" not in line  # the broker that is away explains it


def test_the_clock_words_are_those_of_the_report() -> None:
    """The screen compares words that the reporting code writes."""
    states = {report.clock_report(ClockReading(bytes(8), 0, None, state, None))["state"] for state in range(3)}
    assert states == {"unknown", "synchronised", "was synchronised in this boot"}


def test_no_text_stands_twice() -> None:
    """A second Italian text for the same English one would win unseen."""
    english = [pair[0] for pair in words_operator.PAIRS]
    assert len(set(english)) == len(english)


def test_a_stopped_gateway_says_first_how_to_start_it_and_marks_one_cause(gateway: Path, well: Status) -> None:
    """Brokers that are away because it is stopped carry no mark, in both languages; what is wrong of itself keeps its own."""
    status = fresh(well)
    status.update(stopped=True)
    for name in ("nodes_broker", "city_broker"):
        status[name] |= {"is_connected": False, "reason": "ended by us"}
    code, screen = seen(gateway, status)
    first = screen.splitlines()[0]
    by_hand = f"`startcity gateway run --config {gateway}`"
    assert code == 3
    assert f"does not run: start it with `sudo systemctl start startcity-gateway` or {by_hand}" in first
    assert [line for line in screen.splitlines() if line.startswith("!")] == [first]
    assert "avviarlo con" in seen(gateway, fresh(status), lang="it")[1].splitlines()[0]
    status["journal"]["evicted_batches"] = 3
    marked = [line for line in seen(gateway, status)[1].splitlines() if line.startswith("!")]
    assert len(marked) == 2 and "3 batches were given up" in marked[1]


def test_a_gateway_that_was_killed_is_not_connected_now(gateway: Path, well: Status) -> None:
    """Its last status says connected: the screen says that it was, then; and no word of the last line stays English."""
    status = fresh(well)
    status["written_at_unix_ms"] -= 3_600_000
    screen = seen(gateway, status)[1]
    assert "127.0.0.1:1883, was connected then" in screen and ", connected" not in screen
    status["counters"] |= {"admitted": 9, "readings": 29, "repeats": 4, "out_of_range": 1}
    screen = seen(gateway, status, lang="it")[1]
    assert "era collegato allora" in screen
    assert "frame accettati 9, letture 29, ripetizioni 4, fuori campo 1" in screen


def test_one_that_hangs_is_started_anew(gateway: Path, well: Status) -> None:
    """Its process is there, so a second one could not start beside it."""
    status = fresh(well)
    status["written_at_unix_ms"] -= 31_000
    first = seen(gateway, status)[1].splitlines()[0]
    assert (
        "gives no sign: see whether its disk is full; if not, start it anew with `sudo systemctl restart startcity-gateway`"
        in first
    )


def test_the_gateway_of_a_simulated_city_is_started_with_its_city(gateway: Path, well: Status, tmp_path: Path) -> None:
    """Stopped and hanging: neither a service nor `gateway run` is named, because its brokers and its board belong to the city."""
    city = tmp_path / "a city"
    shutil.copytree(gateway.parent, city / "gateway")
    for name in ("lock", "board.flash"):
        (city / name).touch()
    status = fresh(well)
    status["stopped"] = True
    first = seen(city / "gateway" / gateway.name, status)[1].splitlines()[0]
    assert first.endswith(f"does not run: start it with `startcity sim city --dir '{city}'`"), first
    status = fresh(well)
    status["written_at_unix_ms"] -= 31_000
    first = seen(city / "gateway" / gateway.name, status)[1].splitlines()[0]
    assert f"`startcity sim city --dir '{city}' --stop; startcity sim city --dir '{city}'`" in first
    (city / "board.flash").unlink()
    assert "gateway run" in seen(city / "gateway" / gateway.name, fresh(well) | {"stopped": True})[1].splitlines()[0]

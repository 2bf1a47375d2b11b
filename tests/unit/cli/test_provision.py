# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity provision` without a gateway that runs: what it refuses, by which name, and that it keeps the secret."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec import structs

from device_profiles import load_profiles
from gateway_agent.admit.retirement import Moved
from gateway_agent.config import load_config
from gateway_agent.control.command_files import CommandFiles
from gateway_agent.errors import ConfigError
from gateway_agent.model import NodeId
from gateway_agent.operate.moved_file import write_moved
from gateway_agent.wire.down import Command
from gateway_agent.wire.label import make_label
from startcity import provision_run
from startcity.cli_provision import provision
from startcity.provision_gateway import GatewaySide
from startcity.provision_voice import Waits, waiting_words
from startcity.root import root
from startcity.translated import help_parts
from tests.support.command_line import refuse, startcity, succeed
from tests.support.provision_events import strange
from tests.support.sealed_starts import seal_starts
from tools.provision.checks import Seen, last_before, longest_wait_s, passing, silence_s, wait_s
from tools.provision.state_file import alone, read_progress, unfinished, write_progress
from tools.provision.steps import CABLE_STEPS, Progress, Step, generation_to_move_to

NODE = NodeId(bytes.fromhex("aabbccddee01"))
TEXT = make_label(NODE, "climate-sht4x", b"\x5a" * 16)
ANSWERS = ("--name", "Aula 1", "--place", "Via Roma")


@pytest.fixture(autouse=True)
def collector(gateway: Path) -> None:
    """A collector's public key beside the configuration; whose it is does not matter here."""
    shutil.copy(gateway.with_name("gateway.pub.pem"), gateway.with_name("collector.pub.pem"))


@pytest.fixture
def label(tmp_path: Path) -> Path:
    path = tmp_path / "label.txt"
    path.touch(0o600)
    path.write_text(TEXT + "\n")
    return path


def test_every_missing_answer_names_its_flag(gateway: Path, label: Path) -> None:
    """Nobody at a terminal: each refusal says which flag answers it, in both languages."""
    words = ("provision", "--config", gateway)
    assert "--label-file" in refuse(*words)
    assert "give --name" in refuse(*words, "--label-file", label)
    assert "dare --place" in refuse(*words, "--label-file", label, "--name", "Aula 1", "--lang", "it")
    assert "say --yes" in refuse(*words, "--label-file", label, *ANSWERS)
    assert "--resume" in refuse(*words, "--resume", "aabbccddee01")
    assert "Begun and not at their end: none" in refuse(*words, "--resume")
    assert "There is no check nope" in refuse(*words, "--label-file", label, *ANSWERS, "--yes", "--skip-check", "nope")


def test_a_gateway_that_does_not_run_is_exit_code_3_and_nothing_is_registered(gateway: Path, label: Path) -> None:
    """As an event, too."""
    words = ("provision", "--config", gateway, "--label-file", label, *ANSWERS, "--yes", "--json")
    event = json.loads(refuse(*words, code=3).splitlines()[-1])
    assert (event["v"], event["event"], event["exit_code"]) == (1, "error", 3)
    assert json.loads(succeed("node", "list", "--config", gateway, "--json").splitlines()[0]) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (TEXT[:-1] + "?", "LabelForm"),
        (TEXT.replace("SC1", "SC2"), "LabelVersion"),
        (TEXT.replace("AA", "AB"), "LabelCheck"),
    ],
)
def test_a_label_that_cannot_be_read_is_exit_code_10_by_its_name(text: str, name: str, gateway: Path) -> None:
    """From standard input, as a scanner types it; the text is not repeated."""
    words = ["provision", "--config", str(gateway), "--label-file", "-", *ANSWERS, "--yes"]
    done = CliRunner().invoke(root, words, input=text, env={"STARTCITY_LANG": "en"})
    assert done.exit_code == 10 and name in done.output
    assert TEXT.split(":")[3] not in done.output


def test_a_label_file_that_others_may_read_is_refused(gateway: Path, label: Path) -> None:
    """It is a secret while it counts."""
    label.chmod(0o644)
    assert "chmod 600" in refuse("provision", "--config", gateway, "--label-file", label, *ANSWERS, "--yes")


def test_a_dry_run_shows_the_steps_and_changes_nothing(gateway: Path, label: Path) -> None:
    """Every step and every check of the profile, and no file made; nobody has to be there."""
    before = sorted(gateway.parent.rglob("*"))
    words = ("provision", "--config", gateway, "--label-file", label, *ANSWERS, "--dry-run", "--json")
    events = [json.loads(line) for line in succeed(*words).splitlines()]
    assert not strange(events)
    assert [event["step"] for event in events if event["event"] == "plan"] == [
        step.value for step in Step if step not in CABLE_STEPS
    ]
    assert [event["check"] for event in events if event["event"] == "plan_check"] == [
        check.id for check in load_profiles()["climate-sht4x"].commissioning
    ]
    assert sorted(gateway.parent.rglob("*")) == before


def test_the_state_outlives_a_stop_and_damage_is_named(tmp_path: Path) -> None:
    """What was written is read; the next step is the first that is not done; a damaged file is refused."""
    progress = Progress(
        node=NODE.hex(), profile="climate-sht4x", settings={"interval_s": 60}, since={"trend": ("00", 4)}
    )
    assert progress.next_step is Step.REGISTER
    progress.done = {"register": 1, "find": 2}
    write_progress(tmp_path, progress)
    found = read_progress(tmp_path, NODE.hex())
    assert found == progress and found.next_step is Step.CONFIGURE
    assert unfinished(tmp_path) == [NODE.hex()]
    progress.done = {step.value: 1 for step in Step}
    write_progress(tmp_path, progress)
    assert unfinished(tmp_path) == []
    (tmp_path / "provision" / f"{NODE.hex()}.json").write_text("{}")
    with pytest.raises(Exception, match="is damaged"):
        read_progress(tmp_path, NODE.hex())


@pytest.mark.parametrize(("starts", "code"), [((False, True), 23), ((True, False), 0)])
def test_a_node_in_safe_mode_is_not_in_service(
    starts: tuple[bool, ...], code: int, gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although every step was done once: the last word counts, in both languages; after a start with its application it is."""
    monkeypatch.setattr(provision_run, "_SETTLE_S", 0.1)
    data = load_config(gateway).data
    data.mkdir(exist_ok=True)
    (data / "status.json").write_text(json.dumps({"pid": os.getpid()}))
    seal_starts(data / "journal", NODE, *starts)
    write_progress(data, Progress(node=NODE.hex(), profile="climate-sht4x", done={step.value: 1 for step in Step}))
    words = ("provision", "--config", gateway, "--resume", NODE.hex(), "--yes")
    done = startcity(*words)
    assert done.exit_code == code and ("is in service." in done.output) == (code == 0), done.output
    assert ("is in safe mode" in done.output) == (code == 23)
    assert ("modalità sicura" in startcity(*words, "--lang", "it").output) == (code == 23)
    last = json.loads(startcity(*words, "--json").output.splitlines()[-1])
    assert (last["event"], last.get("error")) == (("end", None) if code == 0 else ("error", "SafeMode"))


def begun(gateway: Path, *done: Step, **values: Any) -> tuple[object, ...]:
    """A node whose gateway seems to run and hears nothing, with these steps done; the words that go on with it."""
    data = load_config(gateway).data
    data.mkdir(exist_ok=True)
    CommandFiles(data / "commands")
    (data / "status.json").write_text(json.dumps({"pid": os.getpid()}))
    progress = Progress(node=NODE.hex(), profile="climate-sht4x", done={step.value: 1 for step in done}, **values)
    write_progress(data, progress)
    return ("provision", "--config", gateway, "--resume", NODE.hex(), "--yes", "--wait", 1)


@pytest.mark.parametrize(
    ("moved", "says", "in_italian"),
    [(0, "only its newest label fits", "l'etichetta più nuova"), (4, "key generation 4", "generazione di chiavi 4")],
)
def test_a_node_that_is_not_heard_may_have_been_erased(moved: int, says: str, in_italian: str, gateway: Path) -> None:
    """Before its first word, and after it has moved; either way the cable is named, which finds out."""
    words = begun(gateway, Step.REGISTER)
    if moved:
        write_moved(load_config(gateway).data, {NODE: Moved(moved, None)})
    said = refuse(*words, code=11)
    assert says in said and "erased or flashed anew" in said and "--port PORT" in said
    said = refuse(*words, "--lang", "it", code=11)
    assert in_italian in said and "--port PORTA" in said


@pytest.mark.parametrize(
    ("state", "result", "says"),
    [
        (None, None, "every 15 minutes at least, and answers when it has held with them for a minute"),
        ("failed", 4, "the old ones are back. Correct --set, and call this again without --resume"),
        ("failed", 3, "not possible now. Call this again with --resume"),
        ("refused", None, ". Correct --set, and call this again without --resume"),
    ],
)
def test_settings_that_were_not_taken_are_said_in_words(
    state: str | None, result: int | None, says: str, gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer, settings that are wrong, a node that is busy, a gateway that refuses: each with what to do, and no bare number."""
    words = begun(gateway, Step.REGISTER, Step.FIND, settings={"heartbeat_s": 900})
    files = CommandFiles(load_config(gateway).data / "commands")
    real_sleep = time.sleep

    def gateway_runs(seconds: float) -> None:
        real_sleep(seconds)
        for number, wanted in enumerate(files.look() if state is not None else [], files.read_last_id() + 1):
            if state == "refused":
                files.refuse(wanted, "too large")
                continue
            files.take(wanted, Command(number, 5))
            files.finish(number, state or "", result)

    monkeypatch.setattr("time.sleep", gateway_runs)
    said = refuse(*words, code=12)
    assert "NotConfigured" in said and says in said, said


@pytest.mark.parametrize("is_since", [False, True])
def test_a_silent_node_whose_last_start_was_in_safe_mode_is_said_to_be_in_it(is_since: bool, gateway: Path) -> None:
    """Exit code 23 instead of the step's own: the cause, not what came of it; also where it said so before it was begun here, but
    not before it was found: that may be old."""
    data = load_config(gateway).data
    since: dict[str, Any] = {}
    if is_since:
        seal_starts(data / "journal", NODE, True)
        since["since"] = GatewaySide(load_config(gateway)).heads()
    words = begun(gateway, Step.REGISTER, Step.FIND, settings={"heartbeat_s": 900}, **since)
    if not is_since:
        seal_starts(data / "journal", NODE, True)
    assert "is in safe mode" in refuse(*words, code=23)
    if is_since:
        assert "NodeNotFound" in refuse(*begun(gateway, Step.REGISTER, **since), code=11)


def test_no_measured_value_and_no_receipt_are_two_faults(gateway: Path) -> None:
    """A sensor that says nothing is looked for at its wires, a collector that says nothing at the collector."""
    words = begun(gateway, *(step for step in Step if step not in (Step.VERIFY, Step.RETIRE)))
    assert "sensor's wires" in refuse(*words, code=15)


@pytest.mark.parametrize(
    ("words_of", "says"), [("en", "Wait for the first reading"), ("it", "Attendi la prima misura")]
)
def test_a_check_that_fails_is_said_to_people_with_its_own_text(
    words_of: str, says: str, gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 14, which check, and what was to be done, in the reader's language."""
    late = (Step.CHECK, Step.VERIFY, Step.RETIRE)
    words = begun(gateway, *(step for step in Step if step not in late), checks={"humidity-moves": "skipped"})
    monkeypatch.setattr(provision_run, "wait_s", lambda *_: 1)
    said = refuse(*words, "--lang", words_of, code=14)
    failed = said.partition("CheckFailed")[2]  # the text was said as the check began, too
    assert says in failed and "--resume" in failed, said


def test_what_it_was_begun_with_is_not_changed_by_going_on(gateway: Path) -> None:
    """An option that would be left aside is refused by its flag; the same value again is none."""
    words = begun(gateway, Step.REGISTER, name="Aula 1", settings={"heartbeat_s": 900})
    said = refuse(*words, "--name", "Aula 2", "--set", "heartbeat_s=60")
    assert "to change --name, --set, call it without --resume" in said
    assert "NodeNotFound" in refuse(*words, "--name", "Aula 1", "--set", "heartbeat_s=900", code=11)


def test_a_check_takes_only_what_was_measured_after_the_question() -> None:
    """An old value that was sealed late does not pass; a change is one against the last value before; others are ignored."""
    profile = load_profiles()["climate-sht4x"]
    check = profile.commissioning[0]
    good = (check.above or 0) + 1 if check.above is not None else (check.below or 0) - 1

    def seen(value: float, at_ms: int | None, name: str = check.measurement) -> Seen:
        return Seen(bytes(8), 1, name, value, at_ms)

    assert passing(check, [seen(good, 50_000)], None, 60_000) is None
    assert passing(check, [seen(good, 59_500)], None, 60_000) is not None
    assert passing(check, [seen(good, None)], None, 60_000) is not None
    assert passing(check, [seen(good, 70_000, "other")], None, 60_000) is None
    assert last_before([seen(1, None), seen(2, None), seen(3, None, "other")], check.measurement) == 2
    assert wait_s(check, profile) >= check.within_s + profile.measurements[check.measurement].deadline_s


def test_a_step_waits_longer_than_a_node_of_any_profile_may_be_silent() -> None:
    """And until what it then said is sealed; who waits is told for what and until when."""
    for profile in load_profiles().values():
        deadline_s = max(one.deadline_s for one in profile.measurements.values())
        assert silence_s(profile) == (21_600 if profile.power_source == "battery" else 900)
        assert longest_wait_s(profile) > silence_s(profile) + deadline_s
    for waits in Waits:
        assert "at the latest" in waiting_words(waits, NODE.hex(), 60, 900, sleeps=False)
    assert "360 minutes" in waiting_words(Waits.NODE, NODE.hex(), 60, 21_600, sleeps=True)


def test_only_what_was_wanted_again_is_in_service_already() -> None:
    """Another name, place, setting, label, a check that was left out, or a cable: each begins anew."""
    done = Progress(
        node=NODE.hex(), profile="climate-sht4x", name="a", place="b", settings={"interval_s": 60}, label="00"
    )
    wanted = Progress(node=NODE.hex(), profile="climate-sht4x", name="a", place="b", settings={"interval_s": 60})
    assert not done.covers(wanted, ()), "it is not at its end"
    done.done = {step.value: 1 for step in Step}
    done.checks = {"one": "passed", "two": "skipped"}
    assert done.covers(wanted, ("two",)) and not done.covers(wanted, ())
    for name, value in {
        "name": "c",
        "place": "c",
        "settings": {},
        "profile": "c",
        "label": "01",
        "is_wired": True,
    }.items():
        assert not done.covers(structs.replace(wanted, **{name: value}), ("two",)), name
    assert done.covers(structs.replace(wanted, label="00"), ("two",))


def test_a_node_and_a_port_are_worked_on_by_one(tmp_path: Path) -> None:
    """The second is refused by name, with exit code 3; the file is nobody else's to read; afterwards it is free."""
    with alone(tmp_path, NODE.hex()), alone(tmp_path, "port-1"):
        assert {path.stat().st_mode & 0o777 for path in (tmp_path / "provision").iterdir()} == {0o600}
        with pytest.raises(ConfigError, match="Busy") as refused, alone(tmp_path, NODE.hex()):
            pass
        assert getattr(refused.value, "exit_code", None) == 3
    with alone(tmp_path, NODE.hex()):
        assert unfinished(tmp_path) == []


def test_the_examples_of_the_help_page_are_commands() -> None:
    """Each is understood as it stands."""
    examples = help_parts(provision.help or "")[1].split("\n")
    lines = [shlex.split(line, comments=True) for line in examples if line.strip()]
    assert len(lines) >= 5
    for words in lines:
        assert words[:2] == ["startcity", "provision"]
        provision.make_context("provision", [word for word in words[2:] if word not in ("<", "label.txt")])


def test_a_node_moves_to_the_newest_root_and_never_back() -> None:
    """Where the gateway has no newer root there is nothing to move to."""
    assert generation_to_move_to({0: b"", 1: b"", 3: b""}, 0) == 3
    assert generation_to_move_to({0: b"", 1: b""}, 1) is None
    assert generation_to_move_to({0: b""}, 2) is None
    assert generation_to_move_to({1: b""}, 0) is None, "it was found, and there is no other root to find it with"
    assert generation_to_move_to({}, 0) is None

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Commands: checked, numbered, kept over a restart, sent until their node answers."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from device_profiles import Profile, load_profiles
from gateway_agent.admit.keyring import Keyring
from gateway_agent.control.acknowledgements import Answer, DownNonces
from gateway_agent.control.answering import Answering
from gateway_agent.control.command_check import CommandError, check_command
from gateway_agent.control.command_desk import CommandDesk
from gateway_agent.control.command_files import DONE_MAX, CommandFiles, ask, read_all
from gateway_agent.control.commands import (
    CODES,
    EXPIRES_AWAKE_MS,
    EXPIRES_SLEEPING_MS,
    Commands,
    Finished,
    read_result,
)
from gateway_agent.errors import WireError
from gateway_agent.model import ClockReading, GatewayId, NodeId
from gateway_agent.registry import NodeRecord
from gateway_agent.wire import cbor
from gateway_agent.wire.down import Command, open_down
from gateway_agent.wire.frame import parse_frame
from gateway_agent.wire.keys import derive_root
from tests.support.profile_folder import write_profile
from tests.support.sealing_node import SealingNode, level_pack

NODE = NodeId(bytes.fromhex("aabbccddee01"))
GATEWAY = GatewayId("test-01")


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """`tank-l1`: settings interval_s (1 to 3600), gain, inverted; it runs on a battery."""
    write_profile(tmp_path / "profiles")
    return load_profiles(tmp_path / "profiles")["tank-l1"]


# What waits.


def test_a_command_waits_until_its_node_reports_it_or_it_expires() -> None:
    """It is sent until the node reports its id; then, or when it expires, what became of it is told once."""
    commands = Commands(last_id=4)
    commands.add(NODE, Command(5, 1), 0)
    assert commands.waiting(NODE, 1) == Command(5, 1)
    commands.note_result(NODE, 4, 0)
    assert commands.waiting(NODE, 1) == Command(5, 1)
    commands.note_result(NODE, 5, 3)
    assert commands.waiting(NODE, 1) is None
    commands.add(NODE, Command(6, 1), 0)
    assert commands.waiting(NODE, EXPIRES_AWAKE_MS - 1) == Command(6, 1)
    assert commands.waiting(NODE, EXPIRES_AWAKE_MS) is None
    told = commands.take_finished(EXPIRES_AWAKE_MS)
    assert told == [Finished(4, "done", 0), Finished(5, "failed", 3), Finished(6, "expired", None)]
    assert commands.take_finished(EXPIRES_AWAKE_MS) == [] and NODE not in commands


def test_a_newer_command_takes_the_place_of_an_older() -> None:
    """One command a node waits; the older one is told as replaced."""
    commands = Commands()
    commands.add(NODE, Command(1, 1), 0)
    commands.add(NODE, Command(2, 3), 0)
    assert commands.waiting(NODE, 0) == Command(2, 3)
    assert commands.take_finished(0) == [Finished(1, "replaced", None)]


def test_a_restored_gateway_goes_on_above_what_a_node_reports() -> None:
    """A node that has run a higher number says so; the command that waits was not run, and the next id is above."""
    commands = Commands(last_id=4)
    commands.add(NODE, Command(5, 1), 0)
    commands.note_result(NODE, 900, 6)
    assert commands.last_id == 900
    assert commands.take_finished(0) == [Finished(5, "failed", 6)]


def test_a_lying_node_does_not_use_up_the_ids() -> None:
    """A reported id far above ours is no reason to continue above it; one that a restored backup can lack is."""
    commands = Commands(last_id=5)
    commands.note_result(NODE, (1 << 32) - 2, 0)
    assert commands.last_id == 5
    commands.note_result(NODE, 900, 0)
    assert commands.last_id == 900


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        b"",
        b"\xff",
        cbor.encode(1),
        cbor.encode(["test-01", 1]),
        cbor.encode(["test-02", 1, 0]),
        cbor.encode(["test-01", -1, 0]),
        cbor.encode(["test-01", True, 0]),
        cbor.encode(["test-01", 1, None]),
    ],
)
def test_a_result_that_is_none_of_ours_is_let_go(value: object) -> None:
    """Another gateway's, or nonsense, counts for nothing."""
    assert read_result(GATEWAY, value) is None
    assert read_result(GATEWAY, cbor.encode(["test-01", 1, 0])) == (1, 0)


# What may be asked.


def test_settings_are_checked_against_the_profile_and_encoded(profile: Profile) -> None:
    """Types and limits are the profile's; what leaves is one CBOR map, as the vector of docs/wire.md says."""
    wanted = {"interval_s": 900, "inverted": True, "gain": 2}
    code, argument = check_command("configure", wanted, None, profile, [0])
    assert code == 5 and isinstance(argument, bytes)
    assert cbor.decode(argument) == wanted


@pytest.mark.parametrize(
    ("word", "settings", "generation", "says"),
    [
        ("explode", None, None, "there are: identify, reboot, sample, rezero, configure, generation"),
        (7, None, None, "there is no command"),
        ("configure", None, None, "at least one setting"),
        ("configure", {}, None, "at least one setting"),
        ("configure", ["interval_s"], None, "at least one setting"),
        ("configure", {"interval_s": 0}, None, "interval_s"),
        ("configure", {"interval_s": 3601}, None, "interval_s"),
        ("configure", {"interval_s": "60"}, None, "interval_s"),
        ("configure", {"inverted": 1}, None, "inverted"),
        ("configure", {"wifi": "x"}, None, "has no setting 'wifi'"),
        ("identify", {"interval_s": 60}, None, "takes no settings"),
        ("reboot", None, 1, "takes no generation"),
        ("generation", None, None, "needs a number"),
        ("generation", None, True, "needs a number"),
        ("generation", None, -1, "needs a number"),
        ("generation", None, 2, "no key of generation 2"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_reason(
    profile: Profile, word: object, settings: object, generation: object, says: str
) -> None:
    """Each mistake says what to write instead."""
    with pytest.raises(CommandError) as refused:
        check_command(word, settings, generation, profile, [0, 1])
    assert says in refused.value.detail


def test_an_unknown_node_gets_no_command(profile: Profile) -> None:
    """Neither a node that is not registered, nor one whose profile is not there."""
    for known, generations in ((profile, []), (None, [0])):
        with pytest.raises(CommandError, match="does not know"):
            check_command("identify", None, None, known, generations)


# From the folder to the nodes and back.


class Nodes:
    """The registry's word for one node."""

    def profile_of(self, node_id: bytes) -> str | None:
        return "tank-l1" if node_id == NODE else None

    def generations_of(self, node_id: bytes) -> Collection[int]:
        return (1, 0) if node_id == NODE else ()


class Desk:
    """A desk on a folder, as a gateway makes it at its start."""

    def __init__(self, folder: Path, profile: Profile) -> None:
        self.folder = folder / "commands"
        files = CommandFiles(self.folder)
        self.commands = Commands(files.read_last_id())
        self.counters = Counter[str]()
        self.desk = CommandDesk(files, self.commands, Nodes(), {"tank-l1": profile}, self._at_once, self.counters)
        self.desk.restore(0)

    @staticmethod
    async def _at_once(errand: Callable[[], object]) -> object:
        return errand()

    def look(self, now_ms: int = 0) -> None:
        asyncio.run(self.desk.look(now_ms))

    def ask(self, request: str, **content: object) -> None:
        ask(self.folder, request, {"node": NODE.hex(), **content})

    def state(self, request: str) -> dict[str, Any]:
        return next(found for found in read_all(self.folder) if found["request"] == request)


def test_a_request_becomes_a_command_and_its_result_is_kept(tmp_path: Path, profile: Profile) -> None:
    """asked, waiting, done: each step can be read, and the folder holds no request any more."""
    desk = Desk(tmp_path, profile)
    desk.ask("one", command="configure", settings={"interval_s": 900})
    assert desk.state("one")["state"] == "asked"
    desk.look()
    assert desk.state("one") | {"state": "waiting", "id": 1, "command": "configure"} == desk.state("one")
    assert desk.commands.waiting(NODE, EXPIRES_SLEEPING_MS - 1) == Command(1, 5, cbor.encode({"interval_s": 900}))
    desk.commands.note_result(NODE, 1, 4)
    desk.look()
    assert desk.state("one") | {"state": "failed", "result": 4} == desk.state("one")
    assert sorted(path.name for path in desk.folder.iterdir()) == ["0000000001.done", "last_id"]
    assert desk.counters == {"commands_taken": 1, "commands_failed": 1}


def test_a_refused_request_says_why(tmp_path: Path, profile: Profile) -> None:
    """Garbage, unknown nodes and values out of bounds end as `refused` with the reason; nothing is sent."""
    desk = Desk(tmp_path, profile)
    desk.ask("bad", command="configure", settings={"interval_s": 0})
    ask(desk.folder, "foreign", {"node": "000000000000", "command": "identify"})
    for name, content in (("list", b"[]"), ("text", b"\xff"), ("short", b'{"node": "aa", "command": "identify"}')):
        (desk.folder / f"{name}.json").write_bytes(content)
    desk.look()
    assert "interval_s" in desk.state("bad")["reason"]
    assert "does not know the node" in desk.state("foreign")["reason"]
    for name in ("list", "text", "short"):
        assert desk.state(name)["state"] == "refused", name
    assert desk.counters == {"commands_refused": 5} and desk.commands.last_id == 0


def test_a_restart_keeps_what_waits_under_its_id(tmp_path: Path, profile: Profile) -> None:
    """After a restart the command still waits, with id and argument; the next one's id is higher."""
    desk = Desk(tmp_path, profile)
    desk.ask("one", command="generation", generation=1)
    desk.look()
    again = Desk(tmp_path, profile)
    assert again.commands.waiting(NODE, 0) == Command(1, 6, 1)
    again.ask("two", command="reboot")
    again.look()
    assert again.commands.waiting(NODE, 0) == Command(2, 2)
    again.look()
    assert again.state("one")["state"] == "replaced"


def test_a_late_result_mends_an_expired_command(tmp_path: Path, profile: Profile) -> None:
    """A node that was away reports after all: the list says done, and a repetition of the report changes nothing."""
    desk = Desk(tmp_path, profile)
    desk.ask("one", command="identify")
    desk.look()
    desk.look(EXPIRES_SLEEPING_MS)
    assert desk.state("one")["state"] == "expired"
    for result in (0, 3):
        desk.commands.note_result(NODE, 1, result)
        desk.look(EXPIRES_SLEEPING_MS)
        assert desk.state("one")["state"] == "done"


def test_the_list_of_results_is_bounded(tmp_path: Path, profile: Profile) -> None:
    """The latest 200 results stay."""
    desk = Desk(tmp_path, profile)
    for number in range(DONE_MAX + 5):
        (desk.folder / f"r{number:03d}.json").write_text("{}")
        if number % 50 == 49:
            desk.look()
    desk.look()
    assert len(list(desk.folder.glob("*.done"))) == DONE_MAX


class PowerCut(BaseException):
    """The process is gone: nothing behind it runs."""


@pytest.fixture
def cut_after(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """`cut_after(n)`: power fails before the n-th change on the disk from then on."""
    left = [1 << 30]

    def counting(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise PowerCut
            return function(*arguments, **more)

        return counted

    for owner, name in ((Path, "replace"), (Path, "unlink"), (os, "fsync")):
        monkeypatch.setattr(owner, name, counting(getattr(owner, name)))

    def cut(changes: int) -> None:
        left[0] = changes

    yield cut


def test_power_cut_at_every_write_never_sends_a_request_under_two_ids(
    tmp_path: Path, profile: Profile, cut_after: Callable[[int], None]
) -> None:
    """Wherever the gateway dies while it takes a request, the request is sent under exactly one id, and no id is given to two."""
    for changes in range(12):
        folder = tmp_path / str(changes)
        folder.mkdir()
        sent: dict[int, str] = {}
        desk = Desk(folder, profile)
        desk.ask("one", command="reboot")
        is_cut = False
        cut_after(changes)
        try:
            desk.look()
        except PowerCut:
            is_cut = True
        cut_after(1 << 30)
        waiting = desk.commands.waiting(NODE, 0)
        if waiting is not None:
            sent[waiting.command_id] = "one"
        again = Desk(folder, profile)
        waiting = again.commands.waiting(NODE, 0)  # a node that is heard now gets this one
        if waiting is not None:
            sent[waiting.command_id] = "one"
        again.look()
        waiting = again.commands.waiting(NODE, 0)
        assert waiting is not None, f"lost when cut before change {changes}"
        assert sent.setdefault(waiting.command_id, "one") == "one" and len(sent) == 1, f"twice, cut at {changes}"
        assert not list(again.folder.glob("*.json"))
        again.ask("two", command="identify")
        again.look()
        newer = again.commands.waiting(NODE, 0)
        assert newer is not None and newer.command_id > waiting.command_id
        assert read_all(again.folder)[0]["request"] == "one"
    assert not is_cut, "the loop has to reach beyond the last change"


# Key generations.


class Clocks:
    """A clock that is synchronised and stands still."""

    def read(self) -> ClockReading:
        return ClockReading(bytes(8), 0, 1_790_000_000_000, 1, 1)

    def monotonic_ms(self) -> int:
        return 0


def _answering(node: SealingNode, generations: Collection[int]) -> tuple[Keyring, Commands, Answering, list[bytes]]:
    keyring = Keyring()
    keyring.replace_nodes(
        [NodeRecord(node.node_id, "tank-l1", each, derive_root(node.master, each)) for each in generations]
    )
    commands = Commands()
    sent: list[bytes] = []
    answering = Answering(
        GATEWAY,
        Clocks(),  # type: ignore[arg-type]
        commands,
        DownNonces(lambda count: b"R" * count),
        keyring.answer_root,
        keyring.roots_of,
        lambda _node, down: sent.append(down),
        Counter(),
    )
    return keyring, commands, answering, sent


def test_the_command_to_move_comes_under_the_new_key_and_alone() -> None:
    """Acknowledgement and time stay under the node's present key; the move is a frame of its own under the next one."""
    node = SealingNode()
    keyring, commands, answering, sent = _answering(node, (0, 1))
    keyring.open(parse_frame(node.seal(level_pack(1))))
    commands.add(NODE, Command(1, CODES["generation"], 1), 0)
    answering.send([Answer(node.kid, 0, ((0, 0),), True)])
    proof = open_down(sent[0], derive_root(node.master, 1))
    assert proof.commands == (Command(1, 6, 1),) and not proof.acknowledged and proof.city_time_ms is None
    answer = open_down(sent[1], derive_root(node.master, 0))
    assert answer.acknowledged == ((0, 0),) and answer.commands == ()


def test_old_frames_of_a_node_that_has_moved_are_answered_under_its_new_key() -> None:
    """The node takes nothing under the old key any more, not even acknowledgements of its backlog."""
    node = SealingNode()
    keyring, _, answering, sent = _answering(node, (0, 1))
    old_kid = node.kid
    keyring.open(parse_frame(node.seal(level_pack(1))))
    moved = SealingNode(epoch=b"epoch-02", generation=1)
    keyring.open(parse_frame(moved.seal(level_pack(1))))
    answering.send([Answer(old_kid, 0, ((0, 0),), True)])
    assert open_down(sent[0], moved.root).acknowledged == ((0, 0),)
    with pytest.raises(WireError):
        open_down(sent[0], node.root)

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Commands from the city: executed once whatever is cut off, and bounded whatever is sent."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gateway_agent.control.city_check import WAITING_MAX
from gateway_agent.control.city_desk import QUEUE_MAX, CityDesk
from gateway_agent.control.city_log import CityLog
from gateway_agent.control.operators import Operator
from gateway_agent.errors import ConfigError, Unavailable
from gateway_agent.model import ClockReading, GatewayId, NodeId
from gateway_agent.wire.answer import Answer, AnswerState
from gateway_agent.wire.command import CODE_ROTATE_KEY, CODE_STATUS, CityCommand, sign_command
from gateway_agent.wire.signer import Signer

T = TypeVar("T")
GATEWAY = GatewayId("test-01")
BOOT = b"boot-id."
NODE = NodeId(bytes.fromhex("aabbccddee01"))
ANNA = Signer.generate()
OPERATOR = Operator("anna", ANNA.key_id, ANNA.public_key, False)


class PowerCutError(BaseException):
    """The power is gone."""


class Desk:
    """A desk on a real file. `restart` is a new process on the same disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.executed: list[int] = []
        self.asked: dict[str, dict[str, Any]] = {}
        self.answers: list[Answer] = []
        self.is_connected = True
        self.now_ms = 1_000_000
        self.counters = Counter[str]()
        self.restart()

    def restart(self) -> None:
        self.log = CityLog(self.path)
        self.desk = CityDesk(
            GATEWAY, self, self.log, lambda key: OPERATOR if key == ANNA.key_id else None, self,
            {CODE_STATUS: self._status, CODE_ROTATE_KEY: self._status}, self._sign, self._publish, self._in_thread, self.counters,
        )  # fmt: skip

    def read(self) -> ClockReading:
        return ClockReading(BOOT, self.now_ms, None, 0, None)

    async def sleep_ms(self, duration_ms: int) -> None:
        self.now_ms += duration_ms

    async def _in_thread(self, errand: Callable[[], T]) -> T:
        return errand()

    async def _status(self, _argument: int | None) -> str:
        self.executed.append(CODE_STATUS)
        return "{}"

    def _sign(self, answer: Answer) -> bytes:
        self._signed = answer
        self._by_bytes = {**getattr(self, "_by_bytes", {}), repr(answer).encode(): answer}
        return repr(answer).encode()

    async def _publish(self, data: bytes) -> None:
        if not self.is_connected:
            raise Unavailable("not connected")
        self.answers.append(self._by_bytes[data])

    def ask(self, request: str, content: dict[str, object]) -> None:
        self.executed.append(1)
        self.asked[request] = {"state": "asked", **content}

    def find(self, request: str) -> dict[str, Any] | None:
        return self.asked.get(request)

    async def work(self) -> None:
        """What `run` does in one round."""
        while self.desk._queue:
            await self.desk._take_one(self.desk._queue.popleft())
        await self.desk._look()
        await self.desk._send_answers()

    async def give(self, *raws: bytes) -> None:
        for raw in raws:
            self.desk.take(raw)
        await self.work()


def command(number: int, code: int = CODE_STATUS, **changes: Any) -> bytes:
    node = NODE if code < 64 else None
    return sign_command(CityCommand(GATEWAY, BOOT, number, 1 << 50, code, node)._replace(**changes), ANNA)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "city_commands.json")


@pytest.mark.parametrize("code", [CODE_STATUS, 1])
async def test_a_power_cut_at_any_step_executes_a_command_once_or_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """At every sync and rename: after the cut the same bytes come again, and all in all it is executed at most once; where it was
    taken there is one final answer."""
    steps = 0
    cut_at = 0

    def step(original: Callable[..., T]) -> Callable[..., T]:
        def stepped(*given: Any, **named: Any) -> T:
            nonlocal steps
            steps += 1
            if steps == cut_at:
                raise PowerCutError
            return original(*given, **named)

        return stepped

    monkeypatch.setattr(os, "fsync", step(os.fsync))
    monkeypatch.setattr(Path, "replace", step(Path.replace))
    seen = set()
    for cut_at in range(1, 12):
        desk, steps = Desk(tmp_path / f"cut{cut_at}.json"), 0
        raw = command(7, code)
        try:
            await desk.give(raw)
            for found in desk.asked.values():
                found.update(state="done", result=0)
            await desk.work()
        except PowerCutError:
            seen.add(cut_at)
        steps = -1_000
        desk.restart()
        await desk.give(raw)
        for found in desk.asked.values():
            found.update(state="done", result=0)
        await desk.work()
        assert len(desk.executed) <= 1, f"cut at step {cut_at}"
        ends = [answer for answer in desk.answers if answer.state in (AnswerState.DONE, AnswerState.FAILED)]
        assert ends or not desk.executed, f"cut at step {cut_at}: executed, and no word of it"
    assert len(seen) >= 6


async def test_a_command_that_was_taken_and_not_begun_is_answered_as_interrupted(desk: Desk) -> None:
    """The number was durable and then the power went: it is never executed, and the operator hears so."""
    raw = command(9, 1)
    waiting = {
        "digest": hashlib.sha256(raw).hexdigest(),
        "number": 9,
        "operator": ANNA.key_id.hex(),
        "code": 1,
        "request": "x",
    }
    desk.log.take(ANNA.key_id, 9, waiting)
    desk.restart()
    await desk.work()
    assert [(answer.state, answer.reason) for answer in desk.answers] == [(AnswerState.FAILED, "CommandInterrupted")]
    await desk.give(raw)
    assert desk.answers[-1].reason.startswith("CommandNumber")
    assert desk.executed == []


async def test_an_answer_waits_for_the_citys_broker_over_a_restart(desk: Desk) -> None:
    """The connection is gone when a command ends: its answer is kept on the disk, and sent once the broker is back."""
    desk.is_connected = False
    await desk.give(command(1))
    assert desk.executed == [CODE_STATUS] and desk.answers == []
    kept = dict(desk._by_bytes)
    desk.restart()
    desk._by_bytes = kept
    desk.is_connected = True
    await desk.work()
    assert [answer.state for answer in desk.answers] == [AnswerState.DONE]
    assert CityLog(desk.path).answers == []


async def test_numbers_rise_and_what_comes_out_of_order_is_refused(desk: Desk) -> None:
    """Of 5, 3, 5 and 6 the first and the last are executed; the answers name the highest number."""
    for number in (5, 3, 5, 6):
        await desk.give(command(number))
    assert len(desk.executed) == 2
    assert [answer.highest for answer in desk.answers] == [5, 5, 5, 6]
    assert desk.counters["city_commands_refused_CommandNumber"] == 2


async def test_a_flood_costs_neither_the_card_nor_the_answers(desk: Desk) -> None:
    """100,000 messages of every kind: garbage and strangers write nothing to the disk, operators a bounded number of times,
    answers are bounded, and the queue too."""
    await desk.give(command(1))
    writes = desk.log.writes
    stranger = Signer.generate()
    forged = [sign_command(CityCommand(GATEWAY, BOOT, n, 1 << 50, CODE_STATUS), stranger) for n in range(1, 30)]
    for round_ in range(2_000):
        for raw in (b"\xff" * 1000, *forged, command(1)):
            desk.desk.take(raw)
        assert len(desk.desk._queue) <= QUEUE_MAX
        if round_ % 20 == 0:
            await desk.work()
            desk.now_ms += 100
    assert desk.log.writes == writes
    assert len(desk.answers) <= 1 + 20 + 11
    assert desk.counters["city_commands_dropped"] > 50_000
    # An operator who goes wild: at most 20 at once, then one in 3 s.
    desk.now_ms += 100_000
    for number in range(10, 90):
        await desk.give(command(number))
        desk.now_ms += 100
    assert len(desk.executed) <= 1 + 20 + 4
    assert desk.log.writes <= writes + 3 * (20 + 4)


async def test_too_many_commands_that_wait_are_refused(desk: Desk) -> None:
    """64 commands wait for their nodes: the next one is refused by name."""
    for number in range(WAITING_MAX + 1):
        desk.now_ms += 4_000
        await desk.give(command(number + 1, 1))
    assert desk.answers[-1].reason.startswith("CommandBusy")
    assert len(desk.asked) == WAITING_MAX


def test_a_damaged_log_stops_the_gateway_in_words(tmp_path: Path) -> None:
    """Without it a command could be executed again: the gateway does not start, and says what to do."""
    path = tmp_path / "city_commands.json"
    path.write_text('{"numbers": 3}')
    with pytest.raises(ConfigError, match="restore it from a backup"):
        CityLog(path)

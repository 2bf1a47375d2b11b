# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Commands from the city: checked, noted, executed once, answered with the gateway's signature.

    message -> pace -> envelope -> operator -> checks -> number on disk -> execution -> answer on disk -> broker

*Bounds.* At most 10 messages a second are looked at and 32 wait; what is above is counted and nothing else. What is not
a well-formed command is counted by its error's name and gets no answer. A refusal is answered, at most one a second
after a burst of 20, and writes nothing to the disk. What is taken costs two writes, at most one in 3 s after a burst of 20.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

from gateway_agent.control.city_check import Standing, check_city_command, gateway_argument, node_request
from gateway_agent.control.city_log import CityLog
from gateway_agent.control.operators import Operator
from gateway_agent.errors import ConfigError, PeerError, Unavailable
from gateway_agent.model import ClockReading, GatewayId
from gateway_agent.pace import Pace
from gateway_agent.wire.answer import Answer, AnswerState
from gateway_agent.wire.command import CITY_WORDS, GATEWAY_CODE_MIN, CityCommand, parse_command
from gateway_agent.wire.limits import TEXT_BYTES_MAX

log = logging.getLogger(__name__)
T = TypeVar("T")

QUEUE_MAX = 32
LOOK_EACH_MS = 1_000

Result = int | str | bytes | None
_ENDS = {
    "done": AnswerState.DONE,
    "failed": AnswerState.FAILED,
    "expired": AnswerState.EXPIRED,
    "replaced": AnswerState.REPLACED,
    "refused": AnswerState.REFUSED,
}


class NodeRequests(Protocol):
    """The way that every command to a node takes: the folder of `startcity node command`. Blocking."""

    def ask(self, request: str, content: dict[str, object]) -> None:
        """Raises: Unavailable."""
        ...

    def find(self, request: str) -> dict[str, Any] | None:
        """Where it stands: `state` and, where the node gave one, `result`; None where nobody knows of it."""
        ...


class CityClock(Protocol):
    """As `ports.Clock`."""

    def read(self) -> ClockReading: ...
    async def sleep_ms(self, duration_ms: int) -> None: ...


class InThread(Protocol):
    """Runs something blocking beside the event loop."""

    def __call__(self, errand: Callable[[], T]) -> Awaitable[T]: ...


class CityDesk:
    """`take` is for the uplink; `run` does the work until cancelled."""

    def __init__(
        self,
        gateway_id: GatewayId,
        clock: CityClock,
        city_log: CityLog,
        find_operator: Callable[[bytes], Operator | None],
        requests: NodeRequests,
        actions: Mapping[int, Callable[[int | None], Awaitable[Result]]],
        sign: Callable[[Answer], bytes],
        publish: Callable[[bytes], Awaitable[None]],
        in_thread: InThread,
        counters: Counter[str],
    ) -> None:
        """`actions` by code do what is asked of the gateway itself; they may raise Unavailable or ConfigError."""
        self._gateway_id = gateway_id
        self._clock = clock
        self._log = city_log
        self._find_operator = find_operator
        self._requests = requests
        self._actions = actions
        self._sign = sign
        self._publish = publish
        self._in_thread = in_thread
        self._counters = counters
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._arrivals, self._refusals, self._taking = Pace(100, 100), Pace(20, 1_000), Pace(20, 3_000)

    def take(self, raw: bytes) -> None:
        """A message on the command topic."""
        if len(self._queue) >= QUEUE_MAX or not self._arrivals.allow(self._clock.read().monotonic_ms):
            self._counters["city_commands_dropped"] += 1
            return
        self._queue.append(raw)
        self._wake.set()

    def note_connected(self) -> None:
        """The city's broker is there: answers that it lacks go out."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            try:
                while self._queue:
                    await self._take_one(self._queue.popleft())
                await self._look()
                await self._send_answers()
            except Unavailable as error:
                self._counters["city_commands_delayed"] += 1
                log.warning("commands from the city: %s", error)
            await self._wait()

    async def _wait(self) -> None:
        sleep = asyncio.ensure_future(self._clock.sleep_ms(LOOK_EACH_MS))
        woken = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((sleep, woken), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            woken.cancel()

    # ------------------------------------------------------------------------------------------- one command

    async def _take_one(self, raw: bytes) -> None:
        try:
            signed, command = parse_command(raw)
        except PeerError as error:
            self._counters[f"city_commands_refused_{error.name}"] += 1
            return
        digest = hashlib.sha256(raw).digest()
        waiting: dict[str, Any] = {
            "digest": digest.hex(),
            "number": command.number,
            "operator": signed.key_id.hex(),
            "code": command.code,
            "request": f"city-{signed.key_id.hex()}-{command.number:016d}",
        }
        try:
            operator = await self._in_thread(partial(self._find_operator, signed.key_id))
            highest = self._log.highest(signed.key_id)
            standing = Standing(self._gateway_id, self._clock.read(), highest, len(self._log.waiting))
            check_city_command(signed, command, operator, standing, self._taking)
            content = node_request(command) if command.code < GATEWAY_CODE_MIN else None
            argument = gateway_argument(command) if content is None else None
        except PeerError as error:
            await self._refuse(waiting, error)
            return
        try:
            # Durable before it is executed: whatever happens from here on, it is not executed again.
            await self._in_thread(partial(self._log.take, signed.key_id, command.number, waiting))
        except Unavailable as error:
            await self._refuse(waiting, PeerError("CommandBusy", str(error)))
            return
        self._counters["city_commands_taken"] += 1
        log.info("operator %s commands: %s", operator.name if operator else "", CITY_WORDS[command.code])
        await self._execute(command, waiting, content, argument)

    async def _execute(
        self, command: CityCommand, waiting: dict[str, Any], content: dict[str, object] | None, argument: int | None
    ) -> None:
        try:
            if content is not None:
                await self._in_thread(partial(self._requests.ask, waiting["request"], content))
                await self._tell(self._answer(waiting, AnswerState.TAKEN, "", None))
                return
            result = await self._actions[command.code](argument)
        except (Unavailable, ConfigError, PeerError) as error:
            await self._finish(waiting, AnswerState.FAILED, f"CommandFailed: {error}", None)
        else:
            await self._finish(waiting, AnswerState.DONE, "", result)

    async def _refuse(self, waiting: dict[str, Any], error: PeerError) -> None:
        self._counters[f"city_commands_refused_{error.name}"] += 1
        if not self._refusals.allow(self._clock.read().monotonic_ms):
            self._counters["city_answers_dropped"] += 1
            return
        log.warning("a command from the city is refused: %s", error)
        await self._tell(self._answer(waiting, AnswerState.REFUSED, str(error), None))

    async def _look(self) -> None:
        """What the nodes, or the gateway's own desk, have said to commands that wait."""
        for waiting in list(self._log.waiting):
            found = await self._in_thread(partial(self._requests.find, waiting["request"]))
            if found is None:
                # Taken, and then the power went before it was asked: never again, and not silently.
                await self._finish(waiting, AnswerState.FAILED, "CommandInterrupted", None)
                continue
            state = _ENDS.get(str(found.get("state")))
            if state is not None:
                reason = f"CommandRefused: {found.get('reason')}" if state is AnswerState.REFUSED else ""
                result = found.get("result")
                await self._finish(waiting, state, reason, result if type(result) is int else None)

    # ------------------------------------------------------------------------------------------- answers

    def _answer(self, waiting: dict[str, Any], state: AnswerState, reason: str, result: Result) -> bytes:
        operator = bytes.fromhex(waiting["operator"])
        highest = self._log.highest(operator)
        return self._sign(
            Answer(
                self._gateway_id,
                self._clock.read(),
                waiting["number"],
                highest,
                state,
                reason.encode()[:TEXT_BYTES_MAX].decode(errors="ignore"),
                result,
                bytes.fromhex(waiting["digest"]),
                operator,
            )
        )

    async def _finish(self, waiting: dict[str, Any], state: AnswerState, reason: str, result: Result) -> None:
        self._counters[f"city_commands_{state.word}"] += 1
        answer = self._answer(waiting, state, reason, result)
        await self._in_thread(partial(self._log.finish, waiting, answer))
        await self._send_answers()

    async def _send_answers(self) -> None:
        for answer in list(self._log.answers):
            if not await self._tell(answer):
                return  # it is kept, and goes out with the next connection
            await self._in_thread(partial(self._log.confirm, answer))

    async def _tell(self, answer: bytes) -> bool:
        try:
            await self._publish(answer)
        except Unavailable:
            return False
        return True

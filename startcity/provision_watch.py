# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Waiting for a node, for its gateway's journal or for the city, and telling who waits. `startcity provision`'s only loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from device_profiles import Profile
from gateway_agent.config import Config
from gateway_agent.model import NodeId
from gateway_agent.operate.label_end import LABEL_GENERATION
from gateway_agent.registry import open_registry
from startcity.journal_tail import JournalTail, Stored
from startcity.provision_cable import Cable
from startcity.provision_gateway import GatewaySide
from startcity.provision_voice import Voice, Waits, waiting_words
from tools.advice import NamedAdvice
from tools.provision.checks import longest_wait_s, silence_s
from tools.provision.steps import Progress

T = TypeVar("T")
_LOOK_EACH_S = 0.3
_NUDGE_S, _NUDGE_AGAIN_S = 10.0, 60.0
_ASKS_MAX = 6
_SAY_AFTER_S = 3.0


class Watch:
    """One node as its gateway has it. A node on a cable that does not come by a command is started once more."""

    def __init__(
        self, gateway: Config, profile: Profile, progress: Progress, voice: Voice, limit_s: float | None
    ) -> None:
        """`limit_s`: how long a step may wait; None: longer than a node of the profile may be silent.

        Raises: ConfigError: the collector's key is missing.
        """
        self._gateway, self._profile, self._progress, self._voice = gateway, profile, progress, voice
        self.limit_s = longest_wait_s(profile) if limit_s is None else limit_s
        self.node_id = NodeId(bytes.fromhex(progress.node))
        self.side = GatewaySide(gateway)
        self._journal: JournalTail | None = None  # since the node was registered
        self._cable: Cable | None = None  # once the node runs
        self._is_looked_at = False  # whether the board on the cable is known to be the node

    def hold(self, cable: Cable, *, is_looked_at: bool) -> None:
        """The node runs, and may be started again, if it is on the cable."""
        self._cable, self._is_looked_at = cable, is_looked_at

    def begin_anew(self) -> None:
        """Only what the gateway seals from now on counts."""
        self._progress.since, self._journal = self.side.heads(), None

    def heard_generation(self) -> int:
        """The newest key generation under which the node was heard; 0 where it has not moved."""
        return self.side.heard_generation(self.node_id)

    def ask(self, content: dict[str, Any]) -> str:
        """Put a command for it on the gateway's list; returns the request's name. Raises: Unavailable."""
        return self.side.ask(self._progress.node, content)

    def roots(self) -> dict[int, bytes]:
        with open_registry(self._gateway) as registry:
            return {n.generation: n.root for n in registry.nodes() if n.node_id == self.node_id}

    def is_safe(self) -> bool:
        """Whether it said that it runs without its application when it last began, as far as the gateway has sealed it."""
        return bool(next((s.seen.value for s in reversed(self.readings()) if s.seen.name == "safe"), False))

    def readings(self) -> list[Stored]:
        return self.tail().readings()

    def tail(self) -> JournalTail:
        if self._journal is None:
            self._journal = self.side.tail(self.node_id, self._progress.since)
        return self._journal

    def obeyed(self, content: dict[str, Any], request: str = "") -> dict[str, Any] | None:
        """What became of a command; None where the time runs out. It is asked for again where it expired, or another took its place."""
        requests = [request or self.ask(content)]

        def look() -> dict[str, Any] | None:
            answer = self.side.answer(requests[-1])
            if answer is None or answer["state"] not in ("expired", "replaced") or len(requests) >= _ASKS_MAX:
                return answer
            requests.append(self.ask(content))
            return None

        return self.until(look, Waits.NODE, requests=requests)

    def until(
        self, look: Callable[[], T | None], waits: Waits, limit_s: float | None = None, requests: Sequence[str] = ()
    ) -> T | None:
        """What `look` finds; None where the time runs out.

        With a `limit_s` of its own that counts from when the node has obeyed the last of the `requests`, within the time of a step.
        A node on a cable that has not come by it is started once more, each minute: only then does it obey.

        Raises: Unavailable: the gateway does not run at the end.
        """
        begun_s = self.side.monotonic_s()
        own_s = self.limit_s if limit_s is None else limit_s
        end_s = begun_s + own_s
        nudge_s = begun_s + _NUDGE_S
        told: Waits | None = None
        while True:
            found = look()
            if found is not None:
                return found
            now_s = self.side.monotonic_s()
            is_silent = bool(requests) and self.side.answer(requests[-1]) is None
            if limit_s is not None and is_silent:
                end_s = max(end_s, min(now_s + own_s, begun_s + self.limit_s))
            if now_s >= end_s:
                self.side.status()
                return None
            present = waits if self.side.is_running() else Waits.GATEWAY
            if present is not told and now_s - begun_s >= _SAY_AFTER_S:
                self._tell_waiting(present, end_s - now_s)
                told = present
            if self._cable is not None and is_silent and now_s >= nudge_s:
                self._nudge(self._cable)
                nudge_s = self.side.monotonic_s() + _NUDGE_AGAIN_S
            time.sleep(_LOOK_EACH_S)

    def _tell_waiting(self, waits: Waits, left_s: float) -> None:
        until_ms = time.time_ns() // 1_000_000 + int(left_s * 1_000)
        node, silent_s, sleeps = self._progress.node, silence_s(self._profile), self._profile.power.sleeps
        self._voice.event("waiting", waits_for=waits.value, until_ms=until_ms, node=node)
        self._voice.words(waiting_words(waits, node, left_s, silent_s, sleeps=sleeps))

    def _nudge(self, cable: Cable) -> None:
        """A cable may have been taken to another board since: that one is only started again, and left alone from then on."""
        if not self._is_looked_at:
            try:
                self._is_looked_at = cable.look([LABEL_GENERATION]).node == self._progress.node
            except NamedAdvice:
                self._is_looked_at = False
            if not self._is_looked_at:
                self._cable = None
        cable.restart()

    def until_sampled(self, look: Callable[[], T | None], waits: Waits, limit_s: float | None = None) -> T | None:
        """As `until`, with a `sample` asked for, and again where it met a node that had only just begun."""
        requests = [self.ask({"command": "sample"})]

        def look_again() -> T | None:
            found = look()
            answer = self.side.answer(requests[-1]) if found is None and len(requests) < _ASKS_MAX else None
            if answer is not None and answer["state"] in ("failed", "expired", "replaced"):
                requests.append(self.ask({"command": "sample"}))
            return found

        return self.until(look_again, waits, limit_s, requests)

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The steps of `startcity provision`, one node's way from its registration to the city's receipt. Which steps: tools/provision/steps.py."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import rich_click as click

from device_profiles import Profile
from device_profiles.profile import Commissioning
from gateway_agent.config import Config
from gateway_agent.errors import ConfigError
from gateway_agent.operate.label_end import LABEL_GENERATION, ask_end
from gateway_agent.registry import NodeRecord, open_registry
from startcity.journal_tail import Stored
from startcity.node_command import command_words
from startcity.node_import import register
from startcity.provision_cable import Cable, Network, safe_mode
from startcity.provision_gateway import Proof
from startcity.provision_sources import Sources
from startcity.provision_voice import Voice, Waits, step_words
from startcity.provision_watch import Watch
from startcity.silent_node import advice, is_in_safe_mode
from startcity.words import language, say
from tools.advice import NamedAdvice
from tools.provision.board_program import BoardReport
from tools.provision.checks import is_measured, last_before, passing, wait_s
from tools.provision.state_file import write_progress
from tools.provision.steps import Progress, Step, generation_to_move_to

NOT_FOUND, NOT_CONFIGURED, NOT_MOVED, CHECK_FAILED, NOT_VERIFIED = 11, 12, 13, 14, 15
_SETTLE_S = 5.0
_ITS_SETTINGS = (2, 4)  # a bad argument; it did not hold with them


class Run:
    """One node's way. `progress` is on the disk after each step."""

    def __init__(
        self,
        gateway: Config,
        profile: Profile,
        progress: Progress,
        voice: Voice,
        limit_s: float | None,
        without_collector: bool,
        yes: bool,
        skipped: tuple[str, ...],
    ) -> None:
        self._gateway, self._profile, self._progress, self._voice = gateway, profile, progress, voice
        self._yes, self._skipped = yes, skipped
        self._watch = Watch(gateway, profile, progress, voice, limit_s)
        self._proof: Proof | None = None
        self._identify = self._move_request = ""  # requests that were made before the node's start
        self._without_collector = without_collector
        if not self._watch.side.has_collector and not without_collector:
            raise ConfigError(
                say(
                    "This gateway has no collector that could verify a reading: say --without-collector to end without."
                )
            )

    def need_somebody(self) -> None:
        """Raises: ConfigError: checks are to be done, and nobody can be asked when they may begin."""
        is_to_check = bool(self._profile.commissioning) and Step.CHECK not in self._progress.done
        if is_to_check and not self._yes and not sys.stdin.isatty():
            raise ConfigError(say("Nobody is there to be asked: say --yes, and the checks begin at once."))

    def show_plan(self) -> None:
        """The steps, and which are done."""
        for step in self._progress.steps:
            is_done = step in self._progress.done
            self._voice.event("plan", step=step.value, done=is_done, node=self._progress.node)
            self._voice.words(f"{'x' if is_done else '-'} {step_words(step)}")
        for check in self._profile.commissioning:
            self._voice.event("plan_check", check=check.id, done=check.id in self._progress.checks)
            self._voice.words(f"    {check.id}: {check.texts[language()]}")

    def heard_generation(self) -> int:
        """The newest key generation under which the gateway has heard the node."""
        return self._watch.heard_generation()

    def hold(self, cable: Cable) -> None:
        """Of a node that was started before: it may be started again, if it is on the cable."""
        self._watch.hold(cable, is_looked_at=False)

    def wire(self, cable: Cable, network: Network, sources: Sources, board: BoardReport) -> None:
        """The steps over the cable, after the board has said that it is the one."""
        if self._progress.next_step is None:
            is_moved = board.generation >= max(self._watch.roots(), default=LABEL_GENERATION)
            if cable.write(self._changes(network)) != "written" and is_moved and not self._watch.is_safe():
                return  # it is in service, and is started again when the cable is let go
            self._progress.done, self._progress.checks, self._progress.proof = {}, {}, None
        if Step.READ not in self._progress.done:
            self._progress.port = cable.port
            self._begin(Step.READ)
            self._end(Step.READ)
        if Step.WRITE not in self._progress.done or not network.is_empty:  # it may have been wrong the first time
            self._begin(Step.WRITE)
            cable.write(self._changes(network))
            self._end(Step.WRITE)
        if Step.REGISTER not in self._progress.done:
            self.register(sources)
        self._begin(Step.START)
        # The gateway keeps one request a node. On a cable nobody has to look for the light.
        target = self._target()
        if target is not None:
            self._move_request = self._ask_move(target)
        else:
            self._identify = self._watch.ask({"command": "identify"})
        cable.start(self._progress.node)
        self._watch.hold(cable, is_looked_at=True)
        self._end(Step.START)

    def _changes(self, network: Network) -> dict[str, Any]:
        changes = network.changes(self._profile)
        if self._progress.settings:
            made = self._profile.firmware_config(self._progress.settings)["settings"]
            assert isinstance(made, dict)
            changes["settings"] = {name: made[name] for name in self._progress.settings}
        return changes

    def register(self, sources: Sources) -> None:
        """The only step over Wi-Fi that needs the label or the file."""
        self._watch.side.status()  # a gateway that does not run hears nothing
        self._begin(Step.REGISTER)
        self._watch.begin_anew()
        records = sources.from_file(self._watch.node_id)
        known = sources.known(self._watch.node_id)
        label = sources.label
        newest = max((n.generation for n in (*known, *records)), default=0)
        # A label counts only until the node has moved on: it must not bring the old root back.
        if label is not None and (not known or self._watch.heard_generation() == 0 or newest == 0):
            records.append(NodeRecord(bytes(label.node_id), label.profile, 0, label.root))
        if not records and not known:
            raise ConfigError(say("The file has no root of node {node}.", node=self._progress.node))
        register(self._gateway, records, replace=False)
        with open_registry(self._gateway) as registry:
            mine = [n for n in registry.nodes() if n.node_id == self._watch.node_id]
            texts = (self._progress.name, self._progress.place)
            registry.add_nodes(
                NodeRecord(n.node_id, self._progress.profile, n.generation, n.root, *texts) for n in mine
            )
        self._end(Step.REGISTER)

    def rest(self) -> None:
        """Every step that is not done, in order. Raises: NamedAdvice: a step did not come to its end, or the node is in safe mode."""
        self._watch.side.status()
        steps: dict[Step, Callable[[], bool]] = {
            Step.FIND: self._find,
            Step.CONFIGURE: self._configure,
            Step.MOVE: self._move,
            Step.CHECK: self._check,
            Step.VERIFY: self._verify,
            Step.RETIRE: self._retire,
        }
        is_old = self._progress.next_step is None
        for step, take in steps.items():
            if step in self._progress.done:
                continue
            self._begin(step)
            if take():
                self._end(step)
        # What it said when it last began may not be sealed yet.
        if self._watch.until(lambda: not self._watch.is_safe() or None, Waits.SEAL, _SETTLE_S) is None:
            raise safe_mode(self._progress.node)
        self._voice.event("end", node=self._progress.node, exit_code=0, proof=self._progress.proof, already=is_old)
        if is_old:
            self._voice.words(say("Nothing is left to be done; --again takes every step once more."))
        self._voice.words(say("Node {node} is in service.", node=self._progress.node))

    # The steps. Each returns whether it is done; what must be done for an end raises instead.

    def _find(self) -> bool:
        if not self._identify and not self._move_request:
            self._voice.words(say("Switch the node on; when it is found, its light blinks."))
            self._identify = self._watch.ask({"command": "identify"})
        answer = self._watch.obeyed({"command": "identify"}, self._identify) if self._identify else None
        is_found = not self._identify or (answer is not None and answer["state"] in ("done", "failed"))
        if not is_found or self._watch.until(lambda: self._watch.readings() or None, Waits.SEAL) is None:
            heard = self._watch.heard_generation()
            if heard:
                template = (
                    "{name}: node {node} was not heard now, but was before, under key generation {heard}: is it on, and in reach of the "
                    "Wi-Fi network? If it was erased or flashed anew since, the gateway refuses what it says: on a cable, with "
                    "--port PORT, this command finds that out and says what to do."
                )
            else:
                template = (
                    "{name}: node {node} was not heard: is it on, in reach of the Wi-Fi network, and is the label its own? If it was "
                    "erased or flashed anew since, only its newest label fits. On a cable, with --port PORT, this command asks it."
                )
            raise self._failed("NodeNotFound", NOT_FOUND, template, heard=heard)
        return True

    def _configure(self) -> bool:
        if not self._progress.settings or self._progress.is_wired:  # the cable has brought them
            return True
        answer = self._watch.obeyed({"command": "configure", "settings": self._progress.settings})
        if answer is None or answer["state"] in ("expired", "replaced"):
            template = (
                "{name}: node {node} has not said within {seconds} s whether it holds with the new settings. {todo}"
            )
            todo = advice("configure", self._profile, is_safe=False)
            raise self._failed("NotConfigured", NOT_CONFIGURED, template, todo=todo)
        if answer["state"] != "done":
            template = "{name}: {said} Correct --set, and call this again without --resume."
            if answer.get("result") not in _ITS_SETTINGS and answer["state"] != "refused":
                template = "{name}: {said} Call this again with --resume."
            said = command_words(answer).rstrip(".") + "."  # a gateway's reason may have none
            raise self._failed("NotConfigured", NOT_CONFIGURED, template, said=said)
        return True

    def _move(self) -> bool:
        target = self._target()
        if target is not None:
            if not self._progress.is_wired:
                self._note_old_epochs({stored.seen.epoch for stored in self._watch.readings()})
            answer = self._watch.obeyed({"command": "generation", "generation": target}, self._move_request)
            is_moved = answer is not None and answer["state"] == "done"
            if is_moved:
                heard = self._watch.until(lambda: self._watch.heard_generation() >= target or None, Waits.SEAL)
                is_moved = heard is not None
            if not is_moved:
                template = (
                    "{name}: node {node} did not move to key generation {generation}; it goes on under the old one. Call this again with "
                    "--resume."
                )
                raise self._failed("NotMoved", NOT_MOVED, template, generation=target)
        if self._progress.is_wired:
            # It was asked before its start, so only now it is known which epochs were before: its last answer is of the present one.
            seal = Waits.SEAL
            readings = (
                self._watch.until(lambda: [s for s in self._watch.readings() if s.seen.name == "cmd"] or None, seal)
                or []
            )
            epochs = {stored.seen.epoch for stored in self._watch.readings()}
            self._note_old_epochs(epochs - {stored.seen.epoch for stored in readings[-1:]})
        return True

    def _target(self) -> int | None:
        return generation_to_move_to(self._watch.roots(), self._watch.heard_generation())

    def _ask_move(self, target: int) -> str:
        return self._watch.ask({"command": "generation", "generation": target})

    def _note_old_epochs(self, epochs: set[bytes]) -> None:
        self._progress.old_epochs = sorted(epoch.hex() for epoch in epochs)
        write_progress(self._gateway.data, self._progress)

    def _check(self) -> bool:
        for check in self._profile.commissioning:
            if check.id in self._progress.checks:
                continue
            if check.id in self._skipped:
                self._note_check(check, "skipped")
                continue
            self._run_check(check)
        return True

    def _run_check(self, check: Commissioning) -> None:
        self._voice.event("check", check=check.id, state="begun", text=check.texts[language()], within_s=check.within_s)
        self._voice.words(f"{check.id}: {check.texts[language()]}")
        before = last_before((stored.seen for stored in self._watch.readings()), check.measurement)
        if not self._yes:
            click.pause(say("Press a key when you begin."), err=True)
        mark, asked_at_ms = self._watch.tail().mark(), self._watch.side.wall_ms()

        def look() -> Stored | None:
            readings = self._watch.tail().readings_behind(mark)
            found = passing(check, (stored.seen for stored in readings), before, asked_at_ms)
            return next((stored for stored in readings if stored.seen is found), None)

        if self._watch.until_sampled(look, Waits.CHECK, wait_s(check, self._profile)) is None:
            self._voice.event("check", check=check.id, state="failed")
            template = "{name}: check {check} did not pass within {seconds} s: {text} Put it right and call it again with --resume."
            raise NamedAdvice(
                "CheckFailed", CHECK_FAILED, template, name="CheckFailed", check=check.id, seconds=check.within_s,
                text=check.texts[language()],
            )  # fmt: skip
        self._note_check(check, "passed")

    def _verify(self) -> bool:
        old = set(self._progress.old_epochs)

        def measured() -> list[Stored]:
            readings = (s for s in self._watch.readings() if s.seen.epoch.hex() not in old)
            return [stored for stored in readings if is_measured(self._profile, stored.seen)]

        def look() -> Stored | None:
            found = measured()
            if self._without_collector or not found:
                return found[0] if found else None
            receipts = self._watch.side.receipts()
            for stored in found:
                self._proof = self._watch.side.proof(stored, receipts)
                if self._proof is not None:
                    return stored
            return None

        # A node whose values do not change has nothing to say under its new key for hours.
        if not measured() and self._watch.until_sampled(lambda: measured() or None, Waits.NODE) is None:
            template = (
                "{name}: no measured value of node {node} came within {seconds} s: its reading `fault` says if a sensor does not "
                "answer. Look at the sensor's wires, then call this again with --resume."
            )
            raise self._failed("NotVerified", NOT_VERIFIED, template)
        found = self._watch.until(look, Waits.RECEIPT)
        if found is None:
            template = (
                "{name}: the collector has not receipted a measured value of node {node} within {seconds} s: does it run, and does it know "
                "this gateway's key? Then call this again with --resume."
            )
            raise self._failed("NotVerified", NOT_VERIFIED, template)
        seen = found.seen
        self._progress.proof = None if self._proof is None else self._proof._asdict()
        self._voice.event(
            "verified", measurement=seen.name, epoch=seen.epoch.hex(), sequence=seen.sequence, lane=found.lane.word,
            number=found.number, proof=self._progress.proof,
        )  # fmt: skip
        self._voice.words(
            say("First reading: {measurement}, in batch {number} of lane {lane}.",
                measurement=seen.name, number=found.number, lane=found.lane.word)
        )  # fmt: skip
        return True

    def _retire(self) -> bool:
        """The gateway ends the label by itself, at once or later: nothing of the node may be waiting under its root."""
        if self._watch.heard_generation() == 0:
            self._voice.event("label", state="in use")
            self._voice.words(say("The label still works: the gateway has no newer root of this node. Keep it secret."))
            return True
        if LABEL_GENERATION in self._watch.roots():
            ask_end(self._gateway.data, self._progress.node)
        if (
            self._watch.until(lambda: LABEL_GENERATION not in self._watch.roots() or None, Waits.LABEL, _SETTLE_S)
            is None
        ):
            self._voice.event("label", state="later")
            self._voice.words(
                say("The label ends as soon as the gateway has all that the node had queued before it moved.")
            )
            return True
        self._voice.event("label", state="retired")
        self._voice.words(say("The label has no use any more: destroy it."))
        return True

    def _failed(self, name: str, exit_code: int, template: str, **values: object) -> NamedAdvice:
        """What ends a step; of a node in safe mode that is said, because it is the cause. What it said before it was found may be old."""
        node, is_found = self._progress.node, Step.FIND in self._progress.done
        if self._watch.is_safe() or (is_found and is_in_safe_mode(self._gateway.data, self._watch.node_id)):
            return safe_mode(node)
        return NamedAdvice(
            name, exit_code, template, name=name, node=node, seconds=f"{self._watch.limit_s:g}", **values
        )

    def _note_check(self, check: Commissioning, state: str) -> None:
        self._progress.checks[check.id] = state
        write_progress(self._gateway.data, self._progress)
        self._voice.event("check", check=check.id, state=state)
        self._voice.words(f"{check.id}: {say('passed') if state == 'passed' else say('left out')}")

    def _begin(self, step: Step) -> None:
        self._voice.event("step", step=step.value, state="begun", node=self._progress.node)
        self._voice.words(step_words(step))

    def _end(self, step: Step) -> None:
        self._progress.done[step.value] = time.time_ns() // 1_000_000
        write_progress(self._gateway.data, self._progress)
        self._voice.event("step", step=step.value, state="done", node=self._progress.node)

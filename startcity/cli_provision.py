# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity provision`: from a label to a first verified reading, at the gateway that the node speaks to."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click
from click.exceptions import Exit

from device_profiles import Profile, load_profiles
from device_profiles.errors import ProfileError, SettingError
from device_profiles.profile import Commissioning
from gateway_agent.config import Config, load_config
from gateway_agent.errors import ConfigError, Unavailable, WireError
from gateway_agent.model import NodeId
from gateway_agent.operate.label_end import LABEL_GENERATION, ask_end
from gateway_agent.registry import NodeRecord, open_registry
from gateway_agent.wire.label import Label, parse_label
from startcity.gateway_option import gateway_config_option
from startcity.node_command import parse_setting
from startcity.node_import import read_file, register, trust_vault
from startcity.provision_gateway import GatewaySide, Proof, Stored
from startcity.translated import TranslatedCommand, lang_option
from startcity.words import language, say
from tools.advice import NamedAdvice
from tools.node_id import parse_node_id
from tools.provision.checks import is_measured, last_before, passing, wait_s
from tools.provision.state_file import read_progress, unfinished, write_progress
from tools.provision.steps import Progress, Step, generation_to_move_to
from tools.secret_files import read_secret

NEEDS_A_PERSON, UNAVAILABLE = 2, 3
BAD_LABEL, NOT_FOUND, NOT_CONFIGURED, NOT_MOVED, CHECK_FAILED, NOT_VERIFIED = 10, 11, 12, 13, 14, 15
T = TypeVar("T")
_LOOK_EACH_S = 0.3
_SETTLE_S = 5.0
_FILE = click.Path(path_type=Path, dir_okay=False)
_LABEL_BYTES_MAX = 1024


@click.command("provision", cls=TranslatedCommand)
@click.argument("node", metavar="[ID]", required=False)
@gateway_config_option()
@click.option(
    "--label-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="File (mode 0600) with the text of the node's label; - reads it from standard input, as a scanner types it.",
)
@click.option("--file", type=_FILE, help="A commissioning file of the vault for this gateway.")
@click.option("--vault-key", type=_FILE, help="The vault's vault.pub: the first time, unless `gateway init` got it.")
@click.option("--name", help="What people call the node.")
@click.option("--place", help="Where it is.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the profile; may be repeated."
)
@click.option("--skip-check", "skipped", multiple=True, metavar="CHECK", help="A check to leave out; may be repeated.")
@click.option("--wait", "limit_s", type=click.FloatRange(1), default=600, show_default=True, metavar="SECONDS",
              help="How long each step may wait for the node or the city.")  # fmt: skip
@click.option(
    "--without-collector", is_flag=True, help="There is no collector: end when the reading is on the gateway's disk."
)
@click.option("--resume", is_flag=True, help="Go on where it stopped; without ID with the only one that was begun.")
@click.option("--yes", is_flag=True, help="Ask nothing: begin each check at once.")
@click.option("--dry-run", is_flag=True, help="Only show the steps and what is done already.")
@click.option("--json", "as_json", is_flag=True, help='Print events, one JSON object a line, each with "v":1.')
@lang_option
def provision(
    node: str | None,
    config: Path,
    label_file: Path | None,
    file: Path | None,
    vault_key: Path | None,
    name: str | None,
    place: str | None,
    settings: tuple[str, ...],
    skipped: tuple[str, ...],
    limit_s: float,
    without_collector: bool,
    resume: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put a node into service: from its label to a first reading that the city has verified.

    At the gateway: registers the node, finds it (its light blinks), sets it up, moves it to the gateway's key generation, runs
    the profile's checks, and ends with 0 only when the collector has receipted a measured value. The label is a secret: it is
    scanned at the prompt, or read from a file, never from the command line. A step that is done is found done: after a stop
    call it again with --resume.

    Exit codes: 0 done; 2 a person has to change something, or an answer is missing; 3 the gateway does not run or the disk
    refuses; 10 the label cannot be read; 11 the node was not found; 12 it did not take the settings; 13 it did not move; 14 a
    check failed; 15 no receipt came; 20, 21, 22 as `startcity node import`.

    \b
    Examples:
      startcity provision --config gateway.toml --file piacenza-01.cose
      startcity provision --label-file - --name "Stall 1" --place "Piazza Cavalli" --yes --json < label.txt
      startcity provision --resume
    """
    voice = _Voice(as_json)
    try:
        gateway = load_config(config)
        profiles = load_profiles(gateway.beside(gateway.profiles.folder) if gateway.profiles.folder else None)
        chosen = dict(parse_setting(text) for text in settings)
        if resume:
            progress = _resumed(gateway, node)
            label = None
        else:
            if not dry_run:
                trust_vault(gateway, vault_key, yes)
            label = _label(label_file, ask=file is None and node is None)
            progress = _begun(gateway, node, label, file, name, place, chosen, profiles, without_asking=yes)
        profile = profiles[progress.profile]
        profile.firmware_config(progress.settings)  # refuses here what the node would refuse
        _check_skipped(profile, skipped)
        run = _Run(gateway, profile, progress, voice, limit_s, without_collector, yes, skipped)
        if dry_run:
            run.show_plan()
            return
        if progress.next_step is Step.REGISTER:
            run.register(label, file)
        run.rest()
    except (ConfigError, ProfileError, SettingError, Unavailable) as error:
        if not as_json:
            raise
        exit_code = UNAVAILABLE if isinstance(error, Unavailable) else int(getattr(error, "exit_code", NEEDS_A_PERSON))
        name_of_it = getattr(error, "name", type(error).__name__)
        voice.event("error", error=name_of_it, message=str(error), exit_code=exit_code)
        raise Exit(exit_code) from error


class _Voice:
    """Says what happens: words for people, or events."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def event(self, event: str, **values: object) -> None:
        """For programs only."""
        if self.as_json:
            click.echo(json.dumps({"v": 1, "event": event, **values}, ensure_ascii=False))

    def words(self, text: str) -> None:
        """For people only."""
        if not self.as_json:
            click.echo(text)


class _Run:
    """One node's way. `progress` is on the disk after each step."""

    def __init__(
        self,
        gateway: Config,
        profile: Profile,
        progress: Progress,
        voice: _Voice,
        limit_s: float,
        without_collector: bool,
        yes: bool,
        skipped: tuple[str, ...],
    ) -> None:
        self._gateway, self._profile, self._progress, self._voice = gateway, profile, progress, voice
        self._limit_s, self._yes, self._skipped = limit_s, yes, skipped
        self._node_id = NodeId(bytes.fromhex(progress.node))
        self._side = GatewaySide(gateway)
        self._proof: Proof | None = None
        self._without_collector = without_collector
        if not self._side.has_collector and not without_collector:
            raise ConfigError(
                say(
                    "This gateway has no collector that could verify a reading: say --without-collector to end without."
                )
            )
        if not yes and not sys.stdin.isatty() and profile.commissioning and Step.CHECK not in progress.done:
            raise ConfigError(say("Nobody is there to be asked: say --yes, and the checks begin at once."))

    def show_plan(self) -> None:
        """The steps, and which are done."""
        for step in Step:
            is_done = step in self._progress.done
            self._voice.event("plan", step=step.value, done=is_done, node=self._progress.node)
            self._voice.words(f"{'x' if is_done else '-'} {_step_words(step)}")
        for check in self._profile.commissioning:
            self._voice.event("plan_check", check=check.id, done=check.id in self._progress.checks)
            self._voice.words(f"    {check.id}: {check.texts[language()]}")

    def register(self, label: Label | None, file: Path | None) -> None:
        """The first step; the only one that needs the label."""
        self._side.status()  # a gateway that does not run hears nothing
        self._begin(Step.REGISTER)
        self._progress.since = self._side.heads()
        records = [] if file is None else [
            n for n in read_file(self._gateway, file).nodes if n.node_id == self._node_id
        ]  # fmt: skip
        with open_registry(self._gateway) as registry:
            known = [n for n in registry.nodes() if n.node_id == self._node_id]
        newest = max((n.generation for n in (*known, *records)), default=0)
        # A label counts only until the node has moved on: it must not bring the old root back.
        if label is not None and (not known or self._side.heard_generation(self._node_id) == 0 or newest == 0):
            records.append(NodeRecord(bytes(label.node_id), label.profile, 0, label.root))
        if not records and not known:
            raise ConfigError(say("The file has no root of node {node}.", node=self._progress.node))
        register(self._gateway, records, replace=False)
        with open_registry(self._gateway) as registry:
            mine = [n for n in registry.nodes() if n.node_id == self._node_id]
            texts = (self._progress.name, self._progress.place)
            registry.add_nodes(
                NodeRecord(n.node_id, self._progress.profile, n.generation, n.root, *texts) for n in mine
            )
        self._end(Step.REGISTER)

    def rest(self) -> None:
        """Every step that is not done, in order. Raises: NamedAdvice: a step did not come to its end."""
        self._side.status()
        steps: dict[Step, Callable[[], bool]] = {
            Step.FIND: self._find,
            Step.CONFIGURE: self._configure,
            Step.MOVE: self._move,
            Step.CHECK: self._check,
            Step.VERIFY: self._verify,
            Step.RETIRE: self._retire,
        }
        for step, take in steps.items():
            if step in self._progress.done:
                continue
            self._begin(step)
            if take():
                self._end(step)
        proof = None if self._proof is None else self._proof._asdict()
        self._voice.event("end", node=self._progress.node, exit_code=0, proof=proof)
        self._voice.words(say("Node {node} is in service.", node=self._progress.node))

    # The steps. Each returns whether it is done; what must be done for an end raises instead.

    def _find(self) -> bool:
        self._voice.words(say("Switch the node on; when it is found, its light blinks."))
        answer = self._command({"command": "identify"})
        template = (
            "{name}: node {node} was not heard: is it on, in reach of the Wi-Fi network, and is the label its own?"
        )
        if answer is None:
            raise NamedAdvice("NodeNotFound", NOT_FOUND, template, name="NodeNotFound", node=self._progress.node)
        if self._until(lambda: self._readings() or None) is None:
            raise NamedAdvice("NodeNotFound", NOT_FOUND, template, name="NodeNotFound", node=self._progress.node)
        return True

    def _configure(self) -> bool:
        if not self._progress.settings:
            return True
        answer = self._command({"command": "configure", "settings": self._progress.settings})
        if answer is None or answer["state"] != "done":
            template = "{name}: node {node} did not take the settings ({reason})."
            reason = "no answer" if answer is None else answer.get("reason") or answer.get("result")
            raise NamedAdvice(
                "NotConfigured", NOT_CONFIGURED, template, name="NotConfigured", node=self._progress.node, reason=reason
            )
        return True

    def _move(self) -> bool:
        target = generation_to_move_to(self._roots(), self._side.heard_generation(self._node_id))
        if target is None:
            return True
        self._progress.old_epochs = sorted({stored.seen.epoch.hex() for stored in self._readings()})
        write_progress(self._gateway.data, self._progress)
        answer = self._command({"command": "generation", "generation": target})
        is_moved = answer is not None and answer["state"] == "done"
        if is_moved:
            heard = self._until(lambda: self._side.heard_generation(self._node_id) >= target or None)
            is_moved = heard is not None
        if not is_moved:
            template = "{name}: node {node} did not move to key generation {generation}; it goes on under the old one."
            raise NamedAdvice(
                "NotMoved", NOT_MOVED, template, name="NotMoved", node=self._progress.node, generation=target
            )
        return True

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
        before = last_before((stored.seen for stored in self._readings()), check.measurement)
        if not self._yes:
            click.pause(say("Press a key when you begin."), err=True)
        heads, asked_at_ms = self._side.heads(), self._side.wall_ms()
        self._side.ask(self._progress.node, {"command": "sample"})

        def look() -> Stored | None:
            readings = self._side.readings(self._node_id, heads)
            found = passing(check, (stored.seen for stored in readings), before, asked_at_ms)
            return next((stored for stored in readings if stored.seen is found), None)

        if self._until(look, wait_s(check, self._profile)) is None:
            self._voice.event("check", check=check.id, state="failed")
            template = "{name}: check {check} did not pass within {seconds} s: {text} Put it right and call it again with --resume."
            raise NamedAdvice(
                "CheckFailed", CHECK_FAILED, template, name="CheckFailed", check=check.id, seconds=check.within_s,
                text=check.texts[language()],
            )  # fmt: skip
        self._note_check(check, "passed")

    def _verify(self) -> bool:
        old = set(self._progress.old_epochs)

        def look() -> Stored | None:
            for stored in self._readings():
                if is_measured(self._profile, stored.seen) and stored.seen.epoch.hex() not in old:
                    self._proof = self._side.proof(stored)
                    if self._proof is not None or self._without_collector:
                        return stored
            return None

        found = self._until(look)
        if found is None:
            template = "{name}: no measured value of node {node} was receipted by the collector within {seconds} s."
            raise NamedAdvice(
                "NotVerified",
                NOT_VERIFIED,
                template,
                name="NotVerified",
                node=self._progress.node,
                seconds=self._limit_s,
            )
        seen = found.seen
        self._voice.event(
            "verified", measurement=seen.name, epoch=seen.epoch.hex(), sequence=seen.sequence, lane=found.lane.word,
            number=found.number, proof=None if self._proof is None else self._proof._asdict(),
        )  # fmt: skip
        self._voice.words(
            say("First reading: {measurement}, in batch {number} of lane {lane}.",
                measurement=seen.name, number=found.number, lane=found.lane.word)
        )  # fmt: skip
        return True

    def _retire(self) -> bool:
        """The gateway ends the label by itself, at once or later: nothing of the node may be waiting under its root."""
        if self._side.heard_generation(self._node_id) == 0:
            self._voice.event("label", state="in use")
            self._voice.words(say("The label still works: the gateway has no newer root of this node. Keep it secret."))
            return True
        if LABEL_GENERATION in self._roots():
            ask_end(self._gateway.data, self._progress.node)
        if self._until(lambda: LABEL_GENERATION not in self._roots() or None, _SETTLE_S) is None:
            self._voice.event("label", state="later")
            self._voice.words(
                say("The label ends as soon as the gateway has all that the node had queued before it moved.")
            )
            return True
        self._voice.event("label", state="retired")
        self._voice.words(say("The label has no use any more: destroy it."))
        return True

    # Common.

    def _roots(self) -> dict[int, bytes]:
        with open_registry(self._gateway) as registry:
            return {n.generation: n.root for n in registry.nodes() if n.node_id == self._node_id}

    def _readings(self) -> list[Stored]:
        return self._side.readings(self._node_id, self._progress.since)

    def _command(self, content: dict[str, Any]) -> dict[str, Any] | None:
        request = self._side.ask(self._progress.node, content)
        return self._until(lambda: self._side.answer(request))

    def _until(self, look: Callable[[], T | None], limit_s: float | None = None) -> T | None:
        end_s = self._side.monotonic_s() + (self._limit_s if limit_s is None else limit_s)
        while True:
            found = look()
            if found is not None or self._side.monotonic_s() >= end_s:
                return found
            time.sleep(_LOOK_EACH_S)

    def _note_check(self, check: Commissioning, state: str) -> None:
        self._progress.checks[check.id] = state
        write_progress(self._gateway.data, self._progress)
        self._voice.event("check", check=check.id, state=state)
        self._voice.words(f"{check.id}: {say('passed') if state == 'passed' else say('left out')}")

    def _begin(self, step: Step) -> None:
        self._voice.event("step", step=step.value, state="begun", node=self._progress.node)
        self._voice.words(_step_words(step))

    def _end(self, step: Step) -> None:
        self._progress.done[step.value] = time.time_ns() // 1_000_000
        write_progress(self._gateway.data, self._progress)
        self._voice.event("step", step=step.value, state="done", node=self._progress.node)


def _label(path: Path | None, *, ask: bool) -> Label | None:
    """Scanned at the prompt (nothing is shown), or read; None where it is not needed. Raises: NamedAdvice: it is no label."""
    if path is not None:
        scanned = sys.stdin.read(_LABEL_BYTES_MAX) if str(path) == "-" else read_secret(path).decode("utf-8", "replace")
    elif not ask:
        return None
    elif sys.stdin.isatty():
        scanned = click.prompt(say("Scan the label"), hide_input=True, err=True)
    else:
        raise ConfigError(say("There is no node yet: give --label-file, or ID with --file."))
    try:
        return parse_label(scanned)
    except WireError as error:
        template = "{name}: the label cannot be read: {reason}."
        raise NamedAdvice(error.name, BAD_LABEL, template, name=error.name, reason=error.detail) from error


def _begun(
    gateway: Config,
    node: str | None,
    label: Label | None,
    file: Path | None,
    name: str | None,
    place: str | None,
    settings: dict[str, Any],
    profiles: Any,
    *,
    without_asking: bool,
) -> Progress:
    node_id = label.node_id if label is not None else parse_node_id(node or "")
    if node is not None and parse_node_id(node) != node_id:
        raise ConfigError(say("The label is of node {node}, not of the one named.", node=node_id.hex()))
    with open_registry(gateway) as registry:
        known = [n for n in registry.nodes() if n.node_id == node_id]
    from_file = [n for n in (read_file(gateway, file).nodes if file is not None else ()) if n.node_id == node_id]
    if label is None and not known and not from_file:
        raise ConfigError(
            say("Neither the file nor the gateway knows node {node}: give its label.", node=node_id.hex())
        )
    sources = [*from_file, *known]
    profile = label.profile if label is not None else sources[-1].profile
    if profile not in profiles:
        names = ", ".join(sorted(profiles))
        raise ConfigError(say("There is no profile {profile}. Known: {known}.", profile=profile, known=names))
    there = next(((n.name, n.place) for n in reversed(sources) if n.name or n.place), ("", ""))
    return Progress(
        node=node_id.hex(),
        profile=profile,
        name=_answer(name, there[0], "--name", say("Name of the node"), without_asking),
        place=_answer(place, there[1], "--place", say("Place of the node"), without_asking),
        settings=settings,
    )


def _answer(given: str | None, known: str, flag: str, question: str, without_asking: bool) -> str:
    if given is not None or known:
        return given if given is not None else known
    if without_asking or not sys.stdin.isatty():
        raise ConfigError(say("An answer is missing: give {flag}.", flag=flag))
    return str(click.prompt(question, err=True))


def _resumed(gateway: Config, node: str | None) -> Progress:
    nodes = [parse_node_id(node).hex()] if node is not None else unfinished(gateway.data)
    if len(nodes) != 1:
        found = ", ".join(nodes) or say("none")
        raise ConfigError(say("Name the node to go on with. Begun and not at their end: {nodes}.", nodes=found))
    progress = read_progress(gateway.data, nodes[0])
    if progress is None or Step.REGISTER not in progress.done:
        raise ConfigError(say("Node {node} was not begun here: call it without --resume.", node=nodes[0]))
    return progress


def _check_skipped(profile: Profile, skipped: tuple[str, ...]) -> None:
    known = [check.id for check in profile.commissioning]
    for check in skipped:
        if check not in known:
            raise ConfigError(say("There is no check {check}. Known: {known}.", check=check, known=", ".join(known)))


def _step_words(step: Step) -> str:
    return dict(_steps())[step]


def _steps() -> Iterator[tuple[Step, str]]:
    yield Step.REGISTER, say("Register the node at the gateway")
    yield Step.FIND, say("Find the node")
    yield Step.CONFIGURE, say("Set it up")
    yield Step.MOVE, say("Move it to the gateway's keys")
    yield Step.CHECK, say("Check what it measures")
    yield Step.VERIFY, say("Wait for the city's receipt of its first reading")
    yield Step.RETIRE, say("End the label")

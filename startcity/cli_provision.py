# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity provision`: from a label to a first verified reading, at the gateway that the node speaks to."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click
from click.exceptions import Exit

from device_profiles import Profile, load_city_profiles
from device_profiles.errors import ProfileError, SettingError
from device_profiles.profile import Commissioning
from gateway_agent.config import Config, load_config
from gateway_agent.errors import ConfigError, Unavailable, WireError
from gateway_agent.model import NodeId
from gateway_agent.operate.label_end import LABEL_GENERATION, ask_end
from gateway_agent.registry import NodeRecord, open_registry
from gateway_agent.wire.label import Label, parse_label
from startcity.defaults_file import defaults_option
from startcity.gateway_option import gateway_config_option
from startcity.journal_tail import JournalTail, Stored
from startcity.node_command import parse_setting
from startcity.node_import import read_file, register, trust_vault
from startcity.provision_cable import Cable, Network, check_board, check_generation, check_options, safe_mode
from startcity.provision_gateway import GatewaySide, Proof
from startcity.provision_voice import Voice, Waits, step_words, waiting_words
from startcity.translated import TranslatedCommand, lang_option
from startcity.words import language, say
from tools.advice import NamedAdvice
from tools.node_id import parse_node_id
from tools.provision.board_program import BoardReport, check_of
from tools.provision.checks import is_measured, last_before, longest_wait_s, passing, silence_s, wait_s
from tools.provision.state_file import alone, read_progress, unfinished, write_progress
from tools.provision.steps import Progress, Step, generation_to_move_to
from tools.secret_files import read_secret

NEEDS_A_PERSON, UNAVAILABLE = 2, 3
BAD_LABEL, NOT_FOUND, NOT_CONFIGURED, NOT_MOVED, CHECK_FAILED, NOT_VERIFIED = 10, 11, 12, 13, 14, 15
INTERRUPTED = 130
T = TypeVar("T")
_LOOK_EACH_S = 0.3
_SETTLE_S = 5.0
_NUDGE_S, _NUDGE_AGAIN_S = 10.0, 60.0
_ASKS_MAX = 6
_SAY_AFTER_S = 3.0
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
@click.option(
    "--port",
    help="The node is on this serial port: a path, rfc2217://HOST:PORT or socket://HOST:PORT. Its id is read from it.",
)
@click.option("--wifi-ssid", help="With --port: the only Wi-Fi network that the node shall join.")
@click.option(
    "--wifi-password-file", type=_FILE, help="File with its password. Else STARTCITY_WIFI_PASSWORD, else asked."
)
@click.option(
    "--open-network", is_flag=True, help="The network has no password, and the node may join it all the same."
)
@click.option("--mqtt-host", help="With --port: the gateway's broker as the node reaches it.")
@click.option("--mqtt-port", type=click.IntRange(1, 65535), help="With --port: that broker's port.")
@click.option("--mqtt-user", help="With --port: that broker's user for nodes.")
@click.option("--mqtt-password-file", type=_FILE, help="File with that user's password. Else STARTCITY_MQTT_PASSWORD.")
@click.option("--name", help="What people call the node.")
@click.option("--place", help="Where it is.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the profile; may be repeated."
)
@click.option("--skip-check", "skipped", multiple=True, metavar="CHECK", help="A check to leave out; may be repeated.")
@click.option(
    "--wait", "limit_s", type=click.FloatRange(1), metavar="SECONDS",
    help="How long each step may wait for the node or the city. Default: longer than a node of the profile may be silent.",
)  # fmt: skip
@click.option(
    "--without-collector", is_flag=True, help="There is no collector: end when the reading is on the gateway's disk."
)
@click.option("--resume", is_flag=True, help="Go on where it stopped; without ID with the only one that was begun.")
@click.option("--again", is_flag=True, help="Take every step once more, although the node is in service.")
@click.option("--yes", is_flag=True, help="Ask nothing: begin each check at once.")
@click.option("--dry-run", is_flag=True, help="Only show the steps and what is done already.")
@defaults_option("provision")
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
    limit_s: float | None,
    without_collector: bool,
    resume: bool,
    again: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    port: str | None,
    **options: Any,
) -> None:
    """Put a node into service: from its label to a first reading that the city has verified.

    With --port the node is on a cable: it is asked who it is, must be the one of the label or the file, gets the Wi-Fi network and the
    gateway's address that are given, is started, and its start is followed. Passwords are never on the command line.

    At the gateway: registers the node, finds it (its light blinks), sets it up, moves it to the gateway's key generation, runs
    the profile's checks, and ends with 0 only when the collector has receipted a measured value. The label is a secret: it is
    scanned at the prompt, or read from a file, never from the command line. A step that is done is found done: after a stop
    call it again with --resume. A node that is in service already is left as it is.

    Exit codes: 0 done; 2 a person has to change something, or an answer is missing; 3 the gateway does not run, the disk
    refuses, or another provision works on the node; 10 the label cannot be read; 11 the node was not found; 12 it did not
    take the settings; 13 it did not move; 14 a check failed; 15 no receipt came; 16 the port; 17 the board does not answer;
    18 another board, or no node; 19 not written; 20, 21, 22 as `startcity node import`; 23 the node does not start, or only
    in safe mode; 24 it does not reach its gateway; 130 interrupted.

    \b
    Examples:
      startcity provision --config gateway.toml --file piacenza-01.cose
      startcity provision --label-file - --name "Stall 1" --place "Piazza Cavalli" --yes --json < label.txt
      startcity provision --port /dev/ttyUSB0 --file piacenza-01.cose --name "Stall 1" --place "Piazza Cavalli"
      startcity provision --port /dev/ttyUSB0 --wifi-ssid citta --wifi-password-file wifi.txt --mqtt-host 192.0.2.10
      startcity provision --resume
    """
    voice, network = Voice(as_json), Network(**options)
    try:
        check_options(network, port)
        gateway = load_config(config)
        profiles = load_city_profiles(gateway.beside(gateway.profiles.folder) if gateway.profiles.folder else None)
        chosen = dict(parse_setting(text) for text in settings)
        sources = _Sources(gateway, label_file, file)
        old = _resumed(gateway, node, can_begin=port is not None) if resume else None
        if port is None and old is not None and old.needs_cable:
            port = old.port
        if not dry_run and (port is not None or not resume):
            trust_vault(gateway, vault_key, yes)
        with _stoppable(), ExitStack() as stack:
            cable, board = None, None
            if port is not None:
                cable = Cable(port, voice)
                if old is None or old.needs_cable:
                    GatewaySide(
                        gateway
                    ).status()  # before the board is stopped: a gateway that does not run hears nothing
                    stack.enter_context(alone(gateway.data, _port_name(cable.port)))
                    stack.enter_context(cable)
                    board = cable.look(sources.generations())
                    if old is None and resume:
                        old = read_progress(gateway.data, board.node)
                else:
                    stack.enter_context(cable)
            if old is not None:
                progress = old
            else:
                named = node if node is not None or board is None else board.node
                progress = _begun(sources, named, board, name, place, chosen, profiles, without_asking=yes)
            profile = profiles[progress.profile]
            profile.firmware_config(progress.settings)  # refuses here what the node would refuse
            _check_skipped(profile, skipped)
            if old is None and not again:
                before = _served(gateway, progress, skipped, without_collector=without_collector)
                if before is not None and sources.is_known(before.node):
                    progress = before
            if not dry_run and gateway.data.is_dir():
                stack.enter_context(alone(gateway.data, progress.node))
            run = _Run(gateway, profile, progress, voice, limit_s, without_collector, yes, skipped)
            if dry_run:
                run.show_plan()
                return
            run.need_somebody()
            if cable is not None and board is not None:
                sources.need_root(progress.node, board.generation)
                check_board(board, progress.node, progress.profile, sources.roots(progress.node))
                check_generation(board, run.heard_generation())
                run.wire(cable, network, sources, board)
            elif cable is not None and progress.is_wired:
                run.hold(cable)
            if Step.REGISTER not in progress.done:
                run.register(sources)
            run.rest()
    except (KeyboardInterrupt, click.Abort) as error:
        template = "{name}: stopped. What is done stays done: go on with `startcity provision --resume`."
        stopped = NamedAdvice("Interrupted", INTERRUPTED, template, name="Interrupted")
        if not as_json:
            raise stopped from error
        raise _told(voice, stopped) from error
    except (ConfigError, ProfileError, SettingError, Unavailable) as error:
        if not as_json:
            raise
        raise _told(voice, error) from error


def _told(voice: Voice, error: Exception) -> Exit:
    exit_code = UNAVAILABLE if isinstance(error, Unavailable) else int(getattr(error, "exit_code", NEEDS_A_PERSON))
    name_of_it = getattr(error, "name", type(error).__name__)
    voice.event("error", error=name_of_it, message=str(error), exit_code=exit_code)
    return Exit(exit_code)


@contextmanager
def _stoppable() -> Iterator[None]:
    """A terminal that is closed, or a shutdown, ends it like Ctrl-C: a node that was stopped is started again."""
    is_ours = threading.current_thread() is threading.main_thread()  # signals are the main thread's alone
    numbers = (signal.SIGTERM, signal.SIGHUP) if is_ours else ()
    before = [signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _port_name(port: str) -> str:
    """Of a port's lock: two names of one device are one."""
    return "port-" + hashlib.sha256(os.path.realpath(port).encode()).hexdigest()[:16]


class _Run:
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
        self._limit_s = longest_wait_s(profile) if limit_s is None else limit_s
        self._yes, self._skipped = yes, skipped
        self._node_id = NodeId(bytes.fromhex(progress.node))
        self._side = GatewaySide(gateway)
        self._journal: JournalTail | None = None  # since the node was registered
        self._proof: Proof | None = None
        self._identify = self._move_request = ""  # requests that were made before the node's start
        self._cable: Cable | None = None  # once the node runs
        self._is_looked_at = False  # whether the board on the cable is known to be the node
        self._without_collector = without_collector
        if not self._side.has_collector and not without_collector:
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
        return self._side.heard_generation(self._node_id)

    def hold(self, cable: Cable) -> None:
        """Of a node that was started before: it may be started again, if it is on the cable."""
        self._cable = cable

    def wire(self, cable: Cable, network: Network, sources: _Sources, board: BoardReport) -> None:
        """The steps over the cable, after the board has said that it is the one."""
        self._is_looked_at = True
        if self._progress.next_step is None:
            is_moved = board.generation >= max(self._roots(), default=LABEL_GENERATION)
            if cable.write(self._changes(network)) != "written" and is_moved and not self._is_safe():
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
            self._identify = self._side.ask(self._progress.node, {"command": "identify"})
        cable.start(self._progress.node)
        self._cable = cable
        self._end(Step.START)

    def _changes(self, network: Network) -> dict[str, Any]:
        changes = network.changes(self._profile)
        if self._progress.settings:
            made = self._profile.firmware_config(self._progress.settings)["settings"]
            assert isinstance(made, dict)
            changes["settings"] = {name: made[name] for name in self._progress.settings}
        return changes

    def register(self, sources: _Sources) -> None:
        """The only step over Wi-Fi that needs the label or the file."""
        self._side.status()  # a gateway that does not run hears nothing
        self._begin(Step.REGISTER)
        self._progress.since, self._journal = self._side.heads(), None
        records = sources.from_file(self._node_id)
        known = sources.known(self._node_id)
        label = sources.label
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
        """Every step that is not done, in order. Raises: NamedAdvice: a step did not come to its end, or the node is in safe mode."""
        self._side.status()
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
        if self._until(lambda: not self._is_safe() or None, Waits.SEAL, _SETTLE_S) is None:
            raise safe_mode(self._progress.node)
        self._voice.event("end", node=self._progress.node, exit_code=0, proof=self._progress.proof, already=is_old)
        if is_old:
            self._voice.words(say("Nothing is left to be done; --again takes every step once more."))
        self._voice.words(say("Node {node} is in service.", node=self._progress.node))

    # The steps. Each returns whether it is done; what must be done for an end raises instead.

    def _find(self) -> bool:
        if not self._identify and not self._move_request:
            self._voice.words(say("Switch the node on; when it is found, its light blinks."))
            self._identify = self._side.ask(self._progress.node, {"command": "identify"})
        answer = self._obeyed({"command": "identify"}, self._identify) if self._identify else None
        is_found = not self._identify or (answer is not None and answer["state"] in ("done", "failed"))
        if not is_found or self._until(lambda: self._readings() or None, Waits.SEAL) is None:
            template = (
                "{name}: node {node} was not heard: is it on, in reach of the Wi-Fi network, and is the label its own?"
            )
            raise NamedAdvice("NodeNotFound", NOT_FOUND, template, name="NodeNotFound", node=self._progress.node)
        return True

    def _configure(self) -> bool:
        if not self._progress.settings or self._progress.is_wired:  # the cable has brought them
            return True
        answer = self._obeyed({"command": "configure", "settings": self._progress.settings})
        if answer is None or answer["state"] != "done":
            template = "{name}: node {node} did not take the settings ({reason})."
            reason = "no answer" if answer is None else answer.get("reason") or answer.get("result")
            raise NamedAdvice(
                "NotConfigured", NOT_CONFIGURED, template, name="NotConfigured", node=self._progress.node, reason=reason
            )
        return True

    def _move(self) -> bool:
        target = self._target()
        if target is not None:
            if not self._progress.is_wired:
                self._note_old_epochs({stored.seen.epoch for stored in self._readings()})
            answer = self._obeyed({"command": "generation", "generation": target}, self._move_request)
            is_moved = answer is not None and answer["state"] == "done"
            if is_moved:
                heard = self._until(lambda: self._side.heard_generation(self._node_id) >= target or None, Waits.SEAL)
                is_moved = heard is not None
            if not is_moved:
                template = (
                    "{name}: node {node} did not move to key generation {generation}; it goes on under the old one."
                )
                raise NamedAdvice(
                    "NotMoved", NOT_MOVED, template, name="NotMoved", node=self._progress.node, generation=target
                )
        if self._progress.is_wired:
            # It was asked before its start, so only now it is known which epochs were before: its last answer is of the present one.
            seal = Waits.SEAL
            readings = self._until(lambda: [s for s in self._readings() if s.seen.name == "cmd"] or None, seal) or []
            epochs = {stored.seen.epoch for stored in self._readings()}
            self._note_old_epochs(epochs - {stored.seen.epoch for stored in readings[-1:]})
        return True

    def _target(self) -> int | None:
        return generation_to_move_to(self._roots(), self._side.heard_generation(self._node_id))

    def _ask_move(self, target: int) -> str:
        return self._side.ask(self._progress.node, {"command": "generation", "generation": target})

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
        before = last_before((stored.seen for stored in self._readings()), check.measurement)
        if not self._yes:
            click.pause(say("Press a key when you begin."), err=True)
        mark, asked_at_ms = self._tail().mark(), self._side.wall_ms()

        def look() -> Stored | None:
            readings = self._tail().readings_behind(mark)
            found = passing(check, (stored.seen for stored in readings), before, asked_at_ms)
            return next((stored for stored in readings if stored.seen is found), None)

        if self._until_sampled(look, Waits.CHECK, wait_s(check, self._profile)) is None:
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
            readings = (s for s in self._readings() if s.seen.epoch.hex() not in old)
            return [stored for stored in readings if is_measured(self._profile, stored.seen)]

        def look() -> Stored | None:
            found = measured()
            if self._without_collector or not found:
                return found[0] if found else None
            receipts = self._side.receipts()
            for stored in found:
                self._proof = self._side.proof(stored, receipts)
                if self._proof is not None:
                    return stored
            return None

        # A node whose values do not change has nothing to say under its new key for hours.
        if not measured() and self._until_sampled(lambda: measured() or None, Waits.NODE) is None:
            found = None
        else:
            found = self._until(look, Waits.RECEIPT)
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
        if self._side.heard_generation(self._node_id) == 0:
            self._voice.event("label", state="in use")
            self._voice.words(say("The label still works: the gateway has no newer root of this node. Keep it secret."))
            return True
        if LABEL_GENERATION in self._roots():
            ask_end(self._gateway.data, self._progress.node)
        if self._until(lambda: LABEL_GENERATION not in self._roots() or None, Waits.LABEL, _SETTLE_S) is None:
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

    def _is_safe(self) -> bool:
        """Whether it said that it runs without its application when it last began, as far as the gateway has sealed it."""
        return bool(next((s.seen.value for s in reversed(self._readings()) if s.seen.name == "safe"), False))

    def _readings(self) -> list[Stored]:
        return self._tail().readings()

    def _tail(self) -> JournalTail:
        if self._journal is None:
            self._journal = self._side.tail(self._node_id, self._progress.since)
        return self._journal

    def _obeyed(self, content: dict[str, Any], request: str = "") -> dict[str, Any] | None:
        """What became of a command; None where the time runs out. It is asked for again where it expired, or another took its place."""
        requests = [request or self._side.ask(self._progress.node, content)]

        def look() -> dict[str, Any] | None:
            answer = self._side.answer(requests[-1])
            if answer is None or answer["state"] not in ("expired", "replaced") or len(requests) >= _ASKS_MAX:
                return answer
            requests.append(self._side.ask(self._progress.node, content))
            return None

        return self._until(look, Waits.NODE, requests=requests)

    def _until(
        self, look: Callable[[], T | None], waits: Waits, limit_s: float | None = None, requests: Sequence[str] = ()
    ) -> T | None:
        """What `look` finds; None where the time runs out.

        With a `limit_s` of its own that counts from when the node has obeyed the last of the `requests`, within the time of a step.
        A node on a cable that has not come by it is started once more, each minute: only then does it obey.

        Raises: Unavailable: the gateway does not run at the end.
        """
        begun_s = self._side.monotonic_s()
        own_s = self._limit_s if limit_s is None else limit_s
        end_s = begun_s + own_s
        nudge_s = begun_s + _NUDGE_S
        told: Waits | None = None
        while True:
            found = look()
            if found is not None:
                return found
            now_s = self._side.monotonic_s()
            is_silent = bool(requests) and self._side.answer(requests[-1]) is None
            if limit_s is not None and is_silent:
                end_s = max(end_s, min(now_s + own_s, begun_s + self._limit_s))
            if now_s >= end_s:
                self._side.status()
                return None
            present = waits if self._side.is_running() else Waits.GATEWAY
            if present is not told and now_s - begun_s >= _SAY_AFTER_S:
                self._tell_waiting(present, end_s - now_s)
                told = present
            if self._cable is not None and is_silent and now_s >= nudge_s:
                self._nudge(self._cable)
                nudge_s = self._side.monotonic_s() + _NUDGE_AGAIN_S
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

    def _until_sampled(self, look: Callable[[], T | None], waits: Waits, limit_s: float | None = None) -> T | None:
        """As `_until`, with a `sample` asked for, and again where it met a node that had only just begun."""
        requests = [self._side.ask(self._progress.node, {"command": "sample"})]

        def look_again() -> T | None:
            found = look()
            answer = self._side.answer(requests[-1]) if found is None and len(requests) < _ASKS_MAX else None
            if answer is not None and answer["state"] in ("failed", "expired", "replaced"):
                requests.append(self._side.ask(self._progress.node, {"command": "sample"}))
            return found

        return self._until(look_again, waits, limit_s, requests)

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


class _Sources:
    """Where the gateway learns a node's root from: its label, the vault's file, its own registry."""

    def __init__(self, gateway: Config, label_file: Path | None, file: Path | None) -> None:
        """Raises: NamedAdvice: the label cannot be read."""
        self._gateway, self._file = gateway, file
        self.label = _read_label(label_file) if label_file is not None else None
        self._nodes: list[NodeRecord] | None = None

    def ask_label(self) -> None:
        """Scanned at the prompt; nothing is shown. Raises: NamedAdvice: it is no label."""
        self.label = _parse_label(click.prompt(say("Scan the label"), hide_input=True, err=True))

    @property
    def has_file(self) -> bool:
        return self._file is not None

    def from_file(self, node_id: NodeId) -> list[NodeRecord]:
        """Raises: NamedAdvice: the file cannot be opened here."""
        if self._nodes is None:
            self._nodes = list(read_file(self._gateway, self._file).nodes) if self._file is not None else []
        return [n for n in self._nodes if n.node_id == node_id]

    def known(self, node_id: NodeId) -> list[NodeRecord]:
        """What the registry has."""
        with open_registry(self._gateway) as registry:
            return [n for n in registry.nodes() if n.node_id == node_id]

    def generations(self) -> set[int]:
        """Every one of which a root is at hand, whosever it is."""
        self.from_file(NodeId(bytes(6)))
        with open_registry(self._gateway) as registry:
            found = {n.generation for n in registry.nodes()}
        return found | {n.generation for n in self._nodes or ()} | {LABEL_GENERATION}

    def is_known(self, node: str) -> bool:
        """Whether the file brings nothing that the gateway does not have."""
        node_id = NodeId(bytes.fromhex(node))
        known = {n.generation: n.root for n in self.known(node_id)}
        given = {n.generation: n.root for n in self.from_file(node_id)}
        is_same = all(known.get(number, root) == root for number, root in given.items())
        return is_same and max(given, default=0) <= max(known, default=-1)

    def need_root(self, node: str, generation: int) -> None:
        """Of the generation under which the board speaks: without it nothing of the node would be heard. Raises: ConfigError."""
        node_id = NodeId(bytes.fromhex(node))
        found = {n.generation for n in (*self.from_file(node_id), *self.known(node_id))}
        if self.label is not None and self.label.node_id == node_id:
            found.add(LABEL_GENERATION)
        if generation in found:
            return
        if generation != LABEL_GENERATION or not sys.stdin.isatty():
            raise ConfigError(
                say(
                    "Node {node} speaks under key generation {generation}, and nobody has given its root: give its label (generation 0), "
                    "or a file of the vault with that generation.",
                    node=node,
                    generation=generation,
                )
            )
        self.ask_label()

    def roots(self, node: str) -> dict[int, bytes]:
        """By generation what the board must have: of the label and the file, or else of the registry."""
        node_id = NodeId(bytes.fromhex(node))
        found = {n.generation: n.root for n in self.from_file(node_id)}
        if self.label is not None and self.label.node_id == node_id:
            found[LABEL_GENERATION] = self.label.root
        return found or {n.generation: n.root for n in self.known(node_id)}


def _read_label(path: Path) -> Label:
    if str(path) == "-":
        return _parse_label(sys.stdin.read(_LABEL_BYTES_MAX))
    if not path.exists():
        template = "{file} does not exist: a label is written when the board is flashed. Run `startcity flash` first."
        raise ConfigError(say(template, file=path))
    return _parse_label(read_secret(path).decode("utf-8", "replace"))


def _parse_label(scanned: str) -> Label:
    try:
        return parse_label(scanned)
    except WireError as error:
        template = "{name}: the label cannot be read: {reason}."
        raise NamedAdvice(error.name, BAD_LABEL, template, name=error.name, reason=error.detail) from error


def _begun(
    sources: _Sources,
    node: str | None,
    board: BoardReport | None,
    name: str | None,
    place: str | None,
    settings: dict[str, Any],
    profiles: Mapping[str, Profile],
    *,
    without_asking: bool,
) -> Progress:
    """`node` is the one that was named or is on the cable. Raises: ConfigError."""
    if sources.label is None and node is None:
        if not sys.stdin.isatty():
            raise ConfigError(say("There is no node yet: give --label-file, or ID with --file."))
        sources.ask_label()
    node_id = sources.label.node_id if sources.label is not None else parse_node_id(node or "")
    if node is not None and parse_node_id(node) != node_id:
        if board is not None:
            check_board(board, node_id.hex(), board.profile, {})
        raise ConfigError(say("The label is of node {node}, not of the one named.", node=node_id.hex()))
    from_file, known = sources.from_file(node_id), sources.known(node_id)
    if sources.label is None and not known and not from_file:
        if board is None or sources.has_file or not sys.stdin.isatty():
            raise ConfigError(
                say("Neither the file nor the gateway knows node {node}: give its label.", node=node_id.hex())
            )
        sources.ask_label()
    records = [*from_file, *known]
    profile = sources.label.profile if sources.label is not None else records[-1].profile
    if profile not in profiles:
        names = ", ".join(sorted(profiles))
        raise ConfigError(say("There is no profile {profile}. Known: {known}.", profile=profile, known=names))
    there = next(((n.name, n.place) for n in reversed(records) if n.name or n.place), ("", ""))
    return Progress(
        node=node_id.hex(),
        profile=profile,
        name=_answer(name, there[0], "--name", say("Name of the node"), without_asking),
        place=_answer(place, there[1], "--place", say("Place of the node"), without_asking),
        settings=settings,
        is_wired=board is not None,
        label="" if sources.label is None else check_of(sources.label.root),
    )


def _served(gateway: Config, wanted: Progress, skipped: tuple[str, ...], *, without_collector: bool) -> Progress | None:
    """The state of a node that is in service with all that is wanted. A damaged one counts for nothing: it will be replaced."""
    try:
        old = read_progress(gateway.data, wanted.node)
    except ConfigError:
        return None
    if old is None or not old.covers(wanted, skipped) or (old.proof is None and not without_collector):
        return None
    return old


def _answer(given: str | None, known: str, flag: str, question: str, without_asking: bool) -> str:
    if given is not None or known:
        return given if given is not None else known
    if without_asking or not sys.stdin.isatty():
        raise ConfigError(say("An answer is missing: give {flag}.", flag=flag))
    return str(click.prompt(question, err=True))


def _resumed(gateway: Config, node: str | None, *, can_begin: bool) -> Progress | None:
    """Where it stopped. None, with a cable: the board will say who it is, and begins anew where nothing was begun."""
    if node is None and can_begin:
        return None
    nodes = [parse_node_id(node).hex()] if node is not None else unfinished(gateway.data)
    if len(nodes) != 1:
        found = ", ".join(nodes) or say("none")
        raise ConfigError(say("Name the node to go on with. Begun and not at their end: {nodes}.", nodes=found))
    progress = read_progress(gateway.data, nodes[0])
    if progress is None and not can_begin:
        raise ConfigError(say("Node {node} was not begun here: call it without --resume.", node=nodes[0]))
    return progress


def _check_skipped(profile: Profile, skipped: tuple[str, ...]) -> None:
    known = [check.id for check in profile.commissioning]
    for check in skipped:
        if check not in known:
            raise ConfigError(say("There is no check {check}. Known: {known}.", check=check, known=", ".join(known)))

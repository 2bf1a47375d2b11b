# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity provision`: from a label to a first verified reading, at the gateway that the node speaks to.

What it reads, locks and opens, in which order. Which node: provision_begin.py; its keys: provision_sources.py; the steps:
provision_run.py, over a cable provision_cable.py; the waiting: provision_watch.py; what it says: provision_voice.py.
"""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import rich_click as click
from click import get_current_context
from click.core import ParameterSource
from click.exceptions import Exit

from device_profiles import load_city_profiles
from device_profiles.errors import ProfileError, SettingError
from gateway_agent.config import load_config
from gateway_agent.errors import ConfigError, Unavailable
from startcity.defaults_file import defaults_option
from startcity.gateway_option import gateway_config_option
from startcity.node_command import parse_setting
from startcity.node_import import trust_vault
from startcity.provision_begin import begun, check_skipped, check_unchanged, resumed, served
from startcity.provision_cable import Cable, Network, check_board, check_generation, check_options
from startcity.provision_gateway import GatewaySide
from startcity.provision_run import Run
from startcity.provision_sources import Sources
from startcity.provision_voice import Voice
from startcity.translated import TranslatedCommand, lang_option
from tools.advice import NamedAdvice
from tools.provision.state_file import alone, read_progress
from tools.provision.steps import Step

NEEDS_A_PERSON, UNAVAILABLE = 2, 3
INTERRUPTED = 130
_FILE = click.Path(path_type=Path, dir_okay=False)


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
        profiles = load_city_profiles(gateway.profiles_folder)
        chosen = dict(parse_setting(text) for text in settings)
        sources = Sources(gateway, label_file, file)
        old = resumed(gateway, node, can_begin=port is not None) if resume else None
        if port is None and old is not None and old.needs_cable:
            port = old.port
        if not dry_run and (port is not None or not resume):
            trust_vault(gateway, vault_key, yes)
        with _stoppable(), ExitStack() as stack:
            cable, board = None, None
            if port is not None:
                cable = Cable(port, voice)
                if old is None or old.needs_cable:
                    # Before the board is stopped: a gateway that does not run hears nothing.
                    GatewaySide(gateway).status()
                    stack.enter_context(alone(gateway.data, _port_name(cable.port)))
                    stack.enter_context(cable)
                    board = cable.look(sources.generations())
                    if old is None and resume:
                        old = read_progress(gateway.data, board.node)
                else:
                    stack.enter_context(cable)
            if old is not None:
                check_unchanged(old, _typed({"--name": name, "--place": place, "--set": chosen}))
                progress = old
            else:
                named = node if node is not None or board is None else board.node
                progress = begun(sources, named, board, name, place, chosen, profiles, without_asking=yes)
            profile = profiles[progress.profile]
            profile.firmware_config(progress.settings)  # refuses here what the node would refuse
            check_skipped(profile, skipped)
            if old is None and not again:
                before = served(gateway, progress, skipped, without_collector=without_collector)
                if before is not None and sources.is_known(before.node):
                    progress = before
            if not dry_run and gateway.data.is_dir():
                stack.enter_context(alone(gateway.data, progress.node))
            run = Run(gateway, profile, progress, voice, limit_s, without_collector, yes, skipped)
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


def _typed(values: dict[str, object]) -> dict[str, object]:
    """Of options by their flags those that stand on the command line, not in a file of defaults."""
    context = get_current_context()
    names = {flag: option.name or "" for option in context.command.params for flag in option.opts}
    typed = ParameterSource.COMMANDLINE
    return {flag: value for flag, value in values.items() if context.get_parameter_source(names[flag]) is typed}


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

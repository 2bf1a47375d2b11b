# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity node command`: ask something of a node, through the gateway that it speaks to."""

from __future__ import annotations

import json
import secrets
import time
import tomllib
from collections.abc import Mapping
from datetime import date
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import rich_click as click
from click.exceptions import Exit

from device_profiles import Profile, load_city_profiles
from gateway_agent.config import Config, load_config
from gateway_agent.control.command_check import CommandError, check_command
from gateway_agent.control.command_files import ask, read_all
from gateway_agent.control.commands import CODES, RESULTS
from gateway_agent.errors import ConfigError, Unavailable
from gateway_agent.registry import open_registry
from startcity.gateway_option import gateway_registry_option
from startcity.provision_gateway import is_gateway_running, not_running
from startcity.silent_node import advice, is_in_safe_mode
from startcity.translated import TranslatedCommand, lang_option
from startcity.words import say
from tools.node_id import parse_node_id

COMMANDS_FOLDER = "commands"
NOT_RIGHT = 1
_LOOK_EACH_S = 0.2
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("command", cls=TranslatedCommand)
@click.argument("node", metavar="ID")
@click.argument("word", metavar="COMMAND", type=click.Choice(list(CODES)))
@click.argument("generation", metavar="[N]", required=False, type=click.IntRange(0, 0x7FFFFFFF))
@gateway_registry_option
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="With configure; may be repeated.")
@click.option("--wait", "wait_s", type=click.FloatRange(0), metavar="SECONDS", help="Wait for the node's result.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@lang_option
def command(
    node: str,
    word: str,
    generation: int | None,
    config: Path,
    settings: tuple[str, ...],
    wait_s: float | None,
    as_json: bool,
) -> None:
    """Ask something of a node: identify, reboot, sample, rezero, configure, generation N.

    identify blinks its light; sample measures and reports at once; rezero takes the present state as empty or as zero;
    configure changes settings, and the node goes back to the old ones if it does not hold with them; generation moves it to the
    keys of generation N, which `startcity node import` must have brought to this gateway. The node gets the command with the
    next answer, a sleeping one when it wakes. Exit code 1: the node or the gateway refused; 3: no result in time.

    \b
    Examples:
      startcity node command aabbccddee01 identify --config gateway.toml
      startcity node command aabbccddee01 configure --set heartbeat_s=900 --config gateway.toml --wait 120
      startcity node command aabbccddee01 generation 1 --config gateway.toml --json
    """
    node_id = parse_node_id(node)
    gateway = load_config(config)
    content: dict[str, Any] = {"node": node_id.hex(), "command": word}
    if settings:
        content["settings"] = dict(parse_setting(text) for text in settings)
    if generation is not None:
        content["generation"] = generation
    profile = _check(gateway, bytes(node_id), content)
    folder = gateway.data / COMMANDS_FOLDER
    request = f"{time.time_ns() // 1_000_000}-{node_id.hex()}-{secrets.token_hex(3)}"
    ask(folder, request, content)
    found = _wait(folder, request, wait_s) if wait_s is not None else content | {"request": request, "state": "asked"}
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        click.echo(command_words(found))
    if found["state"] in ("failed", "expired", "replaced", "refused"):
        raise Exit(NOT_RIGHT)
    if wait_s is not None and found["state"] != "done":
        template = "Node {node} has not answered within {seconds} s; the command goes on waiting."
        told = say(template, node=node_id.hex(), seconds=f"{wait_s:g}")
        if is_gateway_running(gateway):
            todo = advice(word, profile, is_safe=is_in_safe_mode(gateway.data, node_id))
        else:
            todo = not_running(gateway)
        raise Unavailable(f"{told} {todo}")


def parse_setting(text: str) -> tuple[str, object]:
    """NAME=VALUE; the value as in TOML, and anything else is text.

    Raises:
        ConfigError: it is not of that form.
    """
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ConfigError(say("--set {given}: write NAME=VALUE, such as --set interval_s=60.", given=text))
    try:
        found = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value
    return name, value if isinstance(found, date | clock_time) else found  # no setting is a date: an expiry is text


def latest_commands(data: Path) -> dict[str, dict[str, Any]]:
    """By node (hex): its latest command and what has become of it."""
    return {str(content["node"]): content for content in read_all(data / COMMANDS_FOLDER) if content.get("node")}


def _check(gateway: Config, node_id: bytes, content: dict[str, Any]) -> Profile | None:
    """Refuse here, in the reader's language where it is a setting's matter, what the gateway would refuse. Returns the node's profile."""
    if not gateway.data.is_dir():
        raise ConfigError(
            say("{folder} does not exist: make the gateway with `startcity gateway init` first.", folder=gateway.data)
        )
    with open_registry(gateway) as registry:
        records = [record for record in registry.nodes() if record.node_id == node_id]
    profile: Profile | None = None
    if records:
        profile = load_city_profiles(gateway.profiles_folder).get(records[-1].profile)
    if profile is not None:
        profile.firmware_config({name: value for name, value in content.get("settings", {}).items()})
    try:
        check_command(
            content["command"],
            content.get("settings"),
            content.get("generation"),
            profile,
            [record.generation for record in records],
        )
    except CommandError as error:
        raise ConfigError(error.detail) from error
    return profile


def _wait(folder: Path, request: str, wait_s: float) -> dict[str, Any]:
    deadline_s = time.monotonic() + wait_s
    while True:
        found = next((content for content in read_all(folder) if content["request"] == request), None)
        if found is not None and found["state"] not in ("asked", "waiting"):
            break
        if time.monotonic() >= deadline_s:
            break
        time.sleep(_LOOK_EACH_S)
    found = found or {"request": request, "state": "asked"}
    result = found.get("result")
    if isinstance(result, int):
        found["result_word"] = RESULTS[result] if 0 <= result < len(RESULTS) else "unknown result"
    return found


def command_words(found: Mapping[str, Any]) -> str:
    """What has become of a command, for people: `found` as the gateway's list has it."""
    node, word = found.get("node"), found.get("command")
    match found["state"], found.get("result"):
        case "asked" | "waiting", _:
            return say("Node {node}: {word} waits for its next answer.", node=node, word=word)
        case "done", _:
            return say("Node {node}: {word} is done.", node=node, word=word)
        case "expired", _:
            return say("Node {node}: {word} has expired, the node was not heard in time.", node=node, word=word)
        case "replaced", _:
            return say("Node {node}: {word} was replaced by a newer command.", node=node, word=word)
        case "refused", _:
            return say("Node {node}: the gateway refuses: {reason}", node=node, reason=found.get("reason", ""))
        case _, 2:
            return say("Node {node}: {word} has an argument that the node does not take.", node=node, word=word)
        case _, 3:
            return say("Node {node}: {word} is not possible now.", node=node, word=word)
        case _, 4:
            return say("Node {node}: it did not hold with the new settings, the old ones are back.", node=node)
        case _, 5:
            return say("Node {node}: the new generation was not proven to it.", node=node)
        case _, 6:
            return say(
                "Node {node}: it has heard higher numbers of this gateway: send {word} again.", node=node, word=word
            )
        case _:
            return say("Node {node}: its firmware does not know {word}.", node=node, word=word)

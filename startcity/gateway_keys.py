# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity gateway operator` and `rotate-key`: who may command this gateway, and the key that it signs with."""

from __future__ import annotations

import json
import re
import secrets
import time
from pathlib import Path
from typing import Any

import rich_click as click
from click.exceptions import Exit

from startcity.gateway_option import gateway_config_option

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_FILE = click.Path(path_type=Path, dir_okay=False)
_LOOK_EACH_S = 0.2
_WAIT_S = 30.0

config_option = gateway_config_option()
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group("operator")
def operator() -> None:
    """Who may command this gateway from the city. A running gateway needs no restart.

    \b
    Examples:
      startcity gateway operator add anna anna.pub.pem
      startcity gateway operator list
    """


@operator.command("add")
@click.argument("name")
@click.argument("public_key", type=_FILE)
@config_option
@_JSON
def add(name: str, public_key: Path, config: Path, as_json: bool) -> None:
    """Put an operator's public key on the list. A key that was removed counts again.

    Exit codes: 0 done; 2 the name is another's, the file is no public key, or the folder cannot be written.

    \b
    Examples:
      startcity gateway operator add anna anna.pub.pem --config /etc/startcity/gateway.toml
    """
    from gateway_agent.control.operators import GOOD, OPERATORS_MAX, REVOKED, read_operators  # noqa: PLC0415
    from gateway_agent.errors import ConfigError  # noqa: PLC0415
    from gateway_agent.wire.keys import key_id  # noqa: PLC0415
    from gateway_agent.wire.signer import load_public  # noqa: PLC0415
    from tools.secret_files import write_public  # noqa: PLC0415

    folder = _folder(config)
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r}: write 1 to 32 of a-z 0-9 - and _, first a letter or digit")
    key = load_public(public_key)
    found = key_id(key.public_bytes_raw())
    known, _ = read_operators(folder)
    if any(item.name == name and item.key_id != found for item in known):
        raise ConfigError(f"operator {name} has another key: remove that one first, or choose another name")
    if any(item.name != name and item.key_id == found for item in known):
        raise ConfigError(f"{public_key} is the key of another operator on the list: each has one")
    if len(known) >= OPERATORS_MAX and not any(item.name == name for item in known):
        raise ConfigError(f"{folder} holds {OPERATORS_MAX} keys, and no more: delete revoked ones")
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_public(folder / f"{name}{GOOD}", public_key.read_bytes())
    (folder / f"{name}{REVOKED}").unlink(missing_ok=True)
    _say(
        as_json,
        {"name": name, "key_id": found.hex(), "state": "good"},
        f"{name} may command this gateway, key {found.hex()}",
    )


@operator.command("remove")
@click.argument("name")
@config_option
@_JSON
def remove(name: str, config: Path, as_json: bool) -> None:
    """Revoke an operator's key: it stays on the list, and its commands are refused by that name.

    Exit codes: 0 done, or it was revoked already; 2 there is no such operator.

    \b
    Examples:
      startcity gateway operator remove anna --config /etc/startcity/gateway.toml
    """
    from gateway_agent.control.operators import GOOD, REVOKED, read_operators  # noqa: PLC0415
    from gateway_agent.errors import ConfigError  # noqa: PLC0415

    folder = _folder(config)
    found = next((item for item in read_operators(folder)[0] if item.name == name), None)
    if found is None:
        raise ConfigError(f"{folder} has no operator {name}: `startcity gateway operator list` shows them")
    if not found.is_revoked:
        (folder / f"{name}{GOOD}").replace(folder / f"{name}{REVOKED}")
    _say(
        as_json,
        {"name": name, "key_id": found.key_id.hex(), "state": "revoked"},
        f"{name} may not command this gateway",
    )


@operator.command("list")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def list_operators(config: Path, as_json: bool) -> None:
    """List the operators with their key ids. Exit code 1: a file in the folder is no public key.

    \b
    Examples:
      startcity gateway operator list --config /etc/startcity/gateway.toml --json
    """
    from gateway_agent.control.operators import read_operators  # noqa: PLC0415

    found, problems = read_operators(_folder(config))
    rows = [
        {"name": item.name, "key_id": item.key_id.hex(), "state": "revoked" if item.is_revoked else "good"}
        for item in found
    ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        for row in rows:
            click.echo(f"{row['name']:<32}  {row['key_id']}  {row['state']}")
        if not rows:
            click.echo("nobody may command this gateway")
    for problem in problems:
        click.echo(f"startcity: {problem}", err=True)
    if problems:
        raise Exit(1)


@click.command("rotate-key")
@config_option
@_JSON
def rotate_key(config: Path, as_json: bool) -> None:
    """Change the signing key for a new one. The old key signs which one it is, and signs nothing after that.

    Works beside a running gateway, which changes it between two batches, and on a stopped one. Nothing has to be done at
    the collector or for auditors: both follow from the first public key, which stays beside the key for ever as
    gateway.first.pub.pem (gateway.pub.pem becomes the new one). Back up the new private key, off the gateway.

    Exit codes: 0 done; 2 a setting is wrong; 3 the disk refuses, the city does not yet hold everything of an
    older instance of a lane (the error says so; try again when it does), or the running gateway has not answered in 30 s.

    \b
    Examples:
      startcity gateway rotate-key --config /etc/startcity/gateway.toml
      startcity gateway rotate-key --json
    """
    from gateway_agent.config import load_config  # noqa: PLC0415
    from gateway_agent.errors import ConfigError  # noqa: PLC0415
    from gateway_agent.journal import JournalBusy  # noqa: PLC0415
    from gateway_agent.operate.key_files import first_public_path_of  # noqa: PLC0415

    settings = load_config(config)
    if not settings.data.is_dir():
        raise ConfigError(f"{settings.data} does not exist: make the gateway with `startcity gateway init` first")
    try:
        found = _rotate_stopped(settings)
    except JournalBusy:
        found = _rotate_running(settings.data)
    key_path = settings.beside(settings.gateway.key)
    first_path = first_public_path_of(key_path)
    is_there = first_path.exists()
    first = (
        f"The collector and `startcity verify` start from the FIRST public key of this gateway: {first_path}"
        if is_there
        else f"The FIRST public key of this gateway is not known here: copy it from the collector to {first_path}"
    )
    text = f"{key_path} has a new key, {found['key_id']}: back it up. The old one is gone.\n{first}"
    result = {
        "key": str(key_path),
        "key_id": found["key_id"],
        "public_key": found["public_key"],
        "first_public_key": str(first_path) if is_there else None,
    }
    _say(as_json, result, text)


def _rotate_stopped(settings: Any) -> dict[str, Any]:
    from gateway_agent.clock import make_clock  # noqa: PLC0415
    from gateway_agent.journal import Journal, JournalLimits  # noqa: PLC0415
    from gateway_agent.model import GatewayId  # noqa: PLC0415
    from gateway_agent.operate.key_files import KeyFiles  # noqa: PLC0415
    from gateway_agent.wire.gap import Gap, GapReason, sign_gap  # noqa: PLC0415

    gateway_id = GatewayId(settings.gateway.id)
    files = KeyFiles(settings.beside(settings.gateway.key), settings.data / "journal")
    old = files.open()
    journal = Journal.open(
        settings.data / "journal",
        gateway_id,
        JournalLimits(settings.journal.bytes_max, settings.journal.segment_bytes),
        sign_gap=lambda lane, instance, first, last, link, reason: sign_gap(
            Gap(gateway_id, lane, instance, first, last, link, GapReason(reason)), old
        ),
    )
    try:
        clock = make_clock(settings.clock.trust).read()
        new, _ = files.rotate(gateway_id, clock, journal.heads_for_key_change(), old)
    finally:
        journal.close()
    return {"key_id": new.key_id.hex(), "public_key": new.public_bytes.hex()}


def _rotate_running(data: Path) -> dict[str, Any]:
    from gateway_agent.errors import Unavailable  # noqa: PLC0415
    from gateway_agent.operate.rotation_request import ask_for_rotation, read_result  # noqa: PLC0415

    request = secrets.token_hex(8)
    ask_for_rotation(data, request)
    deadline_s = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline_s:
        found = read_result(data, request)
        if found is not None and "error" in found:
            raise Unavailable(f"the running gateway could not change its key: {found['error']}")
        if found is not None:
            return found
        time.sleep(_LOOK_EACH_S)
    raise Unavailable(
        f"the running gateway has not changed its key within {_WAIT_S:g} s; look at its log, and at the key id that"
        " `startcity gateway status --json` shows, before trying again"
    )


def _folder(config: Path) -> Path:
    from gateway_agent.config import load_config  # noqa: PLC0415

    settings = load_config(config)
    return settings.beside(settings.gateway.operators)


def _say(as_json: bool, found: dict[str, Any], text: str) -> None:
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else text)

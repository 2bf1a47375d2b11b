# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity flash` backup, restore, erase, monitor, doctor: one board, or the machine of the bench."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import rich_click as click
from click.exceptions import Exit

from gateway_agent.errors import ConfigError
from startcity.flash_page import said_of
from startcity.translated import TranslatedCommand, lang_option
from startcity.words import say
from tools.flash import backup as copies
from tools.flash import doctor as looks
from tools.flash.esptool import BAUDS
from tools.flash.flash_fault import FlashFault
from tools.flash.monitor import monitor as show_console
from tools.flash.ports import absolute, find_ports, is_allowed_url, is_url
from tools.node_id import parse_node_id

NOT_RIGHT = 1
_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_BAUD = click.option(
    "--baud",
    type=click.Choice([str(baud) for baud in BAUDS]),
    default=str(BAUDS[0]),
    show_default=True,
    help="Fastest speed to try.",
)
_PORT = click.option("--port", help="The board's port. Default: the one board that is found.")


@click.command("backup", cls=TranslatedCommand)
@click.argument("out", type=_FILE)
@_PORT
@_BAUD
@lang_option
def backup(out: Path, port: str | None, baud: str) -> None:
    """Read a board's whole flash into a file of mode 0600. It holds the node's key.

    \b
    Examples:
      startcity flash backup node.flash --port /dev/ttyUSB0
    """
    saved = asyncio.run(copies.backup(_one(port), out, int(baud), _quiet, _retrying))
    click.echo(
        say(
            "{file}: {size} bytes of board {mac}, SHA-256 {sha256}.",
            file=out,
            size=saved.size,
            mac=saved.board.mac,
            sha256=saved.sha256,
        )
    )


@click.command("restore", cls=TranslatedCommand)
@click.argument("file", type=_FILE)
@click.option("--mac", required=True, help="The board that the backup is of: no other one is written.")
@_PORT
@_BAUD
@lang_option
def restore(file: Path, mac: str, port: str | None, baud: str) -> None:
    """Write a backup back onto its board, and compare it.

    Only onto the board that it was taken from, and best only if that board has not worked since: a node that is set back may
    use sequence numbers twice. When in doubt flash it anew.

    \b
    Examples:
      startcity flash restore node.flash --mac aabbccddee01 --port /dev/ttyUSB0
    """
    wanted = parse_node_id(mac).hex()
    saved = asyncio.run(copies.restore(_one(port), file, wanted, int(baud), _quiet, _retrying))
    click.echo(say("Board {mac} holds {file} again.", mac=saved.board.mac, file=file))


@click.command("erase", cls=TranslatedCommand)
@click.option("--mac", required=True, help="The board to erase: no other one is.")
@_PORT
@_BAUD
@lang_option
def erase(mac: str, port: str | None, baud: str) -> None:
    """Erase a board's whole flash, with its key and everything that it has not sent yet.

    \b
    Examples:
      startcity flash erase --mac aabbccddee01 --port /dev/ttyUSB0
    """
    board = asyncio.run(copies.erase(_one(port), parse_node_id(mac).hex(), int(baud), _retrying))
    click.echo(say("Board {mac} is blank.", mac=board.mac))


@click.command("monitor", cls=TranslatedCommand)
@_PORT
@click.option("--baud", type=int, default=115200, show_default=True, help="Speed of the console.")
@lang_option
def monitor(port: str | None, baud: int) -> None:
    """Show a board's console, and send what is typed. Ctrl-] ends it.

    \b
    Examples:
      startcity flash monitor --port /dev/ttyUSB0
    """
    chosen = _one(port)
    click.echo(say("{port}; Ctrl-] ends.", port=chosen), err=True)
    show_console(chosen, baud)


@click.command("doctor", cls=TranslatedCommand)
@click.option("--journal", type=_FOLDER, help="Folder for the account of each board.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@lang_option
def doctor(journal: Path | None, as_json: bool) -> None:
    """Look what on this machine keeps boards from being flashed: rights, udev, other programs, clock, disk, versions.

    Exit code 0: nothing does; 1: something does.

    \b
    Examples:
      startcity flash doctor
    """
    found = looks.examine(journal if journal is not None else Path.home())
    is_bad = any(one.state == looks.BAD for one in found)
    if as_json:
        rows = [
            {
                "name": one.name,
                "state": one.state,
                "what": say(one.what, **one.values),
                "do": say(one.todo, **one.values),
            }
            for one in found
        ]
        click.echo(json.dumps({"v": 1, "good": not is_bad, "findings": rows}, ensure_ascii=False))
    else:
        marks = {looks.GOOD: "  ", looks.WARNING: "? ", looks.BAD: "! "}
        for one in found:
            todo = f" {say(one.todo, **one.values)}" if one.todo else ""
            click.echo(f"{marks[one.state]}{say(one.what, **one.values)}{todo}")
    if is_bad:
        raise Exit(NOT_RIGHT)


COMMANDS = (backup, restore, erase, monitor, doctor)


def _one(port: str | None) -> str:
    if port is not None:
        if is_url(port) and not is_allowed_url(port):
            raise ConfigError(say("{port}: a port is a path, rfc2217://HOST:PORT or socket://HOST:PORT.", port=port))
        return absolute(port)
    found = find_ports()
    if not found:
        raise FlashFault("no_port")
    if len(found) > 1:
        names = ", ".join(one.path for one in found)
        raise ConfigError(say("There are several boards: name one with --port ({ports}).", ports=names))
    return found[0].path


def _quiet(_percent: float) -> None:
    """These take a minute at most: the sentence at the end is enough."""


def _retrying(fault: FlashFault, baud: int) -> None:
    click.echo(say("{what} Once more at {baud} baud.", what=said_of(fault)[0], baud=baud), err=True)

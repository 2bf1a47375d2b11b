# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity vault`: keep the nodes' masters, and hand roots to gateways."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from gateway_agent.errors import ConfigError
from startcity.translated import TranslatedGroup, lang_option
from startcity.words import say
from tools.node_id import parse_node_id
from tools.roots_file import write_roots
from tools.secret_files import read_secret
from tools.vault import Vault

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("vault", cls=TranslatedGroup)
@lang_option
def group() -> None:
    """Keep the nodes' masters, and hand roots to gateways.

    A vault is a folder (mode 0700) on a machine of the city, best one without a network. Back it up: without it no
    node can get a new key generation.
    """


@group.command("init")
@click.argument("vault", type=_FOLDER)
@lang_option
def init(vault: Path) -> None:
    """Make an empty vault; one that is there is kept.

    \b
    Examples:
      startcity vault init vault
    """
    _opened, is_new = Vault.init(vault)
    text = "{folder} is a new vault, mode 0700. Back it up." if is_new else "{folder} is a vault already; it is kept."
    click.echo(say(text, folder=vault))


@group.command("add")
@click.argument("node", metavar="ID")
@click.option("--vault", type=_FOLDER, required=True, help="The vault's folder.")
@click.option(
    "--profile", "profile_id", required=True, help="The device's profile; `startcity profile list` shows them."
)
@click.option("--name", help="What people call the node.")
@click.option("--place", help="Where it is.")
@click.option("--key", "key_file", type=_FILE, help="A key.bin that was made without the vault. Default: a new master.")
@lang_option
def add(node: str, vault: Path, profile_id: str, name: str | None, place: str | None, key_file: Path | None) -> None:
    """Keep a node's master. A node that is there keeps the one it has.

    \b
    Examples:
      startcity vault add aabbccddee01 --vault vault --profile parking-qmc5883l --place "Piazza Cavalli"
      startcity vault add aabbccddee02 --vault vault --profile strain-hx711 --key node02/key.bin
    """
    node_id = parse_node_id(node)
    master = read_secret(key_file) if key_file is not None else None
    _master, is_new = Vault.open(vault).add(node_id, profile=profile_id, name=name, place=place, master=master)
    text = "Node {node} is in the vault." if is_new else "Node {node} was in the vault; it keeps its key."
    click.echo(say(text, node=node_id.hex()))


@group.command("roots")
@click.argument("nodes", metavar="[ID]...", nargs=-1)
@click.option("--vault", type=_FOLDER, required=True, help="The vault's folder.")
@click.option("--generation", type=click.IntRange(0, 0xFFFFFFFF), default=0, show_default=True, help="Key generation.")
@click.option("--out", type=_FILE, required=True, help="File to make, mode 0600.")
@lang_option
def roots(nodes: tuple[str, ...], vault: Path, generation: int, out: Path) -> None:
    """Derive the roots that a gateway gets: all nodes, or only those named. At the gateway: `startcity node import`.

    \b
    Examples:
      startcity vault roots --vault vault --out roots.json
      startcity vault roots aabbccddee01 aabbccddee02 --vault vault --generation 1 --out roots.json
    """
    entries = Vault.open(vault).roots(generation, [parse_node_id(node) for node in nodes])
    if not entries:
        raise ConfigError(say("The vault has no nodes yet: add them with `startcity vault add`."))
    if out.exists():
        raise ConfigError(say("{file} exists already: move it away, or choose another file.", file=out))
    write_roots(out, generation, entries)
    click.echo(
        say(
            "{file}, mode 0600. Roots of generation {generation}: {count}.",
            file=out,
            count=len(entries),
            generation=generation,
        )
    )
    click.echo(say("Carry it to the gateway, run `startcity node import` there, and delete it."))

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity vault`: keep the nodes' masters, and hand roots to gateways."""

from __future__ import annotations

import json
from pathlib import Path

import rich_click as click
from click.exceptions import Exit

from gateway_agent.errors import ConfigError
from startcity.known_profile import known_profile, profiles_option
from startcity.translated import TranslatedGroup, lang_option
from startcity.words import say
from tools.commissioning_key import read_commissioning_public
from tools.masters_file import read_masters
from tools.node_id import parse_node_id
from tools.secret_files import read_secret, write_public
from tools.vault import Vault
from tools.vault_keys import PUBLIC_FILE, VaultPublic

NOT_RIGHT = 1
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
    opened, is_new = Vault.init(vault)
    text = "{folder} is a new vault, mode 0700. Back it up." if is_new else "{folder} is a vault already; it is kept."
    click.echo(say(text, folder=vault))
    public, _ = opened.make_keys()
    _show_public(vault, public)


@group.command("key")
@click.argument("place", metavar="[VAULT]", type=_FOLDER, required=False)
@click.option("--vault", type=_FOLDER, help="The vault's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@lang_option
def key(place: Path | None, vault: Path | None, as_json: bool) -> None:
    """Show the vault's public keys, and make its key pairs where an old vault has none.

    Benches seal the masters of new nodes for the vault's public key; gateways take only files that the vault has signed. Both
    get the one file vault.pub, and compare the fingerprint.

    \b
    Examples:
      startcity vault key vault
      startcity vault key --vault vault
    """
    if (place is None) == (vault is None):
        raise click.UsageError(say("Give the vault's folder once: as VAULT or with --vault."))
    vault = vault or place
    assert vault is not None
    public, is_new = Vault.open(vault).make_keys()
    if as_json:
        found = {"v": 1, "file": str(vault / PUBLIC_FILE), "fingerprint": public.fingerprint, "is_new": is_new}
        click.echo(json.dumps(found))
        return
    if is_new:
        click.echo(say("The vault had no keys of its own: they were made now. Back the vault up again."))
    _show_public(vault, public)


@group.command("add")
@click.argument("node", metavar="ID")
@click.option("--vault", type=_FOLDER, required=True, help="The vault's folder.")
@click.option(
    "--profile", "profile_id", required=True, help="The device's profile; `startcity profile list` shows them."
)
@profiles_option
@click.option("--name", help="What people call the node.")
@click.option("--place", help="Where it is.")
@click.option("--key", "key_file", type=_FILE, help="A key.bin that was made without the vault. Default: a new master.")
@lang_option
def add(
    node: str,
    vault: Path,
    profile_id: str,
    profiles_folder: Path | None,
    name: str | None,
    place: str | None,
    key_file: Path | None,
) -> None:
    """Keep a node's master. A node that is there keeps the one it has.

    \b
    Examples:
      startcity vault add aabbccddee01 --vault vault --profile parking-qmc5883l --place "Piazza Cavalli"
      startcity vault add aabbccddee02 --vault vault --profile strain-hx711 --key node02/key.bin
    """
    node_id = parse_node_id(node)
    # Here, and not weeks later at the gateway, which would refuse the whole file.
    known_profile(profile_id, profiles_folder)
    master = read_secret(key_file) if key_file is not None else None
    _master, is_new = Vault.open(vault).add(node_id, profile=profile_id, name=name, place=place, master=master)
    text = "Node {node} is in the vault." if is_new else "Node {node} was in the vault; it keeps its key."
    click.echo(say(text, node=node_id.hex()))


@group.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_FILE)
@click.option("--vault", type=_FOLDER, required=True, help="The vault's folder.")
@click.option(
    "--replace", "replaced", multiple=True, metavar="ID",
    help="A node whose master has really changed: its board was flashed anew. May be repeated.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@lang_option
def import_(files: tuple[Path, ...], vault: Path, replaced: tuple[str, ...], as_json: bool) -> None:
    """Take the sealed masters of a bench (masters.cose) into the vault.

    Doing it again changes nothing. Of several masters for a node the newest counts; a node that the vault has keeps its
    master, unless it is named with --replace. The one that goes is kept, sealed, in the vault's replaced.cose.

    Exit codes: 0 all are in the vault; 1 some were refused, and are named; 2 a person has to change something; 3 the disk refuses.

    \b
    Examples:
      startcity vault import masters.cose --vault vault
      startcity vault import bench-1.cose bench-2.cose --vault vault --replace aabbccddee01
    """
    pieces = [(file, place, piece) for file in files for place, piece in enumerate(read_masters(file), 1)]
    taken = Vault.open(vault).take((piece for *_, piece in pieces), [parse_node_id(node) for node in replaced])
    refused = [(str(pieces[place - 1][0]), pieces[place - 1][1], name) for place, name in taken.refused]
    if as_json:
        found: dict[str, object] = {"v": 1, "superseded": taken.superseded}
        for word in ("added", "known", "conflicts", "shared"):
            found[word] = [node.hex() for node in getattr(taken, word)]
        found["refused"] = [{"file": file, "entry": place, "error": name} for file, place, name in refused]
        click.echo(json.dumps(found))
    else:
        for node_id in taken.conflicts:
            click.echo(
                say("Node {node}: MasterConflict, the vault has another master; --replace {node} takes this one.", node=node_id.hex()),
                err=True,
            )  # fmt: skip
        for node_id in taken.shared:
            click.echo(
                say("Node {node}: MasterShared, this is the master of another node.", node=node_id.hex()), err=True
            )
        for file, place, name in refused:
            click.echo(say("{file}, entry {place}: {name}.", file=file, place=place, name=name), err=True)
        click.echo(
            say("Masters taken: {added}; known already: {known}; older ones left out: {superseded}; refused: {refused}.",
                added=len(taken.added), known=len(taken.known), superseded=taken.superseded,
                refused=len(taken.conflicts) + len(taken.shared) + len(refused))
        )  # fmt: skip
    if taken.conflicts or taken.shared or refused:
        raise Exit(NOT_RIGHT)


@group.command("commission")
@click.argument("nodes", metavar="[ID]...", nargs=-1)
@click.option("--vault", type=_FOLDER, required=True, help="The vault's folder.")
@click.option(
    "--gateway", type=_FILE, required=True, help="The gateway's commissioning.pub, as `gateway init` made it."
)
@click.option("--all", "all_nodes", is_flag=True, help="Every node of the vault.")
@click.option(
    "--generation", "generations", type=click.IntRange(0, 0xFFFFFFFF), multiple=True, default=(1,), show_default=True,
    help="Key generation; may be repeated. 0 stands in for the label of a new node.",
)  # fmt: skip
@click.option("--new-key", is_flag=True, help="The gateway has a new commissioning key, and it was compared.")
@click.option("--out", type=_FILE, required=True, help="File to make.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@lang_option
def commission(
    nodes: tuple[str, ...],
    vault: Path,
    gateway: Path,
    all_nodes: bool,
    generations: tuple[int, ...],
    new_key: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Make a commissioning file: roots for one gateway, which nobody else can open. There: `startcity node import`.

    It is sealed for the gateway's commissioning key and signed by the vault. The first file for a gateway pins that key: compare
    the fingerprint with the one that `startcity gateway init` shows at the gateway.

    Exit codes: 0 done; 2 a person has to change something; 3 the disk refuses.

    \b
    Examples:
      startcity vault commission --all --vault vault --gateway piacenza-01.commissioning.pub --out piacenza-01.cose
      startcity vault commission aabbccddee01 --vault vault --gateway piacenza-01.commissioning.pub --generation 2 --out two.cose
    """
    if all_nodes == bool(nodes):
        raise ConfigError(say("Name the nodes, or say --all: one of the two."))
    if out.exists():
        raise ConfigError(say("{file} exists already: move it away, or choose another file.", file=out))
    public = read_commissioning_public(gateway)
    only = None if all_nodes else [parse_node_id(node) for node in nodes]
    data, made = Vault.open(vault).commission(public, generations, only, is_new_key=new_key)
    write_public(out, data)
    if as_json:
        found: dict[str, object] = {
            "v": 1,
            "file": str(out),
            "gateway": made.gateway_id,
            "fingerprint": public.fingerprint,
        }
        nodes_made = [{"node": node.node_id.hex(), "generation": node.generation} for node in made.nodes]
        found |= {"serial": made.serial, "nodes": nodes_made}
        click.echo(json.dumps(found))
        return
    click.echo(
        say("{file}: file {serial} for gateway {gateway}. Roots: {count}.",
            file=out, serial=made.serial, gateway=made.gateway_id, count=len(made.nodes))
    )  # fmt: skip
    click.echo(
        say("Commissioning key of {gateway}: {fingerprint}", gateway=made.gateway_id, fingerprint=public.fingerprint)
    )
    click.echo(say("Only that gateway opens it: carry it there and run `startcity node import {file}`.", file=out.name))


def _show_public(vault: Path, public: VaultPublic) -> None:
    click.echo(say("Public keys: {file}. Carry it to benches and gateways.", file=vault / PUBLIC_FILE))
    click.echo(say("Fingerprint: {fingerprint}", fingerprint=public.fingerprint))

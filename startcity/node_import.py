# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity node import`: the vault's commissioning file into a gateway's registry."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

import rich_click as click
from click.exceptions import Exit

from device_profiles import load_city_profiles
from gateway_agent.config import Config, load_config
from gateway_agent.errors import ConfigError
from gateway_agent.registry import NodeRecord, open_registry
from startcity.gateway_option import gateway_registry_option
from startcity.translated import TranslatedCommand, lang_option
from startcity.words import say
from tools.advice import NamedAdvice
from tools.commissioning_file import OTHER_VAULT, CommissioningError, open_commissioning_file
from tools.commissioning_key import read_commissioning_key
from tools.secret_files import write_public
from tools.vault_keys import VaultPublic, read_vault_public

_FILE = click.Path(path_type=Path, dir_okay=False)


class Imported(NamedTuple):
    """What a file brought, and its number."""

    nodes: list[NodeRecord]
    serial: int


@click.command("import", cls=TranslatedCommand)
@click.argument("file", type=_FILE)
@gateway_registry_option
@click.option("--vault-key", type=_FILE, help="The vault's vault.pub: the first time, unless `gateway init` got it.")
@click.option("--yes", is_flag=True, help="The vault's fingerprint was compared: trust it without being asked.")
@click.option("--replace", is_flag=True, help="The node has a new key: replace the one that the gateway knows.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@lang_option
def import_(file: Path, config: Path, vault_key: Path | None, yes: bool, replace: bool, as_json: bool) -> None:
    """Register the nodes of a file that `startcity vault commission` has made for this gateway.

    The first time the gateway has to learn which vault it trusts: --vault-key, and a person compares the fingerprint. Importing
    a file again, or an older one, changes nothing.

    Exit codes: 0 done; 2 a person has to change something; 3 the disk refuses; 20 the file is for another gateway; 21 it is
    damaged, was changed, or is no such file; 22 another vault has signed it.

    \b
    Examples:
      startcity node import piacenza-01.cose --config gateway.toml --vault-key vault.pub
      startcity node import piacenza-01.cose --config gateway.toml --json
    """
    gateway = load_config(config)
    try:
        trust_vault(gateway, vault_key, yes)
        found = read_file(gateway, file)
        register(gateway, found.nodes, replace=replace)
    except NamedAdvice as error:
        if as_json:
            click.echo(json.dumps({"v": 1, "error": error.name, "message": str(error)}))
            raise Exit(error.exit_code) from error
        raise
    if as_json:
        nodes = [{"node": n.node_id.hex(), "generation": n.generation} for n in found.nodes]
        click.echo(json.dumps({"v": 1, "gateway": gateway.gateway.id, "serial": found.serial, "nodes": nodes}))
        return
    click.echo(say("Nodes registered at {gateway}: {count}.", count=len(found.nodes), gateway=gateway.gateway.id))


def read_file(gateway: Config, file: Path) -> Imported:
    """Open a commissioning file as this gateway.

    Raises:
        NamedAdvice: it is for another gateway, damaged, or signed by another vault.
        ConfigError: the gateway has no commissioning key, or trusts no vault yet.
    """
    if not gateway.vault_key.exists():
        raise ConfigError(
            say("This gateway trusts no vault yet: give the vault's vault.pub with --vault-key, this once.")
        )
    vault = read_vault_public(gateway.vault_key)
    key = read_commissioning_key(gateway.commissioning_key)
    try:
        commission = open_commissioning_file(file, key, vault.signing, gateway.gateway.id)
    except CommissioningError as error:
        raise NamedAdvice(
            error.name,
            error.exit_code,
            error.template,
            file=file,
            name=error.name,
            gateway=gateway.gateway.id,
            fingerprint=vault.fingerprint,
        ) from error
    nodes = [NodeRecord(bytes(n.node_id), n.profile, n.generation, n.root, n.name, n.place) for n in commission.nodes]
    return Imported(nodes, commission.serial)


def trust_vault(gateway: Config, vault_key: Path | None, yes: bool) -> None:
    """Pin the vault's public keys, once; the same ones again change nothing.

    Raises:
        ConfigError: the gateway trusts another vault, or nobody has confirmed this one.
    """
    if vault_key is None:
        return
    public = read_vault_public(vault_key)
    if gateway.vault_key.exists():
        if read_vault_public(gateway.vault_key) != public:
            template = (
                "VaultChanged: this gateway trusts another vault ({file}): only if that one is lost, move that file away and give the "
                "new vault.pub."
            )
            raise NamedAdvice("VaultChanged", OTHER_VAULT, template, file=gateway.vault_key)
        return
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigError(
                say(
                    "The vault's fingerprint is {fingerprint}: compare it with `startcity vault key VAULT` and say --yes.",
                    fingerprint=public.fingerprint,
                )
            )
        click.echo(say("Fingerprint: {fingerprint}", fingerprint=public.fingerprint), err=True)
        if not click.confirm(say("Is it the one that `startcity vault key VAULT` shows?"), err=True):
            raise ConfigError(say("The vault was not trusted; nothing was changed."))
    write_public(gateway.vault_key, public.pem())


def register(gateway: Config, nodes: list[NodeRecord], *, replace: bool) -> None:
    """Put the nodes into the registry, all or none. Name and place of a file stand only where the gateway has none.

    Raises:
        ConfigError: an unknown profile, a root that is another node's, or another root than the known one.
    """
    if not gateway.data.is_dir():
        raise ConfigError(
            say("{folder} does not exist: make the gateway with `startcity gateway init` first.", folder=gateway.data)
        )
    profiles = load_city_profiles(gateway.profiles_folder)
    with open_registry(gateway) as registry:
        known = registry.nodes()
        texts: dict[bytes, tuple[str, str]] = {}
        for n in known:  # of several generations the newest that says something
            name, place = texts.get(n.node_id, ("", ""))
            texts[n.node_id] = (n.name or name, n.place or place)
        owners = {n.root: n.node_id for n in known}
        roots = {(n.node_id, n.generation): n.root for n in known}
        records = []
        for n in nodes:
            if n.profile not in profiles:
                names = ", ".join(sorted(profiles))
                raise ConfigError(
                    say(
                        "Node {node}: there is no profile {profile} at this gateway. Known: {known}. Correct it where the vault "
                        "is, with `startcity vault add {node}`, and make the file again.",
                        node=n.node_id.hex(),
                        profile=n.profile,
                        known=names,
                    )
                )
            if owners.setdefault(n.root, n.node_id) != n.node_id:
                raise ConfigError(
                    say(
                        "This key is the key of node {other} already: each node needs its own, choose another --out folder.",
                        other=owners[n.root].hex(),
                    )
                )
            if roots.get((n.node_id, n.generation), n.root) != n.root and not replace:
                raise ConfigError(
                    say(
                        "Node {node} is registered with another key of generation {generation}: give its own key (--vault, "
                        "or the --out folder with its key.bin), or say --replace if the node has a new one.",
                        node=n.node_id.hex(),
                        generation=n.generation,
                    )
                )
            name, place = texts.get(n.node_id, ("", ""))
            records.append(NodeRecord(n.node_id, n.profile, n.generation, n.root, name or n.name, place or n.place))
        registry.add_nodes(records, replace_root=replace)


def pinned_vault(gateway: Config) -> VaultPublic | None:
    """The vault that this gateway trusts. Raises: ConfigError: the file is damaged."""
    return read_vault_public(gateway.vault_key) if gateway.vault_key.exists() else None

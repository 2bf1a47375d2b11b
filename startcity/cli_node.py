# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity node`: prepare nodes, list the nodes that a gateway knows, and command them (node_command.py)."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import rich_click as click

from gateway_agent.config import Config, load_config
from gateway_agent.errors import ConfigError
from gateway_agent.model import NodeId
from gateway_agent.registry import NodeRecord, Registry, open_registry
from gateway_agent.wire.keys import derive_root
from startcity.gateway_option import gateway_registry_option
from startcity.known_profile import known_profile, profiles_option
from startcity.node_command import command, latest_commands, parse_setting
from startcity.node_import import import_
from startcity.node_move import move
from startcity.secrets_in import read_password
from startcity.translated import TranslatedGroup, lang_option
from startcity.words import say
from tools.boards import GENERIC, obstacle
from tools.node_files import Broker, Wifi, check_owner, node_config, read_master, write_node_files
from tools.node_id import parse_node_id
from tools.vault import MASTER_BYTES, Vault

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_CONFIG_HELP = "The gateway's configuration, whose registry is used."


@click.group("node", cls=TranslatedGroup)
@lang_option
def group() -> None:
    """Prepare nodes, and list the nodes that a gateway knows."""


@group.command("add")
@click.argument("node", metavar="ID")
@click.option(
    "--profile", "profile_id", required=True, help="The device's profile; `startcity profile list` shows them."
)
@profiles_option
@click.option("--out", type=_FOLDER, required=True, help="Folder for the node's config.json and key.bin (mode 0600).")
@click.option("--config", type=_FILE, envvar="STARTCITY_GATEWAY_CONFIG", show_envvar=True, help=_CONFIG_HELP)
@click.option("--vault", type=_FOLDER, help="The vault that makes and keeps the node's master.")
@click.option("--generation", type=click.IntRange(0, 0xFFFFFFFF), default=0, show_default=True, help="Key generation.")
@click.option("--name", help="What people call the node.")
@click.option("--place", help="Where it is.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the profile; may be repeated."
)
@click.option("--wifi-ssid", required=True, help="The Wi-Fi network's name.")
@click.option(
    "--wifi-password-file", type=_FILE, help="File with its password. Else STARTCITY_WIFI_PASSWORD, else asked."
)
@click.option(
    "--open-network", is_flag=True, help="The network has no password, and the node may join it all the same."
)
@click.option(
    "--mqtt-host", help="The gateway's broker as the node reaches it. Default: from the gateway's configuration."
)
@click.option("--mqtt-port", type=click.IntRange(1, 65535), help="Its port. Default: from the gateway's configuration.")
@click.option("--mqtt-user", help="The broker's user for nodes, if it asks for one.")
@click.option("--mqtt-password-file", type=_FILE, help="File with that user's password. Else STARTCITY_MQTT_PASSWORD.")
@click.option("--log", type=click.Choice(["error", "info", "debug"]), default="info", help="What the node prints.")
@click.option(
    "--chip", type=click.Choice(list(GENERIC)), help="The board's chip. Default: the one of the profile's board."
)
@click.option("--replace", is_flag=True, help="The node has a new key: replace the one that the gateway knows.")
@lang_option
def add(
    node: str,
    profile_id: str,
    profiles_folder: Path | None,
    out: Path,
    config: Path | None,
    vault: Path | None,
    generation: int,
    name: str | None,
    place: str | None,
    settings: tuple[str, ...],
    wifi_ssid: str,
    wifi_password_file: Path | None,
    open_network: bool,
    mqtt_host: str | None,
    mqtt_port: int | None,
    mqtt_user: str | None,
    mqtt_password_file: Path | None,
    log: str,
    chip: str | None,
    replace: bool,
) -> None:
    """Make a board a node of this city: key, configuration, registration.

    ID is the board's base MAC, 12 hex digits. With --config the node is registered at that gateway; with --vault its
    master is kept there. Doing it again for the same node changes its settings and keeps its key.

    \b
    Examples:
      startcity node add aabbccddee01 --profile parking-qmc5883l --out node01 \\
        --config gateway.toml --vault vault --wifi-ssid citta --mqtt-host 192.0.2.10
      startcity node add aa:bb:cc:dd:ee:02 --profile strain-hx711 --out node02 --vault vault \\
        --wifi-ssid lab --open-network --mqtt-host gateway.example.org
    """
    node_id = parse_node_id(node)
    if config is None and vault is None:
        raise ConfigError(say("Give --config (registers at a gateway), --vault (keeps the master), or both."))
    gateway = load_config(config) if config is not None else None
    profile = known_profile(profile_id, profiles_folder or (gateway.profiles_folder if gateway else None))
    files = node_config(
        node_id,
        profile,
        dict(parse_setting(text) for text in settings),
        _wifi(wifi_ssid, wifi_password_file, open_network),
        _broker(gateway, mqtt_host, mqtt_port, mqtt_user, mqtt_password_file),
        generation,
        log,
        chip,
    )
    if obstacle(files, "") == "pins":
        template = "An {chip} has too few pins for the profile {profile}."
        raise ConfigError(say(template, chip=chip, profile=profile.id))
    check_owner(out, node_id)
    master = read_master(out)
    opened = Vault.open(vault) if vault is not None else None
    if master is None and opened is not None and node_id in (kept := opened.nodes()):
        master = bytes.fromhex(kept[node_id].master)
    if master is None:
        master = os.urandom(MASTER_BYTES)
    root = derive_root(master, generation)
    if gateway is not None:
        _check_registered(gateway, node_id, generation, root, replace)
    # The order survives a power cut: whoever holds the key last (the gateway) never has one that the others lack.
    if opened is not None:
        opened.add(node_id, profile=profile.id, name=name, place=place, master=master)
    write_node_files(out, files, master)
    click.echo(say("{folder}: config.json and key.bin are ready, mode 0600.", folder=out))
    if gateway is not None:
        _register(gateway, node_id, profile.id, generation, root, name, place, replace)
        said = say("Node {node} is registered at {gateway}.", node=node_id.hex(), gateway=gateway.gateway.id)
        click.echo(said)
    else:
        hand_over = ["startcity", "vault", "commission", node_id.hex(), "--vault", str(vault)]
        hand_over += ["--gateway", "commissioning.pub", "--generation", str(generation), "--out", "nodes.cose"]
        take = "startcity node import nodes.cose --config gateway.toml"
        click.echo(
            say(
                "No gateway knows the node yet: with the gateway's commissioning.pub `{commission}`, then at the gateway "
                "`{take}` (the first time with --vault-key vault.pub).",
                commission=shlex.join(hand_over),
                take=take,
            )
        )
    if vault is None:
        keep = ["startcity", "vault", "add", node_id.hex(), "--vault", "vault", "--profile", profile.id]
        keep += ["--key", str(out / "key.bin")]
        # `vault init` keeps a vault that is there, so the line works in both cases.
        command = f"startcity vault init vault && {shlex.join(keep)}"
        click.echo(say("No vault has the master: keep it with `{command}`.", command=command))
    click.echo(
        say(
            "On the board: copy both files beside main.py (docs/install-node-by-hand.md), then delete {folder}.",
            folder=out,
        )
    )


@group.command("list")
@gateway_registry_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@lang_option
def list_(config: Path, as_json: bool) -> None:
    """List the nodes that a gateway knows, each with its key generations, without their keys.

    \b
    Examples:
      startcity node list --config gateway.toml
    """
    gateway = load_config(config)
    with _registry(gateway) as registry:
        nodes = _listed(registry.nodes())
    if as_json:
        commands = latest_commands(gateway.data)
        rows = [
            {
                "node": n.node,
                "profile": n.profile,
                "generations": n.generations,
                "name": n.name,
                "place": n.place,
                "command": commands.get(n.node),
            }
            for n in nodes
        ]
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    lines = [(say("node"), say("profile"), say("generations"), say("name"), say("place"))] if nodes else []
    lines += [(n.node, n.profile, ", ".join(map(str, n.generations)), n.name, n.place) for n in nodes]
    for node, profile, generations, name, place in lines:
        click.echo(f"{node:<12}  {profile:<24} {generations:<11}  {name:<20} {place}".rstrip())
    click.echo(say("Nodes: {count}.", count=len(nodes)), err=True)


group.add_command(import_)
group.add_command(command)
group.add_command(move)


class _Listed(NamedTuple):
    """A node, whatever number of generations its keys have; profile, name and place are of the newest that has one."""

    node: str
    profile: str
    generations: list[int]
    name: str
    place: str


def _listed(records: list[NodeRecord]) -> list[_Listed]:
    """One row a node, in the order of their ids."""
    found: dict[str, _Listed] = {}
    for n in sorted(records, key=lambda record: (record.node_id, record.generation)):
        node = n.node_id.hex()
        old = found.get(node, _Listed(node, n.profile, [], "", ""))
        generations = [*old.generations, n.generation]
        found[node] = _Listed(node, n.profile, generations, n.name or old.name, n.place or old.place)
    return list(found.values())


def _wifi(ssid: str, password_file: Path | None, is_open: bool) -> Wifi:
    if is_open:
        return Wifi(ssid, None)
    password = read_password(
        password_file, "STARTCITY_WIFI_PASSWORD", say("Password of the Wi-Fi network {ssid}", ssid=ssid)
    )
    if password is None:
        raise ConfigError(
            say(
                "The Wi-Fi network {ssid} needs a password: --wifi-password-file, STARTCITY_WIFI_PASSWORD, or a terminal "
                "to type it. If it has none, say --open-network.",
                ssid=ssid,
            )
        )
    return Wifi(ssid, _one_line(password, password_file))


def _one_line(password: str, file: Path | None) -> str:
    """A second line is a note or another password: neither was meant to go to the board."""
    if file is not None and "\n" in password:
        raise ConfigError(say("{file} has more than one line: leave the password alone in it.", file=file))
    return password


def _broker(
    gateway: Config | None, host: str | None, port: int | None, user: str | None, password_file: Path | None
) -> Broker:
    if host is None:
        host = gateway.nodes_broker.host if gateway is not None else None
        if host is None or _is_loopback(host):
            raise ConfigError(say("Write --mqtt-host: the gateway's name or address in the network of the nodes."))
    elif _is_loopback(host):
        click.echo(
            say("--mqtt-host {host} is the board itself: right for a simulated node, never for a board.", host=host),
            err=True,
        )
    else:
        _check_host(host)
    if port is None:
        port = gateway.nodes_broker.port if gateway is not None else 1883
    if user is None:
        return Broker(host, port, None, None)
    password = read_password(password_file, "STARTCITY_MQTT_PASSWORD", None)
    if not password:
        raise ConfigError(
            say("--mqtt-user {user} needs a password: --mqtt-password-file or STARTCITY_MQTT_PASSWORD.", user=user)
        )
    return Broker(host, port, user, _one_line(password, password_file))


def _check_host(host: str) -> None:
    """A name or an address alone: the node gives it to its resolver as it stands."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})", host):
            raise ConfigError(
                say(
                    "--mqtt-host {host}: write only a name or an address, such as 192.0.2.10; no mqtt://, no path, and "
                    "the port goes into --mqtt-port.",
                    host=host,
                )
            ) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _registry(gateway: Config) -> Registry:
    if not gateway.data.is_dir():
        raise ConfigError(
            say("{folder} does not exist: make the gateway with `startcity gateway init` first.", folder=gateway.data)
        )
    return open_registry(gateway)


def _check_registered(gateway: Config, node_id: NodeId, generation: int, root: bytes, replace: bool) -> None:
    """Refuse before anything is written what the registry would refuse, or what would give two nodes one key."""
    with _registry(gateway) as registry:
        nodes = registry.nodes()
    for n in nodes:
        if n.node_id != node_id and n.root == root:
            raise ConfigError(
                say(
                    "This key is the key of node {other} already: each node needs its own, choose another --out folder.",
                    other=n.node_id.hex(),
                )
            )
        if (n.node_id, n.generation) == (node_id, generation) and n.root != root and not replace:
            raise ConfigError(
                say(
                    "Node {node} is registered with another key of generation {generation}: give its own key (--vault, "
                    "or the --out folder with its key.bin), or say --replace if the node has a new one.",
                    node=node_id.hex(),
                    generation=generation,
                )
            )


def _register(
    gateway: Config,
    node_id: NodeId,
    profile_id: str,
    generation: int,
    root: bytes,
    name: str | None,
    place: str | None,
    replace: bool,
) -> None:
    with _registry(gateway) as registry:
        known = {(n.node_id, n.generation): n for n in registry.nodes()}.get((node_id, generation))
        record = NodeRecord(
            node_id=node_id,
            profile=profile_id,
            generation=generation,
            root=root,
            name=name if name is not None else (known.name if known else ""),
            place=place if place is not None else (known.place if known else ""),
        )
        registry.add_node(record, replace_root=replace)

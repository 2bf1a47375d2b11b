# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity gateway`: make, run and look at a gateway."""

from __future__ import annotations

import ipaddress
import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from startcity.gateway_keys import operator, rotate_key
from startcity.gateway_option import gateway_config_option
from startcity.translated import TranslatedCommand, lang_option
from tools.address import Address

if TYPE_CHECKING:
    from gateway_agent.config import Config
    from startcity.status_page import Start

# Imports of the agent are inside the commands, so that a mistyped option costs no second.
_CONFIG_OPTION = gateway_config_option()


@click.group("gateway")
def group() -> None:
    """Make, run and look at a gateway."""


@group.command("init")
@click.option("--id", "gateway_id", required=True, help="The gateway's name for ever: 1 to 32 of a-z 0-9 and -.")
@_CONFIG_OPTION
@click.option("--data", default="data", show_default=True, help="Folder of registry and journal, relative to the file.")
@click.option(
    "--nodes-broker", default="127.0.0.1:1883", show_default=True, metavar="HOST:PORT", help="Where nodes send."
)
@click.option(
    "--city-broker", default="127.0.0.1:1884", show_default=True, metavar="HOST:PORT", help="The city's broker."
)
@click.option(
    "--collector-key", default="collector.pub.pem", show_default=True, help="The collector's public key (PEM)."
)
@click.option("--no-collector", is_flag=True, help="There is no collector: the promise ends at the city's broker.")
@click.option(
    "--vault-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The city vault's vault.pub: whose commissioning files this gateway takes. Else given to the first `node import`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def init(
    gateway_id: str,
    config: Path,
    data: str,
    nodes_broker: str,
    city_broker: str,
    collector_key: str,
    no_collector: bool,
    vault_key: Path | None,
    as_json: bool,
) -> None:
    """Make the keys (mode 0600) with their public halves, the configuration and the data folders.

    The keys: gateway.pem signs; commissioning.key opens the vault's files, its public half goes to the vault; storage.key seals
    the nodes' roots in the registry. What is there is kept: a key is never overwritten, and a configuration that was edited stays as
    it is.

    \b
    Examples:
      startcity gateway init --id piacenza-01
      startcity gateway init --id piacenza-01 --config /etc/startcity/gateway.toml \\
        --data /var/lib/startcity --city-broker broker.example.org:8883
      startcity gateway init --id piacenza-01 --vault-key vault.pub --json
    """
    from gateway_agent.errors import ConfigError  # noqa: PLC0415

    try:
        made = _init(
            gateway_id, config, data, _address(nodes_broker), _address(city_broker), collector_key, no_collector
        )
        vault = _trust(config, vault_key) if vault_key is not None else None
        if as_json:
            click.echo(json.dumps({"v": 1, **made, "vault": vault}))
        else:
            _show_init(config, made, vault)
    except OSError as error:
        where = error.filename or config.parent
        raise ConfigError(
            f"{where}: {error.strerror}: choose folders that you may write, or run this as the service's user "
            "(`sudo -u startcity`)"
        ) from error


def _init(
    gateway_id: str,
    config: Path,
    data: str,
    nodes_broker: Address,
    city_broker: Address,
    collector_key: str,
    no_collector: bool,
) -> dict[str, Any]:
    """What was made, or found; no secret is in it."""
    from gateway_agent.config import load_config, parse_config  # noqa: PLC0415
    from gateway_agent.errors import ConfigError  # noqa: PLC0415
    from gateway_agent.model import GatewayId  # noqa: PLC0415
    from gateway_agent.registry import open_registry  # noqa: PLC0415
    from tools.commissioning_key import make_commissioning_key  # noqa: PLC0415
    from tools.commissioning_key import public_path_of as commissioning_public  # noqa: PLC0415
    from tools.gateway_files import gateway_toml, make_signing_key, public_path_of  # noqa: PLC0415
    from tools.secret_files import make_private_folder, write_public  # noqa: PLC0415

    is_new_config = not config.exists()
    if is_new_config:
        end = None if no_collector else collector_key
        text = gateway_toml(gateway_id, data, nodes_broker, city_broker, end)
        settings = parse_config(text, config)
    else:
        settings = load_config(config)
        if settings.gateway.id != gateway_id:
            raise ConfigError(
                f"{config} is of gateway {settings.gateway.id!r}: choose another --config for {gateway_id!r}"
            )
    key_path = settings.beside(settings.gateway.key)
    config.parent.mkdir(parents=True, exist_ok=True)
    is_new_key = make_signing_key(key_path)
    commissioning, is_new_commissioning = make_commissioning_key(settings.commissioning_key, GatewayId(gateway_id))
    make_private_folder(settings.data)
    make_private_folder(settings.data / "journal")
    open_registry(settings).close()
    # The configuration comes last: a gateway that has one has everything else, whenever the power went.
    if is_new_config:
        write_public(config, text.encode())
    return {
        "gateway": settings.gateway.id,
        "key": str(key_path),
        "is_new_key": is_new_key,
        "public_key": str(public_path_of(key_path)),
        "commissioning_key": str(settings.commissioning_key),
        "is_new_commissioning_key": is_new_commissioning,
        "commissioning_public": str(commissioning_public(settings.commissioning_key)),
        "fingerprint": commissioning.fingerprint,
        "storage_key": str(settings.storage_key),
        "configuration": str(config),
        "is_new_configuration": is_new_config,
        "data": str(settings.data),
        "missing": [str(path) for path in _missing(settings)],
    }


def _missing(settings: Config) -> list[Path]:
    """What has to come from others before the gateway can run."""
    key = settings.city_broker.collector_key
    return [settings.beside(key)] if key and not settings.beside(key).exists() else []


def _show_init(config: Path, made: dict[str, Any], vault: dict[str, str] | None) -> None:
    from gateway_agent.config import load_config  # noqa: PLC0415

    def word(is_new: str) -> str:
        return "made" if made[is_new] else "kept"

    click.echo(f"key            {made['key']} ({word('is_new_key')})")
    click.echo(f"public key     {made['public_key']} (give it to the collector)")
    click.echo(f"commissioning  {made['commissioning_key']} ({word('is_new_commissioning_key')})")
    click.echo(f"public key     {made['commissioning_public']} (carry it to the vault)")
    click.echo(f"fingerprint    {made['fingerprint']} (compare it there)")
    click.echo(f"storage key    {made['storage_key']}")
    click.echo(f"configuration  {made['configuration']} ({word('is_new_configuration')})")
    click.echo(f"data           {made['data']}")
    for path in made["missing"]:
        click.echo(f"still missing  {path}: the collector's public key")
    for label, line in zip(("next", *[""] * 9), _next_steps(load_config(config), config), strict=False):
        click.echo(f"{label:<14} {line}")
    if vault is not None:
        click.echo(f"vault          {vault['file']}, fingerprint {vault['fingerprint']}")


def _next_steps(settings: Config, config: Path) -> list[str]:
    """What is left until a node reports, as commands where there are any."""
    nodes, city, quoted = settings.nodes_broker, settings.city_broker, shlex.quote(str(config))
    steps = [
        f"start the brokers: nodes' {nodes.host}:{nodes.port}, city's {city.host}:{city.port} (or correct {config})"
    ]
    if city.collector_key and not (key := settings.beside(city.collector_key)).exists():
        steps.append(f"copy the collector's collector.pub.pem, of `startcity collector init`, to {key}")
    steps.append(f"startcity gateway run --config {quoted}")
    host = "ADDRESS" if _is_loopback(nodes.host) else nodes.host
    steps.append(
        f"startcity node add ID --profile PROFILE --out DIR --config {quoted} --wifi-ssid NETWORK --mqtt-host {host}"
    )
    if host == "ADDRESS":
        steps.append("  where ADDRESS is this gateway's in the network of the nodes")
    return [f"{place}. {step}" if not step.startswith(" ") else step for place, step in enumerate(steps, 1)]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@group.command("run")
@_CONFIG_OPTION
def run(config: Path) -> None:
    """Collect, sign, keep and forward, until the process is told to stop (SIGTERM or SIGINT).

    \b
    Examples:
      startcity gateway run --config /etc/startcity/gateway.toml
    """
    from gateway_agent.app import run as run_gateway  # noqa: PLC0415

    run_gateway(config)


@group.command("status", cls=TranslatedCommand)
@_CONFIG_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--card-gb", type=click.FloatRange(min=0.1), default=32.0, show_default=True,
              help="Size of the memory card in GB, for the estimate of its life.")  # fmt: skip
@click.option("--card-cycles", type=click.IntRange(min=1), default=1_000, show_default=True,
              help="How often each of its blocks can be erased.")  # fmt: skip
@click.option("--card-block-kib", type=click.IntRange(min=1), default=4_096, show_default=True,
              help="Size of such a block in KiB; each sync is taken to cost one.")  # fmt: skip
@lang_option
def status(config: Path, as_json: bool, card_gb: float, card_cycles: int, card_block_kib: int) -> None:
    """Show how a gateway is, on one screen: what it last said of itself, and what needs attention.

    Exit codes: 0 it runs and all is well; 1 something needs attention, marked with !; 2 a setting is wrong; 3 it does not
    run, or has not written its status for 30 s.

    \b
    Examples:
      startcity gateway status
      startcity gateway status --card-gb 64 --card-cycles 3000
      startcity gateway status --json --config /etc/startcity/gateway.toml
    """
    from gateway_agent.config import load_config  # noqa: PLC0415
    from gateway_agent.operate.status import read_status  # noqa: PLC0415
    from gateway_agent.operate.write_budget import Card  # noqa: PLC0415
    from startcity.status_page import is_alive, page_of, text_of  # noqa: PLC0415

    data = load_config(config).data
    content = read_status(data)
    now_ms = time.time_ns() // 1_000_000
    card = Card(int(card_gb * 1e9), card_cycles, card_block_kib << 10)
    page = page_of(content, _oldest_unreceipted_ms(data / "journal"), card, now_ms, _start_of(config))
    if as_json:
        click.echo(json.dumps(content, indent=1, sort_keys=True, default=str))
    else:
        for line in page:
            # click takes the colours out again where the output is no terminal.
            click.secho(text_of(line), fg="red" if line.is_bad else None, bold=line is page[0])
    sys.exit(3 if not is_alive(content, now_ms) else 1 if any(line.is_bad for line in page) else 0)


def _start_of(config: Path) -> Start:
    """What starts the gateway of a configuration: the city on simulators that it is a part of, or its service."""
    from simulators.standing_lock import city_of  # noqa: PLC0415
    from startcity.status_page import Start  # noqa: PLC0415

    city = city_of(config)
    if city is None:
        start = Start()
        return start._replace(either=(start.either[0], f"startcity gateway run --config {shlex.quote(str(config))}"))
    where = "" if city == Path("city") else f" --dir {shlex.quote(str(city))}"
    return Start((f"startcity sim city{where}",), f"startcity sim city{where} --stop; startcity sim city{where}")


group.add_command(operator)
group.add_command(rotate_key)


def _trust(config: Path, vault_key: Path) -> dict[str, str]:
    """Pin the vault's public keys: who runs `init` with the file has chosen it. Returns where they are, and their fingerprint."""
    from gateway_agent.config import load_config  # noqa: PLC0415
    from startcity.node_import import trust_vault  # noqa: PLC0415
    from tools.vault_keys import read_vault_public  # noqa: PLC0415

    settings = load_config(config)
    trust_vault(settings, vault_key, yes=True)
    return {"file": str(settings.vault_key), "fingerprint": read_vault_public(settings.vault_key).fingerprint}


def _oldest_unreceipted_ms(journal: Path) -> dict[str, int | None]:
    """By lane, from the journal itself, which is read beside the running gateway; {} where it cannot be read."""
    from gateway_agent.errors import ConfigError, Unavailable  # noqa: PLC0415
    from gateway_agent.model import Lane  # noqa: PLC0415
    from gateway_agent.operate.journal_folder import JournalFolder  # noqa: PLC0415

    try:
        folder = JournalFolder(journal)
        return {lane.word: folder.oldest_unreceipted_ms(lane) for lane in Lane}
    except (ConfigError, Unavailable):
        return {}


def _address(text: str) -> Address:
    """HOST:PORT; an IPv6 address stands in brackets."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise click.BadParameter(f"{text!r}: write HOST:PORT, such as 127.0.0.1:1883")
    return Address(host.strip("[]"), int(port))

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity journal`: look into a gateway's journal, and mend it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import rich_click as click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.config import Config, load_config
from gateway_agent.journal import JournalLimits
from gateway_agent.model import GatewayId, Lane
from gateway_agent.operate.journal_check import check as check_journal
from gateway_agent.operate.journal_folder import JournalFolder
from gateway_agent.operate.journal_repair import repair as repair_journal
from gateway_agent.operate.key_files import KeyFiles
from gateway_agent.operate.stored_batches import batches_between, latest_batches
from gateway_agent.wire.signer import load_public, load_signer
from startcity.gateway_option import gateway_config_option
from startcity.journal_page import (
    account_lines,
    account_object,
    batch_lines,
    batch_object,
    repair_lines,
    repair_object,
)
from startcity.translated import TranslatedGroup, lang_option
from startcity.words import say
from tools.gateway_files import public_path_of

LATEST = 20
_NUMBER_MAX = (1 << 53) - 1
_CONFIG_OPTION = gateway_config_option()
_PATH_ARGUMENT = click.argument(
    "path", metavar="[PATH]", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False
)


@click.group("journal", cls=TranslatedGroup)
@lang_option
def group() -> None:
    """Look into a gateway's journal, and mend it."""


@group.command("check")
@_PATH_ARGUMENT
@_CONFIG_OPTION
@click.option(
    "--key",
    "key_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The gateway's public key. Default: the one beside the key of the configuration, if no PATH is given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@lang_option
def check(path: Path | None, config: Path, key_path: Path | None, as_json: bool) -> None:
    """Read a journal whole, say what is in it and what is wrong. Nothing is locked or changed; the gateway may run.

    PATH is the journal's folder, such as a copy; without it the configuration says where it is. Exit codes: 0 intact; 1
    something is damaged; 2 it is no journal; 3 it cannot be read.

    \b
    Examples:
      startcity journal check --config /etc/startcity/gateway.toml
      startcity journal check /media/copy/journal --key gateway.pub.pem --json
    """
    folder, key = (path, None) if path is not None else _of_config(load_config(config))
    if key_path is not None:
        key = load_public(key_path)
    account = check_journal(JournalFolder(folder), key)
    if as_json:
        click.echo(json.dumps(account_object(account)))
    else:
        for line in account_lines(account):
            click.echo(line)
    sys.exit(0 if account.is_intact else 1)


@group.command("repair")
@_CONFIG_OPTION
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@lang_option
def repair(config: Path, dry_run: bool, as_json: bool) -> None:
    """Mend the journal of a stopped gateway: cut torn ends, salvage damaged files, sign a gap for what is lost.

    The gateway does the same at each start, but reads only what was written since its last snapshot; this reads all. What
    is taken out is kept in quarantine/. Exit codes: 0 nothing is lost; 1 batches are lost (they are named), or something
    cannot be mended; 2 the gateway runs, or a setting is wrong; 3 the disk refuses.

    \b
    Examples:
      sudo systemctl stop startcity-gateway
      sudo -u startcity startcity journal repair --dry-run --config /etc/startcity/gateway.toml
      sudo -u startcity startcity journal repair --config /etc/startcity/gateway.toml
    """
    settings = load_config(config)
    key_path = settings.beside(settings.gateway.key)
    # A change of the key that was interrupted is finished first, or the gaps would carry a retired one.
    signer = load_signer(key_path) if dry_run else KeyFiles(key_path, settings.data / "journal").open()
    limits = JournalLimits(settings.journal.bytes_max, settings.journal.segment_bytes)
    done = repair_journal(settings.data / "journal", GatewayId(settings.gateway.id), signer, limits, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(repair_object(done)))
    else:
        for line in repair_lines(done):
            click.echo(line)
    sys.exit(0 if done.is_lossless else 1)


@group.command("show")
@click.argument("lane", metavar="[LANE]", type=click.Choice([lane.word for lane in Lane]), required=False)
@click.option(
    "--path",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The journal's folder, such as a copy. Default: the configuration's.",
)
@_CONFIG_OPTION
@click.option("--from", "first", type=click.IntRange(min=1), help="The first number. Default: the last 20 batches.")
@click.option("--to", "last", type=click.IntRange(min=1), help="The last number.")
@click.option("--instance", metavar="HEX", help="An older instance of the lane. Default: the present one.")
@click.option("--readings", "with_readings", is_flag=True, help="Every reading, with name, time and unit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
@lang_option
def show(
    lane: str | None,
    path: Path | None,
    config: Path,
    first: int | None,
    last: int | None,
    instance: str | None,
    with_readings: bool,
    as_json: bool,
) -> None:
    """Show batches: when they were sealed, how much is in them, and which frames of which nodes. Exit code 1 if there is none.

    LANE is alarm, record or trend; without it all three. Nothing is proved here: `startcity journal check` does that.

    \b
    Examples:
      startcity journal show --config /etc/startcity/gateway.toml
      startcity journal show alarm --from 10 --to 12 --readings
      startcity journal show record --path /media/copy/journal --json
    """
    if instance is not None and lane is None:
        raise click.UsageError(say("An instance is one lane's: name the lane."))
    folder = JournalFolder(path if path is not None else load_config(config).data / "journal")
    shown = []
    for one in Lane:
        if lane not in (None, one.word):
            continue
        if first is None and last is None and instance is None:
            shown += latest_batches(folder, one, LATEST)
        else:
            name = _instance(instance) if instance is not None else None
            shown += list(batches_between(folder, one, first or 1, last or _NUMBER_MAX, name))
    if as_json:
        click.echo(json.dumps([batch_object(batch, with_readings) for batch in shown]))
    else:
        for batch in shown:
            for line in batch_lines(batch, with_readings):
                click.echo(line)
    if not shown:
        click.echo(f"startcity: {say('There are no such batches.')}", err=True)
    sys.exit(0 if shown else 1)


def _of_config(settings: Config) -> tuple[Path, Ed25519PublicKey | None]:
    """The journal's folder, and the public key if it lies where `gateway init` puts it."""
    public_path = public_path_of(settings.beside(settings.gateway.key))
    return settings.data / "journal", load_public(public_path) if public_path.exists() else None


def _instance(text: str) -> bytes:
    try:
        name = bytes.fromhex(text)
    except ValueError:
        name = b""
    if len(name) != 8:
        raise click.BadParameter(say("{given}: an instance is 16 hex digits", given=text))
    return name

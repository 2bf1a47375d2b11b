# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity verify`: words in, exit code out. The work is done in `collector/verify.py`."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import rich_click as click

_path = click.Path(path_type=Path)  # whether it is there is asked below, so that the answer is one line as for a key


@click.command("verify")
@click.argument("path", type=_path)
@click.option("--key", "keys", multiple=True, required=True, metavar="[GATEWAY=]FILE",
              help="A gateway's public key, best with the gateway's id before it; may be repeated.")  # fmt: skip
@click.option("--collector-key", "collector_keys", type=_path, multiple=True, metavar="COLLECTOR.PUB.PEM",
              help="A collector's public key: then receipts count as evidence, too.")  # fmt: skip
@click.option("--evidence", type=_path, multiple=True, help="A file with one signed state or receipt; may be repeated.")
@click.option("--frames", "frames_csv", type=click.File("w", encoding="utf-8", lazy=False), metavar="FILE",
              help="Write each frame found in a signed batch as CSV: gateway,node,epoch,sequence,readings.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def verify(
    path: Path,
    keys: tuple[str, ...],
    collector_keys: tuple[Path, ...],
    evidence: tuple[Path, ...],
    frames_csv: IO[str] | None,
    as_json: bool,
) -> None:
    """Check a gateway's journal or a collector's archive offline, with public keys only.

    PATH is the journal's folder, the archive's folder, a part of it, or one segment. Says what was proved and what was not.

    A key speaks for one gateway: with GATEWAY=FILE for that one, with FILE alone for the first that it is met with. (A
    file whose name looks like GATEWAY=FILE is written ./FILE.)

    Exit codes: 0 everything is intact; 1 something is not, and the first problems are listed with file and position;
    2 a key, a path or evidence is not what it should be, or there is nothing to check.

    \b
    Examples:
      startcity verify data/archive --key piacenza-01=piacenza-01.pub.pem
      startcity verify data/journal --key gateway.pub.pem --collector-key collector.pub.pem --json
      startcity verify data/archive --key gateway.pub.pem --frames frames.csv
    """
    from collector.verify import verify as check  # noqa: PLC0415  (keeps `startcity --help` quick)
    from gateway_agent.errors import ConfigError  # noqa: PLC0415
    from gateway_agent.wire.keys import key_id  # noqa: PLC0415
    from gateway_agent.wire.limits import GATEWAY_ID  # noqa: PLC0415
    from gateway_agent.wire.signer import load_public  # noqa: PLC0415

    missing = next((each for each in (path, *collector_keys, *evidence) if not each.exists()), None)
    if missing is not None:
        raise ConfigError(f"{missing} does not exist")
    gateway_keys = {}
    owners: dict[bytes, str] = {}
    for text in keys:
        gateway_id, equals, file = text.partition("=")
        is_bound = bool(equals) and GATEWAY_ID.fullmatch(gateway_id) is not None
        key = load_public(Path(file if is_bound else text))
        name = key_id(key.public_bytes_raw())
        gateway_keys[name] = key
        if is_bound and (
            owners.get(name, gateway_id) != gateway_id or gateway_id in set(owners.values()) - {owners.get(name)}
        ):
            raise ConfigError(
                f"--key {text}: one key for each gateway, and one gateway for each key; give each pair once"
            )
        if is_bound:
            owners[name] = gateway_id
    city_keys = {key_id(key.public_bytes_raw()): key for key in map(load_public, collector_keys)}
    on_frame = None if frames_csv is None else _frame_rows(frames_csv)
    report = check(path, gateway_keys, city_keys, evidence, owners, on_frame)
    click.echo(json.dumps(report.as_json(), indent=2) if as_json else report.as_text())
    sys.exit(0 if report.is_intact else 1)


def _frame_rows(file: IO[str]) -> Callable[[str, bytes, int, int], None]:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(("gateway", "node", "epoch", "sequence", "readings"))

    def write(gateway: str, kid: bytes, sequence: int, readings: int) -> None:
        rows.writerow((gateway, kid[:6].hex(), kid[6:].hex(), sequence, readings))

    return write

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity operator`: the key of a person who may command gateways."""

from __future__ import annotations

import json
from pathlib import Path

import rich_click as click

from startcity.translated import TranslatedGroup, lang_option
from startcity.words import say

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("operator", cls=TranslatedGroup)
@lang_option
def group() -> None:
    """Make and show the key of a person who may command gateways."""


@group.command("init")
@click.option(
    "--key", type=_FILE, default=Path("operator.pem"), show_default=True, help="The private key to make, mode 0600."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@lang_option
def init(key: Path, as_json: bool) -> None:
    """Make an operator's key, and its public half beside it; one that is there is kept.

    The private key stays with the operator. The public half goes to each gateway: `startcity gateway operator add`.

    \b
    Examples:
      startcity operator init --key anna.pem
      startcity operator init --key anna.pem --json
    """
    from gateway_agent.wire.signer import load_signer  # noqa: PLC0415
    from tools.gateway_files import make_signing_key, public_path_of  # noqa: PLC0415

    is_new = make_signing_key(key)
    signer = load_signer(key)
    if as_json:
        found = {
            "key": str(key),
            "public_key": str(public_path_of(key)),
            "key_id": signer.key_id.hex(),
            "is_new": is_new,
        }
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    text = "{file}: a new private key, mode 0600." if is_new else "{file}: a private key is there already; it is kept."
    click.echo(say(text, file=key))
    click.echo(
        say(
            "Public half: {file} (key {key_id}). Give it to the gateways.",
            file=public_path_of(key),
            key_id=signer.key_id.hex(),
        )
    )


@group.command("show")
@click.argument("key", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@lang_option
def show(key: Path, as_json: bool) -> None:
    """Show the id of a public or private key, by which gateways and answers name it.

    \b
    Examples:
      startcity operator show anna.pub.pem
      startcity operator show anna.pem --json
    """
    from gateway_agent.errors import ConfigError  # noqa: PLC0415
    from gateway_agent.wire.keys import key_id  # noqa: PLC0415
    from gateway_agent.wire.signer import load_public, load_signer  # noqa: PLC0415

    try:
        public = load_public(key).public_bytes_raw()
    except ConfigError:
        public = load_signer(key).public_bytes
    found = key_id(public).hex()
    click.echo(json.dumps({"key": str(key), "key_id": found}, ensure_ascii=False) if as_json else found)

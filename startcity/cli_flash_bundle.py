# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity flash bundle`: one signed file with everything a bench needs, made once and used without a network."""

from __future__ import annotations

import json
from pathlib import Path

import rich_click as click

from device_profiles import load_city_profiles
from gateway_agent.errors import ConfigError
from gateway_agent.wire.signer import load_signer
from startcity.known_profile import profile_among, profiles_option
from startcity.translated import TranslatedGroup, lang_option
from startcity.words import say
from tools.flash.application import FIRMWARE, compile_application, names_of, read_application
from tools.flash.bundle import Manifest, make_bundle, names_in, open_bundle, show_bundle
from tools.flash.download import fetch
from tools.flash.flash_fault import FlashFault
from tools.flash.micropython_image import ImageError, read_image
from tools.flash.program import private_folder

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("bundle", cls=TranslatedGroup)
@lang_option
def bundle() -> None:
    """Make, prove and show a bundle: MicroPython images, the node's program and the profiles in one signed file.

    \b
    Examples:
      startcity flash bundle show city.scb
    """


@bundle.command("make")
@click.argument("out", type=_FILE)
@click.option(
    "--micropython",
    "places",
    multiple=True,
    required=True,
    metavar="FILE|URL#sha256=HEX",
    help="An image; once for each chip and layout. A URL needs its pin.",
)
@click.option("--key", type=_FILE, required=True, help="Ed25519 private key (PEM, mode 0600) that signs.")
@click.option(
    "--profile", "profile_ids", multiple=True, help="A profile to take in; may be repeated. Default: all of them."
)
@profiles_option
@click.option("--application", type=_FOLDER, help="Folder with the node's program. Default: compiled from the sources.")
@click.option("--name", default="startcity", show_default=True, help="What people call the bundle.")
@lang_option
def make(
    out: Path,
    places: tuple[str, ...],
    key: Path,
    profile_ids: tuple[str, ...],
    profiles_folder: Path | None,
    application: Path | None,
    name: str,
) -> None:
    """Make a bundle. The same parts and the same key give the same bytes.

    \b
    Examples:
      openssl genpkey -algorithm ed25519 -out maker.pem && chmod 600 maker.pem
      openssl pkey -in maker.pem -pubout -out maker.pub.pem
      startcity flash bundle make city.scb --key maker.pem --micropython ESP32_GENERIC.bin --micropython ESP32_GENERIC_C3.bin
    """
    signer = load_signer(key)
    images = []
    for place in places:
        fetched = fetch(place)
        try:
            images.append((read_image(fetched.data), fetched.source))
        except ImageError as error:
            raise FlashFault("wrong_image", file=place, reason=error) from error
    architectures = sorted({image.chip.architecture for image, _ in images})
    known = load_city_profiles(profiles_folder)
    for profile_id in profile_ids:
        profile_among(known, profile_id)  # refuses what is not known
    chosen = profile_ids or tuple(sorted(known))
    with private_folder() as folder:
        if application is not None:
            files = read_application(application)
            applications = {architecture: files for architecture in architectures}
        else:
            applications = {architecture: compile_application(folder, architecture) for architecture in architectures}
        names = names_of(folder, architectures[0])
    try:
        made = make_bundle(
            out,
            signer,
            name,
            _firmware_version(application),
            images,
            applications,
            {profile_id: (known[profile_id].folder / "profile.toml").read_bytes() for profile_id in chosen},
            names,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error
    click.echo(
        say("{file}: {count} parts, signed by key {key}.", file=out, count=len(made.parts), key=made.key_id.hex())
    )


@bundle.command("verify")
@click.argument("file", type=_FILE)
@click.option(
    "--key", type=_FILE, required=True, envvar="STARTCITY_BUNDLE_KEY", show_envvar=True, help="The maker's public key."
)
@lang_option
def verify(file: Path, key: Path) -> None:
    """Prove a bundle: its signature, and every part's size and SHA-256. Exit code 17 where something is wrong.

    \b
    Examples:
      startcity flash bundle verify city.scb --key maker.pub.pem
    """
    opened = open_bundle(file, key)
    count = len(opened.manifest.parts)
    click.echo(say("{file}: the signature and all {count} parts are right.", file=file, count=count))


@bundle.command("show")
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--names", is_flag=True, help="Print the short names of the program (file, short, full), for a crash report."
)
@lang_option
def show(file: Path, as_json: bool, names: bool) -> None:
    """Show what a bundle says it holds. Every part is compared with its SHA-256; who signed it is not proved.

    \b
    Examples:
      startcity flash bundle show city.scb
      startcity flash bundle show city.scb --names | grep ' a7 '
    """
    if names:
        click.echo(names_in(file).decode("utf-8", "replace"), nl=False)
        return
    found = show_bundle(file)
    if as_json:
        click.echo(json.dumps(_as_object(found), ensure_ascii=False))
        return
    click.echo(
        say(
            "{name}: firmware {version}, signed by key {key}",
            name=found.name,
            version=found.firmware,
            key=found.key_id.hex(),
        )
    )
    for part, size, digest in found.parts:
        click.echo(f"{digest.hex()}  {size:>9}  {part}")
    for part, source in found.sources:
        click.echo(f"{part}: {source}")


def _as_object(found: Manifest) -> dict[str, object]:
    return {
        "v": 1,
        "name": found.name,
        "firmware": found.firmware,
        "key": found.key_id.hex(),
        "parts": [{"name": part, "size": size, "sha256": digest.hex()} for part, size, digest in found.parts],
        "sources": dict(found.sources),
    }


def _firmware_version(application: Path | None) -> str:
    """As version.py says; "" where the given program is compiled already."""
    path = (application or FIRMWARE) / "version.py"
    source = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = [line for line in source.splitlines() if line.startswith("VERSION = ")]
    return found[0].partition("=")[2].strip().strip('"') if found else ""

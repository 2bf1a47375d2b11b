# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity profile`: check and read device profiles."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import rich_click as click

from device_profiles import Profile, find_mistakes, load_captures, load_profiles
from device_profiles.files import PROFILE_FILE
from gateway_agent.errors import ConfigError
from startcity.profile_page import object_of, page_of
from startcity.translated import TranslatedGroup, lang_option
from startcity.words import language, say
from tools.flash.application import FIRMWARE

_FOLDER_OPTION = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of a city's own profiles. Default: the shipped ones.",
)


@click.group("profile", cls=TranslatedGroup)
@lang_option
def group() -> None:
    """Check and read device profiles."""


@group.command("check")
@click.argument("profile_id", metavar="[PROFILE]", required=False)
@click.option(
    "--all", "check_all", is_flag=True, help="Check every profile of the folder (the default without PROFILE)."
)
@_FOLDER_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: profiles, captures, errors, warnings.")
@lang_option
def check(profile_id: str | None, check_all: bool, folder: Path | None, as_json: bool) -> None:
    """Check profiles and captures; each mistake is shown with file, line, key and what to write. Exit code 1 if there is one.

    \b
    Examples:
      startcity profile check --all
      startcity profile check parking-qmc5883l
      startcity profile check --all --json --folder my-profiles
    """
    if profile_id is not None and check_all:
        raise click.UsageError(say("Give a profile or --all, not both."))
    profiles, captures_count, mistakes = find_mistakes(folder)
    if profile_id is not None:
        profiles = [profile for profile in profiles if profile.id == profile_id]
        mistakes = [mistake for mistake in mistakes if profile_id in (mistake.file.parent.name, mistake.key)]
        if not profiles and not mistakes:
            raise ConfigError(_unknown(profile_id, folder))
        captures_count = sum(len(load_captures(profile)) for profile in profiles) if not mistakes else 0
    warnings = _without_application(profiles)
    if as_json:
        errors = [{"file": str(m.file), "line": m.line, "key": m.key, "text": m.advice} for m in mistakes]
        click.echo(
            json.dumps({"profiles": len(profiles), "captures": captures_count, "errors": errors, "warnings": warnings})
        )
    else:
        for mistake in mistakes:
            click.echo(str(mistake), err=True)
        for warning in warnings:
            click.echo(warning["text"], err=True)
        counts = {"profiles": len(profiles), "captures": captures_count, "mistakes": len(mistakes)}
        click.echo(say("Profiles read: {profiles}; captures: {captures}; mistakes: {mistakes}.", **counts))
    sys.exit(1 if mistakes else 0)


def _without_application(profiles: Sequence[Profile]) -> list[dict[str, str]]:
    """No mistake, because a profile may be written before its program; but such a node cannot be flashed."""
    folder = FIRMWARE / "apps"
    if not folder.is_dir():  # an installation without the sources cannot tell
        return []
    template = (
        "{file}: firmware.app: there is no firmware/apps/{app}.py yet; until then no board can be flashed with it."
    )
    return [
        {"file": str(file), "key": "firmware.app", "text": say(template, file=file, app=profile.app)}
        for profile in profiles
        if not (folder / f"{profile.app}.py").is_file()
        for file in (profile.folder / PROFILE_FILE,)
    ]


@group.command("list")
@click.option("--family", help="Only the profiles of this family, such as parking.")
@_FOLDER_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list: id, version, family, name.")
@lang_option
def list_(family: str | None, folder: Path | None, as_json: bool) -> None:
    """List the profiles: id, version and name. Exit code 1 if there is none.

    \b
    Examples:
      startcity profile list
      startcity profile list --family parking
      startcity profile list --lang it
    """
    known = load_profiles(folder).values()
    profiles = [profile for profile in known if family is None or profile.family == family]
    if not known:
        advice = say("{folder} has no profiles: each is a folder with a profile.toml in it.", folder=folder)
        click.echo(f"startcity: {advice}", err=True)
    elif not profiles:
        families = ", ".join(sorted({profile.family for profile in known}))
        advice = say("No profile is of the family {family}. Known: {known}.", family=family, known=families)
        click.echo(f"startcity: {advice}", err=True)
    if as_json:
        rows = [{"id": p.id, "version": p.version, "family": p.family, "name": _name(p)} for p in profiles]
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        for profile in profiles:
            click.echo(f"{profile.id:<28} {profile.version:>3}  {_name(profile)}")
    sys.exit(0 if profiles else 1)


@group.command("show")
@click.argument("profile_id", metavar="PROFILE")
@_FOLDER_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with the texts in both languages.")
@lang_option
def show(profile_id: str, folder: Path | None, as_json: bool) -> None:
    """Show a profile: what the device measures, what can be set, its alarms, power and commissioning.

    \b
    Examples:
      startcity profile show parking-qmc5883l
      startcity profile show parking-qmc5883l --lang it
      startcity profile show parking-qmc5883l --json
    """
    profiles, _, mistakes = find_mistakes(folder)
    profile = next((profile for profile in profiles if profile.id == profile_id), None)
    if profile is None:
        for mistake in mistakes:
            if mistake.file.parent.name == profile_id or mistake.file == folder:
                raise mistake
        raise ConfigError(_unknown(profile_id, folder))
    captures = load_captures(profile)
    if as_json:
        click.echo(json.dumps(object_of(profile, captures), ensure_ascii=False))
    else:
        for line in page_of(profile, captures):
            click.echo(line)


def _name(profile: Profile) -> str:
    return profile.texts[language()].name


def _unknown(profile_id: str, folder: Path | None) -> str:
    known = ", ".join(sorted(profile.id for profile in find_mistakes(folder)[0]))
    return say("There is no profile {profile}. Known: {known}.", profile=profile_id, known=known)

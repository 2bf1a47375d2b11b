# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity.toml`: options of a command that stay the same from board to board, in a section of the command's name.

    [flash]
    profile = "climate-sht4x"
    wifi-ssid = "citta"
    wifi-password-file = "wifi.txt"    # beside this file; passwords themselves are no options, so none can stand here

The command line and the environment come before it. Paths are relative to the file. `startcity sim city` writes one, and names its folder
in a section [city].
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

from gateway_agent.errors import ConfigError
from simulators.standing_lock import is_running
from startcity.words import say

DEFAULTS_FILE = Path("startcity.toml")
_BYTES_MAX = 1 << 16
_F = TypeVar("_F", bound=Callable[..., Any])


def defaults_option(section: str) -> Callable[[_F], _F]:
    """`--defaults FILE` of the command whose options stand in `section`."""

    def take(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
        path = value if value is not None else DEFAULTS_FILE
        if value is None and not path.is_file():
            return
        content = _read(path)
        found = content.get(section, {})
        if isinstance(found, dict) and found:
            ctx.default_map = _by_parameter(ctx.command, path, section, found)
            names = ", ".join(f"--{name}" for name in found)
            click.echo(say("From {file}, where not given here: {names}.", file=path.absolute(), names=names), err=True)
        city = content.get("city")
        if (
            isinstance(city, dict)
            and isinstance(city.get("folder"), str)
            and not is_running(path.parent / city["folder"])
        ):
            template = "The simulated city of {file} does not run: start it with `startcity sim city --dir {folder}`."
            click.echo(say(template, file=path, folder=city["folder"]), err=True)

    return click.option(
        "--defaults",
        type=click.Path(path_type=Path, dir_okay=False),
        is_eager=True,
        expose_value=False,
        callback=take,
        help="TOML file with options, in a section of the command's name. Default: startcity.toml in this folder, if there is one.",
    )


def _read(path: Path) -> dict[str, Any]:
    """Raises: ConfigError."""
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES_MAX + 1)
        if len(data) > _BYTES_MAX:
            raise ValueError(f"more than {_BYTES_MAX} bytes")
        return tomllib.loads(data.decode())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(say("{file} cannot be read: {reason}.", file=path, reason=reason)) from error


def _by_parameter(command: click.Command, path: Path, section: str, found: dict[str, Any]) -> dict[str, Any]:
    """By the parameters' names, as click wants them. Raises: ConfigError: there is no such option."""
    options = {
        name.removeprefix("--"): parameter
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.expose_value
        for name in parameter.opts
        if name.startswith("--")
    }
    defaults: dict[str, Any] = {}
    for name, value in found.items():
        option = options.get(name)
        if option is None or option.name is None:
            about = {"file": path, "section": section, "name": name, "known": ", ".join(sorted(options))}
            raise ConfigError(say("{file}: [{section}] has no option {name}. Known: {known}.", **about))
        is_place = isinstance(option.type, click.Path) or (name == "port" and "://" not in str(value))
        values = value if isinstance(value, list) else [value]
        if is_place:
            values = [str((path.parent / str(one)).absolute()) if str(one) != "-" else "-" for one in values]
        defaults[option.name] = values if option.multiple else values[0] if len(values) == 1 else value
    return defaults

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity sim`: the simulated city, without hardware."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Literal

import rich_click as click

from simulators.repository import require_repository
from simulators.rom.command import board


@click.group("sim")
def group() -> None:
    """Run a city on simulators: the real firmware, gateway, collector and brokers, no hardware."""


@group.command("demo")
@click.option(
    "--seconds",
    type=click.FloatRange(min=5),
    default=lambda: float(os.environ.get("DEMO_SECONDS", "60")),
    show_default="60, or DEMO_SECONDS",
    help="How long the nodes produce before they stop and everything drains.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Leave keys, logs, journal and archive in this folder.",
)
@click.option(
    "--broker", type=click.Choice(["mosquitto", "amqtt"]), help="Default: mosquitto where it is installed, else amqtt."
)
def demo(seconds: float, keep: Path | None, broker: Literal["mosquitto", "amqtt"] | None) -> None:
    """Twelve nodes of all families for a minute; the uplink is cut, the gateway killed, and every reading accounted for.

    The last line is one JSON object. Exit code 0 only if everything that the nodes produced was verified exactly once at the city.

    \b
    Examples:
      startcity sim demo
      startcity sim demo --seconds 20 --keep /tmp/city
    """
    require_repository("startcity sim demo")
    from simulators.city import CityPlan  # noqa: PLC0415  (keeps `startcity --help` quick)
    from simulators.demo import run_demo  # noqa: PLC0415

    sys.exit(run_demo(seconds, keep, CityPlan(broker=broker)))


@group.command("city")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("city"),
    show_default=True,
    help="Everything of it lies in this folder.",
)
@click.option("--stop", "stops", is_flag=True, help="End the one that runs there; it can be started again as it was.")
@click.option("--foreground", is_flag=True, help="Stay in this terminal, until Ctrl-C.")
@click.option(
    "--broker", type=click.Choice(["mosquitto", "amqtt"]), help="Default: mosquitto where it is installed, else amqtt."
)
def city(folder: Path, stops: bool, foreground: bool, broker: Literal["mosquitto", "amqtt"] | None) -> None:
    """A small city to try the tools on: brokers, vault, gateway, collector, and one blank board on a virtual cable.

    It goes on in the background. startcity.toml in this folder gets what `startcity flash` and `startcity provision` need.
    It is made for the climate profiles: somebody breathes on the board's sensor every now and then.

    Exit codes: 0 it runs, or with --stop it has ended; 1 it did not start, or did not run.

    \b
    Examples:
      startcity sim city
      startcity flash
      startcity provision --yes
      startcity sim city --stop
    """
    require_repository("startcity sim city")
    from simulators import standing_city  # noqa: PLC0415
    from simulators.standing_lock import is_running  # noqa: PLC0415

    try:
        if stops:
            has_run = standing_city.stop(folder)
            click.echo("The city has ended." if has_run else f"No city runs in {folder}.")
            sys.exit(0 if has_run else 1)
        if foreground:
            standing_city.serve(folder, broker)
            return
        if not is_running(folder):
            standing_city.start(folder, broker)
    except standing_city.CityError as error:
        click.echo(f"startcity: {error}", err=True)
        sys.exit(1)
    where = "" if folder == Path("city") else f" --dir {shlex.quote(str(folder))}"
    click.echo(f"A city runs in {folder}: brokers, vault, gateway, collector, and a board on {folder}/board.")
    state = standing_city.state_of_board(folder)
    if state == "in service":
        click.echo("the board      is in service already")
    else:
        if state == "blank":
            click.echo("next           startcity flash              makes the board a node")
        click.echo(f"{'' if state == 'blank' else 'next':<15}startcity provision --yes    puts it into service")
    click.echo(f"to end it      startcity sim city --stop{where}")


group.add_command(board)

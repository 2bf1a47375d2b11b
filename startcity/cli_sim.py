# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity sim`: the simulated city, without hardware."""

from __future__ import annotations

import os
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


group.add_command(board)

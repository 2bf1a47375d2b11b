# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`python -m simulators.replay parking|strain|meter < recording.csv > states.jsonl`

Each kind is a script `run_<kind>.py` beside this file, which runs on the virtual machine, reads the CSV from standard input and
writes one JSON line for each row. What each one reads and writes is in docs/replay.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from simulators.repository import require_repository
from simulators.vm import FIRMWARE, interpreter

_HERE = Path(__file__).resolve().parent
_HEAP_BYTES = 16 << 20  # the recording streams through; this leaves room for the longest window of any detector


@click.command()
@click.argument("kind", type=click.Choice(["parking", "strain", "meter"]))
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the detector; may be repeated."
)
def replay(kind: str, settings: tuple[str, ...]) -> None:
    """Run a recording (CSV on standard input) through the firmware's own detector.

    \b
    parking  time_s,temperature_degc,x_ut,y_ut,z_ut       -> {"time_s", "occupied": true|false|null, ...}
    strain   time_s,strain_ustrain[,temperature_degc]     -> {"time_s", "alarms", "cycles", ...}
    meter    time_s,litres_total                          -> {"time_s", "alarms", ...}

    One JSON object a row, in the order of the rows. A row that cannot be read gives the state before it with
    {"row", "error"} and is counted; the exit code is then 1. It is 2 where the first line lacks a column, or a setting is wrong.

    \b
    Settings, with their defaults:
      parking  weakest_nt=1500 occupied_h_max=168 starts_empty=0
      strain   those of `startcity profile show strain-hx711`
      meter    leak_l_h=4 leak_h=22 night_l_h=2 nights=3 burst_l_h=1500 burst_min=30 q4_l_h=5000 resolution_ml=1000

    \b
    Example:
      python -m simulators.replay parking < stall.csv > states.jsonl
    """
    require_repository("python -m simulators.replay")
    environment = {**os.environ, "MICROPYPATH": f"{_HERE}:{FIRMWARE}:.frozen"}
    script = _HERE / f"run_{kind}.py"
    command = [*interpreter(), "-X", f"heapsize={_HEAP_BYTES}", str(script), *settings]
    try:
        done = subprocess.run(command, env=environment, check=False)
    except FileNotFoundError:
        click.echo(
            "The MicroPython virtual machine is missing: `make` installs it, or name it in STARTCITY_MICROPYTHON.",
            err=True,
        )
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(done.returncode)


if __name__ == "__main__":
    replay()

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`python -m bench [NAME ...]`: every figure as one JSON line, ours and the peer's from the same run on the same machine."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import alarm, day, drain, energy, idle, outage, paced, rate, stampede, survive, upstream
from bench.stage import Figure

NAMES = (
    "upstream", "day", "stampede", "energy", "idle", "rate", "alarm", "drain", "paced", "outage", "survive",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument(
        "--messages", type=int, default=200_000, help="messages of 3 readings in the drain run (default 200,000)"
    )
    parser.add_argument(
        "--rate-messages",
        type=int,
        default=1_000_000,
        help="messages of 3 readings in the rate run (default 1,000,000: its last batch waits a second for its deadline)",
    )
    parser.add_argument(
        "--paced-messages", type=int, default=20_000, help="messages in the paced runs (default 20,000)"
    )
    parser.add_argument(
        "--survive-messages",
        type=int,
        default=50_000,
        help="messages in the run with a cut and a kill (default 50,000)",
    )
    parser.add_argument("--table", action="store_true", help="print the table of `survive` too")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    names = chosen.names or NAMES
    # On a real disk: /tmp may be memory, and then a sync costs nothing.
    directory = Path(tempfile.mkdtemp(prefix="startcity-bench-", dir="/var/tmp"))
    try:
        directory.chmod(0o755)
        runs: dict[str, Callable[[], list[Figure]]] = {
            "upstream": upstream.run,
            "energy": lambda: energy.run(directory / "energy"),
            "idle": lambda: idle.run(directory / "idle"),
            "rate": lambda: rate.run(directory / "rate", chosen.rate_messages),
            "alarm": lambda: alarm.run(directory / "alarm"),
            "drain": lambda: drain.run(directory / "drain", chosen.messages),
            "outage": lambda: outage.run(directory / "outage", chosen.paced_messages),
            "survive": lambda: survive.run(directory / "survive", chosen.survive_messages),
            "day": lambda: day.run(directory / "day"),
            "stampede": stampede.run,
            "paced": lambda: paced.run(directory / "paced", chosen.paced_messages),
        }
        for name in names:
            figures = runs[name]()
            for figure in figures:
                print(figure.line(), flush=True)
            if name == "survive" and chosen.table:
                print(survive.table(figures), flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()

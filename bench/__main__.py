# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`python -m bench [NAME ...]`: every figure as one JSON line, ours and the peer's from the same run on the same machine."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import energy, idle, paced, rate, upstream
from bench.stage import Figure

NAMES = ("upstream", "energy", "idle", "rate", "paced")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument(
        "--messages", type=int, default=200_000, help="messages of 3 readings in the rate run (default 200,000)"
    )
    parser.add_argument("--paced-messages", type=int, default=30_000, help="messages in the paced run (default 30,000)")
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
            "rate": lambda: rate.run(directory / "rate", chosen.messages),
            "paced": lambda: paced.run(directory / "paced", chosen.paced_messages),
        }
        for name in names:
            for figure in runs[name]():
                print(figure.line(), flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()

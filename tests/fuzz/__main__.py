# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`python -m tests.fuzz [TARGET ...] [--runs 1000000] [--seed N]`: garbage led by coverage (atheris), a process a target.

One JSON object a target and line: target, runs, seconds, crashes. Exit code 1 if anything crashed or took 5 s of the
processor for an answer; the input lies in the folder that is named. Needs `pip install --require-hashes -r requirements-fuzz.lock`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 1_000_000
INPUT_BYTES_MAX = 4_096
ANSWER_S_MAX = 5
ENDLESS_S = 600  # by the wall's clock


def fuzz_here(name: str, runs: int, seed: int, folder: Path) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["gateway_agent", "collector", "device_profiles"]):
        from tests.fuzz.targets import make_targets

    target = make_targets()[name]
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, data in enumerate(target.seeds):
        (corpus / f"{number:04d}").write_bytes(data[:INPUT_BYTES_MAX])

    def take(data: bytes) -> None:
        # By the processor's time: a machine that was halted or starved is no decoder that hangs.
        begun_s = time.process_time()
        target.take(data)
        if time.process_time() - begun_s > ANSWER_S_MAX:
            raise TimeoutError(f"{name}: no answer within {ANSWER_S_MAX} s")

    options = [
        f"-runs={runs}", f"-seed={seed}", f"-max_len={INPUT_BYTES_MAX}", f"-timeout={ENDLESS_S}", "-rss_limit_mb=1024",
        f"-artifact_prefix={folder}/", "-verbosity=0", "-print_final_stats=1", str(corpus),
    ]  # fmt: skip
    atheris.Setup(["fuzz", *options], take)
    atheris.Fuzz()


def fuzz_in_a_process(name: str, runs: int, seed: int) -> tuple[int, bool]:
    """How many inputs were tried, and whether one of them crashed or hung."""
    folder = Path(tempfile.mkdtemp(prefix=f"startcity-fuzz-{name}-"))
    words = [sys.executable, "-m", "tests.fuzz", name, "--runs", str(runs), "--seed", str(seed), "--here", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    executed = [int(line.split()[-1]) for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    found = [path for path in folder.iterdir() if path.is_file()]
    is_crash = done.returncode != 0 or bool(found)
    if is_crash:
        print(done.stdout[-2_000:] + done.stderr[-4_000:] + f"\ninputs: {found or folder}", file=sys.stderr)
    return (executed[0] if executed else 0), is_crash


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here is not None:
        fuzz_here(given.targets[0], given.runs, given.seed, given.here)
    from tests.fuzz.targets import names

    crashes = 0
    for name in given.targets or list(names()):
        started_s = time.monotonic()
        runs, is_crash = fuzz_in_a_process(name, given.runs, given.seed)
        crashes += is_crash
        line = {
            "target": name, "runs": runs, "seconds": round(time.monotonic() - started_s, 1),
            "seed": given.seed, "crashes": int(is_crash),
        }  # fmt: skip
        print(json.dumps(line), flush=True)
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())

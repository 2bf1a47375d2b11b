# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The power-cut campaign as a program: `python -m tests.faults.campaign --cuts 20000 --seed 7`.

Progress and what was broken go to standard error; the last line of standard output is one JSON object. Exit code 0:
nothing acknowledged was lost, doubled or unreadable, and each planted bug was found within 1,000 cuts; 1: not so.

The seed decides every life, whatever the number of workers. A life that breaks a promise is printed with the words that replay it.
"""

from __future__ import annotations

import argparse
import ast
import json
import multiprocessing
import os
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.journal_campaign import Account, BrokenPromiseError, Life, live
from tests.support.planted_bugs import PLANTED

STEPS_MAX = 120
EVERY_STEP_RUNS = 8  # of these the power goes at every single change to the disk
PLANTED_CUTS_MAX = 1_000
BROKEN_PRINTED_MAX = 10
SAY_EACH_S = 5.0


class Outcome(NamedTuple):
    """Of one life; `promise` is empty where none was broken."""

    life: Life
    account: Account
    promise: str = ""
    readings: int = 0
    text: str = ""


def lives(seed: int, folder: Path, every_step_runs: int = EVERY_STEP_RUNS) -> Iterator[Life]:
    """Without end: some runs cut at every step, then random ones, half of them on a disk that also refuses now and then."""
    rng = random.Random(seed)
    for place in range(every_step_runs):
        run = Life(rng.getrandbits(32), None, with_errors=place % 2 == 1)
        steps = live(run, folder).first_steps
        yield from (run._replace(cut_at=step) for step in range(1, steps + 1))
    while True:
        yield Life(rng.getrandbits(32), rng.randrange(1, STEPS_MAX), rng.random() < 0.5)


def try_life(life: Life) -> Outcome:
    """Live it in a folder of this process."""
    with _own_folder() as name:
        try:
            return Outcome(life, live(life, Path(name) / "disk"))
        except BrokenPromiseError as error:
            return Outcome(life, Account(1, 0, 0, 0), error.promise, error.readings, str(error))


def cuts_until_found(name: str, seed: int, cuts_max: int = PLANTED_CUTS_MAX) -> int | None:
    """How many cuts it takes to find a planted bug; None: more than `cuts_max`. The same life has to be well without the bug."""
    cuts = 0
    with _own_folder() as folder:
        for life in lives(seed, Path(folder) / "disk", every_step_runs=0):
            try:
                with PLANTED[name]() as make_files:
                    cuts += live(life, Path(folder) / "disk", make_files).cuts
            except BrokenPromiseError:
                cuts += 1
                if cuts <= cuts_max and not try_life(life).promise:
                    return cuts
            if cuts >= cuts_max:
                return None
    raise AssertionError("lives end")


def _own_folder() -> tempfile.TemporaryDirectory[str]:
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(prefix="campaign-", dir=memory if memory.is_dir() else None)


def _find_planted(task: tuple[str, int]) -> tuple[str, int | None]:
    return task[0], cuts_until_found(*task)


def campaign(cuts: int, seed: int, workers: int) -> dict[str, Any]:
    """Run it; the JSON object as a dict."""
    started_s = said_s = time.monotonic()
    totals: Counter[str] = Counter()
    with multiprocessing.get_context("spawn").Pool(workers) as pool, _own_folder() as folder:
        planted = dict(pool.imap_unordered(_find_planted, [(name, seed) for name in PLANTED]))
        _say(f"planted bugs: cuts until found: {planted}")
        found = pool.imap(try_life, _some(lives(seed, Path(folder) / "disk"), cuts), chunksize=4)
        for outcome in found:
            totals += Counter(
                cuts=outcome.account.cuts,
                lives=1,
                readings=outcome.account.readings,
                evicted=outcome.account.evicted,
                **({outcome.promise: outcome.readings, "broken_lives": 1} if outcome.promise else {}),
            )
            if outcome.promise and totals["broken_lives"] <= BROKEN_PRINTED_MAX:
                _say(f"{outcome.text}\nreplay: python -m tests.faults.campaign --replay '{tuple(outcome.life)}'")
            if time.monotonic() - said_s > SAY_EACH_S:
                said_s = time.monotonic()
                rate = totals["cuts"] / (said_s - started_s)
                _say(f"{totals['cuts']} of {cuts} cuts, {rate:.0f} a second, {totals['broken_lives']} lives broken")
            if totals["cuts"] >= cuts:
                break
        pool.terminate()
    return {
        "cuts": totals["cuts"],
        "acknowledged_lost": totals["acknowledged_lost"],
        "duplicated": totals["duplicated"],
        "unreadable": totals["unreadable"],
        "planted_found": sum(needed is not None for needed in planted.values()),
        "seed": seed,
        "lives": totals["lives"],
        "readings": totals["readings"],
        "evicted_batches": totals["evicted"],
        "planted": planted,
        "seconds": round(time.monotonic() - started_s),
    }


def _some(endless: Iterator[Life], cuts: int) -> Iterator[Life]:
    """Enough for so many cuts; a pool takes all that it is offered. A life has one cut at least, but where its work was done
    before."""
    return islice(endless, 2 * cuts + 100)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """0: every promise held; 1: one was broken, or a planted bug was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.campaign", description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=int(os.environ.get("STARTCITY_CUTS", "20000")))
    parser.add_argument("--seed", type=int, default=None, help="decides everything; drawn where it is not given")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", metavar="LIFE", help="(seed, cut at, with errors) of one life")
    asked = parser.parse_args()
    if asked.replay:
        outcome = try_life(Life(*ast.literal_eval(asked.replay)))
        _say(outcome.text or f"no promise broken: {outcome.account}")
        return int(bool(outcome.promise))
    seed = secrets.randbits(32) if asked.seed is None else asked.seed
    _say(f"seed {seed}, {asked.cuts} cuts, {asked.workers} workers")
    result = campaign(asked.cuts, seed, asked.workers)
    print(json.dumps(result))
    broken = result["acknowledged_lost"] or result["duplicated"] or result["unreadable"]
    return int(bool(broken) or result["planted_found"] < len(PLANTED))


if __name__ == "__main__":
    sys.exit(main())

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How the leak rules do on the water meters of households: alarms that people get, and leaks that are found. The bars of the leak rules.

A row is (time in s, total in ml). The recordings are those of the DAIAD trial, hourly; they lie outside this repository.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import random
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.firmware_module import firmware_module

REPO = Path(__file__).parents[2]
leak_rules = firmware_module("node_core/leak_rules.py")
HOUR_S, MONTH_S = 3600, 30 * 86400
FOUND_S = 48 * HOUR_S

Row = tuple[int, int]
Rules = Callable[[], Any]


class Found(NamedTuple):
    """Of so many leaks: an alarm was on within 48 hours; an alarm *began* within 48 hours."""

    leaks: int
    on: int
    began: int


def data_folder() -> Path:
    """The recordings of water meters, where they are."""
    return Path(os.environ.get("STARTCITY_TEST_DATA") or REPO.parent / "shared" / "data") / "water-meters"


def load_meters(folder: Path) -> dict[str, list[Row]]:
    """Every meter's rows in the order of time."""
    meters: dict[str, list[Row]] = {}
    with zipfile.ZipFile(folder / "swm_trialA_extended_clean.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith(".csv") and "MACOSX" not in name)
        rows = csv.reader(io.StringIO(archive.read(name).decode("ascii")), delimiter=";")
        next(rows)
        for meter, when, total_l, _ in rows:
            at = datetime(int(when[6:10]), int(when[3:5]), int(when[:2]), *map(int, when[11:].split(":")), tzinfo=UTC)
            meters.setdefault(meter, []).append((int(at.timestamp()), int(float(total_l)) * 1000))
    for rows_of_one in meters.values():
        rows_of_one.sort()
    return meters


def is_held_out(meter: str) -> bool:
    """Half of the meters, by their names' hash: the rules' settings were chosen on the other half."""
    return hashlib.sha256(meter.encode()).digest()[0] % 2 == 1


def alarm_starts(rows: Sequence[Row], rules: Any) -> list[tuple[int, int]]:
    """(time, bit) of each alarm that begins."""
    starts: list[tuple[int, int]] = []
    before = 0
    for at_s, total_ml in rows:
        rules.update(at_s, total_ml)
        starts.extend((at_s, bit) for bit, _ in leak_rules.NAMES if rules.alarms & bit & ~before)
        before = rules.alarms
    return starts


def is_calm(rows: Sequence[Row], rules: Any) -> bool:
    """At most two alarms in every calendar month and in every 30 days."""
    times = [at_s for at_s, _ in alarm_starts(rows, rules)]
    months = Counter(datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m") for at_s in times)
    return max(months.values(), default=0) <= 2 and all(
        third - first >= MONTH_S for first, third in zip(times, times[2:], strict=False)
    )


def share_calm(meters: Sequence[Sequence[Row]], rules: Rules = leak_rules.LeakRules) -> float:
    """Share of the meters with at most two alarms a month, whatever month one takes."""
    return sum(is_calm(rows, rules()) for rows in meters) / len(meters)


def inject(rows: Sequence[Row], from_s: float, leak_l_h: int, resolution_ml: int = 1000) -> list[Row]:
    """The same recording with `leak_l_h` more from then on, in whole steps of the meter."""
    return [
        (at_s, total_ml + int(max(0.0, at_s - from_s) * leak_l_h * 1000 / HOUR_S) // resolution_ml * resolution_ml)
        for at_s, total_ml in rows
    ]


def find_leaks(
    meters: Sequence[Sequence[Row]],
    dice: random.Random,
    count: int,
    flows_l_h: Sequence[int],
    rules: Rules = leak_rules.LeakRules,
) -> Found:
    """Leaks of random size at random times in random meters; the recordings' own holes are not avoided."""
    on = began = 0
    for _ in range(count):
        rows = dice.choice(meters)
        from_s = dice.uniform(rows[0][0], rows[-1][0] - FOUND_S)
        one = rules()
        before = 0
        is_on = has_begun = False
        for at_s, total_ml in inject(rows, from_s, dice.choice(flows_l_h)):
            if at_s > from_s + FOUND_S:
                break
            one.update(at_s, total_ml)
            if at_s > from_s:
                is_on = is_on or bool(one.alarms)
                has_begun = has_begun or bool(one.alarms & ~before)
            before = one.alarms
        on += is_on
        began += has_begun
    return Found(count, on, began)

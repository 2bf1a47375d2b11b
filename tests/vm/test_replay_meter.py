# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`python -m simulators.replay meter`: a recording through the firmware's leak rules, on the virtual machine."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

from simulators.world.water_use import WaterUse
from tests.support.leak_figures import leak_rules
from tests.support.vm_run import ROOT

START_MS = 1_790_000_000_000 // 86_400_000 * 86_400_000


def replay(text: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "simulators.replay", "meter", *words],
        input=text, capture_output=True, text=True, cwd=ROOT, check=False, timeout=100,
    )  # fmt: skip


def rows_of(period_s: int, days: int, leak_l_h: float) -> list[tuple[int, float]]:
    use = WaterUse(START_MS, seed=8, leak_l_h=leak_l_h, leak_from_ms=START_MS + days * 43_200_000)
    return list(use.rows(START_MS + days * 86_400_000, period_s))


def as_csv(rows: list[tuple[int, float]]) -> str:
    return "time_s,litres_total\n" + "".join(f"{at_s},{litres:g}\n" for at_s, litres in rows)


def test_each_row_gives_one_line_with_the_decisions_of_the_firmware() -> None:
    """Hourly rows with a leak: times, flow, consumption, alarms and the rule are those of the same rules on this Python."""
    rows = rows_of(3600, 20, 7.0)
    done = replay(as_csv(rows))
    assert done.returncode == 0, done.stderr
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["time_s"] for line in lines] == [at_s for at_s, _ in rows]
    rules = leak_rules.LeakRules()
    for (at_s, litres), line in zip(rows, lines, strict=True):
        rules.update(at_s, int(litres * 1000))
        assert line["alarms"] == [name for bit, name in leak_rules.NAMES if rules.alarms & bit]
        assert line["consumption_l"] == rules.consumed_ml / 1000
        assert line["flow_l_h"] == (None if rules.flow_ml_h is None else rules.flow_ml_h / 1000)
    found = next(line for line in lines if line["alarms"])
    assert found["alarms"] == ["leak"] and found["rule"] == "no_zero_hour"
    assert 10 * 24 <= (found["time_s"] * 1000 - START_MS) / 3_600_000 <= 10 * 24 + 24


def test_thirty_thousand_rows_take_less_than_a_minute() -> None:
    """Three weeks of readings each minute, and the leak in them is found."""
    rows = rows_of(60, 21, 6.0)[:30_000]
    text = as_csv(rows)
    started = time.monotonic()
    done = replay(text)
    took_s = time.monotonic() - started
    lines = done.stdout.splitlines()
    print(f"{len(lines)} rows in {took_s:.1f} s")
    assert done.returncode == 0 and len(lines) == 30_000 and took_s < 60
    assert json.loads(lines[-1])["alarms"] == ["leak"]


def test_bad_rows_are_named_and_settings_count() -> None:
    """A row that is no number is an error line of its own; a setting changes the rules; a wrong header or setting ends it with 2."""
    done = replay("time_s,litres_total\n0,1000\n3600,x\n7200,1003.5\n7200,1003.5\n")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1 and "1 rows could not be used" in done.stderr
    assert lines[1]["row"] == 3 and "not a number" in lines[1]["error"]
    assert lines[1]["alarms"] == [] and lines[1]["consumption_l"] == 0 and lines[1]["time_s"] == 3600
    assert lines[3]["consumption_l"] == 3.5 and lines[3]["left_out"] == 0
    rows = as_csv(rows_of(3600, 6, 3.0))
    assert not any(json.loads(line)["alarms"] for line in replay(rows, "--set", "nights=9").stdout.splitlines())
    told = [json.loads(line) for line in replay(rows, "--set", "leak_l_h=2").stdout.splitlines()]
    assert told[-1]["rule"] == "no_zero_hour"
    assert replay("time_s,litres\n").returncode == 2 and replay(rows, "--set", "leak=2").returncode == 2
    assert replay(rows, "--set", "leak_l_h=0").returncode == 2 and replay(rows, "--set", "q4_l_h=-1").returncode == 2


def test_a_counter_that_begins_anew_or_runs_back_is_a_line_each() -> None:
    """Litres with decimals, a reset, a counter that swings back, an absurd total: one line a row, and no water that did not run."""
    totals = ["1000.25", "1000.75", "3.5", "4.0", "3.9", "4.25", "2e12", "4.5"]
    text = "time_s,litres_total\n" + "".join(f"{hour * 3600},{total}\n" for hour, total in enumerate(totals))
    done = replay(text + "1700000000000,5\n28800,4.75")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1 and len(lines) == len(totals) + 2, done.stderr
    assert [line["consumption_l"] for line in lines] == [0, 0.5, 0.5, 1.0, 1.0, 1.25, 1.25, 1.5, 1.5, 1.75]
    assert [line["implausible"] for line in lines[:6]] == [False, False, True, False, False, False]
    assert lines[6]["error"] == "out of range: litres_total 2e12" and lines[8]["error"].startswith(
        "out of range: time_s"
    )

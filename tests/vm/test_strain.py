# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The strain family on the real virtual machine: the ADS1220's driver, the application on both converters, and its cost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import islice, pairwise
from typing import Any

import pytest

from device_profiles import load_captures, load_profiles
from tests.support.vm_run import ROOT, run_script

SCRIPTS = "tests/vm/scripts"
JUMP = {"STARTCITY_CLOCK": "rate:0"}
ROOMY_BYTES = 32 << 20  # the scripts keep every sample to compare


@pytest.mark.parametrize(
    "what", ["recording", "rates", "extremes", "wrong", "stuck", "brown_out", "flash", "temperature", "full", "heap"]
)
def test_ads1220_keeps_its_promises(what: str) -> None:
    """Every conversion at its instant, each rate and gain, named faults, a ring that is full, a locked heap."""
    text = run_script(f"{SCRIPTS}/strain_ads1220.py", what, board=True, env=JUMP, heap_bytes=ROOMY_BYTES)
    assert text.endswith("ok\n"), text


def test_ads1220_misses_no_conversion_ten_times_faster_than_real_time() -> None:
    """Twenty seconds of a recording at 175 a second arrive whole, each code at its instant, while the host's clock runs."""
    env = {"STARTCITY_CLOCK": "rate:10"}
    text = run_script(f"{SCRIPTS}/strain_ads1220.py", "recording", board=True, env=env, heap_bytes=ROOMY_BYTES)
    assert text.endswith("ok\n"), text


def test_captures_of_the_ads1220_are_decoded_by_the_drivers() -> None:
    """Every capture of the profile, as bytes in the chip, comes out of the real driver as its captures.toml says."""
    captures = load_captures(load_profiles()["strain-ads1220"])
    found: list[Any] = []
    raws = iter(capture.raw for capture in captures)
    while some := list(islice(raws, 6)):
        text = run_script(f"{SCRIPTS}/captures_strain.py", json.dumps(some), board=True, env=JUMP)
        found += [json.loads(line) for line in text.splitlines()]
    expected: list[Any] = [c.expect if c.error is None else {"error": c.error} for c in captures]
    assert {c.name: f for c, f in zip(captures, found, strict=True)} == {
        c.name: e for c, e in zip(captures, expected, strict=True)
    }


def run_app(what: str, profile: str, **changed: object) -> str:
    """The application's stage `what` with the settings of a profile."""
    settings = load_profiles()[profile].firmware_config(changed)["settings"]
    return run_script(
        f"{SCRIPTS}/strain_app.py",
        what,
        board=True,
        env={**JUMP, "STARTCITY_SETTINGS": json.dumps(settings)},
        heap_bytes=ROOMY_BYTES,
    )


@pytest.mark.parametrize(
    ("what", "profile"),
    [
        ("event", "strain-hx711"),
        ("event", "strain-ads1220"),
        ("bounds", "strain-hx711"),
        ("thresholds", "strain-hx711"),
        pytest.param("bounds", "strain-ads1220", marks=pytest.mark.proof),
        pytest.param("thresholds", "strain-ads1220", marks=pytest.mark.proof),
    ],
)
def test_events_and_alarms_are_reported(profile: str, what: str) -> None:
    """A passage with its raw samples and pre-trigger, the bounds and what they cost, thresholds at once and not too often."""
    text = run_app(what, profile)
    print(text)
    assert text.endswith("ok\n"), text


@pytest.mark.parametrize(
    ("what", "profile", "changed"),
    [
        ("commands", "strain-hx711", {}),
        ("compensation", "strain-hx711", {}),
        ("compensation", "strain-ads1220", {"converter_temperature": True}),
        ("breakage", "strain-ads1220", {}),
    ],
)
def test_commands_temperature_and_faults(what: str, profile: str, changed: dict[str, object]) -> None:
    """Sampling now and re-zero, compensation by either thermometer, faults of the converter with their names."""
    text = run_app(what, profile, **changed)
    assert text.endswith("ok\n"), text


BUDGET_US = 50  # an ESP32 is 50 to 100 times slower than this machine: at most half of its time at 100 samples a second


def test_a_sample_costs_little_time_and_no_heap() -> None:
    """From the ring through statistics, cycles, drift and load, events included: with the heap locked, and within the budget of time."""
    settings = load_profiles()["strain-hx711"].firmware_config({})["settings"]
    env = {"STARTCITY_SETTINGS": json.dumps(settings)}
    text = run_script(f"{SCRIPTS}/strain_cost.py", "50000", env=env)
    print(text)
    assert float(text.split()[1]) <= BUDGET_US


def replay(csv: str, *settings: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    """(exit code, rows, totals of standard error's last line) of `python -m simulators.replay strain`."""
    command = [
        sys.executable,
        "-m",
        "simulators.replay",
        "strain",
        *(word for each in settings for word in ("--set", each)),
    ]
    done = subprocess.run(command, input=csv, capture_output=True, text=True, cwd=ROOT, timeout=100, check=False)
    errors = [line for line in done.stderr.splitlines() if line.startswith("{")]
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], json.loads((errors or ["{}"])[-1])


def test_a_replay_finds_loads_steps_alarms_and_cycles() -> None:
    """Fifteen minutes at 10 a second: two passages, a load that stays, thresholds, and a thermal drift that is none of these."""
    lines = ["time_s,strain_ustrain,temperature_degc"]
    for tenth in range(9000):
        thermal = 0.0117 * tenth / 10
        load = 8.5 if 2000 <= tenth < 2100 or 3000 <= tenth < 3060 else 30 if tenth >= 5000 else 0
        lines.append(f"{tenth / 10},{thermal + load:.3f},{20 + tenth / 10000:.3f}")
    lines.insert(5, "0.35,nonsense,20")
    code, rows, totals = replay(
        "\n".join(lines), "pstrain_per_k=11700000", "live_alarm_nstrain=20000", "static_warning_nstrain=25000"
    )
    assert (
        code == 1 and len(rows) == 9001 and rows[4] == rows[3] | {"row": 6, "error": rows[4]["error"], "time_s": 0.35}
    )
    del rows[4]
    starts = [row["time_s"] for before, row in pairwise(rows) if row["event"] and not before["event"]]
    assert starts == pytest.approx([200, 300, 500], abs=0.5) and rows[-1]["events"] == totals["events"] == 3
    steps = [row["step_ustrain"] for row in rows if "step_ustrain" in row]
    assert len(steps) == 1 and steps[0] == pytest.approx(30 + 3.5, abs=1)
    said = [(round(row["time_s"]), text) for row in rows for text in row.get("said", [])]
    assert said == [(500, "live alarm"), (800, "live over"), (800, "static warning")]
    assert rows[5100]["alarms"] == ["live alarm"] and rows[-1]["alarms"] == ["static warning"]
    assert rows[-1]["strain_ustrain"] == pytest.approx(30, abs=1.5) and rows[-1]["static_ustrain"] > 38
    assert totals["halves_of_nstrain"] and rows[-1]["cycles"] == 1


def test_rows_ten_minutes_apart_are_no_silences() -> None:
    """A record whose rows are further apart than `hold_s` keeps its baseline; a hole of three rows and more still begins it anew."""
    code, rows, _ = replay(
        "time_s,strain_ustrain\n" + "".join(f"{at * 600},{(1, 2, 1, 30)[at % 4]}\n" for at in range(20))
    )
    assert code == 0 and rows[-1]["events"] > 2 and rows[5]["static_ustrain"] == pytest.approx(1, abs=2)
    code, rows, _ = replay("time_s,strain_ustrain\n0,1\n600,1\n1200,1\n1800,1\n9000,50\n9600,50\n10200,50\n")
    assert code == 0 and rows[-1]["events"] == 0 and rows[-1]["static_ustrain"] == 50


def test_replay_settings_that_mean_nothing_are_refused() -> None:
    """Exit code 2 before any row where a time, a size or a period is not above 0; thresholds and offsets may be anything."""
    for setting in ("baseline_s=0", "hold_s=-1", "bin_nstrain=0", "repeat_s=x"):
        code, rows, _ = replay("time_s,strain_ustrain\n0,1\n1,1\n", setting)
        assert code == 2 and rows == [], setting
    assert replay("time_s,strain_ustrain\n0,1\n1,1\n", "zero_code=-5", "static_alarm_nstrain=0")[0] == 0


def test_a_replay_s_settings_are_those_of_the_profile() -> None:
    """What a recording shows is what a node with the profile's defaults would say; only the codes are other ones."""
    text = (ROOT / "simulators/replay/run_strain.py").read_text(encoding="utf-8")
    namespace: dict[str, Any] = {}
    source = text[text.index("    {\n") : text.index("    },\n") + 5]
    exec(f"found = {source.strip()}", namespace)
    profile = load_profiles()["strain-hx711"].firmware_config({})["settings"]
    assert isinstance(profile, dict)
    shared = {name: value for name, value in namespace["found"].items() if name not in ("period_us", "spike_codes")}
    assert shared == {name: profile[name] for name in shared} and len(shared) > 12


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_thirty_thousand_rows_are_replayed_in_less_than_a_minute() -> None:
    """As promised to whoever tries a recording."""
    lines = ["time_s,strain_ustrain"] + [f"{place / 100},{place % 700 / 100}" for place in range(30_000)]
    began_s = time.monotonic()
    code, rows, _ = replay("\n".join(lines))
    print(f"{len(rows)} rows in {time.monotonic() - began_s:.1f} s")
    assert code == 0 and len(rows) == 30_000 and time.monotonic() - began_s < 60

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Recordings of a stall through `python -m simulators.replay parking`: the firmware's own detector on the virtual machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from simulators.world.bay import Bay, Row
from tests.support.firmware_module import firmware_module

ROOT = Path(__file__).resolve().parents[2]
HEADER = "time_s,temperature_degc,x_ut,y_ut,z_ut"
parking = firmware_module("node_core/parking_detector.py")


def replay(lines: list[str], *arguments: str, timeout_s: float = 100) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, objects, standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "simulators.replay", "parking", *arguments],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=timeout_s,
    )
    for text in done.stdout.splitlines():
        keys = list(json.loads(text))
        assert keys == sorted(keys, key=lambda key: (key != "time_s", key)), "the same order in every row"
        assert not re.search(r"\.\d*(9999999|0000000)", text), "digits that nobody measured"
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def line(row: Row) -> str:
    x, y, z = row.field_ut
    return f"{row.time_s},{row.temperature_degc:.2f},{x:.3f},{y:.3f},{z:.3f}"


def test_a_recording_is_judged_row_by_row_as_on_cpython() -> None:
    """One object a row with its time; state, deviation and confidence are the detector's own."""
    rows = list(Bay(301, 8).rows())
    code, states, errors = replay([HEADER, *(line(row) for row in rows)])
    assert code == 0 and len(states) == len(rows), errors
    detector = parking.ParkingDetector()
    occupied = {parking.UNKNOWN: None, parking.FREE: False, parking.OCCUPIED: True}
    for row, state in zip(rows, states, strict=True):
        x, y, z = (round(part * 1000) for part in row.field_ut)
        changed = detector.update((x, y, z), round(row.temperature_degc * 100), row.time_s * 1000)
        assert state["time_s"] == row.time_s and state["occupied"] is occupied[detector.state], state
        assert state["changed"] is changed and state["state"] == parking.WORDS[detector.state]
        assert state["deviation_ut"] == pytest.approx(detector.deviation_nt / 1000, abs=0.01)
        assert state["confidence"] == pytest.approx(detector.confidence_pct() / 100, abs=0.011)
    right = sum(state["occupied"] is row.occupied for state, row in zip(states, rows, strict=True))
    assert right > 0.95 * len(rows)


def test_rows_that_cannot_be_used_leave_the_state_as_it_was() -> None:
    """No number, too few cells, time that goes back: an error each, exit code 1, and the other rows as without them."""
    rows = [line(row) for row in Bay(301, 2).rows()]
    _, clean, _ = replay([HEADER, *rows])
    spoilt = [*rows[:100], "1,12.0,1.0,2.0,3.0", "99999,x,1,2,3", "99999,1,2", *rows[100:200], rows[3], *rows[200:]]
    code, states, errors = replay([HEADER, *spoilt])
    assert code == 1 and "4 rows could not be used" in errors
    assert [state["error"].split(":")[0] for state in states if "error" in state] == [
        "time goes back",
        "not a number",
        "too few cells",
        "time goes back",
    ]
    assert [state for state in states if "error" not in state] == clean


def test_a_recorder_whose_clock_was_set_back_costs_two_rows() -> None:
    """A row far in the future does not make all that follow useless: from the third row on the new time counts."""
    rows = [line(row) for row in Bay(301, 2).rows()]
    code, states, _ = replay([HEADER, *rows[:150], "99000000" + rows[150][rows[150].index(",") :], *rows[151:]])
    assert code == 1 and [index for index, state in enumerate(states) if "error" in state] == [151, 152]
    assert states[-1]["time_s"] == int(rows[-1].split(",")[0])


def test_without_temperatures_it_works_and_says_so() -> None:
    """The column may be missing, or some of its cells empty, and columns come in any order."""
    rows = list(Bay(302, 2, traps=False).rows())
    fields = [",".join(f"{part:.3f}" for part in reversed(row.field_ut)) for row in rows]
    code, states, errors = replay(
        ["z_ut,y_ut,x_ut,time_s", *(f"{field},{row.time_s}" for field, row in zip(fields, rows, strict=True))]
    )
    assert code == 0 and len(states) == len(rows), errors
    assert {state["self_test"] for state in states} == {"temperature missing"}
    partly = [
        line(row) if index % 3 else line(row).replace(f",{row.temperature_degc:.2f},", ",,", 1)
        for index, row in enumerate(rows)
    ]
    code, states, errors = replay([HEADER, *partly])
    assert code == 0 and states[0]["self_test"] == "temperature missing" and states[1]["self_test"] == "", errors


def test_what_programs_write_is_read() -> None:
    """A byte order mark, Windows line ends, quotes, capitals, further columns, empty lines and the words for an empty cell."""
    rows = list(Bay(302, 1, traps=False).rows())
    _, plain, _ = replay([HEADER, *(line(row) for row in rows)])
    quoted = ["\ufeffID," + HEADER.upper().replace("Z_UT", '"Z_UT"') + "\r", "\r"]
    quoted += [f'7,{line(row).rpartition(",")[0]},"{row.field_ut[2]:.3f}"\r' for row in rows]
    assert replay(quoted)[:2] == (0, plain)
    words = ("nan", "NaN", "N/A", "null", "None", '""')
    for word, state in zip(
        words, replay([HEADER, *(f"{at},{word},22,1,-40" for at, word in enumerate(words))])[1], strict=True
    ):
        assert state["self_test"] == "temperature missing", word


def test_a_row_that_cannot_be_used_has_the_state_as_it_was() -> None:
    """Whatever stands in the row: one object with its number, the reason and the state of the row before; no bytes end it."""
    rows = [line(row) for row in Bay(301, 1).rows()]
    bad = [
        "nan,1,1,1,1",
        "99999,1,nan,1,1",
        "99999,1,inf,1,1",
        "99999,1,--1,1,1",
        "99999,1,0x1,1,1",
        "x",
        "99999,1,1e300,1,1",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "simulators.replay", "parking"],
        input="\n".join([HEADER, *rows, *bad]).encode() + b"\n\xff\xfe,1,1,1,1\n" + rows[-1].encode(),
        capture_output=True,
        cwd=ROOT,
        check=False,
        timeout=100,
    )
    states = [json.loads(each) for each in done.stdout.splitlines()]
    assert done.returncode == 1 and len(states) == len(rows) + len(bad) + 2
    last = states[len(rows) - 1]
    for index, state in enumerate(states[len(rows) : -1]):
        assert state["row"] == len(rows) + 2 + index and state["error"]
        assert [state[name] for name in ("occupied", "state", "confidence")] == [
            last[name] for name in ("occupied", "state", "confidence")
        ]
        assert state["changed"] is False
    assert states[-2]["error"] == "not UTF-8 text" and "error" not in states[-1]


def test_a_value_no_stall_can_have_is_named_and_spoils_nothing() -> None:
    """Milliseconds since 1970, a field or a temperature beyond any sensor: an error that names column and value; the rows after it
    are judged as without it. What just fits does not end the replay."""
    rows = [line(row) for row in Bay(301, 2).rows()]
    _, clean, _ = replay([HEADER, *rows])
    bad = ["1700000000000,12,22,1,-40", "99999,12,1e12,1,-40", "99999,12,1,-123456789012345,1", "99999,1000001,1,1,1"]
    code, states, _ = replay([HEADER, *rows[:100], *bad, *rows[100:]])
    assert code == 1 and [state["error"] for state in states if "error" in state] == [
        "out of range: time_s 1700000000000",
        "out of range: x_ut 1e12",
        "out of range: y_ut -123456789012345",
        "out of range: temperature_degc 1000001",
    ]
    assert [state for state in states if "error" not in state] == clean
    edge = ["0,20,22,1,-40", "600,20,22,1,-40", "100000000000,100000,100000,-100000,100000", "100000000000,20,22,1,-40"]
    code, states, errors = replay([HEADER, *edge])
    assert code == 0 and len(states) == len(edge), errors
    code, states, errors = replay([HEADER])
    assert code == 0 and not states, errors


def test_a_stall_seen_empty_at_the_first_row_is_free_at_once() -> None:
    """`starts_empty` re-zeroes with the first row that can be used, as the node's setting does; without it that row is unknown."""
    rows = [f"{60 * minute},15.00,{35 if minute in (5, 6) else 22}.0,1.0,-40.0" for minute in range(10)]
    occupied = [minute in (5, 6) for minute in range(10)]
    for value in ("true", "1"):
        code, states, errors = replay([HEADER, "x,1,1,1,1", *rows], "--set", f"starts_empty={value}")
        assert code == 1 and "1 rows" in errors and states[0]["occupied"] is None
        assert [state["occupied"] for state in states[1:]] == occupied
        assert states[1]["changed"] is True and states[1]["deviation_ut"] == 0
    for arguments in (("--set", "starts_empty=false"), ("--set", "starts_empty=0"), ()):
        assert replay([HEADER, rows[0]], *arguments)[1][0]["state"] == "unknown"


def test_settings_and_headers_that_mean_nothing_are_refused() -> None:
    """Exit code 2 and a sentence, before any row."""
    for arguments, header, words in (
        (["--set", "weakest_nt=0"], HEADER, "above 0"),
        (["--set", "weakest=5"], HEADER, "no such setting"),
        (["--set", "starts_empty=2"], HEADER, "true or false"),
        ([], "time_s,x_ut,y_ut", "z_ut is missing"),
        ([], "", "time_s is missing"),
    ):
        code, states, errors = replay([header], *arguments)
        assert code == 2 and not states and words in errors, (arguments, header, errors)


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_half_a_year_takes_less_than_a_minute() -> None:
    """30,000 rows through the virtual machine in under a minute of a machine that is not otherwise busy."""
    lines = [line(row) for row in Bay(5, 190).rows()][:30_000]
    assert len(lines) == 30_000
    begin = time.monotonic()
    _, states, _ = replay([HEADER, *lines], timeout_s=200)
    seconds = time.monotonic() - begin
    print(f"30,000 rows in {seconds:.1f} s")
    assert len(states) == 30_000 and seconds < 60

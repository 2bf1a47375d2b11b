# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a board on a cable is asked, and how what it says is read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from startcity.provision_cable import check_generation
from tests.support.waiting import wait_until
from tools.advice import NamedAdvice
from tools.flash.mpremote import read_answer
from tools.provision.board_program import (
    MARK,
    Heard,
    check_of,
    hear,
    look_program,
    misfit,
    read_board,
    read_written,
    write_program,
)
from tools.provision.steps import CABLE_STEPS, Progress, Step

NODE, PROFILE = "240ac4000001", "climate-sht4x"
ROOTS = {0: bytes(16), 1: bytes(range(16))}
ANSWER = {
    "address": NODE,
    "node": NODE,
    "profile": PROFILE,
    "firmware": "0.1.0",
    "networks": ["citta"],
    "host": "192.0.2.10",
    "port": 1883,
    "generation": 3,
    "roots": {str(number): check_of(root) for number, root in ROOTS.items()},
    "bad": [],
}


@pytest.mark.parametrize(
    ("node", "profile", "roots", "said"),
    [
        (NODE, PROFILE, ROOTS, None),
        (NODE, PROFILE, {7: bytes(16)}, None),
        ("240ac4000002", PROFILE, ROOTS, "node"),
        (NODE, "strain-hx711", ROOTS, "profile"),
        (NODE, PROFILE, {0: bytes(16), 1: bytes(16)}, "key"),
        (NODE, PROFILE, {0: b"x" * 16}, "key"),
    ],
)
def test_another_board_is_told_by_what_differs(
    node: str, profile: str, roots: dict[int, bytes], said: str | None
) -> None:
    """Its id first, then its profile, then its key; a generation that it was not asked for says nothing."""
    assert misfit(read_board(ANSWER), node, profile, roots) == said


def test_a_board_that_was_erased_after_its_move_is_refused() -> None:
    """Under an older generation than the gateway has heard it nothing of it would count; said in both languages."""
    board = read_board(ANSWER)
    for heard in (0, 3):
        check_generation(board, heard)
    with pytest.raises(NamedAdvice, match="--generation 4") as refused:
        check_generation(board, 4)
    assert (refused.value.name, refused.value.exit_code) == ("Erased", 18)


def test_an_answer_that_is_no_answer_is_none_and_wrong_types_are_missing() -> None:
    """Whatever a board prints, nothing is raised."""
    line = MARK + json.dumps(ANSWER)
    assert read_answer(f"boot noise\r\n{line}\r\n", MARK) == ANSWER
    for text in ("", "OK", MARK, MARK + "{", MARK + "[1]", line[:-5]):
        assert read_answer(text, MARK) is None
    board = read_board(
        {"node": 5, "address": NODE, "roots": {"x": 1, "1": 2}, "networks": "no", "port": "1883", "bad": None}
    )
    assert (board.node, board.profile, board.networks, board.port, board.roots) == (NODE, "", (), 0, {1: "2"})
    assert (board.generation, read_board(ANSWER).generation) == (0, 3)
    assert read_written({"state": "written"}).state == "written"
    assert read_written({}).state == read_written({"state": "odd", "reason": "x" * 1000}).state == "refused"
    assert len(read_written({"reason": "x" * 1000}).reason) <= 200


def test_the_programs_are_python_whatever_a_password_holds() -> None:
    """Quotes, backslashes, percent signs and letters beyond ASCII come through; at most sixteen generations are asked for."""
    password = "a'b\"c\\d%s{}\u00e8\n"
    program = write_program({"wifi": [{"ssid": "citt\u00e0", "password": password}]})
    compile(program, "write", "exec")
    assert program.isascii()
    names: dict[str, object] = {"json": json}
    exec(next(line for line in program.splitlines() if line.startswith("CHANGES")), names)
    assert names["CHANGES"] == {"wifi": [{"ssid": "citt\u00e0", "password": password}]}
    compile(look_program(range(40)), "look", "exec")
    assert "[24, 25" in look_program(range(40)) and "[23" not in look_program(range(40))


@pytest.mark.parametrize(
    ("line", "means"),
    [
        ("boot 240ac4000001 fw 0.1.0", Heard.BEGUN),
        ("boot 240ac4000001 fw 0.1.0 profile p number 9 epoch 0011 reset hard SAFE MODE\r", Heard.SAFE),
        ("net joining citta", Heard.JOINING),
        ("net joined citta, address 192.0.2.7, -61 dBm", Heard.JOINING),
        ("net connected to the broker at 192.0.2.10\r", Heard.CONNECTED),
        ("acked 163cba22128c5dc1 1", Heard.CONNECTED),
        ("net citta: wrong password", Heard.TROUBLE),
        ("setup config.json is missing", Heard.STOPPED),
        ("queued 163cba22128c5dc1 0 4 trend", None),
        ("netconnected", None),
        ("", None),
    ],
)
def test_console_lines_that_matter_are_heard(line: str, means: Heard | None) -> None:
    """Only the words of the node's own console."""
    found = hear(line)
    assert (None if found is None else found[0]) == means


def test_a_node_without_a_cable_takes_no_cable_step() -> None:
    """And one with a cable is registered before it is started."""
    assert not set(CABLE_STEPS) & set(Progress(node=NODE, profile=PROFILE).steps)
    wired = Progress(node=NODE, profile=PROFILE, is_wired=True)
    assert wired.next_step is Step.READ and wired.needs_cable
    assert wired.steps.index(Step.REGISTER) < wired.steps.index(Step.START) < wired.steps.index(Step.FIND)
    wired.done = {step.value: 1 for step in CABLE_STEPS}
    assert wired.next_step is Step.REGISTER and not wired.needs_cable


def test_a_tool_ends_with_the_one_who_started_it(tmp_path: Path) -> None:
    """A tool that runs has a living parent; when that is killed with SIGKILL, which nobody can catch, the tool ends too, and with it
    its hold on the port."""
    said = tmp_path / "pid"
    sleeper = tmp_path / "sleeper.py"
    sleeper.write_text(f"import os, time\nopen({str(said)!r}, 'w').write(str(os.getpid()))\ntime.sleep(100)\n")
    parent = (
        "import os, subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-m', 'tools.flash.dies_with_parent', str(os.getpid()), 'sleeper']).wait()\n"
    )
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[3]}"}
    process = subprocess.Popen([sys.executable, "-c", parent], env=env)
    wait_until(lambda: said.exists() and said.read_text(), "the program to run")
    child = int(said.read_text())

    def is_alive() -> bool:
        """A zombie is not: a container's first process may never reap it."""
        try:
            return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    assert is_alive() and process.poll() is None
    process.kill()
    assert process.wait() == -signal.SIGKILL
    wait_until(lambda: not is_alive(), "the program to end")
    assert not is_alive()

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity provision --port`: the real mpremote against the virtual board, up to the real collector's receipt."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway_agent.model import NodeId
from gateway_agent.operate.moved_file import read_moved
from gateway_agent.wire.keys import derive_root
from gateway_agent.wire.label import make_label
from simulators.rom.board import VirtualBoard
from tests.support.wired_street import MASTER, NEW_PASSWORD, NODE, OLD_PASSWORD, PROFILE, WiredStreet
from tools.provision.board_program import MARK
from tools.provision.steps import Step


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[WiredStreet]:
    found = WiredStreet(tmp_path)
    await found.start()
    try:
        yield found
    finally:
        await found.close()


def works_again(board: VirtualBoard) -> bool:
    """Whether the node has begun since it was last asked who it is."""
    lines = list(board.lines)
    asked = max((place for place, line in enumerate(lines) if line.startswith(MARK)), default=len(lines))
    return any(line.startswith("boot ") for line in lines[asked:])


def losses(board: VirtualBoard) -> list[str]:
    """What being stopped and started has cost: what the node has counted as lost, and its application, which safe mode leaves out."""
    return [line for line in list(board.lines) if line.startswith("lost ") or "SAFE MODE" in line]


@pytest.mark.timeout(300)
async def test_a_node_on_a_cable_comes_to_a_receipted_reading(street: WiredStreet) -> None:
    """First it is refused with another node's label, and works on; then network and gateway are corrected, it starts, moves to the
    gateway's generation, and ends with the receipt. No password or root is said, kept or shown in an argument."""
    other = street.folder / "other.txt"
    street.write_secret(other, make_label(NodeId(bytes.fromhex(NODE)), PROFILE, derive_root(bytes(16), 0)))
    words = ("--port", street.board.port, "--label-file", other, "--name", "a", "--place", "b")
    code, events, said = await asyncio.to_thread(street.run, *words)
    assert (code, events[-1]["error"]) == (18, "WrongBoard"), said
    assert await street.board.wait_for(works_again), list(street.board.lines)

    words = ("--port", street.board.port, "--file", street.file, "--name", "a", "--place", "b")
    code, events, said = await asyncio.to_thread(street.run, *words)
    assert code == 2 and "generation 0" in events[-1]["message"], "without its label nothing of it would be heard"

    seen: set[str] = set()
    over = threading.Event()
    watching = threading.Thread(target=_arguments, args=(seen, over))
    watching.start()
    code, events, said = await asyncio.to_thread(street.run, *street.right)
    over.set()
    watching.join()
    assert code == 0, (said, list(street.board.lines)[-20:], street.gateway.log()[-2000:])
    steps = [event["step"] for event in events if event["event"] == "step" and event["state"] == "done"]
    assert steps == [step.value for step in Step]
    board = next(event for event in events if event["event"] == "board")
    assert (board["node"], board["profile"], board["firmware"]) == (NODE, PROFILE, "0.1.0")
    assert [event["state"] for event in events if event["event"] == "configuration"] == ["written"]
    proof = events[-1]["proof"]
    assert (events[-1]["event"], proof["lane"]) == ("end", "trend") and proof["receipted"] >= proof["number"] >= 1
    assert next(event["state"] for event in events if event["event"] == "label") in ("retired", "later")
    assert read_moved(street.gateway.data)[bytes.fromhex(NODE)].generation == 1
    told = said + json.dumps(street.state()) + street.gateway.log() + "\n".join(street.board.lines) + "\n".join(seen)
    assert any("mpremote" in line for line in seen), "the arguments were looked at"
    assert not losses(street.board), "it was stopped and started twice"
    for secret in (OLD_PASSWORD, NEW_PASSWORD, MASTER.hex(), *(derive_root(MASTER, g).hex() for g in (0, 1))):
        assert secret not in told


@pytest.mark.proof
@pytest.mark.timeout(400)
@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # of pyserial 3.5
async def test_a_node_on_a_port_of_another_machine_comes_to_a_receipted_reading(tmp_path: Path) -> None:
    """Over RFC 2217: the node is asked, corrected, started and followed; called again it is stopped, found done and started."""
    street = WiredStreet(tmp_path, over_tcp=True)
    try:
        await street.start()
        assert street.board.port.startswith("rfc2217://")
        code, events, said = await asyncio.to_thread(street.run, *street.right)
        assert code == 0, (said, list(street.board.lines)[-20:], street.gateway.log()[-2000:])
        assert events[-1]["event"] == "end" and events[-1]["proof"] is not None
        assert [event["means"] for event in events if event["event"] == "console"][-1] == "connected"
        assert not losses(street.board), losses(street.board)
    finally:
        await street.close()


class _AlwaysSafe(WiredStreet):
    """Its node has a program that begins in safe mode each time."""

    def _write_flash(self, path: Path) -> None:
        super()._write_flash(path)
        flash = path.read_bytes()
        rule = b"return word & 0xFF >= FAILED_MAX or word"
        assert flash.count(rule) == 1
        path.write_bytes(flash.replace(rule, b"return True or".ljust(len(rule) - 4) + b"word"))


@pytest.mark.proof
@pytest.mark.timeout(300)
async def test_a_node_that_starts_in_safe_mode_is_not_put_into_service(tmp_path: Path) -> None:
    """Its console says so: exit code 23 by its name, at the first try and with --resume."""
    street = _AlwaysSafe(tmp_path)
    await street.start()
    try:
        for words in (street.right, (*street.right, "--resume")):
            code, events, said = await asyncio.to_thread(street.run, *words)
            assert (code, events[-1]["error"]) == (23, "SafeMode"), (said, list(street.board.lines)[-20:])
            assert [event["means"] for event in events if event["event"] == "console"] == ["safe"]
            assert "start" not in street.state()["done"]
    finally:
        await street.close()


@pytest.mark.proof
@pytest.mark.timeout(900)
async def test_killed_at_each_step_it_goes_on_to_the_end(street: WiredStreet) -> None:
    """SIGKILL as soon as a step has begun, the same command again: what was done stays done, the port is free at once,
    the node has moved once, and the last run ends with the collector's receipt."""
    steps = [step.value for step in Step]
    for place, step in enumerate([*steps, None]):
        process = await asyncio.create_subprocess_exec(
            *street.command(*street.right, "--resume"), env=street.environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout is not None
        said: list[dict[str, object]] = []
        async with asyncio.timeout(200):
            async for line in process.stdout:
                said.append(json.loads(line))
                if (said[-1].get("step"), said[-1].get("state")) == (step, "begun"):
                    os.kill(process.pid, signal.SIGKILL)
                    break
            code = await process.wait()
        assert code == (0 if step is None else -signal.SIGKILL), (step, said)
        begun = [event["step"] for event in said if event.get("state") == "begun" and event["event"] == "step"]
        expected = steps[max(0, place - 1) : place + 1]
        # What the command line gives is compared with what the board has, and who is asked who he is has to be started again.
        again = [one for one in ("write", "start") if one not in expected and one in begun]
        assert begun == [*again, *expected], "it goes on with the step that was cut off"
    assert read_moved(street.gateway.data)[bytes.fromhex(NODE)].generation == 1
    assert not losses(street.board), losses(street.board)
    assert said[-1]["event"] == "end" and "retire" in street.state()["done"]
    epochs = {line.split()[1] for line in list(street.board.lines) if line.startswith("epoch ")}
    assert len(epochs) <= 2, "one of its flashing, one of its move"
    assert any("temperature" in str(reading) for reading in street.collector.readings())


def _arguments(seen: set[str], over: threading.Event) -> None:
    """What `ps` would show of our own, again and again, beside the event loop that carries the board."""
    while not over.wait(0.1):
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = place.read_bytes()
            except OSError:
                continue
            if b"mpremote" in line or b"startcity" in line:
                seen.add(line.replace(b"\0", b" ").decode("utf-8", "replace"))

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity provision` that is interrupted, or whose gateway or collector ends meanwhile; and who does it twice."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gateway_agent.wire.keys import derive_root
from simulators.clock import VARIABLE
from simulators.rom.board import VirtualBoard
from tests.support.waiting import wait_until
from tests.support.wired_street import MASTER, NEW_PASSWORD, OLD_PASSWORD, WiredStreet
from tests.system.test_provision import Street
from tests.system.test_provision_cable import losses
from tools.provision.board_program import MARK
from tools.provision.steps import Step

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]


def works(board: VirtualBoard) -> bool:
    """Whether the node has begun since it was last stopped."""
    lines = list(board.lines)
    stopped = max((place for place, line in enumerate(lines) if line.startswith((MARK, "stopped "))), default=-1)
    return any(line.startswith("boot ") for line in lines[stopped + 1 :])


async def run(command: list[str], environment: dict[str, str] | None = None) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )


async def begin(street: WiredStreet, *words: object) -> asyncio.subprocess.Process:
    return await run(street.command(*street.right, *words), street.environment)


async def until_said(process: asyncio.subprocess.Process, said: list[dict[str, Any]], **values: str) -> None:
    """Read on until an event has these values."""
    assert process.stdout is not None
    async with asyncio.timeout(200):
        async for line in process.stdout:
            said.append(json.loads(line))
            if values.items() <= said[-1].items():
                return
    raise AssertionError(f"{values} was not said: {said}")


async def until_begun(process: asyncio.subprocess.Process, step: str, said: list[dict[str, Any]]) -> None:
    await until_said(process, said, event="step", step=step, state="begun")


async def rest_of(process: asyncio.subprocess.Process, said: list[dict[str, Any]]) -> int:
    assert process.stdout is not None
    async with asyncio.timeout(300):
        said.extend([json.loads(line) async for line in process.stdout])
        return await process.wait()


async def test_interrupted_at_each_step_the_node_works_on_and_goes_on(tmp_path: Path) -> None:
    """Ctrl-C or SIGTERM as soon as a step has begun: exit code 130, said as an event, and the node runs its program again at once.
    Two at once: the second is refused. In service it is left as it is, within seconds. No secret is in a file of it."""
    street = WiredStreet(tmp_path)
    try:
        await street.start()
        for number, step in enumerate(Step):
            said: list[dict[str, Any]] = []
            process = await begin(street, "--resume")
            await until_begun(process, step.value, said)
            process.send_signal((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[number % 3])
            assert await rest_of(process, said) == 130, (step, said)
            assert (said[-1]["event"], said[-1]["error"]) == ("error", "Interrupted"), (step, said)
            assert await street.board.wait_for(works), (step, list(street.board.lines)[-10:])
        said = []
        first = await begin(street, "--again")
        await until_begun(first, "find", said)
        code, events, text = await asyncio.to_thread(street.run, *street.right)
        assert (code, events[-1]["error"]) == (3, "Busy"), text
        assert await rest_of(first, said) == 0, said
        begun_s = time.monotonic()
        code, events, text = await asyncio.to_thread(street.run, *street.right)
        print(f"in service already, after {time.monotonic() - begun_s:.1f} s")
        assert code == 0 and events[-1]["already"] and events[-1]["proof"] == said[-1]["proof"], text
        assert await street.board.wait_for(works)
        assert not losses(street.board), losses(street.board)
        roots = [derive_root(MASTER, number).hex() for number in (0, 1)]
        for path in (street.gateway.data / "provision").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
            assert not [one for one in (OLD_PASSWORD, NEW_PASSWORD, MASTER.hex(), *roots) if one in path.read_text()]
    finally:
        await street.close()


async def test_it_waits_for_gateway_and_collector_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that ends is waited for, and is exit code 3 at the limit; one that comes back is gone on with. A collector that does
    not run is waited for, and is exit code 15; once it runs the same node gets its receipt."""
    street = Street(tmp_path)
    monkeypatch.setenv(VARIABLE, street.bench.clock.variable())

    def waited(events: list[dict[str, Any]]) -> list[str]:
        return [event["waits_for"] for event in events if event["event"] == "waiting"]

    try:
        answers = ("--name", "Bench 1", "--place", "Via Roma", "--skip-check", "never", "--skip-check", "level-rises")
        words = ("--label-file", street.label, "--file", street.file, "--set", "each_s=4", *answers)
        running = asyncio.create_task(street.provision(*words, "--wait", 20))
        commands = street.gateway.data / "commands"
        await asyncio.to_thread(wait_until, lambda: list(commands.glob("*.taken")), "the node to be asked")
        street.gateway.kill()
        code, events, said = await running
        assert (code, events[-1]["exit_code"], waited(events)) == (3, 3, ["gateway"]), said
        environment = {VARIABLE: street.bench.clock.variable()}
        street.gateway.start(environment=environment)
        street.collector.kill()
        before = set(commands.glob("*.taken"))
        base = [sys.executable, "-m", "startcity", "provision", "--config", str(street.config), "--json", "--yes"]
        process = await run([*base, "--resume", "--wait", "1000", *answers[4:]])
        await asyncio.to_thread(wait_until, lambda: set(commands.glob("*.taken")) - before, "it to be asked")
        street.gateway.kill()
        events = []
        await until_said(process, events, event="waiting", waits_for="gateway")
        street.gateway.start(environment=environment)
        await street.bench.node.start()
        assert (await rest_of(process, events), events[-1]["error"]) == (15, "NotVerified"), events
        assert waited(events)[-1] == "receipt", events
        street.collector.start()
        code, events, said = await street.provision("--resume")
        assert code == 0 and events[-1]["proof"] is not None, said
    finally:
        await street.close()

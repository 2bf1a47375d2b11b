# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""One simulated node: the real firmware in its own virtual machine, started, watched, cut off and started again.

The node's truth is what its console says, never what a gateway says: with `log = "debug"` the firmware prints
`queued <epoch> <sequence> <readings> <lane>` for each frame that it keeps, and `acked <epoch> <sequence>` for each that it may forget.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import json
import os
import signal
import struct
import sys
import termios
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

_HERE = Path(__file__).resolve().parent
BOOT = _HERE / "board" / "boot_node.py"
FIRMWARE = _HERE.parent / "firmware"
HEAP_BYTES = 1 << 20  # firmware and simulated chips share it; bench measures the firmware alone
_CONSOLE_LINES = 2000
_DEEPSLEEP_RESET = 4


class Queued(NamedTuple):
    """A frame that the node has promised to keep."""

    epoch: str  # 16 hex digits
    sequence: int
    readings: int
    lane: str


def interpreter() -> list[str]:
    """The command of the virtual machine: `STARTCITY_MICROPYTHON`, or the one installed beside this Python."""
    named = os.environ.get("STARTCITY_MICROPYTHON")
    if named:
        return [named]
    beside = Path(sys.executable).with_name("micropython")
    return [str(beside)] if beside.exists() else ["micropython"]


def _is_halted_and_heard(pid: int) -> bool:
    """Whether a process stands still and its console's pipe is empty. Raises: OSError: there is no such process (any more)."""
    state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    with Path(f"/proc/{pid}/fd/1").open("rb", buffering=0) as pipe:
        (unread,) = struct.unpack("i", fcntl.ioctl(pipe.fileno(), termios.FIONREAD, bytes(4)))
    return state == "T" and unread == 0


class SimulatedNode:
    """A board in `directory`, which holds `files/` (config.json, key.bin) and gets its flash image there.

    `start` and `stop` may alternate; what the node has said is counted over all its runs. A reset by the
    firmware (watchdog, update, deep sleep) starts the board again by itself, as on a desk. In deep sleep the process goes on.
    """

    def __init__(
        self,
        directory: Path,
        *,
        world_socket: Path | None = None,
        clock_env: Mapping[str, str] | None = None,
        firmware: Path = FIRMWARE,
        hardware: Mapping[str, object] | None = None,
        heap_bytes: int = HEAP_BYTES,
        env: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self.directory = directory
        self.queued: dict[tuple[str, int], Queued] = {}
        self.acked: set[tuple[str, int]] = set()
        self.restarts = 0
        self.lines: deque[str] = deque(maxlen=_CONSOLE_LINES)
        self.reset_causes: list[int] = []
        self._env = {**os.environ, **(clock_env or {}), **(env or {})}
        self._env.pop("MICROPYPATH", None)
        if world_socket is not None:
            self._env["STARTCITY_SIM"] = str(world_socket)
        self._command = [
            *interpreter(),
            "-X",
            f"heapsize={heap_bytes}",
            str(BOOT),
            str(directory),
            str(firmware),
        ]
        self._on_line = on_line
        self._world_socket = world_socket
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_wanted = False
        self._awaits_line = False  # everything that was read from the console is taken
        self._changed = asyncio.Condition()
        if hardware is not None:
            (directory / "hardware.json").write_text(json.dumps(hardware), encoding="utf-8")

    @property
    def is_running(self) -> bool:
        process = self._process
        return process is not None and process.returncode is None

    @property
    def pid(self) -> int | None:
        """Of the virtual machine, while there is one."""
        return None if self._process is None else self._process.pid

    @property
    def config(self) -> dict[str, object]:
        """The configuration that the installer copied onto the board."""
        config = json.loads((self.directory / "files" / "config.json").read_text(encoding="utf-8"))
        assert isinstance(config, dict)
        return config

    @functools.cached_property
    def node_id(self) -> str:
        """12 hex digits, as in the configuration."""
        return str(self.config["node"])

    @property
    def runs(self) -> list[dict[str, Any]]:
        """The board's account of each of its runs that ended by itself (simulators/board/power.py)."""
        try:
            text = (self.directory / "power.jsonl").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

    @property
    def produced(self) -> int:
        """Readings in the frames that the node has promised to keep."""
        return sum(frame.readings for frame in self.queued.values())

    @property
    def acknowledged(self) -> int:
        """Readings in the frames that the node was told it may forget."""
        return sum(frame.readings for key, frame in self.queued.items() if key in self.acked)

    @property
    def unacknowledged(self) -> int:
        """Frames that the node still has to keep."""
        return len(self.queued.keys() - self.acked)

    async def start(self) -> None:
        """Power on."""
        if self._task is not None and not self._task.done():
            raise RuntimeError(f"the node in {self.directory} runs already")
        self._is_wanted = True
        await self._launch()
        self._task = asyncio.create_task(self._watch(), name=f"node {self.directory.name}")

    async def stop(self) -> None:
        """Power off, at once and without warning: a board has no other way. What it has said until then is still read."""
        self._is_wanted = False
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        if self._task is not None:
            await self._task

    async def stop_if_settled(self) -> bool:
        """Power off if everything that the node has promised to keep is acknowledged, else leave it running.

        The board is halted for the look, so that it promises nothing between that and its end.
        """
        process = self._process
        if self.unacknowledged or process is None or process.returncode is not None:
            return False
        process.send_signal(signal.SIGSTOP)
        with contextlib.suppress(OSError):  # it has just ended by itself, to start again
            looks = 0
            while looks < 2:  # twice running: a line that was read just before the first look is taken by the second
                looks = looks + 1 if self._awaits_line and _is_halted_and_heard(process.pid) else 0
                await asyncio.sleep(0.001)
            if not self.unacknowledged:
                await self.stop()
                return True
            process.send_signal(signal.SIGCONT)
        return False

    async def hold(self) -> None:
        """Pull every sensor's plug: the node reports the faults, then only sends what it has."""
        await self.tell(
            {"absent": ["qmc5883l", "lis3mdl", "mmc5983ma", "sht4x", "hx711", "pulse_source", "modbus_meter"]}
        )

    async def tell(self, values: Mapping[str, object]) -> None:
        """Change this node's surroundings, through its world."""
        if self._world_socket is None:
            raise RuntimeError("this node has no world")
        _, writer = await asyncio.open_unix_connection(str(self._world_socket))
        writer.write(json.dumps({"tell": self.node_id, "set": dict(values)}).encode() + b"\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def wait_for(self, condition: Callable[[SimulatedNode], bool], timeout_s: float = 30) -> bool:
        """Wait until `condition(self)` holds; looks after every console line. False where the time ran out."""
        async with self._changed:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._changed.wait_for(lambda: condition(self))
            except TimeoutError:
                return condition(self)
        return True

    async def wait_for_line(self, part: str, timeout_s: float = 30) -> bool:
        """Wait until a console line holds `part`."""
        return await self.wait_for(lambda node: any(part in line for line in node.lines), timeout_s)

    async def _launch(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1 << 20,
        )

    async def _watch(self) -> None:
        while True:
            process = self._process
            assert process is not None and process.stdout is not None
            while True:
                self._awaits_line = True
                line = await process.stdout.readline()
                self._awaits_line = False
                if not line:
                    break
                await self._take_line(line.decode(errors="replace").rstrip("\n"))
            await process.wait()
            if not await self._restart():
                async with self._changed:
                    self._changed.notify_all()
                return

    async def _restart(self) -> bool:
        """After the process has ended: was it a reset? Then start again."""
        try:
            left = json.loads((self.directory / "power.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        if not self._is_wanted:
            return False
        self.restarts += 1
        self.reset_causes.append(int(left["cause"]))
        await self._launch()
        return True

    async def _take_line(self, line: str) -> None:
        words = line.split()
        async with self._changed:
            self.lines.append(line)
            if len(words) == 5 and words[0] == "queued":
                frame = Queued(words[1], int(words[2]), int(words[3]), words[4])
                self.queued[frame.epoch, frame.sequence] = frame
            elif len(words) == 3 and words[0] == "acked":
                self.acked.add((words[1], int(words[2])))
            elif words and words[0].startswith("rst:"):  # deep sleep is over, in the same process
                self.restarts += 1
                self.reset_causes.append(_DEEPSLEEP_RESET)
            self._changed.notify_all()
        if self._on_line is not None:
            self._on_line(line)

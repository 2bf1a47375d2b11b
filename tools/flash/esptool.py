# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""esptool as a process: identify, write, verify, erase, read; and how often each is tried.

Theory of operation
-------------------
A block whose answer is lost ends esptool: its own retry cannot work then. So retries are ours: each try is a new process,
at the next lower speed, and skips the parts that the flash holds already (`--skip-flashed`, by the digest that the chip computes).
A fault that a person has to mend ends the ladder at once. Between two calls the chip stays in its boot loader, so that no program
starts on half-written flash; the last one resets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.flash.chips import Chip
from tools.flash.esptool_text import Identity, classify, read_identity, read_mac, read_progress
from tools.flash.flash_fault import FlashFault
from tools.flash.ports import is_url
from tools.flash.program import run_module

BAUDS = (921600, 460800, 115200)
_RETURN_S = 15  # for a port that vanished to come back: re-enumeration takes two or three
_PAUSE_S = 0.5
_CONNECT_S, _URL_CONNECT_S = 30, 90  # seen over RFC 2217: 10 s to connect
_SILENCE_S, _URL_SILENCE_S = 60, 120
_ERASE_S = 300  # 16 MB of slow flash, without a word

Progress = Callable[[float], None]  # 0 to 100
Retrying = Callable[[FlashFault, int], None]  # what failed, the speed of the next try


class Part(NamedTuple):
    """A file and where in flash it belongs."""

    offset: int
    path: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size


class Line:
    """One port, and how to speak to the boot loader behind it."""

    def __init__(self, port: str, folder: Path, *, baud_max: int = BAUDS[0], before: str = "default-reset") -> None:
        """`folder` is private; `before` is esptool's word for how the chip gets into its boot loader."""
        self.port = port
        self.bauds = tuple(baud for baud in BAUDS if baud <= baud_max) or (BAUDS[-1],)
        self._folder = folder
        self._before = before
        self._has_stub = True

    async def identify(self, chip: Chip | None = None, *, resets: bool = False) -> Identity:
        """Ask the board what it is. Raises FlashFault."""
        said = ""
        for number in range(2):
            try:
                said = await self._run(chip, BAUDS[-1], ("flash-id",), 0, resets=resets)
                break
            except FlashFault as fault:
                if number or not fault.is_retryable:
                    raise
                self._note(fault)
                await self._come_back()
        return read_identity(said)

    async def write(
        self, board: Identity, parts: Sequence[Part], progress: Progress, retrying: Retrying, *, resets: bool = False
    ) -> None:
        """Write the parts that the flash does not hold yet; esptool compares the digests. Raises FlashFault."""
        total = sum(part.size for part in parts)
        ends = {part.offset: part.offset + part.size for part in parts}

        def hear(line: str) -> None:
            _same_board(line, board)
            found = read_progress(line)
            if found is not None and total:
                # The line names an address; how far that is counts over all parts.
                done = sum(max(0, min(found[0], end) - start) for start, end in ends.items())
                progress(min(99.0, 100 * done / total))

        words = ["write-flash", "--skip-flashed"]
        for part in parts:
            words += [hex(part.offset), str(part.path)]
        await self._climb(board, tuple(words), total, retrying, hear, resets=resets)
        progress(100.0)

    async def verify(self, board: Identity, parts: Sequence[Part], retrying: Retrying, *, resets: bool = True) -> None:
        """Compare parts of the flash with their files. Raises FlashFault."""
        words = ["verify-flash"]
        for part in parts:
            words += [hex(part.offset), str(part.path)]
        total = sum(part.size for part in parts)
        hear = watch(board)
        await self._climb(board, tuple(words), total, retrying, hear, resets=resets)

    async def erase(self, board: Identity, retrying: Retrying, *, resets: bool = False) -> None:
        """The whole flash. Raises FlashFault."""
        await self._climb(board, ("erase-flash",), 0, retrying, watch(board), resets=resets, silence_s=_ERASE_S)

    async def read(
        self, board: Identity, offset: int, size: int, path: Path, progress: Progress, retrying: Retrying
    ) -> None:
        """A piece of the flash into a file. Raises FlashFault."""

        def hear(line: str) -> None:
            _same_board(line, board)
            found = read_progress(line)
            if found is not None:
                progress(min(99.0, found[1]))

        words = ("read-flash", hex(offset), hex(size), str(path))
        await self._climb(board, words, size, retrying, hear, resets=False)
        progress(100.0)

    async def reset(self, board: Identity) -> None:
        """Into the application. Raises FlashFault."""
        await self._run(board.chip, BAUDS[-1], ("read-mac",), 0, resets=True)

    async def _climb(
        self,
        board: Identity,
        words: tuple[str, ...],
        size: int,
        retrying: Retrying,
        hear: Callable[[str], None],
        *,
        resets: bool,
        silence_s: float = 0,
    ) -> None:
        bauds = list(self.bauds)
        if len(bauds) == 1:
            bauds *= 2  # one loss of a reply is no reason to give a board up
        await self._wait_for_port()
        for number, baud in enumerate(bauds):
            try:
                await self._run(board.chip, baud, words, size, resets=resets, hear=hear, silence_s=silence_s)
                return
            except FlashFault as fault:
                if not fault.is_retryable or number + 1 == len(bauds):
                    raise
                self._note(fault)
                retrying(fault, bauds[number + 1])
                await self._come_back()

    def _note(self, fault: FlashFault) -> None:
        if fault.name == "stub_failed":
            self._has_stub = False

    async def _come_back(self) -> None:
        await asyncio.sleep(_PAUSE_S)
        await self._wait_for_port()

    async def _wait_for_port(self) -> None:
        """A board with USB of its own leaves the bus when it is reset. Raises FlashFault port_lost where it stays away."""
        if is_url(self.port):
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + _RETURN_S
        while not Path(self.port).exists() and loop.time() < until:  # noqa: ASYNC110, ASYNC240  (nothing tells)
            await asyncio.sleep(0.1)
        if not Path(self.port).exists():  # noqa: ASYNC240
            raise FlashFault("port_lost", port=self.port)

    async def _run(
        self,
        chip: Chip | None,
        baud: int,
        words: tuple[str, ...],
        size: int,
        *,
        resets: bool,
        hear: Callable[[str], None] | None = None,
        silence_s: float = 0,
    ) -> str:
        over_url = is_url(self.port)
        options = ["--chip", chip.name if chip else "auto", "--port", self.port, "--baud", str(baud)]
        options += ["--before", self._before, "--after", "hard-reset" if resets else "no-reset"]
        if not self._has_stub:
            options.append("--no-stub")
        connect_s = _URL_CONNECT_S if over_url else _CONNECT_S
        slowest = 4000 if over_url else min(baud, 115200) / 20  # bytes a second, with every block sent twice
        limit_s = connect_s + 60 + max(size / slowest, silence_s)
        silence_s = silence_s or (_URL_SILENCE_S if over_url else _SILENCE_S)
        ended = await run_module(
            "esptool", *options, *words, limit_s=limit_s, silence_s=silence_s, folder=self._folder, on_line=hear
        )
        if ended.exit_code == 0:
            return ended.text
        if ended.exit_code is None:
            raise FlashFault("time_out")
        fault = classify(ended.text, self.port)
        # Where the boot loader had answered, a port that is not there has gone.
        if fault.name == "port_missing" and read_mac(ended.text) is not None:
            fault = FlashFault("port_lost", port=self.port)
        raise fault


def watch(board: Identity) -> Callable[[str], None]:
    """Hears a program's lines, and raises FlashFault other_board where another board speaks."""
    return lambda line: _same_board(line, board)


def _same_board(line: str, board: Identity) -> None:
    """A master belongs to one address: whoever exchanges boards on a port must not get it onto another one."""
    mac = read_mac(line)
    if mac is not None and mac != board.mac:
        raise FlashFault("other_board", found=mac, wanted=board.mac)

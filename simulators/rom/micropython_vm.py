# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""MicroPython running from the flash image: the real virtual machine behind a pseudo-terminal, made to behave as on the ESP32.

Three things differ on a PC and are put right here. Ctrl-C interrupts a program that runs (as a signal, and only while the machine
catches that one), and is a character at the prompt or while the program has switched interrupting off. A soft reset is a new process;
it returns to the raw prompt where it came from one, without running main.py. What is typed while a program is being interrupted
waits for the prompt.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import signal
import termios
import time
import tty
from collections.abc import Callable, Mapping
from pathlib import Path

from simulators.vm import interpreter

BOOT = Path(__file__).resolve().parent / "vm" / "boot_board.py"
READY = b"\x1eready\n"  # boot_board.py says it before anything of the board's own runs
_RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n"
_FRIENDLY_BANNER = b'Type "help()" for more information.\r\n'
_SOFT_RESET = 5  # cause in power.json
_TYPED_BYTES_MAX = 1 << 16
_CHUNK_BYTES = 1 << 16
_LOOK_S = 0.002
_QUIET_LOOKS = 100  # each a millisecond
_INTERRUPT_S = 0.5  # then what waits is typed all the same: the program has caught the interrupt
_BANNER_BYTES = 64


def _die_with_the_terminal() -> None:
    """In the child: a hang-up ends it, also where we were started by something that ignores hang-ups, as nohup does."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _halt(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    for _ in range(1000):
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2]
        if state.split()[0] == "T":
            break


def _is_in_call(pid: int) -> bool:
    """Of a halted process; True also where this machine does not let it be seen."""
    try:
        return not Path(f"/proc/{pid}/syscall").read_text(encoding="ascii").startswith("-1")
    except PermissionError:
        return True


class MicroPython:
    """One stay in the application, from a reset to the next, over all soft resets in between."""

    def __init__(
        self,
        state: Path,
        settings: Mapping[str, object],
        env: Mapping[str, str],
        heap_bytes: int,
        on_output: Callable[[bytes], None],
        on_reset: Callable[[int], None],
    ) -> None:
        """`state` is the folder for what outlives a reset, `settings` what boot_board.py wants to know.

        `on_reset(cause)` is called where the program has reset the board, with the cause as MicroPython numbers it, or 0 where the
        virtual machine has died.
        """
        self._state = state
        self._settings = dict(settings)
        self._env = env
        self._heap_bytes = heap_bytes
        self._on_output = on_output
        self._on_reset = on_reset
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_over = False
        self._master = -1
        self._is_ready = False
        self._is_raw = False
        self._typed = bytearray()
        self._free_at: float | None = None  # until then what is typed waits for the prompt
        self._timer: asyncio.TimerHandle | None = None
        self._tail = b""
        self._before_ready = b""

    @property
    def pid(self) -> int | None:
        """Of the virtual machine, while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def start(self) -> None:
        """Once."""
        self._task = asyncio.create_task(self._run())

    def kill(self) -> None:
        """A chip that is reset says no good-bye: from here on the program does and says nothing."""
        self._is_over = True
        pid = self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._close_terminal()

    async def wait(self) -> None:
        """Until the process that was killed is gone."""
        if self._task is not None:
            await self._task

    def type(self, data: bytes) -> None:
        """Bytes from the serial line. Beyond 64 KiB that wait they are lost."""
        self._typed += data[: max(0, _TYPED_BYTES_MAX - len(self._typed))]
        self._pass_typed()

    # ---- the process

    async def _launch(self) -> asyncio.subprocess.Process:
        self._is_ready = False
        self._before_ready = b""
        self._free_at = None
        self._master, slave = os.openpty()
        tty.setraw(slave)
        attributes = termios.tcgetattr(slave)
        attributes[3] |= (
            termios.NOFLSH
        )  # without meaning here: the virtual machine's prompt clears it, so it shows who reads
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        settings = {**self._settings, "raw": self._is_raw, "terminal": os.ttyname(slave)}
        try:
            process = await asyncio.create_subprocess_exec(
                *interpreter(),
                "-X",
                f"heapsize={self._heap_bytes}",
                "-i",
                str(BOOT),
                env={**self._env, "STARTCITY_BOARD": json.dumps(settings)},  # an argument may have 255 characters
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
                preexec_fn=_die_with_the_terminal,
            )
        finally:
            os.close(slave)
        self._process = process
        if not self._is_over:
            os.set_blocking(self._master, False)
            asyncio.get_running_loop().add_reader(self._master, self._read)
        return process

    def _close_terminal(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._master >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._master)
            loop.remove_writer(self._master)
            os.close(self._master)
            self._master = -1

    async def _run(self) -> None:
        """Until the board is reset in another way than softly."""
        cause = _SOFT_RESET
        while cause == _SOFT_RESET:
            process = await self._launch()
            if self._is_over:  # while it was being started
                self.kill()
            await process.wait()
            if not self._is_over:
                self._read()  # what it has said last
            self._close_terminal()
            if self._is_over:
                return
            cause = self._reset_cause()
            if not self._is_ready and self._before_ready:
                self._on_output(self._before_ready)  # why it has died
            if cause == _SOFT_RESET:
                self._on_output(b"MPY: soft reboot\r\n")
        self._on_reset(cause)

    def _reset_cause(self) -> int:
        try:
            return int(json.loads((self._state / "power.json").read_text(encoding="utf-8"))["cause"])
        except (OSError, ValueError, KeyError):
            return 0

    # ---- what it says

    def _read(self) -> None:
        while self._master >= 0:
            try:
                data = os.read(self._master, _CHUNK_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                asyncio.get_running_loop().remove_reader(self._master)  # it has ended; `_run` sees to that
                return
            if not data:
                return
            self._heard(data)

    def _heard(self, data: bytes) -> None:
        if not self._is_ready:
            self._before_ready += data
            before, mark, data = self._before_ready.partition(READY)
            if not mark:
                if len(before) > _CHUNK_BYTES:
                    raise RuntimeError(
                        "the board's virtual machine does not start: " + before[:500].decode("utf-8", "replace")
                    )
                return
            if before:
                self._on_output(before)
            self._is_ready = True
            if self._is_raw:  # the prompt that the soft reset came from
                self._typed[:0] = b"\x01"
                self._free_at = asyncio.get_running_loop().time() + 3600  # not before the prompt is there
            self._pass_typed()
        if not data:
            return
        tail = self._tail + data
        raw, friendly = tail.rfind(_RAW_BANNER), tail.rfind(_FRIENDLY_BANNER)
        if raw != friendly:  # one of them was found
            self._is_raw = raw > friendly
        self._tail = tail[-_BANNER_BYTES:]
        self._on_output(data)

    # ---- what is typed

    def _pass_typed(self) -> None:
        if not self._is_ready or self._master < 0 or not self._typed:
            return
        loop = asyncio.get_running_loop()
        if self._free_at is not None:
            if not self._is_at_prompt() and loop.time() < self._free_at:
                self._look_later()
                return
            self._free_at = None
        data = bytes(self._typed)
        cut = data.find(b"\x03")
        if cut == 0:
            if self._interrupt():
                del self._typed[:1]
                self._free_at = loop.time() + _INTERRUPT_S
                self._look_later()
                return
            data = data[:1]  # a character like any other; the next one may be no more
        elif cut > 0:
            data = data[:cut]
        try:
            count = os.write(self._master, data)
        except BlockingIOError:
            count = 0
        except OSError:
            return
        del self._typed[:count]
        if self._typed:
            if count:
                self._pass_typed()
            else:
                self._look_later()

    def _look_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._looked)

    def _looked(self) -> None:
        self._timer = None
        self._pass_typed()

    def _is_at_prompt(self) -> bool:
        try:
            reads_itself = termios.tcgetattr(self._master)[3] == 0
        except termios.error:
            return False
        return reads_itself and not self._catches_interrupt()

    def _catches_interrupt(self) -> bool:
        pid = self.pid
        if pid is None:
            return False
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return False
        caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
        return bool(int(caught, 16) >> (signal.SIGINT - 1) & 1)

    def _interrupt(self) -> bool:
        """Signal the program that runs; False where none does. It is halted for the look: at the prompt the signal would end it, and in
        the middle of a collection it would leave the heap locked, so it comes while the machine waits in a system call."""
        pid = self.pid
        if pid is None or not self._catches_interrupt():
            return False
        try:
            for left in reversed(range(_QUIET_LOOKS)):
                _halt(pid)
                if left == 0 or _is_in_call(pid):
                    break
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.001)
            catches = self._catches_interrupt()
            if catches:
                os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGCONT)
        except (ProcessLookupError, FileNotFoundError):
            return False
        return catches

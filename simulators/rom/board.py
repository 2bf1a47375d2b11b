# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The virtual board: chip, flash, serial line, and which program has the line.

Theory of operation
-------------------
The chip is in one of five states:

    off           no power, no port
    reset         held in reset by the control lines
    download      the boot loader listens (loader.py)
    application   MicroPython runs from the flash (micropython_vm.py)
    unbootable    the flash holds nothing that starts; the ROM says so again and again

A real board is led between them by two control lines, DTR and RTS. Over RFC 2217 they exist, and the usual circuit of two transistors is
modelled: RTS alone holds the chip in reset, DTR alone pulls its boot pin low, and what that pin says shortly after the
end of the reset decides. On a pseudo-terminal there are none, so two rules stand in for them, chosen so that tools need no options:

* A synchronisation frame of the boot loader, complete and exact, resets the chip into download mode, whatever ran before.
* When the port is closed after somebody has spoken to the boot loader, the chip is reset into the application. That is what
  tools mean to do with the control lines when they have finished. So `--after no-reset` is not obeyed on a pseudo-terminal.

Pulling the plug takes the power too, as USB does.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from simulators.rom import boot_image, partitions
from simulators.rom.board_pins import moved_pins
from simulators.rom.chips import CHIPS
from simulators.rom.faults import Faults
from simulators.rom.line import Line
from simulators.rom.loader import SYNC_FRAME, Event, Loader
from simulators.rom.micropython_vm import MicroPython
from simulators.rom.nor_flash import NorFlash
from simulators.rom.partitions import Partition, TableError
from simulators.rom.pty_line import PtyLine
from simulators.rom.rfc2217_line import Rfc2217Line
from simulators.rom.tcp_line import TcpLine
from simulators.vm import HEAP_BYTES

State = Literal["off", "reset", "download", "application", "unbootable"]
DEFAULT_MAC = "240ac4000001"
_LINES_MAX = 2000
_LINE_BYTES_MAX = 4096
_STRAP_S = 0.15  # over RFC 2217 the two lines change one after the other, tens of milliseconds apart
_COMPLAINT_S = 0.5
_DEATHS_MAX = 5  # of the virtual machine in a row, by itself: then the board stays as it is
_DEEP_SLEEP_RESET = 4
_MIB = 1 << 20


class VirtualBoard:
    """`async with VirtualBoard(path) as board:` is a board with power, whose serial port is `board.port`."""

    def __init__(
        self,
        flash: Path,
        *,
        chip: str = "esp32",
        size_mb: int = 4,
        mac: str = DEFAULT_MAC,
        link: Path | None = None,
        rfc2217_port: int | None = None,
        socket_port: int | None = None,
        faults: Faults | None = None,
        profile: str = "",
        hardware: Mapping[str, object] | None = None,
        world_socket: Path | None = None,
        clock_env: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        heap_bytes: int = HEAP_BYTES,
    ) -> None:
        """
        Args:
            flash: file with the whole flash; made erased where it is missing. `<name>.state` beside it keeps what outlives a reset.
            chip: esp32, esp32s3 or esp32c3.
            size_mb: of the flash, 1 to 16, a power of two.
            mac: base address, 12 hex digits.
            link: a symbolic link to the pseudo-terminal, as a port's name that stays.
            rfc2217_port: TCP port on this machine instead of a pseudo-terminal; 0 takes a free one.
            socket_port: the same without control lines, a plain connection.
            faults: what is wrong with the board; may be changed while it runs.
            profile: whose sensors are soldered on; "" takes the one that config.json in its file system names.
            hardware: soldered parts, as simulators/board/wiring.py describes them.
            world_socket: surroundings to join (simulators/world).
            clock_env: of a SimulationClock.
            env: added to the virtual machine's environment.
            heap_bytes: of the virtual machine; the simulated chips live in it too.
        """
        if chip not in CHIPS:
            raise ValueError(f"no chip is called {chip!r}: {', '.join(CHIPS)}")
        if len(bytes.fromhex(mac)) != 6:
            raise ValueError(f"a base address has 12 hex digits, not {mac!r}")
        if sum(kind is not None for kind in (link, rfc2217_port, socket_port)) > 1:
            raise ValueError("a port is either a link to a pseudo-terminal or a TCP port of one kind")
        self.flash = flash
        self.chip = CHIPS[chip]
        self.size_mb = size_mb
        self.mac = mac
        self.faults = faults if faults is not None else Faults()
        self.state: State = "off"
        self.history: list[State] = []
        self.lines: deque[str] = deque(maxlen=_LINES_MAX)
        self.on_console: Callable[[bytes], object] | None = None  # hears what the ROM and the application say
        self.state_dir = flash.with_name(flash.name + ".state")
        self._line: Line
        if socket_port is not None:
            self._line = TcpLine(socket_port)
        else:
            self._line = PtyLine(link) if rfc2217_port is None else Rfc2217Line(rfc2217_port)
        self._hardware = dict(hardware or {})
        if chip != "esp32":
            self._hardware.setdefault("pins", moved_pins(chip))
        self._profile = profile
        self._heap_bytes = heap_bytes
        self._env = {**os.environ, **(clock_env or {}), **(env or {})}
        self._env.pop("MICROPYPATH", None)
        if world_socket is not None:
            self._env["STARTCITY_SIM"] = str(world_socket)
        self._nor: NorFlash | None = None
        self._loader: Loader | None = None
        self._vm: MicroPython | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None  # of the state
        self._back: asyncio.TimerHandle | None = None  # the plug, after a fault has pulled it
        self._deaths = 0
        self._heard = b""  # the end of what the application was sent, for a frame that comes in pieces
        self._rest = b""  # of a console line
        self._late_until = 0.0
        self._stay = 0  # counts the chip's stays in a state, so that late answers of an old one are dropped
        self._changed = asyncio.Event()

    # ---- for who uses it

    @property
    def port(self) -> str:
        """The name to give to a tool."""
        return self._line.port

    @property
    def pid(self) -> int | None:
        """Of the virtual machine, while one runs."""
        return self._vm.pid if self._vm is not None else None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, *, download: bool = False) -> None:
        """Plug it in; `download` is the boot button held meanwhile.

        Raises:
            FlashImageError: the file cannot be this flash.
        """
        if self.state != "off":
            raise RuntimeError("the board has power already")
        self._nor = NorFlash(self.flash, self.size_mb)
        self.state_dir.mkdir(mode=0o700, exist_ok=True)
        await self._line.open(self)
        self._enter("reset")
        self._begin(download=download)

    async def stop(self) -> None:
        """Pull the plug, for good."""
        self._unplug()
        if self._back is not None:
            self._back.cancel()
            self._back = None
        while self._ending:
            await asyncio.gather(*self._ending)
        if self._nor is not None:
            self._nor.close()
            self._nor = None

    async def unplug(self) -> None:
        """Pull the plug: no power, no port."""
        self._unplug()
        while self._ending:
            await asyncio.gather(*self._ending)

    async def plug_in(self) -> None:
        """After `unplug` or the fault `gone`; the port has its old name if that was a link or a TCP port."""
        if self.state == "off":
            await self._line.open(self)
            self._enter("reset")
            self._begin(download=False)

    def reset(self, *, download: bool = False) -> None:
        """Press the reset button; `download` is the boot button held meanwhile."""
        if self.state != "off":
            self._enter("reset")
            self._begin(download=download)

    async def wait_for(self, condition: Callable[[VirtualBoard], bool], timeout_s: float = 30) -> bool:
        """Wait until `condition(self)` holds; looks after each console line and each change of state. False where the time ran out."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(self):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return condition(self)
        return True

    async def wait_for_line(self, part: str, timeout_s: float = 30) -> bool:
        """Wait until a console line of the application holds `part`."""
        return await self.wait_for(lambda board: any(part in line for line in board.lines), timeout_s)

    # ---- what the line tells (line.py)

    def line_opened(self) -> None:
        """Nothing: a board does not notice."""

    def line_closed(self) -> None:
        loader = self._loader
        if not self._line.has_signals and loader is not None and loader.has_synced:
            self.reset()

    def line_data(self, data: bytes) -> None:
        if self.faults.is_silent:
            return
        if self._loader is not None:
            self._take(data)
            return
        if not self._line.has_signals:
            whole = self._heard + data
            at = whole.find(SYNC_FRAME)
            if at >= 0:
                self._heard = b""
                self._enter("reset")
                self._begin(download=True)
                self._take(whole[at:])
                return
            self._heard = whole[-len(SYNC_FRAME) + 1 :]
        if self._vm is not None:
            self._vm.type(data)

    def line_signals(self, dtr: bool, rts: bool) -> None:
        is_boot_pin_low = dtr and not rts
        if rts and not dtr:
            if self.state != "reset":
                self._enter("reset")
            self._cancel_timer()
        elif self.state == "reset" and is_boot_pin_low:
            self._begin(download=True)
        elif self.state == "reset" and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_STRAP_S, self._begin)

    # ---- states

    def _enter(self, state: State) -> None:
        self._cancel_timer()
        self._loader = None
        self._stay += 1
        if self._vm is not None:
            self._vm.kill()
            task = asyncio.create_task(self._vm.wait())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            self._vm = None
        self.state = state
        self.history.append(state)
        del self.history[:-_LINES_MAX]
        self._changed.set()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _unplug(self) -> None:
        if self.state != "off":
            self._enter("off")
            self._line.close()

    def _begin(self, download: bool = False, *, cause: int = 0) -> None:
        """The end of a reset. `cause` is what MicroPython has left in power.json; without, what RTC memory held is lost."""
        assert self._nor is not None
        if not cause:
            (self.state_dir / "power.json").unlink(missing_ok=True)
        true_mb = self.faults.true_size_mb
        self._nor.true_bytes = self._nor.size_bytes if true_mb is None else true_mb * _MIB
        if download:
            self._enter("download")
            self._say_boot("boot:0x3 (DOWNLOAD_BOOT)\r\nwaiting for download")
            self._loader = Loader(self.chip, bytes.fromhex(self.mac), self._nor, self.faults)
            return
        table = self._bootable()
        if table is None:
            self._enter("unbootable")
            self._complain()
            return
        self._enter("application")
        self._say_boot("boot:0x13 (SPI_FAST_FLASH_BOOT)")
        nvs = partitions.find(table, partitions.DATA, partitions.NVS)
        self._vm = MicroPython(
            self.state_dir,
            {
                "flash": str(self.flash.absolute()),
                "state": str(self.state_dir.absolute()),
                "chip": self.chip.name,
                "title": self.chip.title,
                "mac": self.mac,
                "vfs": partitions.file_system(table, self._nor.size_bytes),
                "nvs": None if nvs is None else (nvs.offset, nvs.size),
                "profile": self._profile,
                "hardware": self._hardware,
            },
            self._env,
            self._heap_bytes,
            self._said,
            self._was_reset,
        )
        self._vm.start()

    def _bootable(self) -> list[Partition] | None:
        """The partition table, where boot loader, table and a program are whole and for this chip."""
        flash = self._nor
        assert flash is not None
        if not boot_image.is_bootable(flash.read, self.chip.bootloader_offset, self.chip.chip_id):
            return None
        try:
            table = partitions.parse(flash.read(partitions.TABLE_OFFSET, partitions.TABLE_BYTES))
        except TableError:
            return None
        apps = [entry for entry in table if entry.kind == partitions.APP and flash.holds(entry.offset, entry.size)]
        if not any(boot_image.is_bootable(flash.read, entry.offset, self.chip.chip_id) for entry in apps):
            return None
        return table

    def _complain(self) -> None:
        assert self._nor is not None
        found = int.from_bytes(self._nor.read(self.chip.bootloader_offset, 4), "little")
        self._said(f"invalid header: 0x{found:08x}\r\n".encode())
        self._timer = asyncio.get_running_loop().call_later(_COMPLAINT_S, self._complain)

    def _say_boot(self, text: str) -> None:
        self._said(f"\r\n{self.chip.boot_text}\r\n\r\nrst:0x1 (POWERON_RESET),{text}\r\n".encode())

    def _was_reset(self, cause: int) -> None:
        """The program has reset the board, or its virtual machine has died."""
        self._deaths = 0 if cause else self._deaths + 1
        sleep_s = 0.0
        if cause == _DEEP_SLEEP_RESET:
            left = json.loads((self.state_dir / "power.json").read_text(encoding="utf-8"))
            sleep_s = int(left["sleep_ms"]) / 1000
        self._enter("reset")
        if self._deaths >= _DEATHS_MAX:
            self._said(b"the virtual machine has died again and again\r\n")
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(sleep_s, lambda: self._begin(cause=cause))

    # ---- what is said

    def _said(self, data: bytes) -> None:
        """By the ROM or the application."""
        if self.faults.is_silent:
            return
        self._line.write(data, is_lossy=True)
        if self.on_console is not None:
            self.on_console(data)
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-_LINE_BYTES_MAX:]
        self.lines.extend(line.decode("utf-8", "replace").rstrip("\r") for line in lines)
        if lines:
            self._changed.set()

    def _take(self, data: bytes) -> None:
        """Bytes for the boot loader."""
        loader = self._loader
        assert loader is not None
        for answer in loader.take(data):
            if answer is Event.RUN:
                # The stub resets the processor only: the boot pin counts as it was when the chip was reset, so the ROM waits again.
                is_held = loader.is_stub and self._line.has_signals
                self._later(functools.partial(self.reset, download=is_held))
            elif answer is Event.GONE:
                self._pull_plug()
                return
            elif isinstance(answer, bytes):
                self._later(functools.partial(self._line.write, answer, is_lossy=False))

    def _later(self, act: Callable[[], None]) -> None:
        """Now, or in its turn where the board is slow."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if not self.faults.delay_ms and self._late_until <= now:
            act()
            return
        self._late_until = max(now, self._late_until) + self.faults.delay_ms / 1000
        stay = self._stay
        loop.call_at(self._late_until, lambda: act() if self._stay == stay else None)

    def _pull_plug(self) -> None:
        self._unplug()
        back_s = self.faults.back_after_s
        if back_s is not None:
            loop = asyncio.get_running_loop()
            self._back = loop.call_later(back_s, self._plug_in_by_itself)

    def _plug_in_by_itself(self) -> None:
        self._back = None
        task = asyncio.create_task(self.plug_in())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

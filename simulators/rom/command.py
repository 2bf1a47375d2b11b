# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity sim board`: a virtual board on a serial port, until it is ended."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import rich_click as click

from simulators.repository import require_repository

_CHIPS = ("esp32", "esp32s3", "esp32c3")
_LAYOUTS = ("one-app", "two-ota")


@click.command("board")
@click.option("--chip", type=click.Choice(_CHIPS), default="esp32", show_default=True, help="Which one it is.")
@click.option(
    "--flash",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with its whole flash; made erased where it is missing. Needed, but for --stand-in.",
)
@click.option(
    "--size-mb",
    type=click.Choice(["1", "2", "4", "8", "16"]),
    default="4",
    show_default=True,
    help="Size of the flash.",
)
@click.option("--mac", default="240ac4000001", show_default=True, help="Base address, 12 hex digits.")
@click.option(
    "--link",
    type=click.Path(path_type=Path),
    help="Name for the pseudo-terminal: a symbolic link. Default: its own name.",
)
@click.option(
    "--rfc2217",
    "tcp_port",
    type=click.IntRange(0, 65535),
    help="Serve the port with DTR and RTS on this TCP port of this machine; 0 takes a free one. Slower.",
)
@click.option(
    "--socket",
    "socket_port",
    type=click.IntRange(0, 65535),
    help="Serve the port as a plain TCP connection without DTR and RTS; 0 takes a free one.",
)
@click.option("--profile", default="", help="Whose sensors are soldered on. Default: as config.json on the board says.")
@click.option(
    "--world", type=click.Path(path_type=Path, exists=True), help="Socket of a running world (simulators/world)."
)
@click.option("--download", is_flag=True, help="The boot button is held at power-on.")
@click.option(
    "--fault",
    "fault_texts",
    multiple=True,
    metavar="NAME[:SETTING=VALUE,...]",
    help="What is wrong with it, see above.",
)
@click.option(
    "--stand-in",
    "stand_in_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a stand-in for the chip's MicroPython image to this file, and end.",
)
@click.option(
    "--layout",
    type=click.Choice(_LAYOUTS),
    default="one-app",
    show_default=True,
    help="Partition table of the stand-in.",
)
@click.option("--console", is_flag=True, help="Show on standard error what the application says.")
def board(
    chip: str,
    flash: Path | None,
    size_mb: str,
    mac: str,
    link: Path | None,
    tcp_port: int | None,
    socket_port: int | None,
    profile: str,
    world: Path | None,
    download: bool,
    fault_texts: tuple[str, ...],
    stand_in_path: Path | None,
    layout: str,
    console: bool,
) -> None:
    """A virtual board: boot loader, flash and MicroPython behind a serial port, for esptool, mpremote and tools like them.

    The first line on standard output is the port's name; then the board has power. Ctrl-C ends it. Signal USR1 presses the reset
    button, USR2 also holds the boot button.

    \b
    Faults:
      lost-reply[:after=0,times=1]    a block is written, its answer is lost
      bad-checksum[:after=0,times=1]  a block is answered "wrong checksum"
      wrong-md5[:times=1]             the digest of what was written is wrong
      gone[:after=2,back=SECONDS]     the port vanishes after so many blocks
      wrong-chip[:chip=esp32c3]       another chip than --chip says
      slow[:ms=50]                    each answer of the boot loader comes late
      full[:mb=2]                     the flash is smaller than it says
      silent                          nothing answers

    \b
    Examples:
      startcity sim board --stand-in micropython.bin
      startcity sim board --flash board.bin --link /tmp/ttyBoard &
      esptool --port /tmp/ttyBoard write-flash 0x1000 micropython.bin
      mpremote connect /tmp/ttyBoard exec "import os; print(os.uname())"
      startcity sim board --chip esp32s3 --size-mb 8 --flash s3.bin --rfc2217 4000
      startcity sim board --flash board.bin --fault lost-reply:after=3
    """
    from simulators.rom import faults as fault_names  # noqa: PLC0415  (keeps `startcity --help` quick)
    from simulators.rom.board import VirtualBoard  # noqa: PLC0415
    from simulators.rom.nor_flash import FlashImageError  # noqa: PLC0415
    from simulators.rom.stand_in import stand_in  # noqa: PLC0415

    if stand_in_path is not None:
        try:
            stand_in_path.write_bytes(stand_in(chip, "two-ota" if layout == "two-ota" else "one-app"))
        except OSError as error:
            raise click.UsageError(f"{stand_in_path} cannot be written: {error.strerror}") from None
        return
    if flash is None:
        raise click.UsageError("--flash is missing: the file with the board's flash, which is made where there is none")
    require_repository("startcity sim board")
    faults = fault_names.Faults()
    try:
        for text in fault_texts:
            fault_names.apply(faults, text, chip=chip, size_mb=int(size_mb))
        made = VirtualBoard(
            flash,
            chip=chip,
            size_mb=int(size_mb),
            mac=mac,
            link=link,
            rfc2217_port=tcp_port,
            socket_port=socket_port,
            faults=faults,
            profile=profile,
            world_socket=world,
        )
        asyncio.run(_run(made, download=download, shows_console=console))
    except (ValueError, FlashImageError) as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


async def _run(made: object, *, download: bool, shows_console: bool) -> None:
    from simulators.rom.board import VirtualBoard  # noqa: PLC0415

    assert isinstance(made, VirtualBoard)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    loop.add_signal_handler(signal.SIGUSR1, made.reset)
    loop.add_signal_handler(signal.SIGUSR2, lambda: made.reset(download=True))
    if shows_console:
        made.on_console = lambda data: (sys.stderr.buffer.write(data), sys.stderr.buffer.flush())
    await made.start(download=download)
    try:
        print(made.port, flush=True)
        await ended.wait()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await made.stop()

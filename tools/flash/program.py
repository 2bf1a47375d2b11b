# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Run one of the bench's programs (esptool, mpremote, the NVS generator) as a process of its own, with limits.

They are never imported: esptool's licence is not ours, and a crash or a hang of one board's program must not be another's.
What they are told in arguments everybody can read in `ps`, so secrets go in files of a private folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

OUTPUT_BYTES_MAX = 1 << 20
_CHUNK_BYTES = 1 << 14
_PREFIX = "startcity-flash-"
_YOUNG_S = 60
_MEMORY_BYTES_MIN = 512 << 20  # a board with 16 MB of flash takes 32 of them, and many work at once


class Ended(NamedTuple):
    """`exit_code` None: it was killed because a limit was reached."""

    exit_code: int | None
    text: str


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder of mode 0700 that is gone afterwards; in memory where the system offers that.

    What a run has left that was killed, or lost its power, may hold a key: it is cleared away first.
    """
    memory = os.environ.get("XDG_RUNTIME_DIR", "")
    has_room = bool(memory) and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= _MEMORY_BYTES_MIN
    where = Path(memory) if has_room else Path(tempfile.gettempdir())
    _clear_away(where)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=where) as name:
        descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield Path(name)
        finally:
            os.close(descriptor)


def _clear_away(where: Path) -> None:
    """Folders of this user that no run holds any more. One that was only just made may not be locked yet."""
    for folder in where.glob(f"{_PREFIX}*"):
        try:
            about = folder.lstat()
            is_old = time.time() - about.st_mtime > _YOUNG_S
            if about.st_uid != os.geteuid() or not stat.S_ISDIR(about.st_mode) or not is_old:
                continue
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # a run is using it
        finally:
            os.close(descriptor)


async def run_module(
    module: str,
    *args: str,
    limit_s: float,
    silence_s: float,
    folder: Path,
    on_line: Callable[[str], None] | None = None,
) -> Ended:
    """Run `python -m module args` and collect what it says.

    Args:
        limit_s: for the whole run.
        silence_s: for the time between two pieces of output.
        folder: where it runs, so that no configuration file of the user's is found.
        on_line: hears each line as it comes; what it raises ends the process and comes out here.
    """
    # Settings of the user's own would change what it does; ours may hold passwords, which are none of its business.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ESPTOOL", "STARTCITY_"))}
    # click and rich fold lines to the terminal's width; ours are to be whole.
    env.update(PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8", NO_COLOR="1", COLUMNS="400", TERM="dumb")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *args),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
        env=env,
        start_new_session=True,
    )
    said = bytearray()
    try:
        async with asyncio.timeout(limit_s):
            await _listen(process, said, silence_s, on_line)
            code = await process.wait()
        return Ended(code, said.decode("utf-8", "replace"))
    except TimeoutError:
        return Ended(None, said.decode("utf-8", "replace"))
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _listen(
    process: asyncio.subprocess.Process, said: bytearray, silence_s: float, on_line: Callable[[str], None] | None
) -> None:
    assert process.stdout is not None
    rest = ""
    while True:
        async with asyncio.timeout(silence_s):
            part = await process.stdout.read(_CHUNK_BYTES)
        if not part:
            break
        said += part
        del said[:-OUTPUT_BYTES_MAX]  # the end tells why
        *lines, rest = (rest + part.decode("utf-8", "replace")).replace("\r", "\n").split("\n")
        if on_line is not None:
            for line in lines:
                on_line(line)

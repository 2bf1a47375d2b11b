# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""masters.cose: the sealed masters of a bench, in the order in which its boards were flashed (docs/wire.md, 19).

Only ever appended to, one entry a board, and each is on the disk before the board gets its key: a power cut leaves whole
entries, and at the end perhaps a part of one whose master no board has.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gateway_agent.errors import Unavailable
from gateway_agent.wire.sealed_master import split_masters
from tools.advice import Advice
from tools.secret_files import sync_folder

MASTERS_BYTES_MAX = 16 << 20  # about 60,000 boards; a bench begins a new file long before


def append_master(path: Path, sealed: bytes) -> None:
    """Append one entry; it is synced, with its folder, when this returns.

    Raises:
        ConfigError: the file is full, or cannot be written by this user.
        Unavailable: the disk refuses; the file holds what it held before.
    """
    is_new = not path.exists()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except PermissionError as error:
        raise Advice("{file} cannot be written: choose a folder that you may write.", file=path) from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        before = os.fstat(descriptor).st_size
        if before + len(sealed) > MASTERS_BYTES_MAX:
            raise Advice("{file} is full: import it into the vault, move it away and begin a new one.", file=path)
        try:
            if os.write(descriptor, sealed) != len(sealed):
                raise OSError("only a part of it was taken")
            os.fsync(descriptor)
            if is_new:
                sync_folder(path.parent)
        except OSError as error:
            os.ftruncate(descriptor, before)
            raise Unavailable(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        os.close(descriptor)


def read_masters(path: Path) -> list[bytes]:
    """The pieces of a file: each an entry, or bytes that are none (`open_sealed_master` then names why).

    Raises:
        ConfigError: there is no such file, or it is larger than any of ours.
        Unavailable: the disk refuses.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MASTERS_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise Advice("{file} does not exist.", file=path) from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > MASTERS_BYTES_MAX:
        raise Advice("{file} is no file of sealed masters: it is larger than any.", file=path)
    return split_masters(data)

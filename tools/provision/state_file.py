# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`data/provision/{node}.json`: how far a node has come; replaced whole and synced after each step. `*.lock`: who works on it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gateway_agent.errors import Unavailable
from tools.advice import Advice, NamedAdvice
from tools.provision.steps import FORMAT, Progress
from tools.secret_files import make_private_folder, read_secret, write_secret

FOLDER = "provision"
BUSY = 3


@contextmanager
def alone(data: Path, name: str) -> Iterator[None]:
    """Nobody else works on a node or a port meanwhile; it ends with the process. Raises: NamedAdvice, ConfigError, Unavailable."""
    folder = data / FOLDER
    make_private_folder(folder)
    path = folder / f"{name}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Unavailable(f"{path} cannot be made: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            template = "{name}: another `startcity provision` works on this node or port: wait until it has ended."
            raise NamedAdvice("Busy", BUSY, template, name="Busy") from None
        yield
    finally:
        os.close(descriptor)


def write_progress(data: Path, progress: Progress) -> None:
    """Raises: ConfigError, Unavailable."""
    folder = data / FOLDER
    if not folder.is_dir():
        make_private_folder(folder)
    write_secret(folder / f"{progress.node}.json", msgspec.json.format(msgspec.json.encode(progress)) + b"\n")


def read_progress(data: Path, node: str) -> Progress | None:
    """None: this node was never begun. Raises: ConfigError: the file is damaged. Unavailable."""
    path = data / FOLDER / f"{node}.json"
    if not path.exists():
        return None
    try:
        found = msgspec.json.decode(read_secret(path), type=Progress)
    except msgspec.DecodeError:
        found = None
    if found is None or found.format != FORMAT or found.node != node:
        raise Advice("{file} is damaged: delete it and begin again, what is done already is found done.", file=path)
    return found


def unfinished(data: Path) -> list[str]:
    """The nodes that were begun and are not at their end."""
    names = sorted(path.stem for path in (data / FOLDER).glob("*.json"))
    found = [(name, read_progress(data, name)) for name in names]
    return [name for name, progress in found if progress is not None and progress.next_step is not None]

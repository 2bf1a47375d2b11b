# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`data/provision/{node}.json`: how far a node has come; replaced whole and synced after each step."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tools.advice import Advice
from tools.provision.steps import FORMAT, Progress
from tools.secret_files import make_private_folder, read_secret, write_secret

FOLDER = "provision"


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

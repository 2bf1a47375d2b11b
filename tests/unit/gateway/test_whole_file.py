# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Small files that are replaced whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gateway_agent.errors import Unavailable
from gateway_agent.whole_file import write_whole


def test_contents_are_synced_before_the_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, rename, folder, in this order; nobody else may read it."""
    path, done = tmp_path / "numbers", []
    sync, replace = os.fsync, Path.replace

    def note_sync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        done.append("folder" if is_folder else f"file of {os.fstat(descriptor).st_size} bytes")
        sync(descriptor)

    def note_replace(source: Path, target: Path) -> Path:
        done.append("rename")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_replace)
    write_whole(path, b"12345")
    assert done == ["file of 5 bytes", "rename", "folder"]
    assert path.read_bytes() == b"12345" and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_refuses_leaves_the_old_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is named, and what was there is there."""
    path = tmp_path / "numbers"
    write_whole(path, b"old")

    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(Unavailable, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"

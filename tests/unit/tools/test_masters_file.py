# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""masters.cose keeps whole entries, whatever the disk does."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gateway_agent.errors import ConfigError, Unavailable
from gateway_agent.model import NodeId
from gateway_agent.wire.sealed_master import SealedMaster, open_sealed_master, seal_master
from tools import masters_file
from tools.masters_file import append_master, read_masters

VAULT = X25519PrivateKey.generate()


def sealed(place: int) -> bytes:
    about = SealedMaster(NodeId(bytes([2, 0, 0, 0, 0, place])), "strain-hx711", place, "bench-1")
    return seal_master(about, bytes([place]) * 16, VAULT.public_key())


def test_many_writers_lose_no_entry(tmp_path: Path) -> None:
    """Eight boards at once: each entry is in the file, whole, once."""
    path = tmp_path / "masters.cose"
    entries = [sealed(place) for place in range(1, 41)]

    def write(part: int) -> None:
        for entry in entries[part::8]:
            append_master(path, entry)

    threads = [threading.Thread(target=write, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_masters(path)) == sorted(entries)


@pytest.mark.parametrize("way", ["short write", "no room", "sync refused"])
def test_a_disk_that_refuses_leaves_the_file_as_it_was(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The append fails with our own error, what was there is whole, and the next append goes on."""
    path = tmp_path / "masters.cose"
    append_master(path, sealed(1))
    before = path.read_bytes()
    write, sync = os.write, os.fsync

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(Unavailable, match="cannot be written"):
        if way == "short write":
            patch.setattr(os, "write", lambda file, data: write(file, data[:20]))
        else:
            patch.setattr(os, "write" if way == "no room" else "fsync", refuse)
        append_master(path, sealed(2))
    assert os.fsync is sync and path.read_bytes() == before
    append_master(path, sealed(3))
    assert [open_sealed_master(piece, VAULT)[0].made_at_ms for piece in read_masters(path)] == [1, 3]


def test_a_full_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is stated, and nothing is written beyond it."""
    path = tmp_path / "masters.cose"
    append_master(path, sealed(1))
    monkeypatch.setattr(masters_file, "MASTERS_BYTES_MAX", path.stat().st_size + 10)
    with pytest.raises(ConfigError, match="is full"):
        append_master(path, sealed(2))
    assert len(read_masters(path)) == 1

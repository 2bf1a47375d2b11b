# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Three mistakes that a journal could make, planted around the unmodified one: the campaign has to find each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from unittest import mock

from gateway_agent.journal import lane_log, segment
from tests.support.journal_campaign import MakeFiles
from tests.support.power_cut_files import PowerCutFiles


class _LateSync(PowerCutFiles):
    """An append returns before its bytes are synced; the next append makes up for it."""

    def __init__(self, seed: int = 0, cut_at: int | None = None) -> None:
        super().__init__(seed, cut_at)
        self._owed: list[int] = []

    def sync(self, handle: int) -> None:
        if self._handles[handle][1].suffix == ".seg":
            self._owed.append(handle)
        else:
            super().sync(handle)

    def append(self, handle: int, data: bytes) -> None:
        self._pay()
        super().append(handle, data)

    def close(self, handle: int) -> None:
        self._pay()
        super().close(handle)

    def _pay(self) -> None:
        owed, self._owed = self._owed, []
        for handle in owed:
            super().sync(handle)


class _NoDirectorySync(PowerCutFiles):
    """The names of segments are not made durable."""

    def sync_directory(self, path: Path) -> None:
        if path.name not in ("alarm", "record", "trend"):
            super().sync_directory(path)


def _believe(data: bytes, start: int, body_bytes_max: int = segment.BODY_BYTES_MAX) -> bytes | None:
    """As `segment.body_at`, but for the checksum."""
    length = segment.peek_length(data, start)
    end = start + segment.HEAD_BYTES + (length or 0)
    return None if length is None or end > len(data) else data[start + segment.HEAD_BYTES : end]


@contextmanager
def _acknowledged_before_the_sync() -> Iterator[MakeFiles]:
    yield _LateSync


@contextmanager
def _directory_not_synced() -> Iterator[MakeFiles]:
    yield _NoDirectorySync


@contextmanager
def _checksum_ignored() -> Iterator[MakeFiles]:
    with mock.patch.object(segment, "body_at", _believe), mock.patch.object(lane_log, "body_at", _believe):
        yield PowerCutFiles


PLANTED: dict[str, Callable[[], AbstractContextManager[MakeFiles]]] = {
    "acknowledged_before_the_sync": _acknowledged_before_the_sync,
    "directory_not_synced": _directory_not_synced,
    "checksum_ignored": _checksum_ignored,
}

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A collector that starts on a disk that refuses: whether its service shall try again, or a person has to change a setting."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.archive import Archive
from collector.ranges import Ranges
from collector.sqlite_store import Store
from gateway_agent.errors import ConfigError, Unavailable

OPENERS: dict[str, Callable[[Path], Archive | Store]] = {
    "archive": lambda folder: Archive(folder / "archive"),
    "store": lambda folder: Store(folder / "collector.sqlite", Ranges({})),
}


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """From now on no file opens."""

    def refuse_with(number: int) -> None:
        def refused(*_arguments: object, **_more: object) -> int:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "open", refused)

    return refuse_with


@pytest.mark.parametrize("opener", OPENERS.values(), ids=OPENERS)
@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EIO, errno.EMFILE, errno.ESTALE])
def test_a_disk_that_was_ours_and_refuses_now_is_tried_again(
    tmp_path: Path, refuse: Callable[[int], None], opener: Callable[[Path], Archive | Store], number: int
) -> None:
    """Not a setting: its service would stay down after the disk is well (docs: exit code 2 is not started again)."""
    opener(tmp_path).close()
    refuse(number)
    with pytest.raises(Unavailable):
        opener(tmp_path)


@pytest.mark.parametrize("opener", OPENERS.values(), ids=OPENERS)
@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_was_never_ours_is_a_setting(
    tmp_path: Path, refuse: Callable[[int], None], opener: Callable[[Path], Archive | Store], number: int
) -> None:
    """Read-only as what systemd shows of everything but the service's own folder."""
    refuse(number)
    with pytest.raises(ConfigError, match="name a data folder that the collector may write"):
        opener(tmp_path)

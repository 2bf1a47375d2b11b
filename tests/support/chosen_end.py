# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A gateway process that ends at a chosen moment of its first batch. For `GatewayProcess.start_forked(prepare=...)`."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from gateway_agent.journal import Journal
from gateway_agent.journal.files import OsFiles
from gateway_agent.model import SealedBatch


def end_before_the_sync(share_that_stays: float) -> None:
    """SIGKILL where a first batch is written and about to be synced; of its bytes only a share is left, as after a power cut."""
    sync = OsFiles.sync
    synced: dict[Path, int] = {}

    def end(files: OsFiles, handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if path.suffix == ".seg":
            before, size_bytes = synced.get(path, 0), os.fstat(handle).st_size
            if path.read_bytes().count(b"SCe1") > 1:  # more than a header
                os.ftruncate(handle, before + int((size_bytes - before) * share_that_stays))
                os.kill(os.getpid(), signal.SIGKILL)
            synced[path] = size_bytes
        sync(files, handle)

    OsFiles.sync = end  # type: ignore[method-assign,assignment]


def end_after_the_sync() -> None:
    """SIGKILL where a batch has just been synced, before anybody is told."""
    append = Journal.append

    def end(journal: Journal, batches: Sequence[SealedBatch], *, is_loss_record: bool = False) -> None:
        append(journal, batches, is_loss_record=is_loss_record)
        os.kill(os.getpid(), signal.SIGKILL)

    Journal.append = end  # type: ignore[method-assign,assignment]

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Many boards at once, each on its own; and the exit code of the whole."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tools.flash.flash_board import Job, Outcome, Report, flash_board
from tools.flash.flash_fault import OK, SOME_FAILED

AT_ONCE_MAX = 16  # 30 MB of memory each


async def flash_many(job: Job, ports: Sequence[str], report: Report, at_once: int = AT_ONCE_MAX) -> list[Outcome]:
    """One outcome a port, in their order. A fault of one board leaves the others alone; one of the bench ends all.

    Raises:
        ConfigError, Unavailable: see flash_board.
    """
    free = asyncio.Semaphore(at_once)

    async def one(port: str) -> Outcome:
        async with free:
            return await flash_board(job, port, report)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(port)) for port in ports]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def exit_code_of(outcomes: Sequence[Outcome]) -> int:
    """0 where all are done; of a single port, its own code; 20 where some or all of several have failed."""
    faults = [outcome.fault for outcome in outcomes if outcome.fault is not None]
    if not faults:
        return OK
    return faults[0].exit_code if len(outcomes) == 1 else SOME_FAILED

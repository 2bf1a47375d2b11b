# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Restarts, back-off, the watchdog's proof of progress, words to systemd, and the status file."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway_agent.backoff import Backoff
from gateway_agent.errors import Unavailable
from gateway_agent.operate.status import StatusFile, read_status
from gateway_agent.supervise.isolation import run_isolated
from gateway_agent.supervise.notify import notify, watchdog_interval_s
from gateway_agent.supervise.progress import OVERDUE_MAX_MS, Progress
from gateway_agent.supervise.restarts import FAILURES_MAX, run_restarting


def test_waits_double_to_a_bound_with_jitter_and_start_over() -> None:
    """Each wait lies in the upper half of its bound, bounds double to the highest, and a success starts over."""
    backoff = Backoff(100, 1_000, random.Random(1))
    waits = [backoff.next_ms() for _ in range(8)]
    for wait, bound in zip(waits, [100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000], strict=True):
        assert bound // 2 <= wait <= bound
    assert len({Backoff(100, 1_000).next_ms() for _ in range(50)}) > 5, "gateways would all come back at once"
    backoff.reset()
    assert backoff.next_ms() <= 100


def test_an_item_that_meets_an_error_of_ours_is_left_out_alone() -> None:
    """One of five items raises: the other four are worked on, in order, and the fifth is counted."""
    counters: Counter[str] = Counter()

    def work(items: Sequence[int]) -> list[int]:
        return [10 // item for item in items]

    assert run_isolated(work, [1, 2, 0, 5, 10], counters) == [10, 5, 2, 1]
    assert counters == {"errors_of_ours": 1}
    assert run_isolated(work, [5], counters) == [2]


def test_progress_is_something_finished_since_the_last_look() -> None:
    """Nothing finished, or a lane overdue for more than a minute: no food for the watchdog."""
    progress = Progress()
    assert not progress.is_moving(0)
    progress.note_finished()
    assert progress.is_moving(0)
    assert not progress.is_moving(0)
    progress.note_finished()
    assert not progress.is_moving(OVERDUE_MAX_MS + 1)


async def test_a_part_that_fails_is_started_again_and_counted() -> None:
    """Twice a programming error, then it runs: two restarts are counted and nothing is raised."""
    counters: Counter[str] = Counter()
    tries = 0
    runs = asyncio.Event()

    async def part() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ValueError("a mistake of ours")
        runs.set()
        await asyncio.Event().wait()

    async def sleep_ms(_duration_ms: int) -> None:
        await asyncio.sleep(0)

    task = asyncio.create_task(run_restarting("part", part, counters, lambda: 0, sleep_ms))
    async with asyncio.timeout(5):
        await runs.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert counters == {"restarts_part": 2}


async def test_a_part_that_keeps_failing_ends_the_gateway() -> None:
    """Six failures within a minute are given up loudly; the same six over hours are not."""

    async def part() -> None:
        raise ValueError("a mistake of ours")

    async def sleep_ms(_duration_ms: int) -> None:
        await asyncio.sleep(0)

    counters: Counter[str] = Counter()
    with pytest.raises(ValueError, match="a mistake"):
        await run_restarting("part", part, counters, lambda: 0, sleep_ms)
    assert counters["restarts_part"] == FAILURES_MAX - 1

    now_ms = 0

    async def sleep_long_ms(_duration_ms: int) -> None:
        nonlocal now_ms
        now_ms += 60_000
        await asyncio.sleep(0)

    counters.clear()
    task = asyncio.create_task(run_restarting("part", part, counters, lambda: now_ms, sleep_long_ms))
    async with asyncio.timeout(5):
        while counters["restarts_part"] < 3 * FAILURES_MAX:
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_words_reach_systemd_and_nobody_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One datagram to NOTIFY_SOCKET; without one, or with nobody at its other end, nothing happens."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    address = str(tmp_path / "ears")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind(address)
        notify("READY=1")
        assert ears.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    ("usec", "pid", "interval_s"),
    [("60000000", "", 30.0), ("60000000", "ours", 30.0), ("60000000", "1", None), ("", "", None)],
)
def test_the_watchdog_is_fed_at_half_its_time_if_it_is_ours(monkeypatch, usec, pid, interval_s) -> None:
    """WATCHDOG_USEC counts unless WATCHDOG_PID names another process."""
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "ours" else pid)
    assert watchdog_interval_s() == interval_s


def test_a_status_is_read_back_and_says_whether_its_process_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written whole; `is_running` is false after a stop and for a process that is gone."""
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    with pytest.raises(Unavailable, match="startcity gateway run"):
        read_status(tmp_path)
    file = StatusFile(tmp_path)
    file.write({"pid": os.getpid(), "stopped": False, "n": 1})
    assert read_status(tmp_path) == {"pid": os.getpid(), "stopped": False, "n": 1, "is_running": True}
    file.write({"pid": os.getpid(), "stopped": True})
    assert not read_status(tmp_path)["is_running"]
    file.write({"pid": 2**22 + 1, "stopped": False})
    assert not read_status(tmp_path)["is_running"]
    (tmp_path / "status.json").write_text("[")
    with pytest.raises(Unavailable, match="cannot be read"):
        read_status(tmp_path)


def test_under_systemd_the_status_is_in_memory_and_the_data_folder_points_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RUNTIME_DIRECTORY holds the file; the same reader finds it; back without systemd it is a plain file again."""
    data, runtime = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    runtime.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime))
    for _ in range(2):
        StatusFile(data).write({"pid": 0, "n": 1})
        assert (data / "status.json").is_symlink()
        assert json.loads((runtime / "status.json").read_text())["n"] == 1
        assert read_status(data)["n"] == 1
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    StatusFile(data).write({"pid": 0, "n": 2})
    assert not (data / "status.json").is_symlink()
    assert read_status(data)["n"] == 2

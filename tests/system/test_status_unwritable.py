# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A status that cannot be written, as on a full disk."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.fast_clock import fast_clock
from tests.support.gateway_process import GatewayProcess
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import wait_until


def put_in_the_way(path: Path) -> None:
    """A folder, where the gateway may write its file anew at any moment."""
    while not path.is_dir():
        path.unlink(missing_ok=True)
        with suppress(FileExistsError):
            path.mkdir()


def test_it_is_said_once_and_written_again_when_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once in five seconds for days: the log may lie on the same disk. What failed is counted."""
    monkeypatch.setenv("STARTCITY_CLOCK", fast_clock(60))
    with (
        Mosquitto(tmp_path / "nodes") as local,
        GatewayProcess(tmp_path / "gateway", local.port, 1) as gateway,
    ):
        gateway.register()
        in_the_way = gateway.data / "status.json"
        put_in_the_way(in_the_way)
        gateway.start()
        wait_until(lambda: "cannot be written" in gateway.log(), "the first word of it")
        tried_s = time.monotonic()
        wait_until(lambda: time.monotonic() - tried_s > 0.5, "half a minute of its time")
        in_the_way.rmdir()
        gateway.wait_status(lambda status: status["counters"].get("housekeeping_failures", 0) >= 3, "the failures")
        assert gateway.log().count("cannot be written") == 1
        put_in_the_way(in_the_way)
        wait_until(lambda: gateway.log().count("cannot be written") == 2, "word of the next time")

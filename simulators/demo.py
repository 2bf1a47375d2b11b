# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The demo: a city for a minute, with a cut uplink and a killed gateway, and the account of every reading at its end."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table

from simulators.city import City, CityError, CityPlan

_CUT_FROM, _CUT_TO = 0.25, 0.45  # of the demo's length
_KILL_AT = 0.60
_DRAIN_S_MAX = 30.0


@dataclass(slots=True)
class Account:
    """The demo's last line. Counts are readings, but for `nodes`."""

    nodes: int
    produced: int
    acknowledged: int
    verified: int
    lost: int
    duplicated: int
    chain: str
    bytes_per_reading: float
    gateway_killed: bool
    uplink_cut: bool
    drain_s: float
    batches: int

    @property
    def is_good(self) -> bool:
        return (
            self.produced > 0
            and self.verified == self.acknowledged == self.produced
            and self.lost == 0
            and self.duplicated == 0
            and self.chain == "intact"
            and self.gateway_killed
        )


class Display(Protocol):
    def show(self, city: City, at_s: float, phase: str, verified: dict[str, Any]) -> None: ...


def _batches_by_lane(report: dict[str, Any]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for chain in report.get("chains", []):
        counts[chain["lane"]] += chain["batches"]
    return dict(counts)


def _duplicates(report: dict[str, Any]) -> int:
    return sum(problem["kind"] in ("identity_twice", "conflict") for problem in report.get("problems", []))


def _rows(city: City, at_s: float, phase: str, verified: dict[str, Any]) -> list[tuple[str, str]]:
    produced, acknowledged = city.produced, city.acknowledged
    status = city.gateway_status()
    lanes = ", ".join(f"{lane} {count}" for lane, count in _batches_by_lane(verified).items()) or "-"
    link = status.get("nodes_broker", {})
    count = verified.get("readings", 0)
    return [
        ("now", f"{at_s:.0f} s, {phase}"),
        ("nodes", f"{sum(node.is_running for node in city.nodes)} of {len(city.nodes)} running"),
        ("readings produced", f"{produced}"),
        ("acknowledged to the nodes", f"{acknowledged}"),
        ("verified at the city", f"{count}"),
        ("signed batches", lanes),
        (
            "uplink",
            f"{'cut' if city.tap.is_cut else 'up'}, {city.tap.bytes_up / count if count else 0:.1f} bytes per reading",
        ),
        ("gateway", f"{'running' if link.get('is_connected') else 'starting'}, killed {city.gateway_kills} times"),
    ]


class TableDisplay:
    """A live table, for a terminal."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, city: City, at_s: float, phase: str, verified: dict[str, Any]) -> None:
        table = Table(title="startcity, a simulated city", show_header=False, title_justify="left")
        for name, value in _rows(city, at_s, phase, verified):
            table.add_row(name, value)
        self._live.update(table)


class LineDisplay:
    """One plain line every few seconds, for a log."""

    def __init__(self) -> None:
        self._next = 0.0
        self._last = ""

    def show(self, city: City, at_s: float, phase: str, verified: dict[str, Any]) -> None:
        now = time.monotonic()
        if phase == self._last and now < self._next:
            return
        self._last, self._next = phase, now + 5
        rows = dict(_rows(city, at_s, phase, verified))
        print(
            f"{at_s:3.0f} s, {phase}: produced {rows['readings produced']}, acknowledged {rows['acknowledged to the nodes']}, "
            f"verified {rows['verified at the city']}, uplink {rows['uplink']}",
            flush=True,
        )


def _phase(city: City, part: float) -> str:
    if city.tap.is_cut:
        return "uplink cut"
    return "gateway killed and started again" if _KILL_AT <= part < _KILL_AT + 0.1 else "running"


async def _play(city: City, display: Display, seconds: float) -> Account:
    """Run the city through its minute, then count."""
    began = time.monotonic()
    verified: dict[str, Any] = {}
    verifying: asyncio.Task[dict[str, Any]] | None = None
    cut = mended = killed = False
    while (part := (time.monotonic() - began) / seconds) < 1:
        if not cut and part >= _CUT_FROM:
            city.tap.cut()
            cut = True
        if not mended and part >= _CUT_TO:
            city.tap.mend()
            mended = True
        if not killed and part >= _KILL_AT:
            await city.kill_gateway()
            await city.start_gateway()
            killed = True
        if verifying is None or verifying.done():
            verified = verifying.result() if verifying is not None else verified
            verifying = asyncio.create_task(city.verify())
        display.show(city, part * seconds, _phase(city, part), verified)
        if problems := city.failures():
            raise CityError("; ".join(problems))
        await asyncio.sleep(0.5)
    if verifying is not None:
        await verifying
    await city.hold_nodes()
    drain_began = time.monotonic()
    while True:
        verified = await city.verify()
        drain_s = time.monotonic() - drain_began
        display.show(city, drain_s, "draining", verified)
        if verified.get("readings") == city.produced == city.acknowledged or drain_s > _DRAIN_S_MAX:
            break
        await asyncio.sleep(0.5)
    count = int(verified.get("readings", 0))
    return Account(
        nodes=len(city.nodes),
        produced=city.produced,
        acknowledged=city.acknowledged,
        verified=count,
        lost=max(0, city.produced - count),
        duplicated=_duplicates(verified),
        chain="intact" if verified.get("intact") else "broken",
        bytes_per_reading=round(city.tap.bytes_up / count, 2) if count else 0.0,
        gateway_killed=killed,
        uplink_cut=cut,
        drain_s=round(drain_s, 1),
        batches=int(verified.get("batches", 0)),
    )


async def _run(seconds: float, directory: Path, plan: CityPlan) -> Account:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    console = Console()
    city = City(directory, plan)
    try:
        print(f"setting up {city.plan.count} nodes, a gateway, a collector and two brokers in {directory}", flush=True)
        await city.start()
        if console.is_terminal:
            with Live(console=console, refresh_per_second=4) as live:
                return await _play(city, TableDisplay(live), seconds)
        return await _play(city, LineDisplay(), seconds)
    finally:
        await city.stop()


def run_demo(seconds: float, keep: Path | None = None, plan: CityPlan | None = None) -> int:
    """The whole demo. Returns the exit code: 0 only if everything produced was verified exactly once.

    Args:
        seconds: length of the producing part; the drain after it takes at most 30 s more.
        keep: folder to leave everything in; None for a temporary one that is removed if all went well.
        plan: the city's nodes and broker.
    """
    directory = keep or Path(tempfile.mkdtemp(prefix="startcity-demo-"))
    directory.mkdir(parents=True, exist_ok=True)
    try:
        account = asyncio.run(_run(seconds, directory, plan or CityPlan()))
    except asyncio.CancelledError:
        print("stopped", file=sys.stderr)
        shutil.rmtree(directory, ignore_errors=True) if keep is None else None
        return 130
    except CityError as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    if account.is_good and keep is None:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        print(f"everything is kept in {directory}", flush=True)
    print(json.dumps(asdict(account)), flush=True)
    return 0 if account.is_good else 1

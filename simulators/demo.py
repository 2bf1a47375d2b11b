# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The demo: a city for a minute, with a cut uplink and a killed gateway, and the account of every reading at its end.

When the minute is over each node is switched off as soon as everything that it has promised to keep is acknowledged.
The account is of every frame that any node has ever queued: from the nodes' own consoles on one side, from `startcity
verify` of the archive on the other.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table

from simulators.account import Identity, Stored, settle
from simulators.city import City, CityError, CityPlan

_CUT_FROM, _CUT_TO = 0.25, 0.45  # of the demo's length
_KILL_AT = 0.60
_DRAIN_S_MAX = 30.0
# What every node says of itself is not what its family is for.
OWN_NAMES = frozenset(
    {"boot", "reset", "fw", "batt", "rssi", "heap", "fault", "anchor", "lost", "cmd", "crash", "safe"}
)


@dataclass(slots=True)
class Account:
    """The demo's last line. Counts are readings, but for `nodes`; `families` are verified readings of each."""

    nodes: int
    produced: int
    acknowledged: int
    verified: int
    lost: int
    duplicated: int
    invented: int
    families: dict[str, int]
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
            and self.invented == 0
            and all(self.families.values())
            and self.chain == "intact"
            and self.gateway_killed
        )


@dataclass(slots=True)
class View:
    """What the city's end was last seen to have."""

    stored: list[Stored] = field(default_factory=list)  # in the collector's database
    report: dict[str, Any] = field(default_factory=dict)  # of `startcity verify`
    proved: dict[Identity, int] = field(default_factory=dict)  # by the same: readings of each frame in the archive


async def look(city: City) -> View:
    """Ask the collector and the verifier, as a person would."""
    return View(await city.stored(), *await city.verify())


class Display(Protocol):
    def show(self, city: City, at_s: float, phase: str, view: View) -> None: ...


def _batches_by_lane(report: dict[str, Any]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for chain in report.get("chains", []):
        counts[chain["lane"]] += chain["batches"]
    return dict(counts)


def _problems(report: dict[str, Any]) -> int:
    return sum(problem["kind"] in ("identity_twice", "conflict") for problem in report.get("problems", []))


def _by_family(city: City, stored: list[Stored]) -> dict[str, list[Stored]]:
    """The readings of each family; every family of the city is there."""
    found: dict[str, list[Stored]] = {family: [] for family in city.families.values()}
    for reading in stored:
        family = city.families.get(reading.identity[0])
        if family is not None:
            found[family].append(reading)
    return found


def _latest(readings: list[Stored]) -> str:
    """The newest reading of a quantity with a unit, or else of any."""
    telling = [reading for reading in readings if reading.name not in OWN_NAMES]
    chosen = max(telling, key=lambda reading: (bool(reading.unit), reading.identity[2]), default=None)
    return f"{chosen.name} {chosen.value} {chosen.unit}".strip() if chosen is not None else ""


def _rows(city: City, at_s: float, phase: str, view: View) -> list[tuple[str, str]]:
    status = city.gateway_status()
    lanes = ", ".join(f"{lane} {count}" for lane, count in _batches_by_lane(view.report).items()) or "-"
    link = status.get("nodes_broker", {})
    count = len(view.stored)
    rows = [
        ("now", f"{at_s:.0f} s, {phase}"),
        ("nodes", f"{sum(node.is_running for node in city.nodes)} of {len(city.nodes)} running"),
        ("readings produced", f"{city.produced}"),
        ("acknowledged to the nodes", f"{city.acknowledged}"),
        ("stored at the city", f"{count}"),
        ("signed batches", lanes),
        (
            "uplink",
            f"{'cut' if city.tap.is_cut else 'up'}, {city.tap.bytes_up / count if count else 0:.1f} bytes per reading",
        ),
        ("gateway", f"{'running' if link.get('is_connected') else 'starting'}, killed {city.gateway_kills} times"),
    ]
    for family, readings in _by_family(city, view.stored).items():
        rows.append((family, f"{len(readings)} readings, {_latest(readings)}"))
    return rows


class TableDisplay:
    """A live table, for a terminal."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, city: City, at_s: float, phase: str, view: View) -> None:
        table = Table(title="startcity, a simulated city", show_header=False, title_justify="left")
        for name, value in _rows(city, at_s, phase, view):
            table.add_row(name, value)
        self._live.update(table)


class LineDisplay:
    """One plain line every few seconds, for a log."""

    def __init__(self) -> None:
        self._next = 0.0
        self._last = ""

    def show(self, city: City, at_s: float, phase: str, view: View) -> None:
        now = time.monotonic()
        if phase == self._last and now < self._next:
            return
        self._last, self._next = phase, now + 5
        rows = dict(_rows(city, at_s, phase, view))
        print(
            f"{at_s:3.0f} s, {phase}: produced {rows['readings produced']}, acknowledged {rows['acknowledged to the nodes']}, "
            f"stored {rows['stored at the city']}, uplink {rows['uplink']}",
            flush=True,
        )


def _phase(city: City, part: float) -> str:
    if city.tap.is_cut:
        return "uplink cut"
    return "gateway killed and started again" if _KILL_AT <= part < _KILL_AT + 0.1 else "running"


async def _play(city: City, display: Display, seconds: float) -> Account:
    """Run the city through its minute, then count."""
    began = time.monotonic()
    view = View()
    looking: asyncio.Task[View] | None = None
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
        if looking is None or looking.done():
            view = looking.result() if looking is not None else view
            looking = asyncio.create_task(look(city))
        display.show(city, part * seconds, _phase(city, part), view)
        if problems := city.failures():
            raise CityError("; ".join(problems))
        await asyncio.sleep(0.5)
    if looking is not None:
        await looking
    drain_began = time.monotonic()
    while True:
        running = await city.stop_settled_nodes()
        drain_s = time.monotonic() - drain_began
        is_late = drain_s > _DRAIN_S_MAX
        if not running or is_late:
            view = await look(city)
        tally = settle(city.promised(), city.acknowledged_frames(), view.proved, view.stored)
        display.show(city, drain_s, "draining", view)
        if (not running and tally.is_settled) or is_late:
            break
        await asyncio.sleep(0.2)
    count = len(view.stored)
    return Account(
        nodes=len(city.nodes),
        produced=tally.produced,
        acknowledged=tally.acknowledged,
        verified=tally.verified,
        lost=tally.lost,
        duplicated=tally.duplicated + _problems(view.report),
        invented=tally.invented,
        families={family: len(readings) for family, readings in _by_family(city, view.stored).items()},
        chain="intact" if view.report.get("intact") else "broken",
        bytes_per_reading=round(city.tap.bytes_up / count, 2) if count else 0.0,
        gateway_killed=killed,
        uplink_cut=cut,
        drain_s=round(drain_s, 1),
        batches=int(view.report.get("batches", 0)),
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

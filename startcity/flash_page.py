# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What `startcity flash` shows while it works: a live row for each port, plain lines without a terminal, or NDJSON events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import rich_click as click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from startcity.words import say
from tools.flash.flash_board import Event, Outcome
from tools.flash.flash_fault import FlashFault

VERSION = 1
_BAR = 16


def said_of(fault: FlashFault) -> tuple[str, str]:
    """What happened and what to do, in the reader's language."""
    return say(fault.what).format(**fault.values), say(fault.todo).format(**fault.values)


def step_name(step: str) -> str:
    match step:
        case "identify":
            return say("asking the board")
        case "erase":
            return say("erasing")
        case "firmware":
            return say("writing MicroPython")
        case "data":
            return say("writing keys and files")
        case "verify":
            return say("verifying")
        case "test":
            return say("testing")
    return step


def line_of(event: Event) -> str | None:
    """One sentence for an event; None where nothing is to be said."""
    values = event.values
    match event.kind:
        case "identified":
            return say(
                "{model} {revision}, {flash:g} MB of flash, MAC {mac}",
                model=values["model"],
                revision=values["revision"],
                flash=values["flash_mb"],
                mac=values["mac"],
            )
        case "step":
            return step_name(str(values["step"])) if values["percent"] == 0 else None
        case "retry":
            return say("{what} Once more at {baud} baud.", what=said_of(values["fault"])[0], baud=values["baud"])
        case "resumed":
            return say("goes on after: {step}", step=values["after"])
        case "already" if values["profile"] != values["wanted"]:
            return say(
                "Was flashed before, with the profile {profile} and not {wanted}; left as it is. With --again it becomes a new node of "
                "the profile {wanted}.",
                profile=values["profile"],
                wanted=values["wanted"],
            )
        case "already":
            return say(
                "Was flashed before, with the profile {profile}; left as it is. With --again it becomes a new node.",
                profile=values["profile"],
            )
        case "press":
            return say("Press RESET on the board now, and let BOOT go: this port has no control lines.")
        case "tested":
            return _tested(values)
        case "label":
            return say("label: {file} (secret until the node has a new key generation)", file=values["file"])
        case "done":
            return say("Done: node {node}, profile {profile}.", node=values["mac"], profile=values["profile"])
        case "failed":
            return " ".join(said_of(values["fault"]))
    return None


def plan_lines(values: Mapping[str, Any]) -> list[str]:
    """The plan of one board."""
    lines = [say("node {node}, profile {profile}", node=values["mac"], profile=values["profile"])]
    if values["erases"]:
        lines.append(say("erase the whole flash"))
    for at, size in values["firmware"]:
        if values["micropython"] == "?":
            lines.append(say("{at}: MicroPython, {size} bytes; the image does not say its version", at=at, size=size))
            continue
        lines.append(say("{at}: MicroPython {version}, {size} bytes", at=at, version=values["micropython"], size=size))
    lines.append(say("{at}: key and identity (NVS), {size} bytes", at=values["nvs"][0], size=values["nvs"][1]))
    at, size, count = values["files"]
    lines.append(say("{at}: file system of {size} bytes with {count} files", at=at, size=size, count=count))
    if values["slots"] >= 2:
        lines.append(say("program slots for updates: {count}", count=values["slots"]))
    return lines


def _tested(values: Mapping[str, Any]) -> str:
    parts = [
        say(
            "MicroPython {micropython}, firmware {firmware}, {memory} bytes free",
            micropython=values["micropython"],
            firmware=values["firmware"],
            memory=values["memory"],
        ),
        say("Wi-Fi networks heard: {count}", count=values["networks"]),
    ]
    if values["sensors"]:
        parts.append(say("sensors: {names}", names=", ".join(values["sensors"])))
    if values["missing"]:
        parts.append(say("no answer from: {names}", names=", ".join(values["missing"])))
    return "; ".join(parts)


def tell_fault(fault: FlashFault) -> None:
    """A fault that concerns no single port, as an event."""
    _emit("failed", **_about(fault))


class Page:
    """Takes events; `with page:` around the run."""

    def __init__(self, ports: list[str], *, as_json: bool, console: Console | None = None) -> None:
        self._console = console or Console()
        self._as_json = as_json
        self._rows: dict[str, dict[str, str]] = {
            port: {"mac": "", "chip": "", "step": "", "bar": "", "said": ""} for port in ports
        }
        is_live = not as_json and self._console.is_terminal
        self._live = Live(self._table(), console=self._console, refresh_per_second=8) if is_live else None
        self._tenth: dict[tuple[str, str], int] = {}

    def __enter__(self) -> Page:
        self._context().__enter__()
        return self

    def __exit__(self, *about: Any) -> None:
        self._context().__exit__(*about)

    def _context(self) -> AbstractContextManager[Any]:
        return self._live if self._live is not None else nullcontext()

    def take(self, event: Event) -> None:
        """One event of flash_board."""
        if self._as_json:
            self._take_json(event)
        elif self._live is not None:
            self._take_row(event)
            self._live.update(self._table())
        else:
            self._take_line(event)

    def end(self, outcomes: list[Outcome], exit_code: int) -> None:
        """The summary."""
        counts = {state: sum(1 for one in outcomes if one.state == state) for state in ("done", "already", "failed")}
        if self._as_json:
            _emit("summary", exit=exit_code, **counts)
            return
        for one in outcomes:
            if one.fault is not None:
                what, todo = said_of(one.fault)
                click.echo(f"{one.port} {one.mac}: {what} {todo}", err=True)
        if any(one.state != "planned" for one in outcomes):
            click.echo(say("Boards done: {done}, done before: {already}, failed: {failed}.", **counts))

    def _take_json(self, event: Event) -> None:
        values = dict(event.values)
        fault = values.pop("fault", None)
        values.pop("name", None)
        if event.kind == "step":
            place = (event.port, str(values["step"]))
            tenth = int(values["percent"] // 10)
            if self._tenth.get(place) == tenth:
                return
            self._tenth[place] = tenth
        if isinstance(fault, FlashFault):
            values.update(_about(fault))
        _emit(event.kind, port=event.port, **values)

    def _take_line(self, event: Event) -> None:
        if event.kind == "failed":
            return  # the summary says it
        if event.kind == "plan":
            return
        line = line_of(event)
        if line is not None:
            click.echo(f"{_short(event.port)}: {line}")

    def _take_row(self, event: Event) -> None:
        row = self._rows[event.port]
        if event.kind == "identified":
            row["mac"], row["chip"] = str(event.values["mac"]), str(event.values["chip"])
        if event.kind == "step":
            row["step"] = step_name(str(event.values["step"]))
            filled = int(float(event.values["percent"]) * _BAR / 100)
            row["bar"] = "━" * filled + " " * (_BAR - filled)
        elif event.kind != "plan":
            row["said"] = line_of(event) or ""
        if event.kind in ("done", "already", "failed"):
            row["step"] = {"done": say("done"), "already": say("done before"), "failed": say("FAILED")}[event.kind]
            row["bar"] = ""

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 1))
        for title in (say("port"), say("node"), say("chip"), say("step"), "", ""):
            table.add_column(title, overflow="ellipsis", no_wrap=True)
        for port, row in self._rows.items():
            table.add_row(Text(_short(port)), row["mac"], row["chip"], row["step"], row["bar"], Text(row["said"]))
        return table


def _short(port: str) -> str:
    return port.removeprefix("/dev/serial/by-id/").removeprefix("/dev/")


def _about(fault: FlashFault) -> dict[str, Any]:
    what, todo = said_of(fault)
    about = {"code": fault.name, "exit": fault.exit_code, "retryable": fault.is_retryable, "what": what, "do": todo}
    return {**about, "said": fault.values["said"]} if fault.values.get("said") else about


def _emit(event: str, **values: Any) -> None:
    click.echo(json.dumps({"v": VERSION, "event": event, **values}, ensure_ascii=False))

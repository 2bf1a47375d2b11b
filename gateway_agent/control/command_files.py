# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Commands come in as small files, so that the command line needs no socket into the gateway, and go out as such.

    {request}.json     asked for: {"node": "aabbccddee01", "command": "identify"}, written beside and renamed
    last_id            the last id that was given out
    {id}.taken         asked for, with its id: it waits for its node, over a restart too
    {id}.done          what became of it: `state` and, where the node gave one, `result`; the last 200

The order is what makes an id run once: `last_id` is durable before the id stands in a `.taken`, that is durable before
the request is removed, and a request whose `.taken` is there already is only removed. So a power cut in between costs
an id at most, never gives one twice, and never sends a request under two.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from gateway_agent.errors import Unavailable
from gateway_agent.model import NodeId
from gateway_agent.whole_file import write_whole
from gateway_agent.wire.down import Argument, Command
from gateway_agent.wire.limits import UINT32_MAX

FILES_PER_LOOK_MAX = 100
DONE_MAX = 200
_ID_DIGITS = 10
_FILE_BYTES_MAX = 4_096
_TAKEN, _DONE = ".taken", ".done"


class Wanted(NamedTuple):
    """One request. What it says is not checked; `node_id` is None where it cannot be read."""

    request: str
    node_id: NodeId | None
    content: dict[str, Any]


class Taken(NamedTuple):
    """A command that waited when the gateway ended."""

    node_id: NodeId
    command: Command


class CommandFiles:
    """The folder `commands` in the gateway's data."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder. Raises: Unavailable."""
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"{folder} cannot be made: {error.strerror}") from error
        self._folder = folder
        self._requests = {content["request"] for _, content in _read_all(folder, _TAKEN)}

    def read_last_id(self) -> int:
        """0 where none was given out yet or it cannot be read: a node's report then lifts it (docs/wire.md, 4)."""
        names = [path.stem for suffix in (_TAKEN, _DONE) for path in self._folder.glob(f"*{suffix}")]
        given = [int(name) for name in names if len(name) == _ID_DIGITS and name.isdecimal()]
        with contextlib.suppress(OSError, ValueError):
            given.append(int((self._folder / "last_id").read_text()))
        return max((number for number in given if 0 <= number < UINT32_MAX), default=0)

    def read_taken(self) -> list[Taken]:
        """What waits since before the start, the oldest first."""
        return [Taken(content["node"], content["command"]) for _, content in _read_all(self._folder, _TAKEN)]

    def look(self) -> list[Wanted]:
        """The requests that lie there, at most 100. One that was taken before a crash is removed."""
        wanted: list[Wanted] = []
        try:
            paths = sorted(self._folder.glob("*.json"))[:FILES_PER_LOOK_MAX]
        except OSError:
            return []
        for path in paths:
            try:
                if path.stem in self._requests:
                    path.unlink()
                    continue
                with path.open("rb") as file:
                    data = file.read(_FILE_BYTES_MAX)
            except OSError:
                continue
            wanted.append(_read_wanted(path.stem, data))
        return wanted

    def take(self, wanted: Wanted, command: Command) -> None:
        """Give a request its id, durably; then it may leave.

        Raises:
            Unavailable: the disk refuses; the request stays.
        """
        write_whole(self._folder / "last_id", f"{command.command_id}\n".encode())
        content = _content(wanted, command.command_id) | {"code": command.code, "argument": _in_json(command.argument)}
        write_whole(self._folder / _name(command.command_id, _TAKEN), _json(content))
        self._requests.add(wanted.request)
        with contextlib.suppress(Unavailable):  # `look` tries again
            self._remove(f"{wanted.request}.json")

    def refuse(self, wanted: Wanted, reason: str) -> None:
        """Answer a request that is no command. Raises: Unavailable."""
        content = _content(wanted, None) | {"state": "refused", "reason": reason}
        write_whole(self._folder / f"{wanted.request}{_DONE}", _json(content))
        self._remove(f"{wanted.request}.json")
        self._prune()

    def finish(self, command_id: int, state: str, result: int | None) -> None:
        """Note what became of a command. One that is not ours (any more) is let go. Raises: Unavailable."""
        taken = _name(command_id, _TAKEN)
        done = _name(command_id, _DONE)
        content = _read_json(self._folder / taken) or _read_json(self._folder / done)
        if content is None or content.get("state") in ("done", "failed"):
            return
        content |= {"state": state, "result": result, "finished_at_unix_ms": _unix_ms()}
        write_whole(self._folder / done, _json(content))
        self._requests.discard(content.get("request", ""))
        self._remove(taken)
        self._prune()

    def _prune(self) -> None:
        paths = sorted(self._folder.glob(f"*{_DONE}"), key=lambda path: path.stat().st_mtime_ns)
        for path in paths[:-DONE_MAX]:
            self._remove(path.name)

    def _remove(self, name: str) -> None:
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"{self._folder / name} cannot be removed: {error.strerror}") from error


class RequestFolder:
    """The folder as who asks sees it: `ask`, and then `find` what has become of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ask(self, request: str, content: dict[str, Any]) -> None:
        """Raises: Unavailable."""
        ask(self._folder, request, content)

    def find(self, request: str) -> dict[str, Any] | None:
        """None where nobody knows of it."""
        return next((content for content in read_all(self._folder) if content.get("request") == request), None)


def ask(folder: Path, request: str, content: dict[str, Any]) -> None:
    """Put a request into a gateway's `commands` folder. `request` is its name, unique.

    Raises:
        Unavailable: the disk refuses, or the folder is not there.
    """
    beside = folder / f"{request}.asking"
    try:
        with beside.open("wb") as file:
            file.write(_json(content))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(folder / f"{request}.json")
    except OSError as error:
        raise Unavailable(f"{folder} does not take a command: {error.strerror}") from error


def read_all(folder: Path) -> list[dict[str, Any]]:
    """Every command that a gateway has on its list, oldest first: `node` (hex), `command`, `request`, `id`, `state`
    (`asked`, `waiting`, `done`, `failed`, `expired`, `replaced`, `refused`), and `result` or `reason` where there is one."""
    found: list[dict[str, Any]] = []
    for suffix, state in ((_DONE, ""), (_TAKEN, "waiting"), (".json", "asked")):
        for path in sorted(folder.glob(f"*{suffix}")):
            content = _read_json(path)
            if content is not None:
                shown = {
                    name: content[name] for name in ("node", "command", "id", "result", "reason") if name in content
                }
                found.append(
                    shown | {"request": content.get("request", path.stem), "state": content.get("state", state)}
                )
    return sorted(found, key=lambda content: (content.get("id") is None, content.get("id") or 0))


def _read_wanted(request: str, data: bytes) -> Wanted:
    try:
        content = json.loads(data)
        node_id = bytes.fromhex(content["node"])
    except (ValueError, TypeError, KeyError):
        return Wanted(request, None, {})
    return Wanted(request, NodeId(node_id) if len(node_id) == 6 else None, content)


def _content(wanted: Wanted, command_id: int | None) -> dict[str, Any]:
    return {
        "request": wanted.request,
        "node": wanted.node_id.hex() if wanted.node_id is not None else None,
        "command": wanted.content.get("command"),
        "id": command_id,
        "taken_at_unix_ms": _unix_ms(),
    }


def _read_all(folder: Path, suffix: str) -> list[tuple[Path, dict[str, Any]]]:
    """The readable ones, with `node` and `command` as nouns."""
    found = []
    for path in sorted(folder.glob(f"*{suffix}")):
        content = _read_json(path) or {}
        try:
            node_id = NodeId(bytes.fromhex(content["node"]))
            command = Command(int(content["id"]), int(content["code"]), _from_json(content["argument"]))
            found.append((path, {"request": str(content["request"]), "node": node_id, "command": command}))
        except (ValueError, TypeError, KeyError):
            continue
    return found


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes()[:_FILE_BYTES_MAX])
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _name(command_id: int, suffix: str) -> str:
    return f"{command_id:0{_ID_DIGITS}d}{suffix}"


def _in_json(argument: Argument) -> object:
    return {"hex": argument.hex()} if isinstance(argument, bytes) else argument


def _from_json(argument: Any) -> Argument:
    if isinstance(argument, dict):
        return bytes.fromhex(argument["hex"])
    if argument is None or type(argument) in (int, bool, str):
        return argument  # type: ignore[no-any-return]
    raise ValueError("no argument of a command")


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What must outlive a power cut of the commands from the city: one JSON file, replaced whole and synced.

    numbers   by operator's key id: the highest number that was taken
    waiting   commands that were taken and have no end yet: {"digest", "number", "operator", "code", "request"}
    answers   final answers that the city's broker has not confirmed: at most 64, the oldest go first

The number is durable before anything is executed. So a cut in between costs a command, which is then answered as
interrupted, and never executes one twice.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway_agent.errors import ConfigError, Unavailable
from gateway_agent.whole_file import write_whole

ANSWERS_MAX = 64
OPERATORS_MAX = 1_024  # numbers of keys that were taken off the list stay: they may come back


class CityLog:
    """Use from one thread at a time. After `Unavailable` what was to be noted may or may not be on the disk."""

    def __init__(self, path: Path) -> None:
        """Read what is there.

        Raises:
            ConfigError: it is not readable: without it a command could be executed a second time.
        """
        self._path = path
        self.numbers: dict[str, int] = {}
        self.waiting: list[dict[str, Any]] = []
        self.answers: list[bytes] = []
        self.answers_dropped = 0
        self.writes = 0
        try:
            content = json.loads(path.read_bytes())
            self.numbers = {str(key): int(number) for key, number in content["numbers"].items()}
            self.waiting = [dict(item) for item in content["waiting"]]
            self.answers = [bytes.fromhex(text) for text in content["answers"]]
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(
                f"{path} is damaged, and says which commands of the city were executed: restore it from a backup, or"
                " delete it once every operator's earlier commands have expired (each names its time)"
            ) from error

    def highest(self, operator: bytes) -> int:
        """The highest number that was taken of this key, 0 for none."""
        return self.numbers.get(operator.hex(), 0)

    def take(self, operator: bytes, number: int, waiting: dict[str, Any]) -> None:
        """A command will be executed. Raises: Unavailable: it must not be, and its number stays used."""
        key = operator.hex()
        if key not in self.numbers and len(self.numbers) >= OPERATORS_MAX:
            raise Unavailable(f"{self._path} has the numbers of {OPERATORS_MAX} operators")
        self.numbers[key] = max(number, self.numbers.get(key, 0))
        self.waiting.append(waiting)
        try:
            self._write()
        except Unavailable:
            self.waiting.remove(waiting)
            raise

    def finish(self, waiting: dict[str, Any], answer: bytes) -> None:
        """A command has ended, and this is its answer. Raises: Unavailable: written with the next change."""
        if waiting in self.waiting:
            self.waiting.remove(waiting)
        self.answers.append(answer)
        if len(self.answers) > ANSWERS_MAX:
            self.answers_dropped += len(self.answers) - ANSWERS_MAX
            del self.answers[:-ANSWERS_MAX]
        self._write()

    def confirm(self, answer: bytes) -> None:
        """The city's broker has an answer. Raises: Unavailable."""
        if answer in self.answers:
            self.answers.remove(answer)
            self._write()

    def _write(self) -> None:
        content = {
            "numbers": self.numbers,
            "waiting": self.waiting,
            "answers": [answer.hex() for answer in self.answers],
        }
        write_whole(self._path, json.dumps(content).encode())
        self.writes += 1

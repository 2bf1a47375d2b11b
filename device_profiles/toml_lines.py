# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Where a key stands in a TOML text, so that a mistake can be shown with its line.

Theory of operation
-------------------
tomllib gives values without places. This reads the same text once more and only keeps places: it follows
`[table]` and `[[table]]` headers and `key =` at the start of a statement, and skips what is inside strings,
brackets and comments. It needs no more, because it only ever looks at texts that tomllib has accepted.

A place is asked for by a path of keys and list indices, as in `("measurement", 1, "unit")`. A path without a
place of its own (a key that is missing, a key inside an inline table) answers with its nearest parent's line.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_BARE_OR_QUOTED = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_KEY = rf"{_BARE_OR_QUOTED}(?:\s*\.\s*{_BARE_OR_QUOTED})*"
_LIST_HEADER = re.compile(rf"\s*\[\[\s*({_KEY})\s*\]\]")
_TABLE_HEADER = re.compile(rf"\s*\[\s*({_KEY})\s*\]")
_ASSIGNMENT = re.compile(rf"\s*({_KEY})\s*=")
# Longest first: a multi-line string's quotes would otherwise look like an empty string and one more quote.
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|' + r"'''.*?'''" + r'|"(?:\\.|[^"\\\n])*"' + r"|'[^'\n]*'|#[^\n]*|[\[\]{}\n]", re.DOTALL
)


class LineIndex:
    """Lines (from 1) of the keys of one TOML text."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        table: Path = ()
        for line, statement in _statements(text):
            if match := _LIST_HEADER.match(statement):
                table = self._resolve(_split(match[1]))
                index = self._counts.get(table, 0)
                self._counts[table] = index + 1
                table = (*table, index)
                self._place(table, line)
            elif match := _TABLE_HEADER.match(statement):
                table = self._resolve(_split(match[1]))
                self._place(table, line)
            elif match := _ASSIGNMENT.match(statement):
                self._place((*table, *_split(match[1])), line)

    def line_of(self, path: Path) -> int:
        """The line of `path`, or of its nearest parent that has one; 1 for none."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return 1

    def _place(self, path: Path, line: int) -> None:
        """A table that is only named by what is below it stands where the first of that stands."""
        for length in range(1, len(path)):
            self._lines.setdefault(path[:length], line)
        self._lines[path] = line

    def _resolve(self, keys: Path) -> Path:
        """Insert list indices: `[a.b]` below `[[a]]` means the last entry of a."""
        path: Path = ()
        for position, key in enumerate(keys):
            path = (*path, key)
            is_last = position == len(keys) - 1
            if path in self._counts and not is_last:
                path = (*path, self._counts[path] - 1)
        return path


def _split(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in re.findall(_BARE_OR_QUOTED, dotted))


def _statements(text: str) -> list[tuple[int, str]]:
    """Cut `text` into statements: (line, the statement's text), each perhaps over several lines."""
    statements: list[tuple[int, str]] = []
    start, depth, line, first_line = 0, 0, 1, 1
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in ("[", "{"):
            depth += 1
        elif token in ("]", "}"):
            depth -= 1
        elif token == "\n" and depth <= 0:
            statements.append((first_line, text[start : match.start()]))
            start, depth, first_line = match.end(), 0, line + 1
        line += token.count("\n")
    statements.append((first_line, text[start:]))
    return statements

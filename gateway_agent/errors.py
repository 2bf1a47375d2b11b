# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Three families, told apart by who can put things right."""

from __future__ import annotations


class PeerError(Exception):
    """A device or the city sent something wrong. Set aside, counted by `name`, and the work goes on.

    `name` is an error name of docs/wire.md section 11 or of docs/architecture.md.
    """

    def __init__(self, name: str, detail: str = "") -> None:
        super().__init__(f"{name}: {detail}" if detail else name)
        self.name = name
        self.detail = detail


class WireError(PeerError):
    """Bytes that are not as docs/wire.md says."""


class Unavailable(Exception):
    """Something that we need is not there now: a broker, a disk. Tried again with back-off."""


class NoRoom(Unavailable):
    """A store is full, and may offer to give something up for what is new."""


class ConfigError(Exception):
    """A person has to change a setting. Shown in plain words; exit code 2."""

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The steps from a label to a first verified reading, in their order, and how far a node has come. Pure.

    read        only with the node on a cable: it is the one of the label or the vault's file
    write       the same: its configuration has the Wi-Fi network, the gateway and the settings that were asked for
    register    the gateway has a root, a name, a place
    start       only with a cable: it was reset, and has found its gateway's broker
    find        the node has answered: its light has blinked
    configure   it runs with the settings that were asked for
    move        it speaks under the gateway's key generation
    check       the profile's commissioning checks have passed
    verify      the collector has receipted a batch with a measured value
    retire      the label's root is gone from the gateway

A node obeys only in the seconds after it has sent something new, and it sends most just after its start: so a node on a cable is
registered, and asked to show itself, before it is started.

Each may be done again: what is done already is found done. A step that needs nothing is done at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

FORMAT = "startcity provision 1"


class Step(StrEnum):
    """In the order in which they are taken."""

    READ = "read"
    WRITE = "write"
    REGISTER = "register"
    START = "start"
    FIND = "find"
    CONFIGURE = "configure"
    MOVE = "move"
    CHECK = "check"
    VERIFY = "verify"
    RETIRE = "retire"


CABLE_STEPS = (Step.READ, Step.WRITE, Step.START)


class Progress(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One node's state. No secret is in it.

    is_wired: whether it was begun with the node on a cable, at `port`.
    since: by lane, [instance (hex), number]: the last batch of the journal before the node was registered.
    old_epochs: those that the node used before it moved, hex.
    done: by step, when it was done, wall clock in ms.
    checks: by id of a commissioning check, "passed" or "skipped".
    label: a digest of the root on the label that it was begun with, or empty.
    proof: of the first reading: lane, instance, number, receipted number, digest of the receipt.
    """

    format: str = FORMAT
    node: Annotated[str, Meta(pattern="^[0-9a-f]{12}$")]
    profile: str
    name: str = ""
    place: str = ""
    settings: dict[str, bool | int | float | str] = {}
    is_wired: bool = False
    port: str = ""
    since: dict[str, tuple[str, int]] = {}
    old_epochs: list[str] = []
    done: dict[str, int] = {}
    checks: dict[str, str] = {}
    label: str = ""
    proof: dict[str, str | int] | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """Those that this node takes, in their order."""
        return tuple(step for step in Step if self.is_wired or step not in CABLE_STEPS)

    @property
    def needs_cable(self) -> bool:
        """Whether something is left to be done over it."""
        return self.is_wired and any(step not in self.done for step in CABLE_STEPS)

    def covers(self, wanted: Progress, skipped: Collection[str]) -> bool:
        """Whether all that is `wanted` was done by this one; a check that was left out counts where it may be left out again."""
        return (
            self.next_step is None
            and (self.profile, self.name, self.place) == (wanted.profile, wanted.name, wanted.place)
            and self.settings == wanted.settings
            and (self.is_wired or not wanted.is_wired)
            and wanted.label in ("", self.label)
            and all(state == "passed" or check in skipped for check, state in self.checks.items())
        )

    @property
    def next_step(self) -> Step | None:
        """The first that is not done; None at the end."""
        return next((step for step in self.steps if step not in self.done), None)


def generation_to_move_to(registered: Mapping[int, bytes], heard: int) -> int | None:
    """The newest generation of which the gateway has a root, where the node, which was found, was not heard under it yet.

    With one root only, the node was found under that one.
    """
    newest = max(registered, default=heard)
    return newest if newest > heard and len(registered) > 1 else None

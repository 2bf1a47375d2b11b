# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Repair of a stopped gateway's journal: the recovery of each start, but of every segment, and with an account of it.

Nothing is deleted that was not copied to quarantine/ first (unfinished `.new` files and the oldest torn tails beyond 8 MiB
excepted, as at a start). Running it again finds nothing to do. A dry run is the same code on a disk that keeps what is
written in memory, so it says what the real one will do.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from gateway_agent.errors import ConfigError
from gateway_agent.journal import Journal, JournalLimits, Recovery
from gateway_agent.journal.files import OsFiles
from gateway_agent.journal.salvage import Reason
from gateway_agent.model import GatewayId, Lane
from gateway_agent.operate.journal_check import Account, Kind, Problem, check
from gateway_agent.operate.journal_folder import JournalFolder
from gateway_agent.operate.overlay_files import OverlayFiles
from gateway_agent.wire.gap import Gap, GapReason, sign_gap
from gateway_agent.wire.signer import Signer


@dataclass(frozen=True, slots=True)
class Repair:
    """What was found and done. `set_aside` are the names that are new in quarantine/."""

    before: Account
    recovery: Recovery
    set_aside: tuple[str, ...]
    is_dry: bool

    @property
    def held_batches(self) -> int:
        """Batches that can be read afterwards."""
        return sum(lane.batches for lane in self.before.lanes.values())

    @property
    def lost_batches(self) -> int:
        """Batches that are gone here and that the city has not receipted, as far as they can be counted."""
        return self.recovery.damaged_batches

    @property
    def is_lossless(self) -> bool:
        """Nothing that somebody may miss: torn tails and void entries were never acknowledged, as far as the disk told the truth."""
        return not self.lost_batches and not self.unmended and not self.recovery.reasons[Reason.UNREADABLE]

    @property
    def unmended(self) -> list[Problem]:
        """What no recovery can put right: it is found again at each check."""
        beyond = (Kind.CHAIN, Kind.PLACE, Kind.SIGNATURE, Kind.RETIRED_KEY, Kind.EARLY_KEY)
        return [problem for problem in self.before.problems if problem.kind in beyond or not problem.is_mendable]


def repair(directory: Path, gateway_id: GatewayId, signer: Signer, limits: JournalLimits, *, dry_run: bool) -> Repair:
    """Mend the journal in `directory`, or say what would be done.

    Raises:
        ConfigError: no journal, another gateway's, another user's, or a process has it open (`JournalBusy`).
        Unavailable: the disk refuses; nothing is lost by trying again.
    """
    before = check(JournalFolder(directory), signer.public_key)
    if not any(lane.segments for lane in before.lanes.values()):
        raise ConfigError(
            f"{directory} has no segments: there is nothing to repair; a gateway begins a new journal by itself"
        )
    _check_owner(directory)

    def sign(lane: Lane, instance: bytes, first: int, last: int, link: bytes, reason: int) -> bytes:
        return sign_gap(Gap(gateway_id, lane, instance, first, last, link, GapReason(reason)), signer)

    files = OverlayFiles(OsFiles()) if dry_run else OsFiles()
    journal = Journal.open(directory, gateway_id, limits, files, sign_gap=sign, scan_all=True)
    try:
        if journal.recovery.losses:
            journal.settle()
        recovery = journal.recovery
        there = {name for name, _ in before.folder.quarantine}
        set_aside = tuple(name for name in recovery.quarantined if name not in there)
        return Repair(before, recovery, set_aside, dry_run)
    finally:
        journal.close()


def _check_owner(directory: Path) -> None:
    """What root writes, the gateway's user could not read any more."""
    owner = directory.stat().st_uid
    if owner != os.geteuid():
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = f"#{owner}"
        raise ConfigError(
            f"{directory} belongs to {name}: repair it as that user (`sudo -u {name} startcity journal repair`)"
        )

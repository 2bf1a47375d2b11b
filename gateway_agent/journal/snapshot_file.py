# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`received.snap`: which frames of each node are synced, and the segments that need not be read for it at a start.

Segments may go only once their numbers are in it: a node that repeats such a frame is to learn that it had arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from gateway_agent.errors import ConfigError
from gateway_agent.journal.accounts import JournalCounters
from gateway_agent.journal.files import Files, remove_file, replace_file
from gateway_agent.journal.lane_log import LaneLog
from gateway_agent.journal.quarantine import Quarantine
from gateway_agent.journal.received import ReceivedNumbers, decode_snapshot, encode_snapshot
from gateway_agent.journal.salvage import Loss, Reason
from gateway_agent.journal.segment import NewerVersionError
from gateway_agent.model import Lane, Received


class SnapshotFile:
    """The received numbers in memory, and their copy on the disk."""

    def __init__(
        self,
        files: Files,
        path: Path,
        logs: Mapping[Lane, LaneLog],
        settled: Callable[[tuple[Lane, bytes]], int],
        counters: JournalCounters,
    ) -> None:
        """`settled` gives the number up to which nothing is left to do, of a lane and instance."""
        self._files = files
        self._path = path
        self._logs = logs
        self._settled = settled
        self._counters = counters
        self.received = ReceivedNumbers()
        self.covered = dict.fromkeys(Lane, 0)  # by lane, the serial up to which the copy has all numbers
        self.size_bytes = 0
        self.is_due = False

    def add(self, items: Iterable[Received]) -> None:
        """Numbers that are synced."""
        for item in items:
            self.received.add(item)

    def check_version(self) -> None:
        """Whether this program can read the copy; changes nothing. Raises: ConfigError: it is of a newer one; OSError."""
        try:
            decode_snapshot(self._files.read(self._path))
        except FileNotFoundError:
            pass
        except NewerVersionError as error:
            raise ConfigError(f"{self._path} was written by a newer program ({error}): install that one") from error

    def load(self, quarantine: Quarantine, losses: list[Loss]) -> None:
        """Read the copy; a damaged one goes to quarantine and covers nothing. Raises: OSError."""
        remove_file(self._files, self._path.with_suffix(".new"))
        try:
            self._files.settle(self._path)
            data = self._files.read(self._path)
        except FileNotFoundError:
            return
        snapshot = decode_snapshot(data)
        if snapshot is None:
            losses.append(Loss(Reason.SNAPSHOT, "", b"", 0, 0, len(data)))
            quarantine.keep_segment(self._path.name, data)
            self._files.unlink(self._path)
            return
        self.size_bytes = len(data)
        self.covered = snapshot.covered
        self.add(snapshot.received)

    def take(self) -> None:
        """Write the copy. Raises: OSError: the old one stays."""
        covered = {lane: self._covered_serial(lane, log) for lane, log in self._logs.items()}
        data = encode_snapshot(self.received, covered)
        replace_file(self._files, self._path, self._path.with_suffix(".new"), data)
        self.covered = covered
        self.size_bytes = len(data)
        self.is_due = False
        self._counters.snapshots += 1
        self._counters.syncs += 2
        self._counters.bytes_written += len(data)

    def take_if_possible(self) -> None:
        """As `take`; a disk that refuses is counted."""
        try:
            self.take()
        except OSError:
            self._counters.failed_snapshots += 1  # due again after the next append

    def _covered_serial(self, lane: Lane, log: LaneLog) -> int:
        """The last finished segment, but none from the first with an unsigned hole on: that is to be found again.

        Of a segment that the city has receipted to its end nobody wants a gap any more, and none will be signed: its holes would else
        keep it, and all that follows, from ever being deleted.
        """
        serial = 0
        for segment in log.segments[:-1]:
            if segment.has_holes and segment.last > self._settled((lane, segment.instance)):
                break
            serial = segment.serial
        return serial

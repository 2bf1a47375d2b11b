# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Whether the data path moves. Pure. The watchdog is fed by this and by nothing else.

A loop that only proves that it loops would keep a gateway alive whose disk thread hangs. So progress is: the thread
that seals and syncs has finished something since the last look (an idle gateway sends an empty errand through it),
and no lane is overdue. A disk that refuses is no hang: it is said in the status and tried again, and a restart
would not mend it.
"""

from __future__ import annotations

OVERDUE_MAX_MS = 60_000


class Progress:
    """Fed by the data path, asked by the watchdog."""

    def __init__(self) -> None:
        self._finished = 0
        self._seen = 0

    def note_finished(self) -> None:
        """The worker thread finished an errand or a sealing, well or with a named error."""
        self._finished += 1

    def is_moving(self, overdue_ms: int) -> bool:
        """Whether anything finished since the last question, with no lane overdue for more than a minute."""
        moved, self._seen = self._finished != self._seen, self._finished
        return moved and overdue_ms <= OVERDUE_MAX_MS

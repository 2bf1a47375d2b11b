# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What tests and replays want of the firmware's rainflow counter, and a node does not: each single cycle, and the end of a record."""


def watch(counter):
    """A list that gets (range, 1 for half a cycle or 2 for a whole one) of each cycle that the counter closes from now on."""
    found = []
    close = counter._close

    def watched(first):
        size = close(first)
        found.append((size, 2 if first else 1))
        return size

    counter._close = watched
    return found


def end(counter):
    """The record ends: the last extreme is its last reversal, and what is open counts half (ASTM E1049-85, 5.4.4)."""
    if counter.sign:
        counter._turn(counter.last)
    while counter.count > 1:
        counter._close(0)
    counter.count = counter.sign = 0
    counter.last = None

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A second look at the bodies whose node table was not at hand where they stand.

A batch that came after its gap leans on others that did, or on the chain itself, and the chain goes on from it. Kept in memory are
places, no bytes.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path

from collector.chain_check import ChainChecker, ChainName
from collector.line import Held, LineReader, reading_order
from collector.segments import SignedEntry, read_entry, scan_entries
from gateway_agent.errors import WireError
from gateway_agent.wire.batch import Batch, parse_batch
from gateway_agent.wire.limits import TABLE_BATCHES_MAX


def read_leaning(checker: ChainChecker, name: ChainName, files: Iterable[Path]) -> None:
    """Read what can be read of a chain's `leaning` bodies. What leads to them is proved by the hashes that they, signed, carry.

    Raises:
        OSError: a file cannot be read any more.
    """
    chain = checker.chains[name]
    held: dict[bytes, Held] = {}
    places: dict[bytes, tuple[Path, int]] = {}
    lows, highs = _wanted(number for number, _ in chain.leaning.values())
    for path in files:
        for offset, entry, batch in _batches(path, name):
            at = bisect_right(lows, entry.number) - 1
            if at >= 0 and entry.number <= highs[at]:
                digest = hashlib.sha256(entry.signed).digest()
                held[digest] = Held(entry.number, digest, batch.header.link, batch.leans)
                places.setdefault(digest, (path, offset))
    reader = LineReader()
    for digest in reading_order(held, list(chain.leaning)):
        found = read_entry(*places[digest])
        if not isinstance(found, SignedEntry) or hashlib.sha256(found.signed).digest() != digest:
            continue
        try:
            body, _ = reader.read(parse_batch(found.signed), digest)
        except WireError:
            continue
        if digest in chain.leaning:
            checker.read(chain, found, digest, body)


def _wanted(numbers: Iterable[int]) -> tuple[list[int], list[int]]:
    """The ranges in which the lines of these numbers lie: their lowest and their highest numbers, rising."""
    lows: list[int] = []
    highs: list[int] = []
    for number in sorted(numbers):
        low = number - TABLE_BATCHES_MAX + 1
        if highs and low <= highs[-1] + 1:
            highs[-1] = number
        else:
            lows.append(low)
            highs.append(number)
    return lows, highs


def _batches(path: Path, name: ChainName) -> Iterator[tuple[int, SignedEntry, Batch]]:
    for found, entry in scan_entries(path.read_bytes()):
        if not isinstance(entry, SignedEntry) or entry.is_gap:
            continue
        try:
            batch = parse_batch(entry.signed)
        except WireError:
            continue
        header = batch.header
        if (header.gateway_id, header.lane, header.instance, header.number) == (*name, entry.number):
            yield found.offset, entry, batch

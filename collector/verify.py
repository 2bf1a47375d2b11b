# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity verify`: checks a gateway's journal or a collector's archive offline, with public keys only.

Theory of operation
-------------------
Every `*.seg` below the path is read entry by entry, in the order of its chain. For each entry: the framing and its CRC, the signature
under one of the given keys, that payload and place agree on gateway, lane, instance and number, that the number
follows and the link is the hash of the exact bytes before it, that the body opens and leans on a node table that is
there, and that no (node, epoch, sequence) comes twice. A journal's received numbers must be those of its batches.

Signed states and receipts that lie beside the segments, or are named, say how far a chain reached: only they show that an end was cut off.

The checker shares the codecs of `gateway_agent.wire` with the writers, and nothing else: no code of the journal, of
the archive or of the store.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from collector.chain_check import ChainChecker, ChainName, OnFrame, Source
from collector.findings import Finding, Report
from collector.read_leaning import read_leaning
from collector.segments import (
    MAGIC,
    Damage,
    RawEntry,
    SegmentHeader,
    SignedEntry,
    decode_body,
    in_order,
    scan,
    scan_entries,
)
from collector.tail_check import TailChecker, refuse_unsigned
from gateway_agent.errors import ConfigError, WireError
from gateway_agent.wire.key_change import KeyChange, parse_key_change
from gateway_agent.wire.key_succession import KeySuccession

_INSTANCE = re.compile(r"[0-9a-f]{16}")
_FIRST_NUMBER = re.compile(r"([0-9]{12})(_[0-9]+)?\.seg")  # an archive's segment is named by it
KEYS_FOLDER = "keys"  # in a journal, and in an archive below each gateway
_SHELF = re.compile(r"fork-[0-9]+|late")

Keys = Mapping[bytes, Ed25519PublicKey]  # by key id


class _Headerless(NamedTuple):
    """A segment without a single entry in it: what is wrong with it, and what the segments behind it say they hold."""

    file: Path
    findings: list[Finding]
    later: list[SegmentHeader]


def verify(
    path: Path,
    gateway_keys: Keys,
    collector_keys: Keys | None = None,
    evidence: Iterable[Path] = (),
    owners: Mapping[bytes, str] | None = None,
    on_frame: OnFrame | None = None,
) -> Report:
    """Check everything below a path.

    Args:
        path: a journal, an archive, a part of one, or a single segment.
        gateway_keys: public keys of the gateways, by key id.
        collector_keys: public keys of collectors, by key id; needed for receipts only.
        evidence: files that hold one signed state or receipt each.
        owners: the gateway id that a key speaks for, by key id, where that is known. Without it a key speaks for the
            first gateway that it is met with, and for no other.
        on_frame: called once for each identity (node, epoch, sequence) that a signed batch holds, where it is first met.

    Raises:
        ConfigError: there is nothing to check, or it is not what it should be.
    """
    root = path if path.is_dir() else path.parent
    try:
        found = sorted(path.rglob("*.seg"), key=in_order) if path.is_dir() else [_one_segment(path)]
        segments = [segment for segment in found if segment.is_file()]
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}; check as somebody who may read it") from error
    named = [(file, str(file)) for file in evidence]
    for file, _ in named:
        refuse_unsigned(file)
    beside = [
        (file, str(file.relative_to(root)))
        for name in ("state.cose", "receipts.log")
        for file in sorted(root.rglob(name))
    ]
    if not segments and not named and not beside:
        raise ConfigError(f"{path}: no segments (*.seg) here; name a gateway's journal or a collector's archive")
    # Without a segment only a collector's archive has signed states, and only a journal a log of receipts.
    is_archive = any(_INSTANCE.fullmatch(segment.parent.name) for segment in segments) or (
        not segments and not any(file.name == "receipts.log" for file, _ in beside)
    )
    report = Report(str(path), "archive" if is_archive else "journal")
    for other in sorted(set(found) - set(segments)):
        detail = "named like a segment, and no file: a folder, or a link to nothing"
        report.problem(Finding("not_a_file", str(other.relative_to(root)), 0, detail))
    given = dict(gateway_keys)
    successions, gateway_keys, earlier = _follow_changes(root, given, owners or {}, report)
    checker = ChainChecker(report, gateway_keys, owners, on_frame, successions, earlier)
    headerless: list[_Headerless] = []
    files: dict[ChainName, list[Path]] = {}
    for directory, inside in groupby(segments, key=lambda segment: segment.parent):
        in_directory = list(inside)
        try:
            headers = [_header_of(segment) for segment in in_directory]
            for segment, header in zip(in_directory, headers, strict=True):
                if header is not None:
                    files.setdefault((header.gateway_id, header.lane, header.instance), []).append(segment)
            for place, segment in enumerate(in_directory):
                void_from = _void_from(headers[place], headers[place + 1 :])
                shelf = directory.name if _SHELF.fullmatch(directory.name) else ""
                source = Source(str(segment.relative_to(root)), shelf, void_from)
                wrong = _read_segment(checker, segment, source, report)
                if wrong:
                    later = [header for header in headers[place + 1 :] if header is not None]
                    headerless.append(_Headerless(segment, wrong, later))
        except OSError as error:
            raise ConfigError(f"{error.filename}: {error.strerror}; check as somebody who may read it") from error
    try:
        for key in [key for key, chain in checker.chains.items() if chain.leaning]:
            read_leaning(checker, key, files[key])
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}; check as somebody who may read it") from error
    checker.close()
    for segment_without in headerless:
        _judge_headerless(checker, segment_without, report)
    tails = TailChecker(checker, gateway_keys, collector_keys or {}, successions)
    for file, name in beside + named:
        tails.read(file, name)
    if not segments and not report.evidence and report.is_intact:
        # An emptied archive must not pass because the key of what is left was not given.
        detail = (
            "no segment is left, and nothing that is signed here could be checked: give the public key of its signer"
        )
        report.problem(Finding("tail", str(path), 0, detail))
    if len(given) > 1 and set(given) - set(owners or {}):
        detail = "several keys, and not said whose each is: compare the key of every lane, or give GATEWAY=FILE"
        report.note(Finding("key_not_bound", str(path), 0, detail))
    report.chains.sort(key=lambda chain: (chain.gateway, chain.lane, chain.instance))
    return report


def _follow_changes(
    root: Path, given: Keys, owners: Mapping[bytes, str], report: Report
) -> tuple[dict[bytes, KeySuccession], dict[bytes, Ed25519PublicKey], frozenset[bytes]]:
    """The keys that the given ones lead to, by the signed changes that lie below the path; by key id. And the ids of the keys
    before the given ones: they prove nothing, but show that a later key was given than the first."""
    successions: dict[bytes, KeySuccession] = {}
    waiting = []
    for file in sorted(root.rglob(f"{KEYS_FOLDER}/*.cose")):
        name = str(file.relative_to(root))
        try:
            data = file.read_bytes()
            waiting.append((name, data, *parse_key_change(data)))
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}; check as somebody who may read it") from error
        except WireError as error:
            report.problem(Finding(error.name, name, 0, f"a change of a key {error.detail}".rstrip()))
    is_moving = True
    while is_moving and waiting:
        is_moving = False
        for item in list(waiting):
            name, data, signed, change = item
            named = signed.key_id
            if named not in successions and named not in given:
                continue
            succession = successions.get(named)
            if succession is None:
                succession = KeySuccession(owners.get(named, change.gateway_id), given[named])
            waiting.remove(item)
            is_moving = True
            try:
                succession.add(data)
            except WireError as error:
                report.problem(Finding(error.name, name, 0, f"a change of a key {error.detail}".rstrip()))
                continue
            report.key_changes.append((change.gateway_id, named.hex(), change.new_key_id.hex()))
            successions.update(dict.fromkeys(succession.keys(), succession))
    for name, _, signed, _ in waiting:
        detail = f"a change of key {signed.key_id.hex()}, whose public key was not given"
        report.note(Finding("not_checked", name, 0, detail))
    keys = dict(given)
    for succession in successions.values():
        keys |= succession.keys()
    return successions, keys, _earlier_keys([change for _, _, _, change in waiting], given, report)


def _earlier_keys(unproved: list[KeyChange], given: Keys, report: Report) -> frozenset[bytes]:
    """The ids of the keys that lead to a given one. In each change the later key has agreed, so nobody invents one before it."""
    report.later_keys += sorted(
        {(str(change.gateway_id), change.new_key_id.hex()) for change in unproved if change.new_key_id in given}
    )
    earlier: set[bytes] = set()
    is_moving = True
    while is_moving:
        found = {change.old_key_id for change in unproved if change.new_key_id in earlier | set(given)}
        is_moving = not found <= earlier
        earlier |= found
    return frozenset(earlier)


def _one_segment(path: Path) -> Path:
    """A file that somebody named. What was a segment once has at least one entry's mark, or the name of one."""
    if path.name == "receipts.log":
        raise ConfigError(f"{path}: a journal's log of receipts, no segment; name the journal's folder")
    try:
        is_segment = path.suffix == ".seg" or MAGIC in path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name a file or folder that you may read") from error
    if not is_segment:
        raise ConfigError(f"{path}: neither a segment nor a folder; name a gateway's journal or a collector's archive")
    return path


def _void_from(header: SegmentHeader | None, later: list[SegmentHeader | None]) -> int | None:
    """From which number on a segment's entries were written again elsewhere: after a failed sync nobody knows what a segment holds."""
    if header is None:
        return None
    numbers = []
    for other in later:
        if other is not None and other.instance == header.instance:
            numbers.append(other.first)
        elif other is not None and other.ended is not None:
            numbers.append(other.ended + 1)
            break
    return min(numbers, default=None)


def _void_at(data: bytes, void_from: int | None) -> int | None:
    """From which byte on nothing in a segment counts, because it was written again elsewhere; None: it counts to its end.

    A write that failed may have left any of its bytes: damage, and good entries behind it.
    """
    if void_from is None:
        return None
    end = 0
    for found, entry in scan_entries(data):
        if isinstance(found, RawEntry) and not (isinstance(entry, SignedEntry) and entry.number >= void_from):
            end = found.offset + 1
    return end


def _header_of(segment: Path) -> SegmentHeader | None:
    with segment.open("rb") as file:
        _, entry = next(scan_entries(file.read(4096)), (None, None))
    return entry if isinstance(entry, SegmentHeader) else None


def _judge_headerless(checker: ChainChecker, headerless: _Headerless, report: Report) -> None:
    """A power cut as an archive begins a segment leaves one without an entry; what it was begun for stands in a later one."""
    named = _FIRST_NUMBER.fullmatch(headerless.file.name)
    number = int(named[1]) if named and report.kind == "archive" else 0
    for header in headerless.later:
        chain = checker.chains.get((header.gateway_id, header.lane, header.instance))
        if chain is not None and chain.report.is_intact and 0 < header.first <= number <= chain.report.last:
            detail = f"a segment that was begun and holds nothing; number {number} stands in a later one"
            report.note(headerless.findings[-1]._replace(kind="abandoned", detail=detail))
            return
    for finding in headerless.findings:
        report.problem(finding)


def _read_segment(checker: ChainChecker, segment: Path, source: Source, report: Report) -> list[Finding]:
    """Returns what is wrong with a segment in which there is not one entry; everything else goes into the report."""
    header: SegmentHeader | None = None
    data = segment.read_bytes()
    if not any(isinstance(found, RawEntry) for found in scan(data)):
        damage = [Finding("damage", source.file, 0, f"{len(data)} bytes are no entry")] if data else []
        return [*damage, Finding("header", source.file, 0, "the segment's header is missing")]
    void_at = _void_at(data, source.void_from)
    for found in scan(data):
        if isinstance(found, Damage):
            finding = Finding("damage", source.file, found.offset, f"{found.length_bytes} bytes are no entry")
            checker.damage(header, finding, is_abandoned=void_at is not None and found.offset >= void_at)
            continue
        try:
            entry = decode_body(found.body)
        except WireError as error:
            report.problem(Finding(error.name, source.file, found.offset, error.detail))
            continue
        if isinstance(entry, SegmentHeader):
            if found.offset:
                report.problem(Finding("EntryShape", source.file, found.offset, "a header inside a segment"))
                continue
            header = entry
            checker.begin(header, source)
        elif header is None:
            report.problem(
                Finding("header", source.file, found.offset, f"entry {entry.number} in a segment without a header")
            )
        else:
            checker.entry(header, entry, source, found.offset)
    if header is None:
        report.problem(Finding("header", source.file, 0, "the segment's header is missing"))
    return []

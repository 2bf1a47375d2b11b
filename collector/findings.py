# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a check has found, as values and as text for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway_agent.wire.gap import GapReason

FINDINGS_LISTED = 50
GIVE_FIRST_KEY = "give the FIRST public key of this gateway (gateway.first.pub.pem)"

PROVES = """\
What this proves, for every lane listed as intact:
  each batch was signed by the key named with it, which signed for this gateway alone (or by one that
  the key before it named, up to where that one ended), in this order,
  and nothing between the first and the last number is missing,
  changed, inserted or exchanged; every reading in it is what this gateway received (or measured itself), once.
What it does not prove:
  what a sensor said or saw: node and gateway share a symmetric key, so the gateway could have made a reading up;
  that the end is the end: batches cut off after the last one show only against a signed state or receipt that names a later number;
  that clocks were right: times are what node and gateway believed, with the bound they state."""


class Finding(NamedTuple):
    """One thing that is wrong, or worth knowing, with its place."""

    kind: str
    file: str
    offset: int
    detail: str

    def __str__(self) -> str:
        return f"{self.file}:{self.offset}: {self.kind}: {self.detail}"


@dataclass(slots=True)
class ChainReport:
    """One lane of one gateway in one instance."""

    gateway: str
    lane: str
    instance: str
    first: int = 0
    last: int = 0
    last_digest: bytes = b""
    batches: int = 0
    frames: int = 0
    readings: int = 0
    own_readings: int = 0
    evicted_frames: int = 0  # that the gateway says it had to give up
    opaque_frames: int = 0
    bytes: int = 0
    unreadable: int = 0
    repeats: int = 0
    gaps: list[tuple[int, int, int]] = field(default_factory=list)
    confirmed_to: int = 0  # by a signed state or receipt
    key_ids: list[str] = field(default_factory=list)  # of whoever signed what is here, as hex; one, if all is well
    is_intact: bool = True

    def as_json(self) -> dict[str, Any]:
        return {
            "gateway": self.gateway, "lane": self.lane, "instance": self.instance, "first": self.first, "last": self.last,
            "batches": self.batches, "frames": self.frames, "readings": self.readings, "own_readings": self.own_readings,
            "opaque_frames": self.opaque_frames, "bytes": self.bytes, "unreadable": self.unreadable, "repeats": self.repeats,
            "gaps": [{"first": first, "last": last, "reason": reason} for first, last, reason in self.gaps],
            "confirmed_to": self.confirmed_to, "key_ids": self.key_ids, "intact": self.is_intact,
        }  # fmt: skip


@dataclass(slots=True)
class NodeReport:
    """One node over all its epochs; repeats by other gateways are not counted again."""

    epochs: set[bytes] = field(default_factory=set)
    frames: int = 0
    readings: int = 0


@dataclass(slots=True)
class Report:
    """The result of a check."""

    path: str
    kind: str  # "archive" or "journal"
    chains: list[ChainReport] = field(default_factory=list)
    nodes: dict[str, NodeReport] = field(default_factory=dict)
    key_changes: list[tuple[str, str, str]] = field(default_factory=list)  # gateway, old key id, new key id
    problems: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    problem_count: int = 0
    heard_twice: int = 0
    evidence: int = 0
    later_keys: list[tuple[str, str]] = field(default_factory=list)  # gateway, id of a key given that is not its first

    @property
    def is_intact(self) -> bool:
        """True only if nothing at all is wrong."""
        return self.problem_count == 0

    @property
    def advice(self) -> list[str]:
        """What to do so that a check that failed can be done, in plain words."""
        if self.is_intact:
            return []
        return [
            f"{gateway}: the key given, {key_id}, is a later one, and proves nothing that was signed before it: {GIVE_FIRST_KEY}"
            for gateway, key_id in self.later_keys
        ]

    def problem(self, finding: Finding) -> None:
        """Count a problem; the first ones are listed."""
        self.problem_count += 1
        if len(self.problems) < FINDINGS_LISTED:
            self.problems.append(finding)

    def note(self, finding: Finding) -> None:
        """Something that is allowed, and worth knowing."""
        if len(self.notes) < FINDINGS_LISTED:
            self.notes.append(finding)

    def as_json(self) -> dict[str, Any]:
        """Everything, for machines. `readings` counts each identity once, and the gateways' own readings apart."""
        return {
            "path": self.path,
            "kind": self.kind,
            "intact": self.is_intact,
            "batches": sum(chain.batches for chain in self.chains),
            "frames": sum(node.frames for node in self.nodes.values()),
            "readings": sum(node.readings for node in self.nodes.values()),
            "own_readings": sum(chain.own_readings for chain in self.chains),
            "opaque_frames": sum(chain.opaque_frames for chain in self.chains),
            "evicted_frames": sum(chain.evicted_frames for chain in self.chains),
            "heard_twice": self.heard_twice,
            "key_changes": [{"gateway": gateway, "old": old, "new": new} for gateway, old, new in self.key_changes],
            "chains": [chain.as_json() for chain in self.chains],
            "nodes": {
                node: {"epochs": len(report.epochs), "frames": report.frames, "readings": report.readings}
                for node, report in sorted(self.nodes.items())
            },
            "problem_count": self.problem_count,
            "problems": [finding._asdict() for finding in self.problems],
            "notes": [finding._asdict() for finding in self.notes],
            "advice": self.advice,
        }

    def as_text(self) -> str:
        """For people."""
        lines = [f"{self.path}: {self.kind}"]
        for chain in self.chains:
            state = "intact" if chain.is_intact else "NOT INTACT"
            end = f", confirmed to {chain.confirmed_to}" if chain.confirmed_to else ", its end is not confirmed"
            numbers = f"{chain.first} to {chain.last}" if 0 < chain.first <= chain.last else "empty"
            opaque = f" ({chain.opaque_frames} opaque: kept as they came, not read)" if chain.opaque_frames else ""
            lines.append(
                f"  {chain.gateway} {chain.lane:<6} {chain.instance}: {numbers}, {chain.batches} batches, "
                f"{chain.frames} frames{opaque}, {chain.readings} readings, {chain.own_readings} of its own: {state}{end}"
            )
            if chain.evicted_frames:
                lines.append(f"    names {chain.evicted_frames} frames that were given up for want of room")
            lines += [f"    signed by key {key_id}" for key_id in chain.key_ids]
            lines += [
                f"    gap {first} to {last}, signed: {GapReason(reason).words}" for first, last, reason in chain.gaps
            ]
        lines += [
            f"  node {node}: {report.frames} frames, {report.readings} readings, {len(report.epochs)} epochs"
            for node, report in sorted(self.nodes.items())
        ]
        lines += [f"  {gateway}: key {old} named {new} as the next one" for gateway, old, new in self.key_changes]
        if self.heard_twice:
            lines.append(f"  {self.heard_twice} frames were heard by two gateways, with the same contents")
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"problem: {problem}" for problem in self.problems]
        if self.problem_count > len(self.problems):
            lines.append(f"and {self.problem_count - len(self.problems)} problems more")
        lines += [PROVES, "INTACT" if self.is_intact else f"NOT INTACT: {self.problem_count} problems", *self.advice]
        return "\n".join(lines)

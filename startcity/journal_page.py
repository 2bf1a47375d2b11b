# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What `startcity journal` found, for people and as JSON. Pure: accounts in, lines out."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from gateway_agent.errors import WireError
from gateway_agent.journal.salvage import Loss, Reason
from gateway_agent.model import NodeId, OwnReading
from gateway_agent.operate.journal_check import Account, InstanceAccount, Kind, LaneAccount, Problem, SignedGap
from gateway_agent.operate.journal_repair import Repair
from gateway_agent.operate.stored_batches import ShownBatch
from gateway_agent.wire import cbor
from gateway_agent.wire.gap import GapReason
from gateway_agent.wire.senml_resolve import pack_to_senml
from startcity.figures import moment, size
from startcity.words import say

PROBLEMS_SHOWN = 50
_RANGES_SHOWN = 3
_CLOCK_STATES = ("unknown", "synchronised", "was_synchronised")

# ---------------------------------------------------------------------------------------------------- check


def account_lines(account: Account) -> Iterator[str]:
    """What is there, then what is wrong."""
    folder = account.folder
    yield say("{folder}: journal of {gateway}", folder=folder.directory, gateway=account.gateway_id or "?")
    if folder.lock_holder is not None:
        yield say(
            "Process {pid} has it open: checked as it lay on the disk just now; what is written behind the last whole entry may "
            "still be growing, and no repair is possible.",
            pid=folder.lock_holder,
        )
    for lane, mine in account.lanes.items():
        figures = {"segments": mine.segments, "batches": mine.batches, "size": size(mine.size_bytes)}
        yield f"{lane.word:<10}" + say("segments {segments}, batches {batches}, {size}", **figures)
        yield from (f"  {line}" for line in _lane_lines(mine))
    if folder.snapshot is not None:
        nodes = len({item.kid[:6] for item in folder.snapshot.received})
        yield "received.snap  " + say("good, nodes: {count}", count=nodes)
    elif folder.snapshot_bytes is None:
        yield "received.snap  " + say("not there yet; it comes with the first finished segment")
    yield "receipts.log   " + say("positions: {count}", count=len(folder.receipts.positions))
    yield "quarantine/    " + say(
        "files {count}, {size}", count=len(folder.quarantine), size=size(sum(b for _, b in folder.quarantine))
    )
    yield from (f"  {name}  {size(count)}" for name, count in folder.quarantine)
    if account.has_key:
        yield say("Signatures that are good: {count}.", count=account.good_signatures)
        if account.has_earlier_keys:
            yield say(
                "The key given is not the first of this gateway: those before it were taken from the journal itself. `startcity "
                "verify` takes none from there and says NOT INTACT with this key; give it the first one "
                "(gateway.first.pub.pem)."
            )
    else:
        yield say("Signatures were not checked: give the gateway's public key with --key.")
    yield from problem_lines(account.problems)
    if account.is_intact and not account.has_key:
        yield say("Intact as far as checked: signatures were not.")
    elif account.is_intact:
        yield say("Intact. `startcity verify` opens every batch too, and compares it with receipts and signed states.")
    else:
        yield say(
            "Problems: {count}. Stop the gateway and see `startcity journal repair --dry-run`.",
            count=len(account.problems),
        )


def problem_lines(problems: list[Problem]) -> Iterator[str]:
    """One line each, the first 50."""
    for problem in problems[:PROBLEMS_SHOWN]:
        yield f"! {problem.file}:{problem.offset}  {_problem_text(problem)}"
    if len(problems) > PROBLEMS_SHOWN:
        yield say("! and {count} more; --json lists all", count=len(problems) - PROBLEMS_SHOWN)


def _lane_lines(mine: LaneAccount) -> Iterator[str]:
    for instance in mine.instances:
        yield _instance_line(instance)
    for gap in mine.gaps:
        reason = say("given up for want of room") if gap.reason is GapReason.EVICTED else say("damaged")
        yield say("gap, signed: {first} to {last}, {reason}", first=gap.first, last=gap.last, reason=reason)
    if mine.void:
        yield say("void entries: {count} (written again elsewhere after an error; nothing is lost)", count=mine.void)
    if mine.unfinished_bytes:
        yield say("behind the last whole entries: {size}, perhaps being written now", size=size(mine.unfinished_bytes))


def _instance_line(instance: InstanceAccount) -> str:
    name = instance.instance.hex()
    if instance.last < instance.first:
        return say("instance {name}: empty", name=name)
    text = say("instance {name}: {first} to {last}, the city has {receipted}",
               name=name, first=instance.first, last=instance.last, receipted=instance.receipted)  # fmt: skip
    if instance.contradicted_sent is not None:
        text += "; " + say("contradicted by the city, sent all the same to {number}", number=instance.contradicted_sent)
    if instance.has_unnamed_key:
        text += "; " + say("by a key that was changed without naming it: older than that change, or made up since")
    return text


def _problem_text(problem: Problem) -> str:
    figures: dict[str, object] = {"size": size(problem.size_bytes), "first": problem.first, "last": problem.last}
    match problem.kind:
        case Kind.DAMAGED:
            return say("damaged: {size} between good entries", **figures)
        case Kind.TORN_TAIL:
            return say("torn end: {size} behind the last good entry", **figures)
        case Kind.UNREADABLE:
            return say("not one good entry in {size}", **figures)
        case Kind.MISSING:
            return say("missing: batches {first} to {last}, and no gap says so", **figures)
        case Kind.LOST_TAIL:
            return say(
                "the city holds batches up to {last}, here they end before {first}: restored from an old copy?",
                **figures,
            )
        case Kind.CHAIN:
            return say("batch {first} does not follow from the one before it", **figures)
        case Kind.PLACE:
            return say("what is signed belongs elsewhere, or cannot be read: {detail}", detail=problem.detail)
        case Kind.SIGNATURE:
            return say("batch {last}: the signature is not this gateway's", **figures)
        case Kind.RETIRED_KEY:
            return say("batch {last}: signed by a key that had been changed before", **figures)
        case Kind.EARLY_KEY:
            return say("batch {last}: signed by a later key, before the one in use had been changed", **figures)
        case Kind.SNAPSHOT:
            return say("received.snap is damaged: numbers of deleted segments are forgotten")
        case Kind.RECEIPTS:
            return say("receipts.log is damaged in {size}: some batches will be sent again", **figures)


def account_object(account: Account) -> dict[str, Any]:
    """Everything of the account."""
    folder = account.folder
    return {
        "journal": str(folder.directory),
        "gateway": account.gateway_id,
        "open_in_process": folder.lock_holder,
        "intact": account.is_intact,
        "lanes": {lane.word: _lane_object(mine) for lane, mine in account.lanes.items()},
        "snapshot": {
            "state": "missing" if folder.snapshot_bytes is None else "good" if folder.snapshot else "damaged",
            "bytes": folder.snapshot_bytes,
            "covered": {lane.word: serial for lane, serial in folder.snapshot.covered.items()}
            if folder.snapshot
            else {},
        },
        "receipts": {
            "positions": len(folder.receipts.positions),
            "bytes": folder.receipts.size_bytes,
            "damaged_bytes": folder.receipts.damaged_bytes,
        },
        "quarantine": [{"name": name, "bytes": count} for name, count in folder.quarantine],
        "signatures": {
            "checked": account.has_key,
            "good": account.good_signatures,
            "earlier_keys_from_journal": account.has_earlier_keys,
        },
        "kept_of_damaged": account.kept_of_damaged,
        "problems": [problem._asdict() for problem in account.problems],
    }


def _lane_object(mine: LaneAccount) -> dict[str, Any]:
    return {
        "segments": mine.segments,
        "bytes": mine.size_bytes,
        "batches": mine.batches,
        "void_entries": mine.void,
        "unfinished_bytes": mine.unfinished_bytes,
        "instances": [
            {
                "instance": item.instance.hex(),
                "first": item.first,
                "last": item.last,
                "batches": item.batches,
                "receipted": item.receipted,
                "contradicted_sent": item.contradicted_sent,
                "unnamed_key": item.has_unnamed_key,
            }
            for item in mine.instances
        ],
        "gaps": [_gap_object(gap) for gap in mine.gaps],
    }


def _gap_object(gap: SignedGap) -> dict[str, Any]:
    return gap._asdict() | {"instance": gap.instance.hex(), "reason": gap.reason.name.lower()}


# ---------------------------------------------------------------------------------------------------- repair


def repair_lines(done: Repair) -> Iterator[str]:
    """What was wrong, what was done about it, what is lost."""
    yield from problem_lines(done.before.problems)
    for name, batches in done.before.kept_of_damaged.items():
        yield say("{file}: batches that stay: {count}", file=name, count=batches)
    for loss in done.recovery.losses:
        yield _loss_text(loss)
    for name in done.set_aside:
        yield say("kept in quarantine/: {name}", name=name)
    for lane in done.recovery.new_instances:
        yield say("{lane}: the numbering begins anew under a new instance", lane=lane.word)
    for problem in done.unmended:
        yield say("cannot be mended: {file}:{offset}", file=problem.file, offset=problem.offset)
    yield say(
        "Batches held: {held}; lost and named by signed gaps: {lost}.",
        held=done.held_batches,
        lost=done.lost_batches,
    )
    if not done.before.problems and not done.recovery.losses:
        yield say("Nothing to mend.")
    elif done.is_dry:
        yield say("Nothing was changed: this was a dry run.")


def _loss_text(loss: Loss) -> str:
    figures: dict[str, object] = {
        "lane": loss.lane,
        "first": loss.first,
        "last": loss.last,
        "size": size(loss.bytes_aside),
    }
    match loss.reason:
        case Reason.DAMAGED if loss.first:
            return say(
                "{lane}: batches {first} to {last} are lost; a gap stands for them where it can be signed", **figures
            )
        case Reason.DAMAGED:
            return say("{lane}: {size} of damage cut out, in nothing that is needed", **figures)
        case Reason.TORN_TAIL:
            return say("{lane}: {size} of a torn end cut off", **figures)
        case Reason.VOID:
            return say("{lane}: void entries removed; nothing is lost", **figures)
        case Reason.UNREADABLE:
            return say("{lane}: a file of {size} without a good entry set aside", **figures)
        case Reason.LOST_TAIL:
            return say("{lane}: batches {first} to {last} are held by the city and not here", **figures)
        case Reason.SNAPSHOT:
            return say("received.snap set aside; it is made anew")
        case Reason.RECEIPTS:
            return say("receipts.log: {size} are bad; what they said comes again from the city", **figures)


def repair_object(done: Repair) -> dict[str, Any]:
    """Everything of the repair."""
    return {
        "dry_run": done.is_dry,
        "lossless": done.is_lossless,
        "batches_held": done.held_batches,
        "batches_lost": done.lost_batches,
        "torn_bytes": done.recovery.torn_bytes,
        "losses": [loss._asdict() | {"instance": loss.instance.hex()} for loss in done.recovery.losses],
        "set_aside": list(done.set_aside),
        "new_instances": [lane.word for lane in done.recovery.new_instances],
        "unmended": [problem._asdict() for problem in done.unmended],
        "before": account_object(done.before),
    }


# ---------------------------------------------------------------------------------------------------- show


def batch_lines(batch: ShownBatch, with_readings: bool) -> Iterator[str]:
    """A batch in one line, the numbers of its nodes below, and its readings if they are wanted."""
    if batch.gap_reason is not None:
        reason = say("given up for want of room") if batch.gap_reason is GapReason.EVICTED else say("damaged")
        numbers = {"first": batch.first, "last": batch.number}
        yield f"{batch.lane.word} " + say("gap, signed: {first} to {last}, {reason}", reason=reason, **numbers)
        return
    readings = "?" if batch.readings is None else batch.readings
    text = say(
        "frames {frames}, readings {readings}, {size}",
        frames=batch.frames,
        readings=readings,
        size=size(batch.size_bytes),
    )
    yield f"{batch.lane.word} {batch.number}  {_time_text(batch)}  {text}"
    for kid, _, ranges in batch.received:
        shown = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges[:_RANGES_SHOWN])
        rest = f", +{len(ranges) - _RANGES_SHOWN}" if len(ranges) > _RANGES_SHOWN else ""
        yield f"    {kid[:6].hex()} {kid[6:].hex()}: {shown}{rest}"
    if batch.problem:
        yield "    " + say("cannot be read: {reason}", reason=batch.problem)
    if with_readings and batch.body is not None:
        for row in batch.body.frames:
            for record in pack_to_senml(NodeId(row.kid[:6]), row.pack):
                yield _record_line(record, row.kid[6:])
        yield from (_record_line(_own_record(reading), None) for reading in batch.body.own)
        for opaque in batch.body.opaque:
            yield "      " + say(
                "{node}: frame {number} cannot be read here", node=opaque.kid[:6].hex(), number=opaque.sequence
            )


def batch_object(batch: ShownBatch, with_readings: bool) -> dict[str, Any]:
    """Everything of a batch."""
    clock = batch.clock
    content: dict[str, Any] = {
        "lane": batch.lane.word,
        "instance": batch.instance.hex(),
        "first": batch.first,
        "number": batch.number,
        "bytes": batch.size_bytes,
        "gap": batch.gap_reason.name.lower() if batch.gap_reason is not None else None,
        "sealed_at_unix_ms": clock.wall_ms if clock else None,
        "clock_state": _CLOCK_STATES[clock.state] if clock else None,
        "frames": batch.frames,
        "readings": batch.readings,
        "received": [
            {"node": kid[:6].hex(), "epoch": kid[6:].hex(), "floor": floor, "ranges": [list(pair) for pair in ranges]}
            for kid, floor, ranges in batch.received
        ],
        "problem": batch.problem or None,
    }
    if with_readings:
        content["records"] = _records(batch)
    return content


def _records(batch: ShownBatch) -> list[dict[str, Any]]:
    """Resolved SenML records: of the nodes, then the gateway's own."""
    if batch.body is None:
        return []
    rows = [record for row in batch.body.frames for record in pack_to_senml(NodeId(row.kid[:6]), row.pack)]
    return rows + [_own_record(reading) for reading in batch.body.own]


def _record_line(record: dict[str, Any], epoch: bytes | None) -> str:
    """A reading as people read it; `epoch` is its frame's, None for the gateway's own."""
    value = next((record[key] for key in ("v", "vs", "vb", "vd") if key in record), "")
    if epoch is not None and record["n"].endswith(":lost") and "vd" in record:
        value = _lost_text(record["vd"], epoch) or value
    unit = f" {record['u']}" if "u" in record else ""
    return f"      {_record_time(record)}  {record['n']} = {value}{unit}"


def _lost_text(text: str, epoch: bytes) -> str:
    """The numbers that a node gave up, in words (docs/wire.md, 3); "" where the node said something else."""
    try:
        ranges, reason = cbor.decode_sequence(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        numbers = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)
    except (WireError, ValueError, TypeError):
        return ""
    words = {0: say("its queue was full"), 1: say("damaged on its flash"), 2: say("it lost power")}
    why = words.get(reason) if type(reason) is int else None
    return say(
        "epoch {epoch}: numbers {numbers} given up: {reason}",
        epoch=epoch.hex(),
        numbers=numbers,
        reason=why or say("reason {number}", number=reason),
    )


def _own_record(reading: OwnReading) -> dict[str, Any]:
    value = reading.value
    record: dict[str, Any] = {"n": reading.name}
    if isinstance(value, bytes):
        record["vd"] = value.hex()
    elif isinstance(value, tuple):
        record["v"] = float(Decimal(value[1]).scaleb(value[0]))
    else:
        record["vb" if isinstance(value, bool) else "vs" if isinstance(value, str) else "v"] = value
    if reading.time_ms is not None:
        record["t"] = reading.time_ms / 1_000
    return record


def _record_time(record: dict[str, Any]) -> str:
    if "boot_" in record:
        return say("{seconds} s of its boot {boot}", seconds=record.get("t", 0), boot=record["boot_"])
    return moment(int(record["t"] * 1_000)) if "t" in record else "-"


def _time_text(batch: ShownBatch) -> str:
    clock = batch.clock
    if clock is None or clock.wall_ms is None:
        return say("time unknown")
    return moment(clock.wall_ms) + ("" if clock.state == 1 else " " + say("(clock not synchronised)"))

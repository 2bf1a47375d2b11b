# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A gateway's status as one screen for people, in their language. Pure: the status in, lines out.

Reasons that the gateway itself gives (of a broker, of the disk) are shown as it wrote them, in English.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gateway_agent.operate.write_budget import Card, Written, outage_s, write_budget, written_of
from startcity.figures import moment, size, span
from startcity.words import say

STALE_S = 30  # it is written each 5 s
_LABEL_WIDTH = 16
_FULL_SHARE = 0.8
_LATE_S = 3_600  # a receipt takes seconds while the city listens
_UNKNOWN_SHOWN = 5
_STRANGE_RECOVERY = ("damaged", "unreadable_segment", "lost_tail", "snapshot")  # the others cost nothing

Status = Mapping[str, Any]


class Line(NamedTuple):
    """A row of the screen; `is_bad` ones are why the gateway needs attention."""

    label: str
    text: str
    is_bad: bool = False


class Start(NamedTuple):
    """What starts a gateway: commands of which one will do, and what starts one anew that hangs and so is in its own way."""

    either: tuple[str, ...] = ("sudo systemctl start startcity-gateway", "startcity gateway run")
    anew: str = "sudo systemctl restart startcity-gateway"


_BY_HAND = Start()


def is_alive(status: Status, now_ms: int) -> bool:
    """Whether the process is there and goes on writing its status."""
    return bool(status.get("is_running")) and now_ms - int(status.get("written_at_unix_ms", 0)) < STALE_S * 1_000


def page_of(
    status: Status,
    oldest_ms: Mapping[str, int | None],
    card: Card,
    now_ms: int,
    start: Start = _BY_HAND,
) -> list[Line]:
    """The screen.

    Args:
        status: as `read_status` gives it.
        oldest_ms: by lane, when the oldest batch was sealed that the city does not hold; None or missing: not known, or none.
        card: what the memory card is assumed to be.
        now_ms: the wall clock.
        start: what starts this gateway.
    """
    brokers, lanes = list(_brokers(status, is_alive(status, now_ms))), list(_lanes(status, oldest_ms, now_ms))
    if not is_alive(status, now_ms):  # who does not run is not connected, and gets no receipts: one cause, one mark
        brokers, lanes = ([line._replace(is_bad=False) for line in part] for part in (brokers, lanes))
    lines = [*_process(status, now_ms), *_clock(status), *brokers, *_nodes(status)]
    lines += [*_journal(status), *lanes, *_writing(status, card), *_counters(status)]
    bad = sum(line.is_bad for line in lines)
    verdict = say("needs attention: {count}", count=bad) if bad else say("well")
    if not is_alive(status, now_ms):
        return [Line(str(status.get("gateway", "?")), _start(status, start), True), *lines]
    return [Line(str(status.get("gateway", "?")), verdict, bool(bad)), *lines]


def text_of(line: Line) -> str:
    """The row as plain text."""
    return f"{'!' if line.is_bad else ' '} {line.label:<{_LABEL_WIDTH}} {line.text}"


def _start(status: Status, start: Start) -> str:
    """What starts it. A process that hangs is in the way of another one, so it is started anew."""
    if status.get("is_running"):
        return say(
            "gives no sign: see whether its disk is full; if not, start it anew with {start}", start=f"`{start.anew}`"
        )
    first, *second = (f"`{one}`" for one in start.either)
    commands = say("{first} or {second}", first=first, second=second[0]) if second else first
    return say("does not run: start it with {start}", start=commands)


def _process(status: Status, now_ms: int) -> Iterator[Line]:
    written_ms = int(status.get("written_at_unix_ms", 0))
    running = span(status.get("running_s", 0))
    if is_alive(status, now_ms):
        yield Line(say("process"), say("{pid}, running for {span}", pid=status.get("pid"), span=running))
    elif status.get("stopped"):
        yield Line(say("process"), say("stopped at {time}, after {span}", time=moment(written_ms), span=running))
    elif status.get("is_running"):
        text = say(
            "{pid} has not written its status since {time}: see its log", pid=status.get("pid"), time=moment(written_ms)
        )
        yield Line(say("process"), text, True)
    else:
        text = say("gone without a word; its last status is of {time}: see its log", time=moment(written_ms))
        yield Line(say("process"), text, True)


def _clock(status: Status) -> Iterator[Line]:
    clock = status.get("clock", {})
    state = clock.get("state")
    if state == "synchronised":
        yield Line(say("clock"), say("synchronised, within {seconds} s", seconds=clock.get("bound_s")))
    elif state == "was synchronised in this boot":
        text = say("was synchronised, within {seconds} s by now; see `timedatectl`", seconds=clock.get("bound_s"))
        yield Line(say("clock"), text, True)
    elif clock:
        yield Line(say("clock"), say("nothing disciplines it, so the nodes get no time: see `timedatectl`"), True)


def _brokers(status: Status, is_gateway_alive: bool) -> Iterator[Line]:
    city = status.get("city_broker", {})
    for label, link in ((say("nodes' broker"), status.get("nodes_broker", {})), (say("city's broker"), city)):
        if link.get("is_connected"):
            address = link.get("address")
            is_now = say("{address}, connected", address=address)
            yield Line(label, is_now if is_gateway_alive else say("{address}, was connected then", address=address))
        elif link:
            yield Line(label, say("{address}, not connected: {reason}", **_of(link, "address", "reason")), True)
    if city.get("delivery") == "broker":
        yield Line("", say("the promise ends at this broker: nothing says what reaches the collector"))


def _nodes(status: Status) -> Iterator[Line]:
    nodes = status.get("nodes", {})
    if nodes:
        text = say(
            "{registered} registered; {frames_waiting} frames wait to be sealed",
            **_of(nodes, "registered", "frames_waiting"),
        )
        yield Line(say("nodes"), text)
    unknown = nodes.get("unknown", {})
    if unknown:
        names = ", ".join(f"{name} ({count})" for name, count in list(unknown.items())[-_UNKNOWN_SHOWN:])
        rest = say(" and {count} more", count=len(unknown) - _UNKNOWN_SHOWN) if len(unknown) > _UNKNOWN_SHOWN else ""
        text = say("{names}{rest}, with frames refused: `startcity provision` if they are ours", names=names, rest=rest)
        yield Line(say("unknown nodes"), text, True)


def _journal(status: Status) -> Iterator[Line]:
    journal = status.get("journal", {})
    if not journal:
        return
    kept, most = int(journal.get("kept_bytes", journal.get("bytes", 0))), int(journal.get("bytes_max", 0))
    share = kept / most if most else 0.0
    text = say(
        "{kept} of {most} are needed ({percent} %)", kept=size(kept), most=size(most), percent=round(100 * share)
    )
    lasts_s = outage_s(kept, most, written_of(status))
    if lasts_s is not None:
        text += "; " + say("room for {span} without the city, at the rate since the start", span=span(lasts_s))
    yield Line(say("journal"), text, share > _FULL_SHARE)
    if journal.get("refusal"):
        text = say("takes nothing, so nothing is acknowledged: {reason}", reason=journal["refusal"])
        yield Line("", text, True)
        yield Line(
            "", say("make room or mend the disk: it is tried again at least each 30 s and goes on by itself"), True
        )
    if journal.get("evicted_batches"):
        text = say(
            "{count} batches were given up for want of room; the city is told which", count=journal["evicted_batches"]
        )
        yield Line("", text, True)
    found = dict(journal.get("losses", {}))
    for reason, count in journal.get("recovery", {}).get("reasons", {}).items():
        if reason in _STRANGE_RECOVERY:
            found[reason] = found.get(reason, 0) + count
    if found:
        what = ", ".join(f"{reason} {count}" for reason, count in sorted(found.items()))
        yield Line("", say("damage was found since the start: {what}; see `startcity journal check`", what=what), True)


def _lanes(status: Status, oldest_ms: Mapping[str, int | None], now_ms: int) -> Iterator[Line]:
    is_city_there = status.get("city_broker", {}).get("is_connected", False)
    for word, lane in status.get("lanes", {}).items():
        number, receipted = int(lane.get("number", 0)), int(lane.get("receipted", 0))
        since_ms = oldest_ms.get(word)
        text = say("empty")
        if number:
            text = say("batch {number}; the city has {receipted}", number=number, receipted=receipted)
        is_late = False
        if since_ms is not None:
            age_s = max(0, now_ms - since_ms) / 1_000
            is_late = is_city_there and age_s > _LATE_S
            text += "; " + say("the oldest of those that wait is {span} old", span=span(age_s))
        elif number > receipted:
            text += "; " + say("{count} wait", count=number - receipted)
        if is_late:
            text += ": " + say(
                "the broker is there, but no receipt comes: does the collector run, and know this gateway's key?"
            )
        yield Line(say("lane {lane}", lane=word), text, is_late)


def _writing(status: Status, card: Card) -> Iterator[Line]:
    written = written_of(status)
    budget = write_budget(written, card)
    if budget.bytes_per_reading is not None and budget.syncs_per_reading is not None:
        each = {"bytes": f"{budget.bytes_per_reading:.1f}", "syncs": f"{budget.syncs_per_reading:.3f}"}
        yield Line(say("writing"), say("{bytes} bytes and {syncs} syncs a reading", **each))
    if budget.bytes_per_day is None or budget.syncs_per_day is None or budget.life_days is None:
        yield Line(say("memory card"), _too_early(written))
        return
    day = {"bytes": size(budget.bytes_per_day), "syncs": f"{budget.syncs_per_day:.0f}"}
    yield Line("", say("{bytes} and {syncs} syncs a day", **day))
    assumed = {
        "size": size(card.size_bytes),
        "cycles": card.erase_cycles,
        "block": f"{card.erase_block_bytes / 1024:.0f}",
    }
    text = say("lasts {span}, were it {size} of {cycles} erase cycles, and each sync worth a block of {block} KiB",
               span=span(budget.life_days * 86_400), **assumed)  # fmt: skip
    yield Line(say("memory card"), text)


def _too_early(written: Written) -> str:
    return say("too early for figures by the day: {span} of 10 min", span=span(written.running_s))


def _counters(status: Status) -> Iterator[Line]:
    counters: Mapping[str, int] = status.get("counters", {})
    given = counters.get
    texts = {
        "admitted": say("frames admitted {count}", count=given("admitted")),
        "readings": say("readings {count}", count=given("readings")),
        "repeats": say("repeats {count}", count=given("repeats")),
        "out_of_range": say("out of range {count}", count=given("out_of_range")),
    }
    taken = ", ".join(text for name, text in texts.items() if given(name))
    if taken:
        yield Line(say("since the start"), taken)
    ours = {name: count for name, count in counters.items() if name == "errors_of_ours" or name.startswith("restarts_")}
    for name, count in ours.items():
        yield Line("", say("{name} {count}: a defect of this program; send its log", name=name, count=count), True)
    for name, count in counters.items():
        advice = _advice(name)
        if advice:
            yield Line("", f"{name} {count}: {advice}")


def _advice(counter: str) -> str:
    """What to do about a counter; "" where there is nothing to say (docs/architecture.md has them all)."""
    if counter == "refused_FrameTag":
        return say("a foreign key; if the node is ours, was it given another master?")
    if counter == "refused_BelowFloor":
        return say("nothing to do: the node had given those numbers up")
    if counter == "refused_TooManyRanges":
        return say("look at the radio link if it rises for hours")
    if counter == "refused_JournalUnavailable":
        return say("came while the journal took nothing; the nodes send them again")
    if counter.startswith(("refused_Cbor", "refused_Cose", "refused_Frame")):
        return say("no frames: somebody else uses the nodes' topic")
    if counter.startswith("opaque_"):
        return say("kept, but not readable: install the node's profile, or its newer version")
    if counter.startswith("receipts_refused_"):
        return say("compare `collector_key` in gateway.toml with the collector's")
    if counter == "receipts_contradiction":
        return say("the city holds another history: run `startcity verify` on both sides")
    if counter == "housekeeping_failures":
        return say("registry or status could not be read or written; see the log")
    return ""


def _of(content: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: content.get(key) for key in keys}

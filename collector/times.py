# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""When was it? Resolves node time to city time from anchors and from order. Pure: numbers in, numbers out.

Theory of operation
-------------------
A node that is not synchronised writes node time of a boot. Two kinds of evidence tie that boot to the city's time.

An **anchor** says: at node time n it was city time c, within b. A reading at node time t was then at
c + (t - n), within b plus what the node's crystal may have drifted over |t - n|. Of several anchors the tightest
for this reading counts; an anchor may come days later, or by another gateway.

**Order** gives an interval where no anchor ever comes. A gateway cannot hold a reading before it was measured, so
arrival bounds it from above; a node numbers its frames as it queues them, so a frame with an absolute time and a lower
number bounds the boot from below. Both are bounds of the one offset between node time and city time of that boot.

Times are milliseconds since 1970 UTC (city) or since boot (node). The drift allowance is 100 ppm: the ESP32 series' crystals
are specified at +-10 ppm at room temperature, ageing and -25 to +70 degrees take it to some tens of ppm. A node
whose time is kept by a slow clock in deep sleep is worse, and its anchors say by how much.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

DRIFT_PPM = 100
# An anchor carried by a batch whose gateway could not say how good its clock was: the node got no time from
# such a gateway, so this is another gateway's anchor, passed on; a minute covers every NTP client's idea of "synchronised".
BOUND_UNSTATED_MS = 60_000


class TimeQuality(Enum):
    """How a time is known."""

    SYNCHRONISED = "synchronised"  # the node wrote an absolute time
    RESOLVED = "resolved"  # node time, tied to the city's by an anchor: within `bound_ms`
    UNKNOWN = "unknown"  # node time without an anchor: somewhere in the interval


class Anchor(NamedTuple):
    """At `node_ms` of a boot it was `city_ms`, within `bound_ms`; from there on that boot's clock runs off by `drift_ppm` at most."""

    node_ms: int
    city_ms: int
    bound_ms: int
    drift_ppm: int = DRIFT_PPM


class OffsetWindow(NamedTuple):
    """City time minus node time of one boot lies in here; None where nothing bounds it."""

    earliest_ms: int | None
    latest_ms: int | None


class ResolvedTime(NamedTuple):
    """A reading's time. `time_ms` is None exactly where the quality is unknown; the interval is always what is known."""

    quality: TimeQuality
    time_ms: int | None
    bound_ms: int | None
    earliest_ms: int | None
    latest_ms: int | None


UNBOUNDED = OffsetWindow(None, None)


def anchor_bound_ms(round_trip_ms: int, gateway_bound_s: int | None) -> int:
    """How far an anchor may be off: half its round trip, rounded up, and the gateway's own bound."""
    gateway_ms = BOUND_UNSTATED_MS if gateway_bound_s is None else gateway_bound_s * 1000
    return (round_trip_ms + 1) // 2 + gateway_ms


def drift_ms(distance_ms: int, drift_ppm: int = DRIFT_PPM) -> int:
    """What a clock may have run off over this long, rounded up; a crystal, where nothing else is said."""
    return -(-abs(distance_ms) * drift_ppm // 1_000_000)


def tightest(anchors: Iterable[Anchor], node_ms: int) -> tuple[int, int] | None:
    """(city time, bound) at a node time from the anchor that binds it best, None without any.

    Of equally tight anchors the earlier one counts, so that the answer does not depend on the order of arrival.
    """
    best: tuple[int, int, int] | None = None
    for anchor in anchors:
        distance_ms = node_ms - anchor.node_ms
        candidate = (
            anchor.bound_ms + drift_ms(distance_ms, anchor.drift_ppm),
            anchor.node_ms,
            anchor.city_ms + distance_ms,
        )
        if best is None or candidate < best:
            best = candidate
    return None if best is None else (best[2], best[0])


def resolve(
    boot: int | None, time_ms: int, anchors: Iterable[Anchor] = (), window: OffsetWindow = UNBOUNDED
) -> ResolvedTime:
    """The time of one reading.

    Args:
        boot: None if `time_ms` is absolute.
        time_ms: city time, or node time of that boot.
        anchors: those of the same node, epoch and boot, in any order.
        window: what order alone says about the boot's offset.
    """
    if boot is None:
        return ResolvedTime(TimeQuality.SYNCHRONISED, time_ms, None, time_ms, time_ms)
    found = tightest(anchors, time_ms)
    if found is not None:
        city_ms, bound_ms = found
        return ResolvedTime(TimeQuality.RESOLVED, city_ms, bound_ms, city_ms - bound_ms, city_ms + bound_ms)
    slack_ms = drift_ms(time_ms)
    earliest = None if window.earliest_ms is None else window.earliest_ms + time_ms - slack_ms
    latest = None if window.latest_ms is None else window.latest_ms + time_ms + slack_ms
    return ResolvedTime(TimeQuality.UNKNOWN, None, None, earliest, latest)

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which reading passes a commissioning check of the profile. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from device_profiles import Profile
from device_profiles.profile import Commissioning

Value = int | float | str | bool | bytes
TIME_SLACK_MS = 1_000  # readings carry whole seconds
# The longest that a node with nothing new to say is silent (node_io/equipment.py and node_core/duty.py).
AWAKE_SILENCE_S, SLEEPING_SILENCE_S = 900, 21_600
_MARGIN_S = 60


class Seen(NamedTuple):
    """One reading of the node, in the order in which it was sealed. `at_ms` None: the node had no clock yet."""

    epoch: bytes
    sequence: int
    name: str
    value: Value
    at_ms: int | None


def last_before(readings: Iterable[Seen], measurement: str) -> Value | None:
    """The newest value of a measurement, None where there is none."""
    found: Value | None = None
    for reading in readings:
        if reading.name == measurement:
            found = reading.value
    return found


def passing(
    check: Commissioning, readings: Iterable[Seen], before: Value | None, asked_at_ms: int | None
) -> Seen | None:
    """The first reading that passes. `readings` are those sealed after the person was asked, at `asked_at_ms`.

    A reading that was measured before that moment, and only sealed after it, does not count.
    """
    for reading in readings:
        if reading.name != check.measurement:
            continue
        is_old = reading.at_ms is not None and asked_at_ms is not None and reading.at_ms + TIME_SLACK_MS < asked_at_ms
        if not is_old and check.fits(reading.value, before):
            return reading
    return None


def wait_s(check: Commissioning, profile: Profile) -> int:
    """How long to look for a reading: what the profile allows, and what the gateway may wait before it seals."""
    return check.within_s + profile.measurements[check.measurement].deadline_s + 10


def silence_s(profile: Profile) -> int:
    """How long a node of the profile may say nothing, and so obey nothing."""
    return SLEEPING_SILENCE_S if profile.power.sleeps else AWAKE_SILENCE_S


def longest_wait_s(profile: Profile) -> int:
    """Until a node has spoken for certain, and what it said is sealed."""
    return silence_s(profile) + max(one.deadline_s for one in profile.measurements.values()) + _MARGIN_S


def is_measured(profile: Profile, reading: Seen) -> bool:
    """Whether it is of a measurement of the profile, and not only what every node says of itself."""
    measurement = profile.measurements.get(reading.name)
    return measurement is not None and not measurement.is_own

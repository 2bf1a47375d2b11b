# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Is a reading inside its profile's range? Pure: a profile's limits in, a limit per field out.

A frame does not name its profile. Where the configuration does (`[[node]]`), the node's own limits count. Elsewhere a
reading is out of range only if it is so for *every* profile that has a measurement of that name, unit and exponent: an
honest "cannot be right", never a guess. Out-of-range readings are kept and marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import IntEnum
from typing import Protocol

from gateway_agent.model import Field, Kind

Limits = tuple[int, int]
# Beyond what a 64-bit mantissa can hold: always inside.
_ANY: Limits = (-(1 << 64), 1 << 64)


class Quality(IntEnum):
    """What is known of a reading's value."""

    OK = 0
    OUT_OF_RANGE = 1

    @property
    def word(self) -> str:
        return self.name.lower()


class MeasurementLimits(Protocol):
    """What is read of a profile's measurement. Minimum and maximum are in the unit, not in steps of the exponent."""

    @property
    def unit(self) -> str | None: ...
    @property
    def minimum(self) -> float | int | None: ...
    @property
    def maximum(self) -> float | int | None: ...


class ProfileLimits(Protocol):
    """What is read of a profile."""

    @property
    def measurements(self) -> Mapping[str, MeasurementLimits]: ...


class Ranges:
    """The limits of fields, as mantissas."""

    def __init__(self, profiles: Mapping[str, ProfileLimits], node_profiles: Mapping[bytes, str] | None = None) -> None:
        self._profiles = profiles
        self._node_profiles = dict(node_profiles or {})
        self._known: dict[tuple[str | None, Field], Limits | None] = {}

    def profile_of(self, node_id: bytes) -> str | None:
        """The profile that the configuration names for a node, if it does."""
        return self._node_profiles.get(node_id)

    def of(self, profile: str | None, field: Field) -> Limits | None:
        """Lowest and highest good mantissa of a NUMBER field, None where nothing limits it."""
        key = (profile, field)
        if key not in self._known:
            self._known[key] = self._work_out(profile, field)
        return self._known[key]

    def _work_out(self, profile: str | None, field: Field) -> Limits | None:
        if field.kind != Kind.NUMBER:
            return None
        named = None if profile is None else self._profiles.get(profile)
        candidates = list(self._profiles.values()) if named is None else [named]
        limits = [
            _mantissas(measurement, field.exponent)
            for candidate in candidates
            if (measurement := candidate.measurements.get(field.name)) is not None and measurement.unit == field.unit
        ]
        if not limits:
            return None
        widest = (min(low for low, _ in limits), max(high for _, high in limits))
        return None if widest == _ANY else widest


def _mantissas(measurement: MeasurementLimits, exponent: int) -> Limits:
    step = Decimal(1).scaleb(exponent)
    low, high = _ANY
    if measurement.minimum is not None:
        low = int((Decimal(str(measurement.minimum)) / step).to_integral_value(ROUND_CEILING))
    if measurement.maximum is not None:
        high = int((Decimal(str(measurement.maximum)) / step).to_integral_value(ROUND_FLOOR))
    return low, high

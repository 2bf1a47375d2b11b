# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a profile says of a frame's readings: lane, deadline, plausibility, or that we cannot use it. Pure.

The answer depends on the profile and on the shape (names, units, kinds) alone, so it is worked out once per pair
and looked up for every later frame. Only bounds and alarm conditions need the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from device_profiles.profile import AlarmWhen, Measurement, Profile
from gateway_agent.errors import PeerError
from gateway_agent.model import Lane, Pack, Shape, Value

UNKNOWN_PROFILE, UNKNOWN_NAME, WRONG_UNIT_OR_KIND, NOT_A_PACK = 0, 1, 2, 3  # reasons of docs/wire.md, 6
OPAQUE_NAMES = ("unknown_profile", "unknown_name", "wrong_unit_or_kind", "invalid_pack")
OPAQUE_DEADLINE_MS = 60_000
VERDICTS_MAX = 4_096

_LANES = {lane.word: lane for lane in Lane}


class Bound(NamedTuple):
    """Inclusive bounds of one record's value, None where open. `is_waveform`: of each of its samples."""

    record: int
    low: int | float | None
    high: int | float | None
    is_waveform: bool


class Judgement(NamedTuple):
    """What holds for one frame."""

    opaque_reason: int | None
    lane: Lane
    deadline_ms: int  # from its arrival
    out_of_range: tuple[int, ...]  # record indices


class Verdict(NamedTuple):
    """What holds for every frame of one profile and shape. `usual` is the judgement of a plausible, quiet one.

    `closed` are the bounds as (record, low, high), where all of them are numbers' with both ends and nothing can be an alarm; else None.
    """

    usual: Judgement
    closed: tuple[tuple[int, Any, Any], ...] | None
    bounds: tuple[Bound, ...]
    alarms: tuple[tuple[int, AlarmWhen], ...]  # record index, condition


_OPAQUE = [Judgement(reason, Lane.RECORD, OPAQUE_DEADLINE_MS, ()) for reason in range(4)]


def opaque(reason: int) -> Judgement:
    """An authentic frame that nobody here can use: kept whole, in the record lane."""
    return _OPAQUE[reason]


class ProfileCheck:
    """The profiles and the verdicts found so far (at most 4,096, then found anew)."""

    def __init__(self, profiles: Mapping[str, Profile], decode_waveform: Callable[[bytes], list[int]]) -> None:
        self._profiles = profiles
        self._decode_waveform = decode_waveform
        # By identity of the shape, which is interned: to hash all its names would cost more than the rest. A shape that is kept
        # here lives, so that no other can come to have its identity.
        self._verdicts: dict[tuple[str, int], tuple[Verdict, Shape]] = {}

    def judge(self, profile_id: str, pack: Pack) -> Judgement:
        """Lane, deadline and plausibility of a frame's readings. Alarms are decided here, from the profile."""
        _, _, shape, _, values = pack
        known = self._verdicts.get((profile_id, id(shape)))
        if known is None:
            known = self._find(profile_id, shape), shape
            if len(self._verdicts) >= VERDICTS_MAX:
                self._verdicts.clear()
            self._verdicts[profile_id, id(shape)] = known
        usual, closed, bounds, alarms = known[0]
        if closed is not None:
            for index, low, high in closed:
                if not low <= values[index] <= high:
                    break
            else:
                return usual
        outside: tuple[int, ...] = ()
        for index, low, high, is_waveform in bounds:
            if is_waveform:
                if not self._waveform_fits(values[index], low, high):
                    outside += (index,)
                continue
            value = values[index]
            if (low is not None and value < low) or (high is not None and value > high):  # type: ignore[operator]
                outside += (index,)
        for index, condition in alarms:
            if condition.fits(values[index]):
                return Judgement(None, Lane.ALARM, 0, outside)
        return Judgement(None, usual.lane, usual.deadline_ms, outside) if outside else usual

    def _find(self, profile_id: str, shape: Shape) -> Verdict:
        profile = self._profiles.get(profile_id)
        if profile is None:
            return _opaque_verdict(UNKNOWN_PROFILE)
        rows: list[Measurement] = []
        for field in shape:
            measurement = profile.measurements.get(field.name)
            if measurement is None:
                return _opaque_verdict(UNKNOWN_NAME)
            rows.append(measurement)
        for field, measurement in zip(shape, rows, strict=True):
            if field.unit != measurement.unit or field.kind != measurement.wire_kind:
                return _opaque_verdict(WRONG_UNIT_OR_KIND)
        alarms = tuple(
            (index, condition)
            for index, (field, row) in enumerate(zip(shape, rows, strict=True))
            if (condition := _alarm_when(row, field.exponent)) is not None
        )
        bounds = tuple(
            bound
            for index, (field, row) in enumerate(zip(shape, rows, strict=True))
            if (bound := _bound(index, row, field.exponent)) is not None
        )
        lane = min(_LANES[row.lane] for row in rows)
        deadline_ms = 0 if lane is Lane.ALARM else min(row.deadline_s for row in rows) * 1_000
        closed = None
        if not alarms and all(
            bound.low is not None and bound.high is not None and not bound.is_waveform for bound in bounds
        ):
            closed = tuple((bound.record, bound.low, bound.high) for bound in bounds)
        return Verdict(Judgement(None, lane, deadline_ms, ()), closed, bounds, alarms)

    def _waveform_fits(self, value: Value, low: int | float | None, high: int | float | None) -> bool:
        try:
            samples = self._decode_waveform(value)  # type: ignore[arg-type]
        except PeerError:
            return False
        return not samples or ((low is None or min(samples) >= low) and (high is None or max(samples) <= high))


def _opaque_verdict(reason: int) -> Verdict:
    return Verdict(_OPAQUE[reason], (), (), ())


def _bound(index: int, row: Measurement, exponent: int) -> Bound | None:
    if row.kind == "float":
        low: int | float | None = row.minimum
        high: int | float | None = row.maximum
    else:
        low, high = row.minimum_mantissa, row.maximum_mantissa
    if low is None and high is None:
        return None
    if row.kind == "number":
        low, high = _rescaled(low, row.exponent, exponent), _rescaled(high, row.exponent, exponent)
    return Bound(index, low, high, row.kind == "waveform")


def _alarm_when(row: Measurement, exponent: int) -> AlarmWhen | None:
    condition = row.alarm_when
    if condition is None or row.kind != "number" or row.exponent == exponent:
        return condition
    equals = condition.equals
    if isinstance(equals, int) and not isinstance(equals, bool):
        # A value that this resolution cannot express never fits: it is no integer then, and stays a float.
        equals = _rescaled(equals, row.exponent, exponent)
    return AlarmWhen(
        _rescaled(condition.above, row.exponent, exponent), _rescaled(condition.below, row.exponent, exponent), equals
    )


def _rescaled(steps: int | float | None, of_exponent: int, to_exponent: int) -> int | float | None:
    """A bound in steps of another resolution: a node may send more or fewer digits than its profile says."""
    if steps is None or of_exponent == to_exponent:
        return steps
    scaled = Decimal(steps).scaleb(of_exponent - to_exponent)
    return int(scaled) if scaled == scaled.to_integral_value() else float(scaled)

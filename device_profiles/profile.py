# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The nouns of a profile, and what a node is told of it. Pure: no file is read here.

A bound is written in the unit (`max = 85.0`, Cel) and compared as a mantissa (8500 at exponent -2), because that is
what travels: a comparison of integers is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from device_profiles.errors import SettingError

Value = int | bool | str | float | bytes

# How a kind is written on the wire (docs/wire.md, 6) and in a node's config.json.
WIRE_KINDS: Mapping[str, int] = MappingProxyType(
    {"number": 0, "boolean": 1, "text": 2, "float": 3, "bytes": 4, "waveform": 4}
)
KIND_LETTERS: Mapping[str, str] = MappingProxyType(
    {"number": "n", "boolean": "b", "text": "s", "float": "f", "bytes": "d", "waveform": "d"}
)


@dataclass(frozen=True, slots=True)
class Words:
    """A name and a description in one language."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class AlarmWhen:
    """When a reading counts as an alarm. Bounds are mantissas for numbers, and exclusive.

    `texts` says by language what rings; empty where the measurement's own label says enough.
    """

    above: int | float | None = None
    below: int | float | None = None
    equals: Value | None = None
    severity: str = "warning"
    texts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def fits(self, value: Value) -> bool:
        """Whether `value`, as it stands in a record, is an alarm."""
        if self.equals is not None and type(value) is type(self.equals) and value == self.equals:
            return True
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (self.above is not None and value > self.above) or (self.below is not None and value < self.below)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One thing that a device reports.

    Attributes:
        kind: number, boolean, text, float, bytes or waveform.
        unit: a primary SenML unit, or None for a plain number.
        exponent: a step is 10^exponent of the unit; 0 for every kind but number and waveform.
        minimum, maximum: plausible bounds in the unit, or None.
        minimum_mantissa, maximum_mantissa: the same bounds in steps; None for a float, too.
        deadline_s: how long the gateway may wait before it seals a reading.
        rate_hz: samples a second of a waveform.
        uncertainty: expanded (k = 2), in the unit, or None where nobody has stated it.
        texts: the label by language (`it`, `en`).
        is_own: a record that every node may send, from own.toml.
    """

    name: str
    kind: str
    unit: str | None
    exponent: int
    minimum: int | float | None
    maximum: int | float | None
    minimum_mantissa: int | None
    maximum_mantissa: int | None
    lane: str
    deadline_s: int
    alarm_when: AlarmWhen | None
    rate_hz: int | float | None
    uncertainty: int | float | None
    texts: Mapping[str, str]
    is_own: bool

    @property
    def wire_kind(self) -> int:
        """The kind's number in a body's shape (docs/wire.md, 6)."""
        return WIRE_KINDS[self.kind]

    @property
    def wire_exponent(self) -> int:
        """The exponent in a body's shape: 0 for everything but a number, so for a waveform too."""
        return self.exponent if self.kind == "number" else 0

    def is_in_range(self, value: Value) -> bool:
        """Whether `value`, as it stands in a record, is plausible.

        For a waveform ask with each sample's mantissa. Text, booleans and bytes have no bounds.
        """
        if isinstance(value, bool) or not isinstance(value, int | float):
            return True
        if self.kind == "float":
            low, high = self.minimum, self.maximum
        else:
            low, high = self.minimum_mantissa, self.maximum_mantissa
        return (low is None or value >= low) and (high is None or value <= high)

    def is_alarm(self, value: Value) -> bool:
        """Whether a reading with `value` belongs into the alarm lane."""
        return self.lane == "alarm" or (self.alarm_when is not None and self.alarm_when.fits(value))


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that the application takes. Bounds are inclusive."""

    name: str
    default: bool | int | float | str
    minimum: int | float | None
    maximum: int | float | None
    unit: str | None
    texts: Mapping[str, str]

    def check(self, value: object) -> bool | int | float | str:
        """Return `value` if the application may take it.

        Raises:
            SettingError: another type than the default's, or out of bounds.
        """
        wanted = type(self.default)
        if wanted is bool and isinstance(value, str) and value.lower() in ("true", "false"):
            value = value.lower() == "true"
        is_whole_for_float = wanted is float and type(value) is int
        if type(value) is not wanted and not is_whole_for_float:
            raise _wrong_kind(wanted, self.name, _as_typed(self.default), _as_typed(value))
        assert isinstance(value, bool | int | float | str)
        if isinstance(value, int | float) and not isinstance(value, bool):
            unit = f" {self.unit}" if self.unit else ""
            if self.minimum is not None and not value >= self.minimum:
                raise SettingError(
                    "setting {name}: {given} is too small, write {least} or more.",
                    name=self.name,
                    given=value,
                    least=f"{self.minimum}{unit}",
                )
            if self.maximum is not None and not value <= self.maximum:
                raise SettingError(
                    "setting {name}: {given} is too large, write {most} or less.",
                    name=self.name,
                    given=value,
                    most=f"{self.maximum}{unit}",
                )
        return value


@dataclass(frozen=True, slots=True)
class Power:
    """What feeds the node.

    Attributes:
        source: mains, usb, poe, solar, battery or bus.
        capacity_mah: of the cell; None for a source that has none.
        cell, volts, usable_pct, self_discharge_pct_year, sleep_ua: all present exactly for a battery.
    """

    source: str
    cell: str | None = None
    capacity_mah: int | float | None = None
    volts: int | float | None = None
    usable_pct: int | float | None = None
    self_discharge_pct_year: int | float | None = None
    sleep_ua: int | float | None = None

    @property
    def sleeps(self) -> bool:
        """Whether the node sleeps between its readings, so that a gateway may not wait for it."""
        return self.source == "battery"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Who calibrated the device, and how long that holds.

    Attributes:
        kind: factory, type, individual or none.
        date: when the model was calibrated; None for every kind but type.
        valid_months: 0 does not expire.
        texts: how and against what, by language.
    """

    kind: str
    date: date | None
    valid_months: int
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Commissioning:
    """A check of the installer: after the instruction, a reading within `within_s` for which everything holds.

    Attributes:
        above, below: exclusive; steps of 10^exponent for a number, like the values that arrive.
        equals: the value, in steps for a number.
        changes: the value must differ from the last one before the instruction.
        texts: what the person does or sees, by language.
    """

    id: str
    measurement: str
    within_s: int
    above: int | float | None
    below: int | float | None
    equals: Value | None
    changes: bool
    texts: Mapping[str, str]

    def fits(self, value: Value, before: Value | None) -> bool:
        """Whether `value`, as it stands in a record at the profile's exponent, passes.

        `before` is the last value from before the instruction, None where there was none; then any value is a change.
        """
        if self.changes and before is not None and type(value) is type(before) and value == before:
            return False
        if self.equals is not None and not (type(value) is type(self.equals) and value == self.equals):
            return False
        if self.above is None and self.below is None:
            return True
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything about one kind of device.

    `measurements` holds the profile's own names and those of own.toml, which every node may send.
    """

    id: str
    version: int
    family: str
    vendor: str
    model: str
    source: str
    texts: Mapping[str, Words]
    app: str
    board: str
    settings: Mapping[str, Setting]
    power: Power
    measurements: Mapping[str, Measurement]
    calibration: Calibration | None
    commissioning: tuple[Commissioning, ...]
    folder: Path

    @property
    def power_source(self) -> str:
        """Short for `power.source`."""
        return self.power.source

    def firmware_config(self, settings_overrides: Mapping[str, object] | None = None) -> dict[str, object]:
        """What the node's config.json takes from the profile, JSON-able.

        `measurements` maps a name to [unit or null, kind letter, exponent, lane, deadline_s]. What every node says of
        itself is in the firmware already; bounds, commissioning and calibration are the gateway's matter: all would only
        cost the node memory. `sleeps` is there, and true, only where the node runs on a battery.

        Raises:
            SettingError: a setting that the profile does not have, or a value that does not fit.
        """
        settings: dict[str, object] = {name: setting.default for name, setting in self.settings.items()}
        for name, value in (settings_overrides or {}).items():
            if name not in self.settings:
                known = ", ".join(sorted(self.settings)) or "none"
                raise SettingError(
                    "setting {name}: profile {profile} does not have it; it has: {known}.",
                    name=name,
                    profile=self.id,
                    known=known,
                )
            settings[name] = self.settings[name].check(value)
        rows = [measurement for measurement in self.measurements.values() if not measurement.is_own]
        return {
            "profile": self.id,
            "profile_version": self.version,
            "app": self.app,
            "board": self.board,
            "settings": settings,
            "measurements": {m.name: [m.unit, KIND_LETTERS[m.kind], m.exponent, m.lane, m.deadline_s] for m in rows},
            **({"sleeps": True} if self.power.sleeps else {}),
        }


def _wrong_kind(wanted: type, name: str, example: str, given: str) -> SettingError:
    """Whole sentences, because a language may not be put together from words."""
    if wanted is bool:
        template = "setting {name}: write true or false, such as {example}, not {given}."
    elif wanted is int:
        template = "setting {name}: write a whole number, such as {example}, not {given}."
    elif wanted is float:
        template = "setting {name}: write a number, such as {example}, not {given}."
    else:
        template = "setting {name}: write text, such as {example}, not {given}."
    return SettingError(template, name=name, example=example, given=given)


def _as_typed(value: object) -> str:
    """A value as a person writes it: `false`, not `False`."""
    return str(value).lower() if isinstance(value, bool) else repr(value)


def mantissa_of(value: int | float, exponent: int) -> int | None:
    """`value` in steps of 10^exponent, or None where it is not a whole number of them.

    A float is taken as its shortest decimal text, which is what the author of the profile wrote.
    """
    steps = Decimal(repr(value)).scaleb(-exponent)
    return int(steps) if steps == steps.to_integral_value() else None

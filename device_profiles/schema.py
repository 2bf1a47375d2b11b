# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The shape of profile.toml, captures.toml and own.toml: which keys there are, of which type.

`profile.schema.json` is made from these structures (`make schema`), so that an editor
checks and completes a profile while it is written. What a schema cannot say is in `rules.py`.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from device_profiles.units import PRIMARY

ID_PATTERN = "^[a-z0-9][a-z0-9-]{0,47}$"
CHECK_PATTERN = "^[a-z][a-z0-9-]{0,31}$"
NAME_PATTERN = "^[a-z][a-z0-9_]{0,23}$"  # docs/wire.md, 3

Number = int | float
Scalar = bool | int | float | str
ProfileId = Annotated[str, Meta(pattern=ID_PATTERN, description="The folder's name: a-z, 0-9 and -.")]
RecordName = Annotated[str, Meta(pattern=NAME_PATTERN, description="Name of the SenML record, docs/wire.md section 3.")]
Text = Annotated[str, Meta(min_length=1)]
KindWord = Literal["number", "boolean", "text", "float", "bytes", "waveform"]
LaneWord = Literal["alarm", "record", "trend"]
PowerSource = Literal["mains", "usb", "poe", "solar", "battery", "bus"]
SeverityWord = Literal["warning", "critical"]
CalibrationKind = Literal["factory", "type", "individual", "none"]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table in which an unknown key is a mistake."""


class Device(_Strict, frozen=True):
    """What the thing is, and where its facts come from."""

    id: ProfileId
    version: Annotated[
        int, Meta(ge=1, le=65535, description="Rises with every change that a node or reader can notice.")
    ]
    family: Annotated[Text, Meta(description="What it is used for: parking, strain, climate, meter ...")]
    vendor: Text
    model: Text
    source: Annotated[Text, Meta(description="Datasheet with revision and section, or the measurement it rests on.")]


class Words(_Strict, frozen=True):
    """What people read."""

    name: Text
    description: Text


class Texts(_Strict, frozen=True):
    """Each text in Italian and in English."""

    it: Words
    en: Words


class Setting(_Strict, frozen=True):
    """One value that the application takes, with its bounds."""

    default: Scalar
    text_it: Text
    text_en: Text
    min: Number | None = None
    max: Number | None = None
    unit: Annotated[str | None, Meta(description="For people; free text, unlike a measurement's unit.")] = None


class Firmware(_Strict, frozen=True):
    """The application that runs on the node, and the board that it expects."""

    app: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,23}$", description="firmware/apps/<app>.py")]
    board: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,31}$", description="firmware/boards/<board>.py")]
    settings: dict[str, Setting] = {}


class Power(_Strict, frozen=True):
    """What feeds the node. A battery profile's node sleeps; its energy account rests on the cell's figures."""

    source: PowerSource
    cell: Annotated[Text | None, Meta(description="Chemistry, size and voltage; battery only.")] = None
    capacity_mah: Annotated[Number | None, Meta(description="Of the cell, as its data sheet says.")] = None
    volts: Annotated[Number | None, Meta(description="Of the cell; battery only.")] = None
    usable_pct: Annotated[Number | None, Meta(description="Share that the node can draw; battery only.")] = None
    self_discharge_pct_year: Annotated[Number | None, Meta(description="Battery only.")] = None
    sleep_ua: Annotated[Number | None, Meta(description="Board and sensors in deep sleep; battery only.")] = None


class Calibration(_Strict, frozen=True):
    """Who calibrated the device, and how long that holds."""

    kind: Annotated[
        CalibrationKind,
        Meta(description="factory: by the maker; type: one of the model, then; individual: each, at `node add`."),
    ]
    text_it: Text
    text_en: Text
    date: Annotated[datetime.date | None, Meta(description="When the model was calibrated; type only.")] = None
    valid_months: Annotated[int, Meta(ge=0, le=600, description="0: does not expire.")] = 0


class CommissioningTable(_Strict, frozen=True):
    """A check that the installer runs at the end. All conditions that stand there must hold for one reading."""

    id: Annotated[str, Meta(pattern=CHECK_PATTERN, description="Unique in the profile: a-z, 0-9 and -.")]
    measurement: Annotated[RecordName, Meta(description="Of this profile or of own.toml.")]
    text_it: Annotated[Text, Meta(description="What the person does or sees.")]
    text_en: Annotated[Text, Meta(description="What the person does or sees.")]
    within_s: Annotated[int, Meta(ge=1, le=86400, description="How long the check waits for it.")]
    above: Annotated[Number | None, Meta(description="In the unit, exclusive.")] = None
    below: Annotated[Number | None, Meta(description="In the unit, exclusive.")] = None
    equals: Scalar | None = None
    changes: Annotated[bool | None, Meta(description="true: the value must change after the instruction.")] = None


class AlarmWhen(_Strict, frozen=True):
    """A reading that fits goes into the alarm lane, whatever its usual lane is. Bounds are in the unit."""

    above: Number | None = None
    below: Number | None = None
    equals: Scalar | None = None
    severity: Annotated[SeverityWord | None, Meta(description="How grave it is; warning where absent.")] = None
    text_it: Annotated[Text | None, Meta(description="What a person reads when it rings.")] = None
    text_en: Annotated[Text | None, Meta(description="What a person reads when it rings.")] = None


class MeasurementTable(_Strict, frozen=True):
    """One thing that the device reports."""

    name: RecordName
    kind: Annotated[KindWord, Meta(description="number: integer with an exponent; waveform: a run of integers.")]
    lane: Annotated[LaneWord, Meta(description="alarm is never evicted; trend is evicted first.")]
    deadline_s: Annotated[int, Meta(ge=0, le=86400, description="How long the gateway may wait before it seals.")]
    text_it: Text
    text_en: Text
    unit: Annotated[
        str | None, Meta(extra_json_schema={"enum": sorted(PRIMARY)}, description="Primary SenML unit.")
    ] = None
    exponent: Annotated[int, Meta(ge=-12, le=6, description="Resolution: a step is 10^exponent of the unit.")] = 0
    min: Annotated[Number | None, Meta(description="Smallest plausible value, in the unit.")] = None
    max: Annotated[Number | None, Meta(description="Largest plausible value, in the unit.")] = None
    rate_hz: Annotated[Number | None, Meta(description="Samples a second; waveform only.")] = None
    uncertainty: Annotated[Number | None, Meta(description="Expanded (k = 2), in the unit; number and float only.")] = (
        None
    )
    alarm_when: AlarmWhen | None = None


class ProfileFile(_Strict, frozen=True):
    """profile.toml: everything about one kind of device."""

    device: Device
    text: Texts
    firmware: Firmware
    power: Power
    measurement: Annotated[list[MeasurementTable], Meta(min_length=1)]
    calibration: Calibration | None = None
    commissioning: list[CommissioningTable] = []


class OwnFile(_Strict, frozen=True):
    """own.toml: what every node says of itself."""

    measurement: Annotated[list[MeasurementTable], Meta(min_length=1)]


class CaptureTable(_Strict, frozen=True):
    """Real bytes, and what they mean: either the values or the name of the error."""

    name: Text
    raw: Annotated[
        str, Meta(pattern="^([0-9a-fA-F]{2}[ ]?)+$", description="Bytes in hex, spaces between bytes allowed.")
    ]
    expect: dict[str, Scalar | list[Scalar]] | None = None
    error: str | None = None
    source: Annotated[str | None, Meta(description="Where the bytes come from.")] = None


class CapturesFile(_Strict, frozen=True):
    """captures.toml: the profile's tests."""

    capture: Annotated[list[CaptureTable], Meta(min_length=1)]


SCHEMA_PATH = Path(__file__).with_name("profile.schema.json")


def profile_schema() -> dict[str, Any]:
    """The JSON Schema of profile.toml, for editors."""
    schema: dict[str, Any] = msgspec.json.schema(ProfileFile)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "startcity device profile", **schema}


def schema_text() -> str:
    """The exact text of profile.schema.json."""
    return json.dumps(profile_schema(), indent=2, ensure_ascii=False) + "\n"


def write_schema() -> None:
    """Write profile.schema.json anew (`make schema`)."""
    SCHEMA_PATH.write_text(schema_text(), encoding="utf-8")

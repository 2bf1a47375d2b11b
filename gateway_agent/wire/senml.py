# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""SenML packs of our nodes (RFC 8428 with CBOR labels, under the rules of docs/wire.md, 3).

`decode_pack` tries the byte patterns that `pack_pattern` has learned, then reads strictly. Foreign SenML
(base fields, floats, JSON) is `senml_resolve`'s.
"""

from __future__ import annotations

from typing import Any

from gateway_agent.errors import WireError
from gateway_agent.model import Field, Kind, Pack, Value
from gateway_agent.wire import cbor, pack_pattern
from gateway_agent.wire.limits import (
    DATA_BYTES_MAX,
    NAME,
    RECORDS_MAX,
    TEXT_BYTES_MAX,
    TIME_MS_MAX,
    UINT32_MAX,
    is_int64,
    is_uint,
)
from gateway_agent.wire.senml_resolve import pack_to_senml, resolve
from gateway_agent.wire.shapes import intern_shape, read_fraction
from gateway_agent.wire.waveform import decode_waveform, encode_waveform

__all__ = ["decode_pack", "decode_waveform", "encode_pack", "encode_waveform", "pack_to_senml", "resolve"]

BT, NAME_LABEL, UNIT, V, VS, VB, T, VD = -3, 0, 1, 2, 3, 4, 6, 8
BOOT = "boot_"
_LABELS = frozenset({NAME_LABEL, UNIT, V, VS, VB, T, VD})
_FIRST_LABELS = _LABELS | {BT, BOOT}
_VALUE_LABELS = (V, VS, VB, VD)


def decode_pack(pack_bytes: bytes) -> Pack:
    """Read a node's pack.

    Raises:
        WireError: `Cbor...` or `Senml...`, in the order of docs/wire.md, 11.
    """
    found = pack_pattern.match(pack_bytes)
    if found is not None:
        return found
    pack = _read(cbor.decode(pack_bytes))
    pack_pattern.learn(pack_bytes, pack)
    return pack


def _read(records: object) -> Pack:
    if type(records) is not list or not 1 <= len(records) <= RECORDS_MAX:
        raise WireError("SenmlShape", f"an array of 1 to {RECORDS_MAX} records")
    if not all(type(record) is dict for record in records):
        raise WireError("SenmlShape", "a record is a map")
    fields: list[Field] = []
    values: list[Value] = []
    times: list[int] = []
    boot: int | None = None
    base_ms = 0
    for index, record in enumerate(records):
        if not record.keys() <= (_LABELS if index else _FIRST_LABELS):
            raise WireError("SenmlLabel", f"record {index}")
        name = record.get(NAME_LABEL)
        if type(name) is not str or not NAME.fullmatch(name):
            raise WireError("SenmlName", f"record {index}")
        unit = record.get(UNIT)
        if UNIT in record and type(unit) is not str:
            raise WireError("SenmlShape", f"record {index}: a unit is text")
        kind, exponent, value = _read_value(record, index)
        if index == 0:
            boot, base_ms = _read_base(record)
        time_ms = base_ms + (_time_ms(record[T]) if T in record else 0)
        # Two times that are allowed can have a sum, or a distance from the first record, that is not.
        if abs(time_ms) > TIME_MS_MAX or (times and abs(time_ms - times[0]) > TIME_MS_MAX):
            raise WireError("SenmlTime", f"record {index}: beyond 2^53 - 1 ms")
        times.append(time_ms)
        fields.append(Field(name, unit, kind, exponent))
        values.append(value)
    first = times[0]
    return Pack(boot, first, intern_shape(tuple(fields)), tuple(time - first for time in times), tuple(values))


def _read_value(record: dict[int | str, Any], index: int) -> tuple[int, int, Value]:
    """(kind, exponent, value) of a record that has exactly one."""
    labels = [label for label in _VALUE_LABELS if label in record]
    if len(labels) != 1:
        raise WireError("SenmlValue", f"record {index} has {len(labels)} values")
    label = labels[0]
    value = record[label]
    kind = type(value)
    if label == V:
        return _read_number(value, index)
    if label == VB and kind is bool:
        return int(Kind.BOOLEAN), 0, value
    if label == VS and kind is str:
        if len(value.encode()) > TEXT_BYTES_MAX:
            raise WireError("SenmlValue", f"record {index}: text above {TEXT_BYTES_MAX} bytes")
        return int(Kind.TEXT), 0, value
    if label == VD and kind is bytes:
        if len(value) > DATA_BYTES_MAX:
            raise WireError("SenmlValue", f"record {index}: data above {DATA_BYTES_MAX} bytes")
        return int(Kind.BYTES), 0, value
    raise WireError("SenmlShape", f"record {index}: a value of the wrong type")


def _read_number(value: Any, index: int) -> tuple[int, int, int | float]:
    kind = type(value)
    if kind is int:
        if not is_int64(value):
            raise WireError("SenmlValue", f"record {index}: beyond 64 bits")
        return int(Kind.NUMBER), 0, value
    if kind is float:
        return int(Kind.FLOAT), 0, value
    if kind is not cbor.Tag:
        raise WireError("SenmlShape", f"record {index}: a value of the wrong type")
    fraction = read_fraction(value)
    if fraction is None:
        raise WireError("SenmlValue", f"record {index}: not a decimal fraction of docs/wire.md, 0")
    return int(Kind.NUMBER), *fraction


def _read_base(record: dict[int | str, Any]) -> tuple[int | None, int]:
    """(boot number or None, base time in ms) of the first record."""
    if (BT in record) == (BOOT in record):
        raise WireError("SenmlTime", "one of bt and boot_")
    if BT in record:
        return None, _time_ms(record[BT])
    moment = record[BOOT]
    if type(moment) is not list or len(moment) != 2 or not is_uint(moment[0], UINT32_MAX):
        raise WireError("SenmlTime", "boot_ is [boot number, node time]")
    return moment[0], _time_ms(moment[1])


def _time_ms(item: Any) -> int:
    """Milliseconds of a time value: whole seconds as an integer, else `4([-3, ms])`."""
    time_ms = None
    if type(item) is int:
        time_ms = item * 1000
    elif type(item) is cbor.Tag:
        parts = item.value
        if type(parts) is list and len(parts) == 2 and type(parts[0]) is int and parts[0] == -3:
            mantissa = parts[1]
            if type(mantissa) is int and mantissa % 1000:
                time_ms = mantissa
    if time_ms is None or abs(time_ms) > TIME_MS_MAX:
        raise WireError("SenmlTime", "whole seconds, or 4([-3, ms])")
    return time_ms


def _time_item(time_ms: int) -> int | cbor.Tag:
    return cbor.Tag(cbor.DECIMAL_FRACTION, [-3, time_ms]) if time_ms % 1000 else time_ms // 1000


def encode_pack(pack: Pack) -> bytes:
    """A pack with the base time in the first record and `t` where a record's time differs.

    Raises:
        ValueError: the pack could not be read back.
    """
    records: list[dict[int | str, Any]] = []
    for field, offset_ms, value in zip(pack.shape, pack.offsets_ms, pack.values, strict=True):
        record: dict[int | str, Any] = {NAME_LABEL: field.name}
        if field.unit is not None:
            record[UNIT] = field.unit
        record[(V, VB, VS, V, VD)[field.kind]] = (
            cbor.Tag(cbor.DECIMAL_FRACTION, [field.exponent, value]) if field.exponent else value
        )
        if offset_ms:
            record[T] = _time_item(offset_ms)
        records.append(record)
    if records and pack.boot is None:
        records[0][BT] = _time_item(pack.time_ms)
    elif records:
        records[0][BOOT] = [pack.boot, _time_item(pack.time_ms)]
    try:
        read = _read(records)
    except WireError as error:
        raise ValueError(str(error)) from None
    if read != pack:
        raise ValueError("the pack is not in its normal form (first offset 0, values of their fields' kinds)")
    return cbor.encode(records)

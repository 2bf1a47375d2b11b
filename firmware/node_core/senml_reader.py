# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Reads packs as a gateway does. The board does not load this: it is there to be held against the test vectors."""

from node_core import cbor, cbor_reader
from node_core.cbor import WireError

_LABELS = (0, 1, 2, 3, 4, 6, 8)
_BT = -3
_TIME_MS_MAX = (1 << 53) - 1


def decode_pack(data) -> tuple:
    """(boot or None, time in ms of the first record, [[name, unit, kind, exponent, offset in ms, value], ...]).

    `kind` is n, b, s, f or d; offsets count from the first record's time. Raises: WireError.
    """
    records = cbor_reader.decode(data)
    if not isinstance(records, list) or not 1 <= len(records) <= 64:
        raise WireError("SenmlShape")
    for record in records:
        if not isinstance(record, dict):
            raise WireError("SenmlShape")
    boot = None
    base_ms = first_ms = 0
    found = []
    for index, record in enumerate(records):
        for label in record:
            if label not in _LABELS and (index or label not in (_BT, "boot_")):
                raise WireError("SenmlLabel")
        name = record.get(0)
        if not isinstance(name, str) or not _is_name(name):
            raise WireError("SenmlName")
        unit = record.get(1)
        if 1 in record and not isinstance(unit, str):
            raise WireError("SenmlShape")
        kind, exponent, value = _value(record)
        if not index:
            boot, base_ms = _base(record)
        time_ms = base_ms + (_time_ms(record[6]) if 6 in record else 0)
        if not index:
            first_ms = time_ms
        # Two times that are allowed can have a sum, or a distance from the first record, that is not.
        if abs(time_ms) > _TIME_MS_MAX or abs(time_ms - first_ms) > _TIME_MS_MAX:
            raise WireError("SenmlTime")
        found.append([name, unit, kind, exponent, time_ms - first_ms, value])
    return boot, first_ms, found


def _is_name(name: str) -> bool:
    if not 1 <= len(name) <= 24 or not "a" <= name[0] <= "z":
        return False
    return all("a" <= c <= "z" or "0" <= c <= "9" or c == "_" for c in name)


def _is_integer(value, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _value(record: dict) -> tuple:
    labels = [label for label in (2, 3, 4, 8) if label in record]
    if len(labels) != 1:
        raise WireError("SenmlValue")
    value = record[labels[0]]
    if labels[0] == 2:
        return _number(value)
    if labels[0] == 4 and isinstance(value, bool):
        return "b", 0, value
    if labels[0] == 3 and isinstance(value, str):
        if len(value.encode()) > 256:
            raise WireError("SenmlValue")
        return "s", 0, value
    if labels[0] == 8 and isinstance(value, bytes):
        if len(value) > 1024:
            raise WireError("SenmlValue")
        return "d", 0, value
    raise WireError("SenmlShape")


def _number(value) -> tuple:
    if isinstance(value, float):
        return "f", 0, value
    if isinstance(value, cbor_reader.Tag):
        parts = value.value
        if (
            not isinstance(parts, list)
            or len(parts) != 2
            or not _is_integer(parts[0], -12, 6)
            or not parts[0]
            or not _is_integer(parts[1], -(1 << 63), (1 << 63) - 1)
        ):
            raise WireError("SenmlValue")
        return "n", parts[0], parts[1]
    if not isinstance(value, int) or isinstance(value, bool):
        raise WireError("SenmlShape")
    if not _is_integer(value, -(1 << 63), (1 << 63) - 1):
        raise WireError("SenmlValue")
    return "n", 0, value


def _base(record: dict) -> tuple:
    if (_BT in record) == ("boot_" in record):
        raise WireError("SenmlTime")
    if _BT in record:
        return None, _time_ms(record[_BT])
    moment = record["boot_"]
    if not isinstance(moment, list) or len(moment) != 2 or not _is_integer(moment[0], 0, 0xFFFFFFFF):
        raise WireError("SenmlTime")
    return moment[0], _time_ms(moment[1])


def _time_ms(item) -> int:
    time_ms = None
    if isinstance(item, cbor_reader.Tag):
        parts = item.value
        if isinstance(parts, list) and len(parts) == 2 and _is_integer(parts[0], -3, -3):
            if _is_integer(parts[1], -_TIME_MS_MAX, _TIME_MS_MAX) and parts[1] % 1000:
                time_ms = parts[1]
    elif _is_integer(item, -_TIME_MS_MAX, _TIME_MS_MAX):
        time_ms = item * 1000
    if time_ms is None or abs(time_ms) > _TIME_MS_MAX:
        raise WireError("SenmlTime")
    return time_ms


def unpack_waveform(data) -> list:
    """Raises: WireError("SenmlValue")."""
    samples = []
    sample = number = shift = 0
    for byte in data:
        number |= (byte & 127) << shift
        if byte & 128:
            shift += 7
            continue
        if (shift and not byte) or number >> 64:
            raise WireError("SenmlValue")
        sample += -1 - (number >> 1) if number & 1 else number >> 1
        if not -(1 << 63) <= sample < 1 << 63:
            raise WireError("SenmlValue")
        samples.append(sample)
        number = shift = 0
    if shift:
        raise WireError("SenmlValue")
    return samples

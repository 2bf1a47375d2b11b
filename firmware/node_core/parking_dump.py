# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The parking detector's explanations as bytes to keep over sleep and power cuts, and back. Pure.

dump(detector) -> bytes (<= 250), or None before the first sample; load(detector, data) -> False where they are not a dump of this version.
    After load the state is what it was. Where the next at_ms lies before the dump's (a clock that began anew), the
    time between counts as some hours.

A part of node_core/parking_detector.py that lies elsewhere because it is needed once an hour: the application borrows it
(node_io/borrowed.py).
"""

import struct
from array import array
from math import exp, log, sqrt

try:
    from micropython import const
except ImportError:  # CPython
    const = int  # type: ignore

# Places in an explanation, as in parking_detector.py: a constant that is no name in memory cannot be imported.
_WEIGHT = const(0)
_TAKEN = const(1)  # 1 while a vehicle is there
_EMPTY = const(2)  # three axes each
_LEVEL = const(11)
_COV = const(14)  # ee es ew el ss sw sl ww wl ll
_AGE = const(24)  # hours in this state
_BAD = const(25)  # bad samples in a row
_LENGTH = const(27)

_STATE_MAX = const(2)  # occupied

_DUMP_BYTES = const(250)
_HEAD = "<BBqihhHHHHHH"
_FREE = "<HBH9h3H3h"  # weight, taken and bad, age; empty, slope, wander; deviations and correlations of the covariance
_OCCUPIED = "<HBH12h4H6h"  # and level
_VERSION = 2
_LINKS = ((0, 1, 1), (0, 2, 2), (0, 3, 3), (1, 2, 5), (1, 3, 6), (2, 3, 8))  # row, column, place in the covariance


def dump(detector):
    """The best explanations as bytes to keep over sleep and power cuts, or None where there are none."""
    if not detector._explanations:
        return None
    zero = -(1 << 31) if detector._zero_cdeg is None else detector._zero_cdeg
    data = struct.pack(
        _HEAD,
        _VERSION,
        detector.state,
        detector._judged_ms,
        zero,
        _short(detector._cdeg - (detector._zero_cdeg or 0)),
        _short(detector._t * 1000),
        int(detector._noise[0] * 10000 + 0.5),
        int(detector._noise[1] * 10000 + 0.5),
        int(detector._noise[2] * 10000 + 0.5),
        int(detector._size * 1000 + 0.5),
        min(65535, int(detector._step * 10000 + 0.5)),
        max(0, min(65535, (detector._known_ms - detector._judged_ms) // 1000)),
    )
    for h in detector._explanations:
        is_taken = h[_TAKEN] > 0
        behind = detector._explanations[0][_WEIGHT] - h[_WEIGHT]
        parts = [max(0, int(behind * 1000 + 0.5)), int(h[_TAKEN]) + 2 * int(h[_BAD]), min(65535, int(h[_AGE] * 10))]
        for place in range(_EMPTY, _COV if is_taken else _LEVEL):
            parts.append(_short(h[place] * 62.5))
        deviations = [sqrt(max(1e-8, h[_COV + place])) for place in (0, 4, 7, 9)]
        count = 4 if is_taken else 3
        for index in range(count):
            parts.append(int(2000 * (log(deviations[index]) + 10)))
        for row, column, place in _LINKS:
            if column < count:
                parts.append(_short(h[_COV + place] / (deviations[row] * deviations[column]) * 32760))
        part = struct.pack(_OCCUPIED if is_taken else _FREE, *parts)
        if len(data) + len(part) >= _DUMP_BYTES:
            break
        data += part
    return data + bytes((sum(data) & 255,))


def load(detector, data):
    """Go on from a dump. False, and nothing changed, where the bytes are not one."""
    at = struct.calcsize(_HEAD)
    if not at < len(data) <= _DUMP_BYTES or sum(data[:-1]) & 255 != data[-1]:
        return False
    head = struct.unpack(_HEAD, data[:at])
    if head[0] != _VERSION or head[1] > _STATE_MAX or 0 in head[6:9]:
        return False
    found = []
    while at < len(data) - 1:
        is_taken = at + 2 < len(data) and data[at + 2] & 1
        form = _OCCUPIED if is_taken else _FREE
        end = at + struct.calcsize(form)
        if end >= len(data):
            return False
        parts = struct.unpack(form, data[at:end])
        at = end
        h = array("f", bytes(4 * _LENGTH))
        h[_WEIGHT] = -parts[0] / 1000.0
        h[_TAKEN] = parts[1] & 1
        h[_BAD] = parts[1] >> 1
        h[_AGE] = parts[2] / 10.0
        count = 4 if is_taken else 3
        part = 3
        for place in range(_EMPTY, _COV if is_taken else _LEVEL):
            h[place] = parts[part] / 62.5
            part += 1
        deviations = [0.0, 0.0, 0.0, 0.0]
        for index in range(count):
            deviations[index] = exp(parts[part] / 2000.0 - 10)
            h[_COV + (0, 4, 7, 9)[index]] = deviations[index] * deviations[index]
            part += 1
        for row, column, place in _LINKS:
            if column < count:
                h[_COV + place] = parts[part] / 32768.0 * deviations[row] * deviations[column]
                part += 1
        found.append(h)
    if not found:
        return False
    detector.state = head[1]
    detector._last_ms = detector._judged_ms = head[2]
    detector._zero_cdeg = None if head[3] == -(1 << 31) else head[3]
    detector._cdeg = (detector._zero_cdeg or 0) + head[4]
    detector._t = head[5] / 1000.0
    detector._noise = noise = [head[6] / 10000.0, head[7] / 10000.0, head[8] / 10000.0]
    detector._size = head[9] / 1000.0
    detector._step = head[10] / 10000.0
    detector._known_ms = head[2] + head[11] * 1000
    detector._is_loaded = True
    detector._window = []
    detector._unit = (noise[0] * noise[1] * noise[2]) ** (1 / 3)
    for h in found:
        if h[_TAKEN]:
            weight = h[_WEIGHT]
            detector._weigh_vehicle(h)
            h[_WEIGHT] = weight
    detector._explanations = found
    return True


def _short(value):
    """The nearest integer of 16 bits."""
    return max(-32767, min(32767, int(value + 0.5) if value >= 0 else -int(0.5 - value)))

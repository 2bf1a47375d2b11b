# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A meter's register map, written as text in its profile, and the integers that its registers mean. Pure, integers only.

    registers = "voltage=0x00:f32.1 power=0x34:f32.1 energy_in=0x48:f32.3*36"

Entries stand apart by spaces: `measurement=first register:type`, then optional `.places` (f32 only) and `*factor` or `/divisor`. The
register is the address on the wire, from 0. The result is the measurement's mantissa: a kWh register of 3 places times 36 is energy
in steps of 100 J (1 Wh is 3,600 J).

    s16 u16                one register
    s32 u32 s64 u64 f32    two or four, high word first; with an `l` (s32l) low word first

A float of 32 bits is taken apart as an integer and rounded to its decimal places, halves away from zero: what the meter shows comes out exactly,
although an ESP32 has no more than 24 bits for a float. NaN and infinity mean that the meter has no value.
"""

_WORDS = {"16": 1, "32": 2, "64": 4}
_PLACES_MAX = 9


class Entry:
    __slots__ = ("name", "first", "words", "_kind", "_is_low_first", "_places", "_times", "_by")

    def __init__(self, text):
        """Raises: ValueError with the entry, where it is not of the form above."""
        try:
            self.name, _, rest = text.partition("=")
            first, _, rest = rest.partition(":")
            self.first = int(first, 16) if first[:2] == "0x" else int(first)
            kind, self._times, self._by = _scale(rest)
            kind, _, places = kind.partition(".")
            self._places = int(places or 0)
            self._is_low_first = kind[-1:] == "l"
            self._kind = kind[:1]
            size = kind[1:-1] if self._is_low_first else kind[1:]
            self.words = _WORDS[size]
            is_good = self._kind in "su" and not places or kind[:3] == "f32"
            is_good = is_good and 0 <= self._places <= _PLACES_MAX
            if not is_good or not self.name or not 0 <= self.first <= 0xFFFF or not self._times or self._by < 1:
                raise ValueError
        except (ValueError, KeyError):
            raise ValueError("registers: not an entry: " + text)

    def value(self, data):
        """The mantissa from the entry's own registers (2 bytes each), or None where the meter has no value."""
        raw = 0
        for index in range(self.words):
            at = 2 * (self.words - 1 - index if self._is_low_first else index)
            raw = raw << 16 | data[at] << 8 | data[at + 1]
        if self._kind == "f":
            raw = float_steps(raw, self._places)
            return None if raw is None else _rounded(raw * self._times, self._by)
        if self._kind == "s" and raw >> (16 * self.words - 1):
            raw -= 1 << 16 * self.words
        return _rounded(raw * self._times, self._by)


def _scale(text):
    if "*" in text:
        kind, _, factor = text.partition("*")
        return kind, int(factor), 1
    kind, _, divisor = text.partition("/")
    return kind, 1, int(divisor) if divisor else 1


def _rounded(number, by):
    half = by // 2
    return (number + half) // by if number >= 0 else -((half - number) // by)


def float_steps(bits, places):
    """The IEEE 754 single of these bits in steps of 10^-places, or None where it is no number."""
    exponent = bits >> 23 & 0xFF
    if exponent == 0xFF:
        return None
    mantissa = bits & 0x7FFFFF
    if exponent:
        mantissa |= 0x800000
    else:
        exponent = 1
    shift = exponent - 150
    mantissa *= 10**places
    steps = mantissa << shift if shift >= 0 else _rounded(mantissa, 1 << -shift)
    return -steps if bits >> 31 else steps


def parse(text):
    """The entries in the order of their registers. Raises: ValueError."""
    entries = [Entry(part) for part in text.split()]
    if not entries:
        raise ValueError("registers: there is no entry")
    return sorted(entries, key=lambda entry: entry.first)


def blocks(entries, words_max=40):
    """[(first register, count, entries)]: entries that touch are read together. A hole is never read: some meters refuse it."""
    found: list = []
    for entry in entries:
        if found:
            first, count, inside = found[-1]
            end = entry.first + entry.words
            if entry.first <= first + count and end - first <= words_max:
                inside.append(entry)
                found[-1] = (first, max(count, end - first), inside)
                continue
        found.append((entry.first, entry.words, [entry]))
    return found

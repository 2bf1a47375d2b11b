# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A bridge: strain from a recording, or from synthetic traffic and temperature, as the codes of its converter.

A block is one second of codes. The converter's model reads between two samples of a block on the straight line.
"""

from __future__ import annotations

import csv
import io
import math
import random
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

STRAIN_PER_CODE = 931e-12  # quarter bridge, gauge factor 2, HX711 at gain 128 with the excitation as reference
CODE_MAX = 0x7FFFFF
PERIOD_US = 10_000
_BLOCK_MS = 1000


class Block(NamedTuple):
    """One second of the converter's input."""

    start_ms: int
    period_us: int
    codes: Sequence[int]


class StrainSource(Protocol):
    """What a bridge plays."""

    def temperature_c(self, at_ms: int) -> float: ...

    def block(self, start_ms: int) -> Block | None:
        """The second from `start_ms` on, or None where the source has ended."""
        ...


def code_of(strain: float) -> int:
    """Strain (a ratio) as the converter's code, at its end of scale where it is beyond."""
    return max(-CODE_MAX - 1, min(CODE_MAX, round(strain / STRAIN_PER_CODE)))


def load_recording(path: Path) -> list[float]:
    """Strain (a ratio) of each sample of a recording: a CSV file, or one in a ZIP file, with a time and strain in um/m.

    Raises:
        ValueError: the file has no such column, or a line is not a number.
    """
    data = path.read_bytes()
    while data[:2] == b"PK":  # some recordings are packed twice
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            data = archive.read(archive.namelist()[0])
    rows = csv.reader(io.StringIO(data.decode("latin-1")))
    header = next(rows, [])
    if len(header) < 2 or "um" not in header[1]:
        raise ValueError(f"{path}: the second column has to be strain in um/m, the header says {header}")
    strains: list[float] = []
    for number, row in enumerate(rows, 2):
        try:
            strains.append(float(row[1]) * 1e-6)
        except (IndexError, ValueError):
            raise ValueError(f"{path}:{number}: not a time and a number: {row}") from None
    return strains


class RecordedBridge:
    """Plays a recording once from `start_ms` on; nothing after its end."""

    def __init__(self, strains: Sequence[float], start_ms: int, *, period_us: int = PERIOD_US) -> None:
        self.start_ms = start_ms
        self.period_us = period_us
        self.codes = [code_of(strain) for strain in strains]

    @property
    def end_ms(self) -> int:
        return self.start_ms + (len(self.codes) - 1) * self.period_us // 1000

    def temperature_c(self, at_ms: int) -> float:
        return 12.0

    def block(self, start_ms: int) -> Block | None:
        first = (start_ms - self.start_ms) * 1000 // self.period_us
        count = _BLOCK_MS * 1000 // self.period_us
        codes = self.codes[max(0, first) : first + count]
        return Block(start_ms, self.period_us, codes) if codes and first >= 0 else None

    def code_at(self, at_us: int) -> int | None:
        """The truth: the code at an instant (microseconds since 1970), None outside the recording."""
        offset_us = at_us - self.start_ms * 1000
        place, part_us = divmod(offset_us, self.period_us)
        if offset_us < 0 or place >= len(self.codes) or (part_us and place + 1 >= len(self.codes)):
            return None
        if not part_us:
            return self.codes[place]
        first, second = self.codes[place], self.codes[place + 1]
        return (2 * (first * (self.period_us - part_us) + second * part_us) + self.period_us) // (2 * self.period_us)


class SyntheticBridge:
    """Vehicles that cross (a smooth bump of strain with the bridge's own vibration), a daily thermal drift, and noise.

    `swing_k` is half the day's range of temperature; at 8 the drift is 4e-6 in ten minutes at most, at 20 it is 10e-6, as
    large as a vehicle.
    """

    def __init__(
        self, start_ms: int, *, seed: int = 1, vehicles_per_hour: float = 240, swing_k: float = 8.0, noise: float = 2e-7
    ) -> None:
        self._seed = seed
        self._swing_k = swing_k
        self._noise = noise
        self._start_ms = start_ms
        self._gap_ms = 3_600_000 / vehicles_per_hour
        self._dice = random.Random(f"{seed} bridge")
        self._passages: list[tuple[int, float, float]] = []  # middle (ms), strain, duration (s)
        self._planned_ms = start_ms

    def temperature_c(self, at_ms: int) -> float:
        return 15.0 + self._swing_k * math.cos((at_ms / 3_600_000 % 24 - 15) * math.pi / 12)

    def live_strain(self, at_ms: float) -> float:
        """The truth of the second that `block` was last asked for: what the vehicles alone do."""
        strain = 0.0
        for middle_ms, size, duration_s in self._passages:
            away = (at_ms - middle_ms) / 1000 / duration_s
            if abs(away) < 3:
                strain += size * math.exp(-away * away * 2) * (1 + 0.1 * math.sin(2 * math.pi * 3.2 * at_ms / 1000))
        return strain

    def block(self, start_ms: int) -> Block | None:
        while self._planned_ms < start_ms + 10_000:
            self._planned_ms += int(self._dice.expovariate(1 / self._gap_ms)) + 1
            passage = (self._planned_ms, self._dice.uniform(2e-6, 2e-5), self._dice.uniform(0.6, 1.6))
            self._passages.append(passage)
        self._passages = [passage for passage in self._passages if passage[0] > start_ms - 10_000]
        noise = random.Random(f"{self._seed} noise {start_ms}")
        thermal = 11.7e-6 * (self.temperature_c(start_ms) - 20)
        codes = [
            code_of(thermal + self.live_strain(start_ms + index * PERIOD_US / 1000) + noise.gauss(0, self._noise))
            for index in range(_BLOCK_MS * 1000 // PERIOD_US)
        ]
        return Block(start_ms, PERIOD_US, codes)


def blocks(source: StrainSource, start_ms: int, end_ms: int) -> Iterator[Block]:
    """Every block of that time that the source has."""
    for at_ms in range(start_ms, end_ms, _BLOCK_MS):
        block = source.block(at_ms)
        if block is not None:
            yield block

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Statistics, runs, compensation and the packed waveform of the strain application."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tests.support.firmware_module import firmware_module

strain = firmware_module("node_core/strain_processing.py")
CODES = st.integers(strain.CODE_MIN, strain.CODE_MAX)


def unpack(data: bytes) -> list[int]:
    """docs/wire.md 3, read from the other side."""
    codes, value, place, word = [], 0, 0, 0
    for byte in data:
        word |= (byte & 0x7F) << place
        place += 7
        if byte < 0x80:
            value += (word >> 1) ^ -(word & 1)
            codes.append(value)
            word = place = 0
    assert place == 0, "the last number has no end"
    return codes


@given(st.lists(CODES, max_size=200))
def test_a_waveform_comes_back_as_it_went(codes: list[int]) -> None:
    """Packing loses nothing and takes at most four bytes a sample of 24 bits."""
    data = strain.pack_waveform(codes)
    assert unpack(data) == codes and len(data) <= 4 * len(codes)


def test_the_waveform_s_bytes_are_those_of_the_format() -> None:
    """Differences, zig-zag, low seven bits first."""
    assert strain.pack_waveform([0, -1, 63, -65]) == bytes([0x00, 0x01, 0x80, 0x01, 0xFF, 0x01])


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_division_rounds_to_the_nearest_and_halves_away_from_zero(number: int, divisor: int) -> None:
    """The result is never more than half a step off, and symmetric."""
    result = strain.divide_round(number, divisor)
    assert abs(Fraction(number, divisor) - result) <= Fraction(1, 2)
    assert strain.divide_round(-number, divisor) == -result
    if number * 2 % (2 * divisor) == divisor:
        assert abs(result) == (abs(number) * 2 + divisor) // (2 * divisor)


def test_compensation_takes_the_thermal_part_away() -> None:
    """A free steel beam that warms by 10 K reads 117 um/m and has no mechanical strain."""
    code = round(117e-6 / 931e-12)
    assert abs(strain.compensate(code, 0, 931, 3000, 2000, 11_700_000)) <= 1
    assert abs(strain.compensate(code, 0, 931, None, 2000, 11_700_000) - 117_000) <= 1
    assert strain.compensate(500, 500, 931, 2000, 2000, 11_700_000) == 0


def test_a_run_ends_when_full_and_at_a_gap_which_counts_what_is_missing() -> None:
    """No sample is in two runs, none is made up, and a gap of three periods is two missing samples."""
    stream = strain.Stream(12_500, 4)
    runs, at_us = [], 0
    for index in range(14):
        at_us += 12_500 if index != 6 else 3 * 12_500 + 40
        run = stream.add(index, at_us)
        if run is not None:
            runs.append(run)
    last = stream.flush()
    assert [run.codes for run in runs] == [[0, 1, 2, 3], [4, 5], [6, 7, 8, 9], [10, 11, 12, 13]] and last is None
    assert stream.take_missed() == 2 and stream.take_missed() == 0
    assert [run.period_us() for run in runs] == [12_500] * 4
    assert runs[1].at_us == 5 * 12_500 and runs[2].at_us == 6 * 12_500 + 3 * 12_500 + 40


def test_spikes_and_saturation_are_counted_and_kept_out_of_the_mean() -> None:
    """A lone jump is a spike; a step is not, nor is a jump that lasts two samples."""
    block = strain.Block(spike_codes=100)
    for code in (10, 10, 5000, 10, 10, 10, 4000, 4000, 10, 10, strain.CODE_MAX, 10, strain.CODE_MIN, 10, 10):
        block.add(code)
    count, good, mean, low, high, saturated, spikes = block.end()
    assert (count, good, saturated, spikes) == (14, 11, 2, 1)
    assert (low, high) == (10, 4000) and mean == round((9 * 10 + 2 * 4000) / 11)
    assert block.end() == (0, 0, None, None, None, 0, 0)


def test_a_step_of_the_signal_is_no_spike() -> None:
    """A lorry that arrives between two samples stays in the mean."""
    block = strain.Block(spike_codes=100)
    for code in [0] * 5 + [9000] * 6:
        block.add(code)
    assert block.end()[6] == 0


def test_without_a_limit_nothing_is_a_spike() -> None:
    """spike_codes 0 switches the judgement off."""
    block = strain.Block()
    for code in (0, 8_000_000, 0, 0):
        block.add(code)
    assert block.end()[:3] == (3, 3, strain.divide_round(8_000_000, 3))

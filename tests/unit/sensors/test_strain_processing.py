# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Statistics of an interval of the strain application."""

from __future__ import annotations

import math
import random
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tests.support.firmware_module import firmware_module

strain = firmware_module("node_core/strain_monitor.py")


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_division_rounds_to_the_nearest_and_halves_away_from_zero(number: int, divisor: int) -> None:
    """The result is never more than half a step off, and symmetric."""
    result = strain.divide_round(number, divisor)
    assert abs(Fraction(number, divisor) - result) <= Fraction(1, 2)
    assert strain.divide_round(-number, divisor) == -result
    if number * 2 % (2 * divisor) == divisor:
        assert abs(result) == (abs(number) * 2 + divisor) // (2 * divisor)


def test_spikes_and_saturation_are_counted_and_kept_out_of_the_mean() -> None:
    """A lone jump is a spike; a step is not, nor is a jump that lasts two samples."""
    block = strain.Block(spike_codes=100)
    for code in (10, 10, 5000, 10, 10, 10, 4000, 4000, 10, 10, 0x7FFFFF, 10, -0x800000, 10, 10):
        block.add(code)
    count, good, mean, _, saturated, spikes = block.end()
    assert (count, good, saturated, spikes) == (14, 11, 2, 1)
    assert mean == round((9 * 10 + 2 * 4000) / 11)
    assert block.end() == (0, 0, None, None, 0, 0)


def test_a_step_of_the_signal_is_no_spike() -> None:
    """A lorry that arrives between two samples stays in the mean."""
    block = strain.Block(spike_codes=100)
    for code in [0] * 5 + [9000] * 6:
        block.add(code)
    assert block.end()[5] == 0


def test_without_a_limit_nothing_is_a_spike() -> None:
    """spike_codes 0 switches the judgement off."""
    block = strain.Block()
    for code in (0, 8_000_000, 0, 0):
        block.add(code)
    assert block.end()[:3] == (3, 3, strain.divide_round(8_000_000, 3))


def test_the_noise_is_that_of_one_sample_whatever_the_structure_does_slowly() -> None:
    """White noise of 200 codes on a slope and a slow wave comes out within 5 %."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    block = strain.Block()
    for index in range(8000):
        block.add(round(3 * index + 5000 * math.sin(index / 300) + dice.gauss(0, 200)))
    assert abs(block.end()[3] - 200) <= 10
    assert block.end()[3] is None


def test_good_samples_come_back_one_later_and_bad_ones_do_not() -> None:
    """What `add` returns is the sample before, unless it was saturated or a spike."""
    block = strain.Block(spike_codes=100)
    codes = (10, 11, 5000, 12, 0x7FFFFF, 13, 14)
    assert [block.add(code) for code in codes] == [None, 10, 11, None, 12, None, 13]

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Clocks: what is believed of the wall clock, and the simulation's clock."""

from __future__ import annotations

import pytest

from gateway_agent.clock import KernelClock, SystemClock, judge, parse_scaled_clock, read_boot_id, read_kernel_clock
from gateway_agent.errors import ConfigError

GOOD, BAD = KernelClock(True, 3), KernelClock(False, 0)


@pytest.mark.parametrize(
    ("kernel", "trust", "last_ms", "was", "expected"),
    [
        pytest.param(GOOD, "auto", None, False, (1, 3), id="a disciplined clock has the kernel's bound"),
        pytest.param(BAD, "auto", None, False, (0, None), id="a clock that nothing disciplines is unknown"),
        pytest.param(BAD, "auto", None, True, (2, None), id="synchronised before we started: no bound"),
        pytest.param(BAD, "auto", 0, False, (2, 7), id="seen synchronised 10,000 s ago: drift adds to the bound"),
        pytest.param(GOOD, "never", None, True, (0, None), id="never trusted"),
        pytest.param(BAD, "always", None, False, (1, 1), id="always trusted"),
    ],
)
def test_the_wall_clock_is_believed_only_for_a_reason(kernel, trust, last_ms, was, expected) -> None:
    """State and bound follow the kernel, the configuration and what was seen in this boot."""
    assert judge(kernel, trust, 10_000_000, last_ms, was) == expected


def test_the_kernel_can_be_asked() -> None:
    """adjtimex answers here, and a synchronised clock has a bound of a second at least."""
    kernel = read_kernel_clock()
    assert kernel.bound_s >= (1 if kernel.is_synchronised else 0)


def test_a_reading_that_is_not_believed_has_no_wall_time() -> None:
    """With trust never, wall time and bound are absent; the boot id has 8 bytes and monotonic time advances."""
    clock = SystemClock("never")
    first, second = clock.read(), clock.read()
    assert (first.wall_ms, first.state, first.bound_s) == (None, 0, None)
    assert first.boot_id == read_boot_id()
    assert len(first.boot_id) == 8
    assert second.monotonic_ms >= first.monotonic_ms


def test_simulated_time_runs_at_its_rate_from_its_epoch() -> None:
    """Wall time starts at the epoch and both clocks advance at the rate."""
    import time

    real_ms = time.time_ns() // 1_000_000
    clock = parse_scaled_clock(f"rate:1000,epoch_ms:1800000000000,real_ms:{real_ms}")
    first = clock.read()
    second = clock.read()
    assert first.wall_ms is not None
    assert second.wall_ms is not None
    assert 0 <= first.wall_ms - 1_800_000_000_000 < 60_000_000
    assert second.monotonic_ms >= first.monotonic_ms
    assert first.state == 1


@pytest.mark.parametrize(
    "text", ["", "rate:10", "rate:0,epoch_ms:1,real_ms:1", "rate:x,epoch_ms:1,real_ms:1", "nonsense"]
)
def test_a_wrong_simulation_clock_is_a_config_error(text: str) -> None:
    """Rate 0 (jumping) is for virtual boards only; the message says what to write."""
    with pytest.raises(ConfigError, match="STARTCITY_CLOCK"):
        parse_scaled_clock(text)

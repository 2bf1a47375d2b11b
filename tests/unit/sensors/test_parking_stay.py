# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How long a vehicle stays in a loading bay."""

from __future__ import annotations

from tests.support.firmware_module import firmware_module

stay_module = firmware_module("node_core/stay.py")


def test_a_stay_has_a_length_and_runs_out_once() -> None:
    """Nothing before it begins; then whole seconds, what is left of the limit, nothing more once it was said; a new stay anew."""
    stay = stay_module.Stay(60_000)
    assert stay.length_s(5000) is None and stay.left_ms(5000) is None
    stay.begin(10_000)
    assert stay.length_s(12_999) == 2 and stay.left_ms(12_000) == 58_000
    assert stay.length_s(9_000) == 0, "decided before it was dated"
    assert stay.left_ms(80_000) == -10_000
    stay.is_over = True
    assert stay.left_ms(80_000) is None and stay.length_s(80_000) == 70
    stay.end()
    assert stay.length_s(90_000) is None
    stay.begin(0)
    assert stay.length_s(1000) == 1 and stay.left_ms(1000) == 59_000, "node time 0 is a time"


def test_without_a_limit_nothing_runs_out() -> None:
    """A bay without a limit still measures."""
    stay = stay_module.Stay(0)
    stay.begin(0)
    assert stay.left_ms(10**9) is None and stay.length_s(10**9) == 10**6

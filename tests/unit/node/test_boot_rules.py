# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""When a node starts in safe mode, and when not: the rules of counting boots."""

from __future__ import annotations

import random

from tests.support.firmware_module import firmware_module

rules = firmware_module("node_core/boot_rules.py")


def many(word: int, count: int, cause: str, has_crashed: bool = False) -> int:
    """So many boots, none of which lived for a minute; each began with a reset of this cause."""
    for _ in range(count):
        word = rules.begin(word, cause, has_crashed)
    return word


def test_five_failed_boots_in_a_row_are_safe_mode_and_four_are_not() -> None:
    """A crash report, the watchdog and a reset that nobody asked for count alike; one good boot forgets all."""
    for cause, has_crashed in (("hard", True), ("watchdog", False), ("hard", False), ("unknown", False)):
        word = rules.begin(0, "power", False)
        word = many(word, 4, cause, has_crashed)
        assert not rules.is_safe(word), cause
        assert rules.is_safe(many(word, 1, cause, has_crashed)), cause
        assert not rules.is_safe(many(rules.settled(word, True), 4, cause, has_crashed)), cause


def test_a_watchdog_bite_counts_although_the_boot_lived_long() -> None:
    """A node that hangs after ten minutes, five times without ever being well, ends in safe mode."""
    word = 0
    for _ in range(5):
        word = rules.settled(rules.begin(word, "watchdog", True), False)
    assert rules.is_safe(word)


def test_seven_quick_power_cycles_are_nothing() -> None:
    """Nine neither: no safe mode, no weak radio."""
    word = many(0, 10, "power")
    assert not rules.is_safe(word) and not rules.is_weak(word)


def test_a_supply_that_breaks_down_gets_a_weak_radio_and_then_safe_mode() -> None:
    """A stock ESP32 reports a brown-out as a power-on: the eleventh short boot sends with less, the twenty-first is safe."""
    word = many(0, 11, "power")
    assert rules.is_weak(word) and not rules.is_safe(word)
    word = many(word, 10, "power")
    assert rules.is_safe(word) and rules.is_weak(word)
    assert rules.settled(many(0, 15, "power"), False) & 0xFFFF == 0, "one that lives for a minute is no short one"


def test_a_supply_that_breaks_down_in_safe_mode_gets_a_weak_radio_too() -> None:
    """Crashes that the supply has caused lead to safe mode with full power first; short boots there lower it."""
    word = many(rules.begin(0, "power", False), 5, "watchdog")
    assert rules.is_safe(word) and not rules.is_weak(word)
    assert rules.is_weak(many(word, 10, "power"))


def test_power_cuts_after_a_minute_and_sleeps_are_nothing() -> None:
    """Neither a town without light every evening nor a year of deep sleep counts as a failure."""
    word = 0
    for _ in range(1000):
        word = rules.settled(rules.begin(word, "power", False), False)
    assert not rules.is_safe(word) and not rules.is_weak(word)
    for _ in range(1000):
        assert rules.begin(0, "sleep", False) == 0


def test_a_reset_from_the_prompt_is_nothing() -> None:
    """A developer who presses Ctrl-D again and again stays in the normal mode."""
    assert not rules.is_safe(many(rules.begin(0, "power", False), 50, "soft"))


def test_safe_mode_ends_by_itself_later_and_later_and_the_next_failure_leads_back() -> None:
    """1, 2, 4, 8, 16, 24, 24 hours; a good boot starts from one hour again."""
    word = many(0, 5, "watchdog")
    for hours in (1, 2, 4, 8, 16, 24, 24):
        assert rules.is_safe(word) and rules.retry_after_s(word) == hours * 3600
        word = rules.begin(rules.retry(word), "hard", False)
        assert not rules.is_safe(word), "the reset that safe mode asks for is no failure"
        word = many(word, 1, "hard", True)
    assert rules.retry_after_s(rules.settled(word, True)) == 3600


def test_power_after_a_minute_of_safe_mode_is_a_try() -> None:
    """Whoever comes to repair a node in safe mode switches it off and on; a supply that flickers does not get it out."""
    word = many(0, 5, "watchdog")
    assert rules.is_safe(many(word, 3, "power"))
    repaired = rules.begin(rules.settled(word, False), "power", False)
    assert not rules.is_safe(repaired) and rules.is_safe(many(repaired, 1, "hard", True))


def test_any_loop_ends_in_words_that_stay() -> None:
    """Whatever the mixture of ends, the same loop soon writes nothing new, and every word fits an i32."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    causes = ("power", "hard", "watchdog", "soft", "sleep", "brownout", "unknown")
    for _ in range(300):
        word = 0
        for _ in range(chance.randrange(60)):
            word = rules.begin(word, chance.choice(causes), chance.random() < 0.3)
            if chance.random() < 0.2:
                word = rules.settled(word, chance.random() < 0.3)
            if chance.random() < 0.1:
                word = rules.retry(word)
            assert 0 <= word < 1 << 31
        for cause in causes:
            steady = many(word, 30, cause)
            assert rules.begin(steady, cause, False) == steady, (word, cause)

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Drift and load, recorded samples, and thresholds of the strain application, each part by itself."""

from __future__ import annotations

import random

from tests.support.firmware_module import firmware_module

monitor = firmware_module("node_core/strain_monitor.py")
PERIOD_US = 10_000
TICKS_MASK = (1 << 30) - 1


def new_live(**changed: int) -> monitor.Live:
    settings = {"average": 4, "event_codes": 3000, "baseline_s": 60, "hold_s": 300, "quiet_ms": 1000} | changed
    return monitor.Live(PERIOD_US, **settings)


def feed(part: monitor.Live, code: int, seconds: float) -> list[int]:
    """What the part says, while the strain stands at `code`."""
    return [change for _ in range(int(seconds * 100)) if (change := part.add(code))]


def test_a_load_that_comes_and_goes_is_one_event_with_its_extremes() -> None:
    """8.5e-6 for ten seconds begins an event at once, ends it a second after, and leaves the baseline where it was."""
    part = new_live()
    assert feed(part, 50_000, 30) == []
    base = part.baseline
    assert feed(part, 58_500, 10) == [monitor.STARTED] and part.is_event
    assert feed(part, 49_000, 0.5) == [] and feed(part, 49_000, 1) == [monitor.ENDED]
    assert (part.event_low, part.event_high) == (-1000, 8500)
    assert base == 50_000 and abs(part.baseline - base) < 20


def test_a_drift_as_large_as_a_load_is_no_event() -> None:
    """9.3e-6 in ten minutes, up and then down, moves the baseline and begins nothing; live strain stays below 1e-6."""
    part = new_live()
    feed(part, 0, 120)
    worst = 0
    for index in range(120_000):
        code = index * 9300 // 60_000 if index < 60_000 else (120_000 - index) * 9300 // 60_000
        assert part.add(code) == 0
        worst = max(worst, abs(part.live))
    assert worst <= 1000
    assert abs(part.baseline) < 1000


def test_the_same_size_within_a_second_is_an_event() -> None:
    """So it is the speed that decides, not the size."""
    part = new_live()
    feed(part, 0, 120)
    assert feed(part, 9300, 1) == [monitor.STARTED]


def test_a_load_that_stays_becomes_static_after_the_hold() -> None:
    """After `hold_s` the baseline is the new level, the step is told, and a return is an event the other way round."""
    part = new_live(hold_s=60)
    feed(part, 0, 60)
    assert feed(part, 7000, 59) == [monitor.STARTED]
    assert feed(part, 7000, 2) == [monitor.STEP] and part.step == 7000 and part.baseline == 7000
    assert feed(part, 7000, 20) == []
    assert feed(part, 0, 5) == [monitor.STARTED] and part.event_low == -7000


def test_the_baseline_forgets_no_remainder() -> None:
    """A time constant of ten hours still follows a tenth of a code a second."""
    part = new_live(baseline_s=36_000)
    feed(part, 0, 60)
    part.steps = part.steps_max
    feed(part, 300, 3600)
    assert 20 <= part.baseline <= 40  # 300 / 36000 a second for an hour is 29


def test_after_a_restart_the_next_second_is_the_baseline() -> None:
    """Whatever it was before."""
    part = new_live()
    feed(part, 0, 60)
    part.restart()
    assert part.baseline is None and part.live is None
    assert feed(part, 90_000, 5) == [] and part.baseline == 90_000


def test_extremes_are_those_since_they_were_set_to_zero() -> None:
    """Lowest and highest live strain, the baseline being one of them."""
    part = new_live()
    feed(part, 0, 10)
    feed(part, 500, 0.5)
    assert (part.low, part.high) == (0, 500)
    part.low = part.high = 0
    feed(part, -700, 0.5)
    assert -720 < part.low <= -700 and part.high == 0


def samples(count: int, start: int = 0, start_us: int = 0) -> list[tuple[int, int]]:
    return [(start + index, (start_us + index * PERIOD_US) & TICKS_MASK) for index in range(count)]


def record(recorder: monitor.Recorder, rows: list[tuple[int, int]]) -> list[list[int]]:
    return [run[0] for code, at_us in rows if (run := recorder.add(code, at_us)) is not None]


def test_wanted_samples_leave_in_runs_and_a_gap_counts_what_is_missing() -> None:
    """No sample is in two runs, none is made up, and a gap of three periods is two missing samples."""
    recorder = monitor.Recorder(12_500, 4, 0)
    recorder.want()
    runs, at_us = [], (1 << 30) - 40_000  # the ticks wrap in the first run
    for index in range(14):
        at_us += 12_500 if index != 6 else 3 * 12_500 + 40
        run = recorder.add(index, at_us & TICKS_MASK)
        if run is not None:
            runs.append(run)
    assert [codes for codes, _, _ in runs] == [[0, 1, 2, 3], [4, 5], [6, 7, 8, 9], [10, 11, 12, 13]]
    assert recorder.flush() is None
    assert recorder.missed == 2
    assert [period_us for _, _, period_us in runs] == [12_500] * 4
    assert (runs[1][1] - runs[0][1]) & TICKS_MASK == 4 * 12_500 and runs[0][1] == (1 << 30) - 27_500


def test_an_event_has_the_samples_from_before_it() -> None:
    """Exactly as many as `before`, none of an earlier event, and none from before a gap."""
    recorder = monitor.Recorder(PERIOD_US, 10, 25)
    assert record(recorder, samples(100)) == []
    recorder.want()
    before = []
    while (run := recorder.flush()) is not None:
        before += run[0]
    assert before == list(range(75, 100))
    assert record(recorder, samples(10, 100, 100 * PERIOD_US)) == [list(range(100, 110))]
    record(recorder, samples(3, 110, 110 * PERIOD_US))
    recorder.is_wanted = False
    last = recorder.flush()
    assert last is not None and last[0] == [110, 111, 112] and recorder.flush() is None
    record(recorder, samples(5, 113, 113 * PERIOD_US))
    recorder.want()
    again = recorder.flush()
    assert again is not None and again[0] == [113, 114, 115, 116, 117], "what has left does not leave again"
    recorder.is_wanted = False
    record(recorder, samples(30, 118, 118 * PERIOD_US))
    record(recorder, samples(4, 200, 200 * PERIOD_US))
    recorder.want()
    after_gap = recorder.flush()
    assert after_gap is not None and after_gap[0] == [200, 201, 202, 203]


def test_recorded_runs_are_the_samples_whatever_happens() -> None:
    """Gaps, events that begin and end anywhere: each sample leaves at most once, in order, with its own time to half a period."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    recorder = monitor.Recorder(PERIOD_US, 16, 40)
    at_us, sent, times = 0, [], {}

    def keep(run: tuple[list[int], int, int] | None) -> None:
        if run is not None:
            for place, code in enumerate(run[0]):
                sent.append(code)
                assert abs(run[1] + place * run[2] - times[code]) <= PERIOD_US // 2

    for code in range(5000):
        at_us += (
            PERIOD_US + dice.randrange(-100, 101) + (dice.randrange(2, 9) * PERIOD_US if dice.random() < 0.02 else 0)
        )
        times[code] = at_us
        keep(recorder.add(code, at_us))
        if not recorder.is_wanted and dice.random() < 0.02:
            recorder.want()
            while (run := recorder.flush()) is not None:
                keep(run)
        elif recorder.is_wanted and dice.random() < 0.02:
            recorder.is_wanted = False
            keep(recorder.flush())
    assert sent == sorted(set(sent)) and 1000 < len(sent) < 5000


def test_a_threshold_has_two_levels_and_lets_go_a_tenth_below() -> None:
    """Entered at the threshold, left below nine tenths of it; each change is said."""
    threshold = monitor.Threshold(100, 200, 3600)
    said = [threshold.judge(size, second) for second, size in enumerate((99, 100, 95, 91, 200, 181, 180, 91, 90))]
    assert said == [None, 1, None, None, 2, None, 1, None, 0]


def test_thresholds_are_off_unless_somebody_has_set_them() -> None:
    """Nothing is too much until an engineer says so; one level alone works too."""
    off = monitor.Threshold(0, 0, 3600)
    assert off.judge(1 << 30, 0) is None
    only_alarm = monitor.Threshold(0, 50, 3600)
    assert only_alarm.judge(49, 0) is None and only_alarm.judge(50, 1) == 2
    assert only_alarm.judge(None, 2) is None and only_alarm.level == 2


def test_an_alarm_that_lasts_is_repeated_and_one_that_returns_is_held() -> None:
    """Every `repeat_s` while it lasts; a return before that is counted, and said when the time is over if it still holds."""
    threshold = monitor.Threshold(100, 0, 600)
    assert [threshold.judge(150, second) for second in (0, 300, 599, 600, 601)] == [1, None, None, 1, None]
    assert threshold.judge(0, 602) == 0
    assert threshold.judge(150, 603) is None and threshold.held == 1
    assert threshold.judge(150, 700) is None and threshold.held == 1, "once for each return"
    assert threshold.judge(150, 1200) == 1
    assert threshold.held == 1


def test_a_graver_level_is_never_held() -> None:
    """A warning said a second ago does not keep an alarm back."""
    threshold = monitor.Threshold(100, 200, 600)
    assert [threshold.judge(size, second) for second, size in enumerate((100, 0, 200, 0, 200))] == [1, 0, 2, 0, None]


def test_a_busy_bridge_says_at_most_four_things_in_the_repeat_time() -> None:
    """Every lorry passes both levels, every ten seconds for a day."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    threshold = monitor.Threshold(100, 200, 3600)
    said = [second for second in range(0, 86_400, 2) if threshold.judge(dice.choice((0, 150, 250)), second) is not None]
    for place in range(len(said) - 5):
        assert said[place + 5] - said[place] >= 3500
    assert threshold.held > 1000

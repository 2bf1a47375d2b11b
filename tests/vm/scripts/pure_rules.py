# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Rules of time, ranges, waits and configuration, each a function: `pure_rules.py NAME`. Prints `ok` at the end."""

import sys

from node_core import configuration, ranges, retry
from node_core.backlog import ALARM, RECORD, TREND, Waiting
from node_core.giving_up import evictable, waiting_sequences
from node_core.node_time import FirstSent, NodeTime
from node_core.time_learning import learn
from node_io import wall

EPOCH = b"\x01\x02\x03\x04\x05\x06\x07\x08"


class Ticks:
    """A board's millisecond counter, which wraps at 2^30."""

    def __init__(self, start):
        self.now = start

    def ticks_ms(self):
        return self.now % (1 << 30)

    def ticks_diff(self, a, b):
        difference = (a - b) % (1 << 30)
        return difference - (1 << 30) if difference >= 1 << 29 else difference


def node_time_goes_on_over_the_wrap_of_the_counter():
    ticks = Ticks((1 << 30) - 5000)
    wall.time = ticks
    clock = wall.NodeClock()
    shown = []
    for step_ms in (0, 1000, 3999, 1, 1, 10_000, 1 << 28, 1 << 28, 1 << 28, 1 << 28, 1 << 28, 7):
        ticks.now += step_ms
        shown.append(clock.now_ms())
    assert shown == [0, 1000, 4999, 5000, 5001, 15001] + [15001 + (i << 28) for i in range(1, 6)] + [
        15008 + (5 << 28)
    ], shown
    assert shown[-1] > 1 << 30, "past the counter's own range"


def only_a_prompt_answer_to_a_first_transmission_teaches_time():
    sent = FirstSent()
    sent.note(EPOCH, 7, 10_000)
    assert sent.sent_ms(EPOCH, 7, 11_999) == 10_000
    assert sent.sent_ms(EPOCH, 7, 12_000) is None, "2 s are over"
    assert sent.sent_ms(EPOCH, 8, 10_100) is None, "another number"
    assert sent.sent_ms(b"x" * 8, 7, 10_100) is None, "another epoch"
    assert sent.sent_ms(EPOCH, 7, 9_999) is None, "an answer before its question"
    for number in range(100, 140):
        sent.note(EPOCH, number, 10_500)
    assert sent.sent_ms(EPOCH, 123, 10_600) is None, "sixteen are remembered"
    assert [sent.sent_ms(EPOCH, number, 10_600) for number in range(124, 140)] == [10_500] * 16
    sent.note(b"x" * 8, 1, 1 << 40)
    assert sent.sent_ms(b"x" * 8, 1, (1 << 40) + 5) == 1 << 40 and sent.sent_ms(EPOCH, 139, 10_600) is None
    for number in range(2, 21):
        sent.note(b"x" * 8, number, 20_000)
    known = [number for number in range(1, 21) if sent.sent_ms(b"x" * 8, number, 20_100) is not None]
    assert known == list(range(5, 21)), "the latest sixteen, also after another epoch"


def an_anchor_lies_in_the_middle_and_its_bound_is_honest():
    city = NodeTime()
    assert not city.is_synchronised(0) and city.bound_ms(0) is None
    anchor = learn(city, 60_000, 60_041, 1_790_000_000_125, 20)
    assert anchor == [60_020, 1_790_000_000_125, 41], anchor
    assert city.city_ms(60_020) == 1_790_000_000_125
    assert city.bound_ms(60_020) == 21 + 20
    assert city.bound_ms(60_020 + 1_000_000) == 41 + 50, "50 ms of drift in 1,000 s"
    assert city.is_synchronised(60_020 + 86_400_000)
    assert not city.is_synchronised(60_020 + 1_300_000_000), "after two weeks alone it no longer knows"


def a_worse_answer_is_not_taken_and_a_better_one_is():
    city = NodeTime()
    assert learn(city, 0, 1000, 1_000_000, 10) is not None
    assert learn(city, 2000, 3900, 1_002_950, 10) is None, "a longer round trip teaches nothing"
    assert city.bound_ms(500) == 510
    better = learn(city, 5000, 5020, 1_004_530, 10)
    assert better == [5010, 1_004_530, 20]
    assert learn(city, 6000, 6019, 1_005_530, 10) is None, "hardly better: taken, but not worth a report"
    assert learn(city, 7000, 7900, 9_000_000, 10) is not None, "a contradiction is reported: a clock has been set"
    assert city.city_ms(7450) == 9_000_000
    city.forget_reports()
    assert learn(city, 8000, 8010, 9_000_555, 10) is not None, "a new epoch needs an anchor of its own"


def integers_stay_exact_where_single_floats_would_not():
    city = NodeTime()
    base = 1_790_000_000_123
    learn(city, 5_000_000_000, 5_000_000_001, base, 0)
    for step in (1, 999, 86_400_001):
        assert city.city_ms(5_000_000_000 + step) == base + step


def ranges_join_and_stay_few():
    held = []
    for first, last in ((5, 6), (1, 2), (3, 3), (20, 30), (10, 12), (7, 9)):
        ranges.add(held, first, last, 24)
    assert held == [[1, 3], [5, 12], [20, 30]], held
    ranges.add(held, 4, 4, 24)
    assert held == [[1, 12], [20, 30]]
    ranges.add(held, 0, 100, 24)
    assert held == [[0, 100]]
    held = []
    for number in range(0, 300, 10):
        ranges.add(held, number, number, 8)
    assert len(held) == 8
    assert all(ranges.is_in(held, number) for number in range(0, 300, 10)), "a number fell out"
    assert ranges.subtract(3, 10, [1, 4, 5, 9]) == [[3, 3], [6, 8], [10, 10]]
    assert ranges.subtract(3, 5, [3, 4, 5]) == []


def waits_double_up_to_a_limit_with_jitter():
    for tries in range(40):
        lowest = retry.wait_ms(tries, 1000, 60_000, 0)
        highest = retry.wait_ms(tries, 1000, 60_000, 65_535)
        middle = min(1000 << tries, 60_000)
        assert lowest == middle * 3 // 4 and middle * 5 // 4 - 2 <= highest <= middle * 5 // 4, (tries, lowest, highest)


def room_is_made_by_the_least_urgent():
    assert evictable(TREND, [3, 3, 0]) == -1
    assert evictable(TREND, [0, 0, 1]) == TREND
    assert evictable(RECORD, [9, 1, 1]) == TREND
    assert evictable(RECORD, [9, 1, 0]) == RECORD
    assert evictable(RECORD, [9, 0, 0]) == -1
    assert evictable(ALARM, [1, 1, 1]) == TREND
    assert evictable(ALARM, [1, 1, 0]) == RECORD
    assert evictable(ALARM, [1, 0, 0]) == ALARM


def an_acknowledgement_closes_what_it_names_and_no_more():
    waiting = Waiting(EPOCH, RECORD)
    for number in (3, 4, 9, 10, 11, 40):
        waiting.add(number, 0, 10)
    assert waiting.acknowledge([[0, 3], [10, 39]]) == [0, 3, 4]
    assert waiting.acknowledge([[0, 3], [10, 39]]) == [], "a repeat closes nothing again"
    assert waiting_sequences(waiting) == [4, 9, 40] and waiting.remaining == 3 and waiting.lowest() == 4
    waiting.sent(1, 5000, 0)
    assert waiting.next_due(5) == 2, "the one just sent has to wait"
    waiting.hurry(-1, 6)
    assert waiting.next_due(6) == 1


def a_wrong_configuration_is_explained():
    good = {
        "app": "parking",
        "board": "esp32_generic",
        "settings": {},
        "measurements": {"occupied": [None, "b", 0, "record", 5]},
        "wifi": [],
        "mqtt": {"host": "10.0.0.1"},
    }
    assert configuration.problems(good) == []
    for change, part in (
        ({"app": None}, '"app"'),
        ({"measurements": {"x": ["J"]}}, '"x"'),
        ({"measurements": {"x": ["J", "n", 0, "urgent", 5]}}, '"x"'),
        ({"wifi": ["name"]}, "ssid"),
        ({"wifi": [{"ssid": "name", "password": 12345678}]}, "password"),
        ({"mqtt": {}}, "host"),
        ({"mqtt": {"host": "10.0.0.1", "port": "1883"}}, "port"),
        ({"node": "AABBCCDDEEFF"}, '"node"'),
        ({"generation": "0"}, '"generation"'),
    ):
        bad = dict(good)
        bad.update(change)
        found = configuration.problems(bad)
        assert found and part in found[0], (change, found)
    assert configuration.problems([]) == ["it must be one JSON object"]


def rows_of_measurements_share_their_words():
    import json

    text = '{"strain": ["m/m", "n", -9, "trend", 60], "noise": ["m/m", "n", -9, "trend", 60], "step": ["m/m", "n", -9, "trend", 5]}'
    given = json.loads(text)
    found = configuration.all_measurements({"measurements": given})
    assert found["strain"] == ("m/m", "n", -9, "trend", 60) and found["strain"] is found["noise"]
    assert found["step"] == ("m/m", "n", -9, "trend", 5) and found["step"] is not found["strain"]
    assert all([found["step"][place] is found["strain"][place] for place in (0, 1, 3)])
    assert found["lost"] == (None, "d", 0, "alarm", 0), "its own"


def borrowed_code_goes_at_once():
    from node_io import borrowed

    assert borrowed.call("node_core.cbor_reader", "decode", b"\x07") == 7
    assert "node_core.cbor_reader" not in sys.modules
    import node_core.cbor_reader  # noqa: F401

    assert borrowed.call("node_core.cbor_reader", "decode", b"\x07") == 7
    assert "node_core.cbor_reader" in sys.modules, "who only finds it there does not take it away"


globals()[sys.argv[1]]()
print("ok")

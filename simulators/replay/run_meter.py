# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A water meter's recording through the firmware's leak rules: see docs/replay.md."""

import rows
from node_core.leak_rules import NAMES, RULES, LeakRules

_L_MAX = 10**12  # a city's water of ten years

settings = rows.settings({
    "leak_l_h": 4,
    "leak_h": 22,
    "night_l_h": 2,
    "nights": 3,
    "burst_l_h": 1500,
    "burst_min": 30,
    "q4_l_h": 5000,
    "resolution_ml": 1000,
})  # fmt: skip
rules = LeakRules(
    settings["leak_l_h"] * 1000,
    settings["leak_h"],
    settings["night_l_h"] * 1000,
    settings["nights"],
    settings["burst_l_h"] * 1000,
    settings["burst_min"] * 60,
    settings["q4_l_h"] * 1000,
    settings["resolution_ml"],
)


def litres(ml):
    return None if ml is None else ml / 1000


def take(row):
    time_s, total_ml = row
    rules.update(time_s, total_ml)
    answer = now()
    answer["time_s"] = time_s
    return answer


def now():
    return {
        "alarms": [name for bit, name in NAMES if rules.alarms & bit],
        "rule": RULES[rules.rule] or None,
        "flow_l_h": litres(rules.flow_ml_h),
        "night_l_h": litres(rules.night_ml_h),
        "consumption_l": litres(rules.consumed_ml),
        "implausible": rules.is_implausible,
        "left_out": rules.left_out,
    }


rows.run([("time_s", 0, rows.TIME_S_MAX), ("litres_total", 3, _L_MAX)], [], take, now)

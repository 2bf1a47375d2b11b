# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The paperwork of a defibrillator's cabinet: expiry dates, the weekly register, and what outlives a restart.

Loaded for one call and forgotten (node_io/borrowed.py): once an hour, and to keep it when an alarm begins or ends. What it has to remember is in
`app.paper`: [city time in s when the light was last seen well, the same of the last register entry (0: never), what of each date
has been told (5: nothing), when somebody was last reminded (node time in ms), whether the city's time has been known since this start,
the day of each date that was told of (0: none)].
"""

import struct

from apps.dae import ALARMS, WORDS
from node_core.dae_dates import date_of, day_of, level_of
from node_core.dae_rules import DAY_MS
from node_io.kept import Kept

_NAMES = ("pads", "battery")
_STATE = (
    "<BIIIIBBHH"  # version, raised alarms, the two city times, s without a ready light, the two levels, the two days
)
_ZERO = "<Bi"
_VERSION = 2
_NOTHING_TOLD = 5
_REGISTER_MS = 7 * DAY_MS
_UNSEEN_S = 180  # kept in steps of so much: flash wears
_OK_S, _REGISTER_S, _LEVELS, _REMINDED_MS, _HAS_TIME, _DAYS = 0, 1, 2, 3, 4, 5


def load(app, now_ms):
    """What was kept before a restart, for `app.paper`; alarms and the scale's zero go where they belong."""
    kept = Kept("dae")
    paper: list = [0, 0, [_NOTHING_TOLD, _NOTHING_TOLD], now_ms, False, [0, 0]]
    saved = kept.get("state")
    if saved is not None and len(saved) == struct.calcsize(_STATE) and saved[0] == _VERSION:
        _, raised, paper[_OK_S], paper[_REGISTER_S], unseen_s, *told = struct.unpack(_STATE, saved)
        app.alarms.restore(raised, now_ms)
        app.ok_ms = now_ms - unseen_s * 1000  # at least; the city's time will say more
        paper[_LEVELS], paper[_DAYS] = told[:2], told[2:]
    saved = kept.get("zero")
    if saved is not None and len(saved) == struct.calcsize(_ZERO):
        app.zero_code = struct.unpack(_ZERO, saved)[1]
    return paper


def save(app, now_ms):
    """Keep what has to outlive a restart."""
    paper = app.paper
    city_ms = app.clock.city_ms()
    if paper[_HAS_TIME] and city_ms is not None:
        paper[_OK_S] = max(0, city_ms - (now_ms - app.ok_ms)) // 1000
    unseen_s = min((now_ms - app.ok_ms) // 1000 // _UNSEEN_S * _UNSEEN_S, 0xFFFFFFFF)
    times = paper[_OK_S], paper[_REGISTER_S], unseen_s
    state = struct.pack(_STATE, _VERSION, app.alarms.raised, *times, *paper[_LEVELS], *paper[_DAYS])
    kept = Kept("dae")
    if kept.get("state") != state:  # flash wears
        kept.put("state", state)


def rezero(app):
    """Take the present weight as zero, and keep it. False where the switch is pressed, or nothing is weighed."""
    if app.switch.is_closed is not False or app.scale.code is None:
        return False
    app.zero_code = app.scale.code
    return Kept("dae").put("zero", struct.pack(_ZERO, _VERSION, app.zero_code))


def check(app, fault):
    """Name a date that is missing or is none."""
    for name in _NAMES:
        text = app.settings[name + "_expiry"]
        if _day(app, name) is None:
            fault(name + " date", "write it as 2027-03-31, not " + text if text else "is not set")


def _day(app, name):
    try:
        return day_of(app.settings[name + "_expiry"])
    except ValueError:
        return None


def _days_left(app, name):
    city_ms = app.clock.city_ms()
    day = _day(app, name)
    return None if city_ms is None or day is None else day - city_ms // DAY_MS


def tend(app, now_ms, report, fault):
    """Whatever of it is due."""
    paper = app.paper
    city_ms = app.clock.city_ms()
    fault("dates", "no city time for a day: not checked" if city_ms is None and now_ms > DAY_MS else "")
    if city_ms is not None:
        if not paper[_HAS_TIME]:
            paper[_HAS_TIME] = True
            # A time to come was written with a wrong clock: then only what was counted is known.
            if 0 < paper[_OK_S] * 1000 <= city_ms and not app.is_ok_ours:
                app.ok_ms = now_ms - (city_ms - paper[_OK_S] * 1000)
        _remind(app, now_ms, report)
        if not -DAY_MS <= city_ms - paper[_REGISTER_S] * 1000 < _REGISTER_MS:
            paper[_REGISTER_S] = city_ms // 1000
            report(
                [("register", entry(app)), ("presence", app.presence.state), ("status", WORDS[app.status])],
                at_ms=now_ms,
            )
            app.extremes = None
    save(app, now_ms)


def _remind(app, now_ms, report):
    """Tell each date and each level of its expiry once, and what is not well once a day. A date that was erased is forgotten."""
    paper = app.paper
    levels, told = paper[_LEVELS], paper[_DAYS]
    is_daily = now_ms - paper[_REMINDED_MS] >= DAY_MS
    for place in range(len(_NAMES)):
        day = _day(app, _NAMES[place])
        if day is None:
            levels[place], told[place] = _NOTHING_TOLD, 0
            continue
        days = day - app.clock.city_ms() // DAY_MS
        level = level_of(days)
        if level != levels[place] or day & 0xFFFF != told[place] or (is_daily and level):
            levels[place], told[place] = level, day & 0xFFFF
            report([(_NAMES[place] + "_days", days)], at_ms=now_ms, urgent=level > 0)
    if is_daily:
        paper[_REMINDED_MS] = now_ms


def entry(app):
    """The register's line, in words."""
    city_ms = app.clock.city_ms()
    parts = ["date=" + ("unknown" if city_ms is None else date_of(city_ms // DAY_MS))]
    parts.append("dae=" + app.presence.state)
    parts.append("door=" + {True: "closed", False: "open", None: "unknown"}[app.door.is_closed])
    parts.append("status=%s (%s)" % (WORDS[app.status], app.pattern))
    for name in _NAMES:
        days = _days_left(app, name)
        left = "" if days is None else " (%d days)" % days
        parts.append("%s=%s%s" % (name, app.settings[name + "_expiry"] or "not set", left))
    if app.extremes is not None:
        parts.append("temperature=%d..%d" % (app.extremes[0] // 100, -(-app.extremes[1] // 100)))
    raised = [ALARMS[place] for place in range(len(ALARMS)) if app.alarms.raised >> place & 1]
    text = "; ".join(parts) + "; alarms=" + (",".join(raised) or "none")
    return text if len(text) <= 250 else text[:247] + "..."

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A water meter on a battery: what one wake does.

Theory of operation
-------------------
The contact itself wakes the board, by its level: while it is open the board sleeps until it closes, counts, and sleeps until it opens.
Starting takes about half a second, longer than any bounce, so a wake needs no debouncing; a closing that is over when the program looks is
one pulse. Two wakes a pulse are the price (2 x 26.5 mC on a stock image), so this is for pulses of 10 litres rather than one.

The timer wakes every hour: a row for the leak rules, and where it is due a report. While pulses come there is a row each third of
`burst_min`, or a burst between two hours would be missed. While the radio sends nobody counts, except that a
change of the contact is seen afterwards: so a report waits for a pause of `_CALM_MS`, for an hour at most, and a pulse counts late rather
than not at all unless the contact closes and opens within one report.

Limits: two closings within one start (0.6 s, 10 l pulses: 60 m3/h) are one. A glitch that wakes the board counts as a pulse: the input
needs its filter (docs/family-meters.md).

A start that is not a wake (`why` is "power") has a clock that begins anew: of what was remembered only the count and the contact are
true, the leak rules come from non-volatile storage. Another `start_l` begins the count anew.
"""

import struct

from apps.water import FIRST_MS, REPEAT_MS, alarm_readings, pulse_reason, step, volume_readings
from node_io.kept import Kept
from node_io.pulse_total import PulseTotal

_FORM = "<BBBBBqqqqqqqq"
_VERSION = 2
_ROW_MS = 3_600_000
_CALM_MS = 60_000
_LATE_MS = 3_600_000
_NEVER = -1


def wake(app, report, fault, state, why):
    """See the application's interface: -> (state, seconds to sleep, pins that wake)."""
    settings = app.settings
    now_ms = app.clock.now_ms()
    total = PulseTotal("water", settings["start_l"], settings["keep_pulses"], uses_rtc=False)
    seen = _Seen(state, settings["start_l"], why != "power")
    total.pulses = max(total.pulses, seen.pulses)
    level = app.board.pin("pulse").value()
    if seen.is_new:
        seen.waits_for = 1 - level
    elif seen.waits_for == 0 and (why == "pin" or level == 0):
        total.add(1, now_ms)
        seen.pulse_ms = now_ms
        seen.waits_for = 1 - level
    elif level == 1:
        seen.waits_for = 0
    if total.unsaved >= settings["keep_pulses"]:
        total.save(now_ms)
    seen.pulses = total.pulses
    # After power-on somebody may stand beside it: each pulse is reported at once.
    is_watched = now_ms < FIRST_MS and seen.pulse_ms == now_ms
    is_burst = seen.pulse_ms == now_ms and now_ms - seen.row_ms >= settings["burst_min"] * 20_000
    fault("pulse", pulse_reason(settings))
    if seen.is_first or is_watched or is_burst or now_ms >= seen.next_ms:
        _look(app, report, fault, seen, total, now_ms)
    app.can_accept = bool(seen.can_accept)
    return seen.dump(), max(1, (seen.next_ms - now_ms + 999) // 1000), [("pulse", seen.waits_for)]


class _Seen:
    """What is remembered over the sleep."""

    def __init__(self, state, start_l, goes_on):
        size = struct.calcsize(_FORM)
        self.is_new = state is None or len(state) < size or state[0] != _VERSION
        self.waits_for = self.pulses = 0
        self.start_l = _NEVER
        if not self.is_new:
            (
                _, self.waits_for, self.tampered, self.alarms, self.can_accept, self.pulses, self.start_l, self.next_ms,
                self.reported_ml, self.reported_ms, self.pulse_ms, self.told_ms, self.row_ms,
            ) = struct.unpack(_FORM, state[:size])  # fmt: skip
            self.rules = state[size:]
        if self.start_l != start_l:
            self.pulses = 0
        self.is_first = self.is_new or self.start_l != start_l or not goes_on
        self.start_l = start_l
        if self.is_first:
            self.next_ms = self.alarms = self.can_accept = 0
            self.tampered = 2
            self.reported_ml = self.reported_ms = self.pulse_ms = self.told_ms = self.row_ms = _NEVER
            self.rules = None

    def dump(self):
        head = struct.pack(
            _FORM, _VERSION, self.waits_for, self.tampered, self.alarms, self.can_accept, self.pulses, self.start_l,
            self.next_ms, self.reported_ml, self.reported_ms, self.pulse_ms, self.told_ms, self.row_ms,
        )  # fmt: skip
        return head + (self.rules or b"")


def _look(app, report, fault, seen, total, now_ms):
    """The hour: a row for the rules, the cable, and what has to be reported."""
    settings = app.settings
    kept = Kept("water")
    is_accepted = kept.get("rezero") == b"1"
    if is_accepted:
        kept.put("rezero", b"0")
    volume_ml = app.volume_ml(total.pulses)
    rules = kept.get("rules") if seen.is_first else seen.rules
    rules, alarms, night_ml_h, is_implausible = step(app, rules, not seen.is_first, now_ms, volume_ml, is_accepted)
    has_changed = alarms != seen.alarms
    seen.alarms, seen.rules, seen.row_ms = alarms, rules, now_ms
    seen.can_accept = int(night_ml_h is not None or alarms & 1)
    fault("meter", "runs faster than it can" if is_implausible else "")
    stuck_ms = settings["stuck_s"] * 1000
    is_stuck = stuck_ms and seen.waits_for == 1 and seen.pulse_ms != _NEVER and now_ms - seen.pulse_ms >= stuck_ms
    fault("contact", "closed for long: a short in the cable, or the contact sticks" if is_stuck else "")
    if settings["tamper_loop"]:
        is_tampered = app.board.pin("tamper").value()
        fault("cable", "the tamper loop is open" if is_tampered else "")
        if is_tampered != seen.tampered:
            seen.tampered = is_tampered
            report([("tamper", bool(is_tampered))], at_ms=now_ms, urgent=bool(is_tampered))
    is_repeat = alarms and now_ms - seen.told_ms >= REPEAT_MS
    if has_changed or is_repeat or seen.is_first:
        seen.told_ms = now_ms
        report(alarm_readings(alarms), at_ms=now_ms, urgent=bool(alarms))

    def tell():
        total.save(now_ms)
        span_ms = 0 if seen.reported_ms == _NEVER else now_ms - seen.reported_ms
        readings = volume_readings(volume_ml, total.pulses, seen.reported_ml, span_ms, night_ml_h)
        if now_ms < FIRST_MS:
            readings += alarm_readings(alarms)
        report(readings, at_ms=now_ms)
        seen.reported_ml, seen.reported_ms = volume_ml, now_ms

    waited_ms = now_ms - seen.reported_ms
    is_due = waited_ms >= settings["interval_s"] * 1000
    is_calm = seen.pulse_ms == _NEVER or now_ms - seen.pulse_ms >= _CALM_MS
    is_late = waited_ms >= settings["interval_s"] * 1000 + _LATE_MS
    if seen.is_first or now_ms < FIRST_MS or has_changed or (is_due and (is_calm or is_late)):
        tell()
        kept.put("rules", rules)
    due_ms = seen.reported_ms + settings["interval_s"] * 1000
    # A report that is due waits for a calm minute.
    seen.next_ms = now_ms + 2 * _CALM_MS if due_ms <= now_ms else min(now_ms + _ROW_MS, due_ms)
    fault("storage", "" if total.is_safe else "the count would not outlive a power cut")

    def sample():  # what is remembered has been handed over already: only what needs no memory
        total.save(now_ms)
        report(volume_readings(volume_ml, total.pulses, 0, 0, night_ml_h))

    app.on_sample = sample

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What every meter with a pulse output needs while the board is awake: the count, kept safe, and what is wrong with the cable.

Faults: "cable" (the tamper loop is open: cut, or the cover is off), "contact" (closed for too long: a short, or a contact that sticks),
"input" (it chatters), "meter" (faster than the meter can run), "storage" (the count is not safe over a power cut).
"""

from node_io.pulse_input import PulseInput
from node_io.pulse_total import PulseTotal

_AGREE = 2  # looks at the tamper loop that have to agree
FIRST_MS = 900_000  # after a start, while somebody may stand beside it, a pulse is reported after ten seconds
FIRST_INTERVAL_MS = 10_000
_QUIET_MS = 3_600_000  # while nothing runs a report comes once an hour


class PulseMeter:
    """Attributes: `pulses` (all), `is_tampered`."""

    def __init__(self, board, namespace, start, settings, is_fast, fault):
        self._input = PulseInput(board.pin("pulse"), settings["debounce_ms"], is_fast)
        self._total = PulseTotal(namespace, start, settings["keep_pulses"])
        self._stuck_ms = settings["stuck_s"] * 1000
        self._loop = board.pin("tamper") if settings["tamper_loop"] else None
        self._fault = fault
        self._broken = {}
        self._taken = 0
        self._open_looks = 0
        self._ran = True
        self.is_tampered = False

    @property
    def pulses(self):
        return self._total.pulses

    def start(self):
        self._input.start()

    def stop(self):
        self._input.stop()

    def look(self, now_ms):
        """Every second or so: take the new pulses over. Returns how many they are."""
        self._input.poll()
        counter = self._input.counter
        new = counter.pulses - self._taken
        self._taken += new
        self._total.add(new, now_ms)
        self._look_at_loop()
        is_stuck = self._stuck_ms and counter.is_closed and counter.held_ms >= self._stuck_ms
        self.note("contact", "closed for long: a short in the cable, or the contact sticks" if is_stuck else "")
        self.note("input", "chatters: a disturbance on the cable" if self._input.is_noisy else "")
        self.note("storage", "" if self._total.is_safe else "the count would not outlive a power cut")
        return new

    def _look_at_loop(self):
        if self._loop is None:
            return
        self._open_looks = self._open_looks + 1 if self._loop.value() else 0
        self.is_tampered = self._open_looks >= _AGREE
        self.note("cable", "the tamper loop is open" if self.is_tampered else "")

    def is_due(self, now_ms, reported_ms, new, interval_s):
        """Whether it is time for a report; `new` pulses have come since the last one. The first one without any still tells that."""
        waited_ms = now_ms - reported_ms
        if new and now_ms < FIRST_MS and waited_ms >= FIRST_INTERVAL_MS:
            return True
        return waited_ms >= interval_s * 1000 and (new or self._ran or waited_ms >= _QUIET_MS)

    def make_safe(self, now_ms, new):
        """Before a report of `new` pulses: what people have been told never falls."""
        self._ran = bool(new)
        self._total.save(now_ms)

    def note(self, part, reason):
        if self._broken.get(part, "") != reason:
            self._broken[part] = reason
            self._fault(part, reason)

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A meter's pulse output on a pin with a pull-up: a contact to ground that follows what runs through the meter, with bounce.

World values: `water_l_h` (litres an hour), `power_w` (three phases), of which the part's `quantity` names one; `pulse_cable`, "ok",
"open" (cut: the tamper loop too) or "short"; absent, nothing runs; `tamper_open` (the cover is off); `pulse_noise_hz` (a disturbance that toggles the line).

Part: {"chip": "pulse_source", "pin": 25, "tamper": 14, "quantity": "water_l_h", "per_pulse": 10.0, "on_share": 0.4}. `per_pulse` is in
the quantity's unit times hours. Closed for `on_share` of a turn (a reed at a magnet: it stays closed where the wheel stops), or for `on_ms` (S0).
`bounces` more closings of up to `bounce_us` each come with each change, as with a reed; S0 outputs have none.

Source: EN 62053-31 (S0: on and off 30 ms or longer); reed adapters: bounce below 1 ms, up to 7 closings were seen by counters.
"""

import machine
import simclock as _clock
import world as _world
from noise import Noise

for _key, _value in (
    ("water_l_h", 0.0),
    ("power_w", [0.0, 0.0, 0.0]),
    ("pulse_cable", "ok"),
    ("tamper_open", False),
    ("pulse_noise_hz", 0),
):
    _world.values.setdefault(_key, _value)


class PulseSourceChip:
    """Attributes for tests: `pulses` (closings as the meter means them), `units` (what has run, in the part's unit times hours)."""

    name = "pulse_source"

    def __init__(self, part, seed=1):
        self._pin = machine.connect_pin(part["pin"], level=1)
        self._tamper = machine.connect_pin(part["tamper"], level=0) if "tamper" in part else None
        self._quantity = part["quantity"]
        self._per_pulse = part["per_pulse"]
        self._on_ms = part.get("on_ms")
        self._on_share = part.get("on_share", 0.4)
        self._bounces = part.get("bounces", 0)
        self._bounce_us = part.get("bounce_us", 900)
        self._noise = Noise(seed)
        self._phase = part.get("phase", 0.5)  # of the turn; closes at 1
        self._is_closed = False
        self._rate = 0.0  # turns per microsecond
        self._at_us = _clock.now_us
        self._event = None
        self._noise_event = None
        self.pulses = 0
        self.units = 0.0
        _world.watch(self._follow)
        self._follow()

    def _flow(self):
        value = _world.values[self._quantity]
        if self.name in _world.values["absent"]:
            return 0.0
        return max(0.0, sum(value) if isinstance(value, (list, tuple)) else value)

    def _catch_up(self):
        passed = (_clock.now_us - self._at_us) * self._rate
        self._at_us = _clock.now_us
        self._phase += passed
        self.units += passed * self._per_pulse

    def _follow(self):
        """The world has changed."""
        self._catch_up()
        self._rate = self._flow() / self._per_pulse / 3_600_000_000
        self._schedule()
        values = _world.values
        if self._tamper is not None:
            self._tamper.drive(1 if values["tamper_open"] or values["pulse_cable"] == "open" else 0)
        self._drive(self._is_closed)
        if values["pulse_noise_hz"] and self._noise_event is None:
            self._disturb(_clock.now_us)

    def _disturb(self, when_us):
        hz = _world.values["pulse_noise_hz"]
        self._noise_event = None
        if not hz:
            self._drive(self._is_closed)
            return
        self._pin.drive(1 - self._pin.driven)
        self._noise_event = _clock.at(when_us + 500_000 // hz, self._disturb)

    def _schedule(self):
        if self._event is not None:
            _clock.cancel(self._event)
            self._event = None
        if self._is_closed and self._on_ms is not None:
            return  # its end is planned
        target = self._on_share if self._is_closed else 1.0
        if self._rate > 0:
            wait_us = int(max(0.0, target - self._phase) / self._rate) + 1
            self._event = _clock.at(self._at_us + wait_us, self._turn)

    def _turn(self, when_us):
        self._event = None
        self._catch_up()
        if self._is_closed:
            self._change(False)
        else:
            self._phase -= 1.0
            self.pulses += 1
            self._change(True)
            if self._on_ms is not None:
                _clock.at(when_us + self._on_ms * 1000, self._end)
        self._schedule()

    def _end(self, when_us):
        self._catch_up()
        self._change(False)
        self._schedule()

    def _change(self, is_closed):
        """The contact moves; it touches and lets go a few times before it rests."""
        self._is_closed = is_closed
        self._drive(is_closed)
        when_us = _clock.now_us
        for index in range(self._bounces):
            for level in (not is_closed, is_closed):
                when_us += 20 + int(self._noise.uniform() * self._bounce_us)
                _clock.at(when_us, self._bounce(level))

    def _bounce(self, is_closed):
        return lambda when_us: self._drive(is_closed)

    def _drive(self, is_closed):
        cable = _world.values["pulse_cable"]
        level = 0 if is_closed else 1
        if cable != "ok":
            level = 1 if cable == "open" else 0
        if self._pin.driven != level:
            self._pin.drive(level)


def attach(part, seed):
    return PulseSourceChip(part, seed)

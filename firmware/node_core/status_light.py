# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A look at a defibrillator's status light. Pure, integers only; `add` allocates nothing. light_verdict.py judges it.

Theory of operation
-------------------
Two photodiodes look at the light, one behind a green filter, one behind a red one. A coloured light is seen by one of them alone
(a green one leaves a tenth on the other side); daylight, lamps and their flicker are seen by both. So an instant is green or red only
where one is bright and at least three times the other; everything else is no colour, however bright.

A window of half a minute or more is then judged as a whole:

    red, for three samples or more         FAULT
    green nearly all the time              OK where the model's light does so (a setting), else UNKNOWN: a lamp outside may be green
    green, blinking evenly, at a pace that the profile allows, up to the end     OK
    green, blinking otherwise              FAULT
    green, and bright in another colour more often than green flashed, or once at least half as strong; or most samples refused     UNKNOWN
    green once or twice, or beginning or ending in between, or looked at with gaps   UNKNOWN
    no colour                              UNKNOWN: dark may be idle, dead or covered; bright is the sun

No light is never OK. One window is never an alarm: the application wants two in a row.
"""

_DARK_UV = 150_000  # an ESP32's converter sees nothing below
_DOMINANCE = 3
_GAP_MS = 60  # a pause in the samples longer than that may hide a flash


class StatusLight:
    def __init__(self, on_uv):
        """`on_uv`: a light that is on is so much above what an input reads in the dark."""
        self._on_uv = on_uv
        self.begin()

    def begin(self):
        """A new window; its samples count their time from here."""
        self._colour = -1  # of the sample before: 0 none, 1 green, 2 red
        self.last_ms = 0
        self.gaps = 0
        self.samples = 0
        self.green = 0
        self.red = 0
        self.bright = 0
        self.green_uv = 0  # the brightest of the green samples
        self.other_uv = 0  # and of those that are bright and of no colour
        self.flashes = 0
        self.first_ms = 0
        self.rise_ms = 0
        self.shortest_ms = 0
        self.longest_ms = 0

    def add(self, green_uv, red_uv, again_uv, at_ms):
        """One sample `at_ms` after the window's begin: the green photodiode, the red one, and the green one again.

        Where the green ones differ, a lamp was switched in between, and the sample says nothing of a colour.
        """
        green_uv -= _DARK_UV
        red_uv -= _DARK_UV
        on_uv = self._on_uv
        if abs(again_uv - _DARK_UV - green_uv) > on_uv >> 1:
            return
        colour = 0
        # A light that is on has to fall to half before it counts as off: noise at the threshold makes no flashes.
        if green_uv >= (on_uv >> 1 if self._colour == 1 else on_uv) and green_uv >= _DOMINANCE * red_uv:
            colour = 1
            self.green += 1
            if green_uv > self.green_uv:
                self.green_uv = green_uv
        elif red_uv >= (on_uv >> 1 if self._colour == 2 else on_uv) and red_uv >= _DOMINANCE * green_uv:
            colour = 2
            self.red += 1
        elif green_uv >= on_uv or red_uv >= on_uv:
            self.bright += 1
            if green_uv > self.other_uv:
                self.other_uv = green_uv
            if red_uv > self.other_uv:
                self.other_uv = red_uv
        self.samples += 1
        if at_ms - self.last_ms > _GAP_MS:
            self.gaps += 1
        self.last_ms = at_ms
        if colour == 1 and self._colour != 1 and self._colour != -1:
            if self.flashes:
                interval_ms = at_ms - self.rise_ms
                if self.flashes == 1 or interval_ms < self.shortest_ms:
                    self.shortest_ms = interval_ms
                if self.flashes == 1 or interval_ms > self.longest_ms:
                    self.longest_ms = interval_ms
            else:
                self.first_ms = at_ms
            self.rise_ms = at_ms
            self.flashes += 1
        self._colour = colour

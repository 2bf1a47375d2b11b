# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A contact to ground on a pin with a pull-up: a door's reed, a switch under a weight, a cover's tamper contact.

Closed pulls the pin low. A cut wire reads open, which is what rings: open door, taken away, opened cover.
"""

from micropython import const

_ALIKE = const(3)  # readings in a row; contacts bounce for some milliseconds, the application looks every 100


class Contact:
    def __init__(self, pin):
        self._pin = pin
        self._before = -1
        self._alike = 0
        self.is_closed = None  # None until it is known

    def look(self):
        """Read the pin once. True where the contact has changed, the first knowledge of it included."""
        level = self._pin.value()
        self._alike = self._alike + 1 if level == self._before else 1
        self._before = level
        is_closed = not level
        if self._alike < _ALIKE or is_closed is self.is_closed:
            return False
        self._alike = _ALIKE
        self.is_closed = is_closed
        return True

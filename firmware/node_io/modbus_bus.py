# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The RS-485 line of a Modbus master: the transceiver's direction, silence between frames, an answer or why there is none.

The driver is switched off one character after the last bit has left: a meter may answer after 3.5 characters, an early switch cuts our own
frame, a late one the answer. So that no other task comes between, the board waits there (9 ms at 9,600 baud).
"""

import time

from node_core.modbus_rtu import answer_bytes, find_answer, request

_POLL_MS = 5
_QUIET_TRIES = 40  # a line that never falls silent is a fault of its own
_RECEIVED_MAX = 300


class ModbusBus:
    def __init__(self, uart, driver, baudrate, clock):
        self._uart = uart
        self._driver = driver
        self._clock = clock
        # 11 bits a character; above 19,200 baud the standard fixes the silence at 1.75 ms.
        self._character_us = 11_000_000 // baudrate
        self._silence_ms = max(2, self._character_us * 7 // 2000 + 1)

    async def read(self, address, function, first, count, timeout_ms):
        """(registers as bytes, "") or (None, reason), within about `timeout_ms`."""
        if not await self._is_quiet():
            return None, "the line is never silent"
        asked = request(address, function, first, count)
        self._driver.value(1)
        time.sleep_us(self._character_us)
        self._uart.write(asked)
        self._uart.flush()
        time.sleep_us(self._character_us)
        self._driver.value(0)
        received = b""
        until_ms = self._clock.now_ms() + timeout_ms + answer_bytes(count) * self._character_us // 1000
        while True:
            await self._clock.sleep_ms(_POLL_MS)
            part = self._uart.read() if self._uart.any() else None
            is_late = self._clock.now_ms() >= until_ms
            if part:
                received = (received + part)[-_RECEIVED_MAX:]
            # A frame is looked at as soon as it may be whole, an exception at the end of the line's activity.
            if part and len(received) < answer_bytes(count) and not is_late:
                continue
            if received or is_late:
                data, reason = find_answer(received, asked)
                if data is not None or is_late or reason[:9] == "exception":
                    return data, reason

    async def _is_quiet(self):
        """Wait for 3.5 characters of silence; what arrives meanwhile is nobody's."""
        for _ in range(_QUIET_TRIES):
            self._uart.read()
            await self._clock.sleep_ms(self._silence_ms)
            if not self._uart.any():
                return True
        return False

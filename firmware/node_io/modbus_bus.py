# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The RS-485 line of a Modbus master: the transceiver's direction, silence between frames, an answer or why there is none.

The driver is switched off one character after the last bit has left: a meter may answer after 3.5 characters, an early switch cuts our own
frame, a late one the answer. So that no other task comes between, the board waits there (9 ms at 9,600 baud).

An answer does not say which registers it carries. After a read that got none in time the next one listens for as long again before it asks, so
an answer that comes within twice the timeout is nobody's rather than the next one's.
"""

import time

from node_core.modbus_rtu import answer_bytes, find_answer, request

_POLL_MS = 5
_QUIET_TRIES = 40  # a line that never falls silent is a fault of its own
_RECEIVED_MAX = 300
_FRAME_MIN = 5  # an exception


class ModbusBus:
    def __init__(self, uart, driver, baudrate, clock):
        self._uart = uart
        self._driver = driver
        self._clock = clock
        # 11 bits a character; above 19,200 baud the standard fixes the silence at 1.75 ms.
        self._character_us = 11_000_000 // baudrate
        self._is_owed = False  # an answer may still come
        self._silence_ms = max(2, self._character_us * 7 // 2000 + 1)

    async def read(self, address, function, first, count, timeout_ms):
        """(registers as bytes, "") or (None, reason), within about `timeout_ms`; twice that after one that got no answer."""
        answer_ms = timeout_ms + answer_bytes(count) * self._character_us // 1000
        if self._is_owed:
            await self._drop_late(answer_ms)
            self._is_owed = False
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
        until_ms = self._clock.now_ms() + answer_ms
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
                is_answered = data is not None or reason[:9] == "exception"
                if is_answered or is_late:
                    self._is_owed = not is_answered
                    return data, reason

    async def _drop_late(self, wait_ms):
        """Until an answer that is late has come and gone, for `wait_ms` at most."""
        until_ms = self._clock.now_ms() + wait_ms
        dropped = 0
        while self._clock.now_ms() < until_ms:
            await self._clock.sleep_ms(max(_POLL_MS, self._silence_ms))
            if self._uart.any():
                dropped += len(self._uart.read() or b"")
            elif dropped >= _FRAME_MIN:
                break

    async def _is_quiet(self):
        """Wait for 3.5 characters of silence; what arrives meanwhile is nobody's."""
        for _ in range(_QUIET_TRIES):
            self._uart.read()
            await self._clock.sleep_ms(self._silence_ms)
            if not self._uart.any():
                return True
        return False

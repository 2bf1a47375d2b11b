# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""An electricity meter on RS-485 (Modbus RTU). Reads its registers every so often and reports them as they are.

What is read, and what it means, is text in the profile: node_core/registers.py. One node reads one meter.
Settings: interval_s, address, function, baudrate, parity (N, E or O), stop, timeout_ms, registers.
"""

from node_core.registers import blocks, parse
from node_io.modbus_bus import ModbusBus

_PART, _COUNTER, _SETTINGS = "meter", "counter", "settings"
_TRIES = 3
_LOOK_MS = 500
_FELL_MS = 3_600_000
FIRST_MS = 900_000  # after a start, while somebody may stand beside it, readings come every ten seconds
FIRST_INTERVAL_MS = 10_000


class App:
    def __init__(self, board, settings, clock):
        self._board = board
        self._settings = settings
        self._clock = clock
        self._wrong = ""  # a setting that nothing can be read with
        try:
            self._blocks = blocks(parse(settings["registers"]))
        except ValueError as error:
            self._blocks = []
            self._wrong = str(error)
        self._last = {}  # energy by name
        self._fell_ms = None
        self._broken = {}
        self._is_asked = False

    def sample_now(self):
        self._is_asked = not self._wrong
        return self._is_asked

    async def run(self, report, fault):
        settings = self._settings
        parity = settings["parity"]
        if parity not in ("N", "E", "O"):
            self._wrong = self._wrong or "parity: N, E or O, not " + str(parity)
        for name, low, high in (("baudrate", 1200, 115_200), ("stop", 1, 2)):
            if not low <= settings[name] <= high:
                self._wrong = self._wrong or "%s: %d to %d, not %s" % (name, low, high, settings[name])
        while self._wrong:  # new settings restart the node
            self._note(_SETTINGS, self._wrong, fault)
            await self._clock.sleep_ms(FIRST_INTERVAL_MS)
        parity = {"N": None, "E": 0, "O": 1}[parity]
        uart, driver = self._board.rs485(settings["baudrate"], parity, settings["stop"])
        bus = ModbusBus(uart, driver, settings["baudrate"], self._clock)
        while True:
            self._is_asked = False
            at_ms = self._clock.now_ms()
            interval_ms = settings["interval_s"] * 1000
            due_ms = at_ms + (min(interval_ms, FIRST_INTERVAL_MS) if at_ms < FIRST_MS else interval_ms)
            readings, reason = await self._poll(bus)
            self._note(_PART, reason, fault)
            if readings:
                self._watch_counters(readings, at_ms, fault)
                report(readings, at_ms=at_ms)
            while not self._is_asked and self._clock.now_ms() < due_ms:
                await self._clock.sleep_ms(min(_LOOK_MS, max(1, due_ms - self._clock.now_ms())))

    async def _poll(self, bus):
        """(readings, what is wrong or "")."""
        readings: list = []
        wrong = ""
        for first, count, entries in self._blocks:
            data, reason = await self._ask(bus, first, count)
            if data is None:
                wrong = "{} (register {})".format(reason, first)
                if reason == "no answer" and not readings:
                    break  # nobody is there: the other blocks would only take time
                continue
            for entry in entries:
                at = 2 * (entry.first - first)
                value = entry.value(data[at : at + 2 * entry.words])
                if value is None:
                    wrong = "no value for " + entry.name
                else:
                    readings.append((entry.name, value))
        return readings, wrong

    async def _ask(self, bus, first, count):
        settings = self._settings
        for _ in range(_TRIES):
            data, reason = await bus.read(
                settings["address"], settings["function"], first, count, settings["timeout_ms"]
            )
            if data is not None or reason[:9] == "exception":
                break  # a meter that refuses will refuse again
        return data, reason

    def _watch_counters(self, readings, now_ms, fault):
        """A counter of energy never falls, unless the meter is another one or was reset."""
        for name, value in readings:
            if name[:6] == "energy":
                if value < self._last.get(name, value):
                    self._fell_ms = now_ms
                    self._note(_COUNTER, name + " has fallen: another meter, or a reset", fault)
                self._last[name] = value
        if self._fell_ms is not None and now_ms - self._fell_ms >= _FELL_MS:
            self._fell_ms = None
            self._note(_COUNTER, "", fault)

    def _note(self, part, reason, fault):
        if self._broken.get(part, "") != reason:
            self._broken[part] = reason
            fault(part, reason)

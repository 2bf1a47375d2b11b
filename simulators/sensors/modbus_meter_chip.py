# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""An electricity meter on RS-485: a Modbus RTU slave with the registers of a real model, and a line on which two may talk at once.

World values: `power_w` (three phases; negative is fed in), `voltage_v` (three), `power_factor`, `frequency_hz`, `energy_kwh` and
`energy_out_kwh` (what the counters stood at in the beginning), `modbus_delay_ms` (before an answer) and `modbus_fault`: "" or
"silent", "crc", "short" (the end is missing), "exception", "address" (another one answers), "function", "length", "echo" (only
the request comes back), "heard" (the transceiver hears itself, then comes a good answer), "noise" (bytes before and after a good
answer), "babble" (somebody talks without end), "nan" (floats have no value).

Part: {"chip": "modbus_meter", "model": "sdm120", "tx": 17, "rx": 16, "de": 4, "address": 1, "baudrate": 9600, "parity": null, "stop": 1}.
The transceiver sends while `de` is high and listens while it is low: a request whose driver goes off too early is lost, and so is an answer to
a board that still sends.

Source of the registers: the makers' Modbus documents, as source.md of each profile names them.
"""

import struct

import machine
import simclock as _clock
import world as _world
from noise import Noise

for _key, _value in (
    ("power_w", [0.0, 0.0, 0.0]),
    ("voltage_v", [230.0, 231.0, 229.0]),
    ("power_factor", 0.95),
    ("frequency_hz", 50.0),
    ("energy_kwh", 0.0),
    ("energy_out_kwh", 0.0),
    ("modbus_delay_ms", 15),
    ("modbus_fault", ""),
):
    _world.values.setdefault(_key, _value)


def _f32(value):
    return struct.pack(">f", value)


def _low_first(value):
    word = struct.pack(">i", round(value))
    return word[2:] + word[:2]


def _s16(value):
    return struct.pack(">h", round(value))


def _wh64(value):
    return struct.pack(">q", round(value))


# model: (function, {register: (encoder, quantity, factor)})
def _eastron(phases, rest):
    table = {0x46: (_f32, "hz", 1), 0x48: (_f32, "kwh", 1), 0x4A: (_f32, "kwh_out", 1)}
    for index in range(phases):
        for first, quantity in ((0x00, "v"), (0x06, "i"), (0x0C, "p"), (0x12, "va"), (0x18, "var"), (0x1E, "pf")):
            step = 2 * index
            table[first + step] = (_f32, quantity + str(index + 1), 1)
    table.update(rest)
    return table


def _gavazzi(factor_at, frequency_at, energy_at, out_at, one_phase_at):
    table = {
        0x28: (_low_first, "p", 10),
        frequency_at: (_s16, "hz", 10),
        energy_at: (_low_first, "kwh", 10),
        out_at: (_low_first, "kwh_out", 10),
        factor_at + 3: (_s16, "pf", 1000),
    }
    for index in range(3):
        phase = str(index + 1)
        table[2 * index] = (_low_first, "v" + phase, 10)
        table[0x0C + 2 * index] = (_low_first, "i" + phase, 1000)
        table[0x12 + 2 * index] = (_low_first, "p" + phase, 10)
        table[factor_at + index] = (_s16, "pf" + phase, 1000)
        table[one_phase_at + 2 * index] = (_low_first, "kwh" + phase, 10)
    return table


MODELS = {
    "sdm120": (4, _eastron(1, {0x156: (_f32, "kwh_sum", 1)})),
    "sdm630": (
        4,
        _eastron(3, {
            0x34: (_f32, "p", 1), 0x3E: (_f32, "pf", 1), 0x156: (_f32, "kwh_sum", 1),
            0x15A: (_f32, "kwh1", 1), 0x15C: (_f32, "kwh2", 1), 0x15E: (_f32, "kwh3", 1),
        }),
    ),
    "em24": (4, _gavazzi(0x32, 0x37, 0x42, 0x5C, 0x46)),
    "em340": (4, _gavazzi(0x2E, 0x33, 0x34, 0x4E, 0x40)),
    "iem3000": (3, {
        0xBB7: (_f32, "i1", 1), 0xBB9: (_f32, "i2", 1), 0xBBB: (_f32, "i3", 1),
        0xBD3: (_f32, "v1", 1), 0xBD5: (_f32, "v2", 1), 0xBD7: (_f32, "v3", 1),
        0xBED: (_f32, "p1", 1e-3), 0xBEF: (_f32, "p2", 1e-3), 0xBF1: (_f32, "p3", 1e-3), 0xBF3: (_f32, "p", 1e-3),
        0xC25: (_f32, "hz", 1), 0xC83: (_wh64, "kwh", 1000), 0xC87: (_wh64, "kwh_out", 1000),
    }),
    "finder7m": (4, {
        2500: (_f32, "v1", 1), 2516: (_f32, "i1", 1), 2536: (_f32, "p", 1), 2560: (_f32, "pf", 1), 2584: (_f32, "hz", 1),
        2752: (_f32, "kwh", 1000), 2756: (_f32, "kwh_out", 1000),
    }),
}  # fmt: skip


def crc(data):
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            low = value & 1
            value >>= 1
            if low:
                value ^= 0xA001
    return bytes((value & 0xFF, value >> 8))


class ModbusMeterChip:
    """Attributes for tests: `requests` (frames understood), `lost` (frames that collided or were cut), `kwh`, `kwh_out`."""

    name = "modbus_meter"

    def __init__(self, part, seed=1):
        self._function, self._registers = MODELS[part["model"]]
        self._address = part.get("address", 1)
        self._line = (part.get("baudrate", 9600), part.get("parity"), part.get("stop", 1))
        self._byte_us = (10 + (self._line[1] is not None) + (self._line[2] - 1)) * 1_000_000 // self._line[0]
        self._noise = Noise(seed)
        self._is_driven = 0
        self._arrived = b""
        self.requests = self.lost = 0
        self.kwh = _world.values["energy_kwh"]
        self.kwh_out = _world.values["energy_out_kwh"]
        self._at_us = _clock.now_us
        self._power_w = list(_world.values["power_w"])
        machine.connect_uart(part["tx"], part["rx"], self)
        machine.connect_pin(part["de"], listener=self._direction)
        _world.watch(self._follow)

    def _direction(self, level):
        self._is_driven = level

    def _follow(self):
        hours = (_clock.now_us - self._at_us) / 3_600_000_000
        self._at_us = _clock.now_us
        total_kw = sum(self._power_w) / 1000
        if total_kw >= 0:
            self.kwh += total_kw * hours
        else:
            self.kwh_out -= total_kw * hours
        self._power_w = list(_world.values["power_w"])

    def quantity(self, name):
        """What the meter would show, in V, A, W, Hz, kWh."""
        values = _world.values
        self._follow()
        if name == "hz":
            return values["frequency_hz"]
        if name[:3] == "kwh":
            if name == "kwh_sum":
                return self.kwh + self.kwh_out
            return {"kwh": self.kwh, "kwh_out": self.kwh_out}.get(name, self.kwh / 3)
        if name[:2] == "pf":
            return values["power_factor"]
        if name == "p":
            return sum(self._power_w)
        phase = int(name[-1]) - 1
        power_w = self._power_w[phase]
        apparent_va = power_w / values["power_factor"]
        kind = name[:-1]
        if kind == "p":
            return power_w
        if kind == "v":
            return values["voltage_v"][phase]
        if kind == "i":
            return abs(apparent_va) / values["voltage_v"][phase]
        if kind == "va":
            return abs(apparent_va)
        return (apparent_va * apparent_va - power_w * power_w) ** 0.5

    def transmitted(self, data, baudrate, parity, stop):
        """The board has sent this."""
        if not self._is_driven:
            self.lost += 1
            return
        if (baudrate, parity, stop) != self._line or "modbus_meter" in _world.values["absent"]:
            return
        fault = _world.values["modbus_fault"]
        if fault in ("echo", "heard"):
            self._arrived += data
        if fault == "echo":
            return
        if len(data) != 8 or data[-2:] != crc(data[:-2]) or data[0] != self._address or fault == "silent":
            return
        self.requests += 1
        self._send(self._spoilt(self._answer(data), fault), _world.values["modbus_delay_ms"] * 1000)

    def _answer(self, asked):
        function, first, count = struct.unpack(">BHH", asked[1:6])
        code = 0
        body = b""
        if function != self._function:
            code = 1
        elif not 1 <= count <= 125:
            code = 3
        else:
            register = first
            while register < first + count and not code:
                entry = self._registers.get(register)
                if entry is None:
                    code = 2
                    break
                encode, name, factor = entry
                part = encode(self.quantity(name) * factor)
                if encode is _f32 and _world.values["modbus_fault"] == "nan":
                    part = b"\x7f\xc0\x00\x00"
                body += part
                register += len(part) // 2
            if not code and len(body) != 2 * count:
                code = 2
        if code:
            head = bytes((self._address, function | 0x80, code))
            return head + crc(head)
        frame = bytes((self._address, function, len(body))) + body
        return frame + crc(frame)

    def _spoilt(self, frame, fault):
        if fault == "crc":
            return frame[:-1] + bytes((frame[-1] ^ 0x55,))
        if fault == "short":
            return frame[:-3]
        body = None
        if fault == "exception":
            body = bytes((frame[0], frame[1] | 0x80, 2))
        elif fault == "address":
            body = bytes((frame[0] % 247 + 1,)) + frame[1:-2]
        elif fault == "function":
            body = bytes((frame[0], 7 - frame[1])) + frame[2:-2]
        elif fault == "length":
            body = bytes((frame[0], frame[1], frame[2] - 2)) + frame[3:-4]
        if body is not None:
            return body + crc(body)
        if fault == "noise":
            before = bytes([int(self._noise.uniform() * 256) for _ in range(3)])
            return before + frame + b"\x00\xff"
        return frame

    def _send(self, frame, delay_us):
        """In two halves, as a slow line brings them."""
        half = len(frame) // 2
        start_us = _clock.now_us + delay_us
        _clock.at(start_us + half * self._byte_us, self._arrive(frame[:half]))
        _clock.at(start_us + len(frame) * self._byte_us, self._arrive(frame[half:]))

    def _arrive(self, part):
        def arrive(when_us):
            if self._is_driven:
                self.lost += 1
            else:
                self._arrived += part

        return arrive

    def take(self):
        if _world.values["modbus_fault"] == "babble":
            return b"\x55"
        part, self._arrived = self._arrived, b""
        return part


def attach(part, seed):
    return ModbusMeterChip(part, seed)

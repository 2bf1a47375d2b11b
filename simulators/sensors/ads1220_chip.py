# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""ADS1220 bridge converter at register level: SPI mode 1, four registers, DRDY, single-shot and continuous conversions, thermometer.

The bridge is the world's, as for the HX711: `strain_code`, `strain_noise_codes`, `spike_code` and recordings are in units of 2^-30 of strain
(quarter bridge, gauge factor 2). At gain 128 one code of this chip is two of them; the gain that the register asks for is applied.
Keys of its own: `ads1220_offset_codes` (its input stage's error, also with shorted inputs).

What the data sheet forbids is kept in `complaints`: rejection of 50 and 60 Hz at another rate than 20 a second, a gain above 4 with the PGA bypassed,
a reserved bit. `drdy_stuck` (0 or 1) is a line that stays so; `brown_out()` is a dip of the supply that puts every register to 0.

Source: TI ADS1220 data sheet SBAS501, 8.3.13, 8.4.2, 8.5, 8.6; conversion times in clocks of 4.096 MHz as its table of the output data rate has them.
"""

import machine
import simclock as _clock
import world as _world
from noise import Noise

CODE_MAX = 0x7FFFFF
CODE_MIN = -0x800000
_NORMAL_CLOCKS = (204768, 91120, 46128, 23664, 12464, 6896, 4144)
_TURBO_CLOCKS = (102384, 45560, 23064, 11832, 6232, 3448, 2072)  # the modulator runs twice as fast
_START_CLOCKS = 210
_PULSE_US = 8  # DRDY high before a conversion that follows an unread one
_MASKS = (0xFF, 0xFF, 0xFF, 0xFE)
_TRUTH_LINE = 40  # conversions in one message to the world
_world.values.setdefault("ads1220_offset_codes", 3)


class Ads1220Chip:
    name = "ads1220"
    mode = (0, 1)

    def __init__(self, drdy, seed=1, clock_ppm=0):
        """`drdy` is the pin that the chip drives. `clock_ppm`: how far its oscillator is off, up to 20,000."""
        self._drdy = drdy
        self._noise = Noise(seed)
        self._clock_hz = 4_096_000 + 4_096 * clock_ppm // 1000
        self.complaints = []
        self.drdy_stuck = None
        self.conversions = 0
        self.unread = 0
        self._truth = []
        self._event = None
        self._is_selected = False
        self._reset()

    def _reset(self):
        self.registers = bytearray(4)
        self._word = 0
        self._is_converting = False
        self._stop()
        self._frame()
        self._set_drdy(1)

    brown_out = _reset

    def _frame(self):
        """What the next byte on the bus is: chip select has gone high, or a command is complete."""
        self._command = 0
        self._left = 0
        self._address = 0
        self._out = b""

    def _set_drdy(self, level):
        self._is_ready = not level
        self._drdy.drive(level if self.drdy_stuck is None else self.drdy_stuck)

    def select(self, level):
        """The chip select line."""
        self._is_selected = not level
        self._frame()

    # Conversions

    def period_us(self):
        first = self.registers[1]
        clocks = _TURBO_CLOCKS if (first >> 3) & 3 == 2 else _NORMAL_CLOCKS
        return clocks[min(first >> 5, 6)] * 1_000_000 // self._clock_hz

    def _stop(self):
        if self._event is not None:
            _clock.cancel(self._event)
            self._event = None

    def _begin(self, delay_us):
        self._stop()
        self._is_converting = True
        self._event = _clock.at(_clock.now_us + delay_us + self.period_us(), self._conversion)

    def _conversion(self, at_us):
        self._event = None
        if "ads1220" in _world.values["absent"]:
            self._is_converting = False
            self._reset()
            self.flush_truth()
            return
        self._word = self._code(at_us) & 0xFFFFFF
        self.conversions += 1
        if self._is_ready:
            self.unread += 1
            self._set_drdy(1)
        self._set_drdy(0)
        if self.registers[1] & 4:
            self._event = _clock.at(at_us + self.period_us(), self._conversion)
        else:
            self._is_converting = False

    def _code(self, at_us):
        values = _world.values
        if self.registers[1] & 2:
            return round(values["temperature_c"] * 32) << 10
        gain = 1 << ((self.registers[0] >> 1) & 7)
        mux = self.registers[0] >> 4
        code = 0
        if mux in (0, 6):  # AIN0 against AIN1, or the other way round
            if values["spike_code"] is not None:
                code, values["spike_code"] = values["spike_code"], None
            else:
                code = _world.recorded_code(at_us)
                if code is None:
                    code = values["strain_code"]
                if values["strain_noise_codes"]:
                    code += round(values["strain_noise_codes"] * self._noise.normal())
            code = code * gain // 256
            if mux == 6:
                code = -code
        code += values["ads1220_offset_codes"]
        if self.registers[2] >> 6 == 0:
            code = code * 3300 // 2048  # the internal reference instead of the excitation of 3.3 V
        code = max(CODE_MIN, min(CODE_MAX, code))
        if values["truth"] and mux == 0:
            self._truth.append([at_us, code])
            if len(self._truth) >= _TRUTH_LINE:
                self.flush_truth()
        return code

    def flush_truth(self):
        if self._truth:
            _world.report({"sensor": "ads1220", "samples": self._truth})
            self._truth = []

    # The bus

    def transfer(self, data):
        """What comes out while `data` goes in."""
        if not self._is_selected:
            return b"\xff" * len(data)
        answer = bytearray(len(data))
        if self._is_ready:
            self._set_drdy(1)  # with the first clock
        for index in range(len(data)):
            answer[index] = self._byte(data[index])
        return bytes(answer)

    def _byte(self, byte):
        if self._out:
            out, self._out = self._out[0], self._out[1:]
            return out
        if self._left:
            self._write_register(byte)
            return 0
        if byte >> 4 == 1:
            self._out = self._word.to_bytes(3, "big")
        elif byte >> 4 == 2:
            first = (byte >> 2) & 3
            self._out = bytes(self.registers[first : first + (byte & 3) + 1])
        elif byte >> 4 == 4:
            self._address = (byte >> 2) & 3
            self._left = (byte & 3) + 1
        elif byte >> 1 == 3:
            self._reset()
        elif byte >> 1 == 4:
            self._begin(_START_CLOCKS * 1_000_000 // self._clock_hz)
        elif byte >> 1 == 1:
            self._is_converting = False
            self._stop()
        return 0xFF

    def _write_register(self, byte):
        if self._address > 3:
            self.complaints.append("a register beyond the last")
        else:
            self.registers[self._address] = byte & _MASKS[self._address]
            if byte & ~_MASKS[self._address] & 0xFF:
                self.complaints.append("a reserved bit")
        self._address += 1
        self._left -= 1
        if not self._left:
            self._check()
            if self._is_converting:
                self._begin(0)

    def _check(self):
        zero, first, second, _ = self.registers
        if second & 0x30 and first >> 5:
            self.complaints.append("rejection of 50 or 60 Hz at another rate than 20 a second")
        if zero & 1 and (zero >> 1) & 7 > 2:
            self.complaints.append("a gain above 4 with the PGA bypassed")
        if first >> 5 == 7:
            self.complaints.append("a reserved data rate")


def attach(part, seed):
    """On the pins `sck`, `mosi`, `miso`, `cs` and `drdy` of the part."""
    drdy = machine.connect_pin(part["drdy"], level=1)
    chip = Ads1220Chip(drdy, seed, part.get("clock_ppm", 0))
    machine.connect_pin(part["cs"], listener=chip.select)
    machine.connect_spi(part["sck"], part["mosi"], part["miso"], chip)
    return chip

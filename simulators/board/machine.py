# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`machine` as MicroPython has it on an ESP32 (version 1.26 and newer): pins, buses, clock, watchdog, resets.

Signatures and errors follow ports/esp32. Chips hang on pins and buses by `connect_pin` and `connect_i2c`, which the
wiring of the simulated board calls and firmware never does.
"""

import power as _power
import simclock as _clock
import umachine as _host
import world as _world

PWRON_RESET = _power.PWRON_RESET
HARD_RESET = _power.HARD_RESET
WDT_RESET = _power.WDT_RESET
DEEPSLEEP_RESET = _power.DEEPSLEEP_RESET
SOFT_RESET = _power.SOFT_RESET
PIN_WAKE = 2
EXT0_WAKE = 2
EXT1_WAKE = 3
TIMER_WAKE = 4
TOUCHPAD_WAKE = 5
ULP_WAKE = 6
SLEEP = 2
DEEPSLEEP = 4

_ENODEV = 19
_ETIMEDOUT = 116  # as newlib, the ESP32's C library, has it; 110 elsewhere
_MAC = b"\x24\x0a\xc4\x00\x00\x01"
_frequency_hz = 160_000_000

Signal = _host.Signal


def set_unique_id(mac):
    """For the simulation: the base MAC burnt into this board."""
    global _MAC
    _MAC = mac


def unique_id():
    return _MAC


def freq(hz=None):
    global _frequency_hz
    if hz is None:
        return _frequency_hz
    if hz not in (20_000_000, 40_000_000, 80_000_000, 160_000_000, 240_000_000):
        raise ValueError("frequency must be 20MHz, 40MHz, 80Mhz, 160MHz or 240MHz")
    _frequency_hz = hz


def reset():
    _power.restart(HARD_RESET)


def soft_reset():
    _power.restart(SOFT_RESET)


def reset_cause():
    return _power.cause


def wake_reason():
    return _power.wake_reason


def deepsleep(time_ms=0):
    _power.restart(DEEPSLEEP_RESET, time_ms)


def lightsleep(time_ms=0):
    _clock.wait(_clock.look(0) + time_ms * 1000)


def idle():
    _clock.look()


def disable_irq():
    return _clock.irq_off()


def enable_irq(state):
    _clock.irq_on(state)


def time_pulse_us(pin, pulse_level, timeout_us=1_000_000):
    start_us = _clock.look()
    while pin.value() != pulse_level:
        if _clock.look() - start_us >= timeout_us:
            return -2
    start_us = _clock.now_us
    while pin.value() == pulse_level:
        if _clock.look() - start_us >= timeout_us:
            return -1
    return _clock.now_us - start_us


def mem_backup(region=0):
    """Since 1.29. The same RTC memory as `RTC.memory`, with neither a length nor a check."""
    if region == -1:
        return (memoryview(_power.backup),)
    if region != 0:
        raise ValueError("invalid region")
    return memoryview(_power.backup)


# ---- pins

_pin_numbers = [number for number in range(40) if number not in (20, 24, 28, 29, 30, 31)]
_input_only = range(34, 40)
_adc_pins = range(32, 40)  # of ADC 1: ADC 2 does not work beside Wi-Fi
_uarts, _spis, _timers = 3, (1, 2), 4
_pins = {}


def become(chip):
    """For the simulation: be another chip than the first ESP32. Pins of the flash and of the console count as not there.

    Source: ESP-IDF's documentation, "GPIO & RTC GPIO"; MicroPython's ports/esp32 for UART and SPI."""
    global _pin_numbers, _input_only, _adc_pins, _uarts, _spis, _timers
    if chip == "esp32s3":
        _pin_numbers = [number for number in range(49) if not 22 <= number <= 37 and number not in (43, 44)]
        _input_only, _adc_pins = (), range(1, 11)
    elif chip == "esp32c3":
        _pin_numbers = list(range(11)) + [18, 19]
        _input_only, _adc_pins, _uarts, _spis, _timers = (), range(5), 2, (1,), 2


class _IRQ:
    def __init__(self, pin):
        self._pin = pin

    def __call__(self):
        self._pin.call_handler()

    def trigger(self, trigger=None):
        old = self._pin.irq_trigger
        if trigger is not None:
            self._pin.irq_trigger = trigger
        return old


class Pin(_host.PinBase):
    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_DOWN = 1
    PULL_UP = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2
    WAKE_LOW = 4
    WAKE_HIGH = 5
    DRIVE_0 = 0
    DRIVE_1 = 1
    DRIVE_2 = 2
    DRIVE_3 = 3

    def __new__(cls, id, *args, **kwargs):
        number = id.number if isinstance(id, Pin) else id
        if not isinstance(number, int) or number not in _pin_numbers:
            raise ValueError("invalid pin")
        pin = _pins.get(number)
        if pin is None:
            pin = super().__new__(cls)
            pin.number = number
            pin.mode = Pin.IN
            pin.pull = None
            pin.output = 0
            pin.driven = None  # level that a chip puts on the wire, None where nothing drives it
            pin.listener = None  # chip that wants to know our level
            pin.handler = None
            pin.irq_trigger = 0
            pin._irq = _IRQ(pin)
            _pins[number] = pin
        return pin

    def __init__(self, id, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        if mode != -1 or pull != -1 or value is not None:
            self.init(mode, pull, value=value, drive=drive, hold=hold)

    def init(self, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        if mode is not None and mode != -1:
            if mode in (Pin.OUT, Pin.OPEN_DRAIN) and self.number in _input_only:
                raise ValueError("pin can only be input")
            self.mode = mode
        if pull != -1:
            self.pull = pull
        if value is not None:
            self.output = 1 if value else 0
        if self.mode != Pin.IN:
            self._emit()

    def _emit(self):
        if self.listener is not None:
            self.listener(self.output)

    def level(self):
        if self.mode == Pin.OUT:
            return self.output
        if self.driven is not None:
            return self.driven
        if self.mode == Pin.OPEN_DRAIN and not self.output:
            return 0
        return 1 if self.pull == Pin.PULL_UP else 0

    def value(self, level=None):
        _clock.spend()
        if level is None:
            return self.level()
        self.output = 1 if level else 0
        if self.mode != Pin.IN and self.listener is not None:
            self.listener(self.output)

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def toggle(self):
        self.value(not self.output)

    def irq(self, handler=None, trigger=3, wake=None):
        """`hard` does not exist on this port: handlers run between bytecodes."""
        self.handler = handler
        self.irq_trigger = 0 if handler is None else trigger
        return self._irq

    def call_handler(self):
        if self.handler is not None:
            _clock.interrupt(self.handler, self)

    def drive(self, level):
        """For chips: put a level on the wire; an edge may raise an interrupt."""
        before = self.driven
        self.driven = level
        _power.level_changed(self.number, level)
        if self.irq_trigger and before is not None and before != level:
            if self.irq_trigger & (Pin.IRQ_RISING if level else Pin.IRQ_FALLING):
                self.call_handler()

    def __repr__(self):
        return "Pin({})".format(self.number)

    __str__ = __repr__


def connect_pin(number, listener=None, level=None):
    """For the simulation: a chip's output drives this pin (`level` at first), or `listener(level)` hears it."""
    pin = Pin(number)
    if listener is not None:
        pin.listener = listener
    if level is not None:
        pin.driven = level
    return pin


# ---- I2C

_i2c_chips = {}  # (scl, sda) -> {address: chip}


def connect_i2c(scl, sda, address, chip):
    """For the simulation: `chip` answers here.

    It has `write(data: bytes)` and `read(count) -> bytes`, each raising OSError where it does not acknowledge, and `name`.
    """
    _i2c_chips.setdefault((scl, sda), {})[address] = chip


class _Bus:
    def __init__(self, scl, sda, freq_hz):
        self._wires = (Pin(scl).number, Pin(sda).number)
        self._bit_us_1000 = 1_000_000_000 // freq_hz

    def _chip(self, address, count):
        _clock.spend(50 + (count + 1) * 9 * self._bit_us_1000 // 1000)
        values = _world.values
        if 0 in [Pin(wire).driven for wire in self._wires]:  # a line is held low
            raise OSError(_ETIMEDOUT)
        if values["i2c_failures"]:
            values["i2c_failures"] -= 1
            raise OSError(_ENODEV)
        chip = _i2c_chips.get(self._wires, {}).get(address)
        if chip is None or chip.name in values["absent"]:
            raise OSError(_ENODEV)
        return chip

    def scan(self):
        found = []
        for address, chip in sorted(_i2c_chips.get(self._wires, {}).items()):
            if chip.name not in _world.values["absent"]:
                found.append(address)
        return found

    def readfrom(self, addr, nbytes, stop=True):
        return bytes(self._chip(addr, nbytes).read(nbytes))

    def readfrom_into(self, addr, buf, stop=True):
        buf[:] = self._chip(addr, len(buf)).read(len(buf))

    def writeto(self, addr, buf, stop=True):
        self._chip(addr, len(buf)).write(bytes(buf))
        return len(buf)

    def writevto(self, addr, vector, stop=True):
        data = b"".join(bytes(part) for part in vector)
        return self.writeto(addr, data, stop)

    def _address_bytes(self, memaddr, addrsize):
        return memaddr.to_bytes(addrsize // 8, "big")

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        chip = self._chip(addr, nbytes + 2)
        chip.write(self._address_bytes(memaddr, addrsize))
        return bytes(chip.read(nbytes))

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        buf[:] = self.readfrom_mem(addr, memaddr, len(buf), addrsize=addrsize)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self._chip(addr, len(buf) + 1).write(self._address_bytes(memaddr, addrsize) + bytes(buf))


class SoftI2C(_Bus):
    def __init__(self, scl, sda, *, freq=400_000, timeout=50_000):
        super().__init__(scl, sda, freq)


class I2C(_Bus):
    def __init__(self, id, *, scl=None, sda=None, freq=400_000, timeout=50_000):
        if id not in (0, 1):
            raise ValueError("I2C({}) doesn't exist".format(id))
        defaults = ((18, 19), (25, 26))[id]
        super().__init__(defaults[0] if scl is None else scl, defaults[1] if sda is None else sda, freq)


# ---- SPI, UART, ADC

_spi_chips = {}  # (sck, mosi, miso) -> chip


def connect_spi(sck, mosi, miso, chip):
    """For the simulation: `chip.transfer(data: bytes) -> bytes` of the same length, while its own select line (a pin listener) is low."""
    _spi_chips[(sck, mosi, miso)] = chip


def _mirrored(data):
    """Each byte with its last bit first."""
    return bytes([sum([(byte >> place & 1) << 7 - place for place in range(8)]) for byte in data])


class SPI:
    MSB = 0
    LSB = 1

    def __init__(
        self, id, baudrate=500_000, polarity=0, phase=0, bits=8, firstbit=0, *, sck=None, mosi=None, miso=None
    ):
        if id not in _spis:
            raise ValueError("SPI({}) doesn't exist".format(id))
        self._wires = tuple([Pin(pin).number for pin in (sck, mosi, miso)])
        self._mode = (polarity, phase)
        self._firstbit = firstbit
        self._byte_us = 8_000_000 // baudrate + 1

    def deinit(self):
        pass

    def _transfer(self, data):
        _clock.wait(_clock.look() + len(data) * self._byte_us)
        chip = _spi_chips.get(self._wires)
        if chip is None or chip.name in _world.values["absent"]:
            return b"\xff" * len(data)  # nobody drives the line: the pull-up does
        if self._firstbit == SPI.LSB:
            return _mirrored(chip.transfer(_mirrored(data)))
        if getattr(chip, "mode", self._mode) != self._mode:
            return bytes([(byte << 1 | 1) & 0xFF for byte in chip.transfer(data)])  # sampled on the wrong edge
        return chip.transfer(data)

    def write(self, buf):
        self._transfer(bytes(buf))

    def read(self, nbytes, write=0):
        return self._transfer(bytes([write]) * nbytes)

    def readinto(self, buf, write=0):
        buf[:] = self._transfer(bytes([write]) * len(buf))

    def write_readinto(self, write_buf, read_buf):
        if len(write_buf) != len(read_buf):
            raise ValueError("buffers must be the same length")
        read_buf[:] = self._transfer(bytes(write_buf))


_uart_lines = {}  # (tx, rx) -> line


def connect_uart(tx, rx, line):
    """For the simulation: what hangs on the wires. `line.transmitted(data: bytes, baudrate, parity, stop)` hears what the board sends, at
    the end of its last bit; `line.take() -> bytes` gives what has arrived by now."""
    _uart_lines[(tx, rx)] = line


class UART:
    INV_TX = 1 << 5
    INV_RX = 1 << 2
    RTS = 1
    CTS = 2

    def __init__(
        self,
        id,
        baudrate=115200,
        bits=8,
        parity=None,
        stop=1,
        *,
        tx=None,
        rx=None,
        rxbuf=256,
        txbuf=256,
        timeout=0,
        timeout_char=0,
        invert=0,
    ):
        if id not in range(_uarts):
            raise ValueError("UART({}) doesn't exist".format(id))
        self._wires = (Pin(tx).number, Pin(rx).number)
        self._settings = (baudrate, parity, stop)
        self._byte_us = (1 + bits + (parity is not None) + stop) * 1_000_000 // baudrate
        self._received = b""
        self._rxbuf = rxbuf
        self._done_us = 0

    def init(self, baudrate=115200, bits=8, parity=None, stop=1, **others):
        self._settings = (baudrate, parity, stop)
        self._byte_us = (1 + bits + (parity is not None) + stop) * 1_000_000 // baudrate

    def deinit(self):
        pass

    def _catch_up(self):
        _clock.look()
        line = _uart_lines.get(self._wires)
        if line is not None:
            self._received = (self._received + bytes(line.take()))[: self._rxbuf]

    def any(self):
        self._catch_up()
        return len(self._received)

    def read(self, nbytes=-1):
        self._catch_up()
        if not self._received:
            return None
        if nbytes < 0:
            nbytes = len(self._received)
        data, self._received = self._received[:nbytes], self._received[nbytes:]
        return data

    def readinto(self, buf, nbytes=-1):
        data = self.read(len(buf) if nbytes < 0 else min(nbytes, len(buf)))
        if data is None:
            return None
        buf[: len(data)] = data
        return len(data)

    def write(self, buf):
        """Returns at once, as on the port: the driver's buffer is being sent; `txdone` says when it is out."""
        data = bytes(buf)
        self._done_us = max(self._done_us, _clock.look()) + len(data) * self._byte_us
        line = _uart_lines.get(self._wires)
        if line is not None:
            settings = self._settings
            _clock.at(self._done_us, lambda when_us: line.transmitted(data, *settings))
        return len(data)

    def txdone(self):
        return _clock.look() >= self._done_us

    def flush(self):
        _clock.wait(self._done_us)


class ADC:
    ATTN_0DB = 0
    ATTN_2_5DB = 1
    ATTN_6DB = 2
    ATTN_11DB = 3

    _sources = {}  # pin -> function that gives microvolts

    def __init__(self, pin, *, atten=0):
        self._pin = pin.number if isinstance(pin, Pin) else pin
        if self._pin not in _adc_pins:
            raise ValueError("invalid pin")
        self._full_uv = (950_000, 1_250_000, 1_750_000, 3_100_000)[atten]

    def read_uv(self):
        _clock.wait(_clock.look() + 40)
        source = ADC._sources.get(self._pin)
        return max(0, min(self._full_uv, int(source()))) if source is not None else 142_000

    def read_u16(self):
        return self.read_uv() * 65535 // self._full_uv


def connect_adc(pin, source):
    """For the simulation: `source()` gives the voltage on the pin in microvolts."""
    ADC._sources[pin] = source


# ---- timers, watchdog, clock


class Timer:
    ONE_SHOT = 0
    PERIODIC = 1
    running = []

    def __init__(self, id, **settings):
        if id not in range(_timers):
            raise ValueError("invalid Timer number")
        self._event = None
        if settings:
            self.init(**settings)

    def init(self, *, mode=PERIODIC, freq=-1, period=-1, callback=None, tick_hz=1000, hard=False):
        self.deinit()
        self._period_us = int(1_000_000 / freq) if freq > 0 else period * 1_000_000 // tick_hz
        self._mode = mode
        self._callback = callback
        self._event = _clock.at(_clock.look() + self._period_us, self._fire)
        Timer.running.append(self)

    def _fire(self, when_us):
        self._event = _clock.at(when_us + self._period_us, self._fire) if self._mode == Timer.PERIODIC else None
        if self._callback is not None:
            _clock.interrupt(self._callback, self)

    def deinit(self):
        if self._event is not None:
            _clock.cancel(self._event)
            self._event = None
        if self in Timer.running:
            Timer.running.remove(self)


class WDT:
    """One watchdog, as the port has it: a new object with another time-out sets it anew; it cannot be stopped."""

    _event = None
    _timeout_us = 0

    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError("WDT doesn't exist")
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        WDT._timeout_us = timeout * 1000
        self.feed()

    def feed(self):
        if WDT._event is not None:
            _clock.cancel(WDT._event)
        WDT._event = _clock.at(_clock.look() + WDT._timeout_us, _bite)


def simulated_power_down():
    """For the simulation: what deep sleep takes from the chip. The wires keep the levels that others put on them."""
    for pin in _pins.values():
        pin.mode = Pin.IN
        pin.handler = None
        pin.irq_trigger = 0
    if WDT._event is not None:
        _clock.cancel(WDT._event)
        WDT._event = None
    for timer in list(Timer.running):
        timer.deinit()


def _bite(when_us):
    print("E task_wdt: Task watchdog got triggered.")
    _power.restart(WDT_RESET)


class RTC:
    def __init__(self):
        if _power.rtc_set_us is not None:
            _clock.rtc_offset_us = _power.rtc_set_us

    def datetime(self, parts=None):
        import time

        if parts is None:
            now_us = time.time_ns() // 1000
            year, month, day, hour, minute, second, weekday, _ = time.gmtime(now_us // 1_000_000)
            return (year, month, day, weekday, hour, minute, second, now_us % 1_000_000)
        year, month, day, _, hour, minute, second, micro = parts
        seconds = time.mktime((year, month, day, hour, minute, second, 0, 0)) + 946_684_800
        _clock.rtc_offset_us = _clock.look() - seconds * 1_000_000 - micro
        _power.rtc_set_us = _clock.rtc_offset_us

    init = datetime

    def memory(self, data=None):
        if data is None:
            return bytes(_power.backup[: _power.rtc_length])
        if len(data) > len(_power.backup):
            raise ValueError("buffer too long")
        _power.backup[: len(data)] = data
        _power.rtc_length = len(data)

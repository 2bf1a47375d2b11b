# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How an ADS1220 is set up and tested. Needed at a start only, so its driver borrows it (node_io/borrowed.py)."""

import time

from micropython import const

RATES_SPS = (20, 45, 90, 175, 330, 600, 1000)  # in this order in the register
TURBO_RATES_SPS = (40, 90, 180, 350, 660, 1200, 2000)
GAINS = (1, 2, 4, 8, 16, 32, 64, 128)
_RESET = b"\x06"
_START = b"\x08"
_READ_ALL = b"\x23\x00\x00\x00\x00"  # RREG from 0, four
_WRITE_ALL = b"\x43"
_WRITE_1 = const(0x44)  # WREG register 1 alone
_TURBO = const(0x10)
_CONTINUOUS = const(0x04)
_THERMOMETER = const(0x02)
_EXTERNAL_REFERENCE = const(0x40)
_REJECT_50_60_HZ = const(0x10)
_RESET_US = const(100)  # 50 us and 32 clocks of 4.096 MHz
_INPUTS_SHORTED = const(0xE0)
_SHORTED_CODES_MAX = const(32768)  # 0.4 % of the range; the chip's own offset is a hundredth of that
_EIO = const(5)


def start(adc):
    """Reset, set up, read back, test, and begin to convert.

    Raises:
        OSError: (EIO, what is wrong).
    """
    gain, rate_sps, is_turbo = adc.settings
    rates = TURBO_RATES_SPS if is_turbo else RATES_SPS
    if gain not in GAINS or rate_sps not in rates:
        raise OSError(_EIO, "no gain %d or no rate %d" % (gain, rate_sps))
    mode = rates.index(rate_sps) << 5 | (_TURBO if is_turbo else 0) | _CONTINUOUS
    adc.to_bridge = bytes((_WRITE_1, mode))
    adc.to_thermometer = bytes((_WRITE_1, mode | _THERMOMETER))
    reference = _EXTERNAL_REFERENCE | (_REJECT_50_60_HZ if rate_sps == 20 else 0)
    registers = bytes((GAINS.index(gain) << 1, mode, reference, 0))  # AIN0 against AIN1, PGA on; current sources off
    adc.select(1)
    adc.send(_RESET)
    time.sleep_us(_RESET_US)
    adc.send(_WRITE_ALL + registers)
    answer = bytearray(5)
    adc.select(0)
    adc.exchange(_READ_ALL, answer)
    adc.select(1)
    found = bytes(answer[1:])
    if found != registers:
        if found in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00"):
            raise OSError(_EIO, "no answer on SPI")
        raise OSError(_EIO, "registers do not read back: SPI mode, bit order or wiring")
    adc.send(_WRITE_ALL + bytes((registers[0] | _INPUTS_SHORTED,)) + registers[1:])
    _test(adc)
    adc.send(_WRITE_ALL + registers)
    adc.send(_START)


def _test(adc):
    """One conversion with the inputs shorted inside the chip."""
    adc.read_word()
    if not adc.is_busy():
        raise OSError(_EIO, adc.stuck)
    adc.send(_START)
    for _ in range(20):
        time.sleep_us(adc.period_us // 10 + 50)
        if not adc.is_busy():
            break
    else:
        raise OSError(_EIO, "no conversions")
    code = adc.read_word()
    if code & 0x800000:
        code -= 0x1000000
    if abs(code) > _SHORTED_CODES_MAX:
        raise OSError(_EIO, "self-test failed: %d with shorted inputs" % code)

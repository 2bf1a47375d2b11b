# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Climate drivers on the real virtual machine, against register-level models of the chips; and bugs that the models have to show."""

from __future__ import annotations

import pytest

from tests.support.vm_run import run_script

SCRIPT = "tests/vm/scripts/climate_drivers.py"
JUMP = {"STARTCITY_CLOCK": "rate:0"}

# chip, what the bug is, what stands in the driver, what a mistaken driver would say
BUGS = [
    ("sht4x", "the SHT3x's humidity", "-600 + (12500 * raw_rh * 2", "0 + (10000 * raw_rh * 2"),
    ("sht4x", "humidity not clipped", "max(0, min(10_000, humidity_cpct))", "humidity_cpct"),
    ("sht4x", "words swapped", "raw_t, raw_rh = two_words", "raw_rh, raw_t = two_words"),
    ("sht4x", "checksum ignored", "two_words(answer)\n", "(answer[0] << 8 | answer[1], answer[3] << 8 | answer[4])\n"),
    ("sht4x", "read before it is ready", "_MEASURE_MS = const(10)", "_MEASURE_MS = const(7)"),
    ("sht4x", "the heater's command", '_MEASURE_HIGH = b"\\xfd"', '_MEASURE_HIGH = b"\\x39"'),
    ("sht4x", "bus errors swallowed", "self._i2c.writeto(self._address, _SOFT_RESET)", "pass"),
    ("sht3x", "the SHT4x's humidity", "(10_000 * raw_rh * 2 + 65535)", "-600 + (12_500 * raw_rh * 2 + 65535)"),
    ("sht3x", "words swapped", "raw_t, raw_rh = two_words", "raw_rh, raw_t = two_words"),
    ("sht3x", "checksum ignored", "two_words(answer)\n", "(answer[0] << 8 | answer[1], answer[3] << 8 | answer[4])\n"),
    ("sht3x", "read before it is ready", "_MEASURE_MS = const(17)", "_MEASURE_MS = const(14)"),
    ("sht3x", "heater left on", "self._i2c.writeto(self._address, _HEATER_OFF)", "pass"),
    ("sht3x", "heater's bit elsewhere", "_HEATER_BIT = const(0x20)", "_HEATER_BIT = const(0x02)"),
    ("sht3x", "no break of a periodic measurement", "self._i2c.writeto(self._address, _BREAK)", "raise OSError(19)"),
    ("sht3x", "status checksum ignored", "if crc8(self._status, 0, 2) != self._status[2]", "if False"),
    ("sht3x", "command bytes swapped", '_MEASURE_HIGH = b"\\x24\\x00"', '_MEASURE_HIGH = b"\\x00\\x24"'),
    ("bme280", "temperature unsigned", '"<HhhHhhhhhhhh"', '"<HHHHhhhhhhhh"'),
    ("bme280", "pressure unsigned", '"<HhhHhhhhhhhh"', '"<HhhHHHHHHHHH"'),
    ("bme280", "calibration big-endian", '"<HhhHhhhhhhhh"', '">HhhHhhhhhhhh"'),
    ("bme280", "H4 and H5 swapped", "h4 << 4 | both & 0x0F, h5 << 4 | both >> 4", "h5 << 4 | both >> 4, h4 << 4 | both & 0x0F"),
    ("bme280", "nibbles swapped", "h4 << 4 | both & 0x0F, h5 << 4 | both >> 4", "h4 << 4 | both >> 4, h5 << 4 | both & 0x0F"),
    ("bme280", "H1 of the wrong byte", "first[25]", "first[24]"),
    ("bme280", "raw words swapped", "raw_p = data[0] << 12 | data[1] << 4 | data[2] >> 4", "raw_p = data[3] << 12 | data[4] << 4"),
    ("bme280", "low nibble kept high", "data[5] >> 4", "data[5]"),
    ("bme280", "humidity byte order", "raw_h = data[6] << 8 | data[7]", "raw_h = data[7] << 8 | data[6]"),
    ("bme280", "read before it is ready", "if not self._status() & _MEASURING", "if True"),
    ("bme280", "no humidity sampling", "self._write(_CTRL_HUM, _HUMIDITY_ONCE)", "pass"),
    ("bme280", "humidity set too late", "self._write(_CTRL_HUM, _HUMIDITY_ONCE)", "self._write(_CTRL_MEAS, _FORCED_ONCE)"),
    ("bme280", "measures all the time", "_FORCED_ONCE = const(0x25)", "_FORCED_ONCE = const(0x27)"),
    ("bme280", "any chip will do", "if self._byte[0] != _IS_A_BME280", "if False"),
    ("bme280", "shift of the pressure", "raw_p << 31", "raw_p << 30"),
    ("bme280", "sign of P8", "+ (p8 * p >> 19)", "- (p8 * p >> 19)"),
    ("bme280", "humidity without H6", "(a * h6 >> 10)", "(a * 0 >> 10)"),
    ("bme280", "a value nobody measured", "raw_p == 0x80000", "raw_p == 1"),
    ("bh1750", "byte order", "count = answer[0] << 8 | answer[1]", "count = answer[1] << 8 | answer[0]"),
    ("bh1750", "counts taken for lux", "5750) + mtreg", "6900) + mtreg"),
    ("bh1750", "mode 2 counted as mode 1", "(2875 if is_fine else 5750)", "5750"),
    ("bh1750", "MTreg forgotten", "+ mtreg // 2) // mtreg", "+ 34) // 69"),
    ("bh1750", "read before it is ready", "_MEASURE_MS_MAX = const(180)", "_MEASURE_MS_MAX = const(120)"),
    ("bh1750", "MTreg's halves swapped", "self._put(0x40 | mtreg >> 5)", "self._put(0x40 | mtreg & 7)"),
    ("bh1750", "no range for the sun", "if count == _FULL", "if False"),
    ("bh1750", "no range for the dark", "elif count < _DIM_COUNTS", "elif False"),
    ("veml7700", "byte order", "count = answer[0] | answer[1] << 8", "count = answer[1] | answer[0] << 8"),
    ("veml7700", "the old data sheet's resolution", "count * 42 *", "count * 36 *"),
    ("veml7700", "no correction above 1 klx", "return correct((count", "return ((count"),
    ("veml7700", "correction below 1 klx", "_LINEAR_CLX = const(100_000)", "_LINEAR_CLX = const(50_000)"),
    ("veml7700", "sign of the correction", "60135 * light_clx - 93", "60135 * light_clx + 93"),
    ("veml7700", "extrapolated beyond the sun", "return min(_CLX_MAX, ", "return max(0, "),
    ("veml7700", "read before it is ready", "duration_ms + duration_ms // 4 + 5", "duration_ms"),
    ("veml7700", "gains mixed up", "(0x1300, 25, 512)", "(0x1B00, 25, 512)"),
    ("veml7700", "range changed while it measures", "self._configure(configuration | _SHUT_DOWN)", "pass"),
    ("veml7700", "never less sensitive", "if count > _COUNTS_MAX and self._place", "if False"),
    ("veml7700", "never more sensitive", "elif count < _COUNTS_MIN and", "elif False and"),
    ("veml7700", "left on", "self._configure(_SHUT_DOWN)\n        return (", "return ("),
]  # fmt: skip


@pytest.mark.parametrize("chip", ["sht4x", "sht3x", "bme280", "bh1750", "veml7700"])
def test_climate_drivers_read_what_the_chips_hold(chip: str) -> None:
    """Values over the range, checksums, order, times, what is missing, stuck or another chip: as the data sheets say."""
    assert run_script(SCRIPT, chip, board=True, env=JUMP) == "ok\n"


@pytest.mark.parametrize(("chip", "bug", "text", "instead"), BUGS, ids=[f"{chip}: {bug}" for chip, bug, *_ in BUGS])
def test_a_bug_in_a_climate_driver_shows(chip: str, bug: str, text: str, instead: str) -> None:
    """Each mistake that such drivers are known for makes the same checks fail, so the models would show it."""
    with pytest.raises(AssertionError, match="exit code") as failed:
        run_script(SCRIPT, chip, text, instead, board=True, env=JUMP)
    assert "the mutation does not stand there" not in str(failed.value) and "SyntaxError" not in str(failed.value), bug

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Magnetometer drivers on the real virtual machine, against register-level models of the chips; and bugs that the models have to show."""

from __future__ import annotations

import re

import pytest

from tests.support.vm_run import run_script

SCRIPT = "tests/vm/scripts/parking_drivers.py"
JUMP = {"STARTCITY_CLOCK": "rate:0"}

# chip, module, what the bug is, what stands there, what a mistaken one would say
BUGS = [
    ("qmc5883l", "qmc5883l", "unsigned", "value - 65536 if value & 0x8000 else value", "value"),
    ("qmc5883l", "qmc5883l", "byte order", "registers[i] | registers[i + 1] << 8", "registers[i + 1] | registers[i] << 8"),
    ("qmc5883l", "qmc5883l", "axes swapped", "(_word(registers, 2 * axis)", "(_word(registers, 4 - 2 * axis)"),
    ("qmc5883l", "qmc5883l", "2 gauss", "_CONTINUOUS_10HZ_8G_512 = const(0x11)", "_CONTINUOUS_10HZ_8G_512 = const(0x01)"),
    ("qmc5883l", "qmc5883l", "no set/reset", "self._write(_SET_RESET, 1)", "pass"),
    ("qmc5883l", "qmc5883l", "old data taken for new", "if not status & _READY:", "if False:"),
    ("qmc5883l", "qmc5883l", "overflow overlooked", "1 if registers[6] & _OVERFLOW else 0", "0"),
    ("qmc5883l", "qmc5883l", "any chip will do", "if self._byte[0] != 0xFF:", "if False:"),
    ("qmc5883l", "qmc5883l", "pin left on", "self._write(_CONTROL_2, 0x01)", "self._write(_CONTROL_2, 0x00)"),
    ("qmc5883l", "qmc5883l", "a list for each sample", "sample[3] = _word(registers, 7)", "sample[3] = [_word(registers, 7)][0]"),
    ("mmc5983ma", "mmc5983ma", "no SET", "self._ask(_SET)", "self._write(_CONTROL_0, _MEASURE_FIELD)"),
    ("mmc5983ma", "mmc5983ma", "no RESET", "self._ask(_RESET)", "self._ask(_SET)"),
    ("mmc5983ma", "mmc5983ma", "sign", "field_nt(first - second)", "field_nt(second - first)"),
    ("mmc5983ma", "mmc5983ma", "twice the field", "+ 512) // 1024", "+ 256) // 512"),
    ("mmc5983ma", "mmc5983ma", "low bits of another axis", "6 - 2 * axis", "2 + 2 * axis"),
    ("mmc5983ma", "mmc5983ma", "16 bits taken for 18", "<< 10 | registers[2 * axis + 1] << 2 | low", "<< 8 | registers[2 * axis + 1]"),
    ("mmc5983ma", "mmc5983ma", "byte order", "registers[2 * axis] << 10", "registers[2 * axis + 1] << 10"),
    ("mmc5983ma", "mmc5983ma", "read before it is ready", "if not done:", "if False:"),
    ("mmc5983ma", "mmc5983ma", "waits for ever", "if self._tries < _TRIES_MAX:", "if True:"),
    ("mmc5983ma", "mmc5983ma", "temperature's zero", "* 80 - 7500", "* 80 - 4000"),
    ("mmc5983ma", "mmc5983ma", "any chip will do", "if chip_id != _ID:", "if False:"),
    ("mmc5983ma", "mmc5983ma", "overflow overlooked", "sample[4] = 1", "sample[4] = 0"),
    ("mmc5983ma", "mmc5983ma_test", "the coil untested", "_FIELD_NT_MIN:", "0:"),
    ("mmc5983ma", "mmc5983ma_test", "the offset untested", "> _OFFSET_COUNTS_MAX", "> 999999"),
    ("lis3mdl", "lis3mdl", "unsigned", "value - 65536 if value & 0x8000 else value", "value"),
    ("lis3mdl", "lis3mdl", "byte order", "registers[i] | registers[i + 1] << 8", "registers[i + 1] | registers[i] << 8"),
    ("lis3mdl", "lis3mdl", "one register six times", "register | _ON_AND_ON, self.registers", "register, self.registers"),
    ("lis3mdl", "lis3mdl", "8 gauss", "self.write(_CTRL_2, 0)", "self.write(_CTRL_2, 0x20)"),
    ("lis3mdl", "lis3mdl", "stays powered down", "self.write(_CTRL_3, 0)", "pass"),
    ("lis3mdl", "lis3mdl", "old data taken for new", "if not self.get(_STATUS) & _NEW_DATA:", "if False:"),
    ("lis3mdl", "lis3mdl", "temperature's zero", "* 25 // 2 + 2500", "* 25 // 2"),
    ("lis3mdl", "lis3mdl", "temperature behind the axes", "_TEMPERATURE | _ON_AND_ON, self._pair)", "_OUT_X | _ON_AND_ON, self._pair)"),
    ("lis3mdl", "lis3mdl", "overflow overlooked", "self._is_beyond = 1", "pass"),
    ("lis3mdl", "lis3mdl", "any chip will do", "if chip_id != _ID:", "if False:"),
    ("lis3mdl", "lis3mdl", "one address only", "ADDRESSES = (0x1C, 0x1E)", "ADDRESSES = (0x1C,)"),
    ("lis3mdl", "lis3mdl", "calibration not restored", "self.write(_CTRL_2, _REBOOT)", "pass"),
    ("lis3mdl", "lis3mdl_watch", "calibration overwritten", "value = word(driver.registers, 2 * axis) + driver", "value = driver"),
    ("lis3mdl", "lis3mdl_watch", "offsets with the wrong sign", "+ driver.latest[axis] // _MEAN_OF", "- driver.latest[axis] // _MEAN_OF"),
    ("lis3mdl", "lis3mdl_watch", "threshold not tried", "if not driver.get(_INT_SRC) & 1:", "if True:"),
    ("lis3mdl", "lis3mdl_watch", "threshold's bytes swapped", "_INT_THS, threshold & 0xFF", "_INT_THS, threshold >> 8"),
    ("lis3mdl", "lis3mdl_watch", "active low", "_LATCHED_HIGH = const(0xED)", "_LATCHED_HIGH = const(0xE9)"),
    ("lis3mdl", "lis3mdl_watch", "not latched", "_LATCHED_HIGH = const(0xED)", "_LATCHED_HIGH = const(0xEF)"),
    ("lis3mdl", "lis3mdl_watch", "z not watched", "_LATCHED_HIGH = const(0xED)", "_LATCHED_HIGH = const(0xCD)"),
    ("lis3mdl", "lis3mdl_watch", "watches at 155 Hz", "driver.write(_CTRL_1, _SLOW_1_25HZ)", "pass"),
    ("lis3mdl", "lis3mdl_test", "self-test at 4 gauss", "driver.write(_CTRL_2, _12_GAUSS)", "driver.write(_CTRL_2, 0)"),
    ("lis3mdl", "lis3mdl_test", "self-test without the bit", "_SELF_TEST_80HZ | 1", "_SELF_TEST_80HZ"),
    ("lis3mdl", "lis3mdl_test", "self-test left on", "driver.start()", "pass"),
    ("lis3mdl", "lis3mdl_test", "self-test's z limits", "(228, 2281))", "(2281, 6843))"),
    ("lis3mdl", "lis3mdl", "a slice for each sample", "word(self._pair, 0) * 25", "word(self.registers[:2], 0) * 25"),
]  # fmt: skip


@pytest.mark.parametrize("chip", ["qmc5883l", "lis3mdl", "mmc5983ma"])
def test_magnetometers_read_what_the_chips_hold(chip: str) -> None:
    """Field and temperature over the range, overflow, pins, self-tests, waking, a locked heap, and every way in which the bus fails."""
    assert run_script(SCRIPT, chip, board=True, env=JUMP) == "ok\n"


@pytest.mark.parametrize(
    ("chip", "module", "bug", "text", "instead"), BUGS, ids=[f"{chip}: {bug}" for chip, _, bug, *_ in BUGS]
)
def test_a_bug_in_a_magnetometer_s_driver_shows(chip: str, module: str, bug: str, text: str, instead: str) -> None:
    """Each mistake that such drivers are known for makes the same checks fail, so the models would show it."""
    with pytest.raises(AssertionError, match="exit code") as failed:
        run_script(SCRIPT, chip, module, text, instead, board=True, env=JUMP)
    assert "the mutation does not stand there" not in str(failed.value) and "SyntaxError" not in str(failed.value), bug


@pytest.mark.proof
def test_noise_alone_wakes_a_node_less_than_once_a_day() -> None:
    """At the default threshold of 2 uT a LIS3MDL over a still field stays silent for a simulated day, and the model's noise is
    large enough to show a threshold that is too small."""
    text = run_script(SCRIPT, "lis3mdl", "24", board=True, env=JUMP, timeout_s=600)
    false = {int(a): int(b) for a, b in re.findall(r"threshold (\d+) false (\d+)", text)}
    assert false[2000] <= 1 and false[1200] > 24, text

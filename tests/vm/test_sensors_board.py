# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The simulated board on the real virtual machine: clock, pins, Wi-Fi, flash."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.support.vm_run import run_script

SCRIPTS = "tests/vm/scripts"
NEAR_WRAP = {"STARTCITY_TICKS_START_MS": str((1 << 30) - 200)}


@pytest.mark.parametrize("rate", [10, 0], ids=["ten times faster", "jump mode"])
def test_time_runs_at_its_rate_for_ticks_asyncio_and_timers(rate: int) -> None:
    """Ticks wrap, asyncio sleeps, timers fire and the real-time clock is wrong, all in simulated time."""
    text = run_script(
        f"{SCRIPTS}/sensors_clock.py", board=True, env={**NEAR_WRAP, "STARTCITY_CLOCK": f"rate:{rate}"}, timeout_s=60
    )
    simulated_ms, host_ms = map(int, re.findall(r"\d+", text))
    assert simulated_ms >= 7900
    assert host_ms < simulated_ms / 2, "the simulation is not faster than real time"


@pytest.mark.parametrize("what", ["pins"])
def test_pins_behave_as_the_port_s(what: str) -> None:
    """One object a pin, inputs that cannot drive, edges that latch once while interrupts are off."""
    assert run_script(f"{SCRIPTS}/sensors_chips.py", what, board=True, env={"STARTCITY_CLOCK": "rate:0"}) == "ok\n"


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32c3"])
def test_each_chips_board_sets_up_all_its_roles(chip: str) -> None:
    """Pins, analogue inputs, I2C, SPI and RS-485 exist on that chip as its board numbers them; an unknown role is a KeyError."""
    assert (
        run_script(f"{SCRIPTS}/board_pins.py", chip, board=True, env={"STARTCITY_CLOCK": "rate:0"}) == "no_such_role\n"
    )


@pytest.mark.parametrize("rate", [4, 10])
async def test_wifi_can_fail_in_every_way_and_sockets_feel_it(rate: int) -> None:
    """Wrong password, no such network, association that hangs, an air that goes silent under an open connection."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in reader:
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        text = await asyncio.to_thread(
            run_script,
            f"{SCRIPTS}/sensors_wifi.py",
            str(port),
            board=True,
            env={"STARTCITY_CLOCK": f"rate:{rate}"},
            timeout_s=100,
        )
    assert text == "ok\n"


def test_littlefs_survives_a_power_cut_at_every_write() -> None:
    """Whatever close() has promised is there after a cut at any write, whole, torn or not begun."""
    text = run_script(f"{SCRIPTS}/sensors_flash.py", board=True, env={"STARTCITY_CLOCK": "rate:0"}, timeout_s=100)
    writes, cuts = map(int, re.findall(r"\d+", text.splitlines()[-1]))  # littlefs itself prints what it repairs
    assert writes > 20 and cuts == 3 * writes

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""How a node starts: what crashed it is reported, what crashes it again and again ends in safe mode, a switch does neither."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway_agent.wire.down import Command
from tests.support.bench_node import BenchNode
from tests.support.vm_run import run_script

_HARD_RESET = 2
ERASES_A_BOOT_MAX = 8  # five such boots, then an hour of safe mode: 40 of the 25 million that 256 blocks bear


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[BenchNode]:
    found = BenchNode(tmp_path)
    try:
        yield found
    finally:
        await found.close()


def boots(bench: BenchNode) -> list[str]:
    return [line for line in bench.node.lines if line.startswith("boot ")]


async def test_a_node_that_crashes_five_times_starts_in_safe_mode(bench: BenchNode) -> None:
    """A task's exception resets the node and is reported with type, message and place; after five such boots the application does
    not run, but Wi-Fi, reports and commands do, and the command `reboot` tries the whole node again."""
    bench.write_config(mode="task")
    node, gateway = bench.node, bench.gateway
    await node.start()
    await gateway.until(lambda found: True in found.readings("safe"), "safe mode")
    assert len(boots(bench)) == 6 and "SAFE MODE" in boots(bench)[-1], boots(bench)
    assert all(cause == _HARD_RESET for cause in node.reset_causes) and node.restarts == 5
    await gateway.until(lambda found: len(found.readings("crash")) >= 5, "one report a crash")
    crashes = gateway.readings("crash")
    assert len(crashes) == 5
    for text in map(str, crashes):
        assert text.startswith("node: KeyError: nobody waits for this task; bench.py:"), text
        assert "_fail_later" in text and "; up " in text and ", heap " in text and len(text.encode()) <= 256
    assert [run["nvs_commits"] for run in node.runs] == [1] * 5
    assert max(run["flash_erases"] for run in node.runs) <= ERASES_A_BOOT_MAX, node.runs
    runs = sum(line.startswith("app runs") for line in node.lines)
    assert runs == 5
    gateway.commands = [Command(1, 3, None)]
    await bench.until_results((1, 3))  # there is no application to take a sample
    gateway.commands = [Command(2, 1, None)]
    await bench.until_results((1, 3), (2, 0))
    assert node.restarts == 5 and sum(line.startswith("app runs") for line in node.lines) == runs
    gateway.commands = [Command(3, 2, None)]
    assert await node.wait_for(lambda found: sum(line.startswith("app runs") for line in found.lines) == runs + 1)
    await bench.until_results((1, 3), (2, 0), (3, 0))


@pytest.mark.parametrize("mem_backup", [True, False])
async def test_a_crash_is_reported_once(bench: BenchNode, mem_backup: bool) -> None:
    """The report arrives from the boot after the crash, and no later boot brings it again; also before MicroPython 1.29."""
    bench.use_hardware(mem_backup=mem_backup)
    bench.write_config(mode="once")
    node, gateway = bench.node, bench.gateway
    await node.start()
    await gateway.until(lambda found: found.readings("crash"), "the report")
    gateway.commands = [Command(1, 2, None)]  # a reset, over which memory lasts
    await gateway.until(lambda found: len(found.readings("safe")) == 3, "the reports of the third boot")
    await node.stop()
    await node.start()  # power comes back: what memory held is gone
    await gateway.until(lambda found: len(found.readings("safe")) == 4, "the reports of the fourth boot")
    assert len(gateway.readings("crash")) == 1 and node.restarts == 2


async def test_seven_quick_power_cycles_change_nothing(bench: BenchNode) -> None:
    """Somebody who plays with the switch gets a node that works, with its settings, its numbers and its full radio power."""
    node = bench.node
    for count in range(7):
        await node.start()
        assert await node.wait_for(lambda _, count=count: len(boots(bench)) == count + 1)  # type: ignore[misc]
        await node.stop()
    await node.start()
    assert await node.wait_for(lambda found: sum(line.startswith("app runs") for line in found.lines) >= 1)
    assert not any("SAFE MODE" in line or "limited" in line for line in node.lines)
    await bench.gateway.until(lambda found: found.readings("level"), "a reading")
    assert "SAFE MODE" not in boots(bench)[-1] and bench.gateway.readings("safe")[-1] is False


async def test_a_supply_that_breaks_down_again_and_again_gets_a_weaker_radio(bench: BenchNode) -> None:
    """After ten starts that power did not outlive, the radio sends with less; one boot that lives for a minute ends it."""
    node = bench.node
    (bench.folder / "nvs.json").write_text(json.dumps({"node/boots": 1 << 20 | 9 << 8}))
    await node.start()
    assert await node.wait_for_line("net sending with 8 dBm at most")
    assert await node.wait_for(lambda _: bench.nvs()["node/boots"] == 0)
    await node.stop()
    await node.start()
    assert await node.wait_for(lambda _: len(boots(bench)) == 2)
    assert await node.wait_for_line("net joined")
    assert sum("8 dBm" in line for line in node.lines) == 1


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"mode": "constructor"}, "app: OSError: [Errno 19] ENODEV"),
        ({"app": "broken"}, "app: ImportError: no module named 'a_module_that_is_not_there'"),
        ({"app": "nowhere"}, "app: ImportError: no module named 'apps.nowhere'"),
        ({"board": "sundial"}, "app: ImportError: no module named 'boards.sundial'"),
        ({"mode": "raise"}, "app: ValueError: the application has failed"),
    ],
)
async def test_an_application_that_cannot_run_is_a_fault_and_no_crash(
    bench: BenchNode, config: dict[str, str], says: str
) -> None:
    """The node stays up, says what is wrong as record and with the place, and takes commands."""
    bench.write_config(**config)  # type: ignore[arg-type]
    node, gateway = bench.node, bench.gateway
    await node.start()
    await gateway.until(lambda found: any(says in str(value) for value in found.readings("fault")), says)
    assert says in str(gateway.readings("crash")[0])
    gateway.commands = [Command(1, 3, None)]
    await gateway.until(lambda _: bench.results(), "a result")
    assert node.restarts == 0 and "Traceback" in "\n".join(node.lines)
    assert len(gateway.readings("crash")) <= 5


async def test_a_broken_configuration_falls_back_to_the_last_good_one(bench: BenchNode) -> None:
    """config.json that somebody has damaged costs nothing but a fault record: the last one that held is used."""
    node, gateway = bench.node, bench.gateway
    await node.start()
    assert await node.wait_for(lambda _: bench.nvs().get("node/boots") == 0)
    assert await node.wait_for(lambda found: found.is_running)
    await node.stop()
    assert "config.good" in bench.on_flash("list")
    bench.on_flash("write", "config.json", '{"app": "ben')
    before = len(gateway.readings("level"))
    await node.start()
    await gateway.until(lambda found: any("the last good one is used" in str(v) for v in found.readings("fault")), "it")
    await gateway.until(lambda found: len(found.readings("level")) > before, "readings")
    gateway.commands = [bench.configure(1, each_s=7)]
    await bench.until_results((1, 0))
    assert await node.wait_for_line("app runs well 7")
    await node.stop()
    assert '"each_s": 7' in bench.on_flash("read", "config.json")


@pytest.mark.parametrize(
    "name",
    [
        "areas_outlive_a_reset_and_not_damage",
        "areas_without_mem_backup_are_the_rtc_memory",
        "a_report_fits_and_names_the_innermost_frames",
        "a_report_outlives_a_queue_that_cannot_be_brought_to_flash",
        "a_boot_writes_twice_at_most",
        "a_part_that_is_stuck_is_named_before_the_watchdog_bites",
        "a_program_that_somebody_stops_is_no_failed_boot",
        "safe_mode_lasts_an_hour_and_doubles",
        "power_cuts_of_a_trial_leave_a_whole_configuration",
        "a_trial_without_the_broker_is_taken_back",
        "a_configuration_that_not_even_safe_mode_bears_gives_way_to_the_last_good_one",
        "settings_change_only_in_value",
    ],
)
def test_rules_of_a_start(name: str, tmp_path: Path) -> None:
    """What tests/vm/scripts/start_rules.py says, on the virtual machine."""
    assert run_script("tests/vm/scripts/start_rules.py", name, board=True).endswith("ok\n")

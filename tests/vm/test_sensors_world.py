# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Simulated nodes and their world: start, reset, power cut, physics that arrives, truth that comes back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from simulators.clock import SimulationClock
from simulators.vm import FIRMWARE, SimulatedNode
from simulators.world.bridge import RecordedBridge
from simulators.world.place_strain import StrainPoint
from simulators.world.world import World

ROOT = Path(__file__).resolve().parents[2]
NODE = "24dcc3000007"


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    """The test's own main.py beside the real drivers and boards."""
    folder = tmp_path / "fw"
    folder.mkdir()
    for name in ("boards", "node_io", "node_core"):
        (folder / name).symlink_to(FIRMWARE / name)
    shutil.copy(ROOT / "tests/vm/scripts/sensors_firmware.py", folder / "main.py")
    return folder


def files(directory: Path, what: str) -> Path:
    """A node's directory whose flash will say `what` to do."""
    (directory / "files").mkdir(parents=True)
    (directory / "files" / "config.json").write_text(json.dumps({"node": NODE, "profile": "test"}))
    (directory / "files" / "what").write_text(what)
    return directory


async def test_resets_restart_the_board_with_the_right_cause(tmp_path: Path, firmware: Path) -> None:
    """Reset, watchdog and deep sleep come back with their cause and the kept memory; a power cut forgets both."""
    clock = SimulationClock(rate=10)
    node = SimulatedNode(files(tmp_path / "n", "resets"), clock_env=clock.env(), firmware=firmware)
    await node.start()
    assert await node.wait_for_line("done"), list(node.lines)
    await node.stop()
    assert node.reset_causes == [2, 3, 4] and node.restarts == 3
    await node.start()
    assert await node.wait_for(lambda n: any(line.startswith("start 4") for line in n.lines))
    await node.stop()
    starts = [line.split(" time ")[0] for line in node.lines if line.startswith("start")]
    assert starts == [
        "start 0 cause 1 memory b''",
        "start 1 cause 2 memory b'kept'",
        "start 2 cause 3 memory b'kept'",
        "start 3 cause 4 memory b'slept'",
        "start 4 cause 1 memory b''",
    ]


async def test_a_power_cut_at_a_chosen_write_ends_the_node_and_its_flash_stays_good(
    tmp_path: Path, firmware: Path
) -> None:
    """STARTCITY_POWER_CUT kills the virtual machine at that write; the next start finds what had been closed."""
    directory = files(tmp_path / "n", "writes")
    for writes in (5, 6, 40):
        node = SimulatedNode(
            directory,
            clock_env={"STARTCITY_CLOCK": "rate:10"},
            firmware=firmware,
            env={"STARTCITY_POWER_CUT": f"writes:{writes},torn:3"},
        )
        await node.start()
        assert await node.wait_for(lambda n: not n.is_running), list(node.lines)
        await node.stop()
        assert node.restarts == 0 and any(line.startswith("start") for line in node.lines), list(node.lines)
    node = SimulatedNode(directory, clock_env={"STARTCITY_CLOCK": "rate:10"}, firmware=firmware)
    await node.start()
    assert await node.wait_for_line("wrote 3"), list(node.lines)
    await node.stop()


async def test_the_world_s_changes_reach_the_chips_and_outlive_a_restart(tmp_path: Path, firmware: Path) -> None:
    """Field, missing sensors and a node's own wishes pass; a board that starts again is told anew; no world, no power."""
    clock = SimulationClock(rate=10)
    socket = tmp_path / "w"
    node = SimulatedNode(files(tmp_path / "n", "field"), world_socket=socket, clock_env=clock.env(), firmware=firmware)
    async with World(socket, clock) as world:
        await node.start()
        assert await node.wait_for_line("field weak"), list(node.lines)
        assert world.connected() == {NODE}
        world.change(NODE, {"field_t": [60e-6, 0, 0]})
        assert await node.wait_for_line("field strong"), list(node.lines)
        await node.stop()
        node.lines.clear()
        await node.start()
        assert await node.wait_for_line("field strong"), list(node.lines)
        await node.hold()
        assert await node.wait_for_line("field gone"), list(node.lines)
    assert await node.wait_for(lambda n: not n.is_running), "the world is gone, the node still runs"
    await node.stop()


async def test_a_recording_reaches_the_driver_whole_at_ten_times_real_time(tmp_path: Path, firmware: Path) -> None:
    """Each code printed is the recording at its conversion's instant, and no conversion is missing between two."""
    clock = SimulationClock(rate=10)
    socket = tmp_path / "w"
    strains = [1e-6 * (index * 37 % 1000) - 4e-4 + 2e-7 * index for index in range(8000)]
    bridge = RecordedBridge(strains, clock.now_ms() // 1000 * 1000)
    world = World(socket, clock)
    world.add(NODE, StrainPoint(bridge), truth=True)
    node = SimulatedNode(files(tmp_path / "n", "stream"), world_socket=socket, clock_env=clock.env(), firmware=firmware)
    async with world:
        await node.start()

        def codes(node: SimulatedNode) -> list[int]:
            return [int(word) for line in node.lines if line.startswith("codes") for word in line.split()[1:]]

        assert await node.wait_for(lambda n: len(codes(n)) > 3000), list(node.lines)[:20]
        assert await node.wait_for(lambda n: len(world.truth.get(NODE, [])) > 3000)
        await node.stop()
    truth = world.truth[NODE]
    played = [(code, bridge.code_at(at_us)) for at_us, code in truth if bridge.code_at(at_us) is not None]
    assert len(played) > 2800 and all(code == expected for code, expected in played)
    true_codes = [code for _, code in truth]
    found = codes(node)[:2800]
    first = next(place for place in range(400) if true_codes[place : place + 50] == found[:50])
    assert found == true_codes[first : first + len(found)]


def test_a_socket_path_that_is_too_long_is_refused_with_the_reason(tmp_path: Path) -> None:
    """A unix socket's address has room for about 100 bytes."""
    with pytest.raises(ValueError, match="100 bytes"):
        World(tmp_path / ("x" * 100))

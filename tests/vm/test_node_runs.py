# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The complete firmware in the simulated board, against a real mosquitto and the gateway's own codec."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from device_profiles import load_profiles
from gateway_agent.wire.down import Command
from simulators.clock import SimulationClock
from simulators.vm import SimulatedNode
from tests.support.mosquitto import Mosquitto
from tests.support.small_gateway import GATEWAY, MASTER, SmallGateway

RATE = 20
NODE = "aabbccddeeff"


class Street:
    """One node, one broker, one small gateway, on one clock."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimulationClock(RATE)
        self.broker = Mosquitto(folder / "broker")
        self.broker.start()
        self.gateway = SmallGateway(self.broker.port, self.clock)
        self.folder = folder / "node"
        self.node: SimulatedNode | None = None

    def install(self, profile: str = "parking-qmc5883l", **settings: object) -> SimulatedNode:
        """A board with its files, not yet switched on."""
        files = self.folder / "files"
        files.mkdir(parents=True, exist_ok=True)
        config = load_profiles()[profile].firmware_config({})
        configured = config["settings"]
        assert isinstance(configured, dict)
        config["settings"] = {**configured, "diagnostics_s": 60, **settings}
        config |= {
            "node": NODE,
            "wifi": [{"ssid": "startcity", "password": "secret"}],
            "open_networks": [],
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port, "user": None, "password": None},
            "generation": 0,
            "log": "debug",
            "queue_bytes": 262144,
        }
        (files / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (files / "key.bin").write_bytes(MASTER)
        self.node = SimulatedNode(self.folder, clock_env=self.clock.env())
        return self.node

    async def close(self) -> None:
        if self.node is not None:
            await self.node.stop()
        self.gateway.close()
        self.broker.kill()


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    found = Street(tmp_path)
    try:
        yield found
    finally:
        await found.close()


async def test_node_starts_learns_the_time_and_forgets_what_is_acknowledged(street: Street) -> None:
    """The first frame speaks of the boot in node time, the answer gives the time, the next frames carry it, an anchor
    says so, and what is acknowledged leaves the node's queue."""
    node, gateway = street.install(), street.gateway
    await node.start()
    await gateway.until(lambda found: found.readings("anchor"), "an anchor")
    # A record overtakes the boot's frame where the sensor is quicker than the radio.
    first = next(item for item in gateway.heard if item.value("boot") is not None)
    assert first.pack.boot == 1 and first.value("boot") == 1 and first.value("fw") == "0.1.0"
    assert first.value("reset") == "power" and isinstance(first.value("heap"), int)
    await gateway.until(lambda found: found.readings("rssi"), "a signal strength")
    assert -160 < int(str(gateway.readings("rssi")[0])) < -60, "dBW, not dBm"
    await gateway.until(lambda found: found.readings("occupancy_known"), "a reading of the stall")
    synchronised = [item for item in gateway.heard if item.pack.boot is None]
    assert synchronised
    for item in synchronised:
        assert abs(item.at_ms - item.pack.time_ms) < 3000 + RATE * 500, "the node's time is not the city's"
    assert await node.wait_for(lambda found: bool(found.queued) and not found.unacknowledged), list(node.lines)
    assert not any("Traceback" in line for line in node.lines)


async def test_unanswered_frames_come_again_byte_for_byte(street: Street) -> None:
    """Without an acknowledgement, and with the broker confirming everything, a frame is sent again, the same bytes, later and later."""
    node, gateway = street.install(heartbeat_s=60), street.gateway
    await node.start()
    await gateway.until(lambda found: found.readings("anchor"), "an anchor")
    gateway.is_acknowledging = False
    before = len(gateway.heard)

    def times(sequence: int) -> list[int]:
        return [item.at_ms for item in gateway.heard if item.sequence == sequence]

    def record() -> int:
        later = (item.sequence for item in gateway.heard[before:] if item.value("occupancy_known") is not None)
        return next(later, -1)

    await gateway.until(lambda _: len(times(record())) >= 3, "a record, and two repetitions")
    assert len({item.raw for item in gateway.heard if item.sequence == record()}) == 1
    first, second, third = times(record())[:3]
    # 15 s and 30 s, each +-25 %, seen at the far end of a host that may be busy.
    assert second - first > 8_000 and third - second > second - first
    gateway.is_acknowledging = True
    count = len(node.queued)
    assert await node.wait_for(lambda found: len(found.queued) >= count and not found.unacknowledged, 60)


async def test_identify_is_run_once_and_its_result_reported(street: Street) -> None:
    """A command is run once, although it comes with every answer, also after the node has lost its power."""
    node, gateway = street.install(), street.gateway
    gateway.commands = [Command(7, 1, None), Command(8, 99, None)]
    await node.start()
    await gateway.until(lambda found: len(found.readings("cmd")) == 2, "two results")
    results = [bytes(value) for value in gateway.readings("cmd") if isinstance(value, bytes)]
    name = b"\x67" + GATEWAY.encode()
    assert sorted(results) == [b"\x83" + name + b"\x07\x00", b"\x83" + name + b"\x08\x01"]
    await node.stop()
    boots = len(gateway.readings("boot"))
    gateway.commands = gateway.commands[1:]  # the last one comes again; an older one would be a restored gateway's
    await node.start()
    await gateway.until(lambda found: len(found.readings("boot")) >= boots + 2, "the second boot's reports")
    assert len(gateway.readings("cmd")) == 2
    assert sum(line.startswith("identify") for line in node.lines) == 1


async def test_an_answer_that_was_held_back_only_acknowledges(street: Street) -> None:
    """A down frame that comes more than 2 s after the frame it answers sets no clock and runs no command."""
    node, gateway = street.install(), street.gateway
    gateway.is_acknowledging = False
    await node.start()
    await gateway.until(lambda found: found.heard, "a frame")
    first = gateway.heard[0]
    await gateway.until(lambda found: street.clock.now_ms() > first.at_ms + 5000, "5 s")
    gateway.is_acknowledging = True
    gateway.commands = [Command(1, 1, None)]
    gateway.answer(first)
    gateway.commands = ()
    gateway.is_acknowledging = False
    assert await node.wait_for_line(f"acked {bytes(first.kid[6:]).hex()} {first.sequence}")
    await gateway.until(lambda found: len({item.sequence for item in found.heard}) >= 4, "more frames")
    assert all(item.pack.boot == 1 for item in gateway.heard), "it believed an old answer's time"
    assert not any(line.startswith("identify") for line in node.lines)


async def test_nonsense_from_the_gateways_side_is_refused(street: Street) -> None:
    """Down frames that are cut, changed, foreign or empty are refused by name, and the node goes on."""
    node, gateway = street.install(), street.gateway
    await node.start()
    await gateway.until(lambda found: found.downs, "an answer")
    good, kid = gateway.downs[0], gateway.heard[0].kid
    for raw in (
        b"",
        b"\xff" * 40,
        good[:-1],
        good[:-1] + bytes((good[-1] ^ 1,)),
        bytes(1500),
        bytes(3000),
        good + b"\x00",
    ):
        gateway.send(kid, raw)
    assert await node.wait_for(lambda found: any("refused: CborTrailing" in line for line in found.lines))
    for error in ("CborTruncated", "CborReserved", "FrameTag", "FrameTooLong"):
        assert any(f"refused: {error}" in line for line in node.lines), f"{error}: {list(node.lines)}"
    assert sum("connected to the broker" in line for line in node.lines) == 1, "the connection was lost"
    count = len(gateway.heard)
    await gateway.until(lambda found: len(found.heard) > count, "life after nonsense")


async def test_backlog_of_an_outage_and_a_power_cut_arrives(street: Street) -> None:
    """Frames made while the broker is dead, and kept through a power cut, arrive afterwards, none under a number used before."""
    node, gateway = street.install(heartbeat_s=5), street.gateway
    await node.start()
    await gateway.until(lambda found: found.readings("occupancy_known"), "a first record")
    street.broker.kill()
    records = lambda: {key for key, item in node.queued.items() if item.lane == "record"}  # noqa: E731
    before = len(records())
    assert await node.wait_for(lambda _: len(records()) >= before + 8)
    await node.stop()
    kept = records()
    street.broker.start()
    await node.start()
    assert await node.wait_for(lambda found: kept <= found.acked, 60), sorted(kept - node.acked)
    raws: dict[tuple[bytes, int], set[bytes]] = {}
    for item in gateway.heard:
        raws.setdefault((bytes(item.kid), item.sequence), set()).add(item.raw)
    assert all(len(versions) == 1 for versions in raws.values()), "one number, two frames"
    assert len({item.pack.boot for item in gateway.heard if item.pack.boot}) == 2
    await gateway.until(lambda found: found.readings("lost"), "the numbers that memory may have held")


async def test_a_restarted_gateway_gets_everything_again_at_once(street: Street) -> None:
    """When a gateway's down frames show a new start, frames that it had not acknowledged come again without waiting."""
    node, gateway = street.install(), street.gateway
    await node.start()
    await gateway.until(lambda found: found.readings("anchor"), "an anchor")
    gateway.is_acknowledging = False
    count = len(gateway.heard)
    await gateway.until(lambda found: len(found.heard) > count, "a frame that nobody acknowledges")
    lost = gateway.heard[count]
    gateway.start_anew()
    gateway.is_acknowledging = True
    await gateway.until(lambda found: found.heard[-1].sequence != lost.sequence, "another frame")
    repeated = lambda found: [item for item in found.heard if item.sequence == lost.sequence][1:]  # noqa: E731
    await gateway.until(repeated, "the frame again")
    answered_at = next(item.at_ms for item in gateway.heard[count + 1 :])
    assert repeated(gateway)[0].at_ms - answered_at < 30_000


async def test_a_gateway_that_starts_later_is_found_soon(street: Street) -> None:
    """What was sent before anybody listened may wait five minutes for its turn; a node that was never answered calls sooner."""
    node, gateway = street.install("climate-sht4x", diagnostics_s=3600), street.gateway
    gateway.is_deaf = True
    await node.start()
    await gateway.until(lambda found: found.unheard >= 3, "frames that nobody hears")
    started_ms = street.clock.now_ms()
    gateway.is_deaf = False
    await gateway.until(lambda found: found.readings("boot") and found.readings("temperature"), "everything")
    assert street.clock.now_ms() - started_ms < 40_000


async def test_board_without_sensors_joins_and_says_what_it_lacks(street: Street) -> None:
    """With nothing soldered on, the node joins, reports itself and names the missing sensor on the console and as a record."""
    node, gateway = street.install(), street.gateway
    (street.folder / "hardware.json").write_text(json.dumps({"chips": []}), encoding="utf-8")
    await node.start()
    await gateway.until(lambda found: any("magnetometer" in str(v) for v in found.readings("fault")), "a fault record")
    assert await node.wait_for_line("fault magnetometer: no answer")
    await gateway.until(lambda found: found.readings("boot"), "a boot record")
    assert node.is_running


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", None, "config.json is missing"),
        ("config.json", b"{", "config.json is not valid JSON"),
        ("config.json", b"{}", '"app" is missing'),
        ("key.bin", None, "key.bin is missing"),
        ("key.bin", b"short", "key.bin has 5 bytes"),
    ],
)
async def test_missing_files_are_explained_and_nothing_loops(
    name: str, content: bytes | None, said: str, street: Street
) -> None:
    """A board without its configuration or key prints what to do, and stays at the prompt: where it is new for good, else two minutes."""
    node = street.install()
    (street.folder / "hardware.json").write_text(json.dumps({"mac": NODE}), encoding="utf-8")
    path = street.folder / "files" / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    await node.start()
    assert await node.wait_for_line(said), list(node.lines)
    if content is None and name == "config.json":  # nobody has installed anything yet
        assert await node.wait_for(lambda found: not found.is_running)
    assert node.restarts == 0 and not any("Traceback" in line for line in node.lines)
    assert "secret" not in "".join(node.lines)


async def test_secrets_stay_off_the_console(street: Street) -> None:
    """Neither the Wi-Fi password nor a key is ever printed."""
    node, gateway = street.install(), street.gateway
    await node.start()
    await gateway.until(lambda found: found.readings("anchor"), "an anchor")
    text = "\n".join(node.lines)
    assert "secret" not in text and MASTER.hex() not in text

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A node with a battery: the complete firmware in the simulated board, through deep sleep, against a real broker."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway_agent.wire import cbor, frame, keys
from gateway_agent.wire.down import Command
from simulators.vm import SimulatedNode
from tests.support.sleeping_street import SleepingStreet, probe_config, profile_config
from tests.support.small_gateway import MASTER, Heard, SmallGateway

PIN_WAKE = 2

# Counts its wakes in the state that it keeps, and reports each count; every fourth one as a change of state.
COUNTING = """
class App:
    def __init__(self, board, settings, clock):
        self._settings = settings

    async def wake(self, report, fault, state, why):
        count = int(state or b"0") + 1
        name = "state" if count % self._settings["urgent_each"] == 0 else "count"
        report([(name, count)])
        return str(count).encode(), self._settings["each_s"], []
"""


@pytest.fixture
async def street(
    tmp_path: Path, compiled_firmware: Path, request: pytest.FixtureRequest
) -> AsyncIterator[SleepingStreet]:
    found = SleepingStreet(tmp_path, compiled_firmware, getattr(request, "param", 5))
    try:
        yield found
    finally:
        await found.close()


def wakes(node: SimulatedNode) -> int:
    return node.reset_causes.count(4)


def unique(gateway: SmallGateway) -> list[Heard]:
    """Each frame once; AssertionError where a number was used for two."""
    found: dict[tuple[bytes, int], Heard] = {}
    for item in gateway.heard:
        key = (bytes(item.kid), item.sequence)
        assert found.setdefault(key, item).raw == item.raw, f"number {item.sequence} stands for two frames"
    return list(found.values())


async def test_quiet_wakes_touch_neither_radio_nor_flash_and_changes_are_reported_with_the_right_time(
    street: SleepingStreet,
) -> None:
    """A climate node sleeps between two measurements; a wake without news costs no radio and no flash. What it reports hours later
    carries a time that is as good as the firmware says, with a slow clock that is 3 % fast; it is the same boot all the time."""
    node = street.install(
        profile_config("climate-sht4x-battery"),
        settings={"connect_s": 1200},
        world=[(7_000, {"temperature_c": 25.0})],
        hardware={"rtc_drift_ppm": 30_000},
    )
    await node.start()
    gateway = street.gateway
    warm = lambda found: any(isinstance(v, int) and v > 2400 for v in found.readings("temperature"))  # noqa: E731
    await gateway.until(warm, "the warmer air")
    assert await node.wait_for(lambda found: not found.unacknowledged), list(node.lines)
    await node.stop()
    frames = unique(gateway)
    assert gateway.readings("reset") == ["power"] and gateway.readings("boot") == [1]
    assert {item.pack.boot for item in frames} <= {None, 1}
    news = next(item for item in frames if (item.value("temperature") or 0) > 2400)  # type: ignore[operator]
    # Sealed at the wake that found it, at most 20 min before it was sent; 5 % of that and of the hours before is what the node grants.
    assert news.pack.boot == 1, "after more than 20 min of sleep the bound is beyond a minute: node time"
    anchors = [cbor.decode(value) for value in gateway.readings("anchor") if isinstance(value, bytes)]
    assert anchors and all(anchor[4] == 50_000 for anchor in anchors)
    distances = [abs(news.pack.time_ms - anchor[1]) for anchor in anchors]
    nearest = anchors[distances.index(min(distances))]
    resolved_ms = nearest[2] + news.pack.time_ms - nearest[1]
    bound_ms = min(distances) // 20 + nearest[3] // 2 + 5 + 1000
    began_ms = gateway.heard[0].at_ms
    assert abs(resolved_ms - began_ms - 7_000_000) < 620_000 + bound_ms, (
        "it was warm from 7,000 s on, and is looked at each 600 s"
    )
    quiet = [run for run in node.runs if not run["radio_ms"]]
    assert len(quiet) > 5 and not any(run["flash_writes"] or run["nvs_commits"] for run in quiet)
    assert not any("node_io.outbox" in run["modules"] for run in quiet), "a wake without news loads no codec"


async def test_what_is_answered_while_it_sleeps_is_heard_at_the_next_connection(street: SleepingStreet) -> None:
    """The node does not wait for the sync: the acknowledgement comes later, the broker keeps it, and no frame is sent twice."""
    node, gateway = street.install(probe_config(each_s=120, urgent_each=1), app=COUNTING), street.gateway
    await node.start()
    await gateway.until(lambda found: found.readings("anchor"), "an anchor")
    gateway.is_acknowledging = False
    count = wakes(node)
    assert await node.wait_for(lambda found: wakes(found) >= count + 1)
    gateway.is_acknowledging = True
    for item in unique(gateway):
        gateway.answer(item)
    await gateway.until(lambda found: len(found.readings("state")) >= 8, "eight states")
    await node.stop()
    repeated = len(gateway.heard) - len(unique(gateway))
    assert repeated <= 1, [item.sequence for item in gateway.heard]
    connections = [run for run in node.runs if run["radio_ms"]]
    assert all(run["awake_ms"] < 8_000 for run in connections), [run["awake_ms"] for run in connections]


async def test_an_outage_costs_little_and_loses_nothing(street: SleepingStreet) -> None:
    """A day without a broker: the attempts become rare, frames move to flash, and afterwards everything arrives, each number
    once."""
    node, gateway = street.install(probe_config(each_s=3600, urgent_each=4), app=COUNTING), street.gateway
    await node.start()
    await gateway.until(lambda found: found.readings("count"), "a reading")
    street.broker.kill()
    began_ms = street.clock.now_ms()
    assert await node.wait_for(lambda _: street.clock.now_ms() - began_ms > 24 * 3_600_000, 60), wakes(node)
    outage = [run for run in node.runs if run["radio_ms"]][1:]
    hours = (node.runs[-1]["start_ms"] - outage[0]["start_ms"]) / 3_600_000
    assert hours > 22
    assert len(outage) <= hours + 6 and len(node.runs) < hours + 12, (
        f"{len(outage)} attempts in {hours:.0f} h, {len(node.runs)} wakes"
    )
    street.broker.start()
    before = set(node.queued)
    assert await node.wait_for(lambda found: before <= found.acked, 60), sorted(before - node.acked)[:5]
    await node.stop()
    unique(gateway)
    writes = sum(run["flash_writes"] for run in node.runs) * 24 / hours
    print(f"{len(outage)} attempts in {hours:.0f} h, {writes:.0f} flash operations a day")
    assert not gateway.readings("lost")


async def test_a_bit_that_falls_over_in_rtc_memory_is_a_boot_and_its_frames_are_named(street: SleepingStreet) -> None:
    """The memory's CRC finds it: boot number 2, reset cause sleep, the numbers that were only in memory reported as lost, none used
    again."""
    node, gateway = (
        street.install(probe_config(each_s=300, urgent_each=99), app=COUNTING, hardware={"rtc_decay_sleep": 4}),
        street.gateway,
    )
    await node.start()
    await gateway.until(lambda found: 2 in found.readings("boot"), "the second boot")
    await gateway.until(lambda found: found.readings("lost"), "the loss")
    assert "sleep" in gateway.readings("reset")
    await gateway.until(
        lambda found: any(item.pack.boot in (None, 2) and item.value("count") for item in unique(found)), "life"
    )
    lost = b"".join(value for value in gateway.readings("lost") if isinstance(value, bytes))
    assert lost.endswith(b"\x02"), "power"
    unique(gateway)


async def test_power_cuts_at_random_moments_never_use_a_number_twice(street: SleepingStreet) -> None:
    """Whenever the power goes, awake or asleep: each number stands for one frame, and every promised frame arrives or is named as lost."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    node, gateway = street.install(probe_config(each_s=60, urgent_each=3), app=COUNTING), street.gateway
    for _ in range(6):
        lines = len(node.queued) + chance.randint(1, 9)
        await node.start()
        await node.wait_for(lambda found, lines=lines: len(found.queued) >= lines, 30)  # type: ignore[misc]
        await node.stop()
    await node.start()

    def is_settled(found: SmallGateway) -> bool:
        named: set[int] = set()
        for value in found.readings("lost"):
            if isinstance(value, bytes):
                ranges = cbor.decode(value[:-1])
                named |= {number for first, last in ranges for number in range(first, last + 1)}
        heard = {item.sequence for item in found.heard}
        return {sequence for _, sequence in promised} <= heard | named

    promised = set(node.queued)
    await gateway.until(is_settled, "every promise kept or named")
    unique(gateway)
    assert len({epoch for epoch, _ in node.queued}) == 1


@pytest.mark.parametrize("street", [20], indirect=True)
async def test_a_hang_ends_in_a_reset_that_keeps_the_frames_of_rtc_memory(street: SleepingStreet) -> None:
    """The watchdog bites in the middle of a wake; frames that waited in RTC memory come to flash at the next boot, and none is lost."""
    hang = "if count == 4 and why == 'timer':\n            import time\n\n            time.sleep(100)\n        return"
    hanging = COUNTING.replace("return", hang)
    node, gateway = street.install(probe_config(each_s=300, urgent_each=99), app=hanging), street.gateway
    await node.start()
    await gateway.until(lambda found: "watchdog" in found.readings("reset"), "the reset")
    promised = {sequence for _, sequence in node.queued}
    await gateway.until(lambda found: promised <= {item.sequence for item in found.heard}, "every promised frame")
    assert {1, 2, 3, 4} <= set(gateway.readings("count"))
    assert not any(
        reading for reading in gateway.readings("lost") if isinstance(reading, bytes) and _names(reading, node)
    )
    unique(gateway)


def _names(lost: bytes, node: SimulatedNode) -> bool:
    """Whether a loss record names a number that was promised."""
    ranges = cbor.decode(lost[:-1])
    return any(first <= sequence <= last for first, last in ranges for _, sequence in node.queued)


async def test_alarms_are_on_flash_before_they_are_sent_and_come_again_soon(street: SleepingStreet) -> None:
    """An alarm connects at once; while nobody acknowledges it, it comes again after 15 s, 30 s and so on, not at the next wake in hours."""
    alarming = COUNTING.replace(
        "report([(name, count)])", 'report([("alert", True)] if count == 2 else [(name, count)])'
    )
    node, gateway = street.install(probe_config(each_s=7200, urgent_each=99), app=alarming), street.gateway
    await node.start()
    await gateway.until(lambda found: found.readings("count"), "a first reading")
    gateway.is_acknowledging = False

    def times(found: SmallGateway) -> list[int]:
        return [item.at_ms for item in found.heard if item.value("alert")]

    await gateway.until(lambda found: len(times(found)) >= 3, "two repetitions")
    first, second, third = times(gateway)[:3]
    assert 10_000 < second - first < 60_000 and second - first < third - second < 120_000
    assert len({item.raw for item in gateway.heard if item.value("alert")}) == 1
    run = next(
        run for run in node.runs if run["radio_ms"] and run["start_ms"] <= first <= run["start_ms"] + run["awake_ms"]
    )
    assert run["flash_writes"], "the alarm was on flash before it was sent"
    gateway.is_acknowledging = True
    assert await node.wait_for(lambda found: not found.unacknowledged, 60), list(node.lines)[-20:]


async def test_a_radio_that_cannot_be_started_costs_a_wake_and_not_the_node(street: SleepingStreet) -> None:
    """The port raises RuntimeError where it has no word for the fault; what that wake had to say comes with the next one."""
    failing = COUNTING.replace(
        "        report(",
        """        if count == 3:
            import network

            works = network.WLAN.active

            def fail(*_):
                network.WLAN.active = works
                raise RuntimeError("Wifi Unknown Error 0x0101")

            network.WLAN.active = fail
        report(""",
    )
    node, gateway = street.install(probe_config(each_s=120, urgent_each=1), app=failing), street.gateway
    await node.start()
    await gateway.until(lambda found: len(found.readings("state")) >= 4, "what came after")
    await node.stop()
    assert [int(v) for v in gateway.readings("state")][:4] == [1, 2, 3, 4]
    assert any("the radio fails: Wifi Unknown Error 0x0101" in line for line in node.lines), list(node.lines)[-20:]
    assert set(node.reset_causes[1:]) == {4}, node.reset_causes


async def test_commands_reach_a_node_that_sleeps(street: SleepingStreet) -> None:
    """With the answer to what it sends: identify keeps it awake for its 10 s, a new configuration holds after the restart that it
    causes."""
    node, gateway = street.install(probe_config(each_s=120, urgent_each=1), app=COUNTING), street.gateway
    await node.start()
    await gateway.until(lambda found: found.readings("anchor"), "an anchor")
    gateway.commands = [Command(1, 1, None)]
    await gateway.until(lambda found: found.readings("cmd"), "the result of identify")
    count = wakes(node)
    assert await node.wait_for(lambda found: wakes(found) > count)
    assert any(run["awake_ms"] > 10_000 for run in node.runs), "it did not blink"
    gateway.commands = [Command(2, 5, cbor.encode({"each_s": 240}))]
    results = lambda found: [cbor.decode(v)[1:] for v in found.readings("cmd") if isinstance(v, bytes)]  # noqa: E731
    await gateway.until(lambda found: [2, 0] in results(found), "the result of configure")
    gateway.commands = ()
    assert await node.wait_for(lambda found: any(run["sleep_ms"] > 200_000 for run in found.runs))
    assert results(gateway) == [[1, 0], [2, 0]]


async def test_a_node_that_sleeps_moves_to_the_next_key_generation(street: SleepingStreet) -> None:
    """On proof alone; from then on, within that wake and after it, all that is counted anew is sealed under the new key."""
    node, gateway = street.install(probe_config(each_s=120, urgent_each=1), app=COUNTING), street.gateway
    gateway.roots.append(keys.derive_root(MASTER, 1))
    gateway.commands = [Command(1, 6, 1)]
    await node.start()
    results = lambda found: [cbor.decode(v)[1:] for v in found.readings("cmd") if isinstance(v, bytes)]  # noqa: E731
    await gateway.until(lambda found: [1, 5] in results(found), "the refusal of a command without proof")
    (old,) = {item.kid for item in gateway.heard}
    gateway.commands, gateway.answers_under = [Command(2, 6, 1)], 1
    await gateway.until(lambda found: [2, 0] in results(found), "the result of the command")
    gateway.commands = ()
    counts = len(gateway.readings("state"))
    await gateway.until(lambda found: len(found.readings("state")) > counts + 2, "later wakes")
    await node.stop()
    (new,) = {item.kid for item in gateway.heard} - {old}
    for item in unique(gateway):
        root = gateway.roots[item.kid == new]
        frame.open_frame(frame.parse_frame(item.raw), keys.derive_up(root, item.kid))
    assert results(gateway) == [[1, 5], [2, 0]]


async def test_the_magnetometer_s_own_interrupt_wakes_a_parking_node(street: SleepingStreet) -> None:
    """A vehicle comes while the node sleeps: the chip's pin ends the sleep, and the state is reported within seconds."""
    at_s = 4000
    node = street.install(
        profile_config("parking-lis3mdl"),
        settings={"starts_empty": True},
        world=[(0, {"field_t": [22e-6, 1e-6, -40e-6]}), (at_s, {"field_t": [30e-6, -9e-6, -25e-6]})],
    )
    began_ms = street.clock.now_ms()
    gateway = street.gateway
    await node.start()
    await gateway.until(lambda found: True in found.readings("occupied"), "the vehicle")
    arrived = next(item for item in gateway.heard if item.value("occupied") is True)
    count = wakes(node)
    assert await node.wait_for(lambda found: wakes(found) > count)
    assert 0 <= arrived.at_ms - began_ms - at_s * 1000 < 30_000, arrived.at_ms - began_ms
    assert any(run["wake"] == PIN_WAKE for run in node.runs)

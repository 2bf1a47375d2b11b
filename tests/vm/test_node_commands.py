# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Commands on the whole firmware: run once, answered with a result, and never at the cost of the node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway_agent.wire import cbor, keys
from gateway_agent.wire.down import Command
from tests.support.bench_node import BenchNode
from tests.support.small_gateway import MASTER, SmallGateway


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[BenchNode]:
    found = BenchNode(tmp_path)
    try:
        yield found
    finally:
        await found.close()


async def test_sample_rezero_and_what_is_no_command(bench: BenchNode) -> None:
    """The application is asked once each; what it cannot do, an argument too many and an unknown code have results of their own."""
    node, gateway = bench.node, bench.gateway
    gateway.commands = [Command(1, 3, None), Command(2, 4, None), Command(3, 3, 7), Command(4, 99, None)]
    await node.start()
    await bench.until_results((1, 0), (2, 3), (3, 2), (4, 1))
    assert sum(line == "app samples now" for line in node.lines) == 1 and node.restarts == 0


async def test_reboot_happens_once(bench: BenchNode) -> None:
    """The board restarts by itself, its result arrives, and the command that comes again changes nothing."""
    node, gateway = bench.node, bench.gateway
    gateway.commands = [Command(9, 2, None)]
    await node.start()
    assert await node.wait_for(lambda found: found.restarts == 1)
    await bench.until_results((9, 0))
    levels = len(gateway.readings("level"))
    await gateway.until(lambda found: len(found.readings("level")) >= levels + 3, "the life after it")
    assert node.restarts == 1 and bench.results() == [(9, 0)]
    assert gateway.readings("lost") == [], "what memory held was brought to flash"


async def test_a_number_below_the_last_is_told_and_not_run(bench: BenchNode) -> None:
    """A gateway that was restored from a backup learns the number that the node has run; its command is not run."""
    node, gateway = bench.node, bench.gateway
    gateway.commands = [Command(9, 3, None)]
    await node.start()
    await bench.until_results((9, 0))
    await node.stop()
    gateway.commands = [Command(5, 2, None)]
    await node.start()
    await bench.until_results((9, 0), (9, 6))
    levels = len(gateway.readings("level"))
    await gateway.until(lambda found: len(found.readings("level")) >= levels + 3, "more answers with it")
    assert bench.results() == [(9, 0), (9, 6)] and node.restarts == 0


async def test_configure_takes_effect_and_is_done_once_it_has_held(tmp_path: Path) -> None:
    """The node restarts with the new setting, reports `done` after a minute of health, and keeps it; the ticks wrap meanwhile."""
    bench = BenchNode(tmp_path, env={"STARTCITY_TICKS_START_MS": str((1 << 30) - 30_000)})
    node, gateway = bench.node, bench.gateway
    try:
        gateway.commands = [bench.configure(1, each_s=3, gain=2)]
        await node.start()
        assert await node.wait_for_line("app runs well 3")
        assert bench.results() == []
        await bench.until_results((1, 0))
        done_at = next(item.at_ms for item in gateway.heard if item.value("cmd") is not None)
        began_at = min(item.at_ms for item in gateway.heard)
        assert done_at - began_at > 50_000
        assert node.restarts == 1
        gateway.commands = [bench.configure(2, each_s=3, gain=2.0, inverted=False)]
        await bench.until_results((1, 0), (2, 0))  # that is how it is: nothing restarts
        assert node.restarts == 1
        await node.stop()
        assert "config.trial" not in bench.on_flash("list") and '"each_s": 3' in bench.on_flash("read", "config.good")
        await node.start()
        assert await node.wait_for(lambda found: sum(line == "app runs well 3" for line in found.lines) == 2)
    finally:
        await bench.close()


@pytest.mark.parametrize(
    "settings",
    [{"mode": "task"}, {"mode": "constructor"}],
    ids=["crashes", "does not begin"],
)
async def test_a_configuration_that_does_not_hold_is_taken_back(bench: BenchNode, settings: dict[str, object]) -> None:
    """Whether the node crashes with it or its application does not run, the old settings come back, and the result says so."""
    node, gateway = bench.node, bench.gateway
    gateway.commands = [bench.configure(1, **settings)]
    await node.start()
    await bench.until_results((1, 4))
    assert await node.wait_for(lambda found: list(found.lines)[-200:].count("app runs well 5") >= 2)
    await node.stop()
    assert '"mode": "well"' in bench.on_flash("read", "config.json")
    assert "config.trial" not in bench.on_flash("list")


async def test_a_configuration_that_cannot_be_is_refused_on_the_node_too(bench: BenchNode) -> None:
    """Unknown names, other types and garbage are a bad argument; the node goes on without a restart."""
    node, gateway = bench.node, bench.gateway
    wrong: list[object] = [
        cbor.encode({"each_s": "5"}),
        cbor.encode({"each_s": 5.5}),
        cbor.encode({"wifi": 1}),
        cbor.encode({}),
        cbor.encode(["each_s", 5]),
        b"\xff\xff",
        "each_s=5",
    ]
    gateway.commands = [Command(number, 5, argument) for number, argument in enumerate(wrong, 1)]  # type: ignore[arg-type]
    await node.start()
    await bench.until_results(*[(number, 2) for number in range(1, len(wrong) + 1)])
    assert node.restarts == 0


class City:
    """The vault's word: the roots of both generations, as a gateway gets them."""

    old = keys.derive_root(MASTER, 0)
    new = keys.derive_root(MASTER, 1)


def epochs(gateway: SmallGateway) -> list[bytes]:
    """In the order of their first appearance."""
    return list(dict.fromkeys(bytes(item.kid[6:]) for item in gateway.heard))


async def test_a_node_moves_to_the_next_generation_on_proof_and_never_back(bench: BenchNode) -> None:
    """Under the old key the command proves nothing. Under the new one it moves: a new epoch under the new root, the old epoch's
    frames as they were, acknowledged under the new key only, and no answer under the old key counts any more, after a power cut neither."""
    node, gateway = bench.node, bench.gateway
    gateway.roots.append(City.new)
    gateway.commands = [Command(1, 6, 1)]
    await node.start()
    await bench.until_results((1, 5))
    gateway.is_acknowledging = False
    levels = len(gateway.readings("level"))
    await gateway.until(lambda found: len(found.readings("level")) >= levels + 3, "frames that nobody acknowledges")
    (old_epoch,) = epochs(gateway)
    gateway.commands = [Command(2, 6, 1)]
    gateway.answers_under = 1
    assert await node.wait_for_line("key generation 1")
    await bench.until_results((1, 5), (2, 0))
    new_epoch = epochs(gateway)[1]
    assert {gateway.generations[item.kid] for item in gateway.heard if item.kid[6:] == old_epoch} == {0}
    assert {gateway.generations[item.kid] for item in gateway.heard if item.kid[6:] == new_epoch} == {1}
    assert bench.nvs()["node/generation"] == 1
    # The backlog of the old epoch: refused under the old key, forgotten under the new.
    gateway.commands = ()
    gateway.is_acknowledging = True
    gateway.answers_under = 0
    refused = sum("refused: FrameTag" in line for line in node.lines)
    assert await node.wait_for(lambda found: sum("refused: FrameTag" in line for line in found.lines) >= refused + 3)
    gateway.answers_under = 1
    old = {key for key, frame in node.queued.items() if frame.epoch == old_epoch.hex() and frame.lane == "record"}
    assert await node.wait_for(lambda found: old <= found.acked), sorted(old - node.acked)
    raws: dict[tuple[bytes, int], set[bytes]] = {}
    for item in gateway.heard:
        raws.setdefault((bytes(item.kid), item.sequence), set()).add(item.raw)
    assert all(len(versions) == 1 for versions in raws.values()), "a frame that waited was sealed anew"
    await node.stop()
    gateway.answers_under = 0
    gateway.commands = [Command(3, 2, None), Command(4, 6, 0)]
    await node.start()
    refused = sum("refused: FrameTag" in line for line in node.lines)
    assert await node.wait_for(lambda found: sum("refused: FrameTag" in line for line in found.lines) >= refused + 5)
    assert epochs(gateway)[-1] == new_epoch and node.restarts == 0
    assert bench.results() == [(1, 5), (2, 0)]


async def test_a_proof_that_was_held_back_moves_nobody(bench: BenchNode) -> None:
    """A frame under the next key that answers what was sent seconds ago may be a recording: the node stays where it is."""
    node, gateway = bench.node, bench.gateway
    gateway.roots.append(City.new)
    gateway.is_acknowledging = False
    await node.start()
    await gateway.until(lambda found: found.heard, "a frame")
    first = gateway.heard[0]
    await gateway.until(lambda _: bench.clock.now_ms() > first.at_ms + 5_000, "5 s")
    gateway.commands = [Command(1, 6, 1)]
    gateway.answers_under = 1
    gateway.answer(first)
    gateway.commands = ()
    assert await node.wait_for_line("refused: FrameTag")
    assert len(epochs(gateway)) == 1 and "node/generation" not in bench.nvs()


async def test_a_node_that_missed_a_generation_still_follows(bench: BenchNode) -> None:
    """A node that was off while the city moved twice takes the proof of the generation after the next."""
    node, gateway = bench.node, bench.gateway
    gateway.roots += [City.new, keys.derive_root(MASTER, 2)]
    gateway.commands = [Command(1, 6, 2)]
    gateway.answers_under = 2
    await node.start()
    await bench.until_results((1, 0))
    assert bench.nvs()["node/generation"] == 2

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A gateway that listens again says so to its nodes."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

from gateway_agent.admit.keyring import Keyring
from gateway_agent.admit.received import NumberTable
from gateway_agent.control.acknowledgements import Answer, DownNonces
from gateway_agent.control.answering import Answering
from gateway_agent.control.commands import Commands
from gateway_agent.control.greeting import Greeter, greetings
from gateway_agent.model import ClockReading, Kid
from gateway_agent.wire.down import open_down
from gateway_agent.wire.keys import derive_root
from tests.support.sealing_node import SealingNode
from tests.support.signing_gateway import GATEWAY
from tests.unit.gateway.test_commands import NodeRecord


class StandingClock:
    """The city's time is not known: a greeting carries none anyway."""

    def read(self) -> ClockReading:
        return ClockReading(bytes(8), 0, None, 0, None)

    def monotonic_ms(self) -> int:
        return 0


def _kid(number: int, epoch: int = 0) -> Kid:
    return Kid(number.to_bytes(6, "big") + epoch.to_bytes(8, "big"))


def test_the_newest_ranges_of_the_newest_epoch_are_told() -> None:
    """Of each node one greeting, with eight ranges at most, the newest; an epoch of which nothing is synced is not greeted."""
    synced = NumberTable()
    for low in range(0, 40, 4):
        synced.of(_kid(1)).add_range(low, low + 1)
    synced.of(_kid(2, 1)).add_range(0, 5)
    synced.of(_kid(2, 2)).add_range(7, 9)
    synced.of(_kid(3))
    assert greetings(synced, synced.newest_kids()) == [
        Answer(_kid(1), 37, tuple((low, low + 1) for low in range(8, 40, 4)), False),
        Answer(_kid(2, 2), 9, ((7, 9),), False),
    ]


def test_each_connection_greets_every_awake_node_under_a_new_start() -> None:
    """Twenty at once, then a pause; the IV's first eight bytes are others than before; a sleeping node hears nothing."""
    synced, greeted, pauses = NumberTable(), [], []
    for number in range(50):
        synced.of(_kid(number)).add_range(0, 0)
    starts = itertools.count(1)
    nonces = DownNonces(lambda count: next(starts).to_bytes(count, "big"))

    async def sleep_ms(duration_ms: int) -> None:
        pauses.append((duration_ms, len(greeted)))

    def greet(answer: Answer) -> None:
        greeted.append((answer.kid, nonces.next_iv()[:8]))

    async def run() -> None:
        greeter = Greeter(synced, lambda kid: kid != _kid(7), nonces, greet, sleep_ms)
        task = asyncio.create_task(greeter.run())
        for connection in (1, 2):
            greeter.note_connected()
            while len(greeted) < 49 * connection:
                await asyncio.sleep(0)
        task.cancel()

    asyncio.run(run())
    awake = [_kid(number) for number in range(50) if number != 7]
    assert [kid for kid, _ in greeted] == awake * 2
    assert pauses == [(100, 20), (100, 40), (100, 69), (100, 89)]
    first, second = {start for _, start in greeted[:49]}, {start for _, start in greeted[49:]}
    assert len(first) == len(second) == 1 and first != second


def test_a_node_not_heard_yet_is_greeted_under_each_root_that_could_be_its() -> None:
    """After a restart nothing has authenticated: the node opens the one that is sealed under its generation."""
    node = SealingNode()
    keyring = Keyring()
    keyring.replace_nodes(
        [NodeRecord(node.node_id, "tank-l1", each, derive_root(node.master, each)) for each in (0, 1)]
    )
    sent: list[bytes] = []
    answering = Answering(
        GATEWAY,
        StandingClock(),  # type: ignore[arg-type]
        Commands(),
        DownNonces(lambda count: b"R" * count),
        keyring.answer_root,
        keyring.roots_of,
        lambda _node, down: sent.append(down),
        Counter(),
    )
    answering.greet(Answer(node.kid, 3, ((0, 3),), False))
    opened = [
        open_down(down, derive_root(node.master, generation)) for down, generation in zip(sent, (1, 0), strict=True)
    ]
    assert all(down.acknowledged == ((0, 3),) and down.city_time_ms is None and not down.commands for down in opened)

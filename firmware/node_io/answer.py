# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a node that is always awake does with a gateway's answer. runtime.py borrows it (borrowed.py): most nodes are seldom answered.

`node` is the node of runtime.py; this is a part of it that lies elsewhere.
"""

from node_core import cbor, time_learning
from node_core.down import Opener
from node_io import borrowed


def hear(node, payload: bytes) -> None:
    """A down frame has come."""
    now_ms = node.clock.now_ms()
    try:
        down = Opener(node._root, node.node_id, node._down_keys).open(payload, node.outbox.is_our_epoch)
    except cbor.WireError as error:
        is_newer = error.args[0] == "FrameTag" and now_ms >= node._proof_again_ms
        if not is_newer or not borrowed.call("node_io.seldom", "hear_newer", node, payload, now_ms):
            node.counters["refused"] += 1
            if node._is_debug:
                print("net a down frame is refused: %s" % error.args[0])
        return
    node.counters["down"] += 1
    node.outbox.acknowledge(down.epoch, down.acknowledged)
    if node._starts.get(down.gateway_id) != down.start:
        # It has just started, or we have: what was sent before may have met nobody.
        node.outbox.hurry(None, -1, now_ms // 1000)
    node._starts[down.gateway_id] = down.start
    node._wake.set()
    sent_ms = node._first_sent.sent_ms(down.epoch, down.answered, now_ms)
    if sent_ms is None:
        return  # it may have been held back: only the acknowledgement counts
    if down.city_time is not None:
        _learn_time(node, sent_ms, now_ms, down.city_time)
    for command in down.commands:
        obey(node, down.gateway_id, command, node.generation)


def _learn_time(node, sent_ms: int, now_ms: int, city_time: list) -> None:
    anchor = time_learning.learn(node.time, sent_ms, now_ms, city_time[0], city_time[1])
    if anchor is not None:
        print("time city time known to %d ms" % node.time.bound_ms(now_ms))
        node.report([("anchor", cbor.encode([node.outbox.numbers.boot] + anchor))])


def obey(node, gateway_id: str, command: list, proven: int) -> None:
    """`proven` is the key generation under which the command came."""
    if command[0] != node.outbox.numbers.commands.get(gateway_id):  # that one was run, and its result is on its way
        borrowed.call("node_io.commands", "obey", node, gateway_id, command, proven)

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a node does so seldom that it borrows the code for it (borrowed.py): diagnosis, losses, mistakes, a newer key.

`node` is that of runtime.py; this is a part of it that lies elsewhere. Losses are reported by a sleeping node, too.
"""

import gc

from micropython import const

from node_core import cbor
from node_io import borrowed
from version import VERSION

_PROOF_PAUSE_MS = const(5_000)
_MISTAKES_MAX = const(5)


def diagnose(node, is_full: bool) -> None:
    """Say how the node is: everything, or only what a new connection has to say."""
    readings: list = []
    if is_full:
        readings = [("boot", node.outbox.numbers.boot), ("reset", node._situation["reset"]), ("fw", VERSION)]
    dbm = node._wifi.rssi_dbm()
    if dbm is not None:
        readings.append(("rssi", dbm - 30))
    gc.collect()
    readings.append(("heap", gc.mem_free()))
    node.report(readings)


def report_lost(node) -> bool:
    """Queue what was given up and not yet reported, and forget it. False where there is none."""
    found = unreported(node.outbox)
    for reason, pairs in found:
        node.report([("lost", cbor.encode(pairs) + cbor.encode(reason))])
    if found:
        reported(node.outbox, found)
    return bool(found)


def unreported(outbox) -> list:
    """(reason, ranges) of this epoch that were given up and not yet reported."""
    return [(reason, [list(pair) for pair in pairs]) for reason, pairs in enumerate(outbox.numbers.lost) if pairs]


def reported(outbox, found: list) -> None:
    """What `unreported` said is queued by now, so the ledger may forget it, where nothing has come to it since."""
    lost = outbox.numbers.lost
    for reason, pairs in found:
        if lost[reason] == pairs:
            lost[reason] = []
    outbox.save()


def report_faults(node) -> bool:
    """Say what is broken now. False where that was said already."""
    text = "; ".join(["%s: %s" % pair for pair in sorted(node._broken.items())])[:120]
    if text == node._reported_faults:
        return False
    node._reported_faults = text
    node.report([("fault", text)])
    return True


def use_root(node, root: bytes, generation: int) -> None:
    """See `use_root` of the node."""
    node.generation = generation
    node._root = root
    node._down_keys = []
    borrowed.call("node_io.queue_rare", "use_root", node.outbox, root)
    print("key generation %d" % generation)


def share_names(node) -> None:
    """Let settings and measurements use the names that the application's code has brought, where it has: one copy is enough."""
    for names in (node._settings, node._measurements):
        for name in list(names):
            names[name.encode().decode()] = names.pop(name)


def report_mistake(node, part: str, error: Exception) -> None:
    """An exception that costs a part a new start, and not the node."""
    text = borrowed.call("node_io.crash_report", "describe", part, error, node.clock.now_ms())
    print("crash " + text)
    node._mistakes += 1
    # What fails again and again must not fill the queue.
    if node._mistakes <= _MISTAKES_MAX or not node._mistakes & 63:
        node.report([("crash", text)])


def hear_newer(node, payload: bytes, now_ms: int) -> bool:
    """A down frame that our key does not open may prove a newer generation's: then only its command to move counts."""
    node._proof_again_ms = now_ms + _PROOF_PAUSE_MS  # anybody can send garbage, and this costs time
    is_ours = node.outbox.is_our_epoch
    found = borrowed.call("node_io.start", "prove", payload, node.generation, node.node_id, is_ours)
    if found is None or node._first_sent.sent_ms(found[1].epoch, found[1].answered, now_ms) is None:
        return False
    for command in found[1].commands:
        if command[1:] == [6, found[0]]:
            borrowed.call("node_io.answer", "obey", node, found[1].gateway_id, command, found[0])
    return True

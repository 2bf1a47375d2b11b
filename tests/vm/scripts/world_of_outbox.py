# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the outbox scripts share: a listener, and a watch on every frame that was ever sealed."""

from node_core import frame
from node_core.keys import derive_root
from node_core.senml import encode_pack
from node_io.flash_store import FlashStore
from node_io.outbox import Outbox

ROOT = derive_root(bytes(range(16)), 0)
NODE = b"\xaa\xbb\xcc\xdd\xee\xff"
ALARM, RECORD, TREND = 0, 1, 2
told = {}  # epoch: the highest floor that a frame has told
sealed = {}  # (epoch, sequence): frame, of all lives of the node


class Reused(Exception):
    pass


class WatchedSealer(frame.Sealer):
    def seal(self, sequence, floor, pack):
        made = super().seal(sequence, floor, pack)
        key = (self.kid[6:], sequence)
        if key in sealed:
            raise Reused("number %d of epoch %s" % (sequence, self.kid[6:]))
        sealed[key] = made
        told[key[0]] = max(floor, told.get(key[0], 0))
        return made


import node_io.outbox

node_io.outbox.Sealer = WatchedSealer


class Listener:
    def __init__(self):
        self.acknowledged = []
        self.given_up = []
        self.faults = []
        self.epochs = []

    def acked(self, epoch, sequence):
        self.acknowledged.append((epoch, sequence))

    def lost(self, epoch, first, last, reason):
        for sequence in range(first, last + 1):
            self.given_up.append((epoch, sequence, reason))

    def fault(self, part, reason):
        self.faults.append((part, reason))

    def new_epoch(self, epoch, why):
        self.epochs.append((epoch, why))


def start(segments_max=64):
    """A node's outbox after a start, and who hears its events."""
    listener = Listener()
    return Outbox(ROOT, NODE, FlashStore("queue", segments_max, [10, 15, 300]), listener), listener


def pack(text):
    return encode_pack([("note", None, "s", 0, text, 0)], 1000, 1)


def held(outbox):
    """Every frame that the outbox will send, read back the way it would be sent: {(epoch, sequence): bytes}."""
    found = {}
    now_s = 0
    while True:
        due = outbox.next_due(now_s)
        if due is None:
            loaded = outbox._all()
            if not loaded or all(not waiting.remaining for waiting in loaded):
                return found
            if not any(outbox._store.resting):
                return found
            raise RuntimeError("a backlog that is never loaded")
        waiting, i = due
        frame_bytes = outbox.frame(waiting, i)
        if frame_bytes is not None:
            found[(waiting.epoch, waiting.sequences[i])] = frame_bytes
            outbox.acknowledge(waiting.epoch, [[waiting.sequences[i], waiting.sequences[i]]])

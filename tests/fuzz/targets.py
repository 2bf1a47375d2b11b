# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Every decoder of outside bytes, as a function that returns whatever the bytes are: an error of its own name is an answer.

`TARGETS` gives by name the function and its seeds, the good and bad bytes of tests/vectors. What a function lets through
(any other exception, or seconds without an answer) is a defect.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from collector import segments
from device_profiles import ProfileError, files
from gateway_agent.errors import WireError
from gateway_agent.journal import received, salvage, segment
from gateway_agent.model import GatewayId, Kid, Lane, OwnReading, Received
from gateway_agent.mqtt import packets
from gateway_agent.wire import (
    answer,
    batch,
    cbor,
    command,
    commissioning,
    down,
    encrypt,
    frame,
    gap,
    key_change,
    keys,
    label,
    loss,
    receipt,
    resend,
    sealed_master,
    senml,
    state,
    waveform,
)
from gateway_agent.wire.body import NodeTable, decode_body
from gateway_agent.wire.cose import ContentType
from tests.support import vectors

SEED_BYTES_MAX = 16_384  # the few above are there for a limit, and only slow everything down

Take = Callable[[bytes], object]


class Target(NamedTuple):
    """A decoder and the bytes to begin with."""

    take: Take
    seeds: Sequence[bytes]


@functools.cache
def _key(public: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))


def _only(errors: type[Exception] | tuple[type[Exception], ...], take: Take) -> Take:
    def guarded(data: bytes) -> object:
        try:
            return take(data)
        except errors:
            return None

    return guarded


def _seeds(*kinds: str, field: str = "hex") -> list[bytes]:
    found = (bytes.fromhex(item[field]) for kind in kinds for item in vectors.items(kind))
    return [data for data in found if len(data) <= SEED_BYTES_MAX]


def _signed(kind: str, open_it: Callable[[bytes, Ed25519PublicKey], Any]) -> Target:
    public = vectors.good(kind)[0]["public_key"]
    return Target(_only(WireError, lambda data: open_it(data, _key(public))), _seeds(kind))


_ROOT = keys.derive_root(bytes(16), 0)


def _frame(data: bytes) -> object:
    sealed = frame.parse_frame(data)
    return frame.open_frame(sealed, keys.derive_up(_ROOT, sealed.kid))


def _down_plain(data: bytes) -> object:
    return down._read_plain(cbor.decode(data))


def _payload(keys_of: frozenset[int], error: str) -> Take:
    """Behind an envelope that is always right: the payload's own reader."""
    from gateway_agent.wire.cose import Sign1
    from gateway_agent.wire.payload import PayloadReader

    def take(data: bytes) -> object:
        reader = PayloadReader(Sign1(0, bytes(8), data, b"", b""), error, keys_of)
        return reader.clock() if 6 in keys_of else reader.gateway_id

    return take


def _body(data: bytes) -> object:
    return decode_body(data, NodeTable())


def _loss(data: bytes) -> object:
    return loss.read_loss(OwnReading(loss.NAME, None, data))


def _segment(data: bytes) -> object:
    """The gateway's own reader and salvage, and the auditor's, on the same bytes."""
    found = segment.scan(data)
    salvage.first_of(found)
    salvage.instance_of(found)
    for item in segments.scan(data):
        if isinstance(item, segments.RawEntry):
            _only(WireError, segments.decode_body)(item.body)
    return received.decode_snapshot(data)


def _segment_entry(data: bytes) -> object:
    """An entry's body, with a checksum that fits: nothing is refused before it is read."""
    framed = segment.frame(data)
    segment.scan(framed)
    _only(WireError, segments.decode_body)(data)
    received.decode_snapshot(framed)
    salvage.peek_batch(data)
    return segment.decode_body(data)


def _segment_seeds() -> list[bytes]:
    entries = [
        segment.encode_header(segment.Header(GatewayId("piacenza-01"), Lane.RECORD, bytes(8), 1, bytes(32), None)),
        *(
            segment.encode_batch(
                segment.BatchEntry(1, (Received(Kid(bytes(14)), 0, ((0, 3),)),), bytes.fromhex(item["hex"]))
            )
            for item in vectors.good("batch")
            if len(item["hex"]) < SEED_BYTES_MAX
        ),
    ]
    return [*entries, b"".join(entries), entries[0] + b"\0" * 40 + entries[1]]


class _ProfileFolder:
    """A profile lies on a disk of memory while it is read."""

    def __init__(self) -> None:
        shm = Path("/dev/shm")
        self._root = Path(tempfile.mkdtemp(prefix="startcity-fuzz-", dir=shm if os.access(shm, os.W_OK) else None))
        atexit.register(shutil.rmtree, self._root, ignore_errors=True)
        self._path = self._root / "tank-l1" / "profile.toml"
        self._path.parent.mkdir()

    def take(self, data: bytes) -> object:
        self._path.write_bytes(data)
        return files.load_profile(self._path)


def _profile_seeds() -> list[bytes]:
    from tests.support.profile_folder import PROFILE

    return [PROFILE.encode(), *(path.read_bytes() for path in sorted(Path("device_profiles").glob("*/profile.toml")))]


def _mqtt(data: bytes) -> object:
    packets.PacketReader(5, 131_072).feed(data)
    return packets.PacketReader(4, 131_072).feed(data)


def _mqtt_seeds() -> list[bytes]:
    publish = packets.encode_publish(5, "sc/node/aabbccddee01/up", bytes(40), 7)
    return [
        publish,
        packets.encode_publish(4, "a", b""),
        b"\x20\x03\0\0\0",
        b"\x40\x02\0\x07",
        b"\x90\x04\0\x01\0\x01",
        b"\xd0\0",
    ]


def _plain_seeds() -> list[bytes]:
    return [cbor.encode(value) for value in (
        {0: [[1, 2], [4, 9]]}, {1: [1_790_000_000_000, 5]}, {2: [[1, 5, b"\xa1"], [2, 1, None]]}, {0: [[0, 0]], 2: [[3, 6, 1]]},
    )]  # fmt: skip


def _loss_seeds() -> list[bytes]:
    return [cbor.encode([bytes(14), [[0, 4], [9, 9]], 0]), cbor.encode([bytes(13), [], 1])]


def _payload_seeds(kind: str) -> list[bytes]:
    return [cbor.decode_envelope(bytes.fromhex(item["hex"])).value[2] for item in vectors.good(kind)]


def _master(data: bytes) -> object:
    """The file's splitter, and whatever piece it gives."""
    return [_only(WireError, sealed_master.parse_sealed_master)(piece) for piece in sealed_master.split_masters(data)]


def _label(data: bytes) -> object:
    return label.parse_label(data.decode("utf-8", "replace"))


def _commission_seeds() -> list[bytes]:
    found = []
    for item in vectors.good("commission"):
        key = X25519PrivateKey.from_private_bytes(bytes.fromhex(item["private_key"]))
        sealed = encrypt.parse_encrypted(bytes.fromhex(item["hex"]), ContentType.COMMISSION, 1 << 20, has_about=False)
        found.append(encrypt.open_encrypted(sealed, ContentType.COMMISSION, key))
    return found


def make_targets() -> dict[str, Target]:
    """By name, in the order of docs/wire.md."""
    return {
        "cbor": Target(_only(WireError, cbor.decode), _seeds("cbor")),
        "frame": Target(_only(WireError, _frame), _seeds("frame", field="frame")),
        "pack": Target(_only(WireError, senml.decode_pack), _seeds("pack")),
        "waveform": Target(_only(WireError, waveform.decode_waveform), _seeds("waveform")),
        "down": Target(_only(WireError, lambda data: down.open_down(data, _ROOT)), _seeds("down", field="down")),
        "down_plain": Target(_only(WireError, _down_plain), _plain_seeds()),
        "batch": _signed("batch", lambda data, key: batch.open_batch(data, key).opened_body()),
        "batch_payload": Target(
            _only(WireError, _payload(frozenset(range(13)), "BatchShape")), _payload_seeds("batch")
        ),
        "body": Target(_only(WireError, _body), _seeds("body")),
        "receipt": _signed("receipt", receipt.open_receipt),
        "state": _signed("state", state.open_state),
        "gap": _signed("gap", gap.open_gap),
        "command": _signed("command", command.open_command),
        "answer": _signed("answer", answer.open_answer),
        "key": _signed("key", key_change.open_key_change),
        "resend": _signed("resend", resend.open_resend),
        "master": Target(_master, _seeds("master")),
        "commission": Target(_only(WireError, commissioning.parse_commission), _commission_seeds()),
        "label": Target(_only(WireError, _label), [item["text"].encode() for item in vectors.items("label")]),
        "loss": Target(_only(WireError, _loss), _loss_seeds()),
        "segment": Target(_only(WireError, _segment), _segment_seeds()),
        "segment_entry": Target(
            _only((ValueError, WireError, segment.NewerVersionError), _segment_entry),
            [data[segment.HEAD_BYTES :] for data in _segment_seeds()[:3]],
        ),
        "profile": Target(_only(ProfileError, _ProfileFolder().take), _profile_seeds()),
        "mqtt": Target(_only(packets.MqttFormatError, _mqtt), _mqtt_seeds()),
    }


def names() -> Iterable[str]:
    """All targets."""
    return make_targets().keys()

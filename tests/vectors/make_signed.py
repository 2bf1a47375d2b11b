# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""batch.json, receipt.json, state.json, gap.json: what passes between a gateway and the city."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway_agent.model import ClockReading, GatewayId, Lane, LaneHead, Receipt
from gateway_agent.wire import batch, cbor, cose, gap, receipt, state
from gateway_agent.wire.body import NodeTable, encode_body
from gateway_agent.wire.cbor import Tag
from gateway_agent.wire.cose import ContentType
from gateway_agent.wire.signer import Signer
from tests.vectors import make_body

Item = dict[str, Any]

# TEST-ONLY keys: their seeds are published here.
GATEWAY_KEY = Signer(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"TEST-ONLY gateway").digest()))
COLLECTOR_KEY = Signer(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"TEST-ONLY collector").digest()))
GATEWAY = GatewayId("piacenza-01")
INSTANCE = bytes.fromhex("0102030405060708")
CLOCK = ClockReading(bytes.fromhex("b007b007b007b007"), 123456, make_body.T0 + 5, 1, 2)
NO_CLOCK = ClockReading(CLOCK.boot_id, 99, None, 0, None)
LINK = hashlib.sha256(b"the batch before").digest()


def clock_form(clock: ClockReading) -> Item:
    return {
        "boot_id": clock.boot_id.hex(),
        "monotonic_ms": clock.monotonic_ms,
        "wall_ms": clock.wall_ms,
        "clock_state": clock.state,
        "bound_s": clock.bound_s,
    }


def good(name: str, raw: bytes, signer: Signer, **meaning: Any) -> Item:
    return {"name": name, "public_key": signer.public_bytes.hex(), "hex": raw.hex(), **meaning}


# ------------------------------------------------------------------------------------------ defects of any signed thing


def _envelope(protected: Any, unprotected: Any, payload: Any, signature: Any, tag: int = 18) -> bytes:
    return cbor.encode(Tag(tag, [protected, unprotected, payload, signature]))


def bad_envelopes(raw: bytes, kind: ContentType, signer: Signer) -> list[tuple[str, bytes, str]]:
    protected, _, payload, signature = cbor.decode_envelope(raw).value
    ours = cbor.decode(protected)

    def with_protected(value: Any) -> bytes:
        return _envelope(cbor.encode(value), {}, payload, signature)

    def without(label: int) -> dict[int, Any]:
        return {key: value for key, value in ours.items() if key != label}

    other = ContentType.RECEIPT if kind != ContentType.RECEIPT else ContentType.GAP
    other_word = cose.sign1(kind, cose.external_aad(other, GATEWAY), payload, signer)
    return [
        ("no bytes", b"", "CborTruncated"),
        ("one byte short", raw[:-1], "CborTruncated"),
        ("one byte too many", raw + b"\x00", "CborTrailing"),
        ("an indefinite array", b"\xd2\x9f" + raw[2:] + b"\xff", "CborIndefinite"),
        ("a tag in a longer form", b"\xd8\x12" + raw[1:], "CborNotShortest"),
        ("no tag", raw[1:], "CoseTag"),
        ("COSE_Encrypt0's tag", b"\xd0" + raw[1:], "CoseTag"),
        ("COSE_Sign's tag", b"\xd8\x62" + raw[1:], "CoseTag"),
        ("three parts", cbor.encode(Tag(18, [protected, {}, payload])), "CoseShape"),
        ("a detached payload", _envelope(protected, {}, None, signature), "CoseShape"),
        ("an unprotected header that is an array", _envelope(protected, [], payload, signature), "CoseShape"),
        ("crit in the protected header", with_protected({**ours, 2: [3]}), "CoseCrit"),
        ("crit in the unprotected header", _envelope(protected, {2: [3]}, payload, signature), "CoseCrit"),
        ("an empty protected header", _envelope(b"", {}, payload, signature), "CoseAlgorithm"),
        ("the algorithm in the unprotected header only",
         _envelope(cbor.encode(without(1)), {1: -19}, payload, signature), "CoseAlgorithm"),
        ("the old algorithm number EdDSA", with_protected({**ours, 1: -8}), "CoseAlgorithm"),
        ("an HMAC", with_protected({**ours, 1: 5}), "CoseAlgorithm"),
        ("no key id", with_protected(without(4)), "CoseHeader"),
        ("no content type", with_protected(without(3)), "CoseHeader"),
        ("the key id in the unprotected header",
         _envelope(cbor.encode(without(4)), {4: signer.key_id}, payload, signature), "CoseHeader"),
        ("an unknown label", with_protected({**ours, 16: 1}), "CoseHeader"),
        ("anything in the unprotected header", _envelope(protected, {7: b""}, payload, signature), "CoseHeader"),
        ("a key id of 7 bytes", with_protected({**ours, 4: bytes(7)}), "CoseHeader"),
        ("another content type", with_protected({**ours, 3: int(other)}), "CoseContentType"),
        ("a content type in text", with_protected({**ours, 3: "application/cbor"}), "CoseContentType"),
        ("one bit of the signature changed", raw[:-1] + bytes((raw[-1] ^ 1,)), "SignatureInvalid"),
        ("a signature of 63 bytes", _envelope(protected, {}, payload, signature[:-1]), "SignatureInvalid"),
        ("an empty signature", _envelope(protected, {}, payload, b""), "SignatureInvalid"),
        ("another key's id", with_protected({**ours, 4: bytes(8)}), "SignatureInvalid"),
        ("signed under another kind's word", other_word, "SignatureInvalid"),
        ("a payload with a byte too many", _envelope(protected, {}, payload + b"\x00", signature), "CborTrailing"),
        ("a payload that is cut", _envelope(protected, {}, payload[:-1], signature), "CborTruncated"),
    ]  # fmt: skip


def bad_payloads(
    raw: bytes, kind: ContentType, signer: Signer, error: str, changes: list[tuple[str, dict[int, Any]]]
) -> list[tuple[str, bytes, str]]:
    """Authentic signatures over wrong payloads. A change to `...` removes the key."""
    content = cbor.decode(cbor.decode_envelope(raw).value[2])
    common: list[tuple[str, dict[int, Any]]] = [
        ("format version 2", {0: 2}),
        ("a format version that is true", {0: True}),
        ("a missing key", {1: ...}),
        ("an unknown key", {20: 0}),
        ("a gateway id with a space", {1: "piacenza 01"}),
        ("an empty gateway id", {1: ""}),
        ("a gateway id of 33 letters", {1: "a" * 33}),
    ]
    out = []
    for name, change in common + changes:
        changed = {key: value for key, value in {**content, **change}.items() if value is not ...}
        aad = cose.external_aad(kind, changed.get(1, GATEWAY))
        out.append((name, cose.sign1(kind, aad, cbor.encode(changed), signer), error))
    aad = cose.external_aad(kind, GATEWAY)
    out.append(("an array as payload", cose.sign1(kind, aad, b"\x80", signer), error))
    return out


def items(signer: Signer, cases: list[tuple[str, bytes, str]]) -> list[Item]:
    return [
        {"name": name, "public_key": signer.public_bytes.hex(), "hex": raw.hex(), "error": error}
        for name, raw, error in cases
    ]


SERIES: list[tuple[str, dict[int, Any]]] = [
    ("lane 3", {2: 3}),
    ("a lane in text", {2: "alarm"}),
    ("an instance of 7 bytes", {3: bytes(7)}),
    ("number 0", {4: 0}),
    ("number 2^53", {4: 1 << 53}),
    ("a link of 31 bytes", {5: bytes(31)}),
]
CLOCKS: list[tuple[str, dict[int, Any]]] = [
    ("a boot id of 16 bytes", {6: bytes(16)}),
    ("a negative monotonic time", {7: -1}),
    ("no wall time although synchronised", {8: None}),
    ("a wall time although the clock is unknown", {9: 0, 10: None}),
    ("a bound although the clock is unknown", {8: None, 9: 0}),
    ("clock state 3", {9: 3}),
    ("a bound as a float", {10: 0.5}),
]

# ------------------------------------------------------------------------------------------------------ batch


def _header(number: int, link: bytes, clock: ClockReading = CLOCK, lane: Lane = Lane.TREND) -> batch.BatchHeader:
    return batch.BatchHeader(GATEWAY, lane, INSTANCE, number, link, clock)


def _deflated(plain: bytes) -> bytes:
    """Raw DEFLATE with the fixed code (RFC 1951, 3.2.6): zlib's choices differ between its versions, these do not."""
    bits = ["1", "10"]  # the final block; type 1, low bit first
    place = 0
    while place < len(plain):
        byte = plain[place]
        bits.append(f"{0x30 + byte:08b}" if byte < 144 else f"{0x190 + byte - 144:09b}")
        place += 1
        while plain[place : place + 258] == bytes((byte,)) * 258:
            bits.append("11000101" + "00000")  # 258 times the byte before
            place += 258
    bits.append("0000000")
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[place : place + 8][::-1], 2) for place in range(0, len(text), 8))


def _sealed(number: int, packed: bytes) -> bytes:
    """A batch over a compressed body, whatever is in it."""
    content = {
        **{0: 1, 1: GATEWAY, 2: int(Lane.TREND), 3: INSTANCE, 4: number, 5: LINK},
        **{6: CLOCK.boot_id, 7: 1, 8: None, 9: 0, 10: None, 11: 1, 12: packed},
    }
    aad = cose.external_aad(ContentType.BATCH, GATEWAY)
    return cose.sign1(ContentType.BATCH, aad, cbor.encode(content), GATEWAY_KEY)


def make_batches() -> list[Item]:
    bodies = {name: encode_body(content, NodeTable()) for name, before, content in make_body.GOOD if not before}
    one, many = bodies["one frame"], bodies["40 frames of one node"]
    first = batch.seal_batch(_header(1, bytes(32)), one, GATEWAY_KEY)
    cases = [
        ("number 1, body not compressed", first, one),
        ("number 2, linked to number 1", batch.seal_batch(_header(2, batch.link_of(first)), one, GATEWAY_KEY), one),
        ("a compressed body", _sealed(4, _deflated(many)), many),
        ("a compressed body of exactly 1 MiB", _sealed(5, _deflated(bytes(1 << 20))), bytes(1 << 20)),
        ("an alarm without a known time", batch.seal_batch(_header(77, LINK, NO_CLOCK, Lane.ALARM), one, GATEWAY_KEY), one),
        ("a clock that was synchronised in this boot, bound not known", batch.seal_batch(
            _header(78, LINK, CLOCK._replace(state=2, bound_s=None), Lane.RECORD), one, GATEWAY_KEY), one),
    ]  # fmt: skip
    found = []
    for name, raw, body in cases:
        opened = batch.open_batch(raw, GATEWAY_KEY.public_key)
        header = opened.header
        found.append(
            good(
                name,
                raw,
                GATEWAY_KEY,
                gateway_id=header.gateway_id,
                lane=int(header.lane),
                instance=header.instance.hex(),
                number=header.number,
                link=header.link.hex(),
                **clock_form(header.clock),
                encoding=opened.encoding,
                body_sha256=hashlib.sha256(body).hexdigest(),
                link_of=batch.link_of(raw).hex(),
            )
        )
    changes = [
        *SERIES,
        *CLOCKS,
        ("number 1 with a link", {4: 1, 5: LINK}),
        ("encoding 2", {11: 2}),
        ("a body that is an array", {12: []}),
    ]
    bad = [("above 64 KiB", bytes(65537), "CborTooLong"), *bad_envelopes(cases[1][1], ContentType.BATCH, GATEWAY_KEY)]
    bad += bad_payloads(cases[1][1], ContentType.BATCH, GATEWAY_KEY, "BatchShape", changes)
    bad += [(name, raw, "BodyTooLong") for name, raw in _bad_bodies(many)]
    return found + items(GATEWAY_KEY, bad)


def _bad_bodies(many: bytes) -> list[tuple[str, bytes]]:
    """Compressed bodies that do not open."""
    zlib_form = b"\x78\x9c" + _deflated(many) + zlib.adler32(many).to_bytes(4, "big")
    return [
        ("a body of 1 MiB and one byte when opened", _sealed(3, _deflated(bytes((1 << 20) + 1)))),
        ("DEFLATE that is cut", _sealed(3, _deflated(many)[:-3])),
        ("DEFLATE with a byte after its end", _sealed(3, _deflated(many) + b"\x00")),
        ("DEFLATE in zlib's wrapping", _sealed(3, zlib_form)),
        ("no DEFLATE at all", _sealed(3, b"")),
    ]


# ------------------------------------------------------------------------------------------------------ receipt


def make_receipts() -> list[Item]:
    raws = []
    for lane, number in ((Lane.ALARM, 1), (Lane.TREND, (1 << 53) - 1)):
        word = Receipt(GATEWAY, lane, INSTANCE, number, LINK)
        raws.append((word, receipt.sign_receipt(word, COLLECTOR_KEY)))
    found = [
        good(
            f"everything of lane {word.lane.word} up to {word.number}",
            raw,
            COLLECTOR_KEY,
            gateway_id=word.gateway_id,
            lane=int(word.lane),
            instance=word.instance.hex(),
            number=word.number,
            link=word.link.hex(),
        )
        for word, raw in raws
    ]
    bad = bad_envelopes(raws[0][1], ContentType.RECEIPT, COLLECTOR_KEY)
    bad += bad_payloads(raws[0][1], ContentType.RECEIPT, COLLECTOR_KEY, "ReceiptShape", SERIES)
    return found + items(COLLECTOR_KEY, bad)


# ------------------------------------------------------------------------------------------------------ state


def make_states() -> list[Item]:
    heads = (
        LaneHead(Lane.ALARM, INSTANCE, 0, bytes(32)),
        LaneHead(Lane.RECORD, INSTANCE, 5, LINK),
        LaneHead(Lane.TREND, INSTANCE, 9, LINK),
    )
    cases = [
        ("online, three lanes", state.State(GATEWAY, CLOCK, heads, True)),
        ("a will before anything was sealed", state.State(GATEWAY, NO_CLOCK, (), False)),
        ("one lane", state.State(GATEWAY, CLOCK, heads[1:2], True)),
    ]
    found = []
    raws = []
    for name, value in cases:
        raw = state.sign_state(value, GATEWAY_KEY)
        raws.append(raw)
        listed = [[int(head.lane), head.instance.hex(), head.number, head.link.hex()] for head in value.heads]
        found.append(
            good(
                name,
                raw,
                GATEWAY_KEY,
                gateway_id=GATEWAY,
                **clock_form(value.clock),
                heads=listed,
                online=value.online,
            )
        )
    head = [0, INSTANCE, 1, LINK]
    changes = [
        *CLOCKS,
        ("lanes that are a map", {13: {}}),
        ("a lane of three parts", {13: [head[:3]]}),
        ("lane 3", {13: [[3, *head[1:]]]}),
        ("a lane twice", {13: [head, head]}),
        ("lanes in falling order", {13: [[2, *head[1:]], head]}),
        ("an instance of 7 bytes", {13: [[0, bytes(7), 1, LINK]]}),
        ("a negative number", {13: [[0, INSTANCE, -1, LINK]]}),
        ("a link of 33 bytes", {13: [[0, INSTANCE, 1, bytes(33)]]}),
        ("an empty lane with a link", {13: [[0, INSTANCE, 0, LINK]]}),
        ("online as a number", {14: 1}),
    ]
    bad = bad_envelopes(raws[0], ContentType.STATE, GATEWAY_KEY)
    bad += bad_payloads(raws[0], ContentType.STATE, GATEWAY_KEY, "StateShape", changes)
    return found + items(GATEWAY_KEY, bad)


# ------------------------------------------------------------------------------------------------------ gap


def make_gaps() -> list[Item]:
    cases = [
        ("the first batches were evicted", gap.Gap(GATEWAY, Lane.TREND, INSTANCE, 1, 250, LINK, gap.GapReason.EVICTED)),
        ("one damaged batch", gap.Gap(GATEWAY, Lane.ALARM, INSTANCE, 7, 7, LINK, gap.GapReason.DAMAGED)),
        (
            "what the city has lost since its receipt",
            gap.Gap(GATEWAY, Lane.RECORD, INSTANCE, 3, 40, LINK, gap.GapReason.TRIMMED),
        ),
    ]
    found = []
    raws = []
    for name, value in cases:
        raw = gap.sign_gap(value, GATEWAY_KEY)
        raws.append(raw)
        found.append(
            good(
                name,
                raw,
                GATEWAY_KEY,
                gateway_id=GATEWAY,
                lane=int(value.lane),
                instance=INSTANCE.hex(),
                first=value.first,
                last=value.last,
                link=value.link.hex(),
                reason=int(value.reason),
                link_of=batch.link_of(raw).hex(),
            )
        )
    changes = [
        *SERIES,
        ("a gap that ends before it begins", {15: 251}),
        ("a first number of 0", {15: 0}),
        ("reason 3", {16: 3}),
    ]
    bad = bad_envelopes(raws[0], ContentType.GAP, GATEWAY_KEY)
    bad += bad_payloads(raws[0], ContentType.GAP, GATEWAY_KEY, "GapShape", changes)
    return found + items(GATEWAY_KEY, bad)


MAKERS: dict[str, Callable[[], list[Item]]] = {
    "batch": make_batches,
    "receipt": make_receipts,
    "state": make_states,
    "gap": make_gaps,
}

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""command.json, answer.json, key.json, resend.json: what the city asks of a gateway, and its keys' succession."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway_agent.model import Lane, LaneHead, NodeId
from gateway_agent.wire import answer, cbor, command, key_change, resend
from gateway_agent.wire.cose import ContentType
from gateway_agent.wire.signer import Signer
from tests.vectors import make_signed
from tests.vectors.forms import form
from tests.vectors.make_signed import CLOCK, COLLECTOR_KEY, GATEWAY, GATEWAY_KEY, INSTANCE, LINK, NO_CLOCK

Item = dict[str, Any]
Changes = list[tuple[str, dict[int, Any]]]

# TEST-ONLY keys: their seeds are published here.
OPERATOR_KEY = Signer(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"TEST-ONLY operator").digest()))
NEXT_KEY = Signer(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"TEST-ONLY next gateway key").digest()))
NODE = NodeId(bytes.fromhex("aabbccddeeff"))


def _bad(raw: bytes, kind: ContentType, signer: Signer, error: str, changes: Changes) -> list[Item]:
    cases = make_signed.bad_envelopes(raw, kind, signer)
    return make_signed.items(signer, cases + make_signed.bad_payloads(raw, kind, signer, error, changes))


def make_commands() -> list[Item]:
    base = command.CityCommand(GATEWAY, CLOCK.boot_id, 1_790_000_000_000, 600_000, 1, NODE)
    settings = cbor.encode({"each_s": 60, "gain": 1.5})
    cases = [
        ("identify a node", base),
        ("configure a node", base._replace(number=1, code=5, argument=settings)),
        ("a node to key generation 3", base._replace(code=6, argument=3)),
        ("the gateway's status", base._replace(code=64, node_id=None)),
        ("a new signing key", base._replace(code=65, node_id=None)),
        ("all nodes to key generation 1", base._replace(code=66, node_id=None, argument=1)),
        ("a code that nobody knows", base._replace(code=255, node_id=None, argument="?")),
        ("the largest numbers", base._replace(number=(1 << 53) - 1, last_ms=(1 << 53) - 1, argument=-(1 << 63))),
    ]
    items, raws = [], []
    for name, value in cases:
        raw = command.sign_command(value, OPERATOR_KEY)
        raws.append(raw)
        items.append(
            make_signed.good(
                name,
                raw,
                OPERATOR_KEY,
                gateway_id=value.gateway_id,
                boot_id=value.boot_id.hex(),
                number=value.number,
                last_ms=value.last_ms,
                code=value.code,
                node=None if value.node_id is None else value.node_id.hex(),
                argument=form(value.argument),
            )
        )
    changes: Changes = [
        ("a boot id of 7 bytes", {6: bytes(7)}),
        ("number 0", {17: 0}),
        ("number 2^53", {17: 1 << 53}),
        ("a negative time", {18: -1}),
        ("a time as a decimal fraction", {18: cbor.Tag(4, [-3, 1])}),
        ("code 256", {19: 256}),
        ("a code in text", {19: "identify"}),
        ("a node's command without a node", {20: None}),
        ("a gateway's command with a node", {19: 64}),
        ("a node id of 7 bytes", {20: bytes(7)}),
        ("a float as argument", {21: 1.5}),
        ("an array as argument", {21: [1]}),
        ("an argument beyond 64 bits", {21: 1 << 63}),
        ("text of 257 bytes as argument", {21: "a" * 257}),
        ("801 bytes as argument", {21: bytes(801)}),
    ]
    return items + _bad(raws[0], ContentType.COMMAND, OPERATOR_KEY, "CommandShape", changes)


def make_answers() -> list[Item]:
    digest, operator = hashlib.sha256(b"the command").digest(), OPERATOR_KEY.key_id
    base = answer.Answer(GATEWAY, CLOCK, 7, 7, answer.AnswerState.TAKEN, "", None, digest, operator)
    cases = [
        ("taken", base),
        ("done, with the node's result", base._replace(state=answer.AnswerState.DONE, result=0)),
        ("done, with a status in text", base._replace(state=answer.AnswerState.DONE, result='{"gateway": "x"}')),
        ("done, with a new public key", base._replace(state=answer.AnswerState.DONE, result=NEXT_KEY.public_bytes)),
        (
            "refused as a replay",
            base._replace(number=3, highest=9, state=answer.AnswerState.REFUSED, reason="CommandNumber"),
        ),
        ("replaced, by a gateway without a clock", base._replace(clock=NO_CLOCK, state=answer.AnswerState.REPLACED)),
    ]
    items, raws = [], []
    for name, value in cases:
        raw = answer.sign_answer(value, GATEWAY_KEY)
        raws.append(raw)
        items.append(
            make_signed.good(
                name,
                raw,
                GATEWAY_KEY,
                gateway_id=value.gateway_id,
                **make_signed.clock_form(value.clock),
                number=value.number,
                highest=value.highest,
                state=int(value.state),
                reason=value.reason,
                result=form(value.result),
                digest=value.digest.hex(),
                operator=value.operator.hex(),
            )
        )
    changes: Changes = [
        *make_signed.CLOCKS,
        ("number 0", {17: 0}),
        ("a negative highest number", {18: -1}),
        ("state 6", {19: 6}),
        ("a reason of 257 bytes", {20: "a" * 257}),
        ("a reason in bytes", {20: b""}),
        ("a boolean as result", {21: True}),
        ("a result beyond 64 bits", {21: -(1 << 63) - 1}),
        ("49,153 bytes as result", {21: bytes(49_153)}),
        ("a digest of 31 bytes", {22: bytes(31)}),
        ("an operator's key id of 9 bytes", {23: bytes(9)}),
    ]
    return items + _bad(raws[0], ContentType.ANSWER, GATEWAY_KEY, "AnswerShape", changes)


def make_key_changes() -> list[Item]:
    heads = (
        LaneHead(Lane.ALARM, INSTANCE, 0, bytes(32)),
        LaneHead(Lane.RECORD, INSTANCE, 5, LINK),
        LaneHead(Lane.TREND, INSTANCE, 9, LINK),
    )
    items, raws = [], []
    for name, clock, old, new in (
        ("the next key", CLOCK, GATEWAY_KEY, NEXT_KEY),
        ("the key after it, without a clock", NO_CLOCK, NEXT_KEY, COLLECTOR_KEY),
    ):
        raw = key_change.sign_key_change(GATEWAY, clock, heads, old, new)
        raws.append(raw)
        items.append(
            make_signed.good(
                name,
                raw,
                old,
                gateway_id=GATEWAY,
                **make_signed.clock_form(clock),
                heads=[[int(head.lane), head.instance.hex(), head.number, head.link.hex()] for head in heads],
                new_public=new.public_bytes.hex(),
            )
        )
    head = [0, INSTANCE, 1, LINK]
    own_proof = GATEWAY_KEY.sign(
        cbor.encode(["sc1", "key proof", GATEWAY, GATEWAY_KEY.key_id, GATEWAY_KEY.public_bytes])
    )
    changes: Changes = [
        *make_signed.CLOCKS,
        ("lanes that are a map", {13: {}}),
        ("a lane that is missing", {13: [head, [1, *head[1:]]]}),
        ("a lane twice", {13: [head, head, [2, *head[1:]]]}),
        ("an empty lane with a link", {13: [[0, INSTANCE, 0, LINK], [1, *head[1:]], [2, *head[1:]]]}),
        ("a key of 31 bytes", {22: bytes(31)}),
        ("a proof of 63 bytes", {23: bytes(63)}),
        ("the old key again", {22: GATEWAY_KEY.public_bytes, 23: own_proof}),
    ]
    items += _bad(raws[0], ContentType.KEY, GATEWAY_KEY, "KeyShape", changes)
    proof = NEXT_KEY.sign(cbor.encode(["sc1", "key proof", "piacenza-02", GATEWAY_KEY.key_id, NEXT_KEY.public_bytes]))
    forged = [
        ("a proof for another gateway", {23: proof}),
        ("a proof by another key", {22: COLLECTOR_KEY.public_bytes}),
        ("a public key that is no point of the curve", {22: b"\xff" * 32}),
    ]
    for name, change in forged:
        content = cbor.decode(cbor.decode_envelope(raws[0]).value[2]) | change
        aad = make_signed.cose.external_aad(ContentType.KEY, GATEWAY)
        raw = make_signed.cose.sign1(ContentType.KEY, aad, cbor.encode(content), GATEWAY_KEY)
        items += make_signed.items(GATEWAY_KEY, [(name, raw, "SignatureInvalid")])
    return items


def make_resends() -> list[Item]:
    items, raws = [], []
    for lane, number, link in ((Lane.ALARM, 0, bytes(32)), (Lane.TREND, 41, LINK)):
        value = resend.Resend(GATEWAY, lane, INSTANCE, number, link, CLOCK.boot_id, 1_790_000_000_000)
        raw = resend.sign_resend(value, COLLECTOR_KEY)
        raws.append(raw)
        items.append(
            make_signed.good(
                f"lane {lane.word} behind {number}",
                raw,
                COLLECTOR_KEY,
                gateway_id=GATEWAY,
                lane=int(lane),
                instance=INSTANCE.hex(),
                number=number,
                link=link.hex(),
                boot_id=CLOCK.boot_id.hex(),
                request=value.request,
            )
        )
    changes: Changes = [
        *((name, change) for name, change in make_signed.SERIES if name != "number 0"),
        ("nothing held, with a link", {5: LINK}),
        ("a boot id of 7 bytes", {6: bytes(7)}),
        ("request 0", {17: 0}),
    ]
    return items + _bad(raws[0], ContentType.RESEND, COLLECTOR_KEY, "ResendShape", changes)


MAKERS: dict[str, Callable[[], list[Item]]] = {
    "command": make_commands,
    "answer": make_answers,
    "key": make_key_changes,
    "resend": make_resends,
}

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The gateway's answer to an operator's command (docs/wire.md, 16)."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.model import ClockReading, GatewayId
from gateway_agent.wire import cbor, payload
from gateway_agent.wire.cose import KEY_ID_BYTES, ContentType, Sign1, external_aad, sign1
from gateway_agent.wire.limits import TEXT_BYTES_MAX, is_int64
from gateway_agent.wire.signer import Signer

RESULT_BYTES_MAX = 49_152
DIGEST_BYTES = 32

_KEYS = frozenset({0, 1, 6, 7, 8, 9, 10, 17, 18, 19, 20, 21, 22, 23})


class AnswerState(IntEnum):
    """How far a command has come. All but the first are the end."""

    TAKEN = 0  # durable; it waits for its node
    DONE = 1
    FAILED = 2
    REFUSED = 3  # not executed, and never will be
    EXPIRED = 4  # its node was not heard in time
    REPLACED = 5  # by a newer command for the node

    @property
    def word(self) -> str:
        return self.name.lower()


class Answer(NamedTuple):
    """`digest` is the SHA-256 of the exact bytes of the command, so an answer belongs to one command.

    `highest` is the highest number that was taken of this operator's key, 0 for none. `reason` is empty, or an error's
    name, with words behind a colon.
    """

    gateway_id: GatewayId
    clock: ClockReading
    number: int
    highest: int
    state: AnswerState
    reason: str
    result: int | str | bytes | None
    digest: bytes
    operator: bytes


def sign_answer(answer: Answer, signer: Signer) -> bytes:
    """Make an answer.

    Raises:
        ValueError: a field out of range.
    """
    content = {
        0: payload.VERSION,
        1: answer.gateway_id,
        **payload.clock_map(answer.clock),
        17: answer.number,
        18: answer.highest,
        19: int(answer.state),
        20: answer.reason,
        21: answer.result,
        22: answer.digest,
        23: answer.operator,
    }
    data = sign1(ContentType.ANSWER, external_aad(ContentType.ANSWER, answer.gateway_id), cbor.encode(content), signer)
    try:
        _parse(data)
    except WireError as error:
        raise ValueError(error.detail) from None
    return data


def open_answer(data: bytes, public_key: Ed25519PublicKey) -> Answer:
    """Read and prove an answer. The caller compares gateway id and digest.

    Raises:
        WireError: as for every signed thing (section 11), `AnswerShape`, `SignatureInvalid`.
    """
    signed, answer = _parse(data)
    payload.verify(signed, ContentType.ANSWER, answer.gateway_id, public_key)
    return answer


def _parse(data: bytes) -> tuple[Sign1, Answer]:
    signed, reader = payload.parse(data, ContentType.ANSWER, "AnswerShape", _KEYS)
    reason, result = reader.raw(20), reader.raw(21)
    reader.check(type(reason) is str and len(reason.encode()) <= TEXT_BYTES_MAX, "a reason in text at 20")
    reader.check(_is_result(result), "null, an integer, text or bytes at 21")
    return signed, Answer(
        reader.gateway_id,
        reader.clock(),
        reader.uint(17, minimum=1),
        reader.uint(18),
        AnswerState(reader.uint(19, max(AnswerState))),
        reason,
        result,
        reader.exact(22, DIGEST_BYTES),
        reader.exact(23, KEY_ID_BYTES),
    )


def _is_result(value: object) -> bool:
    match value:
        case None:
            return True
        case bool():
            return False
        case int():
            return is_int64(value)
        case str():
            return len(value.encode()) <= RESULT_BYTES_MAX
        case bytes():
            return len(value) <= RESULT_BYTES_MAX
    return False

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The command of an operator to a gateway (docs/wire.md, 15)."""

from __future__ import annotations

from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.model import GatewayId, NodeId
from gateway_agent.wire import cbor, payload
from gateway_agent.wire.cose import ContentType, Sign1, external_aad, sign1
from gateway_agent.wire.down import CODES, COMMAND_CODE_MAX, Argument
from gateway_agent.wire.keys import NODE_ID_BYTES
from gateway_agent.wire.limits import TEXT_BYTES_MAX, TIME_MS_MAX, is_int64
from gateway_agent.wire.signer import Signer

GATEWAY_CODE_MIN = 64
CODE_STATUS, CODE_ROTATE_KEY, CODE_MOVE_NODES = 64, 65, 66
GATEWAY_CODES = {"status": CODE_STATUS, "rotate-key": CODE_ROTATE_KEY, "move-nodes": CODE_MOVE_NODES}
CITY_CODES = CODES | GATEWAY_CODES
CITY_WORDS = {code: word for word, code in CITY_CODES.items()}
ARGUMENT_BYTES_MAX = 800

_KEYS = frozenset({0, 1, 6, 17, 18, 19, 20, 21})


class CityCommand(NamedTuple):
    """What an operator asks of one gateway, or of one node through it.

    `boot_id` and `last_ms` are the gateway's own: it begins nothing after that monotonic time of that boot. `number`
    rises with each command of an operator's key. `node_id` is None exactly for the codes from 64 on.
    """

    gateway_id: GatewayId
    boot_id: bytes
    number: int
    last_ms: int
    code: int
    node_id: NodeId | None = None
    argument: Argument = None


def sign_command(command: CityCommand, signer: Signer) -> bytes:
    """Make a command.

    Raises:
        ValueError: a field out of range.
    """
    content = {
        0: payload.VERSION,
        1: command.gateway_id,
        6: command.boot_id,
        17: command.number,
        18: command.last_ms,
        19: command.code,
        20: command.node_id,
        21: command.argument,
    }
    data = sign1(
        ContentType.COMMAND, external_aad(ContentType.COMMAND, command.gateway_id), cbor.encode(content), signer
    )
    try:
        parse_command(data)
    except WireError as error:
        raise ValueError(error.detail) from None
    return data


def parse_command(data: bytes) -> tuple[Sign1, CityCommand]:
    """Read a command; proves nothing.

    Raises:
        WireError: as for every signed thing (section 11), `CommandShape`.
    """
    signed, reader = payload.parse(data, ContentType.COMMAND, "CommandShape", _KEYS)
    code = reader.uint(19, COMMAND_CODE_MAX)
    node_id = reader.raw(20)
    if code < GATEWAY_CODE_MIN:
        reader.check(type(node_id) is bytes and len(node_id) == NODE_ID_BYTES, "a node id at 20")
    else:
        reader.check(node_id is None, "null at 20")
    argument = reader.raw(21)
    reader.check(_is_argument(argument), "null, an integer, a boolean, text or bytes at 21")
    return signed, CityCommand(
        reader.gateway_id,
        reader.exact(6, payload.ID_BYTES),
        reader.uint(17, minimum=1),
        reader.uint(18, TIME_MS_MAX),
        code,
        None if node_id is None else NodeId(node_id),
        argument,
    )


def verify_command(signed: Sign1, command: CityCommand, public_key: Ed25519PublicKey) -> None:
    """Prove what `parse_command` read. Raises: WireError: `SignatureInvalid`."""
    payload.verify(signed, ContentType.COMMAND, command.gateway_id, public_key)


def open_command(data: bytes, public_key: Ed25519PublicKey) -> CityCommand:
    """Read and prove a command. Raises: WireError: as `parse_command`, then `SignatureInvalid`."""
    signed, command = parse_command(data)
    verify_command(signed, command, public_key)
    return command


def _is_argument(value: object) -> bool:
    match value:
        case None | bool():
            return True
        case int():
            return is_int64(value)
        case str():
            return len(value.encode()) <= TEXT_BYTES_MAX
        case bytes():
            return len(value) <= ARGUMENT_BYTES_MAX
    return False

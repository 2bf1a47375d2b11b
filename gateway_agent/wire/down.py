# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The down frame: what a gateway tells one node (docs/wire.md, 4)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from gateway_agent.errors import WireError
from gateway_agent.model import GatewayId, Kid
from gateway_agent.wire import cbor, headers
from gateway_agent.wire.cbor import head
from gateway_agent.wire.keys import KID_BYTES, NODE_ID_BYTES, NONCE_BYTES, PROTECTED, TAG_BYTES, derive_down
from gateway_agent.wire.limits import FRAME_BYTES_MAX, SEQUENCE_MAX, TIME_MS_MAX, UINT32_MAX, is_gateway_id, is_uint

RANGES_MAX = 8
COMMANDS_MAX = 8
COMMAND_CODE_MAX = 255
CODE_CONFIGURE = 5
CODE_GENERATION = 6
CODES = {
    "identify": 1,
    "reboot": 2,
    "sample": 3,
    "rezero": 4,
    "configure": CODE_CONFIGURE,
    "generation": CODE_GENERATION,
}

_PROTECTED_LABELS = frozenset({headers.ALGORITHM})
_UNPROTECTED_LABELS = frozenset({headers.KID, headers.IV, headers.KID_CONTEXT})

# What stands before each variable part of an envelope and of what is authenticated with it.
_BEGIN = head(6, headers.ENCRYPT0_TAG) + b"\x83" + cbor.encode(PROTECTED) + b"\xa3"
_KID = bytes((headers.KID,)) + head(2, KID_BYTES)
_IV = bytes((headers.IV,)) + head(2, NONCE_BYTES)
_KID_CONTEXT = bytes((headers.KID_CONTEXT,))
_ENC_STRUCTURE = b"\x83" + cbor.encode("Encrypt0") + cbor.encode(PROTECTED)
_EXTERNAL = b"\x86" + cbor.encode("sc-frame-1") + b"\x01" + head(2, NODE_ID_BYTES)
_EPOCH = head(2, KID_BYTES - NODE_ID_BYTES)

Argument = int | bool | str | bytes | None


class Command(NamedTuple):
    """Something the node is asked to do. `command_id` rises per gateway."""

    command_id: int
    code: int
    argument: Argument = None


class Down(NamedTuple):
    """What a down frame says. `city_time_ms` and `bound_ms` are both given or both None."""

    gateway_id: GatewayId
    answered_sequence: int
    acknowledged: tuple[tuple[int, int], ...] = ()
    city_time_ms: int | None = None
    bound_ms: int | None = None
    commands: tuple[Command, ...] = ()


class SealedDown(NamedTuple):
    """A down frame whose key is not known yet."""

    kid: Kid
    iv: bytes
    gateway_id: GatewayId
    answered_sequence: int
    ciphertext: bytes


def seal_down(
    down_key: bytes,
    gateway_id: GatewayId,
    kid: Kid,
    iv: bytes,
    answered_sequence: int,
    acknowledged: Sequence[tuple[int, int]] = (),
    city_time_ms: int | None = None,
    bound_ms: int | None = None,
    commands: Sequence[Command] = (),
) -> bytes:
    """Make a down frame.

    Args:
        down_key: 16 bytes of `derive_down`.
        iv: 13 bytes that this key has never seen: 8 random bytes of this start, then a counter.
        acknowledged: inclusive ranges, ascending, disjoint, at most 8.

    Raises:
        ValueError: it would say nothing, or not be valid.
    """
    if len(iv) != NONCE_BYTES:
        raise ValueError(f"an IV has {NONCE_BYTES} bytes")
    parts = [b""]
    if acknowledged:
        parts.append(b"\x00" + head(4, len(acknowledged)))
        before = -1
        for first, last in acknowledged:
            if not before < first <= last <= SEQUENCE_MAX:
                raise ValueError("ranges ascend, are disjoint, and hold sequence numbers")
            before = last
            parts.append(b"\x82" + head(0, first) + head(0, last))
        if len(acknowledged) > RANGES_MAX:
            raise ValueError(f"at most {RANGES_MAX} ranges")
    if city_time_ms is not None:
        if bound_ms is None or not is_uint(city_time_ms, TIME_MS_MAX) or not is_uint(bound_ms, TIME_MS_MAX):
            raise ValueError("city time and its bound are both given, in ms")
        parts.append(b"\x01\x82" + head(0, city_time_ms) + head(0, bound_ms))
    if commands:
        listed = [list(command) for command in commands]
        try:
            _read_plain({2: listed})
        except WireError as error:
            raise ValueError(error.detail) from None
        parts.append(b"\x02" + cbor.encode(listed))
    count = bool(acknowledged) + (city_time_ms is not None) + bool(commands)
    if not count:
        raise ValueError("a down frame says something")
    parts[0] = head(5, count)
    return envelope(down_key, gateway_id, kid, iv, answered_sequence, b"".join(parts))


def envelope(
    down_key: bytes, gateway_id: GatewayId, kid: Kid, iv: bytes, answered_sequence: int, plaintext: bytes
) -> bytes:
    """Encrypt any plaintext as a down frame; tests use it to make authentic nonsense."""
    associated = _associated(gateway_id, kid, answered_sequence)
    ciphertext = AESCCM(down_key, tag_length=TAG_BYTES).encrypt(iv, plaintext, associated)
    context = b"\x82" + _text(gateway_id) + head(0, answered_sequence)
    # Assembled by hand, because a gateway makes some thousand of these a second.
    return b"".join(
        (_BEGIN, _KID, kid, _IV, iv, _KID_CONTEXT, head(2, len(context)), context, head(2, len(ciphertext)), ciphertext)
    )


def parse_down(data: bytes) -> SealedDown:
    """Read a down frame's envelope.

    Raises:
        WireError: `FrameTooLong`, `Cbor...`, `Cose...` or `FrameKid`.
    """
    if len(data) > FRAME_BYTES_MAX:
        raise WireError("FrameTooLong", f"{len(data)} bytes")
    protected, unprotected, ciphertext = headers.open_envelope(data, headers.ENCRYPT0_TAG, (bytes, dict, bytes))
    headers.check_headers(protected, unprotected, headers.AES_CCM_16_128_128, _PROTECTED_LABELS, _UNPROTECTED_LABELS)
    iv = unprotected[headers.IV]
    if type(iv) is not bytes or len(iv) != NONCE_BYTES:
        raise WireError("CoseHeader", "an IV has 13 bytes")
    context_bytes = unprotected[headers.KID_CONTEXT]
    if type(context_bytes) is not bytes:
        raise WireError("CoseHeader", "the context is bytes")
    context = cbor.decode(context_bytes)
    if type(context) is not list or len(context) != 2:
        raise WireError("CoseHeader", "the context is [gateway id, answered sequence]")
    gateway_id, answered = context
    if not is_gateway_id(gateway_id) or not is_uint(answered, SEQUENCE_MAX):
        raise WireError("CoseHeader", "the context is [gateway id, answered sequence]")
    kid = headers.check_kid(unprotected[headers.KID])
    return SealedDown(kid, iv, GatewayId(gateway_id), answered, ciphertext)


def open_down(data: bytes, root: bytes) -> Down:
    """Read a down frame, as a node does.

    Raises:
        WireError: as `parse_down`, then `FrameTag`, `Cbor...` of the plaintext, `DownShape`.
    """
    kid, iv, gateway_id, answered, ciphertext = parse_down(data)
    key = derive_down(root, gateway_id, kid)
    try:
        plaintext = AESCCM(key, tag_length=TAG_BYTES).decrypt(iv, ciphertext, _associated(gateway_id, kid, answered))
    except InvalidTag:
        raise WireError("FrameTag") from None
    acknowledged, time, commands = _read_plain(cbor.decode(plaintext))
    return Down(gateway_id, answered, acknowledged, *time, commands)


def _associated(gateway_id: GatewayId, kid: Kid, answered: int) -> bytes:
    """`["Encrypt0", protected, << ["sc-frame-1", 1, node id, epoch, gateway id, answered sequence] >>]`."""
    node, epoch = kid[:NODE_ID_BYTES], kid[NODE_ID_BYTES:]
    external = b"".join((_EXTERNAL, node, _EPOCH, epoch, _text(gateway_id), head(0, answered)))
    return b"".join((_ENC_STRUCTURE, head(2, len(external)), external))


@lru_cache(maxsize=8)
def _text(gateway_id: GatewayId) -> bytes:
    return cbor.encode(gateway_id)


_Plain = tuple[tuple[tuple[int, int], ...], tuple[int | None, int | None], tuple[Command, ...]]


def _read_plain(plain: object) -> _Plain:
    if type(plain) is not dict or not plain or not plain.keys() <= {0, 1, 2}:
        raise WireError("DownShape", "a map with some of the keys 0, 1, 2")
    acknowledged: tuple[tuple[int, int], ...] = ()
    time: tuple[int | None, int | None] = (None, None)
    commands: tuple[Command, ...] = ()
    if 0 in plain:
        acknowledged = _read_ranges(plain[0])
    if 1 in plain:
        pair = plain[1]
        if type(pair) is not list or len(pair) != 2 or not all(is_uint(part, TIME_MS_MAX) for part in pair):
            raise WireError("DownShape", "[city time ms, bound ms]")
        time = (pair[0], pair[1])
    if 2 in plain:
        listed = plain[2]
        if type(listed) is not list or not 1 <= len(listed) <= COMMANDS_MAX:
            raise WireError("DownShape", f"1 to {COMMANDS_MAX} commands")
        commands = tuple(map(_read_command, listed))
    return acknowledged, time, commands


def _read_ranges(ranges: object) -> tuple[tuple[int, int], ...]:
    if type(ranges) is not list or not 1 <= len(ranges) <= RANGES_MAX:
        raise WireError("DownShape", f"1 to {RANGES_MAX} ranges")
    result = []
    before = -1
    for pair in ranges:
        if type(pair) is not list or len(pair) != 2 or not all(is_uint(part, SEQUENCE_MAX) for part in pair):
            raise WireError("DownShape", "a range is two sequence numbers")
        first, last = pair
        if not before < first <= last:
            raise WireError("DownShape", "ranges ascend and are disjoint")
        before = last
        result.append((first, last))
    return tuple(result)


def _read_command(command: object) -> Command:
    if type(command) is not list or len(command) != 3:
        raise WireError("DownShape", "[command id, code, argument]")
    command_id, code, argument = command
    if not is_uint(command_id, UINT32_MAX) or not is_uint(code, COMMAND_CODE_MAX):
        raise WireError("DownShape", "a command's id and code are small numbers")
    if argument is not None and type(argument) not in (int, bool, str, bytes):
        raise WireError("DownShape", "an argument is null, an integer, a boolean, text or bytes")
    return Command(command_id, code, argument)

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A node's master, sealed on the bench for the city's vault (docs/wire.md, 19). Pure; for the tools of the bench, too."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.model import NodeId
from gateway_agent.wire import cbor, encrypt
from gateway_agent.wire.cose import ContentType
from gateway_agent.wire.encrypt import Encrypted
from gateway_agent.wire.keys import KEY_BYTES, NODE_ID_BYTES
from gateway_agent.wire.limits import TIME_MS_MAX, is_uint

VERSION = 1
SEALED_MASTER_BYTES_MAX = 512
BENCH_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
PROFILE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
_FIRST = b"\xd8\x60\x84"  # tag 96, an array of four parts: each entry of a masters file begins so


class SealedMaster(NamedTuple):
    """What stands in clear beside a sealed master. Proved only once it was opened.

    `made_at_ms` is the bench's wall clock; `bench_id` is what the bench calls itself: nothing proves who sealed.
    """

    node_id: NodeId
    profile: str
    made_at_ms: int
    bench_id: str


def seal_master(
    about: SealedMaster,
    master: bytes,
    vault: X25519PublicKey,
    *,
    ephemeral: X25519PrivateKey | None = None,
    iv: bytes | None = None,
) -> bytes:
    """Seal a 16-byte master for the vault. `ephemeral` and `iv` are for vectors only.

    Raises:
        ValueError: a field out of range.
    """
    if len(master) != KEY_BYTES:
        raise ValueError(f"a master has {KEY_BYTES} bytes, not {len(master)}")
    node_id, profile, made_at_ms, bench_id = about
    content = [VERSION, bytes(node_id), profile, made_at_ms, bench_id]
    try:
        _read_about(content)
    except WireError as error:
        raise ValueError(error.detail) from None
    return encrypt.seal(ContentType.MASTER, master, vault, content, ephemeral=ephemeral, iv=iv)


def parse_sealed_master(data: bytes) -> tuple[Encrypted, SealedMaster]:
    """Read what stands in clear; proves nothing.

    Raises:
        WireError: `CborTooLong`, `Cbor...`, `Cose...`, `MasterShape`.
    """
    sealed = encrypt.parse_encrypted(data, ContentType.MASTER, SEALED_MASTER_BYTES_MAX, has_about=True)
    return sealed, _read_about(sealed.about)


def open_sealed_master(data: bytes, vault: X25519PrivateKey) -> tuple[SealedMaster, bytes]:
    """What stands in clear, now proved to belong to the master, and the master: secret, never shown.

    Raises:
        WireError: as `parse_sealed_master`, then `SealedRecipient`, `SealedKey`, `SealedTag`, `MasterShape`.
    """
    sealed, about = parse_sealed_master(data)
    master = encrypt.open_encrypted(sealed, ContentType.MASTER, vault)
    if len(master) != KEY_BYTES:
        raise WireError("MasterShape", "a master of 16 bytes")
    return about, master


def split_masters(data: bytes) -> list[bytes]:
    """The entries of a masters file as they stand, and between them, as pieces of their own, bytes that are no whole entry.

    A power cut may tear the last append; the next one follows behind it, and is found again at its beginning.
    """
    pieces: list[bytes] = []
    start = 0
    while start < len(data):
        end = _end_of(data, start)
        if end is None:
            end = data.find(_FIRST, start + 1)
            while end >= 0 and _end_of(data, end) is None:
                end = data.find(_FIRST, end + 1)
            end = len(data) if end < 0 else end
        pieces.append(data[start:end])
        start = end
    return pieces


def _end_of(data: bytes, start: int) -> int | None:
    """Where the sealed master ends that begins at `start`. None: there is none, or not all of it."""
    if not data.startswith(_FIRST, start):
        return None
    piece = data[start : start + SEALED_MASTER_BYTES_MAX]
    try:
        _, end = cbor.decode_first(piece, 2)
        encrypt.parse_encrypted(piece[:end], ContentType.MASTER, SEALED_MASTER_BYTES_MAX, has_about=True)
    except WireError:
        return None
    return start + end


def _read_about(content: Any) -> SealedMaster:
    if type(content) is not list or len(content) != 5 or type(content[0]) is not int or content[0] != VERSION:
        raise WireError("MasterShape", "expected [1, node id, profile, time, bench]")
    _, node_id, profile, made_at_ms, bench_id = content
    if type(node_id) is not bytes or len(node_id) != NODE_ID_BYTES:
        raise WireError("MasterShape", "expected a node id of 6 bytes")
    if type(profile) is not str or PROFILE_ID.fullmatch(profile) is None:
        raise WireError("MasterShape", "expected a profile's id")
    if not is_uint(made_at_ms, TIME_MS_MAX):
        raise WireError("MasterShape", "expected a time in ms")
    if type(bench_id) is not str or BENCH_ID.fullmatch(bench_id) is None:
        raise WireError("MasterShape", "expected a bench's id, 1 to 32 of a-z 0-9 -")
    return SealedMaster(NodeId(node_id), profile, made_at_ms, bench_id)

# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The batch: one link of a lane's chain (docs/wire.md, 5)."""

from __future__ import annotations

import hashlib
import zlib
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.model import ClockReading, GatewayId, Lane
from gateway_agent.wire import cbor, payload
from gateway_agent.wire.cose import ContentType, Sign1, external_aad, sign1
from gateway_agent.wire.limits import BODY_BYTES_MAX, SEALED_BYTES_MAX
from gateway_agent.wire.signer import Signer

PLAIN, DEFLATE = 0, 1
_KEYS = frozenset(range(13))
_RAW_DEFLATE = -15


class BatchHeader(NamedTuple):
    """Where a batch stands and when it was sealed."""

    gateway_id: GatewayId
    lane: Lane
    instance: bytes  # 8 bytes
    number: int
    link: bytes  # 32 bytes: SHA-256 of the lane's previous batch or gap, zeros for number 1
    clock: ClockReading


class Batch(NamedTuple):
    """A batch as it came. Proved only if it comes from `open_batch`."""

    header: BatchHeader
    encoding: int
    body: bytes
    signed: Sign1

    @property
    def key_id(self) -> bytes:
        """Which key it names, before anything is proved."""
        return self.signed.key_id

    @property
    def leans(self) -> bool:
        """Whether its body leans on batches before it, as the body's first bytes say; nothing of it is checked."""
        if self.encoding == PLAIN:
            first = self.body[:3]
        else:
            try:
                first = zlib.decompressobj(_RAW_DEFLATE).decompress(self.body, 3)
            except zlib.error:
                return False
        return first[1:] != b"\x00\x00"  # behind the head of a map: key 0, the table's age

    def opened_body(self) -> bytes:
        """The body's CBOR.

        Raises:
            WireError: `BodyTooLong`.
        """
        if self.encoding == PLAIN:
            return self.body
        inflater = zlib.decompressobj(_RAW_DEFLATE)
        try:
            plain = inflater.decompress(self.body, BODY_BYTES_MAX + 1)
        except zlib.error:
            raise WireError("BodyTooLong", "damaged DEFLATE") from None
        if len(plain) > BODY_BYTES_MAX:
            raise WireError("BodyTooLong", f"above {BODY_BYTES_MAX} bytes")
        if not inflater.eof or inflater.unused_data or inflater.unconsumed_tail:
            raise WireError("BodyTooLong", "DEFLATE that does not end with its bytes")
        return plain


def link_of(data: bytes) -> bytes:
    """What the lane's next batch carries: SHA-256 over the exact bytes of a batch or gap."""
    return hashlib.sha256(data).digest()


def seal_batch(header: BatchHeader, body_plain: bytes, signer: Signer) -> bytes:
    """Compress where that helps, and sign.

    Raises:
        ValueError: a header field out of range, or above the limits of section 13.
    """
    if len(body_plain) > BODY_BYTES_MAX:
        raise ValueError(f"a body of {len(body_plain)} bytes")
    deflater = zlib.compressobj(6, zlib.DEFLATED, _RAW_DEFLATE)
    packed = deflater.compress(body_plain) + deflater.flush()
    encoding, body = (DEFLATE, packed) if len(packed) < len(body_plain) else (PLAIN, body_plain)
    if len(body) > SEALED_BYTES_MAX:
        raise ValueError(f"a body of {len(body)} bytes does not fit a batch")
    content = {
        0: payload.VERSION,
        1: header.gateway_id,
        2: int(header.lane),
        3: header.instance,
        4: header.number,
        5: header.link,
        **payload.clock_map(header.clock),
        11: encoding,
        12: body,
    }
    aad = external_aad(ContentType.BATCH, header.gateway_id)
    data = sign1(ContentType.BATCH, aad, cbor.encode(content), signer)
    try:
        parse_batch(data)
    except WireError as error:
        raise ValueError(error.detail) from None
    return data


def parse_batch(data: bytes) -> Batch:
    """Read a batch; proves nothing.

    Raises:
        WireError: as for every signed thing (section 11), `BatchShape`.
    """
    signed, reader = payload.parse(data, ContentType.BATCH, "BatchShape", _KEYS)
    number = reader.uint(4, minimum=1)
    link = reader.exact(5, payload.LINK_BYTES)
    reader.check(number > 1 or link == payload.FIRST_LINK, "32 zero bytes before number 1")
    body = reader.raw(12)
    reader.check(type(body) is bytes, "bytes at 12")
    encoding = reader.uint(11, DEFLATE)
    instance = reader.exact(3, payload.ID_BYTES)
    header = BatchHeader(reader.gateway_id, reader.lane(2), instance, number, link, reader.clock())
    return Batch(header, encoding, body, signed)


def open_batch(data: bytes, public_key: Ed25519PublicKey) -> Batch:
    """Read a batch and prove that the key's owner signed it. The caller compares `header.gateway_id`.

    Raises:
        WireError: as `parse_batch`, then `SignatureInvalid`.
    """
    batch = parse_batch(data)
    payload.verify(batch.signed, ContentType.BATCH, batch.header.gateway_id, public_key)
    return batch

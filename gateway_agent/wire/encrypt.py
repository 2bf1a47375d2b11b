# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""COSE_Encrypt for one recipient: ECDH-ES + HKDF-256 over X25519, then AES-256-GCM (docs/wire.md, 19).

Theory of operation
-------------------
The sender draws an ephemeral key for each thing that it seals, so the content key is used once and the sender keeps
nothing that could open it again. Every header is protected: the content's are associated data, the recipient's (with the
ephemeral key) go into the derivation of the content key. Nothing here says who sealed: what must be believed is signed inside.

Source: RFC 9052, 5.1 and 8.5.4; RFC 9053, 5.2 and 6.3.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway_agent.errors import WireError
from gateway_agent.wire import cbor, headers
from gateway_agent.wire.cose import KEY_ID_BYTES, ContentType
from gateway_agent.wire.keys import key_id

ENCRYPT_TAG = 96
A256GCM, ECDH_ES_HKDF_256 = 3, -25
EPHEMERAL = -1
PUBLIC_BYTES, CONTENT_KEY_BYTES, IV_BYTES = 32, 32, 12
ABOUT = "sc1"  # the header in which a kind of thing says in clear what it is about

_OKP, _X25519 = 1, 4
_CONTENT_LABELS: frozenset[int | str] = frozenset({headers.ALGORITHM, headers.CONTENT_TYPE, headers.IV})
_RECIPIENT_LABELS: frozenset[int | str] = frozenset({headers.ALGORITHM, headers.KID, EPHEMERAL})


class Encrypted(NamedTuple):
    """A sealed thing as it came; nothing is proved yet, `about` included."""

    content_type: int
    key_id: bytes
    about: Any
    iv: bytes
    ciphertext: bytes
    protected: bytes
    recipient_protected: bytes
    ephemeral: bytes


def seal(
    content_type: ContentType,
    plaintext: bytes,
    recipient: X25519PublicKey,
    about: Any = None,
    *,
    ephemeral: X25519PrivateKey | None = None,
    iv: bytes | None = None,
) -> bytes:
    """Seal for one public key. `about` stands in clear, authenticated; None leaves it out.

    `ephemeral` and `iv` are for vectors only: both are drawn anew, and never used twice.
    """
    ephemeral = X25519PrivateKey.generate() if ephemeral is None else ephemeral
    iv = os.urandom(IV_BYTES) if iv is None else iv
    named: dict[int | str, Any] = {headers.ALGORITHM: A256GCM, headers.CONTENT_TYPE: int(content_type), headers.IV: iv}
    protected = cbor.encode(named if about is None else {**named, ABOUT: about})
    public = ephemeral.public_key().public_bytes_raw()
    recipient_protected = cbor.encode(
        {
            headers.ALGORITHM: ECDH_ES_HKDF_256,
            headers.KID: key_id(recipient.public_bytes_raw()),
            EPHEMERAL: {1: _OKP, -1: _X25519, -2: public},
        }
    )
    key = _content_key(ephemeral.exchange(recipient), recipient_protected, content_type)
    ciphertext = AESGCM(key).encrypt(iv, plaintext, _associated(protected, content_type))
    return cbor.encode(cbor.Tag(ENCRYPT_TAG, [protected, {}, ciphertext, [[recipient_protected, {}, b""]]]))


def parse_encrypted(data: bytes, content_type: ContentType, bytes_max: int, *, has_about: bool) -> Encrypted:
    """Read an envelope; proves nothing.

    Raises:
        WireError: `CborTooLong` above `bytes_max`, `Cbor...`, `Cose...`, in the order of docs/wire.md, 11.
    """
    if len(data) > bytes_max:
        raise WireError("CborTooLong", f"{len(data)} bytes sealed")
    protected, unprotected, ciphertext, recipients = headers.open_envelope(
        data, ENCRYPT_TAG, (bytes, dict, bytes, list)
    )
    if len(recipients) != 1 or type(recipients[0]) is not list or len(recipients[0]) != 3:
        raise WireError("CoseShape", "one recipient")
    theirs, their_unprotected, nothing = recipients[0]
    if type(theirs) is not bytes or type(their_unprotected) is not dict or nothing != b"":
        raise WireError("CoseShape", "a recipient with two headers and no ciphertext")
    wanted = _CONTENT_LABELS | {ABOUT} if has_about else _CONTENT_LABELS
    content = headers.check_headers(protected, unprotected, A256GCM, wanted, frozenset())
    recipient = headers.check_headers(theirs, their_unprotected, ECDH_ES_HKDF_256, _RECIPIENT_LABELS, frozenset())
    iv, named, ephemeral = content[headers.IV], recipient[headers.KID], recipient[EPHEMERAL]
    if type(iv) is not bytes or len(iv) != IV_BYTES:
        raise WireError("CoseHeader", "an IV has 12 bytes")
    if type(named) is not bytes or len(named) != KEY_ID_BYTES:
        raise WireError("CoseHeader", "a key id has 8 bytes")
    kind = content[headers.CONTENT_TYPE]
    if type(kind) is not int or kind != content_type:
        raise WireError("CoseContentType", f"{kind!r}")
    return Encrypted(kind, named, content.get(ABOUT), iv, ciphertext, protected, theirs, _public(ephemeral))


def open_encrypted(sealed: Encrypted, content_type: ContentType, private_key: X25519PrivateKey) -> bytes:
    """Open a sealed thing; what it says in clear is then proved to belong to it.

    Raises:
        WireError: `SealedRecipient` (for another key), `SealedKey` (the ephemeral key is no usable point), `SealedTag`.
    """
    if sealed.key_id != key_id(private_key.public_key().public_bytes_raw()):
        raise WireError("SealedRecipient", f"sealed for key {sealed.key_id.hex()}")
    try:
        shared = private_key.exchange(X25519PublicKey.from_public_bytes(sealed.ephemeral))
    except ValueError:
        raise WireError("SealedKey", "a point of low order") from None
    key = _content_key(shared, sealed.recipient_protected, content_type)
    try:
        return AESGCM(key).decrypt(sealed.iv, sealed.ciphertext, _associated(sealed.protected, content_type))
    except InvalidTag:
        raise WireError("SealedTag") from None


def _public(key: object) -> bytes:
    if type(key) is dict and key.keys() == {1, -1, -2} and type(key[1]) is int and type(key[-1]) is int:
        x = key[-2]
        if (key[1], key[-1]) == (_OKP, _X25519) and type(x) is bytes and len(x) == PUBLIC_BYTES:
            return x
    raise WireError("CoseHeader", "an ephemeral X25519 key")


def _content_key(shared: bytes, recipient_protected: bytes, content_type: ContentType) -> bytes:
    """`info` is the COSE_KDF_Context; its last part keeps one kind's key from being another's."""
    nobody = [None, None, None]
    supplied = [CONTENT_KEY_BYTES * 8, recipient_protected, f"sc1 {content_type.word}".encode()]
    info = cbor.encode([A256GCM, nobody, nobody, supplied])
    return HKDF(SHA256(), CONTENT_KEY_BYTES, None, info).derive(shared)


def _associated(protected: bytes, content_type: ContentType) -> bytes:
    return cbor.encode(["Encrypt", protected, cbor.encode(["sc1", content_type.word])])

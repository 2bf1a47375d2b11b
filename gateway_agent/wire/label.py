# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The text of a node's label (docs/wire.md, 21): what an installer scans. Secret while generation 0 counts."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from gateway_agent.errors import WireError
from gateway_agent.model import NodeId
from gateway_agent.wire.keys import KEY_BYTES, NODE_ID_BYTES
from gateway_agent.wire.sealed_master import PROFILE_ID

PREFIX = "SC"
VERSION = "1"
LABEL_CHARACTERS_MAX = 128
# Crockford's base 32: digits and upper-case letters without I, L, O and U, all of QR's alphanumeric mode.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans("ILO", "110")  # what people write for 1 and 0
_ROOT_CHARACTERS, _CHECK_CHARACTERS = 26, 4
_VERSION_FORM = re.compile(r"SC([0-9]{1,3}):(.*)")
_ROOT_FORM = re.compile(f"[{_ALPHABET}]{{{_ROOT_CHARACTERS}}}")
_CHECK_FORM = re.compile(f"[{_ALPHABET}]{{{_CHECK_CHARACTERS}}}")


class Label(NamedTuple):
    """`root` is the claim root, that of generation 0: secret and not shown."""

    node_id: NodeId
    profile: str
    root: bytes

    def __repr__(self) -> str:
        return f"Label({self.node_id.hex()}, {self.profile!r})"


def make_label(node_id: NodeId, profile: str, root0: bytes) -> str:
    """`SC1:AABBCCDDEE01:PARKING-QMC5883L:<root, 26>:<check, 4>`.

    Raises:
        ValueError: a field out of range.
    """
    if len(node_id) != NODE_ID_BYTES or len(root0) != KEY_BYTES:
        raise ValueError("a node id has 6 bytes, a root 16")
    if PROFILE_ID.fullmatch(profile) is None:
        raise ValueError(f"{profile!r} is no profile's id")
    body = f"{PREFIX}{VERSION}:{node_id.hex()}:{profile}:{_base32(root0, _ROOT_CHARACTERS)}".upper()
    return f"{body}:{_check_of(body)}"


def parse_label(text: str) -> Label:
    """Read what a scanner gave or a person typed: spaces around it and lower case are taken, O for 0, I and L for 1 in the
    root and the check.

    Raises:
        WireError: `LabelForm`, `LabelVersion`, `LabelCheck`; the text is not in the message, because it is secret.
    """
    plain = text.strip(" \t\r\n").upper() if text.isascii() else ""  # outside ASCII, other letters become ours
    found = _VERSION_FORM.fullmatch(plain) if len(plain) <= LABEL_CHARACTERS_MAX else None
    if found is None:
        raise WireError("LabelForm", f"expected {PREFIX}{VERSION}:node:profile:root:check")
    if found[1] != VERSION:
        raise WireError("LabelVersion", f"version {found[1]}, this program reads {VERSION}")
    parts = found[2].split(":")
    if len(parts) != 4:
        raise WireError("LabelForm", "expected node, profile, root and check")
    node, profile = parts[0], parts[1].lower()
    root, check = (part.translate(_READ_AS) for part in parts[2:])
    if re.fullmatch("[0-9A-F]{12}", node) is None or PROFILE_ID.fullmatch(profile) is None:
        raise WireError("LabelForm", "expected a node id and a profile")
    if _ROOT_FORM.fullmatch(root) is None or _CHECK_FORM.fullmatch(check) is None:
        raise WireError("LabelForm", f"expected a root of {_ROOT_CHARACTERS} characters and a check of 4")
    if check != _check_of(f"{PREFIX}{VERSION}:{node}:{parts[1]}:{root}"):
        raise WireError("LabelCheck", "a character is wrong: scan or type it again")
    number = _number(root)
    if number >> (8 * KEY_BYTES):
        raise WireError("LabelForm", "a root above 128 bits")
    return Label(NodeId(bytes.fromhex(node)), profile, number.to_bytes(KEY_BYTES, "big"))


def _base32(data: bytes, characters: int) -> str:
    number = int.from_bytes(data, "big")
    return "".join(_ALPHABET[number >> (5 * place) & 31] for place in reversed(range(characters)))


def _number(text: str) -> int:
    number = 0
    for character in text:
        number = number << 5 | _ALPHABET.index(character)
    return number


def _check_of(body: str) -> str:
    """The first 20 bits of SHA-256: a wrong character passes once in a million."""
    return _base32((int.from_bytes(hashlib.sha256(body.encode()).digest()[:3], "big") >> 4).to_bytes(3, "big"), 4)
